"""The gallery and the comparison in a real browser: pictures arrive when they are needed, and keys and clicks work."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from _jupyter import Jupyter, environment_of, notebook
from _thorough import first_of
from scenecart.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

    from _jupyter import Kernel

HARBOUR = (151.18, -33.99, 151.24, -33.94)
PICTURES = f"""
import scenecart
client = scenecart.connect()
captures = client.search("aurora", collections=["aurora-50cm", "aurora-30cm"], aoi={HARBOUR}, datetime="2020/2025")
captures.loc[captures.index[1], "id"] = "<img src=x onerror=window.hacked=1>"
gallery = scenecart.widgets.Gallery(captures, {HARBOUR}, client=client)
whole = captures[scenecart.coverage(captures, {HARBOUR}) > 0.99].iloc[2:6]
compare = scenecart.widgets.Compare(whole, aoi={HARBOUR}, client=client)
from scenecart.widgets._bench.results import Results
from scenecart.widgets._style import box
results = Results(gallery.state, client=client)
frame = box(results.part)
results.part.layout.height = "400px"
display(gallery, compare, frame)


def enlarge():
    import pandas
    results.state.captures = pandas.concat([captures] * 500, ignore_index=True)
    return len(results.state.captures)
"""
IN_VIEW = """() => [...document.querySelectorAll('.sc-gallery .frame')].filter((frame) => {
  const box = frame.getBoundingClientRect(), body = frame.closest('.body').getBoundingClientRect();
  return box.bottom > body.top && box.top < body.bottom;
})"""
ALL_PAINTED = f"""() => {{
  const seen = ({IN_VIEW})();
  const isDone = (frame) => frame.style.backgroundImage.startsWith('url("blob:') || frame.classList.contains("none");
  return seen.length > 3 && seen.every(isDone);
}}"""

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module", params=first_of(["voila", "lab"], 1))
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Jupyter]:
    folder = tmp_path_factory.mktemp(request.param)
    with Sandbox(pace="demo") as box:
        box.rate_limits = None
        path = notebook(folder / "pictures.ipynb", PICTURES)
        with Jupyter(request.param, path if request.param == "voila" else folder, folder, **environment_of(box)) as running:
            yield running


@pytest.fixture
def opened(browser: Browser, server: Jupyter) -> Iterator[tuple[Page, Kernel]]:
    # JupyterLab has a menu, a toolbar and margins around the widgets
    size = (760, 600) if server.kind == "voila" else (1_060, 760)
    page = browser.new_page(viewport={"width": size[0], "height": size[1]})
    page.set_default_timeout(120_000)
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    server.open(page, "" if server.kind == "voila" else "pictures.ipynb")
    page.wait_for_selector(".sc-gallery .cell")
    kernel = server.kernel()
    yield page, kernel
    assert page.evaluate("window.hacked") is None
    assert errors == []
    kernel.close()
    page.close()


def test_gallery_pictures_in_view_are_painted_and_the_page_stays_small(opened: tuple[Page, Kernel]):
    """Every frame in view gets its picture; after a jump to the end too, and the page holds the cells in view alone."""
    page, kernel = opened
    page.wait_for_function(ALL_PAINTED)
    count = kernel.value("len(gallery.shown)")
    assert page.locator(".sc-gallery .cell").count() < count
    page.evaluate("() => { const body = document.querySelector('.sc-gallery .body'); body.scrollTop = body.scrollHeight; }")
    page.wait_for_selector(f".sc-gallery .cell[aria-posinset='{count}']")
    page.wait_for_function(ALL_PAINTED)
    assert page.locator(".sc-gallery .cell").count() < 120


def test_gallery_keys_move_and_pick(opened: tuple[Page, Kernel]):
    """A click picks one, arrow keys move, space adds, Shift extends, Escape clears; the kernel has the same selection."""
    page, kernel = opened
    page.locator(".sc-gallery .cell").first.click()
    kernel.wait("list(gallery.state.selection)", lambda value: len(value) == 1)
    page.keyboard.press("ArrowRight")
    page.keyboard.press(" ")
    kernel.wait("list(gallery.state.selection)", lambda value: len(value) == 2)
    chosen = """document.querySelectorAll('.sc-gallery .cell[aria-selected="true"]').length === 2"""
    page.wait_for_function(chosen)
    page.keyboard.press("Shift+ArrowRight")
    kernel.wait("list(gallery.state.selection)", lambda value: len(value) == 2)
    page.keyboard.press("Escape")
    kernel.wait("list(gallery.state.selection)", lambda value: value == [])


def test_gallery_sorted_shows_the_pictures_of_the_sorted_captures(opened: tuple[Page, Kernel]):
    """After another order, the first cell has the text and the picture of the first capture."""
    page, kernel = opened
    page.wait_for_function(ALL_PAINTED)
    page.locator(".widget-dropdown select").first.select_option(label="Newest")
    first = kernel.wait("gallery.shown['datetime'].iloc[0].strftime('%Y-%m-%d %H:%M')")
    page.wait_for_function(
        f"() => document.querySelector('.sc-gallery .cell[aria-posinset=\"1\"] .title').textContent === {first!r}"
    )
    page.wait_for_function(ALL_PAINTED)


def test_compare_steps_and_flickers_in_the_page(opened: tuple[Page, Kernel]):
    """Both pictures are painted; down steps to the next date, F and space show one after the other, and the kernel knows."""
    page, kernel = opened
    painted = "(one) => one.src.startsWith('blob:') && one.naturalWidth"
    pictures = f"() => [...document.querySelectorAll('.sc-compare img')].every({painted})"
    page.wait_for_function(pictures)
    page.locator(".sc-compare .stage input").focus()
    page.keyboard.press("ArrowDown")
    kernel.wait("compare.shown[1]", lambda value: value == 2)
    page.wait_for_function(pictures)
    page.keyboard.press("f")
    kernel.wait("compare.mode", lambda value: value == "flicker")
    second = page.locator(".sc-compare .stage span").nth(1)
    assert second.evaluate("(one) => getComputedStyle(one).visibility") == "hidden"
    page.keyboard.press(" ")
    page.wait_for_function(
        "() => getComputedStyle(document.querySelectorAll('.sc-compare .stage span')[1]).visibility === 'visible'"
    )
    page.locator(".sc-compare .modes button").nth(2).click()
    kernel.wait("compare.mode", lambda value: value == "side")


def test_results_walk_pick_sort_and_scroll(opened: tuple[Page, Kernel]):
    """Pointer and keys say what is looked at, space fills the cart, a header sorts, and the page has the rows in view alone."""
    page, kernel = opened
    page.set_viewport_size({"width": 1200, "height": 900})
    rows = page.locator(".sc-results .r")
    rows.nth(5).wait_for()
    label = kernel.value("results.shown.index.tolist()")
    rows.nth(3).hover()
    page.mouse.move(*[300 + step for step in (0, 1)])
    rows.nth(4).hover()
    page.wait_for_selector(".sc-results .r.cur[data-n='4']")
    kernel.wait("results.state.current", lambda value: value == label[4])
    page.locator(".sc-results .scroll").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    kernel.wait("results.state.current", lambda value: value == label[6])
    page.keyboard.press(" ")
    kernel.wait("list(results.state.selection)", lambda value: value == [label[6]])
    page.wait_for_selector(".sc-results .r.cart[data-n='6'][aria-selected='true'] .pill.cart")
    page.wait_for_function("() => document.querySelector('.sc-results .r.cur .th').style.backgroundImage.startsWith('url(')")
    page.keyboard.press("End")
    kernel.wait("results.state.current", lambda value: value == label[-1])
    page.locator(".sc-results .h button", has_text="GSD").click()
    kernel.wait("results.sort[0]", lambda value: value == "gsd")
    page.wait_for_selector(".sc-results .r.cur")
    last = kernel.value("enlarge()") - 1
    page.evaluate("() => { const list = document.querySelector('.sc-results .scroll'); list.scrollTop = list.scrollHeight; }")
    page.wait_for_selector(f".sc-results .r[data-n='{last}'] .mono")
    assert rows.count() < 60
    page.set_viewport_size({"width": 420, "height": 900})
    page.wait_for_selector(".sc-results .scroll.strip .cell")
    assert page.locator(".sc-results .cell").count() < 20
