"""Fuzzing of the credentials file and of token responses: valid credentials or an error, and no secret in a message."""

from __future__ import annotations

import contextlib
import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING
from zlib import crc32

from fuzz import _mutate
from fuzz._engine import Place, WithFolder
from scenecart import ConfigurationError
from scenecart._api.credentials import Credentials, Secret, StoredSession
from scenecart._api.profiles import ProfileStore
from scenecart._api.sign_in import resolve
from scenecart._api.token_response import parse_token_response

if TYPE_CHECKING:
    from random import Random

_KEY, _ACCESS, _REFRESH = "gpra_very-private-key", "very.private.token", "very-private-refresh"
# part of every secret here, and searched for in every message
_SECRET = "very-private"
_PROFILES = {
    "default": {"api_url": "https://api.example.com/", "auth": {"type": "api_key", "api_key": _KEY}},
    "other": {
        "api_url": "http://127.0.0.1:8900",
        "auth": {"type": "oauth", "access_token": _ACCESS, "refresh_token": _REFRESH, "expires_at": 1_700_000_000.5},
    },
    "old": {"auth": {"type": "oauth", "access_token": _ACCESS}},
}
_ANSWER = {
    "access_token": _ACCESS,
    "token_type": "Bearer",
    "expires_in": 300,
    "refresh_token": _REFRESH,
    "refresh_expires_in": 1800,
    "scope": "*",
}
_REFUSAL = {"error": "invalid_grant", "error_description": "<b>wrong</b>"}
_URLS = (
    *("https://api.example.com", "http://example.com", "http://[::1]:9", "https://u:p@x", "file:///etc", "//x", "https://x:99999"),
    *("https://[", "http://127.0.0.1.evil.example", "https://x/?q", "https://x/#f", "http://localhost/ ", "HTTPS://X", "https://é"),
)
_SAVES = 16


class Tokens(WithFolder):
    """Inputs of one line, ``file`` or ``answer``, and the content."""

    def open(self, place: Place) -> None:
        """Create the file, readable by its owner only."""
        self._path = Path(tempfile.mkdtemp(dir=place.given)) / "credentials.json"
        self._path.touch(0o600)

    def make(self, pick: Random) -> bytes:
        """Generate a credentials file or a token response."""
        if pick.randrange(4) == 0:
            answer = _mutate.document(pick, dict(pick.choice((_ANSWER, _ANSWER, _REFUSAL))))
            text = _mutate.encode(pick, answer)
            return b"answer\n" + (_mutate.data(pick, text, text) if pick.randrange(2) else text)
        profiles = json.loads(json.dumps(_PROFILES))
        if pick.randrange(4) == 0:
            profiles[pick.choice(list(profiles))]["api_url"] = pick.choice(_URLS)
        if pick.randrange(4):
            profiles = _mutate.document(pick, profiles)
        text = _mutate.encode(pick, profiles)
        return b"file\n" + (_mutate.data(pick, text, text) if pick.randrange(2) else text)

    def check(self, data: bytes) -> str:
        """Read the input, and check that no secret is visible."""
        kind, _, content = data.partition(b"\n")
        if kind == b"answer":
            response = parse_token_response(content)
            assert _SECRET not in repr(response)
            assert response.access is None or _is_header_value(response.access)
            assert response.seconds is None or 60 < response.seconds < 1e10
            return "answer: token" if response.access is not None else "answer: none"
        self._path.write_bytes(content)
        outcomes = {self._connect(name) for name in (*_PROFILES, None)}
        assert self._path.read_bytes() == content, "reading changed the file"
        if "oauth" in outcomes and crc32(data) % _SAVES == 0:
            self._save(content)
        return f"file: {' '.join(sorted(outcomes))}"

    def _connect(self, name: str | None) -> str:
        try:
            found = resolve(name, environ={}, credentials_file=self._path)
        except ConfigurationError as error:
            text = f"{error} {error.__notes__ if hasattr(error, '__notes__') else ''} {error!r}"
            assert _SECRET not in text, "a secret in a message"
            assert len(text) < 4_000, "a very long message"
            return "refused"
        return _checked_kind(found)

    def _save(self, content: bytes) -> None:
        """Save a new token pair into each profile, and check that nothing else changed."""
        before = json.loads(content)
        for name in _PROFILES:
            with contextlib.suppress(ConfigurationError):
                store = ProfileStore(self._path, name)
                found = store.load()
                if found is None or found.token is None:
                    continue
                store.write(StoredSession(Secret("new.access"), Secret("new-refresh"), 1_800_000_000.0), store.read())
                after = json.loads(self._path.read_bytes())
                assert after[name]["auth"]["access_token"] == "new.access"
                # compared as text, in which NaN equals itself
                assert json.dumps({**after, name: None}, sort_keys=True) == json.dumps({**before, name: None}, sort_keys=True)
                self._path.write_bytes(content)


def _checked_kind(found: Credentials) -> str:
    """Check credentials, and return their kind."""
    assert _SECRET not in repr(found)
    assert found.base_url.startswith(("https://", "http://")) or found.base_url.lower().startswith("http")
    assert found.expires_at is None or isinstance(found.expires_at, float)
    secret = found.api_key if found.api_key is not None else found.token
    assert secret is not None
    assert _is_header_value(secret)
    return "oauth" if found.token is not None else "key"


def _is_header_value(secret: Secret) -> bool:
    """Return whether a secret is valid in one HTTP header."""
    return secret.reveal().isascii() and secret.reveal().isprintable() and " " not in secret.reveal()
