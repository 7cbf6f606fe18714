"""Secrets that never print, and which base URLs are safe."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import httpx
import pytest

import scenecart
from _expect import raises
from scenecart._api.credentials import Secret, check_base_url

URL = "https://service.example"


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        ("", "secret_empty"),
        (" ", "secret_empty"),
        ("with space", "secret_malformed"),
        ("line\r\nX-Evil: y", "secret_malformed"),
        ("tökén", "secret_malformed"),
        ("🔑", "secret_malformed"),
        ("x" * 100_000, "secret_too_long"),
        (b"bytes", "secret_not_a_string"),
        (5, "secret_not_a_string"),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_malformed_token_is_refused_without_showing_it(bad: Any, code: str):
    """An invalid token is refused when it is set, and the message contains no part of it."""
    with raises(scenecart.ConfigurationError, code) as caught:
        scenecart.connect(base_url=URL, token=bad)
    assert "Evil" not in str(caught.value)
    assert "tökén" not in str(caught.value)


def test_secret_is_stripped_of_whitespace():
    """Whitespace around a token, such as the newline of a file, is removed."""
    assert Secret("abc\n").reveal() == "abc"


def test_secret_never_prints():
    """repr, str, format and copies of a secret do not contain it, and it cannot be pickled."""
    secret = Secret("very-private")
    for output in (
        repr(secret),
        str(secret),
        f"{secret}",
        repr(copy.deepcopy(secret)),
        repr([secret]),
        repr(dir(secret)),
    ):
        assert "very-private" not in output
    with pytest.raises(TypeError) as caught:
        pickle.dumps(secret)
    # the refusal of this class, and not of pickle itself
    assert str(caught.value).startswith("A secret cannot be pickled")
    assert "very-private" not in str(caught.value)
    with pytest.raises(TypeError):
        vars(secret)


UNSAFE_URLS: dict[str, list[Any]] = {
    "base_url_not_a_string": [5],
    "base_url_malformed": [
        "https://[bad", "https://x.exa\nmple", "https://x .example", "\0https://x.example", "https://x example", "https://\u2028.example",
        "https://x.example:99999", "https://\ud800.example",
    ],
    "base_url_has_password": ["https://user:pw@x.example", "https://@x.example", "https://evil.example\\@x.example"],
    "base_url_not_http": ["ftp://x", "x.example", "file:///etc/passwd", "https://", "", "//x.example"],
    "base_url_has_query": ["https://x.example/?a=b", "https://x.example?", "https://x.example#"],
    "base_url_not_https": [
        "http://x.example", "http://127.0.0.1.evil.example", "http://0.0.0.0:1", "http://\uff11\uff12\uff17.0.0.1",
        "http://[2001:db8::1]/",
    ],
    "base_url_host_invalid": ["https://xn--a.example"],
}  # fmt: skip


@pytest.mark.parametrize(
    ("code", "url"), [(code, url) for code, urls in UNSAFE_URLS.items() for url in urls], ids=lambda value: repr(value)[:40]
)
def test_unsafe_base_url_is_refused(code: str, url: Any):
    """Plain http to another computer, passwords in the URL, and what is not a URL are refused; the URL is never shown."""
    with raises(scenecart.ConfigurationError, code) as caught:
        scenecart.connect(base_url=url or "nowhere", token="t")
    assert caught.value.argument == "base_url"
    assert "user:pw" not in str(caught.value)
    assert caught.value.hint


@pytest.mark.parametrize("url", ["https://x.example/", "https://x.example/prefix/", "http://127.0.0.1:8900/", "http://[::1]:5/"])
def test_safe_base_url_loses_only_its_last_slash(url: str):
    """A path prefix is kept; plain http to this computer is accepted."""
    assert check_base_url(url) == url.rstrip("/")


@pytest.mark.parametrize(
    "url", ["HTTPS://API.Example", "https://api.example:443/", " https://api.example//", "https://api.EXAMPLE:"]
)
def test_base_url_has_one_spelling(url: str):
    """Each spelling of a service's URL gives the same URL: the journal identifies the service by it."""
    assert check_base_url(url) == "https://api.example"
    assert check_base_url("HTTP://[::1]:8900/Path") == "http://[::1]:8900/Path"


def test_base_url_may_be_international_or_an_ip_address():
    """A non-ASCII host name is sent in its DNS spelling; IPv6 addresses keep their brackets; a path prefix is kept."""
    urls: list[str] = []

    def handle(request: httpx.Request) -> httpx.Response:
        urls.append(str(request.url))
        return httpx.Response(200, json={})

    for url in ("https://\u043f\u0440\u0438\u043c\u0435\u0440.example/", "http://[::1]:5/a/b/"):
        with scenecart.connect(base_url=url, token="t", transport=httpx.MockTransport(handle)) as client:
            client.call("x.y")
    assert urls == ["https://xn--e1afmkfd.example/v1/op/x.y", "http://[::1]:5/a/b/v1/op/x.y"]
