"""The journal: one key for each placement, for all threads and processes, on disk before anything is sent."""

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
from _expect import raises, warns
from _purchases import LIST, ORDER, PLACE, captures
from _scripted_service import ScriptedService, answer
from scenecart._orders.journal import Intent, Journal

if TYPE_CHECKING:
    from collections.abc import Iterator

INTENT = Intent("https://s.example", "org", "project", "fingerprint", "standard", 1, 100, "1.00", b"{}")


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    opened = Journal(tmp_path / "home" / "placements.sqlite", now=time.time)
    yield opened
    opened.close()


def test_claim_twice_returns_one_placement(journal: Journal):
    """The same intent claimed twice is one placement with one key; another project, content or service is another placement."""
    first = journal.claim(INTENT)
    assert journal.claim(INTENT).key == first.key
    others = [replace(INTENT, project="p"), replace(INTENT, fingerprint="f"), replace(INTENT, base_url="https://t.example")]
    assert len({journal.claim(other).key for other in [INTENT, *others]}) == 4


def test_claim_under_another_account_name_returns_one_placement(journal: Journal):
    """A project has one organization, so a service that names the account differently meets the same placement."""
    assert journal.claim(replace(INTENT, account="sub-1")).key == journal.claim(INTENT).key


def test_latest_placed_before_a_refused_attempt_is_the_placed_one(journal: Journal):
    """An attempt to buy again that was refused, or that is unanswered, does not make the journal forget the order."""
    journal.mark(journal.claim(INTENT), "placed", order_id="o-1")
    again = journal.mark_sent(journal.claim(INTENT, again=True), 100, "1.00")
    assert journal.latest(INTENT).order_id == "o-1"
    journal.refuse(again, "sold out")
    assert journal.latest(INTENT).order_id == journal.claim(INTENT).order_id == "o-1"
    assert journal.claim(INTENT, again=True).attempt == 3


def test_mark_unsent_only_request_frees_the_placement(journal: Journal):
    """A request that did not leave is no lost answer: the placement is intended again, and a refusal ends it."""
    sent = journal.mark_sent(journal.claim(INTENT), 100, "1.00")
    assert journal.mark_unsent(sent, "no connection").state == "intended"
    second = journal.mark_sent(sent, 100, "1.00")
    assert journal.refuse(second, "no").state == "refused"


def test_mark_unsent_after_a_lost_answer_stays_unknown(journal: Journal):
    """Where an earlier request got no answer, one that did not leave changes nothing."""
    journal.mark(journal.mark_sent(journal.claim(INTENT), 100, "1.00"), "unknown")
    second = journal.mark_sent(journal.claim(INTENT), 100, "1.00")
    assert journal.mark_unsent(second, "no connection").state == "unknown"


def test_claim_in_threads_returns_one_key(journal: Journal):
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


def test_claim_in_processes_returns_one_key(tmp_path: Path):
    """Processes that create a journal and claim at once get the same key."""
    path = str(tmp_path / "home" / "placements.sqlite")
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        assert len(set(pool.map(_claim, [path] * 12))) == 1


def test_mark_placed_placement_keeps_its_order(journal: Journal):
    """Once a placement has its order, a late failure of another thread does not remove it."""
    placement = journal.claim(INTENT)
    journal.mark(placement, "placed", order_id="o-1")
    assert journal.mark(placement, "unknown").order_id == "o-1"
    assert journal.claim(INTENT).order_id == "o-1"
    assert journal.by_order("o-1", INTENT.base_url).key == placement.key


@pytest.mark.parametrize(("state", "same"), [("sent", True), ("unknown", True), ("unpaid", True), ("refused", False)])
def test_claim_unfinished_placement_keeps_its_key(journal: Journal, state: str, *, same: bool):
    """An unfinished placement keeps its key, even when bought again; after a refusal there is a new one."""
    placement = journal.claim(INTENT)
    journal.mark(placement, state)
    assert (journal.claim(INTENT).key == placement.key) is same
    assert (journal.claim(INTENT, again=True).key == placement.key) is same


def test_journal_is_private_to_its_user(journal: Journal):
    """Other users can read neither the journal nor its directory."""
    journal.claim(INTENT)
    assert journal.path.stat().st_mode & 0o777 == 0o600
    assert journal.path.parent.stat().st_mode & 0o777 == 0o700


def test_claim_is_committed(journal: Journal):
    """Another connection can read a claimed placement at once."""
    key = journal.claim(INTENT).key
    with sqlite3.connect(journal.path) as other:
        assert other.execute("SELECT key, state FROM placement").fetchall() == [(key, "intended")]
        assert other.execute("PRAGMA journal_mode").fetchone() == ("delete",)
    other.close()


def test_journal_without_its_table_raises(journal: Journal):
    """A journal that is destroyed while it is open raises JournalError from every method."""
    placement = journal.claim(INTENT)
    with contextlib.closing(sqlite3.connect(journal.path)) as other:
        other.execute("DROP TABLE placement")
    for call, code in (
        (lambda: journal.latest(INTENT), "journal_not_read"),
        (lambda: journal.placements(INTENT.base_url), "journal_not_read"),
        (lambda: journal.claim(INTENT), "journal_not_written"),
        (lambda: journal.mark(placement, "unknown"), "journal_not_written"),
    ):
        with raises(scenecart.JournalError, code):
            call()


