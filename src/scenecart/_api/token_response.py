"""Responses of the token endpoint, with a token, an error or anything else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from scenecart._api.credentials import Secret
from scenecart._util.json import NotJson, loads
from scenecart.exceptions import ConfigurationError

_SHORTEST_LIFETIME, _LONGEST_LIFETIME = 60.0, 1e10
_MAX_DIGITS = 20
_MAX_CODE = 64


@dataclass(frozen=True)
class TokenResponse:
    """A response of the token endpoint; its secrets never print.

    Attributes
    ----------
    access, refresh : Secret or None
        The tokens.
    seconds : float or None
        For how long the access token is valid.
    error : str
        The error code of OAuth, such as ``"invalid_grant"``; empty if there is none.
    scope : str
        The scopes of the token, as stated.
    """

    access: Secret | None = None
    refresh: Secret | None = None
    seconds: float | None = None
    error: str = ""
    scope: str = ""

    @property
    def reason(self) -> str:
        """The error code in parentheses, to follow a message; empty if there is none."""
        return f" ({self.error})" if self.error else ""


def parse_token_response(body: bytes) -> TokenResponse:
    """Read a response of the token endpoint; never fails."""
    try:
        answer = loads(body)
    except NotJson:
        answer = None
    if not isinstance(answer, dict):
        return TokenResponse()
    error, refresh, scope = _error_code(answer), answer.get("refresh_token"), answer.get("scope")
    try:
        access = Secret(answer.get("access_token"))
        renewal = Secret(refresh, "refresh token") if isinstance(refresh, str) and refresh.strip() else None
    except ConfigurationError:
        return TokenResponse(error=error)
    return TokenResponse(access, renewal, _lifetime(answer.get("expires_in")), error, scope if isinstance(scope, str) else "")


def _lifetime(value: Any) -> float | None:
    """Return the seconds of ``expires_in``; None if malformed, or too short to renew the token ahead of time."""
    if isinstance(value, str) and value.strip().isdecimal() and len(value) <= _MAX_DIGITS:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not _SHORTEST_LIFETIME < value < _LONGEST_LIFETIME:
        return None
    return float(value)


def _error_code(answer: dict[str, Any]) -> str:
    code = answer.get("error")
    return code if isinstance(code, str) and code.replace("_", "").isalnum() and len(code) < _MAX_CODE else ""
