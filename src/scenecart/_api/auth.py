"""Sign-in: bearer tokens, obtained and renewed for all threads of a client, and for all programs that share a sign-in.

A token is renewed shortly before it expires, and once more if the service refuses it. If several threads need a new token,
only one requests it; if several programs share the sign-in, only one of them does.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scenecart._api.credentials import Credentials, Secret, StoredSession
from scenecart._api.operations import NOT_OFFERED, Identity, identity_of
from scenecart._util.json import NotJson, loads
from scenecart.exceptions import (
    AuthenticationError,
    ConfigurationError,
    ConnectionFailed,
    RateLimited,
    RequestTimeout,
    ServiceError,
    warn,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from scenecart._api.token_response import TokenResponse

TOKEN_PATH = "/realms/public/protocol/openid-connect/token"  # noqa: S105  # a path, not a secret
USERINFO_PATH = "/realms/public/protocol/openid-connect/userinfo"
_CLIENT_ID = "geopera"
_LEEWAY_SECONDS = 30.0
# after a failed renewal, the present token is used for so long before the next attempt
_RENEWAL_PAUSE_SECONDS = 5.0
# statuses of the exchange of an API key from services that expect the key itself
_REFUSED_EXCHANGE = frozenset({400, 401, 403, 422})
# the answers with which a service refuses a grant; an intermediary may write anything else
_REFUSALS = frozenset({400, 401, 403})
# a shorter secret may also be part of an ordinary word
_SHORTEST_SCRUBBED = 6
_JWT_PARTS = 3


class Tokens:
    """The bearer token of each request.

    A static token is used until the service refuses it. An API key is exchanged for a short-lived token: only the token endpoint
    sees the key. If the service offers or accepts no exchange, the key itself is the bearer token; a service that refuses it there
    too has refused the key.

    Parameters
    ----------
    credentials
        The sign-in. With a store, other programs share it: their newer tokens are used, if they are of the same account.
    post_form
        Sends a form to a path of the service, and returns the status and the document of the response.
    now, sleep
        The Unix time, and a way to wait, in seconds.
    identify
        Returns the account that a token belongs to; None if it is unknown.
    """

    def __init__(
        self,
        credentials: Credentials,
        post_form: Callable[[str, Mapping[str, str | Secret]], tuple[int, TokenResponse]],
        now: Callable[[], float],
        sleep: Callable[[float], None] = time.sleep,
        identify: Callable[[Secret], Identity | None] = lambda _: None,
    ) -> None:
        self._credentials = credentials
        self._store = credentials.store
        self._post_form = post_form
        self._now = now
        self._sleep = sleep
        self._identify = identify
        self._lock = threading.Lock()
        self._session: StoredSession | None = None
        if credentials.token is not None:
            self._session = StoredSession(credentials.token, credentials.refresh_token, credentials.expires_at)
        self._identity: Identity | None = None
        self._refused_exchange: AuthenticationError | None = None
        self._renewal_paused_until = 0.0
        self._shared_token: Secret | None = None
        self._has_warned = False

    def after_fork(self) -> None:
        """Replace the lock in a forked process."""
        self._lock = threading.Lock()

    def note_account(self, userinfo: Any) -> None:
        """Note the account that this session works for: tokens of another one never take its place."""
        identity = identity_of(userinfo)
        if identity.account:
            self._identity = identity

    def bearer(self) -> Secret:
        """Return a token that is not about to expire.

        Raises
        ------
        AuthenticationError
            If the service refuses the sign-in.
        ConnectionFailed, RateLimited, ServiceError
            If the token has expired and cannot be renewed now.
        """
        session = self._session
        if session is not None and not self._is_expiring(session):
            return session.access
        with self._lock:
            session = self._session
            if session is not None and not self._is_expiring(session):
                return session.access
            try:
                self._renew()
            except (ConnectionFailed, RateLimited, ServiceError):
                if session is None or session.expires_at is None or self._now() >= session.expires_at:
                    raise
                self._renewal_paused_until = self._now() + _RENEWAL_PAUSE_SECONDS
            return self._current()

    def renew(self, refused: Secret) -> Secret | None:
        """Return a new token in place of a refused one, or None if there is no way to get one.

        Of many threads whose token was refused, one renews it for all.

        Raises
        ------
        AuthenticationError
            If the service refuses the sign-in, or refuses an API key both in the exchange and as a token.
        ConnectionFailed, RateLimited, ServiceError
            If it cannot be renewed now.
        """
        with self._lock:
            if self._session is not None and self._session.access != refused:
                return self._session.access
            if self._refused_exchange is not None:
                # the next call tries the exchange again
                error, self._refused_exchange, self._session = self._refused_exchange, None, None
                raise error
            if not self._can_renew and self._store is None:
                return None
            self._renew()
            renewed = self._current()
            return renewed if renewed != refused else None

    def is_shared(self, token: Secret) -> bool:
        """Return whether a token is one that another program has stored."""
        return token == self._shared_token

    def scrub(self, text: str) -> str:
        """Remove every secret of this client from a text of the service."""
        credentials, session = self._credentials, self._session
        secrets = [credentials.api_key, credentials.password, credentials.token, credentials.refresh_token]
        for secret in [*secrets, *(() if session is None else (session.access, session.refresh))]:
            if secret is not None and len(secret.reveal()) >= _SHORTEST_SCRUBBED:
                text = text.replace(secret.reveal(), "[secure]")
        return text

    def _current(self) -> Secret:
        if self._session is None:
            raise AuthenticationError("No access token is available.", code="token_missing", hint="Sign in again.")
        return self._session.access

    @property
    def _can_sign_in(self) -> bool:
        return self._credentials.api_key is not None or self._credentials.password is not None

    @property
    def _can_renew(self) -> bool:
        return self._can_sign_in or (self._session is not None and self._session.refresh is not None)

    def _is_expiring(self, session: StoredSession) -> bool:
        if session.expires_at is None or not self._can_renew:
            return False
        due = max(session.expires_at - _LEEWAY_SECONDS, min(self._renewal_paused_until, session.expires_at))
        return self._now() >= due

    def _renew(self) -> None:
        """Replace the token: by a newer one of another program, else by one that the service grants."""
        with self._shared():
            if self._take_newer() and self._session is not None and not self._is_expiring(self._session):
                return
            before = self._session
            kept = None if self._store is None else self._store.read()
            if self._sign_in():
                self._keep(kept if kept is not None and before is not None and kept.access == before.access else None)

    @contextlib.contextmanager
    def _shared(self) -> Iterator[None]:
        """Keep the other programs that share the sign-in out."""
        with contextlib.ExitStack() as stack:
            if self._store is not None:
                try:
                    stack.enter_context(self._store.lock())
                except TimeoutError:
                    error = RequestTimeout(
                        "Another program is renewing the sign-in, and is not done yet.",
                        code="sign_in_busy",
                        hint="Try again in a moment.",
                        operation="sign-in",
                    )
                    error.was_sent = False
                    raise error from None
            yield

    def _take_newer(self) -> bool:
        """Use the tokens that another program has stored meanwhile, and return whether there were any of this account."""
        stored = None if self._store is None else self._store.read()
        own = self._session
        if stored is None or (own is not None and stored.access == own.access):
            return False
        belongs = False if stored.is_foreign else own is None or self._is_of_this_account(stored, own)
        if belongs:
            self._session, self._shared_token = stored, stored.access
        elif belongs is False:
            self._store = None
            warn(
                f"The sign-in of {self._credentials.source} was replaced by one of another account or service. This session "
                "continues with its own sign-in, and no longer saves it.",
                code="sign_in_replaced",
                hint="Connect again to use the new sign-in.",
            )
        return bool(belongs)

    def _is_of_this_account(self, stored: StoredSession, own: StoredSession) -> bool | None:
        """Return whether stored tokens are of the account of this session; None if it is unknown."""
        if self._identity is not None:
            found = self._identify(stored.access) or Identity("", "")
            names = [(self._identity.subject, found.subject), (self._identity.organization, found.organization)]
            stated = [one == other for one, other in names if one and other]
            if stated:
                return all(stated)
        before, after = _subject_of(own.access), _subject_of(stored.access)
        if before is not None and after is not None:
            return before == after
        # nothing was decided for an account yet
        return True if self._identity is None else None

    def _keep(self, replaced: StoredSession | None) -> None:
        """Store the new tokens for other programs; a store that cannot be written does not end the session."""
        if self._store is None or self._session is None or self._session.access == self._credentials.api_key:
            return
        try:
            self._store.write(self._session, replaced)
        except ConfigurationError as error:
            if not self._has_warned:
                self._has_warned = True
                warn(
                    f"The renewed sign-in was not saved. {error.message}",
                    code="sign_in_not_saved",
                    hint="This session continues. Other programs that use the profile may have to sign in again.",
                )

    def _sign_in(self) -> bool:
        """Get a token, and return whether the service granted it; otherwise another program stored a newer one.

        Raises
        ------
        AuthenticationError
            If the service refuses.
        """
        credentials, session = self._credentials, self._session
        if session is not None and session.refresh is not None:
            client_id = _CLIENT_ID if credentials.store is None else credentials.store.client_id
            refused = self._grant({"grant_type": "refresh_token", "refresh_token": session.refresh, "client_id": client_id})
            if refused is None:
                return True
            # another program, which takes no lock, may have used the refresh token
            for pause in () if self._store is None else self._store.pauses:
                self._sleep(pause)
                if self._take_newer():
                    return False
            if not self._can_sign_in:
                raise refused
        if credentials.password is not None:
            refused = self._grant(
                {
                    "grant_type": "password",
                    "client_id": _CLIENT_ID,
                    "username": credentials.username or "",
                    "password": credentials.password,
                }
            )
        elif credentials.api_key is not None:
            refused = self._grant(
                {
                    "grant_type": "client_credentials",
                    "client_id": _CLIENT_ID,
                    "client_secret": credentials.api_key,
                }
            )
        else:
            refused = AuthenticationError("The token has expired.", code="token_expired", hint="Sign in again.", status=401)
        if refused is not None:
            raise refused
        return True

    def _grant(self, fields: Mapping[str, str | Secret]) -> AuthenticationError | None:
        """Request a token, and return the error of the service if it refuses; an answer that proves nothing is raised."""
        grant = str(fields["grant_type"])
        status, response = self._post_form(TOKEN_PATH, fields)
        if grant == "client_credentials" and self._credentials.api_key and status in NOT_OFFERED | _REFUSED_EXCHANGE:
            self._session = StoredSession(self._credentials.api_key)
            self._refused_exchange = None if status in NOT_OFFERED else _refusal(grant, status, response)
            return None
        is_granted = 200 <= status < 300  # noqa: PLR2004  # the success class of HTTP
        if is_granted and response.access is not None:
            self._refused_exchange = None
            refresh = response.refresh or (self._session.refresh if grant == "refresh_token" and self._session else None)
            expires_at = None if response.seconds is None else self._now() + response.seconds
            self._session = StoredSession(response.access, refresh, expires_at)
            return None
        if self._session is not None and not (status in _REFUSALS and response.error):
            # a gateway's page, or a sign-in page of the network: the session may still be renewed
            raise ServiceError(
                f"The service did not renew the sign-in (status {status}).",
                code="sign_in_not_renewed",
                hint="Try again in a moment.",
                operation="sign-in",
                status=status,
            )
        if is_granted:
            return AuthenticationError(
                "The sign-in response contains no valid token.",
                code="sign_in_without_token",
                hint="Check the base URL: the sign-in of the ordering service returns JSON with a token.",
                operation="sign-in",
                status=status,
            )
        if status in NOT_OFFERED:
            return AuthenticationError(
                f"No sign-in endpoint was found at {self._credentials.base_url} (status {status}).",
                code="sign_in_not_found",
                hint="Check the base URL: it is the root URL of the service, such as https://api.geopera.com.",
                operation="sign-in",
                status=status,
            )
        return _refusal(grant, status, response)


def _refusal(grant: str, status: int, response: TokenResponse) -> AuthenticationError:
    refusal = _REFUSED[grant]
    return AuthenticationError(
        f"{refusal.message}{response.reason}.", code=refusal.code, hint=refusal.hint, operation="sign-in", status=status
    )


@dataclass(frozen=True)
class _Refusal:
    """The error of a refused grant."""

    message: str
    code: str
    hint: str


_REFUSED = {
    "refresh_token": _Refusal("The service refused to renew the session", code="session_expired", hint="Sign in again."),
    "password": _Refusal(
        "The service refused the user name or password", code="password_refused", hint="Check both: they are case-sensitive."
    ),
    "client_credentials": _Refusal(
        "The service refused the API key", code="api_key_refused", hint="Check that the key is complete and was not revoked."
    ),
}


def _subject_of(token: Secret) -> str | None:
    """Return whom a JSON Web Token is for, unchecked; None for a token of another form."""
    parts = token.reveal().split(".")
    if len(parts) != _JWT_PARTS:
        return None
    try:
        claims = loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (NotJson, binascii.Error, ValueError):
        return None
    return identity_of(claims).subject or None
