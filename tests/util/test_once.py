"""Values that are made at their first use."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from scenecart._util.once import Once


def test_once_is_made_at_its_first_use():
    """Nothing is made before, and once is enough."""
    made: list[int] = []
    value = Once(lambda: made.append(1) or object())
    assert made == []
    assert value() is value()
    assert made == [1]


def test_once_used_by_threads_at_the_same_time_is_one_value():
    """Threads that use it first at the same moment get the same value, even if several make one."""
    at_once = threading.Barrier(4)

    def make() -> object:
        at_once.wait(10)
        return object()

    value = Once(make)
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda _: value(), range(4)))
    assert len(set(map(id, found))) == 1


def test_once_that_fails_is_made_by_the_next_use():
    """An error is raised and not kept."""
    answers = iter([ValueError("not yet"), None])

    def make() -> str:
        error = next(answers)
        if error is not None:
            raise error
        return "made"

    value = Once(make)
    with pytest.raises(ValueError, match="not yet"):
        value()
    assert value() == "made"
