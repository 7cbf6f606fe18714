"""Reports of carts and orders: the same contents and formats as of estimates, without prices or with what was placed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import openpyxl
import pandas as pd
import pyarrow.parquet as pq
import pytest
import shapely

import scenecart
from _report_data import FORMATS, HARBOUR, Shop, priced, said
from _scripted_service import answer, feature
from scenecart import report

if TYPE_CHECKING:
    from pathlib import Path

READABLE = ["html", "md", "pdf", "xlsx"]
SECRET = "https://files.example/a.tif?X-Amz-Signature=hush&X-Amz-Credential=me"


@pytest.fixture
def placed(client: scenecart.Client) -> scenecart.Order:
    """Give an order of two captures of the harbour."""
    found = client.search("aurora", collections="aurora-50cm", aoi=HARBOUR, datetime="2024-01/2024-06").head(2)
    return client.cart(found, aoi=HARBOUR, split_by_date=True).estimate().place(again=True)


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_cart_is_reported_without_prices(shop: Shop, tmp_path: Path, suffix: str):
    """A cart's report holds every capture and no price, in each format, and says so where people read it."""
    cart = shop.cart(feature("first"), feature("second", west=0.2))
    path = cart.to_report(tmp_path / f"cart.{suffix}", title="To be priced")
    assert shop.service.requests("orders.archive.estimate") == []
    if suffix in READABLE:
        text = said(path)
        assert "first" in text
        assert "second" in text
        assert "the service was not asked" in text
        assert "A$" not in text
    if suffix == "gpkg":
        assert not {"group_credits", "group_aud"} & set(gpd.read_file(path, layer="captures").columns)
    if suffix == "parquet":
        frame = gpd.read_parquet(path)
        assert frame["id"].tolist() == ["first", "second"]
        assert isinstance(frame["acquired"].dtype, pd.DatetimeTZDtype)


@pytest.mark.parametrize("suffix", FORMATS)
def test_an_order_is_reported_as_it_was_placed(placed: scenecart.Order, tmp_path: Path, suffix: str):
    """An order's report has its id, state, project, licence, total and captures in each format for people."""
    path = placed.to_report(tmp_path / f"order.{suffix}")
    if suffix in READABLE:
        text = said(path).replace("\\", "")
        for wanted in (
            placed.status,
            placed.project,
            "standard",
            *placed.captures,
            "orders.archive.place",
            "each date priced for itself",
        ):
            assert str(wanted) in text, wanted
        assert placed.id in text
        assert str(placed.total_credits) in text.replace(",", "")
    if suffix == "geojson":
        about = json.loads(path.read_text())["scenecart"]
        assert (about["order"], about["total_credits"]) == (placed.id, placed.total_credits)
    if suffix == "parquet":
        about = json.loads(pq.read_schema(path).metadata[b"scenecart"])
        assert about["status"] == placed.status


def test_an_order_opened_by_its_id_tells_as_much(client: scenecart.Client, placed: scenecart.Order, tmp_path: Path):
    """After a restart the journal knows what was placed, and the catalog when it was taken: ground and fingerprint are the same."""
    reopened = client.order(placed.id)
    assert reopened.cart is None
    first, second = (
        gpd.read_parquet(order.to_report(tmp_path / f"{name}.parquet")).sort_values("id").reset_index(drop=True)
        for name, order in (("a", placed), ("b", reopened))
    )
    assert first.drop(columns=["number", "geometry"]).equals(second.drop(columns=["number", "geometry"]))
    apart = shapely.symmetric_difference(first.geometry.to_numpy(), second.geometry.to_numpy())
    assert shapely.area(apart).max() < 1e-12
    assert placed.cart.fingerprint in said(reopened.to_report(tmp_path / "b.html"))


@pytest.mark.parametrize("suffix", FORMATS)
def test_an_order_nobody_knows_here_is_reported_as_far_as_it_is_told(shop: Shop, tmp_path: Path, suffix: str):
    """An order placed elsewhere is reported with its ids alone, or with nothing but its state, in every format."""
    told = {
        "id": "o-1",
        "status": "failed",
        "failureReason": f"see {SECRET}",
        "captures": ["a", "b"],
        "totalCredits": 300,
        "totalAud": 3,
    }
    shop.service.put("orders.get", answer(told))
    path = shop.client.order("o-1").to_report(tmp_path / f"order.{suffix}")
    assert "hush" not in said(path)
    if suffix in READABLE:
        assert "o-1" in said(path)
    shop.service.put("orders.get", answer({"id": "o-2", "status": "processing"}))
    bare = shop.client.order("o-2").to_report(tmp_path / f"bare.{suffix}")
    if suffix in {"html", "md", "pdf"}:
        assert "not told" in said(bare)


def test_a_long_id_keeps_its_group(shop: Shop, tmp_path: Path):
    """A capture whose id is too long to be shown whole is priced with its group in an order's report as in its quote."""
    estimate = shop.estimate(feature("x" * 300))
    told = {"id": "o-1", "status": "processing", "totalCredits": 123_450, "totalAud": 1234.5, **priced("x" * 300)}
    shop.service.put("orders.archive.place", answer(told))
    for subject in (estimate, estimate.place(project="p")):
        frame = gpd.read_parquet(report.write(subject, tmp_path / "report.parquet"))
        assert frame["group"].tolist() == [1]
        assert frame["group_credits"].tolist() == [123_450]


