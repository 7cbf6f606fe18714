"""The report as people see it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import scenecart
from _contrast import unreadable_texts
from _report_data import pdf_pages
from scenecart.sandbox import Sandbox

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser

HARBOUR = (151.18, -33.99, 151.24, -33.94)
HOSTILE = "<img src=x onerror=window.hurt=1>"


@pytest.fixture(scope="module")
def quote(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a report of three captures of the sandbox."""
    folder = tmp_path_factory.mktemp("quote")
    with Sandbox(pace="instant") as box, box.client(home=folder) as client:
        found = client.search("aurora", collections="aurora-50cm", aoi=HARBOUR, datetime="2024-01/2024-06").head(3)
        return client.cart(found, aoi=HARBOUR).estimate().to_report(folder / "quote.html", title=f"Harbour {HOSTILE}")


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a comparison of three carts of the sandbox."""
    folder = tmp_path_factory.mktemp("compared")
    with Sandbox(pace="instant") as box, box.client(home=folder) as client:
        found = client.search("aurora", collections="aurora-50cm", aoi=HARBOUR, datetime="2024-01/2024-06").head(5)
        carts = [client.cart(found.iloc[start : start + 3], aoi=HARBOUR) for start in range(3)]
        named = {"first": carts[0].estimate(), f"second {HOSTILE}": carts[1].estimate(), "third": carts[2]}
        return scenecart.compare_report(named, folder / "compared.html", title=f"Three {HOSTILE}")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1200])
def test_the_report_is_whole_on_every_screen(browser: Browser, quote: Path, scheme: str, width: int):
    """On narrow and wide screens, light and dark, every word is legible, nothing is cut off, fails or is fetched."""
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    complaints: list[str] = []
    fetched: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: fetched.append(request.url))
    try:
        page.goto(quote.as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.locator("svg").first.is_visible()
        assert HOSTILE in page.locator("h1").inner_text()
        assert page.evaluate("window.hurt") is None
        ink, paper = (page.evaluate(f"getComputedStyle(document.body).{name}") for name in ("color", "backgroundColor"))
        assert unreadable_texts(page.locator("body")) == []
        assert abs(_lightness(ink) - _lightness(paper)) > 0.6
        assert (_lightness(paper) > 0.5) is (scheme == "light")
    finally:
        page.close()
    assert complaints == []
    assert fetched == [quote.as_uri()]


@pytest.mark.parametrize("width", [360, 1200])
def test_a_comparison_is_whole_on_every_screen(browser: Browser, compared: Path, width: int):
    """A comparison fits narrow and wide screens, and no column of words is squeezed to letters."""
    page = browser.new_page(viewport={"width": width, "height": 900})
    try:
        page.goto(compared.as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert HOSTILE in page.locator("h1").inner_text()
        heights = page.evaluate("[...document.querySelectorAll('.compared tbody tr')].map(row => row.offsetHeight)")
        assert max(heights) < 90
    finally:
        page.close()


def test_every_picture_of_a_report_is_seen(browser: Browser, quote: Path):
    """Each capture has its picture, decoded by the browser, and the map's letters lie within the page."""
    page = browser.new_page(viewport={"width": 360, "height": 900})
    try:
        page.goto(quote.as_uri())
        page.wait_for_function("[...document.images].every(image => image.complete)")
        widths = page.evaluate("[...document.images].map(image => Math.max(image.naturalWidth, image.naturalHeight))")
        assert len(widths) == 3
        assert all(width > 100 for width in widths)
        edges = page.evaluate(
            "[...document.querySelectorAll('svg text')].map(text => text.getBoundingClientRect()).map(box => [box.left, box.right])"
        )
        assert edges
        assert all(left >= 0 and right <= 360 for left, right in edges)
    finally:
        page.close()


def test_printed_pages_are_numbered(browser: Browser, quote: Path, tmp_path: Path):
    """Printed by a browser, each page says which of how many it is."""
    page = browser.new_page(color_scheme="dark")
    try:
        page.goto(quote.as_uri())
        page.pdf(path=tmp_path / "printed.pdf", prefer_css_page_size=True)
    finally:
        page.close()
    texts = pdf_pages(tmp_path / "printed.pdf")
    assert all(f"{number} of {len(texts)}" in text for number, text in enumerate(texts, 1))


def test_report_printed_from_a_dark_theme_is_dark_on_white(browser: Browser, quote: Path):
    """On paper the report is dark on white, in a light and in a dark theme."""
    page = browser.new_page(color_scheme="dark")
    try:
        page.goto(quote.as_uri())
        page.emulate_media(media="print")
        assert _lightness(page.evaluate("getComputedStyle(document.body).backgroundColor")) > 0.9
    finally:
        page.close()


def _lightness(color: str) -> float:
    numbers = [float(part) for part in color.partition("(")[2].rstrip(")").split(",")]
    if len(numbers) > 3 and numbers[3] == 0:
        return 1.0
    return sum(numbers[:3]) / 765
