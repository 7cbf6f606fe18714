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
from scenecart import exceptions

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "scenecart"

# The order of the house, left to right: a package imports only from its left, and the files of one package from each other.
ORDER = [
    ("_version",),
    ("exceptions",),
    ("_util",),
    ("_geo",),
    ("_api",),
    ("_captures",),
    ("_cart",),
    ("_imagery",),
    ("_delivery",),
    ("_orders",),
    ("_cover",),
    ("_watch",),
    ("report",),
    ("client",),
    ("connection",),
    ("widgets",),
    ("cli",),
    ("__main__",),
]
RANK = {name: rank for rank, names in enumerate(ORDER) for name in names}

# Methods that open an optional part: they import it when they are called, because the core works without it.
DOORS = {
    ("_cart/cart.py", "report"),
    ("_cart/estimate.py", "report"),
    ("_orders/order.py", "report"),
    ("connection.py", "sandbox"),
    ("cli/_demo.py", "sandbox"),
    ("cli/_apps_cmd.py", "sandbox"),
}

# One outside library is named in one module or package.
LIBRARIES = {
    "PIL": {"report"},
    "antimeridian": {"_geo.geometry"},
    "anywidget": {"widgets"},
    "httpx": {"_api.http"},
    "ipyleaflet": {"widgets"},
    "jinja2": {"_util.html"},
    "matplotlib": {"_captures.timeline", "_cover.plot", "_util.style", "report"},
    "platformdirs": {"client"},
    "pystac": {"_delivery.download"},
    "pystac_client": {"_captures.stac_api"},
    "reportlab": {"report"},
    "rich": {"_util.progress", "cli"},
    "rioxarray": {"_imagery.raster"},
    "scipy": {"_cover.solver"},
    "sqlite3": {"_orders.journal"},
    "stac_geoparquet": {"_captures.parquet"},
    "xlsxwriter": {"report"},
}


def _module(path: Path) -> str:
    """Return a file's dotted module name below scenecart, such as "_orders.journal"."""
    parts = path.relative_to(SOURCE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _package(module: str) -> str:
    return module.partition(".")[0]


def _files() -> list[Path]:
    """Return every file of the library; the sandbox is a house of its own."""
    found = sorted(SOURCE.rglob("*.py"))
    return [path for path in found if "sandbox" not in path.parts and path != SOURCE / "__init__.py"]


def _imports(path: Path) -> set[str]:
    """Return the names a file imports while running, in functions too, and without those for type checkers alone."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    typing_only = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    found: set[str] = set()
    for node in ast.walk(tree):
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        if isinstance(node, ast.ImportFrom) and node.module:
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return found


def _imported_packages(path: Path) -> set[str]:
    """Return the packages of scenecart that a file imports, such as "_util"."""
    parts = [name.split(".") for name in _imports(path)]
    return {part[1] for part in parts if part[0] == "scenecart" and len(part) > 1}


@pytest.mark.parametrize("path", _files(), ids=lambda path: path.relative_to(SOURCE).as_posix())
def test_import_of_another_package_points_left(path: Path):
    """A file imports only from packages left of its own, in functions too, so that the house has no cycle."""
    here = _package(_module(path))
    doors = {package for file, package in DOORS if file == path.relative_to(SOURCE).as_posix()}
    other = _imported_packages(path) - {here} - doors
    assert not {name for name in other if RANK.get(name, len(ORDER)) >= RANK[here]}


def test_order_of_packages_names_every_package_and_no_other():
    """The order of imports names what is in the source folder, and nothing else."""
    found = {_package(_module(path)) for path in _files()}
    assert found <= set(RANK)


def test_door_to_an_optional_part_is_used():
    """Each exception from the rule of imports is still needed."""
    for file, package in DOORS:
        assert package in _imported_packages(SOURCE / file), file


def test_import_of_an_outside_library_stands_in_one_place():
    """An outside library is named in one place, so that it can be changed in an afternoon."""
    for path in _files():
        module = _module(path)
        for library in {name.partition(".")[0] for name in _imports(path)} & set(LIBRARIES):
            assert {module, _package(module)} & LIBRARIES[library], f"{module} names {library}"


def _texts(path: Path) -> set[str]:
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    return {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def test_field_name_of_the_service_stands_in_two_modules():
    """Only `_api.operations` and `_api.schemas` name fields of the service, such as those in camelCase."""
    others = {"host_name", "image_id", "item_id", "asset_id"}
    others |= {"required_credits", "decline_code", "challenge_url", "required_scope", "missing_scope"}
    modules = {"_api.operations", "_api.schemas"}
    texts = {text for path in _files() if _module(path) in modules for text in _texts(path)}
    own = {text for text in texts if re.fullmatch(r"[a-z]+[A-Z]\w*", text)} | others
    assert {"splitByDate", "workspaceId", *others} <= own & texts
    for path in _files():
        assert _module(path) in modules or not _texts(path) & own, path.name


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
        assert _imported_packages(path) <= {"sandbox"}, path.name


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
        "try: scenecart.sandbox\n"
        "except scenecart.MissingExtra as error: print(error)\n"
        "try: scenecart.report.write(None, 'cart.html')\n"
        "except scenecart.MissingExtra as error: print(error)\n"
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
    for name in exceptions.__all__:
        assert name in scenecart.__all__
        assert getattr(scenecart, name).__module__ == "scenecart"
        assert name == "ScenecartWarning" or re.search(rf"\b{name}\b", exceptions.__doc__)


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
