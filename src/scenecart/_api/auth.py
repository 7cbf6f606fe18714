"""Bearer tokens: fetched by whichever grant the credentials allow, renewed before they expire, once for all threads."""

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
_SHORTEST_SCRUBBED = 6  # what is shorter also stands in ordinary words


class Tokens:
    """The token to send with each request.

    A static token is used until the service refuses it. An API key is exchanged for a short-lived token, so that
    the key itself is sent to the token endpoint only; where a service offers no exchange, the key is sent directly.
    """

    def __init__(
        self,
        credentials: Credentials,
        post_form: Callable[[str, Mapping[str, str | Secret]], tuple[int, bytes]],
        wall: Callable[[], float],
    ) -> None:
        self._credentials = credentials
        self._post_form = post_form
        self._wall = wall
        self._lock = threading.Lock()
        self._access = credentials.token
        self._refresh = credentials.refresh_token
        self._expires_at = credentials.expires_at

    def bearer(self) -> Secret:
        """Return a token that should still be valid for a while.

        Raises
        ------
        AuthenticationError
            If the sign-in is refused.
        """
        access, expires_at = self._access, self._expires_at
        if access is not None and not self._is_old(expires_at):
            return access
        with self._lock:
            if self._access is None or self._is_old(self._expires_at):
                self._renew()
            return self._current()

    def renew(self, refused: Secret) -> Secret | None:
        """Return another token than the one just refused, or None when there is no way to get one.

        Of many threads that were refused at once, one renews and the others take what it got.
        """
        with self._lock:
            if self._access is not None and self._access != refused:
                return self._access
            if not self._can_renew:
                return None
            self._renew()
            renewed = self._current()
            return renewed if renewed != refused else None

    def scrub(self, text: str) -> str:
        """Take every secret this client holds out of a text that came from the service."""
        credentials = self._credentials
        for secret in (self._access, self._refresh, credentials.api_key, credentials.password, credentials.token):
            if secret is not None and len(secret.reveal()) >= _SHORTEST_SCRUBBED:
                text = text.replace(secret.reveal(), "[secure]")
        return text

    def _current(self) -> Secret:
        if self._access is None:
            raise AuthenticationError("There is no token.", hint="Connect again.")
        return self._access

    @property
    def _can_sign_in(self) -> bool:
        return self._credentials.api_key is not None or self._credentials.password is not None

    @property
    def _can_renew(self) -> bool:
        return self._refresh is not None or self._can_sign_in

    def _is_old(self, expires_at: float | None) -> bool:
        return self._can_renew and expires_at is not None and self._wall() >= expires_at - _LEEWAY_SECONDS

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
                # a refresh token is spent by its first use: sent again, the service would take the session for stolen
                if not error.was_sent:
                    raise
                if not self._can_sign_in:
                    raise AuthenticationError(
                        "The connection broke off while the session was renewed.", hint="Try again; if it is over, sign in again."
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
            raise AuthenticationError("The token has expired.", hint="Connect again with a new one.", status=401)

    def _grant(self, fields: Mapping[str, str | Secret], *, fatal: bool = True) -> bool:
        status, body = self._post_form(TOKEN_PATH, fields)
        grant = str(fields["grant_type"])
        if grant == "client_credentials" and status in NOT_OFFERED and self._credentials.api_key is not None:
            self._access, self._expires_at = self._credentials.api_key, None
            return True
        answer = _read(body)
        # what stands in a variable here can be shown by a traceback
        del body
        if not 200 <= status < 300:  # noqa: PLR2004  # the success class of HTTP
            if not fatal:
                return False
            if status in NOT_OFFERED:
                raise AuthenticationError(
                    f"There is no sign-in at {self._credentials.base_url} ({status}).",
                    hint="Check base_url: it is where the service begins, such as https://api.geopera.com.",
                    operation="sign-in",
                    status=status,
                )
            raise AuthenticationError(
                f"The sign-in with {_GRANT_NAMES[grant]} was refused{answer.reason}.",
                hint=_GRANT_HINTS[grant],
                operation="sign-in",
                status=status,
            )
        if answer.access is None:
            raise AuthenticationError(
                "The service's sign-in answered without a token that can be used.",
                hint="Is base_url the ordering service? Its sign-in answers JSON that holds a token.",
                operation="sign-in",
                status=status,
            )
        self._access = answer.access
        self._refresh = answer.refresh or self._refresh
        self._expires_at = None if answer.seconds is None else self._wall() + answer.seconds
        if self._credentials.store is not None:
            self._credentials.store.save(self._access, self._refresh, self._expires_at)
        return True


@dataclass(frozen=True)
class _Granted:
    """What a sign-in answered, with its secrets sealed."""

    access: Secret | None = None
    refresh: Secret | None = None
    seconds: float | None = None
    reason: str = ""


def _read(body: bytes) -> _Granted:
    try:
        answer = loads(body)
    except NotJson:
        answer = None
    if not isinstance(answer, dict):
        return _Granted()
    reason = _reason(answer)
    refresh = answer.get("refresh_token")
    try:
        access = Secret(answer.get("access_token"))
        renewal = Secret(refresh, "refresh token") if isinstance(refresh, str) and refresh.strip() else None
    except ConfigurationError:
        return _Granted(reason=reason)
    return _Granted(access, renewal, _seconds(answer.get("expires_in")), reason)


_GRANT_NAMES = {
    "refresh_token": "the refresh token",
    "password": "user name and password",
    "client_credentials": "the API key",
}
_GRANT_HINTS = {
    "refresh_token": "The session is over. Sign in again.",
    "password": "Check both; they are case-sensitive.",
    "client_credentials": "Check that the key is whole and was not revoked.",
}
_SHORTEST = 2 * _LEEWAY_SECONDS


def _seconds(value: Any) -> float | None:
    """Read ``expires_in``; a lifetime too short to renew ahead of is used until it is refused."""
    if isinstance(value, str) and value.strip().isdigit():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not _SHORTEST < value < 1e10:  # noqa: PLR2004  # three centuries
        return None
    return float(value)


def _reason(answer: dict[str, Any]) -> str:
    code = answer.get("error")
    return f" ({code})" if isinstance(code, str) and code.replace("_", "").isalnum() and len(code) < 64 else ""  # noqa: PLR2004  # error codes of OAuth are short words
