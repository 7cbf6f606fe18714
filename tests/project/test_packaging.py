"""The published package: the core works alone, and each optional part names the extra it needs."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import zipfile
from fnmatch import fnmatch
from importlib.metadata import distributions, version
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import scenecart
from _packages import ROOT, Environment, build, metadata
from _thorough import first_of
from scenecart.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

SOURCE = ROOT / "src" / "scenecart"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
# read at once: a test's own environment holds no settings of scenecart
CONSTRAINTS = os.environ.get("SCENECART_CONSTRAINTS", "")

START = """
import json, sys, warnings
warnings.simplefilter("error")
warnings.filterwarnings("ignore", "Use `@` matmul", PendingDeprecationWarning)  # rioxarray's own
import scenecart
HARBOUR = (151.18, -33.99, 151.24, -33.94)
client = scenecart.connect(home="journal")
captures = client.search("aurora", collections="aurora-50cm", aoi=HARBOUR, datetime="2024-01/2024-06", limit=2)
cart = client.cart(captures, aoi=HARBOUR)
"""
FULL_WORKFLOW = """
cart.save("harbour.cart.parquet")
estimate = scenecart.load_cart("harbour.cart.parquet", client).estimate()
order = estimate.place(owned="buy").wait(timeout=60)
files = order.download("files")
print(json.dumps({
    "status": order.status,
    "files": [path.is_file() for path in files],
    "provenance": order.items()["provenance"].tolist(),
    "items": len(order.item_collection()),
    "spent": 5_000_000 - client.balance()["balance_credits"] >= estimate.total_credits,
    "shown": "<table" in estimate._repr_html_(),
    "streamed": sum(map(len, client.search_stream("aurora", collections="aurora-50cm", datetime="2024-03", limit=5))),
}))
"""
ADDS = {
    "widgets": "bench = scenecart.widgets.Workbench(client, aoi=HARBOUR); bench.close(); print('added')",
    "report": """
for suffix in ("html", "pdf", "xlsx", "md", "csv", "geojson", "gpkg", "parquet"):
    assert cart.to_report(f"cart.{suffix}").stat().st_size > 0
scenecart.compare_report([cart, cart], "both.pdf")
scenecart.timeline(captures)
print("added")
""",
    "parquet": "files = client.search_to_parquet('all', 'aurora', collections='aurora-50cm', datetime='2024-03'); print('added')",
    "raster": """
order = cart.estimate().place(owned="buy").wait(timeout=60)
image = order.open("visual", item=order.items()["id"].iloc[0], directory="files")
assert image.rio.crs is not None
print("added")
""",
    "cover": """
plan = client.cover(captures, HARBOUR, prices="area")
try: plan.plot()
except scenecart.MissingExtra as error: assert 'pip install "scenecart[report]"' in str(error)
print("added")
""",
    "keyring": """
import keyring
from keyring.backends import null
keyring.set_keyring(null.Keyring())
from scenecart._api.keyring import read
assert read("work") is None
print("added")
""",
    "socks": """
import os
os.environ["ALL_PROXY"] = "socks5://127.0.0.1:9"
with scenecart.connect(base_url="https://service.example", token="t", retry=scenecart.Retry(attempts=1)) as other:
    try: other.balance()
    except scenecart.ConnectionFailed as error: assert error.code == "proxy_unreachable", error
print("added")
""",
    "mcp": """
from scenecart.cli._mcp_server import make_server
from scenecart.cli._mcp_tools import Tools
from pathlib import Path
assert make_server(Tools(client, Path("agent")))
print("added")
""",
    "office": """
assert scenecart.new_approver_key("approver.pem").startswith("ed25519:")
print("added")
""",
    "completion": """
import argparse
from scenecart.cli._completion_cmd import completion
assert completion(argparse.Namespace(shell="bash", names=False)) == 0
print("added")
""",
    "sandbox": """
with scenecart.connect("sandbox") as other:
    assert other.balance()["balance_credits"] == 5_000_000
print("added")
""",
}
# what is asked for without its extra, and which extra the answer names
LACKS = {
    "scenecart.sandbox": "sandbox",
    "scenecart.connect('sandbox')": "sandbox",
    "cart.to_report('cart.html')": "report",
    "cart.estimate().to_report('quote.xlsx')": "report",
    "client.order(ORDER).to_report('order.pdf')": "report",
    "scenecart.compare_report([cart, cart], 'both.xlsx')": "report",
    "scenecart.timeline(captures)": "report",
    **{f"scenecart.widgets.{name}": "widgets" for name in scenecart.widgets.__all__},
    "exec('from scenecart.widgets import Workbench')": "widgets",
    "client.search_to_parquet('all', 'aurora', collections='aurora-50cm', datetime='2024-03')": "parquet",
    "client.order(ORDER).open('visual', directory='files')": "raster",
    "client.order(ORDER).show()": "widgets",
    "client.cover(captures, HARBOUR)": "cover",
    "__import__('scenecart.cli._mcp_cmd', fromlist=['mcp']).mcp(__import__('argparse').Namespace(folder='agent'))": "mcp",
    "__import__('scenecart.cli._completion_cmd', fromlist=['completion']).completion(None)": "completion",
    "scenecart.new_approver_key('approver.pem')": "office",
    "scenecart.connect(token='t', require_approval=['ed25519:' + 43 * 'A' + '='])": "office",
    "__import__('scenecart._api.keyring', fromlist=['require']).require()": "keyring",
    "__import__('scenecart._api.proxies', fromlist=['Proxies']).Proxies({'https': 'socks5://p'}).of('https://s.example')": "socks",
}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Build the wheel from the source distribution, as for publishing."""
    return build(tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="module")
