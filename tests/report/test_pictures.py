"""The contact sheet of a report: pictures of the area with date and scale bar, and delivered imagery in receipts."""

from __future__ import annotations

import base64
import io
import re
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

import scenecart
from _expect import raises
from _report_data import ScriptedClient, serve_thumbnails
from _scripted_service import feature
from scenecart.report._pictures import DELIVERED, SIDE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from scenecart.sandbox import Sandbox

HARBOUR = (151.18, -33.99, 151.24, -33.94)


@pytest.fixture(scope="module")
def estimate(box: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[scenecart.Estimate]:
    """Return the price of three captures of a harbour."""
    with box.client("analyst", home=tmp_path_factory.mktemp("home"), sleep=lambda _: None) as client:
        found = client.search("aurora", collections="aurora-50cm", aoi=HARBOUR, datetime="2024-01/2024-06", max_cloud_cover=30)
        yield client.cart(scenecart.filter(found, coverage=0.999, aoi=HARBOUR).head(3), aoi=HARBOUR).estimate()


def sheet(path: Path) -> list[tuple[Image.Image, str]]:
    """Return the pictures of a report, each with its caption."""
    page = path.read_text().partition('<ol class="sheet">')[2].partition("</ol>")[0]
    found = re.findall(r'base64,([^"]+)".*?><span>(.*?)</li>', page)
    return [(Image.open(io.BytesIO(base64.b64decode(content))), caption) for content, caption in found]


def test_contact_sheet_shows_each_capture_with_date_and_scale_bar(estimate: scenecart.Estimate, tmp_path: Path):
    """Each capture is a square picture of the area with its date, the note about its place and a bar; equal reports are equal."""
    path = estimate.to_report(tmp_path / "quote.html", contact_sheet=True)
    pictures = sheet(path)
    assert len(pictures) == len(estimate.cart)
    for (picture, caption), acquired in zip(pictures, estimate.cart.captures["datetime"], strict=True):
        assert picture.size == (SIDE, SIDE)
        assert f"{acquired:%Y-%m-%d %H:%M}" in caption
        assert "Placed approximately" in caption
        # the box of the scale bar, and the bar in it
        corner = np.asarray(picture.convert("L"))[-28:, 8:40].astype(int)
        assert corner.min() < 110
        assert corner.max() > 220
    assert "The pictures show" not in path.read_text()
    assert estimate.to_report(tmp_path / "again.html", contact_sheet=True).read_bytes() == path.read_bytes()
    assert '<ol class="sheet">' not in estimate.to_report(tmp_path / "plain.html", thumbnails=False).read_text()


def test_contact_sheet_in_pdf_has_the_pictures(estimate: scenecart.Estimate, tmp_path: Path):
    """A PDF with a contact sheet holds more pictures than one without; formats without pictures ignore it."""
    plain = estimate.to_report(tmp_path / "plain.pdf", thumbnails=False).read_bytes()
    found = estimate.to_report(tmp_path / "quote.pdf", thumbnails=False, contact_sheet=True).read_bytes()
    assert found.count(b"/Subtype /Image") == plain.count(b"/Subtype /Image") + len(estimate.cart)
    for name in ("quote.csv", "quote.gpkg", "quote.xlsx", "quote.md"):
        with raises(scenecart.InvalidRequest, "contact_sheet_not_possible"):
            estimate.to_report(tmp_path / name, contact_sheet=True)
        assert not (tmp_path / name).exists()


def test_contact_sheet_of_a_delivered_order_shows_what_was_delivered(estimate: scenecart.Estimate, tmp_path: Path):
    """The receipt of a delivered order shows the imagery itself, read remotely or from the folder it was downloaded to."""
    order = estimate.place(again="a receipt").wait(timeout=60, progress=False)
    remote = sheet(order.to_report(tmp_path / "remote.html", contact_sheet=True))
    assert [DELIVERED in caption for _, caption in remote] == [True] * len(estimate.cart)
    order.download(tmp_path / "files", ["visual"], progress=False)
    local = sheet(order.to_report(tmp_path / "local.html", contact_sheet=True))
    for (first, _), (second, _) in zip(remote, local, strict=True):
        assert np.abs(np.asarray(first).astype(int) - np.asarray(second)).max() == 0


@pytest.mark.parametrize("content", [None, b"<html>"], ids=["failing", "no picture"])
def test_contact_sheet_without_pictures_says_so(scripted: ScriptedClient, tmp_path: Path, content: bytes | None):
    """If no quicklook can be fetched or read, the report is written, and says how many captures it does not show."""
    serve_thumbnails(scripted.service, content)
    cart = scripted.cart(feature("first"), feature("second", west=0.2))
    page = cart.to_report(tmp_path / "cart.html", thumbnails=False, contact_sheet=True).read_text()
    assert "The pictures show 0 of 2 captures" in page
    assert cart.to_report(tmp_path / "cart.pdf", thumbnails=False, contact_sheet=True).stat().st_size > 1_000
