"""Sign-in: bearer tokens, obtained and renewed for all threads of a client.

A token is renewed shortly before it expires, and once more if the service refuses it. If several threads need a new token,
only one requests it.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scenecart._api.credentials import Credentials, Secret
from scenecart._api.operations import NOT_OFFERED
from scenecart._util.json import NotJson, loads
from scenecart.exceptions import AuthenticationError, ConfigurationError, ConnectionFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

TOKEN_PATH = "/realms/public/protocol/openid-connect/token"  # noqa: S105  # a path, not a secret
USERINFO_PATH = "/realms/public/protocol/openid-connect/userinfo"
_CLIENT_ID = "geopera"
_CLI_CLIENT_ID = "geopera-cli"
_LEEWAY_SECONDS = 30.0
# the answers to the exchange of an API key with which a service may say that keys are sent as they are
_REFUSED_EXCHANGE = frozenset({400, 401, 403, 422})
# a shorter secret may also be part of an ordinary word
_SHORTEST_SCRUBBED = 6


class Tokens:
    """The bearer token of each request.

    A static token is used until the service refuses it. An API key is exchanged for a short-lived token: only the token endpoint
    sees the key. If the service offers or accepts no exchange, the key itself is the bearer token; a service that refuses it there
    too has refused the key.
    """

    def __init__(
        self,
        credentials: Credentials,
        post_form: Callable[[str, Mapping[str, str | Secret]], tuple[int, bytes]],
        now: Callable[[], float],
    ) -> None:
        self._credentials = credentials
        self._post_form = post_form
        self._now = now
        self._lock = threading.Lock()
        self._access = credentials.token
        self._refresh = credentials.refresh_token
        self._expires_at = credentials.expires_at
        self._refused_exchange: AuthenticationError | None = None

    def after_fork(self) -> None:
        """Replace the lock in a forked process."""
        self._lock = threading.Lock()

    def bearer(self) -> Secret:
        """Return a token that is not about to expire.

        Raises
        ------
        AuthenticationError
            If the service refuses the sign-in.
        """
        access, expires_at = self._access, self._expires_at
        if access is not None and not self._is_expiring(expires_at):
            return access
        with self._lock:
            if self._access is None or self._is_expiring(self._expires_at):
                self._renew()
            return self._current()

    def renew(self, refused: Secret) -> Secret | None:
        """Return a new token in place of a refused one, or None if there is no way to get one.

        Of many threads whose token was refused, one renews it for all.

        Raises
        ------
        AuthenticationError
            If the service refuses the sign-in, or refuses an API key both in the exchange and as a token.
        """
        with self._lock:
            if self._access is not None and self._access != refused:
                return self._access
            if self._refused_exchange is not None:
                # the next call tries the exchange again
                error, self._refused_exchange, self._access = self._refused_exchange, None, None
                raise error
            if not self._can_renew:
                return None
            self._renew()
            renewed = self._current()
            return renewed if renewed != refused else None

    def scrub(self, text: str) -> str:
        """Remove every secret of this client from a text of the service."""
        credentials = self._credentials
        for secret in (self._access, self._refresh, credentials.api_key, credentials.password, credentials.token):
            if secret is not None and len(secret.reveal()) >= _SHORTEST_SCRUBBED:
                text = text.replace(secret.reveal(), "[secure]")
        return text

    def _current(self) -> Secret:
        if self._access is None:
            raise AuthenticationError("No access token is available.", code="token_missing", hint="Sign in again.")
        return self._access

    @property
    def _can_sign_in(self) -> bool:
        return self._credentials.api_key is not None or self._credentials.password is not None

    @property
    def _can_renew(self) -> bool:
        return self._refresh is not None or self._can_sign_in

    def _is_expiring(self, expires_at: float | None) -> bool:
        return self._can_renew and expires_at is not None and self._now() >= expires_at - _LEEWAY_SECONDS

    def _renew(self) -> None:
        credentials = self._credentials
        if self._refresh is not None:
            client_id = _CLI_CLIENT_ID if credentials.store is not None else _CLIENT_ID
            fields: dict[str, str | Secret] = {
                "grant_type": "refresh_token",
                "refresh_token": self._refresh,
                "client_id": client_id,
            }
            try:
                if self._grant(fields, fatal=not self._can_sign_in):
                    return
            except ConnectionFailed as error:
                # a refresh token is valid once: if it is sent twice, the service takes the session for stolen
                if not error.was_sent:
                    raise
                if not self._can_sign_in:
                    raise AuthenticationError(
                        "The connection was lost while the session was renewed.",
                        code="session_renewal_interrupted",
                        hint="Try again. If it fails, sign in again.",
                    ) from error
            self._refresh = None
        if credentials.password is not None:
            self._grant(
                {
                    "grant_type": "password",
                    "client_id": _CLIENT_ID,
                    "username": credentials.username or "",
                    "password": credentials.password,
                }
            )
        elif credentials.api_key is not None:
            self._grant(
                {
                    "grant_type": "client_credentials",
                    "client_id": _CLIENT_ID,
                    "client_secret": credentials.api_key,
                }
            )
        else:
            raise AuthenticationError(
                "The token has expired.", code="token_expired", hint="Sign in again with a new token.", status=401
            )

    def _grant(self, fields: Mapping[str, str | Secret], *, fatal: bool = True) -> bool:
        status, body = self._post_form(TOKEN_PATH, fields)
        grant = str(fields["grant_type"])
        answer = _parse_response(body)
        # a traceback may show local variables
        del body
        if grant == "client_credentials" and status in NOT_OFFERED | _REFUSED_EXCHANGE:
            self._access, self._expires_at = self._credentials.api_key, None
            self._refused_exchange = None if status in NOT_OFFERED else _refusal(grant, status, answer.reason)
            return True
        if not 200 <= status < 300:  # noqa: PLR2004  # the success class of HTTP
            if not fatal:
                return False
            if status in NOT_OFFERED:
                raise AuthenticationError(
                    f"No sign-in endpoint was found at {self._credentials.base_url} (status {status}).",
                    code="sign_in_not_found",
                    hint="Check the base URL: it is the root URL of the service, such as https://api.geopera.com.",
                    operation="sign-in",
                    status=status,
                )
            raise _refusal(grant, status, answer.reason)
        if answer.access is None:
            raise AuthenticationError(
                "The sign-in response contains no valid token.",
                code="sign_in_without_token",
                hint="Check the base URL: the sign-in of the ordering service returns JSON with a token.",
                operation="sign-in",
                status=status,
            )
        self._refused_exchange = None
        self._access = answer.access
        self._refresh = answer.refresh or self._refresh
        self._expires_at = None if answer.seconds is None else self._now() + answer.seconds
        if self._credentials.store is not None:
            self._credentials.store.save(self._access, self._refresh, self._expires_at)
        return True


def _refusal(grant: str, status: int, reason: str) -> AuthenticationError:
    refusal = _REFUSALS[grant]
    return AuthenticationError(
        f"{refusal.message}{reason}.", code=refusal.code, hint=refusal.hint, operation="sign-in", status=status
    )


@dataclass(frozen=True)
class _TokenResponse:
    """The response of the token endpoint; its secrets never print."""

    access: Secret | None = None
    refresh: Secret | None = None
    seconds: float | None = None
    reason: str = ""


def _parse_response(body: bytes) -> _TokenResponse:
    """Read a response of the token endpoint, with an error or anything else instead of a token too."""
    try:
        answer = loads(body)
    except NotJson:
        answer = None
    if not isinstance(answer, dict):
        return _TokenResponse()
    reason = _error_code(answer)
    refresh = answer.get("refresh_token")
    try:
        access = Secret(answer.get("access_token"))
        renewal = Secret(refresh, "refresh token") if isinstance(refresh, str) and refresh.strip() else None
    except ConfigurationError:
        return _TokenResponse(reason=reason)
    return _TokenResponse(access, renewal, _lifetime(answer.get("expires_in")), reason)


@dataclass(frozen=True)
class _Refusal:
    """The error of a refused grant."""

    message: str
    code: str
    hint: str


_REFUSALS = {
    "refresh_token": _Refusal("The service refused to renew the session", code="session_expired", hint="Sign in again."),
    "password": _Refusal(
        "The service refused the user name or password", code="password_refused", hint="Check both: they are case-sensitive."
    ),
    "client_credentials": _Refusal(
        "The service refused the API key", code="api_key_refused", hint="Check that the key is complete and was not revoked."
    ),
}
_SHORTEST_LIFETIME = 2 * _LEEWAY_SECONDS
_MAX_DIGITS = 20


def _lifetime(value: Any) -> float | None:
    """Return the seconds of ``expires_in``; None if malformed, or too short to renew the token ahead of time."""
    if isinstance(value, str) and value.strip().isdecimal() and len(value) <= _MAX_DIGITS:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not _SHORTEST_LIFETIME < value < 1e10:  # noqa: PLR2004  # three centuries
        return None
    return float(value)


def _error_code(answer: dict[str, Any]) -> str:
    """Return the OAuth error code of a response in parentheses, or an empty string."""
    code = answer.get("error")
    return f" ({code})" if isinstance(code, str) and code.replace("_", "").isalnum() and len(code) < 64 else ""  # noqa: PLR2004  # error codes of OAuth are short words
