"""Lists of delivered items: each form, and what may be missing."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest

import scenecart
from _expect import raises, warns
from _scripted_service import ScriptedService, answer, feature, page
from _sessions import make_session
from scenecart._delivery.items import fetch_items, missing_captures

ASSETS = "orders.list_assets"


def test_items_of_all_pages_are_one_collection(service: ScriptedService):
    """Pages are requested to the last; other members of the first page are kept."""
    service.put(ASSETS, answer(page(feature("a"), next="t", title="x")), answer(page(feature("b"))))
    found = fetch_items(make_session(service), "o", ["a", "b"])
    assert (found["type"], found["title"]) == ("FeatureCollection", "x")
    assert [item["id"] for item in found["features"]] == ["a", "b"]
    assert [request.json for request in service.requests(ASSETS)] == [{"order_id": "o"}, {"order_id": "o", "next": "t"}]


@pytest.mark.parametrize("key", ["id", "key", "name", "title"])
def test_assets_of_a_list_have_keys(service: ScriptedService, key: str):
    """Assets of a list are named by their key, id, name or title; two of one name stay two."""
    assets: list[Any] = [{key: "visual", "href": "1"}, {key: "visual", "href": "2"}, {"href": "3"}, 5]
    service.put(ASSETS, answer([{**feature("a"), "assets": assets}]))
    (item,) = fetch_items(make_session(service), "o")["features"]
    assert {name: asset["href"] for name, asset in item["assets"].items()} == {"visual": "1", "visual-2": "2", "asset-3": "3"}


def test_integer_ids_are_text(service: ScriptedService):
    """An integer id is text, as in requests; a bool is no id."""
    service.put(ASSETS, answer([{**feature("a"), "id": 10**20}, {**feature("b"), "id": True}]))
    with warns("items_skipped"):
        found = fetch_items(make_session(service), "o")
    assert [item["id"] for item in found["features"]] == [str(10**20)]


@pytest.mark.parametrize(
    ("captures", "missing"),
    [
        ([], []),
        (["a", "b"], []),
        (["a"], []),
        (["a", "b", "c"], ["c"]),
        # one capture was delivered twice, another not at all
        (["a", "c"], ["c"]),
        (["x", "y"], ["x", "y"]),
        # "b-2" begins with "b", but "beta" does not
        (["beta", "a"], ["beta"]),
    ],
)
def test_missing_captures_are_named_in_a_warning(service: ScriptedService, captures: list[str], missing: list[str]):
    """Captures of which no item has arrived are a warning, before and after the order is finished; none is no warning."""
    items = [feature("a_89cf"), feature("number-2", **{"capture:id": "b"})]
    service.put(ASSETS, answer(page(*items)))
    session = make_session(service)
    assert missing_captures(items, captures) == missing
    for is_open in (False, True):
        with warns("items_fewer_than_captures") if missing else contextlib.nullcontext():
            fetch_items(session, "o", captures, is_open=is_open)


def test_items_with_ids_of_their_own_count_as_captures():
    """Items that name no capture may show any: only if there are fewer than captures, something is missing."""
    items = [feature("7"), feature("b"), feature("8")]
    assert missing_captures(items, ["a", "b", "c"]) == []
    assert missing_captures(items, ["a", "b", "c", "d"]) == ["a", "c", "d"]


@pytest.mark.parametrize(
    ("document", "code"),
    [
        (None, "items_invalid"),
        ({"features": {"a": 1}}, "items_invalid"),
        (page(feature("a"), numberMatched=2), "items_missing"),
        (page(feature("a"), next="t"), "items_page_repeated"),
        (page(feature("a"), next={"page": 2.5}), "next_page_unreadable"),
    ],
)
def test_list_of_items_that_is_not_complete_is_an_error(service: ScriptedService, document: Any, code: str):
    """What is not a list, or announces items that do not arrive, is an error."""
    service.put(ASSETS, answer(document))
    with raises(scenecart.ServiceError, code):
        fetch_items(make_session(service), "o")
