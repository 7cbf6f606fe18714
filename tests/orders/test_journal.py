"""The journal: one key for each placement, for all threads and processes, on disk before anything is sent."""

from __future__ import annotations

import contextlib
import errno
import os
import pickle
import sqlite3
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import _warm
import scenecart
from _expect import raises, warns
from _purchases import LIST, ORDER, PLACE, captures
from _scripted_service import ScriptedService, answer
from scenecart._orders.journal import LIMITED, NOT_SENT, REFUSED, UNPAID, Journal
from scenecart._orders.owner import finish, new_owner
from scenecart._orders.purchase import Purchase
from scenecart._util.json import dumps

if TYPE_CHECKING:
    from collections.abc import Iterator

RING = [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0], [0.0, 0.0]]
BODY = dumps({"captures": [{"id": "a", "geometry": {"type": "Polygon", "coordinates": [RING]}}]})
PURCHASE = Purchase("https://s.example", "org", "org", "project", "fingerprint", "standard", ("a",), 100, "1.00", BODY)
PRICE = (100, "1.00")


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "home" / "placements.sqlite", now=time.time)


@pytest.fixture
def owner() -> Iterator[str]:
    """Return the name of a piece of work that is running."""
    made = new_owner()
    yield made
    finish(made)


def test_claim_twice_returns_one_placement(journal: Journal, owner: str):
    """The same purchase claimed twice is one placement with one key; another project, content or service is another placement."""
    first = journal.claim(PURCHASE, "", owner)
    assert journal.claim(PURCHASE, "", owner).key == first.key == PURCHASE.key()
    others = [replace(PURCHASE, project="p", fingerprint="p"), replace(PURCHASE, fingerprint="f")]
    assert len({journal.claim(other, "", owner).number for other in [PURCHASE, *others]}) == 3
    # the service keeps the keys, whatever its address is
    elsewhere = journal.claim(replace(PURCHASE, base_url="https://t.example"), "", owner)
    assert (elsewhere.key, elsewhere.number == first.number) == (first.key, False)


def test_claim_of_another_wish_is_another_placement(journal: Journal, owner: str):
    """One more order of the same purchase has its own placement and its own key."""
    plain, text = journal.claim(PURCHASE, "", owner), journal.claim(PURCHASE, "text:harbour", owner)
    assert plain.key != text.key == PURCHASE.key("text:harbour")
    assert [row.wish for row in journal.rows(PURCHASE)] == ["", "text:harbour"]


def test_claim_under_another_account_name_returns_one_placement(journal: Journal, owner: str):
    """A project has one organization, so a service that names the account differently meets the same placement."""
    first = journal.claim(replace(PURCHASE, account="sub-1", payer=""), "", owner)
    assert journal.claim(PURCHASE, "", owner).number == first.number


@pytest.mark.parametrize("is_open", [True, False])
def test_claim_under_a_new_account_name_keeps_an_open_key(journal: Journal, owner: str, *, is_open: bool):
    """A request without an answer keeps its key; otherwise the key is that of the name that every machine reads."""
    nameless = replace(PURCHASE, account="", payer="")
    sent = journal.begin(journal.claim(nameless, "", owner), owner, price=PRICE)
    if not is_open:
        journal.end_try(sent, REFUSED, "refused", "no")
    assert journal.claim(PURCHASE, "", owner).key == (nameless if is_open else PURCHASE).key()


def test_claim_of_a_running_session_is_left_to_it(journal: Journal, owner: str):
    """A placement that another running session works on keeps its owner; one whose session has ended is taken up."""
    other = new_owner()
    journal.claim(PURCHASE, "", other)
    assert journal.claim(PURCHASE, "", owner).owner == other
    assert journal.claim(PURCHASE, "", owner, take_over=True).owner == owner
    finish(owner)
    assert journal.claim(PURCHASE, "", other).owner == other


def test_claim_waits_for_a_rival_purchase(journal: Journal, owner: str):
    """While a running session buys some of the same captures, another purchase is not reserved: its placement is returned."""
    rival = replace(PURCHASE, fingerprint="other")
    first = journal.claim(rival, "", owner)
    other = new_owner()
    assert journal.claim(PURCHASE, "", other, is_in_the_way=lambda _: True).number == first.number
    assert journal.claim(PURCHASE, "", other, is_in_the_way=lambda _: False).owner == other
    finish(other)


def test_release_of_a_placement_that_never_left_removes_it(journal: Journal, owner: str):
    """A placement of which nothing was sent leaves no trace; one that was sent is unknown, and free for others."""
    journal.release(journal.claim(PURCHASE, "", owner), owner)
    assert journal.rows(PURCHASE) == []
    sent = journal.begin(journal.claim(PURCHASE, "", owner), owner, price=PRICE)
    assert journal.release(sent, owner, "interrupted").state == "unknown"
    assert journal.reload(sent).owner is None


