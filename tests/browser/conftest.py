"""A real browser if one is installed; where one is required, its absence is a failure."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Browser, sync_playwright

if TYPE_CHECKING:
    from collections.abc import Iterator


def _binary() -> str | None:
    named = os.environ.get("CHROMIUM")
    return named or next((path for name in ("chromium", "google-chrome") if (path := shutil.which(name))), None)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Start Chromium, or skip; with SCENECART_REQUIRE_BROWSER=1 its absence fails."""
    binary = _binary()
    if binary is None:
        reason = "no Chromium was found (CHROMIUM, chromium, google-chrome)"
        if os.environ.get("SCENECART_REQUIRE_BROWSER") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=binary, args=["--no-sandbox", "--disable-dev-shm-usage"])
        yield running
        running.close()
