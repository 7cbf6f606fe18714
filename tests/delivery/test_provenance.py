"""Provenance of items: verified by a record, missing by a record, else unknown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from _expect import warns
from _scripted_service import RecordedRequest, ScriptedService, answer
from _sessions import make_session
from scenecart._delivery.provenance import provenance_of

if TYPE_CHECKING:
    from _scripted_service import Answer


def edge(source: tuple[str, str], target: tuple[str, str]) -> dict[str, Any]:
    """Return the record of a relation."""
    return {"src_type": source[0], "src_id": source[1], "dst_type": target[0], "dst_id": target[1], "relation": "r", "depth": 1}


ORDER, OTHER = ("order", "o"), ("order", "p")


def item(name: str) -> tuple[str, str]:
    return ("item", name)


@pytest.mark.parametrize(
    ("edges", "expected"),
    [
        ([edge(item("a"), ORDER)], "verified"),
        ([edge(ORDER, item("a"))], "verified"),
        ([edge(("ITEM", "a"), ("Order", "o"))], "verified"),
        ([edge(item("a"), ("job", "j")), edge(("job", "j"), ORDER)], "verified"),
        ([], "unknown"),
        ([edge(item("0b9e"), ORDER)], "unknown"),
    ],
)
def test_item_is_verified_by_a_way_to_its_order(service: ScriptedService, edges: list[Any], expected: str):
    """A way from the item to the order, with other steps between, verifies it; without its id, nothing is known."""
    service.put("provenance.get", answer({"edges": edges}))
    assert provenance_of(make_session(service), "o", ["a"]) == [expected]


@pytest.mark.parametrize(
    "edges",
    [
        [edge(item("a"), OTHER)],
        [edge(item("b"), ORDER)],
        # two orders of one capture
        [edge(item("a"), OTHER), edge(OTHER, ("capture", "c")), edge(ORDER, ("capture", "c"))],
    ],
)
def test_item_of_another_order_is_missing(service: ScriptedService, edges: list[Any]):
    """A record that leads to another order, or names other items of the order only, gives "missing"."""
    service.put("provenance.get", answer({"edges": edges}))
    with warns("provenance_missing"):
        assert "missing" in provenance_of(make_session(service), "o", ["a", "b"])


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 422, 500, 501])
def test_service_without_records_gives_unknown(service: ScriptedService, status: int):
    """A service that has no records, or may not show them, gives "unknown", not "missing"."""
    service.put("provenance.get", answer({"detail": "no"}, status))
    assert provenance_of(make_session(service), "o", ["a", "b"]) == ["unknown", "unknown"]


def test_records_of_items_are_requested_where_that_of_the_order_fails(service: ScriptedService):
    """A service may know records of items only; after the first that fails, no more are requested."""

    def of_items(request: RecordedRequest) -> Answer:
        name = request.json["entity_id"]
        return answer({"edges": [edge(item(name), ORDER)]}) if name == "a" else answer({"detail": "no"}, 422)

    service.put("provenance.get", of_items)
    assert provenance_of(make_session(service), "o", ["a", "b", "c"]) == ["verified", "unknown", "unknown"]
    assert len(service.requests("provenance.get")) == 3


def test_items_that_were_not_looked_up_are_unknown(service: ScriptedService):
    """Only some items are looked up one by one; the others are unknown, not missing."""
    service.put("provenance.get", answer({"edges": []}))
    assert provenance_of(make_session(service), "o", [str(number) for number in range(60)]) == ["unknown"] * 60
    assert len(service.requests("provenance.get")) == 51
