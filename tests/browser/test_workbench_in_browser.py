"""The Workbench in a real browser: from opened to ordered by clicks, at each width and theme, and when something fails."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from _app import App
from _bench_states import wait_for_pictures
from _contrast import unreadable_texts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.timeout(300)
# the variables of scenecart itself are hidden from tests
SHOTS = "WORKBENCH_SHOTS"
# a search has ended, and the button says that nothing else is asked for
FOUND = '.sc-ask button[title="Nothing has changed since the last search"]'
# what would be cut off, or make the page move sideways
CLIPPED = """
[...document.querySelectorAll('.sc-bench .sc-part *')].filter(node => {
  const box = node.getBoundingClientRect();
  const own = [...node.childNodes].some(one => one.nodeType === 3 && one.textContent.trim());
  return own && box.width && !node.closest('.scroll, .cards, svg, .sr, .legend') && box.right > innerWidth + 1;
}).map(node => node.className + ': ' + node.textContent.slice(0, 40))
"""
UNNAMED = """
[...document.querySelectorAll('.sc-bench button, .sc-bench input, .sc-bench select')].filter(node =>
  !node.textContent.trim() && !node.getAttribute('aria-label') && !node.closest('label')?.textContent.trim()
).map(node => node.outerHTML.slice(0, 120))
"""

# each of some elements whose corners are not in sight
HIDDEN = """
selectors => selectors.flatMap(selector => [...document.querySelectorAll(selector)].filter(node => {
  const box = node.getBoundingClientRect();
  if (!box.width) return false;
  // corners may be round
  const rows = [box.top + 4, box.bottom - 4];
  const corners = [box.left + 4, box.right - 4].flatMap(x => rows.map(y => document.elementFromPoint(x, y)));
  return !corners.every(found => found && (node.contains(found) || found.contains(node)));
}).map(() => selector))
"""
TO_END = "node => node.scrollTo(0, node.scrollHeight)"
# nothing answers there
NO_TILES = "http://127.0.0.1:1/{z}/{x}/{y}.png"
# the map is drawn, and its layer of tiles is gone
TILES_GIVEN_UP = """
document.querySelector('.sc-map .scalebar span')?.textContent
  && !document.querySelector('.sc-map .leaflet-tile-pane .leaflet-layer')
