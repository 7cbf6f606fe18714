"""The examples in docstrings, and the notebooks' shape."""

from __future__ import annotations

import doctest
import importlib
import os
import pkgutil
import re
import subprocess
import sys
import tomllib
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

import scenecart
from _docs import DOCS, ROOT, blocks, commands, pages, run_line
from scenecart.cli._parser import make_parser
from scenecart.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PAGES = pages()
TEXTS = {path.relative_to(ROOT).as_posix(): path for path in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *PAGES)}


def _modules() -> list[str]:
    found = pkgutil.walk_packages(scenecart.__path__, "scenecart.")
    return ["scenecart", *(module.name for module in found)]


@pytest.mark.parametrize("name", _modules())
def test_examples_in_docstrings_run(name: str):
    """Every example in a docstring runs and gives what it shows."""
    module = importlib.import_module(name)
    result = doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE, raise_on_error=False)
    assert result.failed == 0


def _public() -> dict[str, Any]:
    """Return every public thing that carries docstrings, by the name one types."""
    found = {}
    for room in (scenecart, scenecart.report, scenecart.sandbox, scenecart.widgets):
        named = {f"{room.__name__}.{name}": getattr(room, name) for name in room.__all__}
        found.update({name: thing for name, thing in named.items() if not isinstance(thing, str | ModuleType)})
    return found


@pytest.mark.parametrize("name", sorted(_public()))
def test_public_examples_run_as_they_are_shown(name: str):
    """What is shown at a public name, or at a method of it, runs with the public names alone."""
    thing = _public()[name]
    # public things say that they live at the door, where doctest would not look for them
    room = importlib.import_module(name.rpartition(".")[0])
    names = {each: getattr(room, each) for each in room.__all__}
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    for test in doctest.DocTestFinder().find(thing, name, module=False, globs=names):
        runner.run(test)
    assert runner.failures == 0


def test_the_morning_of_the_readme_runs(tmp_path: Path):
    """The README's own lines, as they stand, go from search to verified imagery."""
    morning, clicking, trouble, more = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    bought = "assert len(items) == 2 and len(files) == 4 and all(path.is_file() for path in files)"
    found = "assert len(shares) == len(captures) and len(files) == 1"
    opened = "assert image.rio.crs is not None"
    code = f"{morning}\n{bought}\n{clicking}\n{trouble}\n{opened}\n{more}\n{found}"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "harbour-quote.html").is_file()


@pytest.fixture(scope="session")
def account() -> Iterator[dict[str, str]]:
    """Give the variables by which `scenecart.connect()` signs in, as an analyst with an account has them."""
    with Sandbox(pace="instant") as box:
        analyst = box.principals["analyst"]
        yield {
            "SCENECART_BASE_URL": box.url,
            "SCENECART_USERNAME": str(analyst["username"]),
            "SCENECART_PASSWORD": str(analyst["password"]),
            "SCENECART_PROJECT": str(analyst["project"]),
        }


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "python")], ids=lambda path: path.stem)
def test_examples_in_the_guides_run(page: Path, account: dict[str, str], tmp_path: Path):
    """The Python of each guide runs from top to bottom as it stands, but for what says that it does not."""
    assert {block.said for block in blocks(page, "python")} <= {"", "not-run"}
    environ = {**os.environ, **account, "SCENECART_HOME": str(tmp_path / "journal"), "MPLBACKEND": "agg"}
    done = subprocess.run(run_line(page), cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("page", TEXTS.values(), ids=TEXTS)
def test_commands_in_the_guides_are_understood(page: Path):
    """Every command that a page shows is one that scenecart, make or pip understands."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for program, *words in commands(page):
        if program == "scenecart":
            understand(words)
        elif program == "make":
            assert re.search(rf"^{words[0]}:", makefile, re.MULTILINE), words
        elif program == "pip":
            named = [name for name in re.findall(r"\[([^\]]+)\]", " ".join(words)) for name in name.split(",")]
            assert set(named) <= set(extras), words


def understand(words: list[str]) -> None:
    """Read a command as the command line does."""
    if words == ["--help"]:
        return
    try:
        make_parser().parse_args(words)
    except SystemExit:
        pytest.fail(f"not understood: scenecart {' '.join(words)}")


def test_every_public_name_is_in_the_reference():
    """Each public name has its entry on a page of the reference, and no entry names what is not there."""
    text = "\n".join(path.read_text("utf-8") for path in sorted((DOCS / "reference").glob("*.md")))
    entries = set(re.findall(r"^\.\. (?:auto|py:)\w+:: (scenecart(?:\.\w+)*)", text, re.MULTILINE))
    assert entries == {
        *_public(),
        "scenecart",
        "scenecart.__version__",
        "scenecart.report",
        "scenecart.sandbox",
        "scenecart.widgets",
    }


@pytest.mark.parametrize(
    "kind", [scenecart.Client, scenecart.Cart, scenecart.Estimate, scenecart.Order], ids=lambda kind: kind.__name__
)
def test_every_method_is_in_the_reference(kind: type):
    """Each method and property of what one works with is listed on its page of the reference."""
    inside = {"mention_unfinished", "papers", "take_up", "tell"} | ({"orders"} if kind is scenecart.Cart else set())
    text = "\n".join(path.read_text("utf-8") for path in (DOCS / "reference").glob("*.md"))
    listed = re.search(rf"^\.\. autoclass:: scenecart\.{kind.__name__}\n   :members: (.*)$", text, re.MULTILINE)
    assert listed is not None
    own = {name for name, thing in vars(kind).items() if name[0] != "_" and thing.__doc__ and not isinstance(thing, str)}
    assert set(listed[1].split(", ")) == {name for name in own if name in dir(kind)} - inside - _attributes(kind)


def _attributes(kind: type) -> set[str]:
    """Return the fields of a dataclass, which its own docstring describes."""
    return set(getattr(kind, "__dataclass_fields__", ()))


@pytest.mark.parametrize("page", TEXTS.values(), ids=TEXTS)
def test_links_between_pages_lead_somewhere(page: Path):
    """Every link to a file of the project leads to one that is there; every other one is safe to follow."""
    text = re.sub(r"^```(?!\{image\}).*?^```$", "", page.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)
    targets = [*re.findall(r"\]\(([^)]+)\)", text), *re.findall(r'src(?:set)?="([^"]+)"', text)]
    targets += re.findall(r"^```\{image\} (\S+)", text, re.MULTILINE)
    for target in targets:
        if ":" in target:
            assert target.startswith("https://"), target
            continue
        path = (page.parent / target.partition("#")[0]).resolve()
        if path.is_relative_to(DOCS / "notebooks"):
            path = ROOT / "notebooks" / path.name  # where a build takes it from
        assert path.exists(), target