def test_journal_schema_refuses_impossible_states(journal: Journal):
    """The schema refuses an order id without the state placed, negative credits, unknown states and no captures."""
    placement = journal.claim(INTENT)
    with sqlite3.connect(journal.path) as other:
        for column, value in (("order_id", "o"), ("credits", -1), ("state", "paid"), ("captures", 0)):
            with pytest.raises(sqlite3.IntegrityError):
                other.execute(f"UPDATE placement SET {column} = ? WHERE number = ?", (value, placement.number))  # noqa: S608  # columns named above
    other.close()


def test_refuse_while_another_process_sends_keeps_the_key(journal: Journal):
    """Of two processes that send one key, a refusal of one does not free the key for a third."""
    first = journal.mark_sent(journal.claim(INTENT), 100, "1.00")
    journal.mark_sent(journal.claim(INTENT), 100, "1.00")
    assert journal.refuse(first, "no").state == "unknown"
    assert journal.claim(INTENT).key == first.key


def test_mark_sent_closed_placement_stays_refused(journal: Journal):
    """A process that slept between claiming and sending finds that its placement was closed."""
    asleep = journal.claim(INTENT)
    journal.refuse(asleep, "never sent")
    other = journal.claim(INTENT)
    assert other.key != asleep.key
    assert journal.mark_sent(asleep, 100, "1.00").state == "refused"
    assert journal.reload(other).state == "intended"


def test_journal_of_an_older_version_is_upgraded(journal: Journal):
    """Opening a journal of an older version keeps every placement."""
    placed = journal.mark(journal.mark_sent(journal.claim(INTENT), 100, "1.00"), "placed", order_id="o-1")
    unknown = journal.mark(journal.claim(replace(INTENT, project="other")), "unknown")
    journal.close()
    with contextlib.closing(sqlite3.connect(journal.path, isolation_level=None)) as database:
        for column in ("tries", "doubt", "opened"):
            database.execute(f"ALTER TABLE placement DROP COLUMN {column}")
        database.execute("PRAGMA user_version = 1")
    upgraded = Journal(journal.path, now=time.time)
    try:
        kept = upgraded.placements(INTENT.base_url)
        assert [(one.key, one.state, one.order_id) for one in kept] == [
            (placed.key, "placed", "o-1"),
            (unknown.key, "unknown", None),
        ]
        assert upgraded.refuse(upgraded.mark_sent(kept[1], 100, "1.00"), "no").state == "unknown"
    finally:
        upgraded.close()


def test_journal_of_a_newer_version_is_left_alone(connect: Any, tmp_path: Path):
    """A journal of a newer version is neither read nor replaced."""
    connect().placements()
    with contextlib.closing(sqlite3.connect(tmp_path / "home" / "placements.sqlite", isolation_level=None)) as database:
        database.execute("PRAGMA user_version = 99")
    with raises(scenecart.JournalError, "journal_newer") as caught:
        connect().placements()
    assert "SCENECART_HOME" not in str(caught.value)  # a new journal would not know what was bought


def test_journal_path_of_another_database_is_left_alone(tmp_path: Path):
    """A database of something else in the place of the journal is not changed."""
    path = tmp_path / "placements.sqlite"
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("CREATE TABLE mine (id)")
    before = path.read_bytes()
    other = Journal(path, now=time.time)
    with raises(scenecart.JournalError, "journal_foreign"):
        other.placements(INTENT.base_url)
    assert path.read_bytes() == before


def test_journal_damaged_places_nothing(service: ScriptedService, connect: Any, tmp_path: Path):
    """A damaged journal stops placing, and is left as it is."""
    path = tmp_path / "home" / "placements.sqlite"
    path.parent.mkdir()
    path.write_bytes(b"this is no database, but it may have been one" * 100)
    before = path.read_bytes()
    with warns("journal_unavailable"):
        client = connect()
    with raises(scenecart.JournalError, "journal_damaged"):
        client.cart(captures()).estimate().place()
    assert path.read_bytes() == before
    assert service.requests(PLACE) == []


def test_journal_on_a_full_disk_is_not_called_damaged(service: ScriptedService, connect: Any, tmp_path: Path):
    """Where the disk blocks the journal, nothing is placed, and no hint says to move the journal."""
    connect().placements()
    wal = tmp_path / "home" / "placements.sqlite-wal"
    wal.unlink(missing_ok=True)
    wal.mkdir()
    with warns("journal_unavailable"):
        client = connect()
    with raises(scenecart.JournalError, "journal_unusable") as caught:
        client.cart(captures()).estimate().place()
    assert "Keep" in str(caught.value)
    assert "Move" not in str(caught.value)
    assert service.requests(PLACE) == []


def test_journal_not_opened_still_allows_reading(service: ScriptedService, connect: Any, tmp_path: Path):
    """Without a place for the journal one can list orders and see prices, with warnings; nothing can be placed."""
    home = tmp_path / "file"
    home.write_text("no directory")
    with warns("journal_unavailable"):
        client = connect(home=home)
    service.put(LIST, answer({"content": [ORDER], "totalElements": 1, "totalPages": 1}))
    with warns("order_footprints_missing"):
        assert client.orders().index.tolist() == ["o-1"]
    estimate = client.cart(captures()).estimate()
    with raises(scenecart.JournalError, "journal_not_opened") as caught:
        estimate.place()
    assert "Errno" not in str(caught.value)
    assert service.requests(PLACE) == []
