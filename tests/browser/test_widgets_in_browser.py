"""The widgets in a real browser: each interaction in Voila, and a whole purchase in JupyterLab."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from _contrast import unreadable_texts
from _jupyter import Jupyter, Kernel, environment_of, notebook
from _thorough import first_of
from scenecart.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

HARBOUR = (151.18, -33.99, 151.24, -33.94)
HOSTILE = "<img src=x onerror=window.hacked=1>"
PICKER = f"""
import geopandas as gpd, scenecart
client = scenecart.connect()
captures = client.search("aurora", collections=["aurora-50cm", "aurora-30cm"], bbox=(150.9, -34.2, 151.6, -33.6), datetime="2024")
captures.loc[captures.index[0], "id"] = {HOSTILE!r}
picker = scenecart.widgets.CaptureMap(captures, aoi={HARBOUR}, client=client)
cover = scenecart.widgets.CoverPanel(client, picker)
display(picker, cover)
"""
BENCH = f"""
import scenecart
client = scenecart.connect()
bench = scenecart.widgets.Workbench(client, aoi={HARBOUR}, hosts={{"aurora": ["aurora-50cm", "aurora-30cm"]}})
bench
"""

# the widget of a cell
DISPLAYED = ".jp-OutputArea-output > .scenecart"

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def signed_in() -> Iterator[dict[str, str]]:
    """Return the environment of an analyst who is signed in to a sandbox."""
    with Sandbox(pace="demo") as box:
        box.rate_limits = None
        yield environment_of(box, "analyst")


@pytest.fixture(scope="module")
def voila(signed_in: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Jupyter]:
    folder = tmp_path_factory.mktemp("voila")
    with Jupyter("voila", notebook(folder / "picker.ipynb", PICKER), folder, **signed_in) as running:
        yield running


class OpenPage:
    """A page with a running notebook, its kernel, and the errors of its scripts."""

    def __init__(self, page: Page, kernel: Kernel, errors: list[str]) -> None:
        self.page, self.kernel, self.errors = page, kernel, errors

    def at(self, longitude: float, latitude: float) -> tuple[float, float]:
        """Return the position of a place of the map on the page."""
        (south, west), (north, east) = self.kernel.value("picker.map.map.bounds")
        box = self.page.locator(".leaflet-container").first.bounding_box()
        assert box is not None
        # in so small a view a degree of latitude has the same length everywhere
        return (
            box["x"] + (longitude - west) / (east - west) * box["width"],
            box["y"] + (north - latitude) / (north - south) * box["height"],
        )


@pytest.fixture
def opened(browser: Browser, voila: Jupyter) -> Iterator[OpenPage]:
    page = browser.new_page(viewport={"width": 1200, "height": 1300})
    page.set_default_timeout(120_000)
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    voila.open(page)
    page.wait_for_selector(".sc-grid .row")
    page.wait_for_selector(".leaflet-container canvas")
    kernel = voila.kernel()
    kernel.wait("len(picker.map.map.bounds) == 2 and len(picker.map._layers.footprints.data['features']) > 0")
    yield OpenPage(page, kernel, errors)
    assert page.evaluate("window.hacked") is None
    assert errors == []
    kernel.close()
    page.close()


def test_click_on_the_map_selects(opened: OpenPage):
    """A click selects the footprint under it, the list offers the others, and Shift adds and removes."""
    page, kernel = opened.page, opened.kernel
    page.mouse.click(*opened.at(151.21, -33.965))
    kernel.wait("list(picker.selection)", lambda value: len(value) == 1)
    listed = page.locator(".widget-select select").locator("option")
    listed.nth(1).wait_for(state="attached")
    assert listed.count() == kernel.value("len(picker.map._stack.options)") > 1
    first = kernel.value("picker.selection[0]")
    page.keyboard.down("Shift")
    page.mouse.click(*opened.at(151.21, -33.965))
    page.keyboard.up("Shift")
    kernel.wait("list(picker.selection)", lambda value: value == [])
    page.locator(".widget-select select").select_option(index=1)
    kernel.wait("list(picker.selection)", lambda value: len(value) == 1 and value != [first])
    assert page.locator('.sc-grid .row[aria-selected="true"]').count() <= 1


def test_rectangle_and_lasso_select(opened: OpenPage):
    """A drawn rectangle or polygon selects the footprints it intersects, and the shape is removed afterwards."""
    page, kernel = opened.page, opened.kernel
    # the map opens at the area of interest
    page.locator("button[title='Zoom to the selection, or to all captures']").click()
    kernel.wait("picker.map.map.bounds", lambda bounds: bounds[0][0] < -34.1 and bounds[1][0] > -33.7)
    page.wait_for_timeout(500)
    page.locator("a.leaflet-draw-draw-rectangle").click()
    page.mouse.move(*opened.at(151.0, -33.7))
    page.mouse.down()
    page.mouse.move(*opened.at(151.5, -34.1), steps=6)
    page.mouse.up()
    everything = kernel.wait("len(picker.selection)")
    page.locator("a.leaflet-draw-draw-polygon").click()
    lasso(page, *(opened.at(*corner) for corner in ((151.26, -33.75), (151.36, -33.75), (151.31, -33.9))))
    kernel.wait("len(picker.selection)", lambda value: 0 < value < everything)
    kernel.wait("len(picker.map._tools.select_tool.data) == 0")


def test_slider_filters_all_parts(opened: OpenPage):
    """Moving a slider by keyboard changes the counts, the table and the map."""
    page, kernel = opened.page, opened.kernel
    before = kernel.value("len(picker.filtered)")
    page.get_by_role("slider", name="Cloud, whole scene, to").focus()
    for _ in range(12):
        page.keyboard.press("ArrowLeft")
    kernel.wait("picker.filters.get('eo:cloud_cover')", lambda value: value and value[1] < 60)
    after = kernel.wait("len(picker.filtered)", lambda value: 0 < value < before)
    page.get_by_text(f"{after:,} of {before:,} left").wait_for()
    page.locator('.sc-grid[role="grid"]').wait_for()
    kernel.wait("len(picker.map._layers.footprints.data['features']) == len(picker.filtered)")
    page.locator(f'.sc-grid[aria-rowcount="{after}"]').wait_for()
    page.locator("button", has_text="Reset").first.click()
    kernel.wait("len(picker.filtered)", lambda value: value == before)


def test_table_keyboard_moves_selects_and_sorts(opened: OpenPage):
    """Pointer and arrows look, space selects, Shift extends, Ctrl+A selects all, Escape clears the selection; a header sorts."""
    page, kernel = opened.page, opened.kernel
    page.locator(".sc-grid button", has_text="Cloud").click()
    kernel.wait("picker.table.sort[0] == 'eo:cloud_cover'")
    page.locator(".sc-grid .row").nth(1).click()
    kernel.wait("[str(one) for one in picker.selected['id']] == [str(picker.table.shown['id'].iloc[1])]")
    page.locator(".sc-grid .row").nth(3).hover()
    page.locator(".scenecart-hover .id", has_text=kernel.value("str(picker.table.shown['id'].iloc[3])")).wait_for()
    page.keyboard.press("ArrowDown")
    page.keyboard.press(" ")
    kernel.wait("len(picker.selection) == 2")
    page.keyboard.press("Shift+ArrowDown")
    page.keyboard.press("Shift+ArrowDown")
    kernel.wait("len(picker.selection) == 3")
    page.keyboard.press("Control+a")
    kernel.wait("len(picker.selection) == len(picker.filtered)")
    page.keyboard.press("End")
    last = kernel.value("str(picker.table.shown['id'].iloc[-1])")
    page.locator(".sc-grid .row", has_text=last).wait_for()
    page.keyboard.press("Escape")
    kernel.wait("len(picker.selection) == 0")


def test_cover_is_planned_as_the_form_says(opened: OpenPage):
    """The form says what the plan is made for, and keeps what was chosen, also a tick that was taken away."""
    page, kernel = opened.page, opened.kernel
    form = page.get_by_role("region", name="Cover this area")
    form.get_by_label("Optimise for").select_option("Fewest captures")
    form.get_by_label("Use what we own").uncheck()
    form.get_by_role("button", name="Cover this area").click()
    form.get_by_text("Nothing bought yet.").wait_for()
    assert kernel.value("[cover.plan.objective, cover.plan.is_complete]") == ["fewest", True]
    assert not form.get_by_label("Use what we own").is_checked()
    assert form.get_by_label("Optimise for").input_value() == "fewest"
    assert form.get_by_role("list", name="Captures that were chosen").get_by_role("listitem").count() == kernel.value(
        "len(cover.plan.why)"
    )
    form.get_by_label("Use what we own").check()
    form.get_by_label("Budget in credits").fill("plenty")
    form.get_by_role("button", name="Plan again").click()
    form.get_by_role("alert").wait_for()
    assert kernel.value("cover._options.use_owned")


def test_text_from_a_catalog_runs_no_script(opened: OpenPage):
    """A hostile id is text in the table, the list, the card and the copied code; no script of it runs."""
    page, kernel = opened.page, opened.kernel
    page.locator("input[placeholder='Search captures']").fill("onerror")
    page.locator(".sc-grid .row", has_text="<img src=x").click()
    kernel.wait("len(picker.selection) == 1")
    kernel.value("[picker.map._hover(event='mouseover', feature={'properties': {'row': 0}}), 1][1]")
    page.locator(".scenecart-hover", has_text="<img src=x").wait_for()
    page.locator("button", has_text="Copy as code").click()
    page.locator("pre", has_text="<img src=x").wait_for()
    assert page.locator("img[src=x]").count() == 0


def test_widget_answers_while_another_job_runs(opened: OpenPage):
    """While a slow job of a widget runs, a click is answered at once."""
    page, kernel = opened.page, opened.kernel
    slow = "picker._runner.start('slow', lambda _: __import__('time').sleep(4), lambda _: None, lambda _: None)"
    kernel.value(f"[{slow}, 1][1]")
    page.locator(".sc-grid .row").nth(3).click()
    kernel.wait("len(picker.selection) == 1 and picker._runner.is_busy('slow')")


# the buttons whose focus ring, three pixels wide, is clipped by a box around them
CLIPPED_RINGS = """() => [...document.querySelectorAll('button.scenecart-button')].filter(it => it.offsetParent).filter(it => {
    const ring = it.getBoundingClientRect();
    for (let box = it.parentElement; !box.matches('.scenecart-main, .jp-OutputArea-output'); box = box.parentElement) {
        const edge = box.getBoundingClientRect();
        const isClipped = edge.top > ring.top - 3 || edge.bottom < ring.bottom + 3;
        if (isClipped && getComputedStyle(box).overflow !== 'visible') return true;
    }
    return false;
}).map(it => it.innerText)"""
CLIPPED_LABELS = """() => [...document.querySelectorAll('.widget-label')]
    .filter(it => it.offsetParent && it.scrollWidth > it.clientWidth).map(it => it.innerText)"""


@pytest.mark.parametrize("width", [420, 800, 1600])
def test_no_part_is_clipped(browser: Browser, voila: Jupyter, width: int):
    """In narrow and wide cells the parts wrap, nothing is too wide or scrolls sideways, and ids and focus rings are complete."""
    page = browser.new_page(viewport={"width": width, "height": 1200})
    try:
        voila.open(page)
        page.wait_for_selector(".sc-grid .row")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        boxes = [page.locator(name).first.bounding_box() for name in (".leaflet-container", ".sc-grid", ".scenecart-side")]
        assert all(box is not None and box["x"] >= 0 and box["x"] + box["width"] <= width for box in boxes)
        assert all(box["width"] > 200 for box in boxes if box is not None)
        ends = "[...document.querySelectorAll('.sc-grid .row .cut')].map(cell => [cell, cell.lastChild])"
        inside = "it.getBoundingClientRect().right <= cell.getBoundingClientRect().right"
        assert page.evaluate(f"{ends}.every(([cell, it]) => it.textContent.length === 12 && {inside})")
        # a narrow table drops columns before it scrolls sideways
        page.wait_for_function("(it => it.scrollWidth <= it.clientWidth)(document.querySelector('.sc-grid .body'))")
        assert page.evaluate(CLIPPED_RINGS) == []
        assert page.evaluate(CLIPPED_LABELS) == []
        titles = [title.strip() for title in page.locator(".sc-grid .head button").all_inner_texts()]
        assert titles[0] == "Capture"
        assert {"Acquired, UTC", "Cloud %"} < set(titles)
        assert ("Provider" in titles) == (width == 1600)
        if width == 420:
            assert "Provider: aurora" in str(page.locator(".sc-grid .row .cut").first.get_attribute("title"))
    finally:
        page.close()


CART = f"""
import scenecart
client = scenecart.connect()
captures = client.search("aurora", collections="aurora-50cm", aoi={HARBOUR}, datetime="2024-01/2024-06").head(1)
cart = scenecart.widgets.CartPanel(client, captures, {HARBOUR})
cart
"""


def test_payment_is_confirmed_on_the_page_of_the_bank(browser: Browser, tmp_path: Path):
    """A payment with 3-D Secure opens the bank's page, and continues with the same key once it is confirmed there."""
    path = notebook(tmp_path / "cart.ipynb", CART)
    with Sandbox(pace="instant") as box, Jupyter("voila", path, tmp_path, **environment_of(box, "secure")) as voila:
        context = browser.new_context(viewport={"width": 1000, "height": 900})
        page = context.new_page()
        page.set_default_timeout(120_000)
        voila.open(page)
        click(page, "Order 1 capture…")
        click(page, "Buy 1 capture for")
        page.get_by_role("alert").filter(has_text="3-D Secure").wait_for()
        with context.expect_page() as opened:
            page.get_by_role("link", name="Open the bank's page").click()
        opened.value.get_by_role("button", name="Confirm").click()
        opened.value.get_by_text("This payment was confirmed").wait_for()
        click(page, "I have confirmed the payment")
        page.get_by_text("Bought: 1 capture").wait_for()
        kernel = voila.kernel()
        assert kernel.value("client.placements()['state'].tolist()") == ["placed"]
        kernel.close()
        context.close()


