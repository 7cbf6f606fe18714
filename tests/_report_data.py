"""Shared by tests of reports: scripted prices and quicklooks, and readers of the written files."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import pypdfium2
from PIL import Image

import scenecart
from _scripted_service import Answer, RecordedRequest, ScriptedService, answer, feature, page

if TYPE_CHECKING:
    from pathlib import Path

HARBOUR = (151.18, -33.99, 151.24, -33.94)
FORMATS = ["csv", "geojson", "gpkg", "html", "md", "parquet", "pdf", "xlsx"]
READABLE = ["html", "md", "pdf", "xlsx"]
THUMBNAIL = "catalog.image.thumbnail"


def price_answer(*ids: str) -> dict[str, Any]:
    """Return the answer of the service with a price for each capture, in a group of its own."""
    groups = [{"captures": [name], "aoi_km2": 121.5, "credits": 123_450, "aud": 1234.5} for name in ids]
    return {"groups": groups, "errors": [], "total_credits": 123_450 * len(ids), "total_aud": 1234.5 * len(ids)}


class ScriptedClient:
    """A client of a service whose answers a test writes."""

    def __init__(self, service: ScriptedService, home: Path) -> None:
        self.service = service
        self.client = scenecart.connect(
            base_url=service.url, token="t", home=home, wall=lambda: 1_710_000_000.0, sleep=lambda _: None
        )

    def cart(self, *features: Any, aoi: Any = None, **options: Any) -> scenecart.Cart:
        """Return a cart of captures that the service finds."""
        self.service.put("catalog.search", answer(page(*features or (feature("first"),))))
        return self.client.cart(self.client.search("h", collections="c", limit=500), aoi=aoi, **options)

    def estimate(self, *features: Any, response: Any = None, **options: Any) -> scenecart.Estimate:
        """Return the estimate of a cart of captures, with the service's response or a price for each."""
        cart = self.cart(*features, **options)
        self.service.put("orders.archive.estimate", answer(response or price_answer(*cart.ids)))
        return cart.estimate()


def image(color: Any = "#446622", size: tuple[int, int] = (400, 300), kind: str = "PNG", mode: str = "RGB") -> bytes:
    """Return an image of one colour."""
    stream = io.BytesIO()
    Image.new(mode, size, color).save(stream, kind)
    return stream.getvalue()


def serve_thumbnails(service: ScriptedService, content: bytes | None) -> None:
    """Make the service answer with this image for each capture, or with an error for None."""

    def redirect(_: RecordedRequest) -> Answer:
        return Answer(b"", 500) if content is None else Answer(b"", 307, {"Location": f"{service.url}/image?X-Amz-Signature=hush"})

    service.put(THUMBNAIL, redirect)
    service.put("/image", Answer(content or b"", 200, {"Content-Type": "image/png"}))


def pdf_pages(path: Path) -> list[str]:
    """Return the text of each page of a PDF."""
    document = pypdfium2.PdfDocument(path)
    try:
        texts = []
        for number in range(len(document)):
            sheet = document[number]
            words = sheet.get_textpage()
            texts.append(words.get_text_bounded())
            words.close()
            sheet.close()
        return texts
    finally:
        document.close()


def report_text(path: Path) -> str:
    """Return the text of a report in any format."""
    if path.suffix == ".pdf":
        return " ".join("\n".join(pdf_pages(path)).split())
    if path.suffix == ".xlsx":
        import openpyxl  # noqa: PLC0415  # for workbooks alone

        book = openpyxl.load_workbook(path)
        return " ".join(str(cell.value) for sheet in book for row in sheet.iter_rows() for cell in row if cell.value is not None)
    return " ".join(path.read_bytes().decode("utf-8", "replace").split())
