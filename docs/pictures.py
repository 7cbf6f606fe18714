"""Draw the images of README.md and of this site with `python docs/pictures.py`.

A report from the embedded sandbox is laid out by Chromium and saved as one SVG that follows the theme of the page. The Workbench
and the picker in JupyterLab are shown light and dark, and saved as flat SVG.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from _browser import DOCS, HARBOUR, SCHEMES, App, chromium, jupyterlab, new_page, search_harbour, settle
from scenecart.sandbox import Sandbox

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator

IMAGES = DOCS / "images"
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


def workbench(browser: Browser, folder: Path, scheme: str) -> str:
    """Search and fill a cart in the Workbench, and return what is seen as one SVG."""
    with App(folder, "--no-browser") as app, new_page(browser, 1440, 880, scheme) as page:
        page.add_init_script((DOCS / "pen.js").read_text("utf-8"))
        page.goto(app.url)
        search_harbour(page)
        for step in ("Add to cart", "Next capture", "Next capture", "Add to cart"):
            page.locator(".sc-side").get_by_role("button", name=step).first.click()
        page.wait_for_selector(".sc-cart .btn.main:enabled")
        page.wait_for_function("[...document.querySelectorAll('.sc-cart .th')].every(one => one.style.backgroundImage)")
        settle(page)
        return flat(page.locator(".sc-bench"))


def picker(browser: Browser, scheme: str) -> str:
    """Show the picker in JupyterLab and return what is seen as one SVG."""
    with jupyterlab(PICKER) as (lab, _), new_page(browser, 1300, 1100, scheme) as page:
        lab.open(page, "page.ipynb")
        page.wait_for_selector(".sc-grid .row")
        kernel = lab.kernel()
        kernel.wait("len(picker.map._layers.footprints.data['features']) == len(picker.filtered)")
        kernel.close()
        page.wait_for_function("document.querySelectorAll('path.leaflet-interactive').length > 40")
        return flat(page.locator(".jp-OutputArea-output > .scenecart").first, margin=12)


def flat(shown: Locator, margin: int = 0) -> str:
    """Return an element as one SVG."""
    size = shown.bounding_box()
    if size is None:
        raise RuntimeError("The element is not shown.")
    ground = shown.page.evaluate("getComputedStyle(document.querySelector('.jp-Notebook')).backgroundColor")
    content = shown.evaluate((DOCS / "flat.js").read_text("utf-8"))
    wide, high = round(size["width"]) + 2 * margin, round(size["height"]) + 2 * margin
    corner = f'x="{-margin}" y="{-margin}"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{wide}" height="{high}" viewBox="{-margin} {-margin} {wide} {high}" '
        f'font-family="system-ui, -apple-system, Segoe UI, sans-serif"><rect {corner} width="100%" height="100%" '
        f'fill="{ground}"/>\n{content}</svg>\n'
    )


def as_svg(browser: Browser, report: Path) -> str:
    """Lay a report out in a browser and return it as one SVG."""
    with new_page(browser, WIDTH, 800) as page:
        page.goto(report.as_uri())
        height = page.evaluate("Math.ceil(document.querySelector('main').getBoundingClientRect().height)")
        body = page.evaluate("new XMLSerializer().serializeToString(document.querySelector('main'))")
        style = page.evaluate("document.querySelector('style').textContent")
    style = style.replace("body{", ".page{").replace("&", "&amp;").replace("<", "&lt;")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}">'
        f'<foreignObject width="100%" height="100%"><div xmlns="http://www.w3.org/1999/xhtml" class="page">'
        f"<style>{style}</style>{body}</div></foreignObject></svg>\n"
    )


def draw(browser: Browser) -> None:
    """Draw all images."""

    def write(name: str, scheme: str, content: str) -> None:
        (IMAGES / f"{name}{'' if scheme == 'light' else '-dark'}.svg").write_text(content, encoding="utf-8")

    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        write("quote", "light", as_svg(browser, quote(Path(temporary))))
    for scheme in SCHEMES:
        write("picker", scheme, picker(browser, scheme))
        with tempfile.TemporaryDirectory() as temporary:
            write("workbench", scheme, workbench(browser, Path(temporary), scheme))


if __name__ == "__main__":
    with chromium() as running:
        draw(running)