def lasso(page: Page, *corners: tuple[float, float]) -> None:
    """Draw a polygon; the drawing tool accepts a corner only after the pointer has moved there and rested."""
    for x, y in (*corners, corners[0]):
        page.mouse.move(x, y, steps=3)
        page.wait_for_timeout(120)
        page.mouse.click(x, y)


def click(page: Page, label: str) -> None:
    """Click a button of a part once it is enabled; its label begins so."""
    page.get_by_role("button", name=label).locator("visible=true").last.click()


def press(page: Page, label: str) -> None:
    """Press the last visible button with this label."""
    page.locator("button.jupyter-button:visible", has_text=label).last.click()


@pytest.mark.parametrize("dark", first_of([False, True], 1))
def test_purchase_in_jupyterlab(browser: Browser, signed_in: dict[str, str], tmp_path: Path, *, dark: bool):
    """Clicks lead from an area to delivered files and pixels on the map, all readable; the saved notebook is small and safe."""
    notebook(tmp_path / "bench.ipynb", BENCH)
    page = browser.new_page(viewport={"width": 1300, "height": 1250})
    page.set_default_timeout(120_000)
    with Jupyter("lab", tmp_path, tmp_path, dark=dark, **signed_in) as lab:
        lab.open(page, "bench.ipynb")
        kernel = lab.kernel()
        page.get_by_role("button", name="Search this area").wait_for()
        # captures that the run in the other theme does not buy
        half = ("2024-07-01", "2024-12-31") if dark else ("2024-01-01", "2024-06-30")
        kernel.value(f"bench._search.change(dates={half!r})")
        bench = page.locator(".sc-bench").first
        assert unreadable_texts(bench) == []
        page.get_by_role("button", name="Search this area").click()
        page.wait_for_selector(".sc-results .r, .sc-results .cell")
        kernel.wait("not bench.is_searching and len(bench.filtered)")
        before = kernel.value("len(bench.filtered)")
        page.get_by_role("slider", name="Covers my area, from").focus()
        for _ in range(20):
            page.keyboard.press("ArrowRight")
        kernel.wait("len(bench.filtered)", lambda value: 0 < value < before)
        for number in (1, 2):
            page.get_by_role("button", name="Add to cart").click()
            kernel.wait(f"len(bench.selected) == {number}")
            if number == 1:
                page.get_by_role("button", name="Next capture").click()
        kernel.wait("bench.cart.estimate is not None")
        click(page, "Order 2 captures…")
        total = kernel.value("float(bench.cart.estimate.total_aud)")
        click(page, f"Buy 2 captures for A$\N{NO-BREAK SPACE}{total:,.2f}")
        kernel.wait("bench.cart.order is not None")
        assert unreadable_texts(bench) == []
        page.get_by_role("tab", name="Orders").click()
        kernel.wait("bench.orders.finished == len(bench.orders.orders)", seconds=60)
        click(page, "Download")
        page.get_by_text("_visual.tif").first.wait_for()
        click(page, "Show on map")
        page.get_by_role("button", name="Back to the captures").wait_for()
        assert _is_dark(page) is dark
        _check_saved(page, tmp_path / "bench.ipynb", signed_in)
        kernel.close()
    page.close()


def _is_dark(page: Page) -> bool:
    """Return whether the text of the page is light."""
    colour = page.evaluate("getComputedStyle(document.querySelector('.sc-bench .brand')).color")
    # "rgb(…)" of 0 to 255, or "color(srgb …)" of 0 to 1
    channels = [float(part) for part in re.findall(r"[\d.]+", colour)[:3]]
    return sum(channels) > 3 * (128 if colour.startswith("rgb") else 0.5)


def _check_saved(page: Page, path: Path, signed_in: dict[str, str]) -> None:
    """Save the notebook; it holds no secret and stays small."""
    page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
    saved: dict[str, Any] = json.loads(path.read_text())
    text = json.dumps(saved)
    assert signed_in["SCENECART_PASSWORD"] not in text
    assert "Bearer" not in text
    assert "signature" not in text
    assert len(text) < 1_000_000
