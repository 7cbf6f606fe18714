"""The database, its schema and the lock of the data folder."""

from __future__ import annotations

import sqlite3
import threading
from typing import TYPE_CHECKING

import psutil
import pytest

from scenecart.sandbox import Sandbox, SandboxError
from scenecart.sandbox._data.storage import Storage, lock_folder

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from _http_client import ServiceClient


def test_ended_threads_leave_no_open_files(box: Sandbox):
    """Many short threads do not use up the open files of the process."""

    def held() -> int:
        return sum(file.path.startswith(str(box.data)) for file in psutil.Process().open_files())

    def ask_in_threads() -> None:
        for _ in range(30):
            thread = threading.Thread(target=box.token)
            thread.start()
            thread.join(30)

    ask_in_threads()
    before = held()
    ask_in_threads()
    # a thread of the service's own may have come meanwhile
    assert held() < before + 30


def test_ended_threads_leave_no_connection(box: Sandbox):
    """Connections of ended threads are closed, except the last one."""
    storage = box._running().authenticator._storage
    for _ in range(20):
        thread = threading.Thread(target=lambda: storage.setting("signing-secret"))
        thread.start()
        thread.join()
    assert sum(not thread.is_alive() for thread in storage._connections) == 1


def test_foreign_database_is_refused_unchanged(tmp_path: Path):
    """A file that is not a database of the sandbox is refused and stays unchanged."""
    (tmp_path / "sandbox.sqlite").write_bytes(b"precious")
    with pytest.raises(SandboxError, match=r"sandbox\.sqlite"):
        Sandbox(tmp_path, captures=1_000).start()
    assert (tmp_path / "sandbox.sqlite").read_bytes() == b"precious"


def test_schema_refuses_invalid_states(box: Sandbox, sign_in: Callable[..., ServiceClient]):
    """The constraints refuse negative balances, changed transfers and finished orders that change their state."""
    client = sign_in(box)
    order = client.place("first").json()["id"]
    client.call("orders.cancel", {"id": order})
    database = sqlite3.connect(box.data / "sandbox.sqlite")
    try:
        for statement in (
            "UPDATE account SET balance = -1 WHERE kind = 'available'",
            "UPDATE transfer SET credits = 0",
            "DELETE FROM transfer",
            "UPDATE \"order\" SET status = 'processing'",
            "INSERT INTO transfer (kind, source, target, credits, created) SELECT 'refund', id, id, 1, 0 FROM account",
        ):
            with pytest.raises(sqlite3.IntegrityError):
                database.execute(statement)
    finally:
        database.close()


def test_lock_folder_second_lock_is_refused(tmp_path: Path):
    """A data folder belongs to one sandbox at a time, and is free after it stops."""
    with lock_folder(tmp_path), pytest.raises(SandboxError, match=str(tmp_path)), lock_folder(tmp_path):
        pass
    with lock_folder(tmp_path):
        pass


def test_write_error_rolls_back(box: Sandbox):
    """An error inside a write transaction leaves nothing behind."""
    storage = Storage(box.data / "other.sqlite", box.data / "catalog.sqlite")
    with pytest.raises(sqlite3.IntegrityError), storage.write() as database:  # noqa: PT012  # the second statement must fail
        database.execute("INSERT INTO setting VALUES ('name', 'value')")
        database.execute("INSERT INTO setting VALUES ('name', 'value')")
    assert storage.setting("name") is None
    storage.close()
