"""Requests to APIs and catalogs of others: headers, redirects, links, and errors."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import httpx
import pytest

import scenecart
from _expect import raises
from _scripted_service import Answer, answer
from scenecart._api.web import Web

if TYPE_CHECKING:
    from _scripted_service import ScriptedService


def remote(url: str = "https://example.com/stac/", reply: Any = None, **options: Any) -> tuple[Web, list[httpx.Request]]:
    """Return the web with a transport that answers everything, and the requests that it got."""
    received: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        received.append(request)
        return reply(request) if reply else httpx.Response(200, json={})

    return Web(url, transport=httpx.MockTransport(handle), **options), received


def test_web_reads_a_document_with_headers_and_body(service: ScriptedService):
    """A document has its URL, status, media type and bytes; a POST sends JSON."""
    service.put("/a", answer({"x": 1}))
    asked = {"X-Page": "2", "Host": "evil", "Cookie": "c", "X": 5}
    with Web(f"{service.url}/", {"X-API-Key": "k"}) as web:
        document = web.read(f"{service.url}/a", method="POST", body={"b": 2}, headers=asked)  # type: ignore[arg-type]  # a link's
    assert (document.url, document.status, document.media_type) == (f"{service.url}/a", 200, "application/json")
    request = service.received[0]
    assert (request.json, request.headers["x-api-key"], request.headers["x-page"]) == ({"b": 2}, "k", "2")
    assert request.headers["host"] != "evil"
    assert not request.headers.keys() & {"cookie", "x"}


@pytest.mark.parametrize(
    ("href", "url"),
    [
        ("../search?a=1", "https://example.com/search?a=1"),
        ("http://example.com/search", "https://example.com/search"),
        ("http://example.com:80/search", "https://example.com/search"),
        ("http://other.example/x", "http://other.example/x"),
        ("//other.example/x#part", "https://other.example/x"),
        ("http://127.0.0.1/x", None),
        ("http://localhost:8080/x", None),
        ("http://169.254.169.254/latest", None),
        ("http://10.0.0.1/x", None),
        ("https://[::1]/x", None),
        ("https://user:pass@example.com/x", None),
        ("file:///etc/passwd", None),
        ("javascript:alert(1)", None),
        ("s3://bucket/key", None),
        ("https://[", None),
        (None, None),
        (5, None),
    ],
)
def test_web_resolves_links_that_may_be_requested(href: Any, url: str | None):
    """Relative links are resolved, http:// of the same host becomes https://, and internal addresses are refused."""
    web, _ = remote()
    assert web.resolve("https://example.com/stac/catalog.json", href) == url


def test_web_of_an_internal_address_may_link_to_others():
    """A catalog on this computer or in the local network may link to its neighbours."""
    for url in ("http://127.0.0.1:8080/", "https://192.168.1.5/", "http://localhost/"):
        web, _ = remote(url)
        assert web.resolve(url, "http://127.0.0.1:9/x") == "http://127.0.0.1:9/x"


@pytest.mark.parametrize(
    ("location", "code"),
    [
        ("http://other.example/", "stac_redirect_unsafe"),
        ("https://127.0.0.1/", "stac_redirect_unsafe"),
        ("https://[", "stac_redirect_unsafe"),
        ("", "stac_search_failed"),
        ("/stac/", "stac_redirects_too_often"),
    ],
)
def test_web_unsafe_redirect_is_refused(location: str, code: str):
    """A redirect to plain http, to an internal address, or in a circle is an error."""
    web, received = remote(reply=lambda _: httpx.Response(302, headers={"Location": location}))
    with raises(scenecart.ServiceError, code):
        web.read(web.url)
    assert 0 < len(received) <= 6


