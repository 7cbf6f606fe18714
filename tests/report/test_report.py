"""Reports on carts, estimates and orders: the same promises in every format."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import openpyxl
import pandas as pd
import pyarrow.parquet as pq
import pytest

import scenecart
from _expect import raises
from _report_data import FORMATS, HARBOUR, READABLE, ScriptedClient, price_answer, report_text
from _scripted_service import answer, feature
from scenecart import report

if TYPE_CHECKING:
    from pathlib import Path

SIGNED_URL = "https://files.example/a.tif?X-Amz-Signature=hush&X-Amz-Credential=me"
HOSTILE = "<script>alert(1)</script>\u202e\n|=cmd()"


@pytest.fixture
def placed(client: scenecart.Client) -> scenecart.Order:
    """Return an order of two captures of the harbour."""
    found = client.search("aurora", collections="aurora-50cm", aoi=HARBOUR, datetime="2024-01/2024-06").head(2)
    return client.cart(found, aoi=HARBOUR, split_by_date=True).estimate().place(owned="buy")


@pytest.mark.parametrize("suffix", FORMATS)
def test_cart_report_has_captures_and_no_prices(scripted: ScriptedClient, tmp_path: Path, suffix: str):
    """A cart's report has every capture and no price in each format, and formats for reading say so."""
    cart = scripted.cart(feature("first"), feature("second", west=0.2))
    path = cart.to_report(tmp_path / f"cart.{suffix}", title="To be priced")
    assert scripted.service.requests("orders.archive.estimate") == []
    if suffix in READABLE:
        text = report_text(path)
        assert "first" in text
        assert "second" in text
        assert "Not priced" in text
        assert "A$" not in text
    if suffix == "gpkg":
        assert not {"group_credits", "group_aud"} & set(gpd.read_file(path, layer="captures").columns)
    if suffix == "parquet":
        frame = gpd.read_parquet(path)
        assert frame["id"].tolist() == ["first", "second"]
        assert isinstance(frame["acquired"].dtype, pd.DatetimeTZDtype)


@pytest.mark.parametrize("suffix", FORMATS)
def test_order_report_has_what_was_placed(placed: scenecart.Order, tmp_path: Path, suffix: str):
    """An order's report has its id, status, project, licence, total and captures in each format for people."""
    path = placed.to_report(tmp_path / f"order.{suffix}")
    if suffix in READABLE:
        text = report_text(path).replace("\\", "")
        for expected in (
            placed.status,
            placed.project,
            "standard",
            *placed.captures,
            "orders.archive.place",
            "each date priced separately",
        ):
            assert str(expected) in text, expected
        assert placed.id in text
        assert str(placed.total_credits) in text.replace(",", "")
    if suffix == "geojson":
        about = json.loads(path.read_text())["scenecart"]
        assert (about["order"], about["total_credits"]) == (placed.id, placed.total_credits)
    if suffix == "parquet":
        about = json.loads(pq.read_schema(path).metadata[b"scenecart"])
        assert about["status"] == placed.status


@pytest.mark.parametrize("suffix", FORMATS)
def test_order_report_of_an_order_placed_elsewhere_has_what_is_known(scripted: ScriptedClient, tmp_path: Path, suffix: str):
    """An order placed elsewhere is reported with its ids alone, or with nothing but its status, in every format."""
    response = {
        "id": "o-1",
        "status": "failed",
        "failureReason": f"see {SIGNED_URL}",
        "captures": ["a", "b"],
        "totalCredits": 300,
        "totalAud": 3,
    }
    scripted.service.put("orders.get", answer(response))
    path = scripted.client.order("o-1").to_report(tmp_path / f"order.{suffix}")
    assert "hush" not in report_text(path)
    if suffix in READABLE:
        assert "o-1" in report_text(path)
    scripted.service.put("orders.get", answer({"id": "o-2", "status": "processing"}))
    bare = scripted.client.order("o-2").to_report(tmp_path / f"bare.{suffix}")
    if suffix in READABLE:
        assert "not available" in report_text(bare)


