"""The journal's file: short connections, its lock, forks, copies, and files that are not a journal."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import uuid
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from _expect import raises
from _sqlite_files import damage_schema
from scenecart import JournalError
from scenecart._api.operations import PLACE
from scenecart._orders.journal import Journal
from scenecart._orders.purchase import Purchase
from scenecart._util.json import dumps

if TYPE_CHECKING:
    from pathlib import Path

ADDRESS = "https://service.example"
RING = [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0], [0.0, 0.0]]
OLD_SCHEMA = """CREATE TABLE placement (
  number INTEGER PRIMARY KEY, base_url TEXT NOT NULL, account TEXT NOT NULL, project TEXT NOT NULL, fingerprint TEXT NOT NULL,
  turn INTEGER NOT NULL, key TEXT NOT NULL UNIQUE, state TEXT NOT NULL, order_id TEXT, license_type TEXT NOT NULL,
  captures INTEGER NOT NULL, credits INTEGER NOT NULL, aud TEXT NOT NULL, body BLOB NOT NULL, answer TEXT, detail TEXT,
  created REAL NOT NULL, changed REAL NOT NULL, tries INTEGER NOT NULL DEFAULT 0, doubt INTEGER NOT NULL DEFAULT 0,
  UNIQUE (base_url, account, project, fingerprint, turn)) STRICT"""


def purchase(name: str = "a") -> Purchase:
    captures = [{"id": name, "geometry": {"type": "Polygon", "coordinates": [RING]}}]
    body = dumps({"projectId": "p", "licenseType": "standard", "captures": captures, "splitByDate": False})
    return Purchase(ADDRESS, "org", "org", "p", f"f-{name}", "standard", (name,), 5, "0.05", body)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "home" / "placements.sqlite"


def test_journal_between_operations_holds_no_file_open(path: Path):
    """After each operation no file of the journal is open, whatever thread ran it."""
    journal = Journal(path, now=time.time)
    journal.claim(purchase(), "", "o")
    thread = threading.Thread(target=lambda: journal.claim(purchase("b"), "", "o"))
    thread.start()
    thread.join()
    # the folder of this process's open files is Linux's own
    opened = {os.path.realpath(f"/proc/self/fd/{number}") for number in os.listdir("/proc/self/fd")}  # noqa: PTH208
    assert not [name for name in opened if name.startswith(str(path.parent))]


def test_journal_is_private(path: Path):
    """The journal and its folder can be read by their owner only."""
    Journal(path, now=time.time).claim(purchase(), "", "o")
    assert (path.stat().st_mode & 0o77, path.parent.stat().st_mode & 0o77) == (0, 0)


def test_journal_copied_by_its_own_process_keeps_its_locks(path: Path):
    """A copy made in the notebook drops SQLite's locks, and another process still waits for the end of the transaction."""
    journal = Journal(path, now=time.time)
    journal.claim(purchase(), "", "o")
    code = (
        "import sys, time; from pathlib import Path; from scenecart._orders.journal import Journal\n"
        "journal = Journal(Path(sys.argv[1]), now=time.time)\n"
        "print(len(journal.placements(sys.argv[2])))\n"
    )
    with journal._file.write("Nothing was sent."):
        shutil.copy(path, path.with_suffix(".copy"))
        other = subprocess.Popen([sys.executable, "-c", code, str(path), ADDRESS], stdout=subprocess.PIPE, text=True)
        with pytest.raises(subprocess.TimeoutExpired):
            other.wait(1.5)
    assert other.communicate(timeout=30)[0].strip() == "1"


def test_journal_interrupted_while_it_waits_is_free_afterwards(path: Path):
    """Ctrl+C while the journal is locked elsewhere leaves no lock and no transaction."""
    journal = Journal(path, now=time.time)
    journal.claim(purchase(), "", "o")
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
        with pytest.raises(KeyboardInterrupt):
            journal.claim(purchase("b"), "", "o")
        holder.execute("ROLLBACK")
    assert journal.claim(purchase("b"), "", "o").state == "intended"


def _claim_many(path: Path, journal: Journal | None, names: list[str]) -> None:
    journal = journal or Journal(path, now=time.time)
    for name in names:
        journal.claim(purchase(name), "", "o")
    os._exit(0)


