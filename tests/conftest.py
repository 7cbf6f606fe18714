"""Fixtures of every test: no network beyond this machine, a temporary home, and real servers."""

from __future__ import annotations

import atexit
import contextlib
import gc
import ipaddress
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from hypothesis import Phase, settings

import scenecart
from _purchases import ESTIMATE, GET, LIST, ORDER, PROJECT, priced
from _scripted_service import ScriptedService, answer
from scenecart.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

    from _report_data import ScriptedClient

# the same examples in every run; `make fuzz` tries new ones
# no deadline: a busy machine is not a failure
settings.register_profile("steady", derandomize=True, deadline=None)
settings.register_profile("explore", max_examples=3_000, print_blob=True, deadline=None)
# where a failure is expected, its example is not minimised
settings.register_profile("fail", derandomize=True, deadline=None, phases=[Phase.explicit, Phase.generate])
settings.load_profile("steady")

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"

# temporary files of a whole run take a gigabyte
_ROOM = 4 * 2**30
_MEMORY = "scenecart-tests-"


def _keep_in_memory(folder: str = "/dev/shm") -> None:  # noqa: S108  # a new folder is created in it
    """Keep temporary files in memory if there is room, as thousands of tests wait for a disk that nothing is kept on.

    Processes started from this one inherit the folder, which is deleted at the end, or by the next run if this one is killed.
    Set TMPDIR to keep the files of failed tests.
    """
    if "TMPDIR" in os.environ or not os.access(folder, os.W_OK):
        return
    for left in Path(folder).glob(f"{_MEMORY}*"):
        process = left.name.removeprefix(_MEMORY).partition("-")[0]
        if left.stat().st_uid == os.getuid() and process.isdigit() and not psutil.pid_exists(int(process)):
            shutil.rmtree(left, ignore_errors=True)
    found = os.statvfs(folder)
    room = min(found.f_bavail * found.f_frsize, psutil.virtual_memory().available // 3)
    if room >= _ROOM and not found.f_flag & os.ST_NOEXEC:
        os.environ["TMPDIR"] = tempfile.tempdir = tempfile.mkdtemp(prefix=f"{_MEMORY}{os.getpid()}-", dir=folder)
        atexit.register(shutil.rmtree, tempfile.tempdir, ignore_errors=True)


_keep_in_memory()

# notes about journals in temporary folders do not belong into the user's own folder
os.environ["SCENECART_STATE"] = tempfile.mkdtemp(prefix="scenecart-state-")

# enough for a browser with JupyterLab and its kernels, or for a sandbox and a large search result
_BYTES_EACH = 3 * 2**30


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Return how many processes `-n auto` starts: two more than cores, as tests wait for servers, if memory allows."""
    return max(1, min((os.cpu_count() or 1) + 2, psutil.virtual_memory().available // _BYTES_EACH))


def pytest_collection() -> None:
    """Pause the garbage collector while modules are imported, whose objects stay."""
    gc.disable()


def pytest_collection_finish() -> None:
    """Keep the garbage collector from searching two million objects of libraries and tests, half a second each time."""
    gc.freeze()
    gc.enable()


class BlockedNetworkError(AssertionError):
    """A test tried to connect to another machine."""


def _refuse_beyond_loopback(address: object) -> None:
    host = address[0] if isinstance(address, tuple) else None
    if not isinstance(host, str) or host == "localhost":
        return
    try:
        inside = ipaddress.ip_address(host).is_loopback
    except ValueError:
        inside = False
    if not inside:
        raise BlockedNetworkError(f"a test tried to reach {host}")


@pytest.fixture(scope="session", autouse=True)
def _loopback_only() -> Iterator[None]:
    """Refuse every connection that leaves this machine."""
    originals = {name: getattr(socket.socket, name) for name in ("connect", "connect_ex")}
    patch = pytest.MonkeyPatch()
    for name, original in originals.items():

        def guarded(sock: socket.socket, address: object, _original: object = original) -> object:
            _refuse_beyond_loopback(address)
            return _original(sock, address)  # type: ignore[operator]  # one of the two methods above

        patch.setattr(socket.socket, name, guarded)
    yield
    patch.undo()


@pytest.fixture(scope="session", autouse=True)
def _interruptible() -> None:
    """Restore SIGINT, which a suite started in the background inherits as ignored and would hand on to its programs."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def _own_home(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Use a temporary home, not the developer's profiles and journal."""
    patch = pytest.MonkeyPatch()
    for name in list(os.environ):
        if name.startswith(("SCENECART_", "GEOPERA_")) and name != "SCENECART_REQUIRE_BROWSER":
            patch.delenv(name)
    home = tmp_path_factory.mktemp("home")
    # the captures of the sandbox and lists of fonts take seconds to make, and are the same in every home and run
    kept = getattr(request.config, "cache", None)
    patch.setenv("XDG_CACHE_HOME", str(home / ".cache" if kept is None else kept.mkdir("home")))
    patch.setenv("HOME", str(home))
    patch.setenv("SCENECART_HOME", str(home / "scenecart"))
    yield
    patch.undo()


@pytest.fixture
def service() -> Iterator[ScriptedService]:
    """Start a real HTTP server whose answers the test writes."""
    with ScriptedService() as running:
        yield running


@pytest.fixture
def connect(service: ScriptedService, tmp_path: Path) -> Iterator[Any]:
    """Return a function that connects as a new kernel does: the same home, a new client."""
    made: list[scenecart.Client] = []

    def make(**options: Any) -> scenecart.Client:
        given = {"token": "t", "project": PROJECT, "home": tmp_path / "home", "sleep": lambda _: None, **options}
        made.append(scenecart.connect(base_url=service.url, **given))
        return made[-1]

    service.put(ESTIMATE, answer(priced((["a", "b"], 300))))
    service.put(GET, answer(ORDER))
    service.put(LIST, answer([]))
    yield make
    for client in made:
        client.close()


@pytest.fixture
def scripted(service: ScriptedService, tmp_path: Path) -> Iterator[ScriptedClient]:
    """Return a client of a service whose answers the test writes."""
    from _report_data import ScriptedClient  # noqa: PLC0415  # PDF readers load slowly

    scripted = ScriptedClient(service, tmp_path / "home")
    yield scripted
    scripted.client.close()


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    """Start a sandbox that delivers at once and has no rate limits."""
    with Sandbox(pace="instant") as running:
        running.rate_limits = None
        yield running


@pytest.fixture
def client(box: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[scenecart.Client]:
    """Return the analyst's client, which does not wait between attempts."""
    box.faults.clear()
    with box.client("analyst", home=tmp_path_factory.mktemp("client"), sleep=lambda _: None) as made:
        yield made


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Return the folder of real captures, or skip."""
    if not SHARED_DATA.is_dir():
        pytest.skip("the folder of real captures, ../shared/data, is not on this machine")
    return SHARED_DATA


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the documentation as `make docs` does, but run one notebook only."""
    own = tmp_path_factory.getbasetemp()
    # the worker processes of one run share a parent folder
    shared = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    root, target = Path(__file__).resolve().parents[1], shared / "site"
    options = ["-W", "--keep-going", "-q", "-d", f"{target}/doctrees"]
    command = [sys.executable, "-m", "sphinx", "-b", "html", *options, str(root / "docs"), f"{target}/html"]
    environ = {**os.environ, "SCENECART_DOCS_SKIP": "[01][!4]*.ipynb"}
    with contextlib.closing(sqlite3.connect(shared / "site.sqlite", timeout=280, isolation_level=None)) as lock:
        # the first worker builds it, the others wait
        lock.execute("BEGIN EXCLUSIVE")
        if not (target / "built").exists():
            done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=270, check=False)
            assert done.returncode == 0, done.stderr
            (target / "built").touch()
    return target / "html"
