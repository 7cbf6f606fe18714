"""Quicklooks in reports: small copies of the catalog's images, and footprint outlines where there are none."""

from __future__ import annotations

import base64
import io
import re
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from _report_data import HARBOUR, THUMBNAIL, ScriptedClient, image, pdf_pages, serve_thumbnails
from _scripted_service import Answer, feature
from scenecart.report._model import contents_of
from scenecart.report._thumbnails import SIZE, small_jpeg, with_thumbnails

if TYPE_CHECKING:
    from pathlib import Path

    from scenecart.sandbox import Sandbox


def _embedded(path: Path) -> list[bytes]:
    return [base64.b64decode(found) for found in re.findall(r'src="data:image/jpeg;base64,([^"]+)"', path.read_text())]


@pytest.mark.parametrize(
    ("kind", "mode"), [("PNG", "RGB"), ("PNG", "RGBA"), ("PNG", "P"), ("PNG", "L"), ("JPEG", "RGB"), ("JPEG", "CMYK")]
)
def test_thumbnail_of_each_capture_is_a_small_jpeg(scripted: ScriptedClient, tmp_path: Path, kind: str, mode: str):
    """PNG and JPEG of any colour mode become small JPEGs in the page, without anything else of the file."""
    content = image(kind=kind, mode=mode, color="#446622" if mode in {"RGB", "RGBA"} else 60)
    serve_thumbnails(scripted.service, content)
    found = _embedded(scripted.cart(feature("first"), feature("second", west=0.2)).to_report(tmp_path / "cart.html"))
    assert len(found) == 2
    with Image.open(io.BytesIO(found[0])) as embedded:
        assert embedded.format == "JPEG"
        assert max(embedded.width / SIZE[0], embedded.height / SIZE[1]) == 1
    assert len(found[0]) < 6_000


@pytest.mark.parametrize(
    "content",
    [b"", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"GIF89a" + b"0" * 50, b"\x89PNG\r\n\x1a\n" + b"0" * 90,
     b"\xff\xd8\xff" + b"1" * 90, image()[:200], None],
    ids=["nothing", "svg", "gif", "no png", "no jpeg", "truncated", "failing"],
)  # fmt: skip
@pytest.mark.parametrize("suffix", ["html", "pdf"])
def test_thumbnail_that_cannot_be_read_is_replaced_by_an_outline(
    scripted: ScriptedClient, tmp_path: Path, content: bytes | None, suffix: str
):
    """If the service sends anything but an image, the report is written with the footprint's outline."""
    serve_thumbnails(scripted.service, content)
    path = scripted.cart(feature("first")).to_report(tmp_path / f"cart.{suffix}")
    assert path.stat().st_size > 1_000
    if suffix == "html":
        assert _embedded(path) == []
        assert path.read_text().count("<polygon points=") == 1


def test_thumbnails_false_requests_none(scripted: ScriptedClient, tmp_path: Path):
    """Without quicklooks nothing is requested, and the table has no column for them."""
    serve_thumbnails(scripted.service, image())
    text = scripted.cart().to_report(tmp_path / "cart.html", thumbnails=False).read_text()
    assert scripted.service.requests(THUMBNAIL) == []
    assert 'class="thumbnail"' not in text


def test_thumbnails_are_requested_once_and_only_for_formats_that_show_them(scripted: ScriptedClient, tmp_path: Path):
    """Workbooks and layers request no quicklook; what one report fetched, the next one has."""
    serve_thumbnails(scripted.service, image())
    cart = scripted.cart(feature("first"), feature("second", west=0.2))
    for suffix in ("xlsx", "md", "csv", "geojson"):
        cart.to_report(tmp_path / f"cart.{suffix}")
    assert scripted.service.requests(THUMBNAIL) == []
    assert 'class="thumbnail"' in cart.to_report(tmp_path / "cart.html").read_text()
    cart.to_report(tmp_path / "cart.pdf")
    assert len(scripted.service.requests(THUMBNAIL)) == 2


def test_thumbnails_of_a_failing_service_are_not_requested_on(scripted: ScriptedClient, tmp_path: Path):
    """After a few consecutive failures no more quicklooks are requested, and the report says how many are missing."""
    scripted.service.put(THUMBNAIL, Answer(b"{}", 403, {"Content-Type": "application/json"}))
    many = [feature(f"capture-{number}", west=number * 0.2) for number in range(60)]
    text = scripted.cart(*many).to_report(tmp_path / "cart.html").read_text()
    assert len(scripted.service.requests(THUMBNAIL)) < 20
    assert "60 of 60 quicklooks" in text