def test_web_redirect_to_another_origin_drops_headers():
    """Headers go to the origin of the URL: scheme, host and port."""

    def reply(request: httpx.Request) -> httpx.Response:
        hop = {"/stac/": "/b", "/b": "https://example.com:8443/c", "/c": "https://example.com:443/d"}.get(request.url.path)
        return httpx.Response(303, headers={"Location": hop}) if hop else httpx.Response(200, json={})

    web, received = remote(reply=reply, headers={"Authorization": "Bearer secret"})
    assert web.read(web.url, method="POST", body={}).url == "https://example.com/d"
    assert [request.headers.get("authorization") for request in received] == [
        "Bearer secret",
        "Bearer secret",
        None,
        "Bearer secret",
    ]
    assert [request.method for request in received] == ["POST", "GET", "GET", "GET"]


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [
        (400, scenecart.BadRequest, "stac_request_rejected"),
        (401, scenecart.AuthenticationError, "stac_sign_in_required"),
        (403, scenecart.PermissionDenied, "stac_access_denied"),
        (404, scenecart.NotFound, "stac_document_missing"),
        (410, scenecart.NotFound, "stac_document_missing"),
        (422, scenecart.BadRequest, "stac_request_rejected"),
        (429, scenecart.RateLimited, "stac_rate_limited"),
        (500, scenecart.ServiceError, "stac_search_failed"),
        (599, scenecart.ServiceError, "stac_search_failed"),
    ],
)
def test_web_status_has_its_error(status: int, kind: type[scenecart.ScenecartError], code: str):
    """Each status is an error of ours with the explanation, the host and the status, and without the caller's secrets."""
    problem = {"title": "No", "detail": "not Bearer very-secret for key-in-url"}
    web, _ = remote(
        "https://example.com/?key=key-in-url",
        lambda _: httpx.Response(status, json=problem),
        headers={"Authorization": "Bearer very-secret"},
        retry=scenecart.Retry(attempts=2, base=0.0),
    )
    with raises(kind, code) as caught:
        web.read(web.url)
    assert caught.value.status == status
    assert "example.com" in str(caught.value)
    assert "not [secure] for [secure]" in str(caught.value)
    assert "very-secret" not in repr(vars(caught.value)) + repr(vars(web))


def test_web_retries_reads_and_honours_retry_after():
    """Failures that may pass are retried within the limits; the API's Retry-After is honoured."""
    statuses, waits = iter([503, 429, 200]), []
    web, received = remote(
        reply=lambda _: httpx.Response(next(statuses), json={}, headers={"Retry-After": "7"}), sleep=waits.append, uniform=max
    )
    assert web.read(web.url).status == 200
    assert waits == [1.0, 7.0]

    def slow(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("slow", request=request)

    web, received = remote(reply=slow, sleep=waits.append)
    with raises(scenecart.RequestTimeout, "request_timed_out") as caught:
        web.read(web.url)
    assert len(received) == 1
    assert "Limits" in (caught.value.hint or "")


def test_web_logs_no_key_of_the_url(caplog: pytest.LogCaptureFixture):
    """The query of a URL may be a key, so the log of the HTTP library shows none."""
    caplog.set_level(logging.DEBUG)
    web, _ = remote("https://example.com/?key=very-secret")
    web.read(web.url)
    assert "very-secret" not in caplog.text


@pytest.mark.parametrize(
    ("url", "headers", "code"),
    [
        ("ftp://example.com", None, "stac_url_invalid"),
        ("https://user:very-secret@example.com", None, "stac_url_invalid"),
        ("http://example.com/", {"Authorization": "Bearer very-secret"}, "stac_headers_insecure"),
        ("https://example.com/", {"Authorization": "very-secret\r\nX: y"}, "stac_headers_invalid"),
        ("https://example.com/", {"Authorization": "very-secrét"}, "stac_headers_invalid"),
        ("https://example.com/", {"Authorization": b"very-secret"}, "stac_headers_invalid"),
        ("https://example.com/", {"": "very-secret"}, "stac_headers_invalid"),
        ("https://example.com/", {"Host": "very-secret"}, "stac_headers_invalid"),
        ("https://example.com/", "very-secret", "stac_headers_invalid"),
    ],
)
def test_web_invalid_url_or_header_is_refused_without_its_value(url: str, headers: Any, code: str):
    """What cannot be sent, or not safely, is refused before anything is sent."""
    with raises(scenecart.InvalidRequest, code) as caught:
        Web(url, headers)
    assert "very-secr" not in str(caught.value)


def test_web_settings_of_other_types_are_refused():
    """Limits and retries are those of connect()."""
    with raises(scenecart.ConfigurationError, "limits_not_limits"):
        Web("https://example.com", limits=5)  # type: ignore[arg-type]  # on purpose
    with raises(scenecart.ConfigurationError, "retry_not_retry"):
        Web("https://example.com", retry=5)  # type: ignore[arg-type]  # on purpose


def test_web_large_response_is_refused(service: ScriptedService):
    """A response is bounded in size."""
    service.put("/", Answer(b"x" * 2_000))
    with Web(service.url, limits=scenecart.Limits(answer_bytes=1_000)) as web, raises(scenecart.ServiceError, "response_too_large"):
        web.read(web.url)
