"""Public files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import scenecart
from _expect import raises
from _scripted_service import Answer
from scenecart._api.public_files import PublicFile

if TYPE_CHECKING:
    from _scripted_service import ScriptedService


def test_public_file_is_downloaded_without_a_token(service: ScriptedService):
    """A public file is read through redirects, without a sign-in; its name is its path's, and its URL never prints."""
    service.put("/a.tif", Answer(b"", 302, {"Location": "/b.tif?signature=private"}))
    service.put("/b.tif", Answer(b"content"))
    file = PublicFile(f"{service.url}/a.tif?key=secret")
    with file.download(file.url, {"Range": "bytes=0-3"}) as answer:
        assert b"".join(answer.chunks) == b"content"
    assert file.name == "a.tif"
    assert "secret" not in repr(file.url)
    assert all("authorization" not in request.headers for request in service.received)


def test_public_file_redirect_to_an_unsafe_url_is_refused(service: ScriptedService):
    """A redirect to plain http on another computer is not followed."""
    service.put("/a.tif", Answer(b"", 302, {"Location": "http://192.0.2.1/b.tif"}))
    file = PublicFile(f"{service.url}/a.tif")
    with raises(scenecart.ServiceError, "file_url_unsafe"), file.download(file.url, {}):
        pass


@pytest.mark.parametrize("url", ["http://example.com/a", "ftp://example.com/a", "https://", "https://a\n.com/b", "a.tif"])
def test_public_file_url_unsafe_is_refused(url: str):
    """What is no https URL is refused, and the message holds no query."""
    with raises(scenecart.InvalidRequest, "url_unsafe") as caught:
        PublicFile(f"{url}?signature=private")
    assert "private" not in str(caught.value)
