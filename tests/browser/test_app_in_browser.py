"""`scenecart app` in a real browser: the token signs in, and a page that is gone ends its kernel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from _app import App

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser

# the page is busy whenever the manager of widgets looks for a model again: it does so after 100 ms
BUSY = """
(() => {
  const later = window.setTimeout;
  window.setTimeout = (work, delay, ...rest) => later(work, delay === 100 ? 4000 : delay, ...rest);
})()
"""


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """Start the app; kernels that nobody uses end after a few seconds."""
    with App(tmp_path_factory.mktemp("app"), "--no-browser", "--idle-timeout", "8") as running:
        yield running


def test_app_without_the_token_asks_for_it(app: App, browser: Browser):
    """Without the token there is a sign-in page; the token typed there opens the Workbench; closing the page ends its kernel."""
    with browser.new_context() as context:
        page = context.new_page()
        page.goto(app.address)
        kernel = app.ready_kernel()
        page.fill("input[type=password] >> nth=0", app.token)
        page.keyboard.press("Enter")
        page.get_by_role("button", name="Search this view").wait_for(timeout=120_000)
        page.close(run_before_unload=True)
        app.wait_for_end(kernel)


def test_app_page_that_is_open_keeps_its_kernel_and_one_that_is_gone_ends_it(app: App, browser: Browser, tmp_path: Path):
    """The kernel of an open page goes on, although nobody does anything; when the page is gone without a word, the kernel ends."""
    with browser.new_context() as context:
        page = context.new_page()
        kernel = app.ready_kernel()
        page.goto(app.url)
        page.get_by_role("button", name="Search this view").wait_for(timeout=120_000)
        # longer than an unused kernel lives
        page.wait_for_timeout(12_000)
        assert kernel in app.kernels()
        page.get_by_role("button", name="Search this view").click()
        # a browser that crashes, or a computer that is closed, sends nothing
        context.set_offline(True)
        page.close(run_before_unload=False)
        app.wait_for_end(kernel)


def test_app_page_that_is_busy_while_it_opens_shows_the_workbench(app: App, browser: Browser):
    """A page that is busy for seconds while its widgets arrive shows the Workbench afterwards, not that it was not found."""
    with browser.new_context() as context:
        page = context.new_page()
        page.add_init_script(BUSY)
        kernel = app.ready_kernel()
        page.goto(app.url)
        page.locator(".leaflet-container").or_(page.get_by_text("Error displaying widget")).first.wait_for(timeout=120_000)
        assert page.get_by_text("Error displaying widget").count() == 0
        page.close(run_before_unload=True)
        app.wait_for_end(kernel)


def test_app_pages_after_the_first_ask_for_their_scripts_at_once(app: App, browser: Browser):
    """The first page may ask for a hundred scripts of Voila and its extensions; the next one gets them as one, and works."""
    asked: list[str] = []
    for _ in range(2):
        with browser.new_context() as context:
            page = context.new_page()
            asked.clear()
            page.on("request", lambda request: asked.append(request.url))
            kernel = app.ready_kernel()
            page.goto(app.url)
            # a page before may have left a search, which is restored
            page.locator(".leaflet-container").wait_for(timeout=120_000)
            page.close(run_before_unload=True)
            app.wait_for_end(kernel)
    scripts = [url for url in asked if ".js" in url and "/voila/" in url]
    assert len(scripts) < 10, scripts
