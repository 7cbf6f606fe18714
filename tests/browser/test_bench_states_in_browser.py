"""The Workbench in each of its states, in the app and in JupyterLab, light and dark: axe-core finds nothing to mend."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from _app import App
from _bench_states import STATES, walk
from _jupyter import Jupyter, environment_of, notebook
from scenecart.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.timeout(600)
# the variables of scenecart itself are hidden from tests
AXE = "AXE_CORE"
BENCH = """
import scenecart
client = scenecart.connect()
scenecart.widgets.Workbench(client, hosts={"aurora": ["aurora-50cm", "aurora-30cm"]})
"""


@pytest.fixture
def axe() -> str:
    """Return the script of axe-core; its path is in AXE_CORE."""
    path = Path(os.environ.get(AXE, ""))
    if not path.is_file():
        pytest.skip(f"{AXE} does not name axe.min.js; `npm pack axe-core` gets it")
    return path.read_text("utf-8")


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """Return a page as wide as a screen."""
    with browser.new_context(viewport={"width": 1600, "height": 1200}, reduced_motion="reduce") as context:
        opened = context.new_page()
        opened.set_default_timeout(120_000)
        yield opened
        opened.close(run_before_unload=True)


def _violations(page: Page, axe: str, within: str) -> list[str]:
    """Return what axe-core finds, each with the beginning of its element."""
    page.evaluate(axe)
    found: dict[str, list[dict[str, Any]]] = page.evaluate(f"axe.run({within})")
    assert "color-contrast" in {one["id"] for one in found["passes"]}
    return [f"{one['impact']} {one['id']}: {node['html'][:160]}" for one in found["violations"] for node in one["nodes"]]


def test_app_has_no_accessibility_violation_in_any_state(page: Page, axe: str, tmp_path: Path):
    """axe-core finds nothing on the whole page of the app, from the first view to a service that is gone."""
    with App(tmp_path, "--no-browser") as app:
        page.goto(app.url)
        seen = []
        for name in walk(page, app.sandbox):
            for scheme in ("light", "dark"):
                page.emulate_media(color_scheme=scheme)
                page.locator(f".sc-bench{'.sc-dark' if scheme == 'dark' else ':not(.sc-dark)'}").wait_for()
                assert _violations(page, axe, "document") == [], (name, scheme)
            seen.append(name)
    assert tuple(seen) == STATES


def test_jupyterlab_has_no_accessibility_violation_in_any_state(page: Page, axe: str, tmp_path: Path):
    """axe-core finds nothing in the Workbench in JupyterLab; JupyterLab's own menus and toolbars are left to JupyterLab."""
    notebook(tmp_path / "bench.ipynb", BENCH)
    with Sandbox(pace="demo") as box:
        box.rate_limits = None
        with Jupyter("lab", tmp_path, tmp_path, **environment_of(box)) as lab:
            lab.open(page, "bench.ipynb")
            for name in walk(page, box.url):
                for theme in ("JupyterLab Light", "JupyterLab Dark"):
                    page.evaluate("theme => window.jupyterapp.commands.execute('apputils:change-theme', {theme})", theme)
                    page.wait_for_function(f"document.body.dataset.jpThemeName === {theme!r}")
                    assert _violations(page, axe, "'.sc-bench'") == [], (name, theme)
