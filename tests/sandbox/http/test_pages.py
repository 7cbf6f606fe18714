"""The HTML pages over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from _http_client import ServiceClient
    from scenecart.sandbox import Sandbox


def test_challenge_page_completes_challenge(box: Sandbox, sign_in: Callable[..., ServiceClient]):
    """The page of a challenge shows amount and organization, and completes it by a form."""
    client = sign_in(box, "secure")
    refused = client.place("first", key="k").json()
    page = httpx.get(refused["challenge_url"])
    assert page.status_code == 200
    assert "careful-buyer" in page.text
    assert "A$" in page.text
    done = httpx.post(refused["challenge_url"], data={"decision": "complete"})
    assert "confirmed" in done.text
    assert client.place("first", key="k").status_code == 202
    assert httpx.get(f"{box.url}/challenge/nothing").status_code == 404


def test_start_page_lists_hosts(box: Sandbox):
    """The start page shows the hosts of the catalog, and needs no token."""
    page = httpx.get(box.url)
    assert page.status_code == 200
    assert "<dt>archive</dt>" in page.text


@pytest.mark.parametrize("path", ["/", "/device", "/challenge/nothing"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_page_forbids_framing_and_caching(box: Sandbox, path: str, method: str):
    """No other page can embed a page of the sandbox, whatever its status, and no browser stores it."""
    answer = httpx.request(method, box.url + path, data={"decision": "complete"} if method == "POST" else None)
    if answer.headers["content-type"].startswith("text/html"):
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["cache-control"] == "no-store"
    else:
        assert (method, path, answer.status_code) == ("POST", "/", 405)


def test_device_page_unknown_code_is_404(box: Sandbox):
    """The form with an unknown code is 404, and shows the code escaped."""
    page = httpx.post(f"{box.url}/device", data={"user_code": "<b>", "principal": "analyst", "decision": "approve"})
    assert page.status_code == 404
    assert 'role="alert"' in page.text
    assert "<b>" not in page.text
