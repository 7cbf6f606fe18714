"""What is read at most once in a while."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from scenecart._util.cached_value import CachedValue


def test_cached_value_is_read_again_when_it_is_too_old():
    """Within its time a value is read once, and afterwards anew."""
    now, read = [0.0], []
    value = CachedValue(lambda: read.append(now[0]) or len(read), 60.0, clock=lambda: now[0])
    found = []
    for now[0] in (0.0, 60.0, 60.1, 120.0):
        found.append(value.get())
    assert found == [1, 1, 2, 2]
    assert read == [0.0, 60.1]


def test_forgotten_value_is_read_again():
    """After `forget`, the next call reads, however new the value was."""
    values = iter((1, 2))
    value = CachedValue(lambda: next(values), 60.0, clock=lambda: 0.0)
    assert value.get() == 1
    value.forget()
    assert value.get() == 2


def test_cached_value_of_a_failed_reading_is_not_kept():
    """A reading that fails is raised, and the next call reads again."""
    answers = iter((ValueError("down"), "up"))

    def read() -> str:
        answer = next(answers)
        if isinstance(answer, ValueError):
            raise answer
        return answer

    value = CachedValue(read, 60.0, clock=lambda: 0.0)
    with pytest.raises(ValueError, match="down"):
        value.get()
    assert value.get() == "up"


def test_threads_that_ask_at_once_share_one_reading():
    """Threads that ask while a value is read wait for it, and get the same."""
    started, go, read = threading.Event(), threading.Event(), []

    def slow() -> list[int]:
        started.set()
        go.wait(10)
        read.append(1)
        return read

    value = CachedValue(slow, 60.0, clock=lambda: 0.0)
    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(value.get) for _ in range(4)]
        assert started.wait(10)
        go.set()
        assert {id(one.result(10)) for one in asked} == {id(read)}
    assert read == [1]
