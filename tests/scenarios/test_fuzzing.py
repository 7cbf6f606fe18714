"""Tests of the fuzzing: thousands of inputs for each target, and proof that failures are found."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from fuzz.__main__ import TARGETS
from fuzz._engine import Failure, drive, input_of
from fuzz._requests import CONTROL, FORMS, REQUESTS
from scenecart.sandbox._http.openapi import describe

if TYPE_CHECKING:
    from fuzz._engine import Target

INPUTS = {"features": 1_000, "ndjson": 2_000, "area": 1_200, "carts": 500, "tokens": 2_000, "endpoints": 400}
INPUTS |= {"office": 1_000, "deliveries": 300, "pictures": 400, "rasters": 250, "ranges": 400, "watches": 400}
SEED = 7
# one input fails in the way that WRONG names
TRAP = """
import contextlib, os, signal, time
from fuzz._engine import Place, run

class Trap:
    @contextlib.contextmanager
    def around(self):
        yield Place()

    def open(self, place):
        self.count, self.kept = 0, []

    def close(self):
        pass

    def make(self, pick):
        return pick.randbytes(4)

    def check(self, data):
        self.count += 1
        if WRONG == "raises" and self.count == 40:
            raise RecursionError("deep")
        if WRONG == "dies" and data == make(40):
            os.kill(os.getpid(), signal.SIGSEGV)
        if WRONG == "hangs" and data == make(40):
            time.sleep(60)
        if WRONG == "grows":
            self.kept.append(bytes(range(256)) * 1_024)
            time.sleep(0.015)
        return "read"

def make(number):
    from fuzz._engine import input_of
    return input_of(Trap(), "trap", 1, number)

found = run(Trap(), "trap", inputs=INPUTS, seed=1, jobs=JOBS, longest=2)
print(found.done, [(one.number, one.kind) for one in found.failures], found.grew)
"""


def run_trap(**names: Any) -> str:
    """Run a target that fails, and return the results of the engine."""
    code = "\n".join(f"{name} = {value!r}" for name, value in names.items()) + TRAP
    return python("-c", code).strip()


def python(*arguments: str) -> str:
    """Run Python with the fuzzing on its path, and return its output."""
    environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    command = [sys.executable, *arguments]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=250, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def target_of(name: str) -> Target:
    """Return a target by name."""
    return TARGETS[name]()


@pytest.mark.timeout(600)  # starting a sandbox process takes long on a busy machine
@pytest.mark.parametrize("name", TARGETS)
def test_target_thousands_of_inputs_end_as_documented(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """For any input, a reader or an endpoint responds in a documented way and keeps its promises."""
    monkeypatch.chdir(tmp_path)
    target = target_of(name)
    failures: list[Failure] = []
    with target.around() as place:
        target.open(place)
        with contextlib.closing(target):
            outcomes = drive(target, name, SEED, range(INPUTS[name]), note=failures.append)
    assert not failures, failures[0].text
    assert outcomes.total() == INPUTS[name]
    # some inputs are read and some refused, so the generated ones are near valid ones
    assert len(outcomes) > 1


@pytest.mark.parametrize("name", TARGETS)
def test_input_of_same_seed_and_number_is_same_input(name: str, tmp_path: Path):
    """The same seed and number give the same input; others give another."""
    if name in {"area", "carts", "office", "pictures", "rasters", "watches"}:
        first, second = target_of(name), target_of(name)
        with first.around() as place:
            first.open(place)
            second.open(place)
            numbers = range(60)
            assert [input_of(first, name, 1, one) for one in numbers] == [input_of(second, name, 1, one) for one in numbers]
        return
    inputs = [input_of(target_of(name), name, 1, number) for number in range(60)]
    assert inputs == [input_of(target_of(name), name, 1, number) for number in range(60)]
    assert inputs != [input_of(target_of(name), name, 2, number) for number in range(60)]


@pytest.mark.parametrize("jobs", [1, 2])
def test_run_finds_errors_crashes_and_hangs(jobs: int):
    """An input that raises, ends its process or takes too long is reported, and the others are still checked."""
    assert run_trap(WRONG="nothing", INPUTS=100, JOBS=jobs) == "100 [] False"
    assert run_trap(WRONG="dies", INPUTS=100, JOBS=jobs) == "100 [(40, 'crash')] False"
    assert run_trap(WRONG="hangs", INPUTS=100, JOBS=jobs) == "100 [(40, 'hang')] False"
    assert run_trap(WRONG="raises", INPUTS=50, JOBS=1) == "50 [(39, 'crash')] False"


def test_run_finds_memory_growth():
    """A target that never frees its inputs is reported as growing."""
    assert run_trap(WRONG="grows", INPUTS=500, JOBS=1) == "500 [] True"


def test_command_line_prints_table_and_checks_one_input(tmp_path: Path):
    """The results of a run are one row of a table, and one input can be checked alone."""
    output = python("-m", "fuzz", "tokens", "--inputs", "400", "--seed", "3", "--jobs", "2")
    assert "| tokens | 400 | 3 |" in output
    assert "bytes: b'" in python("-m", "fuzz", "ndjson", "--only", "5")


def test_requests_cover_every_endpoint():
    """Every path and method of the sandbox's OpenAPI description is among the requests, and the sign-in and controls too."""
    requested = {(one.method, one.path.partition("?")[0].replace("<order>", "{order}")) for one in (*REQUESTS, *CONTROL, *FORMS)}
    paths = describe("http://x")["paths"]
    described = {(method.upper(), path) for path, methods in paths.items() for method in methods if method != "parameters"}
    by_post = {("POST" if path.startswith("/v1/op/") else method, path) for method, path in described}
    assert by_post <= requested