@pytest.mark.parametrize("is_inherited", [True, False])
def test_journal_in_forked_processes_loses_nothing(path: Path, *, is_inherited: bool):
    """Forked processes that use the parent's journal, or one of their own, write every row, and the file stays sound."""
    journal = Journal(path, now=time.time)
    journal.claim(purchase("parent"), "", "o")
    fork = multiprocessing.get_context("fork")
    names = [[f"{number}-{place}" for place in range(8)] for number in range(4)]
    children = [fork.Process(target=_claim_many, args=(path, journal if is_inherited else None, some)) for some in names]
    for child in children:
        child.start()
    for child in children:
        child.join(60)
    assert [child.exitcode for child in children] == [0] * 4
    assert len(journal.placements(ADDRESS)) == 33
    with contextlib.closing(sqlite3.connect(path)) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)


@pytest.mark.parametrize(
    ("content", "code"),
    [(b"", "journal_empty"), (b"not a database, but longer than a header is" * 90, "journal_damaged")],
    ids=["empty", "damaged"],
)
def test_journal_that_is_no_journal_is_refused(path: Path, content: bytes, code: str):
    """A file without bytes, or of something else, is an error and never becomes a new journal."""
    path.parent.mkdir()
    path.write_bytes(content)
    with raises(JournalError, code):
        Journal(path, now=time.time).claim(purchase(), "", "o")
    assert path.read_bytes() == content


def test_journal_whose_schema_is_no_text_is_refused(path: Path):
    """A journal that is damaged where SQLite repeats it in its message is an error as any damaged one, and is not changed."""
    Journal(path, now=time.time).claim(purchase(), "", "o")
    damaged = damage_schema(path)
    with raises(JournalError, "journal_damaged"):
        Journal(path, now=time.time).claim(purchase(), "", "o")
    assert path.read_bytes() == damaged


def test_journal_of_another_program_is_refused(path: Path):
    """A database of another program is an error, and is not changed."""
    path.parent.mkdir()
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE other (x)")
    before = path.read_bytes()
    with raises(JournalError, "journal_foreign"):
        Journal(path, now=time.time).placements(ADDRESS)
    assert path.read_bytes() == before


def test_journal_of_a_newer_version_is_refused(path: Path):
    """A journal of a newer version is an error that says so."""
    Journal(path, now=time.time).claim(purchase(), "", "o")
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA user_version = 99")
    with raises(JournalError, "journal_newer"):
        Journal(path, now=time.time).placements(ADDRESS)


def _old_journal(path: Path, *rows: tuple[Any, ...]) -> None:
    path.parent.mkdir()
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute(OLD_SCHEMA)
        database.executemany(
            "INSERT INTO placement (base_url, account, project, fingerprint, turn, key, state, order_id, license_type, captures,"
            " credits, aud, body, created, changed) VALUES (?, 'org', 'p', ?, 1, ?, ?, ?, 'standard', 1, 5, '0.05', ?, 1, 1)",
            rows,
        )
        database.execute("PRAGMA application_id = 1396918860")
        database.execute("PRAGMA user_version = 2")


def test_journal_of_an_older_version_is_taken_over(path: Path):
    """A journal of 0.1.0 keeps its keys and orders, leaves the write-ahead log, and gets fingerprints by today's rule."""
    body = purchase().body
    halves = [[[0.0, 0.0], [0.5, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0], [0.0, 0.0]]]
    other = dumps({
        "projectId": "p", "licenseType": "standard", "splitByDate": False,
        "captures": [{"id": "a", "geometry": {"type": "MultiPolygon", "coordinates": [halves]}}],
    })  # fmt: skip
    _old_journal(path, (ADDRESS, "f1", "k1", "placed", "o-1", body), (ADDRESS, "f2", "k2", "unknown", None, other))
    first, second = Journal(path, now=time.time).placements(ADDRESS)
    assert [(one.key, one.state, one.order_id) for one in (first, second)] == [("k1", "placed", "o-1"), ("k2", "unknown", None)]
    assert first.fingerprint == second.fingerprint
    assert (first.wish, second.wish, second.open_tries) == ("", "text:0.1.0 turn 2", 1)
    assert not path.with_name("placements.sqlite-wal").exists()


