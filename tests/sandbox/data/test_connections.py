"""Connections of the sandbox's threads, while the process forks."""

from __future__ import annotations

import contextlib
import sqlite3
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from _forks import in_forks, working
from scenecart.sandbox._data.connections import _gate, connect

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

USES: dict[str, Callable[[sqlite3.Connection], object]] = {
    "execute": lambda database: database.execute("SELECT 1"),
    "executemany": lambda database: database.executemany("INSERT INTO seen VALUES (?)", [("a",)]),
    "executescript": lambda database: database.executescript("SELECT 1"),
    "cursor": lambda database: database.cursor().execute("SELECT 1"),
    "fetch": lambda database: database.execute("SELECT 1").fetchall(),
    "close": lambda database: database.close(),
}


@pytest.mark.parametrize("name", USES)
def test_use_while_the_process_forks_waits(name: str, tmp_path: Path):
    """Whatever a thread does with a connection waits until the fork is over."""
    with contextlib.closing(connect((tmp_path / "one.sqlite").as_uri())) as database:
        database.execute("CREATE TABLE seen (name TEXT)")
        thread = threading.Thread(target=USES[name], args=(database,))
        _gate.close()
        try:
            thread.start()
            thread.join(0.05)
            is_waiting = thread.is_alive()
        finally:
            _gate.open()
        thread.join(20)
        assert (is_waiting, thread.is_alive()) == (True, False)


@pytest.mark.skipif(sys.platform == "win32", reason="processes are forked")
def test_fork_while_threads_of_the_sandbox_work_does_not_hang(tmp_path: Path):
    """A process forked while threads of the sandbox are in SQLite uses SQLite at once, and the threads go on."""
    counts = [0, 0]

    def use(number: int) -> None:
        with contextlib.closing(connect((tmp_path / f"{number}.sqlite").as_uri())) as database:
            database.execute("CREATE TABLE IF NOT EXISTS seen (name TEXT)")
            database.executemany("INSERT INTO seen VALUES (?)", [("a",), ("b",)])
            rows = database.execute("SELECT name FROM seen LIMIT 2")
            counts[number] += len([*rows, *rows.fetchall()]) + len(database.execute("SELECT count(*) FROM seen").fetchone())

    def use_in_fork() -> bool:
        with contextlib.closing(sqlite3.connect(tmp_path / "child.sqlite")) as database:
            return len(database.execute("SELECT count(*) FROM sqlite_schema").fetchone()) == 1

    with working(use):
        assert in_forks(use_in_fork, 6) == [True] * 6
        before = sum(counts)
        for _ in range(1_000):
            if sum(counts) > before:
                break
            use(0)
    assert sum(counts) > before
