"""Malformed tokens, sign-in responses and credentials files: never shown, never sent to another host, and no loop."""

from __future__ import annotations

import base64
import json
import os
import stat
import time
from typing import TYPE_CHECKING, Any

import pytest

import scenecart
from _expect import raises
from _scripted_service import TOKEN_PATH, Answer, ScriptedService, answer
from scenecart._api.sign_in import resolve
from scenecart.sandbox import Sandbox

if TYPE_CHECKING:
    from pathlib import Path

READ = "orders.list"


def jwt(header: Any, claims: Any) -> str:
    """Return a JSON Web Token with an invalid signature."""
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in (header, claims)]
    return ".".join([*parts, "c2ln"])


BAD_TOKENS: dict[str, list[Any]] = {
    "secret_empty": ["", " ", "\n"],
    "secret_malformed": [
        "good\r\nX-Evil: y", "good\nX-Evil: y", "with space", "t\u00f6k\u00e9n", "\U0001f511", "nul\0",
    ],
    "secret_too_long": ["x" * 100_000],
    "secret_not_a_string": [b"bytes", 5, ["t"], True],
}  # fmt: skip


@pytest.mark.parametrize(
    ("code", "bad"), [(code, bad) for code, values in BAD_TOKENS.items() for bad in values], ids=lambda value: repr(value)[:20]
)
@pytest.mark.parametrize("kind", ["token", "api_key"])
def test_malformed_token_is_refused_without_showing_it(service: ScriptedService, code: str, bad: Any, kind: str):
    """A token or key that is not a valid header value is refused when it is set, and no part of it is shown."""
    with raises(scenecart.ConfigurationError, code) as caught:
        scenecart.connect(base_url=service.url, **{kind: bad})
    output = f"{caught.value}{caught.value!r}{vars(caught.value)}"
    assert not [part for part in ("Evil", "good", "t\u00f6k", "\U0001f511", "xxx", "bytes'") if part in output]
    assert service.received == []


JWTS = {
    "alg none": jwt({"alg": "none"}, {"exp": 4_000_000_000}),
    "expired": jwt({"alg": "RS256"}, {"exp": 1}),
    "exp without end": jwt({"alg": "RS256"}, {"exp": 1e20}),
    "exp a word": jwt({"alg": "RS256"}, {"exp": "x"}),
    "exp missing": jwt({"alg": "RS256"}, {}),
    "two dots": "..",
    "no base64": "!!.??.##",
    "a list": jwt([], []),
}


@pytest.mark.parametrize("case", JWTS)
@pytest.mark.parametrize("exchanged", [False, True], ids=["passed", "obtained"])
def test_token_is_never_parsed(service: ScriptedService, connect: Any, case: str, *, exchanged: bool):
    """A token is sent unchanged until the service refuses it, for any content; then there is one more attempt at most."""
    service.put(TOKEN_PATH, answer({"access_token": JWTS[case]}))
    service.put(READ, answer([]), answer([]), answer({}, 401))
    client = connect(**({"token": None, "api_key": "gpra_key"} if exchanged else {"token": JWTS[case]}))
    for _ in range(2):
        client.orders()
    with raises(scenecart.AuthenticationError, "token_refused"):
        client.orders()
    assert {request.headers["authorization"] for request in service.requests(READ)} == {f"Bearer {JWTS[case]}"}
    assert len(service.requests(READ)) <= 4
    assert len(service.requests(TOKEN_PATH)) == (2 if exchanged else 0)


GRANTS = {
    "HTML": Answer(b"<html>Sign in</html>", 200, {"Content-Type": "text/html"}),
    "HTML in a refusal": answer({"error": "<b>", "error_description": "<script>gpra_key</script>" * 1_000}, 400),
    "no token": answer({"expires_in": 300}),
    "a short token": answer({"access_token": ""}),
    "a token with a line break": answer({"access_token": "a\r\nb"}),
    "a list": answer([]),
    "nothing": Answer(b""),
    "a redirect": answer({}, 302, Location="http://example.com/"),
    "brackets": Answer(b"[" * 100_000),
}


