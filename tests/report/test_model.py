"""The contents of reports: what is known of a cart, an estimate and an order."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

import geopandas as gpd
import pytest
import shapely

from _report_data import HARBOUR, ScriptedClient, price_answer, report_text
from _scripted_service import answer, feature
from scenecart._cart.cart import make_cart
from scenecart._cart.checks import keys_of
from scenecart.report._model import contents_of, safe_text

if TYPE_CHECKING:
    from pathlib import Path

    import scenecart


@pytest.fixture
def placed(client: scenecart.Client) -> scenecart.Order:
    """Return an order of two captures of the harbour."""
    found = client.search("aurora", collections="aurora-50cm", aoi=HARBOUR, datetime="2024-01/2024-06").head(2)
    return client.cart(found, aoi=HARBOUR, split_by_date=True).estimate().place(again=True)


def test_contents_of_an_estimate_are_the_services(scripted: ScriptedClient):
    """Totals, groups, time and reasons are those of the estimate; captures keep their order."""
    response = {**price_answer("first"), "errors": [{"id": "second", "detail": "too old"}]}
    contents = contents_of(scripted.estimate(feature("first", gsd=0.5), feature("second", west=0.05), response=response), "Harbour")
    assert (contents.kind, contents.title, contents.total_credits, contents.total_aud) == (
        "quote", "Harbour", 123_450, Decimal("1234.5"),
    )  # fmt: skip
    assert contents.time == datetime(2024, 3, 9, 16, tzinfo=UTC)
    assert [(line.number, line.id, line.group, line.error) for line in contents.lines] == [
        (1, "first", 1, None),
        (2, "second", None, "too old"),
    ]
    assert [line.id for line in contents.unpriced] == ["second"]
    assert contents.lines[0].gsd == 0.5
    assert contents.lines[0].acquired_text == "2024-03-05 10:20"


def test_contents_of_an_estimate_say_how_many_captures_the_price_is_for(scripted: ScriptedClient):
    """A total for a part of the captures says so; without any price there is no total, which would read as free."""
    response = {**price_answer("first"), "errors": [{"id": "second", "detail": "too old"}]}
    some = contents_of(scripted.estimate(feature("first"), feature("second", west=0.05), response=response))
    assert some.credits_text == "123,450 credits for 1 of 2 captures"
    assert "for exactly 1 of 2 captures" in some.price_note
    assert dict(some.facts)["Captures"] == "2, 1 without a price"
    nothing = {**price_answer(), "errors": [{"id": "second", "detail": "too old"}]}
    none = contents_of(scripted.estimate(feature("second"), response=nothing))
    assert (none.total_credits, none.total_aud, none.no_price[0]) == (None, None, "Not priced")


@pytest.mark.parametrize("suffix", ["html", "md", "pdf", "xlsx"])
def test_report_distinguishes_area_priced_from_area_covered(scripted: ScriptedClient, tmp_path: Path, suffix: str):
    """Of captures that overlap, the sum that is priced and the area that they cover together both have their name."""
    twice = scripted.estimate(feature("first"), feature("second"))
    text = report_text(twice.to_report(tmp_path / f"quote.{suffix}")).replace("\u00a0", " ")
    covered = contents_of(twice).area_km2
    assert covered < contents_of(twice).priced_km2 == 243.0
    assert "km² priced" in text
    assert all(word in text for word in (["Area priced", "Area covered"] if suffix == "xlsx" else ["243 km²", "km² covered"]))


def test_report_without_km2_of_the_service_has_only_the_area_covered(scripted: ScriptedClient):
    """If the service measures no area, and in a cart without a price, there is only the area covered."""
    response = price_answer("first")
    response["groups"][0].pop("aoi_km2")
    unmeasured = contents_of(scripted.estimate(feature("first"), response=response))
    assert unmeasured.priced_km2 is None
    for contents in (unmeasured, contents_of(scripted.cart(feature("first")))):
        assert {"Area", "Area covered"} & {name for name, _ in contents.facts} == {"Area covered"}


def test_contents_of_a_cart_have_no_time_and_no_price(scripted: ScriptedClient):
    """A cart has neither prices nor a time of its own; the file takes the time of the newest capture."""
    contents = contents_of(scripted.cart(feature("first"), aoi=(0, 10, 0.05, 10.05)))
    assert (contents.kind, contents.time, contents.total_credits, contents.groups) == ("cart", None, None, ())
    assert contents.stamp == contents.lines[0].acquired
    assert contents.clipped.total_bounds.tolist() == pytest.approx([0, 10, 0.05, 10.05])
    assert contents.footprints.total_bounds.tolist() != contents.clipped.total_bounds.tolist()


@pytest.mark.parametrize("cover", [float("nan"), float("inf"), "20", True, None, 1e13])
def test_contents_have_only_sensible_figures(scripted: ScriptedClient, cover: object):
    """What a catalog writes instead of a figure is left out."""
    values = {"eo:cloud_cover": None if cover != cover or cover == float("inf") else cover}  # noqa: PLR0124  # JSON has no NaN
    assert contents_of(scripted.cart(feature("first", **values))).lines[0].cloud is None


def test_order_reopened_by_id_reports_the_same(client: scenecart.Client, placed: scenecart.Order, tmp_path: Path):
    """After a restart the journal knows what was placed, and the catalog its properties: footprints and fingerprint are equal."""
    reopened = client.order(placed.id)
    assert reopened.cart is None
    first, second = (
        gpd.read_parquet(order.to_report(tmp_path / f"{name}.parquet")).sort_values("id").reset_index(drop=True)
        for name, order in (("a", placed), ("b", reopened))
    )
    assert first.drop(columns=["number", "geometry"]).equals(second.drop(columns=["number", "geometry"]))
    apart = shapely.symmetric_difference(first.geometry.to_numpy(), second.geometry.to_numpy())
    assert shapely.area(apart).max() < 1e-12
    assert placed.cart.fingerprint in report_text(reopened.to_report(tmp_path / "b.html"))


def test_contents_of_an_unknown_order_have_ids_alone(scripted: ScriptedClient):
    """If only ids are known, there is neither geometry nor price."""
    scripted.service.put("orders.get", answer({"id": "o-1", "status": "processing", "captures": ["a", "b"]}))
    contents = contents_of(scripted.client.order("o-1"))
    assert [line.id for line in contents.lines] == ["a", "b"]
    assert len(contents.footprints) == len(contents.clipped) == 0
    assert (contents.total_credits, contents.area, contents.fingerprint) == (None, None, None)


def test_safe_text_cuts_signatures():
    """A signed URL is cut before its signature, and text is one line."""
    assert safe_text("see https://a.example/b?X-Amz-Signature=hush now", 200) == "see https://a.example/b?… now"
    assert safe_text(" two\nlines ", 200) == "two lines"
    assert safe_text(None, 200) == ""


def test_contents_of_marked_captures_say_how_many_are_owned(scripted: ScriptedClient):
    """A cart of marked captures says how many are owned; one that leaves owned areas out says that, and has clipped footprints."""
    cart = scripted.cart(feature("first"), feature("second", west=0.05))
    marked = make_cart(cart.captures.assign(owned=[1.0, 0.0]))
    assert dict(contents_of(marked).facts)["Owned"] == "1 of 2 captures is owned already."
    assert "Owned" not in dict(contents_of(cart).facts)
    first, _ = keys_of(cart.captures)
    west, south, east, north = cart.captures.geometry.iloc[0].bounds
    rest = contents_of(make_cart(cart.captures, left={first: shapely.box(west, south, (west + east) / 2, north)}))
    assert (dict(rest.facts)["Owned"], rest.clipped_label) == ("left out", "clipped footprint")
    assert "complete" not in dict(rest.facts)["Area of interest"]


def test_report_has_the_payers_paper(client: scenecart.Client, tmp_path: Path):
    """A quote says who made it and for whom; the report of an order has its labels and how it was paid."""
    found = client.search("aurora", collections="aurora-50cm", aoi=HARBOUR, datetime="2024-01/2024-06").head(1)
    estimate = client.cart(found, aoi=HARBOUR).estimate()
    quote = estimate.to_report(
        tmp_path / "quote.md", prepared_by="Ida <b>", prepared_for="Harbour", reference="PO 1", valid_until="2030", notes="n"
    )
    assert "Prepared by: Ida &lt;b&gt;" in quote.read_text("utf-8")
    order = estimate.place(name="Harbour Q2", tags=["a"], reference="PO 2", owned="buy")
    receipt = order.to_report(tmp_path / "receipt.md").read_text("utf-8")
    for line in ("Name: Harbour Q2", "Tags: a", "Reference: PO 2", "Paid: from prepaid credits"):
        assert f"- {line}" in receipt
