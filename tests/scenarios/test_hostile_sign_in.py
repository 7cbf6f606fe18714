"""Signing in with tokens, answers and files as nobody should give them: used until refused, never shown, never sent elsewhere."""

from __future__ import annotations

import base64
import json
import os
import stat
import time
from typing import TYPE_CHECKING, Any

import pytest

import scenecart
from _scripted_service import TOKEN_PATH, Answer, ScriptedService, answer
from scenecart._api.credentials import resolve
from scenecart.sandbox import Sandbox

if TYPE_CHECKING:
    from pathlib import Path

READ = "orders.list"


def jwt(header: Any, claims: Any) -> str:
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in (header, claims)]
    return ".".join([*parts, "c2ln"])


BAD_TOKENS: list[Any] = [
    "", " ", "\n", "good\r\nX-Evil: y", "good\nX-Evil: y", "with space", "t\u00f6k\u00e9n", "\U0001f511", "nul\0",
    "x" * 100_000, b"bytes", 5, ["t"], True,
]  # fmt: skip


@pytest.mark.parametrize("bad", BAD_TOKENS, ids=lambda one: repr(one)[:20])
@pytest.mark.parametrize("kind", ["token", "api_key"])
def test_a_token_that_cannot_be_one_is_refused_unshown(service: ScriptedService, bad: Any, kind: str):
    """A token or key that is no header's value is refused when it is set, and no part of it is repeated."""
    with pytest.raises(scenecart.ConfigurationError) as caught:
        scenecart.connect(base_url=service.url, **{kind: bad})
    shown = f"{caught.value}{caught.value!r}{vars(caught.value)}"
    assert not [part for part in ("Evil", "good", "t\u00f6k", "\U0001f511", "xxx", "bytes'") if part in shown]
    assert service.asked == []


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
@pytest.mark.parametrize("exchanged", [False, True], ids=["given", "answered"])
def test_a_token_is_never_read(service: ScriptedService, connect: Any, case: str, *, exchanged: bool):
    """Whatever a token says of itself, it is sent as it is until the service refuses it, and then there is one more try at most."""
    service.put(TOKEN_PATH, answer({"access_token": JWTS[case]}))
    service.put(READ, answer([]), answer([]), answer({}, 401))
    client = connect(**({"token": None, "api_key": "gpra_key"} if exchanged else {"token": JWTS[case]}))
    for _ in range(2):
        client.orders()
    with pytest.raises(scenecart.AuthenticationError):
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
def test_a_sign_in_that_answers_no_token_is_one_short_error(service: ScriptedService, connect: Any, case: str):
    """Whatever the sign-in answers in a token's place, it is asked once, the error is short, and nothing of the key is in it."""
    service.put(TOKEN_PATH, GRANTS[case])
    with pytest.raises(scenecart.AuthenticationError) as caught:
        connect(token=None, api_key="gpra_key").orders()
    assert len(str(caught.value)) < 300
    assert "gpra_key" not in f"{caught.value}{vars(caught.value)}"
    assert "<" not in caught.value.message
    assert len(service.requests(TOKEN_PATH)) == 1
    assert service.requests(READ) == []


def test_a_sign_in_without_a_refresh_token_signs_in_again(service: ScriptedService, connect: Any):
    """Where no refresh token comes with a token, the key signs in again when it is time."""
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
def shop() -> Any:
    with Sandbox(pace="instant") as box:
        box.rate_limits = None
        yield box


@pytest.mark.parametrize("minutes", [-10, 10])
def test_a_clock_that_is_ten_minutes_off_signs_in(shop: Sandbox, tmp_path: Path, minutes: int):
    """A machine whose clock differs from the service's by ten minutes signs in and goes on, before and after the token expires."""
    ahead = [60.0 * minutes]
    with shop.client("analyst", home=tmp_path, wall=lambda: time.time() + ahead[0], sleep=lambda _: None) as client:
        assert client.balance()
        shop.advance(400)
        ahead[0] += 400
        assert client.balance()
        shop.advance(400)
        assert client.balance()


def profile(path: Path, service: ScriptedService, **auth: Any) -> Path:
    """Write the official command line's file with one session in it, and another profile beside."""
    session = {"type": "oauth", "access_token": "at", "refresh_token": "rt", "expires_at": 5, **auth}
    entries = {"default": {"api_url": service.url, "auth": session}, "other": {"api_url": "https://o.example", "auth": {"x": 1}}}
    path.write_text(json.dumps(entries))
    path.chmod(0o600)
    return path


