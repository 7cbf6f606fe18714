"""The log filter that hides signed URLs."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from scenecart._api.credentials import Secret
from scenecart._api.logs import hidden_from_logs

if TYPE_CHECKING:
    import pytest

URL = "https://files.example/a.tif?signature=private"


def test_signed_url_is_logged_without_its_query(caplog: pytest.LogCaptureFixture):
    """While a URL is downloaded, the log of httpx has it without its signature; other URLs are logged as they are."""
    logger = logging.getLogger("httpx")
    caplog.set_level(logging.INFO)
    with hidden_from_logs(Secret(URL, "URL")):
        logger.info("GET %s", URL)
        logger.info("GET %s", "https://files.example/b?page=2")
    assert caplog.messages == ["GET https://files.example/a.tif?[signed]", "GET https://files.example/b?page=2"]


def test_signed_url_of_two_downloads_is_hidden_until_the_last_ends(caplog: pytest.LogCaptureFixture):
    """If two threads download the same URL, it stays hidden until both have ended; then it is forgotten."""
    logger = logging.getLogger("httpx")
    caplog.set_level(logging.INFO)
    with hidden_from_logs(Secret(URL, "URL")):
        with hidden_from_logs(Secret(URL, "URL")):
            pass
        logger.info("GET %s", URL)
    assert "private" not in caplog.text
    logger.info("GET %s", URL)
    assert "private" in caplog.text
