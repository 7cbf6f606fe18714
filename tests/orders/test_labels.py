"""Names, tags and references of orders."""

from __future__ import annotations

import contextlib
import sqlite3
from typing import TYPE_CHECKING, Any

import pytest

from _expect import raises, warns
from _sqlite_files import FOREIGN, contents, damage_schema, write_foreign
from scenecart import InvalidRequest
from scenecart.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import scenecart
    from scenecart import Estimate

# of the file before it had an application id
TABLES = """CREATE TABLE label (
  base_url TEXT NOT NULL, order_id TEXT NOT NULL, name TEXT NOT NULL, tags TEXT NOT NULL, reference TEXT NOT NULL,
  person TEXT NOT NULL, PRIMARY KEY (base_url, order_id)
) STRICT;"""


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    """Start a sandbox."""
    with Sandbox(pace="instant", captures=3_000) as running:
        running.rate_limits = None
        yield running


@pytest.fixture
def client(box: Sandbox, tmp_path: Path) -> Iterator[scenecart.Client]:
    """Return a client with a journal of its own."""
    box.faults.clear()
    with box.client("other", home=tmp_path / "home", say=lambda _: None) as connected:
        yield connected


def estimate_of(client: scenecart.Client, row: int) -> Estimate:
    """Return the estimate of one capture."""
    captures = client.search("openterra", collections="openterra-10m", limit=16)
    return client.cart(captures.iloc[[row]]).estimate()


def test_labels_are_kept_here_and_at_the_service(client: scenecart.Client, box: Sandbox, tmp_path: Path):
    """Name and tags are at the service for every colleague; the reference is on this machine; both stand in the list."""
    order = estimate_of(client, 0).place(name="Harbour Q2", tags=["dredging", "2024"], reference="PO 4711")
    assert (order.name, order.tags, order.reference) == ("Harbour Q2", ["dredging", "2024"], "PO 4711")
    row = client.orders(tags="dredging").loc[order.id]
    assert (row["name"], row["tags"], row["reference"]) == ("Harbour Q2", ["dredging", "2024"], "PO 4711")
    assert client.orders(name="Harbour").index.tolist() == [order.id]
    with box.client("other", home=tmp_path / "colleague") as colleague:
        assert colleague.order(order.id).name == "Harbour Q2"
        assert colleague.order(order.id).reference is None


def test_labels_make_no_second_order(client: scenecart.Client, box: Sandbox, tmp_path: Path):
    """The same cart under another name is the same order: here it is renamed, and a colleague's call leaves its name."""
    estimate = estimate_of(client, 1)
    first = estimate.place(name="First", tags="a")
    sent = [row["key"] for row in client.placements().to_dict("records")]
    again = estimate.place(name="Second", tags="b", reference="PO 1")
    assert (again.id, again.name, again.tags) == (first.id, "Second", ["b"])
    assert [row["key"] for row in client.placements().to_dict("records")] == sent
    kept = estimate.place(name="Second")
    assert (kept.tags, kept.reference) == (["b"], "PO 1")
    with box.client("other", home=tmp_path / "colleague", say=lambda _: None) as colleague:
        found = estimate_of(colleague, 1).place(name="Third", tags="c", reference="PO 2")
        assert (found.id, found.name, found.reference) == (first.id, "Second", "PO 2")
    assert client.order(first.id).tags == ["b"]
    assert sum(order["id"] == first.id for order in box.orders()) == 1


def test_name_of_an_existing_order_is_shown_when_it_changes_or_stays(box: Sandbox, tmp_path: Path):
    """Placing an ordered cart under another name says that the order was renamed, or that a colleague's order keeps its name."""
    said: list[str] = []
    with box.client("other", home=tmp_path / "home", say=lambda line: said.append(str(line))) as client:
        estimate = estimate_of(client, 5)
        order = estimate.place(name="First")
        estimate.place(name="First")
        assert not [line for line in said if "renamed" in line]
        estimate.place(name="Second")
        assert said[-1] == f"Order {order.id} was renamed from 'First' to 'Second'."
    with box.client("other", home=tmp_path / "colleague", say=lambda line: said.append(str(line))) as colleague:
        estimate_of(colleague, 5).place(name="Third")
    assert said[-1] == f"Order {order.id} keeps its name 'Second', which was given elsewhere."


