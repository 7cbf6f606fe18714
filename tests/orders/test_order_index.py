"""The index of orders: later looks read the first pages only, and whatever happens to the file, nothing is missed."""

from __future__ import annotations

import contextlib
import sqlite3
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

import scenecart
from _expect import raises, warns
from _purchases import LIST, ORDER, PLACE, PLACED, Clock, captures, keys, listed
from _scripted_service import Answer, RecordedRequest, ScriptedService, answer
from _sqlite_files import FOREIGN, contents, write_foreign

if TYPE_CHECKING:
    from pathlib import Path

DAY = 86_400.0
# of the index before it had an application id
TABLES = """
CREATE TABLE seen (
  whose TEXT NOT NULL, id TEXT NOT NULL, created REAL, document BLOB NOT NULL, PRIMARY KEY (whose, id)
) WITHOUT ROWID, STRICT;
CREATE TABLE capture (whose TEXT NOT NULL, id TEXT NOT NULL, name TEXT NOT NULL) STRICT;
CREATE INDEX capture_name ON capture (whose, name);
CREATE INDEX capture_id ON capture (whose, id);
"""
READING = "CREATE TABLE reading (whose TEXT PRIMARY KEY, complete_to REAL, begun_at REAL) STRICT; PRAGMA user_version = 2;"
READING_1 = "CREATE TABLE reading (whose TEXT PRIMARY KEY, complete_to REAL NOT NULL) STRICT; PRAGMA user_version = 1;"


class Archive:
    """A list of orders, newest first, in pages of a hundred; a new one every hour up to a time."""

    def __init__(self, count: int, until: float) -> None:
        self.now = until + DAY
        # at how many of the next requests a new order appears
        self.growing = 0
        self.orders = [
            {"id": f"old-{number}", "status": "delivered", "captures": [f"c-{number}"], "createdAt": _text(until - 3_600 * number)}
            for number in range(count)
        ]

    def __call__(self, request: RecordedRequest) -> Answer:
        page = request.json["page"]
        found = self.orders[100 * page : 100 * page + 100]
        if self.growing:
            self.growing -= 1
            # the total counts it already, and the next request lists it
            self.orders.insert(0, {**ORDER, "id": f"new-{self.growing}", "captures": ["x"], "createdAt": _text(self.now)})
        return answer({"content": found, "totalElements": len(self.orders)})


def _text(time: float) -> str:
    return datetime.fromtimestamp(time, UTC).isoformat()


def pages(service: ScriptedService) -> int:
    """Return how many pages were read, and count anew."""
    count = len(service.requests(LIST))
    service.received.clear()
    return count


@pytest.fixture
def archive(service: ScriptedService, connect: Any, clock: Clock) -> Archive:
    """Return a list of 350 orders that one look has read."""
    archive = Archive(350, clock.now - DAY)
    connect(wall=clock)
    service.put(LIST, archive)
    service.put(PLACE, PLACED)
    return archive


def test_look_after_a_complete_reading_reads_one_page(service: ScriptedService, connect: Any, clock: Clock, archive: Archive):
    """The first look reads every page; a later one reads as far back as a day before the first."""
    estimate = connect(wall=clock).cart(captures()).estimate()
    estimate.place(project="one")
    assert pages(service) == 4
    archive.orders.insert(0, {**ORDER, "createdAt": _text(clock.now)})
    estimate.place(project="two", owned="buy")
    assert pages(service) == 1


@pytest.mark.parametrize("spoil", ["unsorted", "undated", "more", "no index", "damaged index"])
def test_look_at_a_list_that_is_not_as_before_reads_everything(
    service: ScriptedService, connect: Any, archive: Archive, tmp_path: Path, spoil: str
):
    """A list in another order, without times, or with more orders than are known, and a lost index: every page is read."""
    estimate = connect(wall=lambda: archive.now).cart(captures()).estimate()
    estimate.place(project="one")
    pages(service)
    archive.orders.insert(0, {**ORDER, "createdAt": _text(archive.now)})
    index = tmp_path / "home" / "orders.sqlite"
    if spoil == "unsorted":
        archive.orders.reverse()
    elif spoil == "undated":
        archive.orders[5] = {**archive.orders[5], "createdAt": None}
    elif spoil == "more":
        archive.orders.append({**archive.orders[-1], "id": "hidden before"})
    elif spoil == "no index":
        index.unlink()
    else:
        # the page size in the header
        content = index.read_bytes()
        index.write_bytes(content[:16] + b"\0\0" + content[18:])
    estimate.place(project="two", owned="buy")
    assert pages(service) == 4


