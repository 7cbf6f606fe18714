"""Draw the pictures of README.md and of this site anew with `python docs/pictures.py`.

A report is written on the embedded sandbox, laid out by Chromium, and kept as one SVG that follows the reader's theme.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from scenecart.sandbox import Sandbox

IMAGES = Path(__file__).parent / "images"
HARBOUR = (151.18, -33.99, 151.24, -33.94)
WIDTH = 920


def quote(folder: Path) -> Path:
    """Write the report of the first notebook's cart."""
    clock = 1_725_000_000.0
    with Sandbox(pace="instant", clock=lambda: clock) as box, box.client(home=folder, wall=lambda: clock) as client:
        found = client.search("aurora", collections="aurora-50cm", aoi=HARBOUR, datetime="2024-01/2024-06", max_cloud_cover=20)
        estimate = client.cart(found.nsmallest(2, "eo:cloud_cover"), aoi=HARBOUR).estimate()
        return estimate.to_report(folder / "quote.html", title="Port Botany, first half of 2024")


def as_svg(report: Path) -> str:
    """Lay a report out in a browser and return it as one SVG."""
    binary = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=binary, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": WIDTH, "height": 800})
        page.goto(report.as_uri())
        height = page.evaluate("Math.ceil(document.querySelector('main').getBoundingClientRect().height)")
        body = page.evaluate("new XMLSerializer().serializeToString(document.querySelector('main'))")
        style = page.evaluate("document.querySelector('style').textContent")
        browser.close()
    style = style.replace("body{", ".page{").replace("&", "&amp;").replace("<", "&lt;")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}">'
        f'<foreignObject width="100%" height="100%"><div xmlns="http://www.w3.org/1999/xhtml" class="page">'
        f"<style>{style}</style>{body}</div></foreignObject></svg>\n"
    )


if __name__ == "__main__":
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        (IMAGES / "quote.svg").write_text(as_svg(quote(Path(temporary))), encoding="utf-8")
