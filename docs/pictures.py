"""Draw the images of README.md and of this site with `python docs/pictures.py`.

A report from the embedded sandbox is laid out by Chromium and saved as one SVG that follows the theme of the page. The picker
runs in JupyterLab, light and dark, and is saved as flat SVG.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from scenecart.sandbox import Sandbox

DOCS = Path(__file__).parent
sys.path.insert(0, str(DOCS.parent / "tests"))

from _jupyter import Jupyter, notebook  # noqa: E402  # shared with the tests

IMAGES = DOCS / "images"
HARBOUR = (151.18, -33.99, 151.24, -33.94)
WIDTH = 920
PICKER = f"""
import scenecart
client = scenecart.connect("sandbox")
captures = client.search("aurora", collections=["aurora-50cm", "aurora-30cm"], aoi={HARBOUR}, datetime="2024-01/2024-06")
picker = scenecart.widgets.CaptureMap(captures, aoi={HARBOUR}, client=client)
picker.filters = {{"eo:cloud_cover": [0, 30]}}
picker.selection = tuple(picker.filtered.index[:2])
# vector lines, not one canvas
picker.map.map.prefer_canvas = False
picker
"""


def quote(folder: Path) -> Path:
    """Write the report of the first notebook's cart."""
    clock = 1_725_000_000.0
    with Sandbox(pace="instant", clock=lambda: clock) as box, box.client(home=folder, wall=lambda: clock) as client:
        found = client.search("aurora", collections="aurora-50cm", aoi=HARBOUR, datetime="2024-01/2024-06", max_cloud_cover=20)
        estimate = client.cart(found.nsmallest(2, "eo:cloud_cover"), aoi=HARBOUR).estimate()
        return estimate.to_report(folder / "quote.html", title="Port Botany, first half of 2024")


def picker(folder: Path, *, dark: bool) -> str:
    """Show the picker in JupyterLab and return what is seen as one SVG."""
    notebook(folder / "picker.ipynb", PICKER)
    with sync_playwright() as playwright, Jupyter("lab", folder, folder, dark=dark) as lab:
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1300, "height": 1100})
        lab.open(page, "picker.ipynb")
        page.wait_for_selector(".sc-grid .row")
        kernel = lab.kernel()
        kernel.wait("len(picker.map._layers.footprints.data['features']) == len(picker.filtered)")
        kernel.close()
        shown = page.locator(".jp-OutputArea-output > .scenecart").first
        page.wait_for_function("document.querySelectorAll('path.leaflet-interactive').length > 40")
        size = shown.bounding_box()
        ground = page.evaluate("getComputedStyle(document.querySelector('.jp-Notebook')).backgroundColor")
        flat = shown.evaluate((DOCS / "flat.js").read_text("utf-8"))
        browser.close()
    wide, high = round(size["width"]) + 24, round(size["height"]) + 24
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{wide}" height="{high}" viewBox="-12 -12 {wide} {high}" '
        f'font-family="system-ui, -apple-system, Segoe UI, sans-serif"><rect x="-12" y="-12" width="100%" height="100%" '
        f'fill="{ground}"/>\n{flat}</svg>\n'
    )


def chromium() -> str | None:
    """Return where Chromium is."""
    return shutil.which("chromium") or shutil.which("google-chrome")


def as_svg(report: Path) -> str:
    """Lay a report out in a browser and return it as one SVG."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
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
    for name, is_dark in (("picker", False), ("picker-dark", True)):
        with tempfile.TemporaryDirectory() as temporary:
            (IMAGES / f"{name}.svg").write_text(picker(Path(temporary), dark=is_dark), encoding="utf-8")