@pytest.mark.parametrize("suffix", READABLE)
def test_estimate_report_says_where_its_price_comes_from(scripted: ScriptedClient, tmp_path: Path, suffix: str):
    """Operation, machine, time, number of captures and options are in the report, and that nothing was computed."""
    path = scripted.estimate(feature("first"), split_by_date=True).to_report(tmp_path / f"quote.{suffix}")
    text = report_text(path)
    for expected in (
        "orders.archive.estimate",
        "127.0.0.1",
        "2024-03-09 16:00 UTC",
        "1 capture",
        "each date priced separately",
        "computed none of them",
    ):
        assert expected in text, expected
    assert scripted.service.url.rpartition("/")[2] not in text


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("west", [179.95, -180.0, 12.0])
def test_report_is_written_anywhere_on_the_globe(scripted: ScriptedClient, tmp_path: Path, suffix: str, west: float):
    """One capture is reported in every format, across the antimeridian too."""
    path = scripted.estimate(feature("alone", west=west)).to_report(tmp_path / f"quote.{suffix}")
    assert path.stat().st_size > 100
    if suffix in READABLE:
        assert "alone" in report_text(path)


@pytest.mark.parametrize("suffix", FORMATS)
def test_report_has_no_markup_formula_or_signature_of_the_service(scripted: ScriptedClient, tmp_path: Path, suffix: str):
    """Titles, ids, collections and reasons of any kind appear as text; signatures of URLs appear nowhere."""
    bad = {
        **feature(f"={HOSTILE}", href=SIGNED_URL, note="=1+1"),
        "collection": f"c {SIGNED_URL}",
        "assets": {"data": {"href": SIGNED_URL}},
    }
    errors = [{"id": bad["id"], "detail": f"no {SIGNED_URL} {HOSTILE}"}]
    response = {"groups": [], "errors": errors, "total_credits": 0, "total_aud": 0}
    path = scripted.estimate(bad, response=response).to_report(tmp_path / f"quote.{suffix}", title=HOSTILE)
    text = report_text(path)
    assert "hush" not in text
    assert "X-Amz-Credential" not in text
    assert "\u202e" not in text
    if suffix in {"html", "md"}:
        assert "<script" not in text
    if suffix == "xlsx":
        kinds = {cell.data_type for sheet in openpyxl.load_workbook(path) for row in sheet.iter_rows() for cell in row}
        assert "f" not in kinds


@pytest.mark.parametrize("title", [None, "", "   ", "\n\u202e"])
def test_report_without_a_title_has_a_default_one(scripted: ScriptedClient, tmp_path: Path, title: str | None):
    """A title without a letter is replaced by the kind of the report."""
    assert "# Cart of archive imagery" in scripted.cart().to_report(tmp_path / "cart.md", title=title).read_text()


@pytest.mark.parametrize("suffix", FORMATS)
def test_report_of_equal_contents_is_equal(scripted: ScriptedClient, tmp_path: Path, suffix: str):
    """Written twice, a report is the same to the byte, unless the format has a clock of its own."""
    cart = scripted.cart(feature("first"), feature("second", west=0.3))
    estimate = scripted.estimate(feature("first"), feature("second", west=3))
    for subject in (cart, estimate):
        first, second = (subject.to_report(tmp_path / name / f"cart.{suffix}") for name in ("a", "b"))
        if suffix == "gpkg":
            assert gpd.read_file(first, layer="captures").equals(gpd.read_file(second, layer="captures"))
        else:
            assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize("blocked", ["folder", "file"])
def test_report_that_cannot_be_written_leaves_nothing_behind(scripted: ScriptedClient, tmp_path: Path, blocked: str):
    """If a report cannot be written, an error says so; no temporary file remains, and no other file is lost."""
    (tmp_path / "taken").write_text("mine") if blocked == "folder" else (tmp_path / "taken.html").mkdir()
    target = tmp_path / "taken" / "cart.html" if blocked == "folder" else tmp_path / "taken.html"
    with raises(scenecart.InvalidRequest, "file_not_writable"):
        scripted.cart().to_report(target)
    assert [path.name for path in tmp_path.rglob("*") if "part" in path.suffix] == []
    assert blocked == "file" or (tmp_path / "taken").read_text() == "mine"


def test_report_replaces_an_older_file(scripted: ScriptedClient, tmp_path: Path):
    """Written again, a report replaces the file before, and missing folders are created."""
    target = tmp_path / "deep" / "cart.csv"
    assert scripted.cart().to_report(target) == target
    target.write_text("old")
    assert scripted.cart().to_report(target) == target
    assert "first" in target.read_text("utf-8-sig")


@pytest.mark.parametrize("subject", [None, "cart", 3, {"id": 1}])
def test_report_subject_not_cart_estimate_or_order_is_refused(tmp_path: Path, subject: Any):
    """Anything but an estimate, an order or a cart is refused."""
    with raises(scenecart.InvalidRequest, "report_subject_invalid"):
        report.write(subject, tmp_path / "a.html")


