"""Examples in docstrings, the README and the documentation."""

from __future__ import annotations

import contextlib
import doctest
import importlib
import inspect
import json
import os
import pkgutil
import re
import tomllib
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

import _warm
import scenecart
from _docs import DOCS, ROOT, blocks, commands, pages
from scenecart.cli._parser import make_parser
from scenecart.connection import APP_SANDBOX_VARIABLE
from scenecart.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PACKAGES = (scenecart, scenecart.report, scenecart.sandbox, scenecart.widgets)
PAGES = pages()
RUNNER = ROOT / "tests" / "_page.py"
TEXTS = {path.relative_to(ROOT).as_posix(): path for path in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *PAGES)}


def _modules() -> list[str]:
    found = pkgutil.walk_packages(scenecart.__path__, "scenecart.")
    return ["scenecart", *(module.name for module in found)]


@pytest.mark.parametrize("name", _modules())
def test_docstring_examples_run(name: str):
    """Every example in a docstring runs with the displayed result."""
    module = importlib.import_module(name)
    # public objects say that they are of these, and have a test of their own below
    finder = doctest.DocTestFinder(recurse=module not in PACKAGES)
    assert _failures(finder.find(module, name)) == 0


def _failures(examples: list[doctest.DocTest]) -> int:
    """Run examples, and return how many failed.

    Those that buy have a sandbox of their own: in one where the same capture was bought before, they are told that it was.
    """
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    for test in examples:
        with _own_sandbox(test.docstring) if ".place(" in test.docstring else contextlib.nullcontext():
            runner.run(test)
    return runner.failures


@contextlib.contextmanager
def _own_sandbox(example: str) -> Iterator[None]:
    """Start the sandbox that `connect("sandbox")` uses meanwhile. It delivers at once, unless the example cancels."""
    with Sandbox(pace="demo" if ".cancel(" in example else "instant") as box, pytest.MonkeyPatch.context() as patch:
        path = box.data / "ready.json"
        path.write_text(json.dumps({**box.ready(), "home": str(box.data / "client")}), encoding="utf-8")
        patch.setenv(APP_SANDBOX_VARIABLE, str(path))
        yield


def _public() -> dict[str, Any]:
    """Return every public object with a docstring, by its shortest name."""
    found: dict[str, Any] = {}
    for module in PACKAGES:
        for name in module.__all__:
            value = getattr(module, name)
            if not isinstance(value, str | ModuleType) and all(value is not other for other in found.values()):
                found[f"{module.__name__}.{name}"] = value
    return found


@pytest.mark.parametrize("name", sorted(_public()))
def test_public_examples_run_with_public_names(name: str):
    """The examples of a public object and its methods need public names only."""
    value = _public()[name]
    # public objects name the package as their module, where doctest would not search for them
    package = importlib.import_module(name.rpartition(".")[0])
    names = {each: getattr(package, each) for each in package.__all__}
    # a class may have methods of classes that are public only through it
    bases = inspect.getmro(value)[1:] if inspect.isclass(value) else ()
    kinds = [value, *(kind for kind in bases if kind.__module__ == package.__name__ and kind.__name__ not in names)]
    finder = doctest.DocTestFinder()
    assert _failures([test for kind in kinds for test in finder.find(kind, name, module=False, globs=names)]) == 0


def test_readme_examples_run(tmp_path: Path):
    """The Python of the README runs in one process, from the search to the verified imagery."""
    order, widgets, errors, larger = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    delivered = "assert len(items) == 2 and len(files) == 8 and all(path.is_file() for path in files)"
    opened = "assert image.rio.crs is not None"
    found = "assert len(shares) == len(captures) and len(files) == 1"
    code = f"{order}\n{delivered}\n{widgets}\n{errors}\n{opened}\n{larger}\n{found}"
    script = tmp_path / "readme.py"
    script.write_text(code, encoding="utf-8")
    done = _warm.run(str(script), [], cwd=tmp_path, env=os.environ)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "harbour-quote.html").is_file()


