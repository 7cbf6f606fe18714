"""Take the pictures of gallery, comparison, imagery and receipt that the site shows: `python docs/looks.py FOLDER`.

Everything runs on the embedded sandbox in JupyterLab, light and dark. Without Chromium no pictures are taken.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from _browser import HARBOUR, SCHEMES, in_scheme, jupyterlab, new_page, take_into_folder

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser

WIDTH = 1_180
CAPTURES = f"""
import scenecart
client = scenecart.connect("sandbox")
harbour = {HARBOUR}
captures = client.search("aurora", collections="aurora-50cm", aoi=harbour, datetime="2024")
captures = captures[scenecart.coverage(captures, harbour) > 0.99]
captures = scenecart.cloud_over(captures, harbour, client=client, progress=False)
clear = captures.sort_values("aoi:cloud_cover").head(6).sort_values("datetime")
"""
GALLERY = """
gallery = scenecart.widgets.Gallery(captures, harbour, client=client)
gallery.sort = "Least cloud over the area"
gallery.state.select(gallery.shown.index[[0, 2]])
gallery
"""
COMPARE = """
compare = scenecart.widgets.Compare(clear, aoi=harbour, client=client, mode={mode!r})
compare.shown = (0, 3)
compare
"""
IMAGERY = """
order = client.cart(clear.head(1), harbour).estimate().place(again="a picture").wait(timeout=60, progress=False)
delivered = scenecart.widgets.FootprintMap(captures.head(4), harbour, client=client, basemap="none")
delivered.map.layout.height = "460px"
delivered.add_imagery(order, "delivered")
delivered.add_imagery(order, "near infrared", asset="analytic", bands="nir", opacity=0.75)
delivered.zoom_to("imagery")
delivered
"""
REPORTS = """
estimate = client.cart(clear.head(4), harbour).estimate()
estimate.to_report("quote.html", title="Port Botany, 2024", contact_sheet=True)
order.to_report("receipt.html", title="Port Botany, receipt", contact_sheet=True)
"""
CELLS = (
    CAPTURES,
    GALLERY,
    *(COMPARE.format(mode=mode) for mode in ("swipe", "flicker", "side")),
    IMAGERY,
    REPORTS,
)
NAMES = ("gallery", "compare-swipe", "compare-flicker", "compare-side", "imagery")
_DONE = """() => [...document.querySelectorAll('.sc-gallery .frame.waits, .sc-compare img.waits')].every((one) => !one.offsetParent)
  && document.querySelectorAll('.sc-gallery .cell').length > 3
  && document.querySelectorAll('[class*=scenecart-imagery] img').length >= 4"""


def widgets(browser: Browser, folder: Path) -> None:
    """Take a picture of each widget in JupyterLab, and of the reports that it wrote."""
    with jupyterlab(*CELLS) as (lab, work), new_page(browser, WIDTH, 1_400) as page:
        lab.open(page, "page.ipynb")
        kernel = lab.kernel()
        kernel.wait("'delivered' in globals() and len(delivered.imagery) == 2", seconds=120)
        shown = page.locator(".jp-OutputArea-output > .scenecart-panel, .jp-OutputArea-output > .scenecart")
        for scheme in SCHEMES:
            in_scheme(page, scheme, has_themes=True)
            for number, name in enumerate(NAMES):
                shown.nth(number).wait_for()
                shown.nth(number).scroll_into_view_if_needed()
                page.wait_for_timeout(1_500)
                kernel.wait("not gallery.is_busy and not compare._runner.is_any_busy()", seconds=120)
                if name == NAMES[-1]:
                    page.wait_for_function(_DONE)
                    page.wait_for_timeout(1_500)
                shown.nth(number).screenshot(path=folder / f"{name}-{scheme}.png")
        kernel.close()
        for scheme in SCHEMES:
            for name in ("quote", "receipt"):
                report(browser, work / f"{name}.html", folder / f"{name}-{scheme}.png", scheme)


def report(browser: Browser, path: Path, target: Path, scheme: str) -> None:
    """Take a picture of a whole report."""
    with new_page(browser, WIDTH, 900, scheme) as page:
        page.goto(path.as_uri())
        page.screenshot(path=target, full_page=True)


if __name__ == "__main__":
    take_into_folder(widgets)