def test_list_that_grows_with_every_page_is_complete(connect: Any, archive: Archive):
    """Orders that appear while every page is read, and read again, are in the list, and nothing is said to be missing."""
    archive.growing = 7
    assert len(connect(wall=lambda: archive.now).orders()) == 357


def test_look_finds_an_old_order_of_the_same_captures_in_its_present_state(
    service: ScriptedService, connect: Any, clock: Clock, archive: Archive
):
    """An order far down the list is found through the index, and its state is asked for anew before it counts."""
    estimate = connect(wall=clock).cart(captures()).estimate()
    old = listed(estimate, id="colleague", createdAt=archive.orders[300]["createdAt"])
    archive.orders[300] = old
    with raises(scenecart.AlreadyOwned, "already_owned"):
        estimate.place(project="one")
    pages(service)

    def by_id(request: RecordedRequest) -> Answer:
        return answer([{**old, "status": "cancelled"}]) if request.json.get("orderIds") else archive(request)

    service.put(LIST, by_id)
    assert estimate.place(project="one").id == "o-1"
    assert len(keys(service)) == 1
    assert pages(service) == 2


@pytest.mark.parametrize("kind", FOREIGN)
def test_index_of_another_program_is_left_alone(
    service: ScriptedService, connect: Any, archive: Archive, tmp_path: Path, kind: str
):
    """A file that scenecart did not write is never changed: one warning names it, and every page is read each time."""
    home = tmp_path / "home"
    write_foreign(home / "orders.sqlite", kind, TABLES + READING)
    before = contents(home, "orders")
    estimate = connect(wall=lambda: archive.now).cart(captures()).estimate()
    with warns("order_index_foreign") as caught:
        estimate.place(project="one")
    assert str(home / "orders.sqlite") in str(caught[0].message)
    assert pages(service) == 4
    archive.orders.insert(0, {**ORDER, "createdAt": _text(archive.now)})
    estimate.place(project="two", owned="buy")
    assert pages(service) == 4
    assert contents(home, "orders") == before


def test_index_damaged_beyond_recognition_is_left_alone(connect: Any, archive: Archive, tmp_path: Path):
    """An index whose header is lost may be another program's file: it is not deleted."""
    estimate = connect(wall=lambda: archive.now).cart(captures()).estimate()
    estimate.place(project="one")
    index = tmp_path / "home" / "orders.sqlite"
    index.write_bytes(b"\0" * 100 + index.read_bytes()[100:])
    before = index.read_bytes()
    archive.orders.insert(0, {**ORDER, "createdAt": _text(archive.now)})
    with warns("order_index_foreign"):
        connect(wall=lambda: archive.now).cart(captures()).estimate().place(project="two", owned="buy")
    assert index.read_bytes() == before


@pytest.mark.parametrize("reading", [READING, READING_1, None])
def test_index_without_an_application_id_is_taken_over(
    service: ScriptedService, connect: Any, archive: Archive, tmp_path: Path, reading: str | None
):
    """An index of an earlier version, known by its tables, and an empty file are used, and get the application id."""
    index = tmp_path / "home" / "orders.sqlite"
    index.parent.mkdir(exist_ok=True)
    if reading is None:
        index.touch()
    else:
        with contextlib.closing(sqlite3.connect(index)) as database:
            database.executescript(TABLES + reading)
    estimate = connect(wall=lambda: archive.now).cart(captures()).estimate()
    estimate.place(project="one")
    assert pages(service) == 4
    archive.orders.insert(0, {**ORDER, "createdAt": _text(archive.now)})
    estimate.place(project="two", owned="buy")
    assert pages(service) == 1
    with contextlib.closing(sqlite3.connect(index)) as database:
        assert database.execute("PRAGMA application_id").fetchone() == (0x5343_4F49,)
        assert database.execute("PRAGMA user_version").fetchone() == (2,)


def test_index_without_an_application_id_keeps_its_orders(service: ScriptedService, connect: Any, archive: Archive, tmp_path: Path):
    """What an earlier version had read is not read again."""
    estimate = connect(wall=lambda: archive.now).cart(captures()).estimate()
    estimate.place(project="one")
    pages(service)
    with contextlib.closing(sqlite3.connect(tmp_path / "home" / "orders.sqlite")) as database:
        database.execute("PRAGMA application_id = 0")
    archive.orders.insert(0, {**ORDER, "createdAt": _text(archive.now)})
    estimate.place(project="two", owned="buy")
    assert pages(service) == 1
