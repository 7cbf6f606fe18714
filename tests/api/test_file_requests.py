"""Files of the service: redirects are followed without the token, and what is too large is none."""

from __future__ import annotations

import pytest

import scenecart
from _expect import raises
from _scripted_service import Answer, ScriptedService, answer
from _sessions import make_session
from scenecart._api.credentials import Secret
from scenecart._api.operations import THUMBNAIL


def test_image_is_returned_from_its_redirect(service: ScriptedService):
    """An image is fetched from the URL that its operation redirects to, without the token; none, or a large one, is None."""
    session = make_session(service)
    service.put(THUMBNAIL.id, answer({}, 302, Location=f"{service.url}/image.png"))
    service.put("/image.png", Answer(b"12345678", 200, {"Content-Type": "image/png"}))
    assert session.image(THUMBNAIL, {}, max_bytes=8) == b"12345678"
    assert "authorization" not in service.requests("/image.png")[0].headers
    assert session.image(THUMBNAIL, {}, max_bytes=7) is None
    service.put(THUMBNAIL.id, answer({"detail": "no image"}, 404))
    assert session.image(THUMBNAIL, {}, max_bytes=8) is None


def test_download_that_redirects_without_end_is_an_error(service: ScriptedService):
    """A file whose address redirects to itself ends with an error, after a bounded number of requests."""
    service.put("/loop", answer({}, 302, Location=f"{service.url}/loop"))
    with (
        raises(scenecart.ServiceError, "download_redirects_too_often"),
        make_session(service).download(Secret(f"{service.url}/loop"), {}),
    ):
        pytest.fail("it was opened")
    assert len(service.requests("/loop")) == 5
