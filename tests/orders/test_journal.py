"""The journal between threads and processes."""

from __future__ import annotations

import contextlib
import multiprocessing
import sqlite3
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import scenecart
from _purchases import LIST, ORDER, PLACE, captures
from _scripted_service import ScriptedService, answer
from scenecart._orders.journal import Intent, Journal
from scenecart.exceptions import JournalError

if TYPE_CHECKING:
    from collections.abc import Iterator

INTENT = Intent("https://s.example", "org", "project", "fingerprint", "standard", 1, 100, "1.00", b"{}")


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    opened = Journal(tmp_path / "home" / "placements.sqlite", now=time.time)
    yield opened
    opened.close()


def test_a_placement_is_claimed_once(journal: Journal):
    """The same thing claimed twice is one placement with one key; any difference in what it is makes another."""
    first = journal.claim(INTENT)
    assert journal.claim(INTENT).key == first.key
    others = [replace(INTENT, project="p"), replace(INTENT, account="a"), replace(INTENT, fingerprint="f"),
              replace(INTENT, base_url="https://t.example")]  # fmt: skip
    assert len({journal.claim(other).key for other in [INTENT, *others]}) == 5


def test_threads_agree_on_one_key(journal: Journal):
    """Twenty threads that claim at once get the same key."""
    found: list[str] = []
    threads = [threading.Thread(target=lambda: found.append(journal.claim(INTENT).key)) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(found) == 20
    assert len(set(found)) == 1


def _claim(path: str) -> str:
    journal = Journal(Path(path), now=time.time)
    try:
        return journal.claim(INTENT).key
    finally:
        journal.close()


def test_processes_agree_on_one_key(tmp_path: Path):
    """Processes that open a new journal and claim at once get the same key."""
    path = str(tmp_path / "home" / "placements.sqlite")
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        assert len(set(pool.map(_claim, [path] * 12))) == 1


def test_threads_that_end_leave_nothing_open(journal: Journal):
    """Hundreds of threads that look into the journal and end do not use up the files a process may open."""
    journal.claim(INTENT)
    for _ in range(50):
        thread = threading.Thread(target=journal.placements, args=(INTENT.base_url,))
        thread.start()
        thread.join(30)
    assert len(journal._opened) <= 2
    assert len(journal.placements(INTENT.base_url)) == 1


def test_placed_stays_placed(journal: Journal):
    """Once a placement has its order, a late failure of another thread does not take it away."""
    placement = journal.claim(INTENT)
    journal.mark(placement, "placed", order_id="o-1")
    assert journal.mark(placement, "unknown").order_id == "o-1"
    assert journal.claim(INTENT).order_id == "o-1"
    assert journal.of_order("o-1", INTENT.base_url).key == placement.key


@pytest.mark.parametrize(("state", "same"), [("sent", True), ("unknown", True), ("unpaid", True), ("refused", False)])
def test_the_key_of_the_next_try(journal: Journal, state: str, *, same: bool):
    """What is unfinished goes on with its key, even when asked for again; what was refused gets a new one."""
    placement = journal.claim(INTENT)
    journal.mark(placement, state)
    assert (journal.claim(INTENT).key == placement.key) is same
    assert (journal.claim(INTENT, again=True).key == placement.key) is same


def test_only_its_user_can_read_it(journal: Journal):
    """The journal and its folder are closed to others."""
    journal.claim(INTENT)
    assert journal.path.stat().st_mode & 0o777 == 0o600
    assert journal.path.parent.stat().st_mode & 0o777 == 0o700


def test_a_written_row_survives_the_process(journal: Journal, tmp_path: Path):
    """What is claimed can be read at once by another connection: it is committed, not cached."""
    key = journal.claim(INTENT).key
    with sqlite3.connect(journal.path) as other:
        assert other.execute("SELECT key, state FROM placement").fetchall() == [(key, "intended")]
        assert other.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    other.close()


def test_a_journal_that_stops_being_one_is_told(journal: Journal):
    """A journal that somebody takes to pieces meanwhile is told to be one, whatever is asked of it."""
    placement = journal.claim(INTENT)
    with contextlib.closing(sqlite3.connect(journal.path)) as other:
        other.execute("DROP TABLE placement")
    for ask in (
        lambda: journal.last(INTENT),
        lambda: journal.placements(INTENT.base_url),
        lambda: journal.claim(INTENT),
        lambda: journal.mark(placement, "unknown"),
    ):
        with pytest.raises(JournalError, match=r"The journal of placements cannot be (read|written)"):
            ask()


def test_impossible_states_are_refused_by_the_file(journal: Journal):
    """The schema itself refuses an order without the state placed, negative credits, and a key used twice."""
    placement = journal.claim(INTENT)
    with sqlite3.connect(journal.path) as other:
        for column, value in (("order_id", "o"), ("credits", -1), ("state", "paid"), ("captures", 0)):
            with pytest.raises(sqlite3.IntegrityError):
                other.execute(f"UPDATE placement SET {column} = ? WHERE number = ?", (value, placement.number))  # noqa: S608  # columns named above
    other.close()


def test_a_damaged_journal_places_nothing(service: ScriptedService, connect: Any, tmp_path: Path):
    """A journal that cannot be read stops placing with a clear error, and is left as it is."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "placements.sqlite").write_bytes(b"this is no database, but it may have been one" * 100)
    before = (home / "placements.sqlite").read_bytes()
    with pytest.raises(scenecart.JournalError, match="damaged"):
        connect().cart(captures()).estimate().place()
    assert (home / "placements.sqlite").read_bytes() == before
    assert service.requests(PLACE) == []


def test_a_journal_that_cannot_be_used_is_not_called_damaged(service: ScriptedService, connect: Any, tmp_path: Path):
    """Where the disk keeps the journal from being used, nothing is placed and nobody is told to move the journal away."""
    connect().placements()
    wal = tmp_path / "home" / "placements.sqlite-wal"
    wal.unlink(missing_ok=True)
    wal.mkdir()
    with pytest.raises(scenecart.JournalError, match="cannot be used") as caught:
        connect().cart(captures()).estimate().place()
    assert "Leave" in str(caught.value)
    assert "Move" not in str(caught.value)
    assert service.requests(PLACE) == []


def test_a_home_that_cannot_be_used_stops_buying_alone(service: ScriptedService, connect: Any, tmp_path: Path):
    """Without a place for the journal one can connect, look at orders and see prices, and is told; nothing can be placed."""
    home = tmp_path / "file"
    home.write_text("no directory")
    with pytest.warns(scenecart.ScenecartWarning, match="nothing can be placed from here"):
        client = connect(home=home)
    service.put(LIST, answer({"content": [ORDER], "totalElements": 1, "totalPages": 1}))
    with pytest.warns(scenecart.ScenecartWarning, match="ground of orders"):
        assert client.orders().index.tolist() == ["o-1"]
    estimate = client.cart(captures()).estimate()
    with pytest.raises(scenecart.JournalError, match=r"cannot be opened \(File exists\), so nothing is placed") as told:
        estimate.place()
    assert "Errno" not in str(told.value)
    assert service.requests(PLACE) == []


def test_a_newer_journal_is_left_alone(connect: Any, tmp_path: Path):
    """A journal of a newer version is neither read nor replaced."""
    home = tmp_path / "home"
    connect().placements()
    with sqlite3.connect(home / "placements.sqlite") as database:
        database.execute("PRAGMA user_version = 99")
    database.close()
    with pytest.raises(scenecart.JournalError, match="newer version") as told:
        connect().placements()
    assert "SCENECART_HOME" not in str(told.value)  # a new journal knows nothing of what was bought
