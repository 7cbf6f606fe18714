"""Programs in forked processes of a parent that has loaded the library once, so that no test waits for the imports of each.

The parent has no connection, thread or database open: its children are like newly started processes. Tests of starting Python,
of its options, encodings or signals, start a real one.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import pkgutil
import runpy
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# what scenecart imports only when it needs it, and all its modules
_LOADED = (
    "PIL.JpegImagePlugin",
    "dask",
    "filelock",
    "geopandas.io._geoarrow",
    "httpcore",
    "matplotlib.pyplot",
    "pandas.core.methods.to_dict",
    "pyarrow.dataset",
    "pyarrow.pandas_compat",
    "pyarrow.parquet",
    "pystac_client",
    "rasterio",
    "reportlab.pdfgen.canvas",
    "rich.console",
    "scipy.optimize",
    "socksio",
    "xlsxwriter",
)
# of the pauses of a program, what share is waited
_pauses = 1.0
_real_sleep = time.sleep
_idle: list[subprocess.Popen[str]] = []


def run(
    program: str,
    arguments: Sequence[str],
    *,
    env: Mapping[str, str],
    cwd: Path | str | None = None,
    answer: str = "",
    timeout: float = 250,
    pauses: float = 1.0,
) -> subprocess.CompletedProcess[str]:
    """Run ``"command"``, the command line, or a script by its path; as :func:`subprocess.run`, with ``answer`` as standard input.

    With ``pauses``, its pauses between requests take this share of their time.

    Raises
    ------
    subprocess.TimeoutExpired
        After so many seconds; the process has been killed.
    """
    with tempfile.TemporaryDirectory(prefix="warm-") as folder:
        streams = [Path(folder, name) for name in ("in", "out", "err")]
        streams[0].write_text(answer, encoding="utf-8")
        request = {
            "program": program,
            "arguments": list(arguments),
            "env": dict(env),
            "cwd": str(cwd or Path.cwd()),
            "streams": [str(path) for path in streams],
            "timeout": timeout,
            "pauses": pauses,
        }
        parent = _take()
        assert parent.stdin is not None
        assert parent.stdout is not None
        parent.stdin.write(json.dumps(request) + "\n")
        code = json.loads(parent.stdout.readline())
        _idle.append(parent)
        out, err = (path.read_text(encoding="utf-8") for path in streams[1:])
    if code is None:
        raise subprocess.TimeoutExpired([program, *arguments], timeout, out, err)
    return subprocess.CompletedProcess([program, *arguments], code, out, err)


def _take() -> subprocess.Popen[str]:
    """Return a parent that is not in use, or a new one."""
    try:
        return _idle.pop()
    except IndexError:
        command = [sys.executable, __file__]
        environment = {**os.environ, "MPLBACKEND": "agg"}
        parent = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1, env=environment)
        atexit.register(_end, parent)
        return parent


def _end(parent: subprocess.Popen[str]) -> None:
    """End a parent: it ends with its input."""
    for pipe in (parent.stdin, parent.stdout):
        if pipe is not None:
            pipe.close()
    parent.wait(10)


def _sleep(seconds: float) -> None:
    _real_sleep(seconds * _pauses)


def _serve() -> None:
    """Fork a process for each request, and report its exit code, or null after its time."""
    # before the library is loaded, which keeps the function
    time.sleep = _sleep
    import scenecart  # noqa: PLC0415  # as said above

    modules = [module.name for module in pkgutil.walk_packages(scenecart.__path__, "scenecart.")]
    for name in [*_LOADED, *modules]:
        if not name.endswith("__main__"):
            importlib.import_module(name)
    assert threading.active_count() == 1
    # so that no process copies the memory of the library to look for garbage in it
    gc.freeze()
    for line in sys.stdin:
        request = json.loads(line)
        child = os.fork()
        if child == 0:
            _become(request)
        sys.stdout.write(json.dumps(_wait(child, request["timeout"])) + "\n")
        sys.stdout.flush()


def _wait(child: int, timeout: float) -> int | None:
    ended = time.monotonic() + timeout
    while time.monotonic() < ended:
        found, status = os.waitpid(child, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        _real_sleep(0.005)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


def _become(request: dict[str, Any]) -> None:
    """Run the program of a request as the whole process, and end."""
    global _pauses  # noqa: PLW0603  # of this process, which runs one program
    _pauses = request["pauses"]
    for number, path in enumerate(request["streams"]):
        opened = os.open(path, os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT, 0o600)
        os.dup2(opened, number)
        os.close(opened)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115  # open until the process ends
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
    os.environ.clear()
    os.environ.update(request["env"])
    time.tzset()
    os.chdir(request["cwd"])
    # the parent of a process that was started has other exit functions
    atexit._clear()
    code = _call(request["program"], request["arguments"])
    threading._shutdown()  # type: ignore[attr-defined]  # undocumented; waits for threads, as the end of a program does
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            code = code or 120
    os._exit(code)


def _call(program: str, arguments: list[str]) -> int:
    sys.argv = [program, *arguments]
    try:
        if program == "command":
            from scenecart.cli import main  # noqa: PLC0415  # loaded in the parent

            return int(main())
        sys.path.insert(0, str(Path(program).parent))
        runpy.run_path(program, run_name="__main__")
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return end.code or 0
        sys.stderr.write(f"{end.code}\n")
        return 1
    except BaseException:  # noqa: BLE001  # printed, as at the end of a program
        sys.excepthook(*sys.exc_info())
        return 1
    return 0


if __name__ == "__main__":
    _serve()
