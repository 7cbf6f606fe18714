"""Thousands of inputs for each target, and proof that what goes wrong is seen; `make fuzz-million` gives each a million."""

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

INPUTS = {"features": 2_000, "ndjson": 4_000, "area": 2_500, "carts": 1_000, "tokens": 4_000, "endpoints": 800}
SEED = 7
# three inputs in a hundred go wrong, each in a way of its own
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
        return "well"

def make(number):
    from fuzz._engine import input_of
    return input_of(Trap(), "trap", 1, number)

found = run(Trap(), "trap", inputs=INPUTS, seed=1, jobs=JOBS, longest=2)
print(found.done, [(one.number, one.kind) for one in found.failures], found.grew)
"""


def sprung(**names: Any) -> str:
    """Run a target that goes wrong, and return what the engine says of it."""
    code = "\n".join(f"{name} = {value!r}" for name, value in names.items()) + TRAP
    return python("-c", code).strip()


def python(*arguments: str) -> str:
    environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    command = [sys.executable, *arguments]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def made(name: str) -> Target:
    return TARGETS[name]()


@pytest.mark.timeout(600)  # a sandbox in a process of its own is slow to start on a machine with other work
@pytest.mark.parametrize("name", TARGETS)
def test_thousands_of_inputs_end_as_documented(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Whatever a reader or an endpoint is given, it answers in a way that is documented, and keeps its promises."""
    monkeypatch.chdir(tmp_path)
    target = made(name)
    failures: list[Failure] = []
    with target.around() as place:
        target.open(place)
        with contextlib.closing(target):
            outcomes = drive(target, name, SEED, range(INPUTS[name]), note=failures.append)
    assert not failures, failures[0].text
    assert outcomes.total() == INPUTS[name]
    # neither refused nor read altogether: what is made is near what is good
    assert len(outcomes) > 1


@pytest.mark.parametrize("name", TARGETS)
def test_a_number_is_always_the_same_input(name: str, tmp_path: Path):
    """The same seed and number make the same input again, and other ones another."""
    if name in {"area", "carts"}:
        first, second = made(name), made(name)
        with first.around() as place:
            first.open(place)
            second.open(place)
            numbers = range(60)
            assert [input_of(first, name, 1, one) for one in numbers] == [input_of(second, name, 1, one) for one in numbers]
        return
    inputs = [input_of(made(name), name, 1, number) for number in range(60)]
    assert inputs == [input_of(made(name), name, 1, number) for number in range(60)]
    assert inputs != [input_of(made(name), name, 2, number) for number in range(60)]


@pytest.mark.parametrize("jobs", [1, 2])
def test_what_raises_dies_or_hangs_is_found(jobs: int):
    """An input that raises, ends its process or takes too long is named, and the others are checked all the same."""
    assert sprung(WRONG="nothing", INPUTS=100, JOBS=jobs) == "100 [] False"
    assert sprung(WRONG="dies", INPUTS=100, JOBS=jobs) == "100 [(40, 'crash')] False"
    assert sprung(WRONG="hangs", INPUTS=100, JOBS=jobs) == "100 [(40, 'hang')] False"
    assert sprung(WRONG="raises", INPUTS=50, JOBS=1) == "50 [(39, 'crash')] False"


def test_growth_is_found():
    """A target that keeps what it is given grows, and that is said."""
    assert sprung(WRONG="grows", INPUTS=500, JOBS=1) == "500 [] True"


def test_the_command_line_tells_the_figures(tmp_path: Path):
    """One line of a table tells what a run found, and one input can be checked again by itself."""
    said = python("-m", "fuzz", "tokens", "--inputs", "400", "--seed", "3", "--jobs", "2")
    assert "| tokens | 400 | 3 |" in said
    assert "bytes: b'" in python("-m", "fuzz", "ndjson", "--only", "5")


def test_every_endpoint_is_asked():
    """Every path and method of the sandbox's own description is among the requests, with the sign-in and the controls beside."""
    asked = {(one.method, one.path.partition("?")[0].replace("<order>", "{order}")) for one in (*REQUESTS, *CONTROL, *FORMS)}
    paths = describe("http://x")["paths"]
    described = {(method.upper(), path) for path, methods in paths.items() for method in methods if method != "parameters"}
    by_post = {("POST" if path.startswith("/v1/op/") else method, path) for method, path in described}
    assert by_post <= asked