@pytest.mark.parametrize("expires", [5, 1e20, -1, "x", None, True, [], 4_000_000_000.0], ids=str)
def test_an_expiry_of_any_kind_in_the_file_signs_in(service: ScriptedService, connect: Any, tmp_path: Path, expires: Any):
    """A saved session is used or renewed, whatever its file says of its end."""
    path = profile(tmp_path / "credentials.json", service, expires_at=expires)
    service.put(TOKEN_PATH, answer({"access_token": "at2", "refresh_token": "rt2", "expires_in": 300}))
    service.put(READ, answer([]))
    connect(token=None, profile="default", credentials_file=path).orders()
    assert service.requests(READ)[0].headers["authorization"] in {"Bearer at", "Bearer at2"}


def test_a_revoked_session_is_over(service: ScriptedService, connect: Any, tmp_path: Path):
    """When the refresh token was revoked and there is no other way to sign in, the error says so once, without a loop."""
    path = profile(tmp_path / "credentials.json", service)
    before = path.read_bytes()
    service.put(TOKEN_PATH, answer({"error": "invalid_grant"}, 400))
    client = connect(token=None, profile="default", credentials_file=path)
    with pytest.raises(scenecart.AuthenticationError, match="refresh token was refused"):
        client.orders()
    assert len(service.requests(TOKEN_PATH)) == 1
    assert service.requests(READ) == []
    assert path.read_bytes() == before


def test_a_refresh_token_is_sent_once(service: ScriptedService, connect: Any, tmp_path: Path):
    """A refresh token whose answer was lost is not sent again by itself, since the service would take the session for stolen."""
    path = profile(tmp_path / "credentials.json", service)
    service.put(TOKEN_PATH, Answer(None))
    with pytest.raises(scenecart.AuthenticationError, match="broke off"):
        connect(token=None, profile="default", credentials_file=path).orders()
    assert len(service.requests(TOKEN_PATH)) == 1


def test_a_renewed_session_is_stored_whole_or_not_at_all(service: ScriptedService, connect: Any, tmp_path: Path):
    """The file is replaced in one step, through a link if it is one: whoever read the old one has all of it; nothing is left."""
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
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "home", "old.json", "real.json"]


FILES = {
    "cut": b"{",
    "a list": b"[]",
    "text": b'"x"',
    "no UTF-8": b"\xff\xfe",
    "a profile that is a number": b'{"default": 5}',
    "auth a list": b'{"default": {"auth": []}}',
    "an unknown kind": b'{"default": {"auth": {"type": "x"}}}',
    "a key that is a number": b'{"default": {"auth": {"type": "api_key", "api_key": 5}}}',
    "a token with a line break": b'{"default": {"auth": {"type": "oauth", "access_token": "a\\r\\nb"}}}',
    "plain http elsewhere": b'{"default": {"api_url": "http://x.example", "auth": {"type": "api_key", "api_key": "gpra_key"}}}',
    "an address that is a number": b'{"default": {"api_url": 5, "auth": {"type": "api_key", "api_key": "gpra_key"}}}',
}


@pytest.mark.parametrize("case", FILES)
def test_a_credentials_file_that_is_none_is_said_and_untouched(tmp_path: Path, case: str):
    """A file that holds no usable profile is one clear error that shows no key, and stays as it is, to the byte."""
    path = tmp_path / "credentials.json"
    path.write_bytes(FILES[case])
    path.chmod(0o600)
    with pytest.raises(scenecart.ConfigurationError) as caught:
        resolve(environ={}, credentials_file=path)
    assert "gpra_key" not in str(caught.value)
    assert path.read_bytes() == FILES[case]
    assert [entry.name for entry in tmp_path.iterdir()] == ["credentials.json"]


def test_a_key_goes_to_its_own_host_alone(service: ScriptedService, tmp_path: Path):
    """A saved key is not sent to the host that an argument or a variable names, however it resembles its own."""
    path = profile(tmp_path / "credentials.json", service)
    port = service.url.rsplit(":", 1)[1]
    for other in ("https://x.example", f"http://localhost:{port}", f"https://127.0.0.1:{port}", "http://127.0.0.1:1"):
        with pytest.raises(scenecart.ConfigurationError, match="not sent to"):
            resolve(base_url=other, environ={}, credentials_file=path)
        with pytest.raises(scenecart.ConfigurationError, match="not sent to"):
            resolve(environ={"SCENECART_BASE_URL": other}, credentials_file=path)
    assert service.asked == []