"""


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """Start the app on the sandbox."""
    with App(tmp_path_factory.mktemp("app"), "--no-browser") as running:
        yield running


@pytest.fixture
def shots(tmp_path: Path) -> Path:
    """Return the folder of the screenshots: WORKBENCH_SHOTS, or a temporary one."""
    named = os.environ.get(SHOTS)
    folder = Path(named) if named else tmp_path
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _open(browser: Browser, app: App, width: int = 1600, scheme: str = "light") -> tuple[Page, list[str]]:
    """Open the app in a context of its own, and return the page and the errors of its scripts."""
    context = browser.new_context(viewport={"width": width, "height": 1000}, color_scheme=scheme, reduced_motion="reduce")
    page = context.new_page()
    page.set_default_timeout(120_000)
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(app.url)
    page.locator(".sc-foot").first.wait_for()
    return page, errors


def _search(page: Page) -> None:
    """Search what the map shows, or wait for what comes back."""
    # the prompt shows once it is known that nothing comes back
    search = page.get_by_role("button", name="Search this view")
    search.or_(page.locator(FOUND)).first.wait_for()
    if search.is_visible():
        search.click()
    page.locator(FOUND).wait_for()


def _close(page: Page) -> None:
    """Close the page as somebody does, which ends its kernel: kernels of former pages would slow down the next one."""
    context = page.context
    page.close(run_before_unload=True)
    context.close()


def test_workbench_clicks_lead_from_opened_to_ordered(browser: Browser, app: App, shots: Path):
    """Six clicks and no key lead from the opened page to an order; the page says what happened, and has no error."""
    page, errors = _open(browser, app)
    clicks = 0

    def click(name: str, *, exact: bool = False) -> None:
        nonlocal clicks
        page.get_by_role("button", name=name, exact=exact).first.click()
        clicks += 1

    page.get_by_role("button", name="Search this view").wait_for()
    page.screenshot(path=shots / "a-1600-light.png")
    click("Search this view")
    page.locator(FOUND).wait_for()
    page.screenshot(path=shots / "b-1600-light.png")
    click("Add to cart")
    page.get_by_role("button", name="Order 1 capture…").wait_for()
    click("Order 1 capture…")
    page.get_by_text("You will never pay more than this.").wait_for()
    page.screenshot(path=shots / "e-1600-light.png")
    click("Buy 1 capture for")
    page.get_by_text("Bought: 1 capture for").wait_for()
    assert clicks <= 6
    page.screenshot(path=shots / "f-1600-light.png")
    page.get_by_role("tab", name="Orders").click()
    page.locator(".sc-orders .ord").first.wait_for()
    assert errors == []
    _close(page)


@pytest.mark.parametrize(("width", "scheme"), [(1600, "dark"), (1000, "light"), (420, "light")])
def test_workbench_fits_each_width_and_theme(browser: Browser, app: App, shots: Path, width: int, scheme: str):
    """At each width nothing is cut, nothing moves sideways, every control has a name and every text can be read."""
    page, errors = _open(browser, app, width, scheme)
    _search(page)
    wait_for_pictures(page)
    page.screenshot(path=shots / f"b-{width}-{scheme}.png", full_page=True)
    assert page.evaluate("document.querySelector('.sc-bench').scrollWidth") <= width
    assert page.evaluate(CLIPPED) == []
    assert page.evaluate(UNNAMED) == []
    assert unreadable_texts(page.locator(".sc-bench").first) == []
    assert errors == []
    _close(page)


def test_workbench_area_compare_filter_and_reload(browser: Browser, app: App):
    """A dragged box is the area, dates are compared on the map, and area and filter come back when the page is reloaded at once."""
    page, errors = _open(browser, app)
    _search(page)
    page.get_by_role("button", name="Drag a box (B)").click()
    box = page.locator(".sc-map").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 400, box["y"] + 120)
    page.mouse.down()
    page.mouse.move(box["x"] + 600, box["y"] + 300, steps=4)
    page.mouse.up()
    page.get_by_role("button", name="Search the new area").click()
    page.locator(FOUND).wait_for()
    page.locator(".sc-card").get_by_role("button", name="Compare").click()
    line = page.get_by_role("slider", name="Divider between A and B")
    line.press("ArrowRight")
    assert line.get_attribute("aria-valuenow") == "52"
    page.locator(".sc-card table").wait_for()
    line.press("Escape")
    line.wait_for(state="detached")
    thumb = page.get_by_role("slider", name="Cloud, whole scene, to")
    thumb.focus()
    for _ in range(12):
        page.keyboard.press("ArrowLeft")
    moved = thumb.get_attribute("aria-valuenow")
    assert moved != thumb.get_attribute("aria-valuemax")
    area = page.locator(".sc-ask .area .name").inner_text()
    # the kernel may not even have heard of it
    page.reload()
    page.locator(FOUND).wait_for()
    page.locator(f'.sc-ask [aria-label="Cloud, whole scene, to"][aria-valuenow="{moved}"]').wait_for()
    assert page.locator(".sc-ask .area", has_text="drawn").inner_text().startswith(area)
    assert errors == []
    _close(page)


def _hidden_parts(page: Page, *selectors: str) -> list[str]:
    """Return which elements cannot be seen from top to bottom: they are outside of the window, or behind something."""
    return list(page.evaluate(HIDDEN, list(selectors)))


def test_workbench_long_cart_shows_price_and_order_button(browser: Browser, app: App, shots: Path):
    """The price of a long cart and the next step are seen before anything scrolls, and hide no capture at the end."""
    page, errors = _open(browser, app, 1400)
    page.set_viewport_size({"width": 1400, "height": 900})
    _search(page)
    for number in range(7):
        page.locator(".sc-results .r .tick").nth(number).click()
    page.locator(".sc-cart .btn.main:enabled", has_text="Order 7 captures…").wait_for()
    ending = (".sc-cart .due .total", ".sc-cart .due .btn.main")
    page.screenshot(path=shots / "cart-1400-light.png")
    assert _hidden_parts(page, ".sc-cart h2", ".sc-cart .items li:first-child", *ending) == []
    page.locator(".sc-side").evaluate(TO_END)
    assert _hidden_parts(page, ".sc-cart .items li:last-child", *ending) == []
    page.set_viewport_size({"width": 1400, "height": 480})
    page.locator(".sc-side").evaluate(TO_END)
    assert _hidden_parts(page, ".sc-cart .items li:last-child", *ending) == []
    assert page.locator(".sc-cart .due").evaluate("node => getComputedStyle(node).position") == "static"
    for width in (1000, 420):
        page.set_viewport_size({"width": width, "height": 600})
        page.locator(".sc-cart").evaluate("node => node.scrollIntoView({block: 'start'})")
        page.screenshot(path=shots / f"cart-{width}-light.png")
        assert _hidden_parts(page, ".sc-cart .items li:first-child", *ending) == [], width
        # a key moves the focus, and what has it is not behind the price
        page.locator(".sc-cart .items li:last-child .btn").focus()
        assert _hidden_parts(page, ".sc-cart .items li:last-child .btn", *ending) == [], width
    page.get_by_role("button", name="Order 7 captures…").click()
    page.locator(".sc-cart .btn.main:enabled", has_text="Buy").wait_for()
    for width in (1400, 1000, 420):
        page.set_viewport_size({"width": width, "height": 600})
        page.locator(".sc-cart").evaluate("node => node.scrollIntoView({block: 'start'})")
        page.screenshot(path=shots / f"confirm-{width}-light.png")
        assert _hidden_parts(page, ".sc-cart h2", *ending) == [], width
        page.locator(".sc-cart .due").evaluate("node => node.parentElement.scrollIntoView({block: 'end'})")
        assert _hidden_parts(page, ".sc-cart .facts dd:last-child", *ending) == [], width
    assert errors == []
    _close(page)


def test_workbench_note_of_a_missing_base_map_covers_nothing(browser: Browser, tmp_path: Path, shots: Path):
    """The note that the base map cannot be loaded waits for the first question, and then hides no scale, legend or tool."""
    with App(tmp_path, "--no-browser", SCENECART_BASEMAP=NO_TILES) as app:
        page, errors = _open(browser, app, 420)
        note = page.get_by_text("The base map cannot be loaded.")
        page.get_by_role("button", name="Search this view").wait_for()
        page.wait_for_function(TILES_GIVEN_UP)
        assert not note.is_visible()
        _search(page)
        note.wait_for()
        for width in (420, 719, 720, 1000, 1400):
            page.set_viewport_size({"width": width, "height": 900})
            page.locator(".sc-map").evaluate("node => node.scrollIntoView({block: 'end'})")
            page.screenshot(path=shots / f"note-{width}-light.png")
            around = (".sc-map .scalebar", ".sc-map .legend", ".sc-map .tool", ".sc-map .over.tr .btn")
            assert _hidden_parts(page, ".sc-map .tip", *around) == [], width
        page.get_by_role("button", name="Close this note").click()
        note.wait_for(state="detached")
        assert errors == []
        _close(page)
