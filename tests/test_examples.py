"""The examples in docstrings, and the notebooks' shape."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

import scenecart

ROOT = Path(__file__).resolve().parents[1]


def _modules() -> list[str]:
    found = pkgutil.walk_packages(scenecart.__path__, "scenecart.")
    return ["scenecart", *(module.name for module in found)]


@pytest.mark.parametrize("name", _modules())
def test_examples_in_docstrings_run(name: str):
    """Every example in a docstring runs and gives what it shows."""
    module = importlib.import_module(name)
    result = doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE, raise_on_error=False)
    assert result.failed == 0


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


@pytest.mark.parametrize("page", sorted((ROOT / "docs").rglob("*.md")), ids=lambda path: path.name)
def test_examples_in_the_guides_run(page: Path, tmp_path: Path):
    """The Python of each guide runs as it stands."""
    for block in re.findall(r"```python\n(.*?)```", page.read_text("utf-8"), re.DOTALL):
        done = subprocess.run([sys.executable, "-c", block], cwd=tmp_path, capture_output=True, text=True, timeout=100, check=False)
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "page", [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))], ids=lambda path: path.name
)
def test_links_between_pages_lead_somewhere(page: Path):
    """Every link to a file of the project leads to one that is there."""
    text = page.read_text("utf-8")
    targets = [*re.findall(r"\]\(([^)#:]+)\)", text), *re.findall(r'src="([^":]+)"', text)]
    missing = [target for target in targets if not (page.parent / target).exists()]
    assert missing == []
