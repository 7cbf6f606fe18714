"""The widgets as people use them: in Voila each interaction, in JupyterLab the whole way."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from _contrast import poor
from _jupyter import Jupyter, Kernel, notebook
from scenecart.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

HARBOUR = (151.18, -33.99, 151.24, -33.94)
HOSTILE = "<img src=x onerror=window.hurt=1>"
PICKER = f"""
import geopandas as gpd, scenecart
client = scenecart.connect()
captures = client.search("aurora", collections=["aurora-50cm", "aurora-30cm"], bbox=(150.9, -34.2, 151.6, -33.6), datetime="2024")
captures.loc[captures.index[0], "id"] = {HOSTILE!r}
picker = scenecart.widgets.CaptureMap(captures, aoi={HARBOUR}, client=client)
picker
"""
BENCH = f"""
import scenecart
client = scenecart.connect()
client.hosts = {{"aurora": ["aurora-50cm", "aurora-30cm"]}}
bench = scenecart.widgets.Workbench(client, aoi={HARBOUR})
bench
"""

# the widget of a cell
SHOWN = ".jp-OutputArea-output > .scenecart"

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def signed() -> Iterator[dict[str, str]]:
    """Give the environment of somebody who is signed in to a sandbox."""
    with Sandbox(pace="demo") as box:
        box.rate_limits = None
        who = box.principals["analyst"]
        yield {
            "SCENECART_BASE_URL": box.url,
            "SCENECART_USERNAME": str(who["username"]),
            "SCENECART_PASSWORD": str(who["password"]),
            "SCENECART_PROJECT": str(who["project"]),
        }


@pytest.fixture(scope="module")
def voila(signed: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Jupyter]:
    folder = tmp_path_factory.mktemp("voila")
    with Jupyter("voila", notebook(folder / "picker.ipynb", PICKER), folder, **signed) as running:
        yield running


class Opened:
    """A page on a running notebook, its kernel, and what the browser complained of."""

    def __init__(self, page: Page, kernel: Kernel, complaints: list[str]) -> None:
        self.page, self.kernel, self.complaints = page, kernel, complaints

    def at(self, longitude: float, latitude: float) -> tuple[float, float]:
        """Return where a place of the map is on the page."""
        (south, west), (north, east) = self.kernel.value("picker.map.map.bounds")
        box = self.page.locator(".leaflet-container").first.bounding_box()
        assert box is not None
        # at this size a degree of latitude is as long everywhere in the view
        return (
            box["x"] + (longitude - west) / (east - west) * box["width"],
            box["y"] + (north - latitude) / (north - south) * box["height"],
        )


@pytest.fixture
def opened(browser: Browser, voila: Jupyter) -> Iterator[Opened]:
    page = browser.new_page(viewport={"width": 1200, "height": 1300})
    page.set_default_timeout(30_000)
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    voila.open(page)
    page.wait_for_selector(".sc-grid .row")
    page.wait_for_selector(".leaflet-container canvas")
    kernel = voila.kernel()
    kernel.wait("len(picker.map.map.bounds) == 2 and len(picker.map._base.data['features']) > 0")
    made = Opened(page, kernel, complaints)
    yield made
    assert page.evaluate("window.hurt") is None
    assert complaints == []
    kernel.close()
    page.close()


def test_a_click_on_the_map_picks(opened: Opened):
    """A click picks the footprint under it, the list offers the others, and Shift adds and takes away."""
    page, kernel = opened.page, opened.kernel
    page.mouse.click(*opened.at(151.21, -33.965))
    kernel.wait("list(picker.selection)", lambda found: len(found) == 1)
    offered = page.locator("select[size]").last.locator("option")
    offered.nth(1).wait_for(state="attached")
    assert offered.count() == kernel.value("len(picker.map._stack.options)") > 1
    first = kernel.value("picker.selection[0]")
    page.keyboard.down("Shift")
    page.mouse.click(*opened.at(151.21, -33.965))
    page.keyboard.up("Shift")
    kernel.wait("list(picker.selection)", lambda found: found == [])
    page.locator("select").last.select_option(index=1)
    kernel.wait("list(picker.selection)", lambda found: len(found) == 1 and found != [first])
    assert page.locator('.sc-grid .row[aria-selected="true"]').count() <= 1


def test_a_rectangle_and_a_lasso_pick(opened: Opened):
    """What a drawn rectangle or polygon meets is picked, and the shape is gone afterwards."""
    page, kernel = opened.page, opened.kernel
    page.locator("a.leaflet-draw-draw-rectangle").click()
    page.mouse.move(*opened.at(151.0, -33.7))
    page.mouse.down()
    page.mouse.move(*opened.at(151.5, -34.1), steps=6)
    page.mouse.up()
    everything = kernel.wait("len(picker.selection)")
    page.locator("a.leaflet-draw-draw-polygon").click()
    lasso(page, *(opened.at(*corner) for corner in ((151.26, -33.75), (151.36, -33.75), (151.31, -33.9))))
    kernel.wait("len(picker.selection)", lambda found: 0 < found < everything)
    kernel.wait("len(picker.map._pen.data) == 0")


def test_a_slider_filters_everything(opened: Opened):
    """Moving a slider by keyboard changes the counts, the table and the map."""
    page, kernel = opened.page, opened.kernel
    before = kernel.value("len(picker.filtered)")
    handle = page.locator(".scenecart-facet", has_text="Cloud cover").locator(".noUi-handle").last
    handle.focus()
    for _ in range(8):
        page.keyboard.press("PageDown")
    handle.evaluate("it => it.blur()")
    kernel.wait("picker.filters.get('eo:cloud_cover')", lambda found: found and found[1] < 60)
    page.wait_for_timeout(500)
    after = kernel.wait("len(picker.filtered)", lambda found: 0 < found < before)
    page.get_by_text(f"{after:,} of {before:,} captures").wait_for()
    page.locator('.sc-grid[role="grid"]').wait_for()
    kernel.wait("len(picker.map._base.data['features']) == len(picker.filtered)")
    page.locator(f'.sc-grid[aria-rowcount="{after}"]').wait_for()
    page.locator("button", has_text="Reset").first.click()
    kernel.wait("len(picker.filtered)", lambda found: found == before)


def test_the_table_works_by_keyboard(opened: Opened):
    """Arrows move, space picks, Shift extends, Ctrl+A picks all that suit, Escape none; a header sorts."""
    page, kernel = opened.page, opened.kernel
    page.locator(".sc-grid button", has_text="Cloud").click()
    kernel.wait("picker.table.sort[0] == 'eo:cloud_cover'")
    page.locator(".sc-grid .row").nth(1).click()
    kernel.wait("[str(one) for one in picker.selected['id']] == [str(picker.table.shown['id'].iloc[1])]")
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


def test_text_from_a_catalog_runs_nothing(opened: Opened):
    """A hostile id is text in the table, the list, the card and the cells that show it; nothing of it runs."""
    page, kernel = opened.page, opened.kernel
    page.locator("input[placeholder='Search captures']").fill("onerror")
    page.locator(".sc-grid .row", has_text="<img src=x").click()
    kernel.wait("len(picker.selection) == 1")
    kernel.value("[picker.map._hover(event='mouseover', feature={'properties': {'row': 0}}), 1][1]")
    page.locator(".scenecart-hover", has_text="<img src=x").wait_for()
    page.locator("button", has_text="Copy as code").click()
    page.locator("pre", has_text="<img src=x").wait_for()
    assert page.locator("img[src=x]").count() == 0


def test_the_kernel_answers_while_a_widget_works(opened: Opened):
    """While a widget waits for something slow, another one answers at once."""
    page, kernel = opened.page, opened.kernel
    slow = "picker._runner.start('slow', lambda _: __import__('time').sleep(4), lambda _: None, lambda _: None)"
    kernel.value(f"[{slow}, 1][1]")
    page.locator(".sc-grid .row").nth(3).click()
    kernel.wait("len(picker.selection) == 1 and picker._runner.is_busy('slow')")


# the buttons whose ring of focus, three pixels wide, a box around them cuts off above or below
RINGS_CUT = """() => [...document.querySelectorAll('button.scenecart-button')].filter(it => it.offsetParent).filter(it => {
    const ring = it.getBoundingClientRect();
    for (let box = it.parentElement; !box.matches('.scenecart-main, .jp-OutputArea-output'); box = box.parentElement) {
        const edge = box.getBoundingClientRect();
        const cuts = edge.top > ring.top - 3 || edge.bottom < ring.bottom + 3;
        if (cuts && getComputedStyle(box).overflow !== 'visible') return true;
    }
    return false;
}).map(it => it.innerText)"""


@pytest.mark.parametrize("width", [420, 800, 1600])
def test_nothing_is_cut_off(browser: Browser, voila: Jupyter, width: int):
    """In narrow and wide cells the parts wrap below each other, nothing is too wide or moves sideways, ids and rings show whole."""
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
        # the table leaves out what there is no room for, before it is moved sideways
        page.wait_for_function("(it => it.scrollWidth <= it.clientWidth)(document.querySelector('.sc-grid .body'))")
        assert page.evaluate(RINGS_CUT) == []
        titles = [title.strip() for title in page.locator(".sc-grid .head button").all_inner_texts()]
        assert titles[0] == "Capture"
        assert {"Acquired (UTC)", "Cloud %"} < set(titles)
        assert ("Host" in titles) == (width == 1600)
        if width == 420:
            assert "Host: aurora" in str(page.locator(".sc-grid .row .cut").first.get_attribute("title"))
    finally:
        page.close()


CART = f"""
import scenecart
client = scenecart.connect()
captures = client.search("aurora", collections="aurora-50cm", aoi={HARBOUR}, datetime="2024-01/2024-06").head(1)
cart = scenecart.widgets.CartPanel(client, captures, {HARBOUR})
cart
"""


def test_the_bank_is_asked_in_a_page_of_its_own(browser: Browser, tmp_path: Path):
    """A payment that wants 3-D Secure opens the bank's page, and goes on with the same key once it is confirmed there."""
    with Sandbox(pace="instant") as box:
        who = box.principals["secure"]
        names = {"URL": box.url, "USERNAME": who["username"], "PASSWORD": who["password"], "PROJECT": who["project"]}
        signed = {f"SCENECART_{'BASE_URL' if name == 'URL' else name}": str(value) for name, value in names.items()}
        with Jupyter("voila", notebook(tmp_path / "cart.ipynb", CART), tmp_path, **signed) as voila:
            context = browser.new_context(viewport={"width": 1000, "height": 900})
            page = context.new_page()
            page.set_default_timeout(30_000)
            voila.open(page)
            page.wait_for_selector(".scenecart-estimate")
            press(page, "Order…")
            press(page, "Buy for")
            page.get_by_role("alert").filter(has_text="3-D Secure").wait_for()
            with context.expect_page() as opened:
                page.get_by_text("Open the bank's page").click()
            opened.value.get_by_role("button", name="Confirm").click()
            opened.value.get_by_text("This payment was confirmed").wait_for()
            press(page, "I have confirmed it")
            page.get_by_text("Ordered as").wait_for()
            kernel = voila.kernel()
            assert kernel.value("client.placements()['state'].tolist()") == ["placed"]
            kernel.close()
            context.close()


