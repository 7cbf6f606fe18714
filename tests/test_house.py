"""The shape of the house: who may import whom, what is at the door, and what an import costs."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

import scenecart
from scenecart import _errors

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src" / "scenecart"

LEVELS = {
    "_version": 0,
    "_errors": 0,
    "_buffers": 0,
    "_json": 0,
    "_ndjson": 0,
    "_html": 0,
    "_palette": 0,
    "_progress": 0,
    "_words": 0,
    "_raster": 1,
    "_secrets": 1,
    "_geometry": 1,
    "_area": 2,
    "_wire": 1,
    "_features": 1,
    "_stac": 1,
    "_eastward": 1,
    "_telling": 1,
    "_spelling": 1,
    "_figure": 1,
    "_arrangement": 2,
    "_cover_plot": 2,
    "_footprints": 2,
    "_refusals": 2,
    "_retry": 2,
    "_targets": 2,
    "_whole": 2,
    "_timeline": 2,
    "_trade": 2,
    "_tokens": 2,
    "_choose": 4,
    "_covering": 3,
    "_frames": 3,
    "_query": 3,
    "_http": 3,
    "_journal": 3,
    "_unfinished": 4,
    "_waiting": 4,
    "_search": 4,
    "_tables": 4,
    "_cart": 4,
    "_cart_file": 5,
    "_many": 5,
    "_parquet": 5,
    "_order_desk": 3,
    "_orders": 5,
    "_estimate": 5,
    "_alone": 5,
    "_candidates": 5,
    "_delivery": 5,
    "_papers": 5,
    "_following": 6,
    "_placing": 6,
    "_cover": 6,
    "_client": 7,
    "_connect": 8,
    "report": 8,
    "_compare_report": 9,
    "widgets": 9,
    "_demo": 9,
    "cli": 10,
    "__main__": 11,
}

# One outside library is named in one room; these are the rooms.
ROOMS = {
    "httpx": {"_http"},
    "jinja2": {"_html"},
    "antimeridian": {"_geometry"},
    "pystac_client": {"_stac"},
    "pystac": {"_delivery"},
    "platformdirs": {"_client"},
    "matplotlib": {"report", "_figure", "_timeline", "_cover_plot"},
    "PIL": {"report"},
    "reportlab": {"report"},
    "xlsxwriter": {"report"},
    "sqlite3": {"_journal"},
    "rioxarray": {"_raster"},
    "scipy": {"_covering"},
    "ipyleaflet": {"widgets"},
    "anywidget": {"widgets"},
}


def _room(path: Path) -> str:
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def _files() -> list[Path]:
    found = sorted(SOURCE.rglob("*.py"))
    return [path for path in found if "sandbox" not in path.parts and path != SOURCE / "__init__.py"]


def _imports(path: Path, *, in_functions: bool) -> set[str]:
    """Return the modules a file imports while running, those for type checking left out."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    skipped: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            skipped.update(id(inner) for inner in ast.walk(node))
        if isinstance(node, ast.FunctionDef) and not in_functions:
            skipped.update(id(inner) for inner in ast.walk(node))
    found: set[str] = set()
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        if isinstance(node, ast.ImportFrom) and node.module:
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return found


def _own(name: str) -> str | None:
    parts = name.split(".")
    return parts[1] if parts[0] == "scenecart" and len(parts) > 1 else None


@pytest.mark.parametrize("path", _files(), ids=lambda path: str(path.relative_to(SOURCE)))
def test_imports_point_down(path: Path):
    """A file imports only from files of a lower level, so that the house has no cycle."""
    here = _room(path)
    above = [
        name
        for name in _imports(path, in_functions=False)
        if (other := _own(name)) is not None and other != here and LEVELS.get(other, 99) >= LEVELS[here]
    ]
    assert not above, f"{here} reaches up to {above}"


def test_every_file_has_a_level():
    """No file stands outside the table of levels."""
    assert {_room(path) for path in _files()} == set(LEVELS)


def test_each_outside_library_has_one_room():
    """An outside library is named in one room, so that it can be changed in an afternoon."""
    for path in _files():
        for name in _imports(path, in_functions=True):
            library = name.split(".")[0]
            if library in ROOMS:
                assert _room(path) in ROOMS[library], f"{path.name} names {library}"


