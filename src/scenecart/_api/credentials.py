"""What must never be printed, and where it comes from: arguments, environment, the official credentials file."""

from __future__ import annotations

import contextlib
import ipaddress
import json
import os
import stat
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, Self
from urllib.parse import urlsplit

from scenecart.exceptions import ConfigurationError, warn

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_BASE_URL = "https://api.geopera.com"
API_KEY_PREFIX = "gpra_"
_PORTS = {"http": 80, "https": 443}
_MAX_SECRET = 16_384
_LONGEST_LIST = 300


class Secret:
    """A text that never prints: not in a repr, a string, a copy, a pickle or a traceback.

    Examples
    --------
    >>> from scenecart._api.credentials import Secret
    >>> Secret("gpra_very-private", "API key")
    Secret('[secure]')
    """

    __slots__ = ("__value",)

    def __init__(self, value: object, what: str = "token") -> None:
        if not isinstance(value, str):
            raise ConfigurationError(f"The {what} must be text, not {type(value).__name__}.")
        text = value.strip("\r\n\t ")
        if not text:
            raise ConfigurationError(f"The {what} is empty.")
        if len(text) > _MAX_SECRET:
            raise ConfigurationError(f"The {what} is longer than any real one; was a whole file passed?")
        if what != "password" and any(not "!" <= letter <= "~" for letter in text):
            raise ConfigurationError(
                f"The {what} holds a space, a line break or a letter beyond ASCII.",
                hint="Copy it again; it is shown here on purpose neither whole nor in part.",
            )
        self.__value = text

    def reveal(self) -> str:
        """Return the text itself, for the one place that sends it."""
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
        raise TypeError("A secret is not pickled; connect again in the other process.")


@dataclass(frozen=True)
class Credentials:
    """How to sign in, and where. Which fields are set says which grant is used."""

    base_url: str
    source: str
    token: Secret | None = None
    api_key: Secret | None = None
    username: str | None = None
    password: Secret | None = None
    refresh_token: Secret | None = None
    expires_at: float | None = None
    project: str | None = None
    store: ProfileStore | None = None
    is_default_url: bool = False


def resolve(  # one keyword for each thing that can be configured
    profile: str | None = None,
    *,
    base_url: str | None = None,
    token: str | None = None,
    api_key: str | None = None,
    username: str | None = None,
    password: str | None = None,
    project: str | None = None,
    environ: Mapping[str, str] | None = None,
    credentials_file: str | os.PathLike[str] | None = None,
) -> Credentials:
    """Find out how to connect: arguments, then environment, then a profile of the official command line.

    Raises
    ------
    ConfigurationError
        If nothing says how, or what says it contradicts itself or is unsafe.
    """
    env = os.environ if environ is None else environ
    project = project or _first(env, "SCENECART_PROJECT", "GEOPERA_PROJECT")
    stated_url = base_url or _first(env, "SCENECART_BASE_URL", "GEOPERA_API_URL", "GEOPERA_BASE_URL")
    given = _from_values("arguments", token, api_key, username, password)
    if given is None and profile is None:
        given = _from_values(
            "environment variables",
            _first(env, "SCENECART_TOKEN", "GEOPERA_API_TOKEN", "GEOPERA_TOKEN"),
            _first(env, "SCENECART_API_KEY", "GEOPERA_API_KEY"),
            _first(env, "SCENECART_USERNAME", "GEOPERA_USERNAME"),
            _first(env, "SCENECART_PASSWORD", "GEOPERA_PASSWORD"),
        )
    if given is not None:
        where = check_base_url(stated_url or DEFAULT_BASE_URL)
        return replace(given, base_url=where, project=project, is_default_url=stated_url is None)
    name = profile or _first(env, "SCENECART_PROFILE", "GEOPERA_PROFILE") or "default"
    store = ProfileStore(Path(credentials_file) if credentials_file else _default_credentials_file())
    found = store.load(name, required=profile is not None)
    if found is None:
        raise ConfigurationError(
            "Nothing says how to connect: no argument, no SCENECART_* or GEOPERA_* variable, no saved profile.",
            hint='Try scenecart.connect("sandbox") without an account, or set SCENECART_API_KEY, or sign in with `geopera login`.',
        )
    if stated_url is not None and _origin(check_base_url(stated_url)) != _origin(found.base_url):
        raise ConfigurationError(
            f"Profile {name!r} belongs to {_origin(found.base_url)}; its key is not sent to {_origin(stated_url)}.",
            hint="Leave base_url out, or pass the credentials of that service as well.",
        )
    return replace(found, project=project or found.project)


def check_base_url(url: object) -> str:
    """Return the URL in its one spelling, without trailing slash, or say why it is not safe to use.

    The journal knows a service by it: one that is spelled in two ways must not be bought from twice.

    Raises
    ------
    ConfigurationError
        If it is no http(s) URL, carries a password, or is plain http beyond this machine.
    """
    if not isinstance(url, str):
        raise ConfigurationError(f"base_url must be text such as 'https://api.geopera.com', not {type(url).__name__}.")
    if not url.strip().isprintable() or " " in url.strip():
        # some readers of addresses pass over these, so that two of them can see two hosts
        raise ConfigurationError("base_url holds a space or a control character.", hint="It looks like https://api.geopera.com.")
    try:
        parts = urlsplit(url.strip())
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ConfigurationError("base_url is no URL.", hint="It looks like https://api.geopera.com.") from None
    if parts.username is not None or parts.password is not None:
        raise ConfigurationError("base_url must not carry a user name or password.", hint="Pass username= and password= instead.")
    if parts.scheme not in {"http", "https"} or not host:
        raise ConfigurationError("base_url is no http(s) URL.", hint="It looks like https://api.geopera.com.")
    if "?" in url or "#" in url:
        raise ConfigurationError("base_url must not carry a query or fragment.")
    if parts.scheme == "http" and not is_loopback(host):
        raise ConfigurationError(
            "Plain http is accepted for this machine only, since it would send the token in the clear.",
            hint="Use https.",
        )
    name = f"[{host}]" if ":" in host else host
    netloc = name if port in {None, _PORTS[parts.scheme]} else f"{name}:{port}"
    return f"{parts.scheme}://{netloc}{parts.path.rstrip('/')}"


