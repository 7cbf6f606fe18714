"""What the scripts that take pictures share: Chromium, the area that is looked at, and what is shared with the tests."""

from __future__ import annotations

import contextlib
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

DOCS = Path(__file__).parent
sys.path.insert(0, str(DOCS.parent / "tests"))

from _app import App  # noqa: E402  # shared with the tests
from _bench_states import search_harbour, walk  # noqa: E402  # likewise
from _chromium import binary, chromium  # noqa: E402  # likewise
from _jupyter import Jupyter, environment_of, notebook  # noqa: E402  # likewise

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser, Page

__all__ = ["App", "Jupyter", "chromium", "environment_of", "notebook", "search_harbour", "walk"]

HARBOUR = (151.18, -33.99, 151.24, -33.94)
SCHEMES = ("light", "dark")
_SETTLE = 400
_HAS_THEME = "light => document.body.dataset.jpThemeLight === String(light)"
_WAITS = "![...document.querySelectorAll('.sc-results .waits')].some(one => one.offsetParent)"


def take_into_folder(take: Callable[[Browser, Path], object]) -> None:
    """Call ``take(browser, folder)`` with the folder that the command line names; without Chromium no pictures are taken."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    if binary() is None:
        sys.stderr.write("Chromium is not installed, so no pictures are taken.\n")
        return
    with chromium() as browser:
        take(browser, folder)


def settle(page: Page) -> None:
    """Wait until a change of the theme or of the width is shown, with the pictures that it brought into sight."""
    page.wait_for_timeout(_SETTLE)
    page.wait_for_function(_WAITS)


def in_scheme(page: Page, scheme: str, *, has_themes: bool = False) -> None:
    """Show a page light or dark; JupyterLab, which has themes, follows."""
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]  # one of SCHEMES
    if has_themes:
        page.wait_for_function(_HAS_THEME, arg=scheme == "light")
    settle(page)


@contextlib.contextmanager
def new_page(browser: Browser, width: int, height: int, scheme: str = "light") -> Iterator[Page]:
    """Open a page without animations; when it is closed, its kernel ends."""
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme, reduced_motion="reduce")
    page = context.new_page()
    page.set_default_timeout(120_000)
    yield page
    page.close(run_before_unload=True)
    context.close()


@contextlib.contextmanager
def jupyterlab(*cells: str, **variables: str) -> Iterator[tuple[Jupyter, Path]]:
    """Start JupyterLab with a notebook ``page.ipynb`` of some cells, in a folder of its own and in the theme of the browser."""
    with tempfile.TemporaryDirectory() as work:
        notebook(Path(work) / "page.ipynb", *cells)
        with Jupyter("lab", Path(work), Path(work), dark=None, **variables) as lab:
            yield lab, Path(work)