@pytest.fixture(scope="session")
def account() -> Iterator[dict[str, str]]:
    """Return the variables that `scenecart.connect()` signs in with."""
    with Sandbox(pace="instant") as box:
        analyst = box.principals["analyst"]
        yield {
            "SCENECART_BASE_URL": box.url,
            "SCENECART_USERNAME": str(analyst["username"]),
            "SCENECART_PASSWORD": str(analyst["password"]),
            "SCENECART_PROJECT": str(analyst["project"]),
        }


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "python")], ids=lambda path: path.stem)
def test_guide_examples_run(page: Path, account: dict[str, str], tmp_path: Path):
    """The Python of each guide runs from top to bottom, except blocks marked as not run."""
    assert {block.option for block in blocks(page, "python")} <= {"", "not-run"}
    environ = {**os.environ, **account, "SCENECART_HOME": str(tmp_path / "journal"), "MPLBACKEND": "agg"}
    done = _warm.run(str(RUNNER), [str(page)], cwd=tmp_path, env=environ, timeout=270)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("page", TEXTS.values(), ids=TEXTS)
def test_guide_commands_are_valid(page: Path):
    """Every command on a page is valid for scenecart, make or pip."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for program, *words in commands(page):
        if program == "scenecart":
            check_command(words)
        elif program == "make":
            assert re.search(rf"^{words[0]}:", makefile, re.MULTILINE), words
        elif program == "pip":
            named = {name for group in re.findall(r"\[([^\]]+)\]", " ".join(words)) for name in group.split(",")}
            assert named <= set(extras), words


def check_command(words: list[str]) -> None:
    """Parse a command with the parser of the command line."""
    if words == ["--help"]:
        return
    try:
        make_parser().parse_args(words)
    except SystemExit:
        pytest.fail(f"invalid: scenecart {' '.join(words)}")


def test_reference_has_every_public_name():
    """Every public name has an entry in the reference, and every entry has a public name."""
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
def test_reference_has_every_method(kind: type):
    """Every public method and property of the main classes is listed in the reference."""
    internal = {"orders"} if kind is scenecart.Cart else set()
    text = "\n".join(path.read_text("utf-8") for path in (DOCS / "reference").glob("*.md"))
    listed = re.search(rf"^\.\. autoclass:: scenecart\.{kind.__name__}\n   :members: (.*)$", text, re.MULTILINE)
    assert listed is not None
    members = {
        name: value for base in kind.__mro__ if base.__module__.startswith("scenecart") for name, value in vars(base).items()
    }
    own = {name for name, value in members.items() if name[0] != "_" and value.__doc__ and not isinstance(value, str)}
    assert set(listed[1].split(", ")) == {name for name in own if name in dir(kind)} - internal - _attributes(kind)


def _attributes(kind: type) -> set[str]:
    """Return the fields of a dataclass, which its docstring describes."""
    return set(getattr(kind, "__dataclass_fields__", ()))


@pytest.mark.parametrize("page", TEXTS.values(), ids=TEXTS)
def test_links_between_pages_are_valid(page: Path):
    """Every link to a file of the project is valid, and every other link uses https."""
    text = re.sub(r"^```(?!\{image\}).*?^```$", "", page.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)
    targets = [*re.findall(r"\]\(([^)]+)\)", text), *re.findall(r'src(?:set)?="([^"]+)"', text)]
    targets += re.findall(r"^```\{image\} (\S+)", text, re.MULTILINE)
    for target in targets:
        if ":" in target:
            assert target.startswith("https://"), target
            continue
        path = (page.parent / target.partition("#")[0]).resolve()
        if path.is_relative_to(DOCS / "notebooks"):
            path = ROOT / "notebooks" / path.name  # a build copies it from there
        assert path.exists(), target