@pytest.mark.parametrize("suffix", READABLE)
def test_a_quote_says_how_its_price_was_obtained(shop: Shop, tmp_path: Path, suffix: str):
    """Operation, machine, time, number of captures and options stand in the report, and that nothing was computed here."""
    path = shop.estimate(feature("first"), split_by_date=True).to_report(tmp_path / f"quote.{suffix}")
    text = said(path)
    for wanted in (
        "orders.archive.estimate",
        "127.0.0.1",
        "2024-03-09 16:00 UTC",
        "this one capture",
        "each date priced for itself",
    ):
        assert wanted in text, wanted
    assert "none was computed here" in text
    assert shop.service.url.rpartition("/")[2] not in text


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("west", [179.95, -180.0, 12.0])
def test_a_cart_is_reported_anywhere(shop: Shop, tmp_path: Path, suffix: str, west: float):
    """One capture is reported in every format, over the antimeridian too."""
    path = shop.estimate(feature("alone", west=west)).to_report(tmp_path / f"quote.{suffix}")
    assert path.stat().st_size > 100
    if suffix in READABLE:
        assert "alone" in said(path)


HOSTILE = "<script>alert(1)</script>\u202e\n|=cmd()"


@pytest.mark.parametrize("suffix", FORMATS)
def test_hostile_texts_and_signed_addresses_do_no_harm(shop: Shop, tmp_path: Path, suffix: str):
    """Titles, ids, collections and reasons of any kind are shown as texts; a signature is shown nowhere."""
    bad = {**feature(f"={HOSTILE}", href=SECRET, note="=1+1"), "collection": f"c {SECRET}", "assets": {"data": {"href": SECRET}}}
    told = {"groups": [], "errors": [{"id": bad["id"], "detail": f"no {SECRET} {HOSTILE}"}], "total_credits": 0, "total_aud": 0}
    path = shop.estimate(bad, told=told).to_report(tmp_path / f"quote.{suffix}", title=HOSTILE)
    text = said(path)
    assert "hush" not in text
    assert "X-Amz-Credential" not in text
    assert "\u202e" not in text
    if suffix in {"html", "md"}:
        assert "<script" not in text
    if suffix == "xlsx":
        kinds = {cell.data_type for sheet in openpyxl.load_workbook(path) for row in sheet.iter_rows() for cell in row}
        assert "f" not in kinds


@pytest.mark.parametrize("title", [None, "", "   ", "\n\u202e"])
def test_an_empty_title_is_none(shop: Shop, tmp_path: Path, title: str | None):
    """A title without a letter is replaced by what the report is."""
    assert "# Cart of archive imagery" in shop.cart().to_report(tmp_path / "cart.md", title=title).read_text()


@pytest.mark.parametrize("suffix", FORMATS)
def test_the_same_contents_give_the_same_bytes(shop: Shop, tmp_path: Path, suffix: str):
    """Carts have no time of their own, and their reports none of the clock's."""
    cart = shop.cart(feature("first"), feature("second", west=0.3))
    first, second = (cart.to_report(tmp_path / name / f"cart.{suffix}") for name in ("a", "b"))
    if suffix == "gpkg":
        assert gpd.read_file(first, layer="captures").equals(gpd.read_file(second, layer="captures"))
    else:
        assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize("what", ["folder", "file"])
def test_what_cannot_be_written_leaves_nothing_behind(shop: Shop, tmp_path: Path, what: str):
    """Where a report cannot stand, an error says so, and neither half a file nor a lost one remains."""
    (tmp_path / "taken").write_text("mine") if what == "folder" else (tmp_path / "taken.html").mkdir()
    target = tmp_path / "taken" / "cart.html" if what == "folder" else tmp_path / "taken.html"
    with pytest.raises(scenecart.InvalidRequest, match="cannot be written to"):
        shop.cart().to_report(target)
    assert [path.name for path in tmp_path.rglob("*") if "part" in path.suffix] == []
    assert what == "file" or (tmp_path / "taken").read_text() == "mine"


def test_a_report_replaces_the_older_one(shop: Shop, tmp_path: Path):
    """Written again, a report stands in the place of the one before."""
    target = tmp_path / "cart.csv"
    target.write_text("old")
    assert shop.cart().to_report(target) == target
    assert "first" in target.read_text("utf-8-sig")


@pytest.mark.parametrize("subject", [None, "cart", 3, {"id": 1}])
def test_something_else_has_no_report(tmp_path: Path, subject: Any):
    """What is no estimate, order or cart is refused by its kind."""
    with pytest.raises(scenecart.InvalidRequest, match="no reports of"):
        report.write(subject, tmp_path / "a.html")


@pytest.mark.parametrize("name", ["cart", "cart.docx", "cart.pdf.exe", ".html"])
def test_an_unknown_suffix_writes_nothing(shop: Shop, tmp_path: Path, name: str):
    """A name without a known suffix is an error that lists the formats."""
    with pytest.raises(scenecart.InvalidRequest, match=r"\.html \.md|html"):
        shop.cart().to_report(tmp_path / "out" / name)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_large_cart_is_reported_whole(shop: Shop, tmp_path: Path, suffix: str):
    """500 captures are reported in every format, each of them once."""
    many = [feature(f"capture-{number:03}", west=number * 0.2, **{"eo:cloud_cover": number % 101}) for number in range(500)]
    path = shop.estimate(*many).to_report(tmp_path / f"quote.{suffix}", thumbnails=False)
    assert path.stat().st_size < 3_000_000
    if suffix in READABLE:
        text = said(path)
        assert all(text.count(f"capture-{number:03}") >= 1 for number in range(500))
        assert "61,725,000" in text or "61725000" in text
