"""Estimates of a service whose every answer the test writes."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import geopandas as gpd
import pytest

import scenecart
from _expect import raises
from _purchases import ESTIMATE, captures, priced
from _scripted_service import Answer, ScriptedService, answer


def test_estimate_has_the_service_price(service: ScriptedService, connect: Any):
    """Groups, errors and totals are the service's, with credits as integers and dollars as decimals."""
    refused = [{"id": "b", "detail": "retired product"}]
    service.put(ESTIMATE, answer(priced((["a"], 4_200), errors=refused)))
    estimate = connect().cart(captures()).estimate()
    assert (estimate.total_credits, estimate.total_aud) == (4_200, Decimal("42.00"))
    assert isinstance(estimate.groups, gpd.GeoDataFrame)
    assert estimate.groups.loc[1, "captures"] == ["a"]
    assert estimate.groups.geometry.iloc[0].equals(captures("a").geometry.iloc[0])
    assert estimate.errors.to_dict("records") == refused
    assert not estimate.is_complete
    assert estimate.service == service.url


def test_groups_are_numbered_as_the_captures_are_listed(service: ScriptedService, connect: Any):
    """Whatever the order of the service, the first group has the first capture of the cart."""
    service.put(ESTIMATE, answer(priced((["b"], 100), (["a"], 4_200))))
    groups = connect().cart(captures()).estimate().groups
    assert groups["captures"].to_dict() == {1: ["a"], 2: ["b"]}


def test_priced_cart_leaves_out_what_has_no_price(service: ScriptedService, connect: Any):
    """The priced cart is the rest; if nothing has a price, there is none."""
    service.put(ESTIMATE, answer(priced((["a"], 4_200), errors=[{"id": "b", "detail": "retired product"}])))
    client = connect()
    assert client.cart(captures()).estimate().priced_cart().ids == ["a"]
    service.put(ESTIMATE, answer(priced(errors=[{"id": "a", "detail": "retired"}, {"id": "b", "detail": "retired"}])))
    with raises(scenecart.InvalidCart, "cart_without_prices"):
        client.cart(captures()).estimate().priced_cart()


CONTRADICTIONS = {
    "half a credit": lambda e: e.update(total_credits=12.5),
    "text": lambda e: e.update(total_credits="300"),
    "negative": lambda e: e.update(total_credits=-1),
    "null": lambda e: e.update(total_credits=None),
    "groups do not add up": lambda e: e.update(total_credits=302),
    "dollars do not add up": lambda e: e.update(total_aud=4),
    "negative group": lambda e: e["groups"].append({"captures": ["a"], "credits": -5, "aud": 0}),
    "a capture is missing": lambda e: e["groups"][0].update(captures=["a"]),
    "a capture was not requested": lambda e: e["groups"][0].update(captures=["a", "b", "x"]),
    "a capture twice": lambda e: e["groups"][0].update(captures=["a", "b", "b"]),
    "priced and refused": lambda e: e.update(errors=[{"id": "a", "detail": "x"}]),
    "no groups": lambda e: e.pop("groups"),
    "groups is text": lambda e: e.update(groups="x"),
    "a group is text": lambda e: e.update(groups=["x"]),
    "errors is text": lambda e: e.update(errors="x"),
}


@pytest.mark.parametrize("case", CONTRADICTIONS)
def test_inconsistent_estimate_is_refused(service: ScriptedService, connect: Any, case: str):
    """Figures that contradict each other are never displayed as a price and cannot be placed."""
    document = priced((["a", "b"], 300))
    CONTRADICTIONS[case](document)
    service.put(ESTIMATE, answer(document))
    with raises(scenecart.UntrustedEstimate, "estimate_inconsistent"):
        connect().cart(captures()).estimate()


def test_html_is_escaped(service: ScriptedService, connect: Any):
    """Text from a catalog is text in a notebook, never markup."""
    hostile = "<img src=x onerror=alert(1)>"
    service.put(ESTIMATE, answer(priced(([hostile], 100), errors=[{"id": "b", "detail": "</style><script>x"}])))
    page = connect().cart(captures(hostile, "b")).estimate()._repr_html_()
    assert "<img" not in page
    assert "<script" not in page
    assert "&lt;img src=x onerror=alert(1)&gt;" in page


def test_estimate_without_an_area_says_whole_footprints(connect: Any):
    """The text and the HTML of a price say if whole footprints would be bought, as when an area was forgotten."""
    client = connect()
    whole = client.cart(captures()).estimate()
    clipped = client.cart(captures(), aoi=captures().geometry.iloc[0]).estimate()
    for text in (repr(whole), str(whole), whole._repr_html_()):
        assert text.count("whole footprints") == 1
    for text in (repr(clipped), clipped._repr_html_()):
        assert "footprints" not in text


def test_html_names_captures_without_a_price(service: ScriptedService, connect: Any):
    """In a notebook the estimate shows its total, and beside it the captures without a price with their reason."""
    service.put(ESTIMATE, answer(priced((["a"], 4_200), errors=[{"id": "b", "detail": "retired product"}])))
    page = connect().cart(captures()).estimate()._repr_html_()
    assert "4,200 credits" in page
    assert "A$42.00" in page
    assert "retired product" in page


def test_estimate_and_place_wrong_argument_type_is_refused(service: ScriptedService, connect: Any):
    """Only a cart is priced and only an estimate is placed; nothing is sent for anything else."""
    client = connect()
    cart = client.cart(captures())
    with raises(scenecart.InvalidCart, "not_a_cart"):
        client.estimate(cart.captures)
    with raises(scenecart.InvalidRequest, "not_an_estimate"):
        client.place(cart)
    assert service.requests(ESTIMATE) == []


@pytest.mark.parametrize(
    "unreadable",
    [
        answer({"detail": "down"}, 500),
        answer({"detail": "gone"}, 410),
        answer({"detail": "no"}, 403),
        Answer(b"<html></html>"),
        Answer(None),
    ],
    ids=["500", "410", "403", "page", "dropped"],
)
def test_estimate_without_a_readable_balance_has_its_price(service: ScriptedService, connect: Any, unreadable: Answer):
    """An unreadable balance leaves the price unchanged, and the estimate shows no balance."""
    service.put("billing.credits.balance", unreadable)
    estimate = connect().cart(captures()).estimate()
    assert (estimate.total_credits, estimate.balance_credits) == (300, None)


def test_rounded_groups_have_a_note(service: ScriptedService, connect: Any):
    """Groups that were rounded are said, in a note and on the page; the total is the price."""
    document = {**priced((["a"], 3_333), (["b"], 3_333)), "total_credits": 6_667, "total_aud": 66.67, "surprise": 1}
    service.put(ESTIMATE, answer(document))
    estimate = connect().cart(captures()).estimate()
    assert estimate.total_credits == 6_667
    assert estimate.note is not None
    assert "6,666" in estimate.note
    assert estimate.note in estimate._repr_html_()
    assert estimate.raw["surprise"] == 1


def test_exact_groups_have_no_note(connect: Any):
    """An estimate that adds up has no note."""
    assert connect().cart(captures()).estimate().note is None


def test_estimate_note_counts_owned_captures_that_were_marked(connect: Any):
    """The note says how many captures are owned if they were marked before, at no request; a cart without marks says nothing."""
    client = connect()
    marked = captures().assign(owned=[1.0, 0.0])
    estimate = client.cart(marked).estimate()
    assert estimate.note is not None
    assert "1 of 2" in estimate.note
    assert estimate.note in estimate._repr_html_()
    assert estimate.note in estimate.cart._repr_html_()