@pytest.mark.parametrize("name", ["cart", "cart.docx", "cart.pdf.exe", ".html"])
def test_report_of_an_unknown_format_is_refused(scripted: ScriptedClient, tmp_path: Path, name: str):
    """A name without a known suffix is an error that lists the formats, and nothing is written."""
    with raises(scenecart.InvalidRequest, "report_format_unknown") as caught:
        scripted.cart().to_report(tmp_path / "out" / name)
    assert all(f".{suffix}" in caught.value.hint for suffix in FORMATS)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("path", [5, None, "a\0b", "~nobody-of-this-name/a.html"])
def test_report_path_must_be_a_path(scripted: ScriptedClient, path: Any):
    """What is no path is refused as the argument it is."""
    with raises(scenecart.InvalidRequest, "path_invalid") as caught:
        scripted.cart().to_report(path)
    assert caught.value.argument == "path"


def test_report_write_equals_to_report(scripted: ScriptedClient, tmp_path: Path):
    """`scenecart.report.write` writes what `to_report` writes."""
    estimate = scripted.estimate(feature("first"))
    first, second = report.write(estimate, tmp_path / "a.html"), estimate.to_report(tmp_path / "b.html")
    assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize("suffix", FORMATS)
def test_report_of_500_captures_has_each_once(scripted: ScriptedClient, tmp_path: Path, suffix: str):
    """500 captures are reported in every format."""
    many = [feature(f"capture-{number:03}", west=number * 0.2, **{"eo:cloud_cover": number % 101}) for number in range(500)]
    path = scripted.estimate(*many).to_report(tmp_path / f"quote.{suffix}", thumbnails=False)
    assert path.stat().st_size < 3_000_000
    if suffix in READABLE:
        text = report_text(path)
        assert all(text.count(f"capture-{number:03}") >= 1 for number in range(500))
        assert "61,725,000" in text or "61725000" in text


@pytest.mark.parametrize("suffix", [suffix for suffix in FORMATS if suffix != "pdf"])
def test_report_without_area_and_prices_is_written(scripted: ScriptedClient, tmp_path: Path, suffix: str):
    """Complete footprints, all without a price, are written in every format as well."""
    estimate = scripted.estimate(feature("first"), feature("second", west=0.3), aoi=(0, 10, 0.5, 10.1))
    cart = replace(estimate.cart, area=None)
    refused = tuple((name, "=why") for name in cart.ids)
    bare = replace(estimate, cart=cart, total_credits=0, total_aud=estimate.total_aud * 0, price_groups=(), refused=refused)
    assert bare.to_report(tmp_path / f"quote.{suffix}").stat().st_size > 100


@pytest.mark.parametrize(
    ("package", "suffix"), [("reportlab", "pdf"), ("xlsxwriter", "xlsx"), ("matplotlib", "pdf"), ("PIL", "html")]
)
def test_report_without_a_package_of_the_extra_names_it(package: str, suffix: str, tmp_path: Path):
    """Without a package of the extra, an error names it and says what to install; nothing is written."""
    code = (
        f"import sys; sys.modules[{package!r}] = None\n"
        "import geopandas, shapely, scenecart\n"
        "frame = geopandas.GeoDataFrame({'id': ['a']}, geometry=[shapely.box(0, 0, 1, 1)], crs=4326)\n"
        "client = scenecart.connect(base_url='http://127.0.0.1:9', token='x')\n"
        f"try: client.cart(frame).to_report({str(tmp_path / 'cart')!r} + '.{suffix}')\n"
        "except scenecart.MissingExtra as error: print(error.code, error.hint)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == 'extra_missing Install it: pip install "scenecart[report]"\n'
    assert list(tmp_path.glob("cart*")) == []


def test_report_keeps_the_group_of_a_long_id(scripted: ScriptedClient, tmp_path: Path):
    """A capture whose id is too long to be displayed has its price group in the reports on estimate and order."""
    estimate = scripted.estimate(feature("x" * 300))
    response = {"id": "o-1", "status": "processing", "totalCredits": 123_450, "totalAud": 1234.5, **price_answer("x" * 300)}
    scripted.service.put("orders.archive.place", answer(response))
    for subject in (estimate, estimate.place(project="p")):
        frame = gpd.read_parquet(report.write(subject, tmp_path / "report.parquet"))
        assert frame["group"].tolist() == [1]
        assert frame["group_credits"].tolist() == [123_450]
