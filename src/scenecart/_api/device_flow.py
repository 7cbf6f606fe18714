"""Sign-in in a browser (RFC 8628, with PKCE, RFC 7636), and its end: the protocol of the official command line."""

from __future__ import annotations

import base64
import hashlib
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from scenecart._api.auth import TOKEN_PATH
from scenecart._api.credentials import Secret, StoredSession
from scenecart._api.operations import NOT_OFFERED
from scenecart._api.problems import web_url
from scenecart._api.token_response import TokenResponse, parse_token_response
from scenecart._util.json import NotJson, loads
from scenecart._util.text import clean_text
from scenecart.exceptions import (
    AuthenticationError,
    ConfigurationError,
    ConnectionFailed,
    RateLimited,
    ScenecartError,
    ServiceError,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from scenecart._api.http import Session

DEVICE_PATH = "/realms/public/protocol/openid-connect/auth/device"
LOGOUT_PATH = "/realms/public/protocol/openid-connect/logout"
SCOPE = "openid profile"
_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
_INTERVAL, _SLOWER, _LONGEST_INTERVAL = 5.0, 5.0, 60.0
_LIFETIME, _LONGEST_LIFETIME = 600.0, 3_600.0
_VERIFIER_BYTES = 32
# the answers until the user has decided
_PENDING = "authorization_pending"
_SLOW_DOWN = "slow_down"


@dataclass(frozen=True)
class PendingSignIn:
    """A sign-in that waits for the user to confirm it in a browser.

    Attributes
    ----------
    user_code : str
        The code to compare.
    url : str
        The page to confirm it on.
    seconds : float
        For how long it can be confirmed.
    interval : float
        Seconds between two questions whether it is confirmed.
    """

    user_code: str
    url: str
    seconds: float
    interval: float
    code: Secret = field(repr=False)
    verifier: Secret = field(repr=False)


def begin_sign_in(session: Session, client_id: str) -> PendingSignIn:
    """Begin a sign-in.

    Raises
    ------
    AuthenticationError
        If the service offers none.
    ScenecartError
        If it cannot be reached.
    """
    verifier = Secret(secrets.token_urlsafe(_VERIFIER_BYTES), "verifier")
    digest = hashlib.sha256(verifier.reveal().encode()).digest()
    fields: dict[str, str | Secret] = {
        "client_id": client_id,
        "scope": SCOPE,
        "code_challenge": base64.urlsafe_b64encode(digest).decode().rstrip("="),
        "code_challenge_method": "S256",
    }
    status, pending = session.post_form(DEVICE_PATH, fields, lambda body: _pending(body, verifier))
    if pending is None:
        reason = f"status {status}" if status in NOT_OFFERED or status >= 300 else "an answer of another form"  # noqa: PLR2004  # beyond success
        raise AuthenticationError(
            f"{session.base_url} offers no sign-in in a browser ({reason}).",
            code="browser_sign_in_unavailable",
            hint="Check the base URL. Or set SCENECART_USERNAME and SCENECART_PASSWORD, or SCENECART_API_KEY.",
            operation="sign-in",
            status=status,
        )
    return pending


def wait_for_sign_in(
    session: Session, pending: PendingSignIn, client_id: str, clock: Callable[[], float], now: Callable[[], float]
) -> tuple[StoredSession, str]:
    """Wait until a sign-in is confirmed, and return its tokens and scopes.

    Raises
    ------
    AuthenticationError
        If it is refused, or not confirmed in time.
    """
    deadline, interval = clock() + pending.seconds, pending.interval
    fields: dict[str, str | Secret] = {
        "grant_type": _GRANT,
        "client_id": client_id,
        "device_code": pending.code,
        "code_verifier": pending.verifier,
    }
    while clock() < deadline:
        session.sleep(interval)
        try:
            status, response = session.post_form(TOKEN_PATH, fields, parse_token_response)
        except (ConnectionFailed, RateLimited, ServiceError):
            # the network may be back before the code expires
            continue
        if response.access is not None:
            expires_at = None if response.seconds is None else now() + response.seconds
            return StoredSession(response.access, response.refresh, expires_at), response.scope or SCOPE
        if response.error == _SLOW_DOWN:
            interval = min(interval + _SLOWER, _LONGEST_INTERVAL)
        elif response.error == "expired_token":
            break
        elif response.error and response.error != _PENDING:
            raise _refused(status, response)
    raise AuthenticationError(
        "The sign-in was not confirmed in time.", code="sign_in_not_confirmed", hint="Sign in again.", operation="sign-in"
    )


def end_session(session: Session, client_id: str, tokens: StoredSession) -> bool:
    """Revoke the refresh token of a session, and return whether the service has confirmed that."""
    if tokens.refresh is None:
        return True
    try:
        fields: dict[str, str | Secret] = {"client_id": client_id, "refresh_token": tokens.refresh}
        status, _ = session.post_form(LOGOUT_PATH, fields, lambda _: None)
    except ScenecartError:
        return False
    return 200 <= status < 300  # noqa: PLR2004  # the success class of HTTP


def _refused(status: int, response: TokenResponse) -> AuthenticationError:
    if response.error == "access_denied":
        return AuthenticationError(
            "The sign-in was refused in the browser.",
            code="sign_in_denied",
            hint="Sign in again if that was a mistake.",
            operation="sign-in",
            status=status,
        )
    return AuthenticationError(
        f"The service refused the sign-in{response.reason}.",
        code="browser_sign_in_refused",
        hint="Sign in again.",
        operation="sign-in",
        status=status,
    )


def _pending(body: bytes, verifier: Secret) -> PendingSignIn | None:
    """Read the response to the beginning of a sign-in; None if it is another document."""
    try:
        answer = loads(body)
        code = Secret(answer.get("device_code"), "device code")
    except (NotJson, AttributeError, ConfigurationError):
        return None
    user_code = clean_text(answer.get("user_code"), 40)
    url = web_url(answer.get("verification_uri_complete")) or web_url(answer.get("verification_uri"))
    if url is None or not user_code:
        return None
    return PendingSignIn(
        user_code,
        url,
        min(_seconds(answer.get("expires_in"), _LIFETIME), _LONGEST_LIFETIME),
        min(_seconds(answer.get("interval"), _INTERVAL), _LONGEST_INTERVAL),
        code,
        verifier,
    )


def _seconds(value: Any, default: float) -> float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and 0 < value < 1e9 else default  # noqa: PLR2004  # thirty years
