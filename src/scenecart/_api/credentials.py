"""Credentials: secrets that never print, the base URL, and what a sign-in consists of."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn, Protocol, Self
from urllib.parse import urlsplit

from scenecart.exceptions import ConfigurationError

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

DEFAULT_BASE_URL = "https://api.geopera.com"
BASE_URL_HINT = f"Use a URL such as {DEFAULT_BASE_URL}."
API_KEY_PREFIX = "gpra_"
_PORTS = {"http": 80, "https": 443}
_MAX_SECRET = 16_384


class Secret:
    """A string that never prints: not in a repr, a format, a pickle or a traceback.

    Examples
    --------
    >>> from scenecart._api.credentials import Secret
    >>> Secret("gpra_very-private", "API key")
    Secret('[secure]')
    """

    __slots__ = ("__value",)

    def __init__(self, value: object, what: str = "token") -> None:
        if not isinstance(value, str):
            raise ConfigurationError(f"The {what} must be a str, got {type(value).__name__}.", code="secret_not_a_string")
        text = value.strip("\r\n\t ")
        if not text:
            raise ConfigurationError(f"The {what} is empty.", code="secret_empty")
        if len(text) > _MAX_SECRET:
            raise ConfigurationError(
                f"The {what} is longer than {_MAX_SECRET:,} characters.",
                code="secret_too_long",
                hint=f"Pass the {what} only, not the file around it.",
            )
        if what != "password" and any(not "!" <= letter <= "~" for letter in text):
            raise ConfigurationError(
                f"The {what} contains a space, a line break or a non-ASCII character.",
                code="secret_malformed",
                hint="Copy it again. It is secret, so it is not shown here.",
            )
        self.__value = text

    def reveal(self) -> str:
        """Return the string itself, for sending it."""
        return self.__value

    def __repr__(self) -> str:
        return "Secret('[secure]')"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other.reveal() == self.__value

    def __hash__(self) -> int:
        return hash(self.__value)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("A secret cannot be pickled. Connect again in the other process.")


@dataclass(frozen=True)
class StoredSession:
    """The tokens of a sign-in, as they are kept between programs.

    Attributes
    ----------
    access : Secret
        The access token.
    refresh : Secret or None
        The refresh token, which works once.
    expires_at : float or None
        When the access token expires, as Unix time in seconds.
    is_foreign : bool
        Whether it is for another service, or of another kind: then it cannot take the place of a session.
    """

    access: Secret
    refresh: Secret | None = None
    expires_at: float | None = None
    is_foreign: bool = False


class TokenStore(Protocol):
    """Where programs that share a sign-in keep its tokens."""

    @property
    def client_id(self) -> str:
        """The OAuth client that the tokens are issued to."""
        ...

    @property
    def pauses(self) -> tuple[float, ...]:
        """Seconds to wait before each check for tokens of programs that take no lock."""
        ...

    def lock(self) -> AbstractContextManager[object]:
        """Keep other programs out while a token is renewed; raises ``TimeoutError``."""
        ...

    def read(self) -> StoredSession | None:
        """Return the tokens as they are now; None if there are none, or they cannot be read."""
        ...

    def write(self, session: StoredSession, replaced: StoredSession | None) -> None:
        """Keep new tokens in place of the replaced ones, unless another program has changed those meanwhile."""
        ...


@dataclass(frozen=True)
class Credentials:
    """How and where to sign in; the fields that are set select the grant."""

    base_url: str
    source: str
    token: Secret | None = None
    api_key: Secret | None = None
    username: str | None = None
    password: Secret | None = None
    refresh_token: Secret | None = None
    expires_at: float | None = None
    project: str | None = None
    store: TokenStore | None = None
    is_default_url: bool = False


def check_base_url(url: object, *, argument: str = "base_url") -> str:
    """Return the base URL in its canonical spelling, or refuse it if it is unsafe.

    The journal identifies a service by this URL: with two spellings, the same cart could be bought twice. Errors never show the
    URL, since it may contain a password.

    Raises
    ------
    ConfigurationError
        If it is not an http(s) URL, contains a password, or is plain http to another computer.
    """
    if not isinstance(url, str):
        raise ConfigurationError(
            f"must be a str, got {type(url).__name__}.", code="base_url_not_a_string", argument=argument, hint=BASE_URL_HINT
        )
    if not url.strip().isprintable() or " " in url.strip():
        # some URL parsers ignore these, so two parsers may see two hosts
        raise ConfigurationError(
            "must not contain a space or a control character.", code="base_url_malformed", argument=argument, hint=BASE_URL_HINT
        )
    try:
        parts = urlsplit(url.strip())
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ConfigurationError("must be a valid URL.", code="base_url_malformed", argument=argument, hint=BASE_URL_HINT) from None
    if parts.username is not None or parts.password is not None:
        raise ConfigurationError(
            "must not contain a user name or password.",
            code="base_url_has_password",
            argument=argument,
            hint="Pass username= and password= instead.",
        )
    if parts.scheme not in {"http", "https"} or not host:
        raise ConfigurationError("must be an http or https URL.", code="base_url_not_http", argument=argument, hint=BASE_URL_HINT)
    if "?" in url or "#" in url:
        raise ConfigurationError("must not contain '?' or '#'.", code="base_url_has_query", argument=argument, hint=BASE_URL_HINT)
    if parts.scheme == "http" and not is_loopback(host):
        raise ConfigurationError(
            "must use https: plain http would send the token unencrypted.",
            code="base_url_not_https",
            argument=argument,
            hint=BASE_URL_HINT,
        )
    name = f"[{host}]" if ":" in host else host
    netloc = name if port in {None, _PORTS[parts.scheme]} else f"{name}:{port}"
    return f"{parts.scheme}://{netloc}{parts.path.rstrip('/')}"


def is_loopback(host: str) -> bool:
    """Return whether a host name is this computer; a name that only starts like one is not."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
