"""Which package may import which, where each outside library is imported, and where tests are."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import house
from _imports import imports_of

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "scenecart"

# a package imports only from those before it, and the files of one package from each other
RANK = {name: rank for rank, name in enumerate((*house.ORDER, "__main__"))}

# methods that load an optional part when they are called: the core works without it
DOORS = {
    ("_orders/delivered_order.py", "widgets"),
    ("_util/reportable.py", "report"),
    ("_office/spending.py", "report"),
    ("connection.py", "sandbox"),
    ("cli/_demo.py", "sandbox"),
    ("cli/_apps_cmd.py", "sandbox"),
}

# modules without tests of their own, and where they are tested
TESTED_WITH: dict[str, str] = {
    "_client/catalog.py": "captures/test_search.py",
    "_client/hosts.py": "captures/test_hosts.py",
    "_client/ordering.py": "test_client.py",
    "_client/orders.py": "orders/test_tables.py",
    "_client/purchases.py": "orders/test_placement.py",
    "_client/team.py": "office/test_budgets.py",
    "_orders/journal_upgrade.py": "orders/test_journal.py",
    "_orders/list_notices.py": "scenarios/test_two_machines.py",
    "_orders/placement_checks.py": "orders/test_placement.py",
    "_orders/placement_errors.py": "orders/test_placement.py",
    "_orders/placement_request.py": "orders/test_placement.py",
    "_orders/sending.py": "orders/test_placement.py",
    "_orders/unanswered.py": "orders/test_settlement.py",
    "cli/_commands.py": "cli/test_parser.py",
    "_cover/planner.py": "cover/test_plan.py",
    "cli/_office_arguments.py": "cli/test_parser.py",
    "cli/_order_arguments.py": "cli/test_parser.py",
    "cli/_watch_arguments.py": "cli/test_parser.py",
    "widgets/_bench/cart.py": "widgets/test_cart_panel.py",
    "widgets/_bench/orders.py": "widgets/test_order_tracker.py",
    "widgets/_bench/pictures.py": "widgets/bench/test_card.py",
    "widgets/_capture_prices.py": "widgets/bench/test_card.py",
    "widgets/_cart_contents.py": "widgets/test_cart_panel.py",
    "widgets/_money.py": "widgets/test_cart_panel.py",
    "widgets/_notes.py": "widgets/test_cart_panel.py",
    "widgets/_order_list.py": "widgets/test_order_tracker.py",
    "widgets/_order_entry.py": "widgets/test_order_tracker.py",
    "widgets/_order_reading.py": "widgets/test_order_tracker.py",
    "widgets/_owned_facts.py": "widgets/test_cart_panel.py",
    "widgets/_order_placer.py": "widgets/test_cart_panel.py",
    "widgets/_purchase.py": "widgets/test_cart_panel.py",
    "report/_comparison_html.py": "report/test_comparison.py",
    "report/_comparison_pdf.py": "report/test_comparison.py",
    "report/_pdf_canvas.py": "report/test_pdf.py",
    "report/_pdf_parts.py": "report/test_pdf.py",
    "report/_pdf_sheet.py": "report/test_pictures.py",
}
# test files about a whole package
OF_WHOLE_PACKAGES = {"tests/report/test_report.py", "tests/sandbox/test_layers.py"}

# the one module or package that imports an outside library
LIBRARIES = {
    "PIL": {"_imagery", "report"},
    "antimeridian": {"_geo.geometry"},
    "anywidget": {"widgets"},
    "cryptography": {"_office.signing"},
    "filelock": {"_util.locks"},
    "httpx": {"_api.transport", "_api.web_library"},
    "ipyleaflet": {"widgets"},
    "jinja2": {"_util.html"},
    "keyring": {"_api.keyring"},
    "mcp": {"cli._mcp_server"},
    "matplotlib": {"_captures.timeline", "_cover.plot", "_util.style", "report"},
    "odc": {"_imagery"},
    "platformdirs": {"_util.folders"},
    "pystac": {"_delivery.download", "_delivery.opened", "_imagery.stack"},
    "pystac_client": {"_captures.stac_api"},
    "rasterio": {"_imagery"},
    "reportlab": {"report"},
    "rich": {"_util.progress", "cli"},
    "rioxarray": {"_imagery.raster"},
    "scipy": {"_cover.relaxation", "_cover.solver"},
    "shtab": {"cli._completion_cmd"},
    "sqlite3": {"_orders", "_util.sqlite", "_watch"},
    "stac_geoparquet": {"_captures.parquet"},
    "voila": {"cli._app_server"},
    "xlsxwriter": {"report"},
}


def _module(path: Path) -> str:
    """Return a file's dotted module name below scenecart, such as "_orders.journal"."""
    parts = path.relative_to(SOURCE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _package(module: str) -> str:
    return module.partition(".")[0]


def _files() -> list[Path]:
    """Return every file of the library; the sandbox is a program of its own."""
    found = sorted(SOURCE.rglob("*.py"))
    return [path for path in found if "sandbox" not in path.parts and path != SOURCE / "__init__.py"]


def _imported_packages(path: Path) -> set[str]:
    """Return the packages of scenecart that a file imports, such as "_util"."""
    parts = [name.split(".") for name in imports_of(path)]
    return {part[1] for part in parts if part[0] == "scenecart" and len(part) > 1}


@pytest.mark.parametrize("path", _files(), ids=lambda path: path.relative_to(SOURCE).as_posix())
def test_import_of_another_package_points_backwards(path: Path):
    """A file imports only from packages before its own, in functions too, so there is no cycle."""
    here = _package(_module(path))
    doors = {package for file, package in DOORS if file == path.relative_to(SOURCE).as_posix()}
    other = _imported_packages(path) - {here} - doors
    assert not {name for name in other if RANK.get(name, len(RANK)) >= RANK[here]}


def test_order_of_packages_names_every_package_and_no_other():
    """The order of packages names everything in the source folder, and nothing else."""
    assert {_package(_module(path)) for path in _files()} == set(RANK)


def test_map_in_contributing_agrees_with_the_tree():
    """The map of the packages in CONTRIBUTING.md says what the source tree and its modules say; `make house` writes it."""
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert page == house.with_map(page)


def _mirrored(path: Path) -> Path:
    """Return the path of a module's tests, from the path of the module."""
    parts = [part.lstrip("_") for part in path.relative_to(SOURCE).with_suffix("").parts]
    return ROOT / "tests" / Path(*parts[:-1]) / f"test_{parts[-1]}.py"


def _modules() -> list[Path]:
    return [path for path in sorted(SOURCE.rglob("*.py")) if not path.stem.startswith("__") and path.name != "_version.py"]


def test_tests_of_a_module_are_at_the_mirrored_path():
    """From the path of a module one knows the path of its tests; the few modules that others' tests cover are listed."""
    without = {path.relative_to(SOURCE).as_posix() for path in _modules() if not _mirrored(path).is_file()}
    assert without == set(TESTED_WITH)
    for module, tests in TESTED_WITH.items():
        assert (SOURCE / module).is_file(), module
        assert (ROOT / "tests" / tests).is_file(), tests


def test_test_file_of_a_package_has_its_module():
    """No test file in a package's folder is named after a module that does not exist."""
    expected = {_mirrored(path) for path in _modules()}
    packages = {path.parent for path in expected} - {ROOT / "tests"}
    found = {path for folder in packages for path in folder.glob("test_*.py")}
    assert {path.relative_to(ROOT).as_posix() for path in found - expected} == set(OF_WHOLE_PACKAGES)


def test_door_to_an_optional_part_is_used():
    """Each exception from the rule of imports is still needed."""
    for file, package in DOORS:
        assert package in _imported_packages(SOURCE / file), file


def test_import_of_an_outside_library_is_in_one_place():
    """An outside library is imported in one place, so that it can be replaced in an afternoon."""
    for path in _files():
        module = _module(path)
        for library in {name.partition(".")[0] for name in imports_of(path)} & set(LIBRARIES):
            assert {module, _package(module)} & LIBRARIES[library], f"{module} names {library}"


def _texts(path: Path) -> set[str]:
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    return {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def test_field_name_of_the_service_is_in_the_modules_that_read_it():
    """Only the modules of `_api` that read the service's JSON name its fields, such as those in camelCase."""
    others = {"host_name", "image_id", "item_id", "asset_id"}
    others |= {"required_scope", "missing_scope"}
    modules = {"_api.error_documents", "_api.operations", "_api.paging", "_api.schemas"}
    texts = {text for path in _files() if _module(path) in modules for text in _texts(path)}
    own = {text for text in texts if re.fullmatch(r"[a-z]+[A-Z]\w*", text)} | others
    assert {"splitByDate", "workspaceId", *others} <= own & texts
    for path in _files():
        assert _module(path) in modules or not _texts(path) & own, path.name


def test_arrow_reader_is_given_no_python_file():
    """Parquet is read from a path or an Arrow buffer, because an Arrow thread that holds a Python file can end the process."""
    readers = {"read_parquet", "read_table", "read_schema", "ParquetFile"}
    for path in sorted(SOURCE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in readers:
                assert re.match(r"path$|arrow_buffer\(", ast.unparse(node.args[0])), f"{path.name}:{node.lineno}"


def test_sandbox_imports_nothing_of_the_library():
    """The sandbox imports nothing of the library, so that a wrong field name cannot cancel out."""
    for path in sorted((SOURCE / "sandbox").rglob("*.py")):
        assert _imported_packages(path) <= {"sandbox"}, path.name


def test_notebook_in_git_has_no_outputs():
    """Notebooks are committed without outputs."""
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        assert '"output_type"' not in path.read_text(encoding="utf-8"), path.name


def test_test_function_has_a_promise():
    """Each test states its promise in its docstring."""
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                assert ast.get_docstring(node), f"{path.name}: {node.name}"
