"""The Workbench in each of its states, as somebody gets there: for tests and for the pictures of the documentation."""

from __future__ import annotations

import json
import urllib.request
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Page

HARBOUR = "151.18 -33.99 151.24 -33.94"
# pictures and clouds arrive after the rows
_SHOWN = """document.querySelector('.sc-card .pic')?.style.backgroundImage && !document.querySelector('.sc-results .waits')
  && document.querySelector('.sc-ask').innerText.includes('over my area')"""
_PAINTED = "[...document.querySelectorAll('.sc-map img')].every(image => image.complete && image.naturalWidth)"
_STRIP = """[...document.querySelectorAll('.sc-map .strip .one')].filter(one => {
  const box = one.getBoundingClientRect(), strip = one.parentElement.getBoundingClientRect();
  return box.right > strip.left && box.left < strip.right;
}).every(one => [one, ...one.querySelectorAll('*')].some(part => part.style.backgroundImage))"""
_MOST_FAULTS = 100_000


STATES = ("opened", "results", "gallery", "compare", "ordered", "delivered", "confirm", "nothing", "gone")


class Outage:
    """A sandbox that answers nothing: every request finds its connection closed."""

    def __init__(self, url: str) -> None:
        self._url = f"{url}/_sandbox/faults"

    def __enter__(self) -> Self:
        self._ask("POST", {"kind": "drop-before", "times": _MOST_FAULTS})
        return self

    def __exit__(self, *_: object) -> None:
        self._ask("DELETE", {})

    def _ask(self, method: str, body: dict[str, object]) -> None:
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(self._url, json.dumps(body).encode(), headers, method=method)  # noqa: S310  # our own server
        urllib.request.urlopen(request, timeout=30).close()  # noqa: S310  # as above


def walk(page: Page, sandbox: str) -> Iterator[str]:
    """Bring an opened Workbench into each state, and yield its name once all of it is shown.

    Parameters
    ----------
    page
        A page whose Workbench has nothing asked for yet, connected to a sandbox of a pace of seconds.
    sandbox
        The URL of this sandbox.
    """
    page.get_by_role("button", name="Search this view").wait_for()
    page.wait_for_function("document.querySelector('.sc-head').innerText.includes('left')")
    yield "opened"
    yield from _looking(page)
    yield from _buying(page)
    yield from _failing(page, sandbox)


def press(page: Page, name: str, within: str = ".sc-bench") -> None:
    """Click the first button with this name in a part of the Workbench."""
    page.locator(within).first.get_by_role("button", name=name).first.click()


def wait_for_pictures(page: Page) -> None:
    """Wait until the pictures in sight and the clouds over the area have arrived."""
    page.wait_for_function(_SHOWN)
    page.wait_for_function(_PAINTED)


def search_harbour(page: Page) -> None:
    """Search in a typed area, and wait until all that belongs to it is shown."""
    press(page, "Type")
    page.locator(".typed input").fill(HARBOUR)
    page.keyboard.press("Enter")
    press(page, "Search this area")
    page.locator(".sc-foot", has_text="found").wait_for()
    wait_for_pictures(page)


def confirm(page: Page, captures: str) -> None:
    """Go from the cart to the purchase that is to be confirmed, and wait until it is known what is owned."""
    press(page, f"Order {captures}…")
    page.get_by_text("You will never pay more than this.").wait_for()
    page.wait_for_function("!document.querySelector('.sc-cart').innerText.includes('Looking up')")


def _looking(page: Page) -> Iterator[str]:
    search_harbour(page)
    press(page, "Add to cart")
    press(page, "Next capture")
    press(page, "Add to cart", ".sc-card")
    page.get_by_role("button", name="Order 2 captures…").wait_for()
    press(page, "Next capture")
    wait_for_pictures(page)
    yield "results"
    press(page, "Gallery")
    page.locator(".sc-results .cell").first.wait_for()
    wait_for_pictures(page)
    yield "gallery"
    press(page, "Table")
    press(page, "Compare", ".sc-card")
    page.wait_for_function("document.querySelectorAll('.sc-map .leaflet-sc-picture-pane img').length === 2")
    page.locator(".sc-card table").wait_for()
    page.wait_for_function(_STRIP)
    page.wait_for_function(_PAINTED)
    yield "compare"
    page.keyboard.press("Escape")


def _buying(page: Page) -> Iterator[str]:
    confirm(page, "2 captures")
    press(page, "Buy 2 captures for")
    page.get_by_text("Bought: 2 captures for").wait_for()
    press(page, "See the order")
    page.locator(".sc-orders .ord").first.wait_for()
    yield "ordered"
    press(page, "Download")
    page.get_by_text("_visual.tif").first.wait_for()
    press(page, "Show on map")
    page.get_by_role("button", name="Back to the captures").wait_for()
    page.wait_for_function(_PAINTED)
    yield "delivered"
    press(page, "Back to the captures")
    press(page, "Back to the results")
    wait_for_pictures(page)
    press(page, "Add to cart", ".sc-card")
    for _ in range(2):
        press(page, "Previous capture")
    press(page, "Owned", ".sc-card")
    confirm(page, "2 captures")
    yield "confirm"
    press(page, "Not now")
    page.locator(".sc-cart .items").get_by_role("button", name="out of the cart").last.click()


def _failing(page: Page, sandbox: str) -> Iterator[str]:
    known = page.get_by_label("First day").input_value(), page.get_by_label("Last day").input_value()
    _dates(page, "2024-03-14", "2024-03-15")
    page.get_by_text("No capture fits all of this").wait_for()
    page.locator(".sc-drawer .limits .btn").first.wait_for()
    yield "nothing"
    _dates(page, *known)
    wait_for_pictures(page)
    for _ in range(3):
        press(page, "Next capture")
    wait_for_pictures(page)
    with Outage(sandbox):
        press(page, "Add to cart", ".sc-card")
        page.get_by_text("The service is not answering.").wait_for()
        page.get_by_text("The price cannot be checked until the service answers.").wait_for()
        yield "gone"
    press(page, "Try now")
    page.get_by_text("The service is not answering.").wait_for(state="detached")


def _dates(page: Page, first: str, last: str) -> None:
    # days in the wrong order are swapped
    days = {"First day": first, "Last day": last}
    for name in sorted(days, reverse=first > page.get_by_label("Last day").input_value()):
        page.get_by_label(name).fill(days[name])
    press(page, "Search", ".sc-ask")