def wheel(built: tuple[Path, Path]) -> Path:
    return built[0]


@pytest.fixture(scope="module")
def core(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """Give what `pip install scenecart` alone gives."""
    return Environment(tmp_path_factory.mktemp("core"), wheel)


@pytest.fixture(scope="module")
def account() -> Iterator[dict[str, str]]:
    """Give the variables by which a program signs in to a sandbox of another environment."""
    with Sandbox(pace="instant") as box:
        box.rate_limits = None
        analyst = box.principals["analyst"]
        names = {"USERNAME": "username", "PASSWORD": "password", "PROJECT": "project"}
        yield {"SCENECART_BASE_URL": box.url, **{f"SCENECART_{name}": str(analyst[key]) for name, key in names.items()}}


def _kept(folder: Path) -> set[str]:
    """Return the files of a folder, named from the top, without those that are made and that git ignores."""
    patterns = [line.strip("/") for line in (ROOT / ".gitignore").read_text("utf-8").splitlines()]
    names = [pattern for pattern in patterns if "/" not in pattern]
    places = [ROOT / pattern for pattern in patterns if "/" in pattern]
    found = [path.relative_to(ROOT) for path in folder.rglob("*") if path.is_file() and not any(map(path.is_relative_to, places))]
    return {path.as_posix() for path in found if not any(fnmatch(part, name) for part in path.parts for name in names)}


def test_wheel_contains_the_library_and_nothing_else(wheel: Path):
    """The wheel contains types, templates, data, schemas and notebooks; no tests and no generated files."""
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    about = {name for name in names if ".dist-info/" in name}
    assert {name.partition(".dist-info/")[2] for name in about} == {
        "METADATA",
        "RECORD",
        "WHEEL",
        "entry_points.txt",
        "licenses/LICENSE",
    }
    notebooks = {f"scenecart/{name}" for name in _kept(ROOT / "notebooks") if name.endswith(".ipynb")}
    assert names - about == {name.removeprefix("src/") for name in _kept(SOURCE)} | notebooks
    inside = {name.removeprefix("scenecart/") for name in names}
    assert inside > {"py.typed", "templates/report.html", "data/land.json", "sandbox/_data/schema.sql", "notebooks/app.ipynb"}


def test_source_distribution_contains_sources_and_tests(built: tuple[Path, Path]):
    """The source distribution contains what builds, tests and documents the library; no generated files."""
    with tarfile.open(built[1]) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    folders = {"benchmarks", "docs", "notebooks", "recipe", "src", "tests"}
    assert {name for name in names if name.partition("/")[0] in folders} == set().union(*(_kept(ROOT / one) for one in folders))
    files = {"CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "Makefile", "README.md", "constraints-lowest.txt", "constraints.txt"}
    files |= {"CITATION.cff", "CODE_OF_CONDUCT.md", "SECURITY.md", "llms.txt"}
    assert {name for name in names if "/" not in name} == {*files, "environment.yml", "pyproject.toml", ".gitignore", "PKG-INFO"}


def test_registry_would_take_the_distributions(built: tuple[Path, Path]):
    """The metadata and the description of both distributions pass the strict check of twine."""
    files = [str(path) for path in built]
    done = subprocess.run([sys.executable, "-m", "twine", "check", "--strict", *files], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.count("PASSED")) == (0, 2), done.stdout + done.stderr


def test_wheel_metadata_equals_pyproject(wheel: Path):
    """Name, version, licence, Python version, packages, extras and README in the wheel are those of the project."""
    said = metadata(wheel)
    assert (said["Name"], said["Version"], said["License-Expression"]) == ("scenecart", scenecart.__version__, "Apache-2.0")
    assert said["Requires-Python"] == PROJECT["requires-python"]
    assert set(said.get_all("Provides-Extra") or ()) == set(PROJECT["optional-dependencies"])
    wanted = {Requirement(line) for line in PROJECT["dependencies"]}
    found = {Requirement(line) for line in said.get_all("Requires-Dist") or ()}
    assert {one for one in found if one.marker is None} == wanted
    assert "Typing :: Typed" in (said.get_all("Classifier") or ())
    assert said["Description-Content-Type"] == "text/markdown"
    assert said.get_payload(decode=True).decode().strip() == (ROOT / "README.md").read_text("utf-8").strip()
    with zipfile.ZipFile(wheel) as archive:
        (commands,) = (archive.read(name).decode() for name in archive.namelist() if name.endswith("/entry_points.txt"))
    assert commands.split() == ["[console_scripts]", "scenecart", "=", "scenecart.cli:main"]


def test_core_alone_completes_the_full_workflow(core: Environment, account: dict[str, str], tmp_path: Path):
    """The core alone searches, saves carts, estimates, orders, waits and downloads, without a warning."""
    done = core.run(START + FULL_WORKFLOW, tmp_path, **account)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == {
        "status": "delivered",
        "files": [True] * 8,
        "provenance": ["verified"] * 2,
        "items": 2,
        "spent": True,
        "shown": True,
        "streamed": 5,
    }


@pytest.mark.parametrize("extra", first_of(ADDS, 3))
def test_one_extra_adds_its_part(wheel: Path, account: dict[str, str], tmp_path: Path, extra: str):
    """The core with one extra alone has the part of that extra; no other extra is needed."""
    environment = Environment(tmp_path / "environment", wheel, extra)
    done = environment.run(START + ADDS[extra], tmp_path, **account)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "added"


def test_every_extra_is_tested_and_documented():
    """Every extra is tested above and listed in the installation guide."""
    assert set(ADDS) == set(PROJECT["optional-dependencies"]) - {"all", "docs", "lab", "lint", "test"}
    assert set(ADDS) == set(LACKS.values())
    guide = (ROOT / "docs" / "howto" / "install.md").read_text("utf-8")
    assert [extra for extra in (*ADDS, "all", "lab") if f"| `{extra}` |" not in guide] == []


def test_missing_extra_is_named_before_anything_is_done(core: Environment, account: dict[str, str], tmp_path: Path):
    """A function that needs an extra names the missing package and the install command before it does anything."""
    code = f"""{START}
ORDER = cart.estimate().place(owned="buy").wait(timeout=60).id
messages = {{}}
for asked in {list(LACKS)!r}:
    try: eval(asked)
    except scenecart.MissingExtra as error: messages[asked] = str(error).splitlines()
print(json.dumps(messages))
"""
    done = core.run(code, tmp_path, **account)
    assert done.returncode == 0, done.stderr
    messages = json.loads(done.stdout.splitlines()[-1])
    assert {asked: lines[1] for asked, lines in messages.items()} == {
        asked: f'Install it: pip install "scenecart[{extra}]"' for asked, extra in LACKS.items()
    }
    needs = re.compile(r"[\w. ]+ needs? the package '\w+', which is not installed\.")
    assert [lines for lines in messages.values() if not needs.fullmatch(lines[0])] == []
    assert {path.name for path in tmp_path.iterdir()} == {"journal"}


@pytest.mark.parametrize(
    ("arguments", "extras"),
    [
        (["app"], "all,lab"),
        (["lab"], "all,lab"),
        (["demo"], "sandbox,report"),
        (["sandbox", "--port", "0"], "sandbox"),
        (["orders", "--profile", "sandbox"], "sandbox"),
    ],
    ids=lambda value: value if isinstance(value, str) else value[0],
)
def test_command_without_its_extra_names_it(core: Environment, tmp_path: Path, arguments: list[str], extras: str):
    """A command that needs an extra prints what is missing and how to install it, and writes no file."""
    done = core.call("-m", "scenecart.cli", *arguments, cwd=tmp_path)
    assert done.returncode == 1
    first, second = done.stderr.splitlines()
    assert re.fullmatch(r"scenecart: .* needs the package '\w+', which is not installed\.", first)
    assert second == f'  Install it: pip install "scenecart[{extras}]"'
    assert list(tmp_path.iterdir()) == []


def test_demo_without_the_report_extra_ends_at_once(wheel: Path, tmp_path: Path):
    """With the sandbox but without reports, the demo ends before it starts, not in the middle."""
    environment = Environment(tmp_path / "environment", wheel, "sandbox")
    done = environment.call("-m", "scenecart.cli", "demo", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines()[1] == '  Install it: pip install "scenecart[sandbox,report]"'


@pytest.mark.wheel
def test_suite_runs_against_the_installed_wheel():
    """The suite imports the installed wheel, not the source beside it, and the wheel's command is installed."""
    assert Path(scenecart.__file__).is_relative_to(sysconfig.get_path("purelib"))
    assert version("scenecart") == scenecart.__version__
    command = Path(sysconfig.get_path("scripts")) / "scenecart"
    done = subprocess.run([command, "--version"], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == f"scenecart {scenecart.__version__}\n"


@pytest.mark.wheel
def test_installed_versions_are_the_constrained_ones():
    """Every installed package that the constraints name has that version."""
    lines = (ROOT / CONSTRAINTS).read_text("utf-8").splitlines()
    asked = [Requirement(line.partition(" #")[0]) for line in lines if not line.startswith("#")]
    there = {canonicalize_name(one.name): one.version for one in distributions()}
    found = {str(one): there[name] for one in asked if (name := canonicalize_name(one.name)) in there}
    assert [one for one, installed in found.items() if not Requirement(one).specifier.contains(installed)] == []
    needed = {canonicalize_name(Requirement(line).name) for line in PROJECT["dependencies"]}
    assert needed <= {canonicalize_name(Requirement(one).name) for one in found}