def is_loopback(host: str) -> bool:
    """Tell whether a host name is this machine; a name that merely starts like one is not."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _named(profile: str | None) -> str:
    """Return a profile's name as it may be shown: a key that stands in its place may not."""
    return "'gpra_…'" if profile is not None and API_KEY_PREFIX in profile else repr(profile)


class ProfileStore:
    """The official command line's ``credentials.json``: ``{profile: {api_url, auth: {type, …}}}``."""

    def __init__(self, path: Path, profile: str | None = None) -> None:
        self.path = path
        self.profile = profile

    def __repr__(self) -> str:
        return f"ProfileStore(profile={_named(self.profile)})"

    def load(self, profile: str, *, required: bool = False) -> Credentials | None:
        """Read one profile; the file is never changed by reading.

        Raises
        ------
        ConfigurationError
            If the file cannot be read, or the profile is required and not in it.
        """
        try:
            profiles = self._read()
        except FileNotFoundError:
            profiles = {}
        entry = profiles.get(profile)
        if entry is None:
            if API_KEY_PREFIX in profile:
                raise ConfigurationError(
                    "An API key was given in place of a profile's name.",
                    hint="Put the key into the variable SCENECART_API_KEY.",
                )
            if required:
                known = ", ".join(name for name in sorted(profiles) if API_KEY_PREFIX not in name)[:_LONGEST_LIST] or "none"
                raise ConfigurationError(
                    f"There is no profile {profile!r} (saved profiles: {known}).",
                    hint='Sign in with `geopera login`, or try scenecart.connect("sandbox").',
                )
            return None
        auth = entry.get("auth") if isinstance(entry, dict) else None
        if not isinstance(auth, dict):
            raise ConfigurationError(f"Profile {_named(profile)} is not signed in.", hint="Run `geopera login`.")
        self._warn_if_readable_by_others()
        base_url = check_base_url(entry.get("api_url") or DEFAULT_BASE_URL)
        source = f"profile {_named(profile)}"
        if auth.get("type") == "api_key":
            return Credentials(base_url, source, api_key=Secret(auth.get("api_key"), "API key"))
        if auth.get("type") == "oauth":
            refresh = auth.get("refresh_token")
            return Credentials(
                base_url,
                source,
                token=Secret(auth.get("access_token")),
                refresh_token=Secret(refresh, "refresh token") if refresh else None,
                expires_at=_moment(auth.get("expires_at")),
                store=ProfileStore(self.path, profile),
            )
        raise ConfigurationError(f"Profile {_named(profile)} is signed in in a way this version does not know.")

    def save(self, access: Secret, refresh: Secret | None, expires_at: float | None) -> None:
        """Store a rotated token pair in one step, so that the official command line stays signed in too."""
        target = Path(os.path.realpath(self.path))
        profiles = self._read()
        entry = profiles.get(self.profile or "")
        if not isinstance(entry, dict) or not isinstance(entry.get("auth"), dict):
            return
        entry["auth"].update(access_token=access.reveal(), expires_at=expires_at)
        if refresh is not None:
            entry["auth"]["refresh_token"] = refresh.reveal()
        handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=".credentials-")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(profiles, file, indent=2, sort_keys=True)
                file.write("\n")
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).replace(target)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                Path(temporary).unlink()
            raise

    def _read(self) -> dict[str, Any]:
        try:
            profiles = json.loads(self.path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise
        except (OSError, ValueError, RecursionError) as error:
            raise ConfigurationError(
                f"The credentials file {self.path} cannot be read: {type(error).__name__}.",
                hint="Sign in again with `geopera login`, or pass credentials to scenecart.connect.",
            ) from None
        if not isinstance(profiles, dict):
            raise ConfigurationError(f"The credentials file {self.path} holds no profiles.")
        return profiles

    def _warn_if_readable_by_others(self) -> None:
        if os.name == "posix" and self.path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            warn(f"Others on this machine can read {self.path}; close it with `chmod 600`.")


def _from_values(
    source: str, token: str | None, api_key: str | None, username: str | None, password: str | None
) -> Credentials | None:
    ways = [value is not None for value in (token, api_key, username if username is not None else password)]
    if sum(ways) > 1 and source == "arguments":
        raise ConfigurationError("Pass one of token, api_key, or username with password; not several.")
    if token is not None:
        secret = Secret(token)
        if secret.reveal().startswith(API_KEY_PREFIX):
            return Credentials("", source, api_key=secret)
        return Credentials("", source, token=secret)
    if api_key is not None:
        return Credentials("", source, api_key=Secret(api_key, "API key"))
    if username is not None or password is not None:
        if not username or password is None:
            raise ConfigurationError(f"A user name and a password go together; the {source} give only one of them.")
        return Credentials("", source, username=username, password=Secret(password, "password"))
    return None


def _moment(value: object) -> float | None:
    """Read seconds since 1970; what is no time is not known, and the token is used until it is refused."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e12:  # noqa: PLR2004  # thirty millennia
        return None
    return float(value)


def _first(env: Mapping[str, str], *names: str) -> str | None:
    return next((env[name] for name in names if env.get(name)), None)


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower()


def _default_credentials_file() -> Path:
    return Path("~/.config/geopera/credentials.json").expanduser()
