"""Take the pictures of the Workbench that the site shows: `python docs/screens.py FOLDER`. Without Chromium none are taken.

The whole way on the sandbox, from the opened page to delivered pixels, light and dark, and at the widths of a laptop and a
telephone.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from playwright.sync_api import sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from _app import App  # shared with the tests

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

HARBOUR = "151.18 -33.99 151.24 -33.94"
_SETTLE = 3_000
# pictures and clouds arrive after the rows
SHOWN = """document.querySelector('.sc-card .pic')?.style.backgroundImage && !document.querySelector('.sc-results .waits')
  && document.querySelector('.sc-ask').innerText.includes('over my area')"""


def way(page: Page, url: str, folder: Path, scheme: str) -> None:
    """Go from the opened page to pixels on the map, and take a picture of each step."""

    def shot(name: str) -> None:
        page.wait_for_timeout(500)
        page.screenshot(path=folder / f"{name}-{scheme}.png")

    page.goto(url)
    page.get_by_role("button", name="Search this view").wait_for()
    page.wait_for_timeout(_SETTLE)
    shot("opened")
    page.get_by_role("button", name="Type").click()
    page.locator(".typed input").fill(HARBOUR)
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Search this area").click()
    page.locator(".sc-foot", has_text="found").wait_for()
    page.wait_for_function(SHOWN)
    page.wait_for_timeout(_SETTLE)
    page.get_by_role("button", name="Add to cart").click()
    shot("results")
    page.locator(".sc-card").get_by_role("button", name="Compare").click()
    page.wait_for_function("document.querySelectorAll('.sc-map .leaflet-sc-picture-pane img').length === 2")
    page.wait_for_timeout(_SETTLE)
    shot("compare")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Gallery").click()
    page.wait_for_timeout(_SETTLE)
    page.wait_for_function(SHOWN)
    shot("gallery")
    page.get_by_role("button", name="Order 1 capture…").click()
    page.get_by_text("You will never pay more than this.").wait_for()
    page.wait_for_function("!document.querySelector('.sc-cart').innerText.includes('Looking up')")
    shot("confirm")
    page.get_by_role("button", name="Buy 1 capture for").click()
    page.get_by_text("Bought: 1 capture for").wait_for()
    page.get_by_role("tab", name="Orders").click()
    page.get_by_role("button", name="Show on map").first.click()
    page.get_by_role("button", name="Back to the captures").wait_for()
    page.wait_for_timeout(_SETTLE)
    shot("delivered")


def take(browser: Browser, folder: Path, scheme: str) -> None:
    """Take the pictures of one theme, each on a sandbox of its own."""
    with tempfile.TemporaryDirectory() as home, App(Path(home), "--no-browser") as app:
        context = browser.new_context(viewport={"width": 1600, "height": 1000}, color_scheme=scheme, reduced_motion="reduce")
        page = context.new_page()
        page.set_default_timeout(90_000)
        way(page, app.url, folder, scheme)
        page.close(run_before_unload=True)
        for width in (1000, 420):
            page = context.new_page()
            page.set_viewport_size({"width": width, "height": 1000})
            page.goto(app.url)
            page.wait_for_function(SHOWN, timeout=90_000)
            page.wait_for_timeout(_SETTLE)
            page.screenshot(path=folder / f"results-{width}-{scheme}.png")
            page.close(run_before_unload=True)
        context.close()


def main(folder: Path) -> None:
    """Take all pictures."""
    binary = shutil.which("chromium") or shutil.which("google-chrome")
    folder.mkdir(parents=True, exist_ok=True)
    if binary is None:
        sys.stderr.write("Chromium is not installed, so no picture of the Workbench is taken.\n")
        return
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=binary, args=["--no-sandbox", "--disable-dev-shm-usage"])
        for scheme in ("light", "dark"):
            take(browser, folder, scheme)
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
