"""Forks while other threads use SQLite."""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING

import pytest

from _forks import in_forks, working
from scenecart._orders.order_index import OrderIndex
from scenecart._util import forks

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="processes are forked")


def test_fork_while_threads_use_the_index_of_orders_does_not_hang(tmp_path: Path):
    """A process forked while other threads are in SQLite uses SQLite at once."""

    def use(number: int) -> None:
        OrderIndex(tmp_path / f"{number}.sqlite", "somebody").write([], 1.0, is_everything=False)

    def use_in_fork() -> bool:
        index = OrderIndex(tmp_path / "child.sqlite", "somebody")
        index.write([], 1.0, is_everything=False)
        return index.complete_to() == 1.0

    with working(use):
        assert in_forks(use_in_fork, 15) == [True] * 15


def test_fork_waits_for_the_lock_and_the_new_process_has_a_free_one():
    """A fork begins when no other thread holds the lock; afterwards both processes can take it."""
    entered, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with forks.sqlite.lock:
            entered.set()
            leave.wait(10)

    thread = threading.Thread(target=hold)
    thread.start()
    entered.wait(10)
    threading.Timer(0.05, leave.set).start()

    def take() -> bool:
        return forks.sqlite.lock.acquire(timeout=5) and leave.is_set()

    assert in_forks(take, 1) == [True]
    thread.join(10)
    assert take()
    forks.sqlite.lock.release()