@pytest.mark.parametrize("version", [4, 5])
def test_journal_of_an_earlier_development_version_keeps_its_placements(path: Path, version: int):
    """A journal with the tables of today but without services that ignore keys, or paths, gets them, and is not copied."""
    journal = Journal(path, now=time.time)
    journal.claim(purchase(), "", uuid.uuid4().hex)
    with contextlib.closing(sqlite3.connect(path)) as database, database:
        if version == 4:
            database.execute("DROP TABLE keyless")
        database.execute("ALTER TABLE placement DROP COLUMN path")
        database.execute(f"PRAGMA user_version = {version}")
    journal = Journal(path, now=time.time)
    assert [one.path for one in journal.placements(ADDRESS)] == [PLACE.path]
    assert not journal.ignores_keys(ADDRESS)
    journal.note_ignored_keys(ADDRESS)
    assert Journal(path, now=time.time).ignores_keys(ADDRESS)
    assert sorted(one.name for one in path.parent.iterdir()) == ["placements.lock", "placements.sqlite"]


def test_journal_of_an_older_version_in_use_is_not_taken_over(path: Path):
    """While an older version has the journal open, nothing is changed and nothing can be placed."""
    _old_journal(path, (ADDRESS, "f1", "k1", "placed", "o-1", purchase().body))
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        holder.execute("UPDATE placement SET changed = 2")
        journal = Journal(path, now=time.time)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("scenecart._orders.journal_file._BUSY_SECONDS", 0.2)
            with raises(JournalError, "journal_busy"):
                journal.claim(purchase(), "", "o")
        holder.execute("ROLLBACK")
    assert journal.placements(ADDRESS)[0].order_id == "o-1"


def test_journal_on_a_drive_that_grants_every_lock_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch):
    """Where a second handle gets the same lock, two processes would buy at once: nothing is written."""
    monkeypatch.setattr("scenecart._orders.journal_file._lock", lambda _: True)
    with raises(JournalError, "journal_without_locks"):
        Journal(path, now=time.time).claim(purchase(), "", "o")
    assert not path.exists()


def test_journal_of_an_older_version_is_copied_before_it_is_changed(path: Path):
    """What version 0.1.0 wrote is kept beside the new journal, for people who go back."""
    _old_journal(path, (ADDRESS, "f1", "k1", "placed", "o-1", purchase().body))
    Journal(path, now=time.time).placements(ADDRESS)
    copy = path.with_name("placements-before-0.2.sqlite")
    with contextlib.closing(sqlite3.connect(copy)) as database:
        assert database.execute("SELECT key, turn FROM placement").fetchall() == [("k1", 1)]
    assert copy.stat().st_mode & 0o77 == 0


@pytest.mark.parametrize(
    ("state", "tries", "doubt", "expected"),
    [
        ("intended", 0, 0, ("intended", 0)),
        ("sent", 1, 0, ("unknown", 1)),
        ("unknown", 1, 0, ("unknown", 1)),
        ("unpaid", 1, 0, ("unpaid", 0)),
        ("unpaid", 2, 1, ("unknown", 1)),
        ("refused", 1, 0, ("refused", 0)),
        ("refused", 2, 0, ("unknown", 1)),
    ],
)
def test_journal_of_an_older_version_keeps_what_may_be_an_order(
    path: Path, state: str, tries: int, doubt: int, expected: tuple[str, int]
):
    """Whatever may have become an order is an open request that left early; keys stay as they were."""
    _old_journal(path, (ADDRESS, "f1", "k1", state, None, purchase().body))
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("UPDATE placement SET tries = ?, doubt = ?", (tries, doubt))
    (found,) = Journal(path, now=time.time).placements(ADDRESS)
    assert (found.state, found.open_tries) == expected
    assert (found.key, found.key_form) == ("k1", 0)


def test_journal_of_an_older_version_changes_only_keys_that_are_free(path: Path):
    """A refused placement of version 0.1.0 gets the key of the purchase when it is placed again; an unknown one keeps its own."""
    one = purchase()
    _old_journal(path, (ADDRESS, "f1", "k1", "refused", None, one.body), (ADDRESS, "f2", "k2", "unknown", None, purchase("b").body))
    journal = Journal(path, now=time.time)
    for row, key in zip(journal.placements(ADDRESS), (None, "k2"), strict=True):
        now = replace(one, fingerprint=row.fingerprint)
        assert journal.claim(now, "", "o").key == (key or now.key())