def lasso(page: Page, *corners: tuple[float, float]) -> None:
    """Draw a polygon; the drawing tool takes a corner only when the pointer came to it and rested."""
    for x, y in (*corners, corners[0]):
        page.mouse.move(x, y, steps=3)
        page.wait_for_timeout(120)
        page.mouse.click(x, y)


def press(page: Page, words: str) -> None:
    page.locator("button.jupyter-button:visible", has_text=words).last.click()


@pytest.mark.parametrize("dark", [False, True])
def test_the_whole_way_in_jupyterlab(browser: Browser, signed: dict[str, str], tmp_path: Path, *, dark: bool):
    """By clicking alone from an empty form to delivered files and a report, all legible; what is saved is small and safe."""
    notebook(tmp_path / "bench.ipynb", BENCH)
    page = browser.new_page(viewport={"width": 1300, "height": 1250})
    page.set_default_timeout(60_000)
    with Jupyter("lab", tmp_path, tmp_path, dark=dark, **signed) as lab:
        lab.open(page, "bench.ipynb")
        kernel = lab.kernel()
        page.locator("input[placeholder^='west, south']").wait_for()
        page.locator("input[type=date]").first.fill("2024-01-01")
        page.locator("input[type=date]").nth(1).fill("2024-06-30")
        assert poor(page.locator(SHOWN).first) == []
        press(page, "Search")
        page.wait_for_selector(".sc-grid .row")
        kernel.wait("not bench.picker.is_searching and len(bench.picker.map.map.bounds) == 2")
        before = kernel.value("len(bench.picker.filtered)")
        page.locator(".scenecart-facet", has_text="Covers the area").locator(".noUi-handle").first.focus()
        for _ in range(9):
            page.keyboard.press("PageUp")
        kernel.wait("len(bench.picker.filtered)", lambda found: 0 < found < before)
        _pick_two(page, kernel)
        assert poor(page.locator(SHOWN).first) == []
        page.get_by_role("tab", name="3 Cart").click()
        project = page.locator(".widget-text:visible", has_text="Project").locator("input")
        assert project.evaluate("field => field.scrollWidth <= field.clientWidth"), "the project's id is cut off"
        press(page, "Add selection (2)")
        page.wait_for_selector(".scenecart-estimate")
        press(page, "Write")
        page.get_by_text("Written to").wait_for()
        press(page, "Order…")
        total = kernel.value("bench.cart.estimate.total_credits")
        assert f"{total:,} credits" in page.locator(".scenecart-total .big:visible").inner_text()
        assert poor(page.locator(SHOWN).first) == []
        press(page, f"Buy for {total:,} credits")
        kernel.wait("bench.cart.order is not None")
        page.get_by_role("tab", name="4 Orders").click()
        kernel.wait("bench.tracker.finished == 1", seconds=60)
        press(page, "Download")
        page.get_by_text("Every file is whole").wait_for()
        press(page, "Show on map")
        page.locator(".leaflet-container:visible").wait_for()
        assert poor(page.locator(SHOWN).first) == []
        assert _is_dark(page) is dark
        _check_saved(page, tmp_path / "bench.ipynb", signed)
        kernel.close()
    page.close()


def _pick_two(page: Page, kernel: Kernel) -> None:
    page.locator("a.leaflet-draw-draw-polygon").click()
    box = page.locator(".leaflet-container").first.bounding_box()
    assert box is not None
    corners = ((0.15, 0.15), (0.85, 0.15), (0.5, 0.95))
    lasso(page, *((box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in corners))
    kernel.wait("len(bench.picker.selection)")
    page.locator(".sc-grid .row").first.click()
    page.locator(".sc-grid .row").nth(1).click(modifiers=["Control"])
    kernel.wait("len(bench.picker.selection) == 2")


def _is_dark(page: Page) -> bool:
    ink = page.evaluate("getComputedStyle(document.querySelector('.scenecart-title')).color")
    channels = [float(part) for part in ink.removeprefix("rgb(").removeprefix("rgba(").rstrip(")").split(",")[:3]]
    return sum(channels) > 3 * 128


def _check_saved(page: Page, path: Path, signed: dict[str, str]) -> None:
    page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
    saved: dict[str, Any] = json.loads(path.read_text())
    text = json.dumps(saved)
    assert signed["SCENECART_PASSWORD"] not in text
    assert "Bearer" not in text
    assert "signature" not in text
    assert len(text) < 1_000_000
