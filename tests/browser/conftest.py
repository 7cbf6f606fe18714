"""A real browser if one is installed; where one is required, its absence is a failure."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from _chromium import binary, chromium

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Start Chromium, or skip; with SCENECART_REQUIRE_BROWSER=1 its absence fails."""
    if binary() is None:
        reason = "no Chromium was found (CHROMIUM, chromium, google-chrome)"
        if os.environ.get("SCENECART_REQUIRE_BROWSER") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    with chromium() as running:
        yield running