@pytest.mark.parametrize("fault", ["403", "404", "500"])
def test_labels_refused_by_the_service_keep_the_order(client: scenecart.Client, box: Sandbox, fault: str):
    """A service without tags costs a warning, never the order, and this machine keeps the labels."""
    estimate = estimate_of(client, {"403": 2, "404": 3, "500": 4}[fault])
    box.faults.add(fault, times=20, operation="orders.update")
    with warns("labels_not_sent"):
        order = estimate.place(name="Harbour", tags=["x"])
    box.faults.clear()
    assert client.orders(ids=[order.id])[["name"]].to_numpy().tolist() == [["Harbour"]]
    assert client.order(order.id).tags == ["x"]


def test_labels_file_damaged_is_a_warning(client: scenecart.Client, tmp_path: Path):
    """A damaged file of labels loses no order: what it held is missing, and a warning says so."""
    order = estimate_of(client, 5).place(reference="PO 9")
    (tmp_path / "home" / "labels.sqlite").write_bytes(b"no database at all")
    with warns("labels_unreadable"):
        assert client.order(order.id).reference is None
    with warns("labels_not_saved"):
        assert estimate_of(client, 6).place(reference="PO 10").id


def test_labels_file_whose_schema_is_no_text_is_a_warning(client: scenecart.Client, tmp_path: Path):
    """A file of labels that is damaged where SQLite repeats it in its message does not hide an order that was placed."""
    estimate_of(client, 7).place(reference="PO 9")
    damage_schema(tmp_path / "home" / "labels.sqlite")
    with warns("labels_not_saved"):
        assert estimate_of(client, 8).place(reference="PO 10").id


@pytest.mark.parametrize("kind", FOREIGN)
def test_labels_file_of_another_program_is_left_alone(client: scenecart.Client, tmp_path: Path, kind: str):
    """A file that scenecart did not write is never changed: the order is placed, and a warning says why its labels are not kept."""
    write_foreign(tmp_path / "home" / "labels.sqlite", kind, TABLES)
    before = contents(tmp_path / "home", "labels")
    with warns("labels_not_saved") as unsaved:
        order = estimate_of(client, 9 + FOREIGN.index(kind)).place(reference="PO 9")
    with warns("labels_unreadable") as unread:
        assert client.order(order.id).reference is None
    assert all("it was not changed" in str(caught[0].message) for caught in (unsaved, unread))
    assert contents(tmp_path / "home", "labels") == before


def test_labels_file_without_an_application_id_is_taken_over(client: scenecart.Client, tmp_path: Path):
    """A file of an earlier version, known by its table, is read as it is, and gets the application id when it is written."""
    first = estimate_of(client, 14).place(reference="PO 1")
    path = tmp_path / "home" / "labels.sqlite"
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA application_id = 0")
    before = path.read_bytes()
    assert client.order(first.id).reference == "PO 1"
    assert path.read_bytes() == before
    estimate_of(client, 15).place(reference="PO 2")
    assert client.order(first.id).reference == "PO 1"
    with contextlib.closing(sqlite3.connect(path)) as database:
        assert database.execute("PRAGMA application_id").fetchone() == (0x5343_4C42,)


@pytest.mark.parametrize(
    ("labels", "code"),
    [
        ({"name": ""}, "label_invalid"),
        ({"name": "two\nlines"}, "label_invalid"),
        ({"reference": 5}, "label_invalid"),
        ({"reference": "x" * 201}, "label_invalid"),
        ({"tags": 5}, "tags_invalid"),
        ({"tags": ["a", 5]}, "tags_invalid"),
        ({"tags": ["a,b"]}, "tags_invalid"),
        ({"tags": [f"{number}" for number in range(51)]}, "tags_invalid"),
    ],
)
def test_labels_invalid_order_nothing(client: scenecart.Client, labels: dict[str, Any], code: str):
    """A label that is no text of one line is refused before anything is written or sent."""
    estimate = estimate_of(client, 7)
    with raises(InvalidRequest, code):
        estimate.place(**labels)
    assert client.placements().empty