def test_release_all_frees_what_an_interrupt_left_reserved(journal: Journal, owner: str):
    """Everything that a session has reserved is free afterwards, and what others work on is theirs."""
    other = new_owner()
    for number, name in enumerate("abc"):
        journal.claim(replace(PURCHASE, fingerprint=name), "", owner if number else other)
    sent = journal.begin(journal.rows(replace(PURCHASE, fingerprint="b"))[0], owner, price=PRICE)
    journal.release_all(owner)
    assert journal.reload(sent).owner is None
    assert journal.rows(replace(PURCHASE, fingerprint="c")) == []
    assert journal.rows(replace(PURCHASE, fingerprint="a"))[0].owner == other
    finish(other)


@pytest.mark.parametrize(
    ("outcome", "state"), [(UNPAID, "unpaid"), (REFUSED, "refused"), (LIMITED, "intended"), (NOT_SENT, "intended")]
)
def test_end_try_of_the_only_request_ends_the_placement(journal: Journal, owner: str, outcome: str, state: str):
    """The proven answer to the only request decides, and the next request has the same key."""
    sent = journal.begin(journal.claim(PURCHASE, "", owner), owner, price=PRICE)
    ended = journal.end_try(sent, outcome, state, "why")
    assert (ended.state, ended.open_tries, ended.last_outcome, ended.detail) == (state, 0, outcome, "why")
    assert journal.begin(ended, owner, price=PRICE).key == sent.key


@pytest.mark.parametrize("outcome", [UNPAID, REFUSED, NOT_SENT])
def test_end_try_beside_an_open_request_decides_nothing(journal: Journal, owner: str, outcome: str):
    """While an earlier request may have become an order, the answer to a later one leaves the placement unknown."""
    lost = journal.begin(journal.claim(PURCHASE, "", owner), owner, price=PRICE)
    second = journal.begin(lost, owner, price=PRICE)
    ended = journal.end_try(second, outcome, "refused", "no")
    assert (ended.state, ended.open_tries, ended.sends) == ("unknown", 1, 2)


def test_end_try_of_an_older_request_leaves_the_newer_one_open(journal: Journal, owner: str):
    """A refusal that arrives late ends the request that it answers, not the one that is under way."""
    first = journal.begin(journal.claim(PURCHASE, "", owner), owner, price=PRICE)
    second = journal.begin(first, owner, price=PRICE)
    journal.end_try(first, REFUSED, "refused", "late")
    assert journal.reload(second).open_tries == 1
    assert journal.end_try(second, REFUSED, "refused", "no").state == "refused"


def test_begin_with_a_new_key_keeps_an_open_one(journal: Journal, owner: str):
    """A key is given up only while no request with it may have become an order."""
    row = journal.claim(PURCHASE, "", owner)
    first = journal.begin(row, owner, price=PRICE, let_go=(1, PURCHASE.key("", 1)))
    assert (first.let_go, first.key) == (1, PURCHASE.key("", 1))
    assert journal.begin(first, owner, price=PRICE, let_go=(2, PURCHASE.key("", 2))).key == first.key


def test_begin_of_a_placed_placement_sends_nothing(journal: Journal, owner: str):
    """A session that slept between claiming and sending finds that the order exists."""
    asleep = journal.claim(PURCHASE, "", owner)
    journal.place(asleep, "o-1")
    assert (journal.begin(asleep, owner, price=PRICE).state, journal.reload(asleep).sends) == ("placed", 0)


def test_place_ends_every_open_request(journal: Journal, owner: str):
    """Once the order is known, none of its requests is open, and a late failure does not remove the order."""
    sent = journal.begin(journal.claim(PURCHASE, "", owner), owner, price=PRICE)
    placed = journal.place(journal.begin(sent, owner, price=PRICE), "o-1", answer={"id": "o-1"})
    assert (placed.state, placed.open_tries, placed.order_id) == ("placed", 0, "o-1")
    assert journal.leave_open(placed, "late").order_id == "o-1"
    assert journal.mark_not_ordered(placed, "late").state == "placed"
    assert journal.claim(PURCHASE, "", owner).order_id == "o-1"
    assert journal.by_order("o-1", PURCHASE.base_url).key == placed.key


def test_write_off_ends_every_open_request(journal: Journal, owner: str):
    """A placement that was proved absent has no open request, and keeps its key for the next one."""
    sent = journal.begin(journal.claim(PURCHASE, "", owner), owner, price=PRICE)
    absent = journal.mark_not_ordered(sent, "proved")
    assert (absent.state, absent.open_tries, absent.unanswered_since) == ("absent", 0, None)
    assert journal.claim(PURCHASE, "", owner).key == sent.key


