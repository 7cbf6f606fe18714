"""The bound on what is unpacked at the same time."""

from __future__ import annotations

import sys
import threading

import pytest

from _forks import in_forks
from scenecart._imagery.budget import Budget


def test_budget_bounds_the_sum_of_all_threads():
    """However many threads unpack, the sum stays within the budget, and each gets its turn; a larger one goes alone."""
    budget, used, most = Budget(100), [0], [0]
    lock = threading.Lock()

    def unpack(count: int) -> None:
        for _ in range(20):
            with budget.taken(count):
                with lock:
                    used[0] += min(count, 100)
                    most[0] = max(most[0], used[0])
                with lock:
                    used[0] -= min(count, 100)

    threads = [threading.Thread(target=unpack, args=(count,)) for count in (40, 40, 40, 60, 500)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not any(thread.is_alive() for thread in threads)
    assert (used, most[0] <= 100) == ([0], True)


@pytest.mark.skipif(sys.platform == "win32", reason="processes are forked")
def test_budget_in_a_forked_process_is_whole():
    """A process forked while threads of its parent unpack has all bytes for itself."""
    budget = Budget(10)

    def unpack() -> bool:
        with budget.taken(10):
            return True

    with budget.taken(10):
        assert in_forks(unpack, 1) == [True]


def test_budget_of_a_block_that_fails_is_given_back():
    """An error inside the block gives the bytes back."""
    budget = Budget(10)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), budget.taken(10):
            1 / 0  # noqa: B018  # fails
    with budget.taken(10):
        pass
