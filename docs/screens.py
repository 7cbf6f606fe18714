"""Take pictures of the Workbench: `python docs/screens.py FOLDER`, with `all` those that the site does not show, too.

The whole way on the sandbox, from the opened page to delivered pixels and to a service that is gone, and the results in JupyterLab:
the states that the site shows, light and dark. With `all`, every state at the widths of a screen, a laptop and a telephone.
Without Chromium none are taken.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from _browser import SCHEMES, App, environment_of, in_scheme, jupyterlab, new_page, search_harbour, settle, take_into_folder, walk
from scenecart.sandbox import Sandbox

if TYPE_CHECKING:
    from playwright.sync_api import Browser

# a narrow page is longer
SIZES = {1600: 1000, 1000: 1400, 420: 1800}
WIDTH = max(SIZES)
SHOWN = {"results", "gallery", "compare", "confirm", "delivered", "gone"}
IS_ALL = sys.argv[2:] == ["all"]
BENCH = """
import scenecart
scenecart.widgets.Workbench(scenecart.connect(), hosts={"aurora": ["aurora-50cm", "aurora-30cm"]})
"""


def app(browser: Browser, folder: Path) -> None:
    """Take the pictures of `scenecart app` in each state."""
    with (
        tempfile.TemporaryDirectory() as home,
        App(Path(home), "--no-browser") as running,
        new_page(browser, WIDTH, SIZES[WIDTH]) as page,
    ):
        page.goto(running.url)
        for name in walk(page, running.sandbox):
            for width, height in SIZES.items() if IS_ALL else [(WIDTH, SIZES[WIDTH])] if name in SHOWN else ():
                page.set_viewport_size({"width": width, "height": height})
                for scheme in SCHEMES:
                    in_scheme(page, scheme)
                    suffix = "" if width == WIDTH else f"-{width}"
                    page.screenshot(path=folder / f"{name}{suffix}-{scheme}.png")
            page.set_viewport_size({"width": WIDTH, "height": SIZES[WIDTH]})
            settle(page)


def jupyter(browser: Browser, folder: Path) -> None:
    """Take the pictures of the results in JupyterLab."""
    with (
        Sandbox(pace="demo") as box,
        jupyterlab(BENCH, **environment_of(box)) as (lab, _),
        new_page(browser, 1600, 1250) as page,
    ):
        lab.open(page, "page.ipynb")
        search_harbour(page)
        for scheme in SCHEMES:
            in_scheme(page, scheme, has_themes=True)
            # columns that change their width once more ask for other pictures
            page.wait_for_timeout(1_000)
            settle(page)
            page.screenshot(path=folder / f"jupyterlab-{scheme}.png")


def take(browser: Browser, folder: Path) -> None:
    """Take all pictures."""
    app(browser, folder)
    jupyter(browser, folder)


if __name__ == "__main__":
    take_into_folder(take)