def _texts(path: Path) -> set[str]:
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    return {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def test_the_service_s_own_names_stand_in_two_files():
    """Only `_wire` and `_trade` name the service's fields; those in capital humps are its own beyond doubt, and some others."""
    others = {"host_name", "image_id", "item_id", "asset_id"}
    others |= {"required_credits", "decline_code", "challenge_url", "required_scope", "missing_scope"}
    rooms = {"_wire", "_trade"}
    texts = {text for path in _files() if _room(path) in rooms for text in _texts(path)}
    own = {text for text in texts if re.fullmatch(r"[a-z]+[A-Z]\w*", text)} | others
    assert {"splitByDate", "workspaceId", *others} <= own & texts
    for path in _files():
        assert _room(path) in rooms or not _texts(path) & own, path.name


def test_arrow_is_given_no_python_file_to_read():
    """Parquet is read from a path or from memory of Arrow's own: a thread of it that holds a Python file can end the process."""
    readers = {"read_parquet", "read_table", "read_schema", "ParquetFile"}
    for path in sorted(SOURCE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in readers:
                assert re.match(r"path$|native\(", ast.unparse(node.args[0])), f"{path.name}:{node.lineno}"


def test_the_sandbox_knows_nothing_of_the_library():
    """The sandbox imports nothing of the library, so that a wrong field name cannot cancel out."""
    for path in sorted((SOURCE / "sandbox").rglob("*.py")):
        own = {_own(name) for name in _imports(path, in_functions=False)}
        assert own <= {None, "sandbox"}, path.name


def test_import_is_light():
    """`import scenecart` loads nothing heavy: no geopandas, no httpx, no sandbox, no plotting."""
    heavy = ["geopandas", "pandas", "numpy", "shapely", "httpx", "pyarrow", "matplotlib", "ipyleaflet", "ipywidgets",
             "starlette", "uvicorn", "rasterio", "scenecart.sandbox", "jinja2", "rich"]  # fmt: skip
    code = f"import sys, scenecart; print([name for name in {heavy!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_connecting_needs_no_extra():
    """Everything but sandbox, reports and widgets works with the core's packages alone."""
    extras = ["starlette", "uvicorn", "rasterio", "jwt", "matplotlib", "ipyleaflet", "ipywidgets"]
    code = (
        f"import sys\nfor name in {extras!r}: sys.modules[name] = None\n"
        "import scenecart\n"
        "for name in scenecart.__all__:\n"
        "    if name not in ('report', 'sandbox'): getattr(scenecart, name)\n"
        "client = scenecart.connect(base_url='http://127.0.0.1:9', token='x')\n"
        "for part in ('report', 'sandbox'):\n"
        "    try: getattr(scenecart, part)\n"
        "    except scenecart.MissingExtra as error: print(error)\n"
        "try: scenecart.connect('sandbox')\n"
        "except scenecart.MissingExtra as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 'pip install "scenecart[report]"' in done.stdout
    assert done.stdout.count('pip install "scenecart[sandbox]"') == 2


def test_the_door_is_sorted_and_true():
    """`__all__` is sorted, every name in it exists, and nothing is named twice."""
    assert scenecart.__all__ == sorted(set(scenecart.__all__))
    for name in scenecart.__all__:
        assert getattr(scenecart, name) is not None
    assert dir(scenecart) == scenecart.__all__


def test_every_error_is_at_the_door_and_drawn():
    """Each error can be caught by its public name, and stands in the tree at the top of its file."""
    for name in _errors.__all__:
        assert name in scenecart.__all__
        assert getattr(scenecart, name).__module__ == "scenecart"
        assert name == "ScenecartWarning" or re.search(rf"\b{name}\b", _errors.__doc__)


def test_what_is_public_says_so():
    """Tracebacks and reprs name public things by their public place."""
    for name in scenecart.__all__:
        assert getattr(getattr(scenecart, name), "__module__", "scenecart") == "scenecart", name


def test_an_unknown_name_is_an_attribute_error():
    """A typo at the door is an AttributeError that names it."""
    with pytest.raises(AttributeError, match="conect"):
        scenecart.conect  # noqa: B018  # the access is the point


CONDA_NAMES = {"playwright-python": "playwright", "python-build": "build", "python-duckdb": "duckdb"}


def test_conda_and_pip_name_the_same_packages():
    """environment.yml asks for the same packages, in the same least versions, as pyproject.toml."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    wanted = set(project["dependencies"])
    for extra in ("widgets", "report", "parquet", "raster", "cover", "sandbox", "test", "lab", "docs"):
        wanted |= set(extras[extra])
    lines = re.findall(r"^  - (\S+) (>=\S+)$", (ROOT / "environment.yml").read_text(), re.MULTILINE)
    found = {f"{CONDA_NAMES.get(name, name)}{version}" for name, version in lines if name != "python"}
    assert found == wanted


def test_constraints_pin_everything_that_is_named():
    """Every package that pyproject.toml names has one exact version, and no host name stands beside it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    groups = (project["dependencies"], *project["optional-dependencies"].values())
    named = [entry for group in groups for entry in group]
    pins = (ROOT / "constraints.txt").read_text()
    pinned = {line.split("==")[0].lower().replace("_", "-") for line in pins.splitlines() if "==" in line}
    needed = {re.split(r"[\[<>=]", entry)[0].lower() for entry in named} - {"scenecart"}
    assert needed <= pinned
    assert "://" not in pins


def test_the_lowest_versions_are_those_that_are_allowed():
    """constraints-lowest.txt holds exactly the lower bounds of what the suite runs with, and one version of each package."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    groups = [project["dependencies"]]
    groups += [entries for extra, entries in project["optional-dependencies"].items() if extra not in {"all", "lint"}]
    lines = (ROOT / "constraints-lowest.txt").read_text().splitlines()
    pins = [Requirement(line.partition(" #")[0]) for line in lines if not line.startswith("#")]
    pinned = {canonicalize_name(one.name): one.specifier for one in pins}
    assert len(pinned) == len(pins)
    assert all(part.operator == "==" for specifier in pinned.values() for part in specifier)
    for entry in (Requirement(line) for group in groups for line in group):
        (lowest,) = entry.specifier
        (pin,) = pinned[canonicalize_name(entry.name)]
        assert (lowest.operator, Version(lowest.version)) == (">=", Version(pin.version)), entry.name


def test_what_builds_is_what_is_tested():
    """The build asks for the same hatchling as the suite does."""
    whole = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert set(whole["build-system"]["requires"]) <= set(whole["project"]["optional-dependencies"]["test"])


def test_every_dependency_has_its_reason():
    """docs/dependencies.md says of each package why it is there."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    text = (ROOT / "docs" / "dependencies.md").read_text()
    for group in (project["dependencies"], *project["optional-dependencies"].values()):
        for entry in group:
            name = re.split(r"[\[<>=]", entry)[0]
            assert name == "scenecart" or f"`{name}`" in text, name


def test_notebooks_carry_no_outputs():
    """Notebooks are kept without outputs."""
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        assert '"output_type"' not in path.read_text(encoding="utf-8"), path.name


def test_every_test_states_its_promise():
    """Each test has a docstring: the promise it keeps."""
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                assert ast.get_docstring(node), f"{path.name}: {node.name}"
