"""Log filters that hide signed URLs and the headers of responses."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import httpx

from _scripted_service import Answer, ScriptedService, answer
from _sessions import READ, make_session
from scenecart._api.credentials import Secret
from scenecart._api.logs import LOGGERS, redacted_logs

if TYPE_CHECKING:
    import pytest

URL = "https://files.example/a.tif?signature=private"
SET_COOKIE = {"Set-Cookie": "session=private-cookie", "X-Signature": "private-header"}


def test_signed_download_and_its_redirect_are_in_no_log(service: ScriptedService, caplog: pytest.LogCaptureFixture):
    """At DEBUG of every library, neither the signed URL, nor that of its redirect, nor a cookie is logged."""
    caplog.set_level(logging.DEBUG)
    service.put("/a.tif", Answer(b"", 302, {"Location": f"{service.url}/b.tif?signature=private-too", **SET_COOKIE}))
    service.put("/b.tif", Answer(b"pixels", 200, SET_COOKIE))
    session = make_session(service)
    with session.download(Secret(f"{service.url}/a.tif?signature=private", "URL"), {}) as download:
        assert b"".join(download.chunks) == b"pixels"
    assert f"GET {service.url}/a.tif?[signed]" in caplog.text
    assert "receive_response_headers.complete" in caplog.text
    assert "private" not in caplog.text


def test_malformed_header_is_not_repeated_in_a_log(service: ScriptedService, caplog: pytest.LogCaptureFixture):
    """An error of the HTTP library repeats the header that it is about; the log has the kind of the error only."""
    caplog.set_level(logging.DEBUG)
    service.put(READ.id, Answer(b"{}", 200, {"Location\x00": "private"}), answer({}))
    make_session(service).call(READ)
    assert "exception=RemoteProtocolError" in caplog.text
    assert "private" not in caplog.text


def test_log_of_other_requests_is_not_changed(service: ScriptedService, caplog: pytest.LogCaptureFixture):
    """Requests of other programs in the same process are logged as they were."""
    caplog.set_level(logging.DEBUG)
    with redacted_logs(is_signed=True):
        pass
    service.put("/page", Answer(b"", 200, {"X-Header": "of another program"}))
    httpx.get(f"{service.url}/page?query=theirs")
    assert "query=theirs" in caplog.text
    assert "of another program" in caplog.text


def test_every_logger_of_httpcore_is_filtered(service: ScriptedService):
    """A new version of the HTTP library that logs under another name fails this test."""
    service.put(READ.id, answer({}))
    make_session(service).call(READ)
    names = {name for name in logging.root.manager.loggerDict if name.partition(".")[0] in {"httpx", "httpcore"}}
    assert names - {"httpcore"} <= set(LOGGERS)


def test_password_of_a_socks_proxy_is_in_no_log(caplog: pytest.LogCaptureFixture):
    """What is sent to a SOCKS proxy, its password included, is not logged."""
    caplog.set_level(logging.DEBUG)
    with redacted_logs(is_signed=False):
        logging.getLogger("httpcore.socks").debug("setup_socks5_connection.started auth=(b'me', b'private')")
    assert caplog.messages == ["setup_socks5_connection.started"]


def test_signed_url_is_hidden_in_this_thread_only(caplog: pytest.LogCaptureFixture):
    """The query of a URL is hidden while it is requested, and what else the thread logs later is not changed."""
    logger = logging.getLogger("httpx")
    caplog.set_level(logging.INFO)
    with redacted_logs(is_signed=True):
        logger.info("GET %s", URL)
    logger.info("GET %s", URL)
    assert caplog.messages == ["GET https://files.example/a.tif?[signed]", f"GET {URL}"]