def test_thumbnails_stop_at_the_time_limit(scripted: ScriptedClient):
    """When the time is over no quicklook is requested any more; the report has the others."""
    serve_thumbnails(scripted.service, image())
    times = iter([0.0, *[61.0] * 10])
    contents = with_thumbnails(contents_of(scripted.cart(feature("first"))), clock=lambda: next(times))
    assert (contents.thumbnails, contents.missing_thumbnails) == ((None,), 1)
    assert scripted.service.requests(THUMBNAIL) == []


def test_thumbnail_url_is_not_in_the_report(scripted: ScriptedClient, tmp_path: Path):
    """The signed URL of a quicklook appears nowhere."""
    serve_thumbnails(scripted.service, image())
    for suffix in ("html", "pdf"):
        content = scripted.cart().to_report(tmp_path / f"cart.{suffix}").read_bytes()
        assert b"hush" not in content
        assert b"Signature" not in content


def test_thumbnail_of_too_many_pixels_is_not_decoded():
    """An image of more pixels than any quicklook has is not decoded."""
    stream = io.BytesIO()
    Image.new("1", (8_000, 8_000)).save(stream, "PNG")
    assert small_jpeg(stream.getvalue()) is None


def test_report_with_500_thumbnails_stays_small(scripted: ScriptedClient, tmp_path: Path):
    """A report of 500 captures with quicklooks of noise stays below six megabytes."""
    noise = Image.fromarray(np.random.default_rng(3).integers(0, 255, (192, 256, 3), dtype=np.uint8))
    stream = io.BytesIO()
    noise.save(stream, "PNG")
    serve_thumbnails(scripted.service, stream.getvalue())
    many = [feature(f"capture-{number}", west=number * 0.2) for number in range(500)]
    path = scripted.cart(*many).to_report(tmp_path / "cart.html")
    assert len(_embedded(path)) == 500
    assert path.stat().st_size < 6_000_000


def test_thumbnails_are_cut_to_the_area(box: Sandbox, tmp_path: Path):
    """With an area, each quicklook of a report shows it with a scale bar and its day; without one, whole captures without a bar."""
    with box.client("analyst", home=tmp_path, sleep=lambda _: None) as client:
        found = client.search("aurora", collections="aurora-50cm", aoi=HARBOUR, datetime="2024-01/2024-06", max_cloud_cover=30)
        cart = client.cart(found.head(2), aoi=HARBOUR)
        cut, whole = (with_thumbnails(contents_of(cart), subject) for subject in (cart, None))
        assert cut.thumbnail_metres == pytest.approx([1.16 * 1.333 * 5_560] * 2, rel=0.02)
        assert whole.thumbnail_metres == (None, None)
        for one, other in zip(cut.thumbnails, whole.thumbnails, strict=True):
            assert one is not None
            assert Image.open(io.BytesIO(one)).size == SIZE
            assert one != other
        days = [f"{time:%Y-%m-%d}" for time in found.head(2)["datetime"]]
        assert [day for _, day in whole.captions] == days
        page = cart.to_report(tmp_path / "cart.html").read_text()
        shares = [float(share) for share in re.findall(r'class="scale"><i style="width:([\d.]+)%"></i>2 km</span><time>', page)]
        assert shares == pytest.approx([100 * 2_000 / (1.16 * 1.333 * 5_560)] * 2, rel=0.02)
        text = "".join(pdf_pages(cart.to_report(tmp_path / "cart.pdf")))
        assert text.count("2 km") == 2
        assert all(text.count(day) >= 2 for day in days)
        country = client.cart(found.head(2), aoi=(140, -40, 155, -30))
        assert with_thumbnails(contents_of(country), country).thumbnail_metres == (None, None)


def test_thumbnails_with_and_without_a_place_say_which_is_which(scripted: ScriptedClient):
    """Pictures that could not be placed have no scale bar, and the line above the table tells the others from them."""
    contents = contents_of(scripted.cart(feature("first"), feature("second", west=0.2)))
    assert replace(contents, thumbnails=(b"1", None), thumbnail_metres=(None, None)).thumbnails_about == ""
    cut = replace(contents, thumbnails=(b"1", None), thumbnail_metres=(500.0, None))
    mixed = replace(cut, thumbnails=(b"1", b"2"))
    assert "" != cut.thumbnails_about != mixed.thumbnails_about != ""
    assert [bar and bar.text for bar, _ in mixed.captions] == ["100 m", None]