def test_claim_in_threads_returns_one_key(journal: Journal):
    """Twenty threads that claim at once get the same placement."""
    found: list[int] = []
    threads = [threading.Thread(target=lambda: found.append(journal.claim(PURCHASE, "", new_owner()).number)) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(found) == 20
    assert len(set(found)) == 1


CLAIM = """
import multiprocessing, pickle, sys, time
from pathlib import Path
from scenecart._orders.journal import Journal
from scenecart._orders.owner import new_owner

purchase = pickle.loads(Path(sys.argv[2]).read_bytes())

def claim(_):
    journal = Journal(Path(sys.argv[1]), now=time.time)
    return journal.claim(purchase, "", new_owner()).number

with multiprocessing.get_context("fork").Pool(4) as pool:
    print(*pool.map(claim, range(12), chunksize=1))
"""


def test_claim_in_processes_returns_one_key(tmp_path: Path):
    """Processes that create a journal and claim at once get the same placement."""
    script = tmp_path / "claim.py"
    script.write_text(CLAIM, encoding="utf-8")
    purchase = tmp_path / "purchase"
    purchase.write_bytes(pickle.dumps(PURCHASE))
    done = _warm.run(str(script), [str(tmp_path / "home" / "placements.sqlite"), str(purchase)], env=os.environ)
    numbers = done.stdout.split()
    assert (len(numbers), len(set(numbers))) == (12, 1), done.stderr


def test_journal_is_private_to_its_user(journal: Journal):
    """Other users can read neither the journal nor its directory."""
    journal.claim(PURCHASE, "", "o")
    assert journal.path.stat().st_mode & 0o777 == 0o600
    assert journal.path.parent.stat().st_mode & 0o777 == 0o700


def test_claim_is_committed(journal: Journal):
    """Another connection can read a claimed placement at once."""
    key = journal.claim(PURCHASE, "", "o").key
    with sqlite3.connect(journal.path) as other:
        assert other.execute("SELECT key, state FROM placement").fetchall() == [(key, "intended")]
        assert other.execute("PRAGMA journal_mode").fetchone() == ("delete",)
    other.close()


def test_journal_without_its_table_raises(journal: Journal):
    """A journal that is destroyed while it is open raises JournalError from every method."""
    placement = journal.claim(PURCHASE, "", "o")
    with contextlib.closing(sqlite3.connect(journal.path)) as other:
        other.execute("DROP TABLE placement")
    for call, code in (
        (lambda: journal.rows(PURCHASE), "journal_not_read"),
        (lambda: journal.placements(PURCHASE.base_url), "journal_not_read"),
        (lambda: journal.claim(PURCHASE, "", "o"), "journal_not_written"),
        (lambda: journal.leave_open(placement, "why"), "journal_not_written"),
    ):
        with raises(scenecart.JournalError, code):
            call()


def test_journal_schema_refuses_impossible_states(journal: Journal):
    """The schema refuses an order id without the state placed, negative credits, unknown states and no captures."""
    placement = journal.claim(PURCHASE, "", "o")
    with sqlite3.connect(journal.path) as other:
        for column, value in (("order_id", "o"), ("credits", -1), ("state", "paid"), ("captures", 0)):
            with pytest.raises(sqlite3.IntegrityError):
                other.execute(f"UPDATE placement SET {column} = ? WHERE number = ?", (value, placement.number))  # noqa: S608  # columns named above
    other.close()


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
        other.placements(PURCHASE.base_url)
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


def test_journal_that_cannot_be_created_on_a_full_disk_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Where there is no space for a new journal, the hint is that the disk is full; otherwise it is about permissions."""
    opened, path = os.open, tmp_path / "placements.sqlite"
    found = {}
    for number in (errno.ENOSPC, errno.EDQUOT, errno.EACCES):

        def fail(name: Any, *options: Any, code: int = number) -> int:
            if Path(name).name.startswith(".placements."):
                raise OSError(code, os.strerror(code))
            return opened(name, *options)

        with monkeypatch.context() as full:
            full.setattr(os, "open", fail)
            with raises(scenecart.JournalError, "journal_not_opened") as caught:
                Journal(path, now=time.time).placements(PURCHASE.base_url)
        found[number] = "full" in (caught.value.hint or "")
    assert found == {errno.ENOSPC: True, errno.EDQUOT: True, errno.EACCES: False}
    assert Journal(path, now=time.time).placements(PURCHASE.base_url) == []


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
    assert f"{str(home)!r} is a file, not a folder" in str(caught.value)
    assert "may write" not in str(caught.value.hint)
    assert home.read_text() == "no directory"
    assert service.requests(PLACE) == []