@pytest.mark.parametrize("case", GRANTS)
def test_sign_in_without_token_is_one_short_error(service: ScriptedService, connect: Any, case: str):
    """A sign-in response without a valid token is one short error without the key, after one request."""
    service.put(TOKEN_PATH, GRANTS[case])
    service.put(READ, answer({}, 401))
    refused = case in {"HTML in a refusal", "a redirect"}
    with raises(scenecart.AuthenticationError, "api_key_refused" if refused else "sign_in_without_token") as caught:
        connect(token=None, api_key="gpra_key").orders()
    assert len(str(caught.value)) < 300
    assert "gpra_key" not in f"{caught.value}{vars(caught.value)}"
    assert "<" not in caught.value.message
    assert len(service.requests(TOKEN_PATH)) == 1
    # a key whose exchange is refused is sent as a token too
    assert len(service.requests(READ)) == (case == "HTML in a refusal")


def test_sign_in_without_refresh_token_signs_in_again(service: ScriptedService, connect: Any):
    """If a token has no refresh token, the key signs in again before the token expires."""
    now = [1_000.0]
    service.put(
        TOKEN_PATH, answer({"access_token": "one", "expires_in": 300}), answer({"access_token": "two", "expires_in": "300"})
    )
    service.put(READ, answer([]))
    client = connect(token=None, api_key="gpra_key", wall=lambda: now[0])
    client.orders()
    now[0] += 280
    client.orders()
    assert [request.headers["authorization"] for request in service.requests(READ)] == ["Bearer one", "Bearer two"]


@pytest.fixture(scope="module")
def sandbox() -> Any:
    """Return a sandbox whose clock the test may advance."""
    with Sandbox(pace="instant") as running:
        running.rate_limits = None
        yield running


@pytest.mark.parametrize("minutes", [-10, 10])
def test_clock_ten_minutes_off_signs_in(sandbox: Sandbox, tmp_path: Path, minutes: int):
    """A computer whose clock is ten minutes off can sign in and renew its token."""
    offset = [60.0 * minutes]
    with sandbox.client("analyst", home=tmp_path, wall=lambda: time.time() + offset[0], sleep=lambda _: None) as client:
        assert client.balance()
        sandbox.advance(400)
        offset[0] += 400
        assert client.balance()
        sandbox.advance(400)
        assert client.balance()


def profile(path: Path, service: ScriptedService, **auth: Any) -> Path:
    """Write a credentials file of the official command line, with a session and another profile."""
    session = {"type": "oauth", "access_token": "at", "refresh_token": "rt", "expires_at": 5, **auth}
    entries = {"default": {"api_url": service.url, "auth": session}, "other": {"api_url": "https://o.example", "auth": {"x": 1}}}
    path.write_text(json.dumps(entries))
    path.chmod(0o600)
    return path


@pytest.mark.parametrize("expires", [5, 1e20, -1, "x", None, True, [], 4_000_000_000.0], ids=str)
def test_saved_session_with_any_expiry_signs_in(service: ScriptedService, connect: Any, tmp_path: Path, expires: Any):
    """A saved session is used or renewed, for any content of its expiry."""
    path = profile(tmp_path / "credentials.json", service, expires_at=expires)
    service.put(TOKEN_PATH, answer({"access_token": "at2", "refresh_token": "rt2", "expires_in": 300}))
    service.put(READ, answer([]))
    connect(token=None, profile="default", credentials_file=path).orders()
    assert service.requests(READ)[0].headers["authorization"] in {"Bearer at", "Bearer at2"}


def test_revoked_session_is_one_error(service: ScriptedService, connect: Any, tmp_path: Path):
    """If the refresh token was revoked and there is no other way to sign in, there is one error after one request."""
    path = profile(tmp_path / "credentials.json", service)
    before = path.read_bytes()
    service.put(TOKEN_PATH, answer({"error": "invalid_grant"}, 400))
    client = connect(token=None, profile="default", credentials_file=path)
    with raises(scenecart.AuthenticationError, "session_expired"):
        client.orders()
    assert len(service.requests(TOKEN_PATH)) == 1
    assert service.requests(READ) == []
    assert path.read_bytes() == before


