"""What the Workbench survives in a real browser: two tabs, a restarted or killed kernel, and a service that is gone."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from _app import App
from _bench_states import confirm, press, search_harbour, wait_for_pictures
from _jupyter import Jupyter, environment_of, notebook
from _widgets import wait_for
from scenecart.sandbox import Sandbox
from scenecart.widgets._bench.saved_states import frame_of_text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, BrowserContext, Page

pytestmark = pytest.mark.timeout(300)
BENCH = """
import scenecart
client = scenecart.connect()
bench = scenecart.widgets.Workbench(client, hosts={"aurora": ["aurora-50cm", "aurora-30cm"]})
bench
"""


class Service:
    """A sandbox that can be stopped and started again at the same address."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.box = self._start(0)
        self._port = int(self.box.url.rpartition(":")[2])

    def _start(self, port: int) -> Sandbox:
        box = Sandbox(self._folder, port=port, pace="instant").start()
        box.rate_limits = None
        return box

    def stop(self) -> None:
        """Answer nothing any more."""
        self.box.stop()

    def start(self) -> None:
        """Answer again, with everything that was there before."""
        self.box = self._start(self._port)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    made = Service(tmp_path_factory.mktemp("service"))
    yield made
    made.stop()


@pytest.fixture(scope="module")
def app(service: Service, tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    with App(tmp_path_factory.mktemp("app"), "--no-browser", **environment_of(service.box)) as running:
        yield running


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    with browser.new_context(viewport={"width": 1600, "height": 1000}, reduced_motion="reduce") as opened:
        opened.set_default_timeout(120_000)
        yield opened
        # a page that is closed so ends its kernel
        for page in opened.pages:
            page.close(run_before_unload=True)


def _open(context: BrowserContext, app: App) -> Page:
    """Open a tab, and search if nothing comes back from another one."""
    page = context.new_page()
    page.goto(app.url)
    prompt = page.get_by_role("button", name="Search this view")
    prompt.or_(page.locator(".sc-results .r")).first.wait_for()
    if prompt.is_visible():
        search_harbour(page)
    wait_for_pictures(page)
    return page


def _in_cart(page: Page) -> list[str]:
    return page.locator(".sc-cart .items .mono").all_inner_texts()


def _wait_for_cart(page: Page, count: int) -> list[str]:
    page.wait_for_function(f"document.querySelectorAll('.sc-cart .items li').length === {count}")
    return _in_cart(page)


def _saved_cart(app: App) -> list[str]:
    """Return the cart of the tab that was saved last."""
    newest = max(app.folder.glob("scenecart_home/workbench/*/*.json"), key=lambda path: path.stat().st_mtime)
    cart = frame_of_text(json.loads(newest.read_text("utf-8"))["cart"])
    return [] if cart is None else cart["id"].tolist()


def _tick_another(page: Page, number: int = 0) -> list[str]:
    """Put a row that is not in the cart there, and return what the cart has then."""
    before = len(_in_cart(page))
    page.locator(".sc-results .r:not(.cart):not(.blankrow)").nth(number).locator("[role=gridcell]").first.click()
    return _wait_for_cart(page, before + 1)


def test_two_tabs_have_carts_of_their_own_and_buy_nothing_twice(context: BrowserContext, app: App, service: Service):
    """A second tab begins as the first is; what one has bought the other does not buy again; each comes back with its own cart."""
    first = _open(context, app)
    bought = _tick_another(first)
    first.get_by_role("button", name="Order 1 capture…").wait_for()
    second = _open(context, app)
    assert _wait_for_cart(second, 1) == bought
    for page in (first, second):
        page.bring_to_front()
        confirm(page, "1 capture")
    press(first, "Buy 1 capture for")
    first.get_by_text("Bought: 1 capture for").wait_for()
    before = [order["id"] for order in service.box.orders()]
    # the other tab has offered the same before it was bought
    press(second, "Buy 1 capture for")
    second.locator(".sc-cart .note", has_text="Nothing was").first.wait_for()
    assert [order["id"] for order in service.box.orders()] == before
    second.get_by_role("tab", name="Orders").click()
    second.locator(".sc-orders .ord", has_text=before[-1]).wait_for()
    second.get_by_role("tab", name="Results").click()
    carts = [_tick_another(first, 1), _tick_another(second, 2)]
    assert carts[0] != carts[1]
    for page, cart in zip((first, second), carts, strict=True):
        page.reload()
        assert _wait_for_cart(page, len(cart)) == cart


@pytest.mark.thorough
def test_page_whose_kernel_was_killed_comes_back_when_reloaded(context: BrowserContext, app: App):
    """The page says that its kernel is gone and keeps what it shows; a click on its button brings search and cart back."""
    page = _open(context, app)
    cart = _tick_another(page)
    # what is asked for is written once nothing changes any more
    wait_for(lambda: _saved_cart(app) == cart)
    app.kill_kernel(page.evaluate("JSON.parse(document.getElementById('jupyter-config-data').textContent).kernelId"))
    page.get_by_text("This page has no kernel any more.").wait_for()
    assert _in_cart(page) == cart
    press(page, "Reload", ".sc-foot")
    assert _wait_for_cart(page, len(cart)) == cart
    page.locator(".sc-foot", has_text="found").wait_for()


def test_service_that_is_gone_is_said_everywhere_and_nothing_is_lost(context: BrowserContext, app: App, service: Service):
    """Header, list, cart and orders say that the service does not answer and keep what they show; one click goes on."""
    page = _open(context, app)
    page.get_by_role("tab", name="Orders").click()
    press(page, "Look for orders")
    page.get_by_role("tab", name="Results").click()
    wait_for_pictures(page)
    rows = page.locator(".sc-results [aria-rowcount]").get_attribute("aria-rowcount")
    service.stop()
    try:
        cart = _tick_another(page)
        page.locator(".sc-drawer .banner", has_text="not answering").wait_for()
        page.locator(".sc-head .pill.bad").wait_for()
        page.locator(".sc-cart .note.bad").wait_for()
        assert page.locator(".sc-results [aria-rowcount]").get_attribute("aria-rowcount") == rows
        page.get_by_role("tab", name="Orders").click()
        page.locator(".sc-orders .banner").wait_for()
    finally:
        service.start()
    press(page, "Try now", ".sc-drawer")
    page.locator(".sc-drawer .banner").wait_for(state="detached")
    page.locator(".sc-orders .banner").wait_for(state="detached")
    page.get_by_role("button", name=f"Order {len(cart)} capture").and_(page.locator(":enabled")).wait_for()
    assert page.locator(".sc-head .pill.bad").count() == 0
    assert _in_cart(page) == cart


@pytest.mark.thorough
def test_restarted_kernel_is_said_and_the_cell_run_again_brings_everything_back(
    context: BrowserContext, service: Service, tmp_path: Path
):
    """After a restart in JupyterLab the old panel says that its kernel ended; run again, the cell has area, filters and cart."""
    notebook(tmp_path / "bench.ipynb", BENCH)
    page = context.new_page()
    with Jupyter("lab", tmp_path, tmp_path, **environment_of(service.box)) as lab:
        lab.open(page, "bench.ipynb")
        search_harbour(page)
        area = page.locator(".sc-ask .area .name").inner_text()
        press(page, "Add to cart", ".sc-card")
        cart = _wait_for_cart(page, 1)
        thumb = page.get_by_role("slider", name="Cloud, whole scene, to")
        for _ in range(12):
            thumb.press("ArrowLeft")
        moved = thumb.get_attribute("aria-valuenow")
        page.locator(".sc-ask").get_by_role("button", name="Reset").wait_for()
        kernel = lab.kernel()
        kernel.wait("bench._autosave._is_saved")
        kernel.close()
        page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()")
        page.get_by_text("Run its cell again").wait_for()
        assert _in_cart(page) == cart
        page.evaluate("() => window.jupyterapp.commands.execute('notebook:run-all-cells')")
        page.get_by_text("This page has no kernel any more.").wait_for(state="detached")
        page.locator(f'.sc-ask [aria-label="Cloud, whole scene, to"][aria-valuenow="{moved}"]').wait_for()
        assert _wait_for_cart(page, 1) == cart
        assert page.locator(".sc-ask .area .name").inner_text() == area
        page.locator(".sc-foot", has_text="found").wait_for()
