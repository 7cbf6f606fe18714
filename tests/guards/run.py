"""Remove each guard, one at a time, in a copy of the source, and check that its tests fail: `make guards`."""

from __future__ import annotations

import argparse
import multiprocessing
import os
import re
import shutil
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from _table import ROOT, SOURCE, Guard, read_rows, write_page

_SECONDS = 150
_AT_ONCE = 2
_PASSED, _FAILED, _OTHER_SOURCE, _NO_SOURCE = 0, 1, 90, 91
# a mutation that breaks the file proves nothing
_BROKEN = re.compile(r"^E +(NameError|SyntaxError|ImportError|ModuleNotFoundError|UnboundLocalError)\b", re.MULTILINE)
# imported once for all runs, because they load slowly; never scenecart itself
_PRELOADED = [
    "anywidget", "geopandas", "httpx", "ipyleaflet", "ipywidgets", "jinja2", "matplotlib.pyplot", "msgspec", "numpy",
    "openpyxl", "pandas", "pyarrow.parquet", "pypdfium2", "pyproj", "pystac", "pystac_client", "rasterio", "rich.console",
    "shapely", "stac_geoparquet.arrow", "xlsxwriter",
]  # fmt: skip


def _test(tests: list[str], source: str, cache: str, output: str, seconds: int) -> None:
    """Run tests against a source, in a process of its own; its exit code is pytest's."""
    with Path(output).open("wb") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    os.chdir(ROOT)
    # programs that tests start import it too
    os.environ.update(PYTHONPATH=source, PYTHONDONTWRITEBYTECODE="1", XDG_CACHE_HOME=cache)
    sys.dont_write_bytecode = True
    sys.path.insert(0, source)
    try:
        import scenecart  # noqa: PLC0415  # after the path is set
    except Exception as error:  # noqa: BLE001  # any failure means that the source cannot be used
        print(error)
        sys.exit(_NO_SOURCE)
    if not Path(scenecart.__file__).is_relative_to(source):
        sys.exit(_OTHER_SOURCE)
    import pytest  # noqa: PLC0415  # after the source, so that no plugin imports another one

    plain = ["-p", "no:cacheprovider", "-p", "no:nbmake", "-o", "addopts=--import-mode=importlib --strict-markers"]
    sys.exit(pytest.main(["-x", "-q", *plain, "--hypothesis-profile=fail", f"--timeout={seconds}", *tests]))


def run_tests(tests: list[str], source: Path, cache: Path, seconds: int) -> tuple[int | None, str]:
    """Run tests against a source; return pytest's exit code (None after the time limit) and its output."""
    with tempfile.NamedTemporaryFile(suffix=".txt") as output:
        arguments = (tests, str(source), str(cache), output.name, seconds // 2)
        process = multiprocessing.get_context("forkserver").Process(target=_test, args=arguments)
        process.start()
        process.join(seconds)
        if process.is_alive():
            process.kill()
            process.join()
            return None, ""
        return process.exitcode, Path(output.name).read_text(encoding="utf-8", errors="replace")


def without(guard: Guard, cache: Path) -> tuple[bool, str]:
    """Run a guard's tests without it; return whether each of them fails, and what happened."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        shutil.copytree(SOURCE, copy / "scenecart", ignore=shutil.ignore_patterns("__pycache__"))
        (copy / "scenecart" / guard.file).write_text(guard.weakened(), encoding="utf-8")
        for test in guard.tests:
            code, printed = run_tests([test], copy, cache, _SECONDS)
            if code is None:
                continue
            if code == _PASSED:
                return False, f"{test} passes"
            if code != _FAILED or _BROKEN.search(printed):
                return False, f"{test} cannot be run ({code}):\n{printed[-2_000:]}"
    return True, "fails"


def main() -> int:
    """Run the requested rows, and print how many guards are needed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", nargs="*", type=int, help="only these rows of the table")
    parser.add_argument("--write", action="store_true", help="only write the table into docs/reliability.md")
    arguments = parser.parse_args()
    if arguments.write:
        write_page()
        return 0
    wanted = set(arguments.rows)
    multiprocessing.set_forkserver_preload(_PRELOADED)
    guards = [guard for row in read_rows() for guard in row.guards if not wanted or guard.row in wanted]
    tests = sorted({test for guard in guards for test in guard.tests})
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(_AT_ONCE) as pool:
        cache = Path(folder)
        code, printed = run_tests(tests, SOURCE.parent, cache, len(tests) * 10 + _SECONDS)
        if code != _PASSED:
            print(printed[-5_000:])
            print("These tests fail although every guard is in place.")
            return 1
        print(f"{len(tests)} tests pass with {len(guards)} guards in place.", flush=True)

        def one(guard: Guard) -> bool:
            began = time.monotonic()
            is_needed, what = without(guard, cache)
            seconds = time.monotonic() - began
            print(f"{guard.row:>3}  {guard.file}: {guard.keeps}: without it {what} ({seconds:.0f} s)", flush=True)
            return is_needed

        needed = list(pool.map(one, guards))
    print(f"{sum(needed)} of {len(needed)} guards are needed: their tests fail without them.")
    return 0 if all(needed) else 1


if __name__ == "__main__":
    sys.exit(main())