def test_renewal_whose_response_is_lost_is_tried_again(service: ScriptedService, connect: Any, tmp_path: Path):
    """If the response to a renewal is lost, it is requested again: a session whose new token nobody has is over anyway."""
    path = profile(tmp_path / "credentials.json", service)
    service.put(TOKEN_PATH, Answer(None), answer({"access_token": "at2", "refresh_token": "rt2", "expires_in": 300}))
    service.put(READ, answer([]))
    connect(token=None, profile="default", credentials_file=path).orders()
    assert len(service.requests(TOKEN_PATH)) == 2


def test_renewed_session_is_saved_atomically(service: ScriptedService, connect: Any, tmp_path: Path):
    """The file is replaced atomically, also through a symbolic link; a reader keeps the old file, and no temporary file is left."""
    real = profile(tmp_path / "real.json", service)
    link = tmp_path / "folder" / "credentials.json"
    link.parent.mkdir()
    link.symlink_to(real)
    old = tmp_path / "old.json"
    os.link(real, old)
    before = old.read_bytes()
    service.put(TOKEN_PATH, answer({"access_token": "at2", "refresh_token": "rt2", "expires_in": 300}))
    service.put(READ, answer([]))
    connect(token=None, profile="default", credentials_file=link).orders()
    assert link.is_symlink()
    saved = json.loads(real.read_text())
    assert (saved["default"]["auth"]["access_token"], saved["default"]["auth"]["refresh_token"]) == ("at2", "rt2")
    assert saved["other"] == json.loads(before)["other"]
    assert old.read_bytes() == before
    assert stat.S_IMODE(real.stat().st_mode) == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["credentials.json.lock", "folder", "home", "old.json", "real.json"]


FILES = {
    "truncated": (b"{", "credentials_file_unreadable"),
    "a list": (b"[]", "credentials_file_without_profiles"),
    "text": (b'"x"', "credentials_file_without_profiles"),
    "not UTF-8": (b"\xff\xfe", "credentials_file_unreadable"),
    "a profile that is a number": (b'{"default": 5}', "profile_not_signed_in"),
    "auth a list": (b'{"default": {"auth": []}}', "profile_not_signed_in"),
    "an unknown kind": (b'{"default": {"auth": {"type": "x"}}}', "profile_type_unsupported"),
    "a key that is a number": (b'{"default": {"auth": {"type": "api_key", "api_key": 5}}}', "secret_not_a_string"),
    "a token with a line break": (b'{"default": {"auth": {"type": "oauth", "access_token": "a\\r\\nb"}}}', "secret_malformed"),
    "plain http elsewhere": (
        b'{"default": {"api_url": "http://x.example", "auth": {"type": "api_key", "api_key": "gpra_key"}}}',
        "base_url_not_https",
    ),
    "a URL that is a number": (
        b'{"default": {"api_url": 5, "auth": {"type": "api_key", "api_key": "gpra_key"}}}',
        "base_url_not_a_string",
    ),
}


@pytest.mark.parametrize("case", FILES)
def test_broken_credentials_file_is_an_error_and_unchanged(tmp_path: Path, case: str):
    """A file without a usable profile is one clear error that shows no key, and no byte of it is changed."""
    content, code = FILES[case]
    path = tmp_path / "credentials.json"
    path.write_bytes(content)
    path.chmod(0o600)
    with raises(scenecart.ConfigurationError, code) as caught:
        resolve(environ={}, credentials_file=path)
    assert "gpra_key" not in str(caught.value)
    assert path.read_bytes() == content
    assert [entry.name for entry in tmp_path.iterdir()] == ["credentials.json"]


def test_saved_key_is_not_sent_to_another_host(service: ScriptedService, tmp_path: Path):
    """A saved key is not sent to another host of an argument or a variable, even if its name is similar."""
    path = profile(tmp_path / "credentials.json", service)
    port = service.url.rsplit(":", 1)[1]
    for other in ("https://x.example", f"http://localhost:{port}", f"https://127.0.0.1:{port}", "http://127.0.0.1:1"):
        with raises(scenecart.ConfigurationError, "profile_of_another_service"):
            resolve(base_url=other, environ={}, credentials_file=path)
        with raises(scenecart.ConfigurationError, "profile_of_another_service"):
            resolve(environ={"SCENECART_BASE_URL": other}, credentials_file=path)
    assert service.received == []
