"""Take each guard away, one at a time, in a copy of the source, and see that its tests fail: `make guards`."""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from _table import ROOT, SOURCE, Guard, read_rows

_SECONDS = 240
_AT_ONCE = 2
_FAILED, _PASSED, _OTHER_SOURCE, _NO_SOURCE = 1, 0, 90, 91
# a mutation that breaks the file proves nothing
_BROKEN = re.compile(r"^E +(NameError|SyntaxError|ImportError|ModuleNotFoundError|UnboundLocalError)\b", re.MULTILINE)
_DRIVER = f"""
import pathlib, sys
try:
    import scenecart
except Exception as error:
    print(error)
    sys.exit({_NO_SOURCE})
if not pathlib.Path(scenecart.__file__).is_relative_to(sys.argv[1]):
    sys.exit({_OTHER_SOURCE})
import pytest
sys.exit(pytest.main(sys.argv[2:]))
"""


def run_tests(tests: list[str], copy: Path, cache: Path, seconds: int) -> tuple[int | None, str]:
    """Run tests against a copy of the source; return pytest's exit code, None where it did not end, and what it printed."""
    options = ["-x", "-q", "-p", "no:cacheprovider", "-p", "no:nbmake", "-o", "addopts=--import-mode=importlib --strict-markers"]
    command = [sys.executable, "-c", _DRIVER, str(copy), *options, f"--timeout={seconds // 2}", *tests]
    environ = {**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1", "XDG_CACHE_HOME": str(cache)}
    try:
        done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        return None, ""
    return done.returncode, (done.stdout + done.stderr).decode("utf-8", "replace")


def without(guard: Guard, cache: Path) -> tuple[bool, str]:
    """Run a guard's tests without it; tell whether each of them fails, and what happened."""
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
    """Run what was asked for, and tell how many guards are needed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", nargs="*", type=int, help="only these rows of the table")
    wanted = set(parser.parse_args().rows)
    guards = [guard for row in read_rows() for guard in row.guards if not wanted or guard.row in wanted]
    tests = sorted({test for guard in guards for test in guard.tests})
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(_AT_ONCE) as pool:
        cache = Path(folder)
        code, printed = run_tests(tests, SOURCE.parent, cache, len(tests) * 10 + _SECONDS)
        if code != _PASSED:
            print(printed[-5_000:])
            print("These tests do not pass with every guard in its place.")
            return 1
        print(f"{len(tests)} tests pass with {len(guards)} guards in their places.", flush=True)

        def one(guard: Guard) -> bool:
            began = time.monotonic()
            is_needed, what = without(guard, cache)
            seconds = time.monotonic() - began
            print(f"{guard.row:>3}  {guard.file}: {guard.keeps}: without it {what} ({seconds:.0f} s)", flush=True)
            return is_needed

        needed = list(pool.map(one, guards))
    print(f"{sum(needed)} of {len(needed)} guards are needed: without them their tests fail.")
    return 0 if all(needed) else 1


if __name__ == "__main__":
    sys.exit(main())
