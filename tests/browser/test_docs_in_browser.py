"""The documentation as people read it: from files, without a network."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from _contrast import unreadable_texts

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

PAGES = ("index", "start", "howto/buy", "notebooks/04_map_and_selection", "reference/connecting", "safety", "benchmarks")
# what reaches beyond its screen although nothing around it scrolls
CUT_OFF = """() => [...document.querySelectorAll('article *')].filter(one => {
    if (one.getBoundingClientRect().right <= innerWidth + 1) return false
    for (let outer = one.parentElement; outer; outer = outer.parentElement)
        if (getComputedStyle(outer).overflowX != 'visible') return false
    return true
}).map(one => one.outerHTML.slice(0, 120))"""


@pytest.fixture
def fetched() -> list[str]:
    """Give the list of what was asked for that is no file."""
    return []


@pytest.fixture
def page(browser: Browser, fetched: list[str], request: pytest.FixtureRequest) -> Iterator[Page]:
    """Give a page of which only files are let through."""
    width, scheme = getattr(request, "param", (1300, "light"))
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)

    def refuse(route: object) -> None:
        fetched.append(route.request.url)  # type: ignore[attr-defined]  # playwright's own
        route.abort()  # type: ignore[attr-defined]  # likewise

    context.route(lambda url: not url.startswith(("file:", "data:")), refuse)
    yield context.new_page()
    context.close()


@pytest.mark.parametrize("page", [(width, scheme) for width in (400, 1300) for scheme in ("light", "dark")], indirect=True, ids=str)
def test_pages_are_whole_on_every_screen(page: Page, site: Path, fetched: list[str]):
    """On a phone and on a desk, light and dark, every word is legible, and nothing is cut off, fails or is fetched."""
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    for name in PAGES:
        page.goto((site / f"{name}.html").as_uri())
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, name
        assert page.evaluate(CUT_OFF) == [], name
        assert unreadable_texts(page.locator("article").first) == [], name
    assert wrong == []
    assert fetched == []


def test_search_works_offline(page: Page, site: Path, fetched: list[str]):
    """Typing a word into the search of a page that was opened as a file finds what speaks of it."""
    page.goto((site / "index.html").as_uri())
    page.keyboard.press("Control+k")
    page.locator("dialog input[type=search], .search-button__search-container input[type=search]").first.fill("idempotency")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search.html?q=idempotency*")
    found = page.locator("#search-results a[href^='safety.html']")
    found.first.wait_for()
    found.first.click()
    page.wait_for_url("**/safety.html*")
    assert "Safety model" in page.locator("h1").inner_text()
    assert fetched == []


def test_the_picture_follows_the_theme(page: Page, site: Path):
    """The landing page shows the light picture in the light theme, and the dark one in the dark."""
    page.goto((site / "index.html").as_uri())
    light, dark = page.locator("article img.only-light"), page.locator("article img.only-dark")
    assert light.is_visible()
    assert not dark.is_visible()
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    assert dark.is_visible()
    assert not light.is_visible()
