"""The report as people see it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

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


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1200])
def test_the_report_is_whole_on_every_screen(browser: Browser, quote: Path, scheme: str, width: int):
    """On narrow and wide screens, light and dark, nothing is cut off, nothing fails and nothing is fetched."""
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
        assert abs(_lightness(ink) - _lightness(paper)) > 0.6
        assert (_lightness(paper) > 0.5) is (scheme == "light")
    finally:
        page.close()
    assert complaints == []
    assert fetched == [quote.as_uri()]


def test_the_report_prints_light(browser: Browser, quote: Path):
    """On paper the report is dark on white, whatever the screen's theme."""
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
