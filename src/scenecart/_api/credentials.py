"""Credentials: secrets that never print, the base URL, and saved profiles."""

from __future__ import annotations

import contextlib
import ipaddress
import json
import os
import shlex
import stat
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, Self
from urllib.parse import urlsplit

from scenecart.exceptions import ConfigurationError, message_about, reword, warn

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_BASE_URL = "https://api.geopera.com"
BASE_URL_HINT = f"Use a URL such as {DEFAULT_BASE_URL}."
API_KEY_PREFIX = "gpra_"
_BASE_URL_VARIABLES = ("SCENECART_BASE_URL", "GEOPERA_API_URL", "GEOPERA_BASE_URL")
_PORTS = {"http": 80, "https": 443}
_MAX_SECRET = 16_384
_LONGEST_LIST = 300


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
    store: ProfileStore | None = None
    is_default_url: bool = False


def resolve(  # one keyword for each setting
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
    """Find credentials in the arguments, then in the environment, then in a saved profile.

    Raises
    ------
    ConfigurationError
        If there are no credentials, or they are contradictory or unsafe.
    """
    env = os.environ if environ is None else environ
    project = project or _first(env, "SCENECART_PROJECT", "GEOPERA_PROJECT")
    variable = next((name for name in _BASE_URL_VARIABLES if env.get(name)), None)
    stated_url = base_url or (env[variable] if variable is not None else None)
    # an error names where the URL comes from
    origin = "base_url" if base_url or variable is None else variable
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
        where = check_base_url(stated_url or DEFAULT_BASE_URL, argument=origin)
        return replace(given, base_url=where, project=project, is_default_url=stated_url is None)
    name = profile or _first(env, "SCENECART_PROFILE", "GEOPERA_PROFILE") or "default"
    store = ProfileStore(Path(credentials_file) if credentials_file else _default_credentials_file())
    found = store.load(name, required=profile is not None)
    if found is None:
        raise ConfigurationError(
            "No credentials were found: no argument, no SCENECART_* or GEOPERA_* variable, no saved profile.",
            code="credentials_missing",
            hint='Try connect("sandbox") without an account, set SCENECART_API_KEY, or sign in with `geopera login`.',
        )
    if stated_url is not None and _origin(check_base_url(stated_url, argument=origin)) != _origin(found.base_url):
        raise ConfigurationError(
            f"Profile {_shown_name(name)} is for {_origin(found.base_url)}. Its credentials are not sent to {_origin(stated_url)}.",
            code="profile_of_another_service",
            hint="Remove the base URL, or use credentials of that service.",
        )
    return replace(found, project=project or found.project)


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


def _shown_name(profile: str | None) -> str:
    """Return a profile name for messages; an API key in its place is not shown."""
    return "'gpra_…'" if profile is not None and API_KEY_PREFIX in profile else repr(profile)


class ProfileStore:
    """A profile in ``credentials.json`` of the official command line: ``{profile: {api_url, auth: {type, …}}}``."""

    def __init__(self, path: Path, profile: str | None = None) -> None:
        self.path = path
        self.profile = profile

    def __repr__(self) -> str:
        return f"ProfileStore(profile={_shown_name(self.profile)})"

    def load(self, profile: str, *, required: bool = False) -> Credentials | None:
        """Read one profile; reading never changes the file.

        Raises
        ------
        ConfigurationError
            If the file cannot be read, or a required profile is missing.
        """
        try:
            profiles = self._read()
        except FileNotFoundError:
            profiles = {}
        entry = profiles.get(profile)
        if entry is None:
            if API_KEY_PREFIX in profile:
                raise ConfigurationError(
                    "must be the name of a saved profile, got an API key.",
                    code="profile_is_api_key",
                    argument="profile",
                    hint="Set SCENECART_API_KEY to the key.",
                )
            if required:
                known = ", ".join(name for name in sorted(profiles) if API_KEY_PREFIX not in name)[:_LONGEST_LIST] or "none"
                raise ConfigurationError(
                    f"Profile {profile!r} was not found (saved profiles: {known}).",
                    code="profile_not_found",
                    hint='Sign in with `geopera login`, or try connect("sandbox").',
                )
            return None
        auth = entry.get("auth") if isinstance(entry, dict) else None
        if not isinstance(auth, dict):
            raise ConfigurationError(
                f"Profile {_shown_name(profile)} is not signed in.", code="profile_not_signed_in", hint="Run `geopera login`."
            )
        self._warn_if_readable_by_others()
        source = f"profile {_shown_name(profile)}"
        base_url = _base_url_of(entry, source)
        if auth.get("type") == "api_key":
            return Credentials(base_url, source, api_key=Secret(auth.get("api_key"), "API key"))
        if auth.get("type") == "oauth":
            refresh = auth.get("refresh_token")
            return Credentials(
                base_url,
                source,
                token=Secret(auth.get("access_token")),
                refresh_token=Secret(refresh, "refresh token") if refresh else None,
                expires_at=_timestamp(auth.get("expires_at")),
                store=ProfileStore(self.path, profile),
            )
        raise ConfigurationError(
            f"Profile {_shown_name(profile)} uses an unsupported sign-in type.",
            code="profile_type_unsupported",
            hint="Update scenecart, or run `geopera login`.",
        )

    def save(self, access: Secret, refresh: Secret | None, expires_at: float | None) -> None:
        """Save a new token pair atomically: the official command line stays signed in too."""
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
                code="credentials_file_unreadable",
                hint="Run `geopera login`, or set SCENECART_API_KEY.",
            ) from None
        if not isinstance(profiles, dict):
            raise ConfigurationError(
                f"The credentials file {self.path} contains no profiles.",
                code="credentials_file_without_profiles",
                hint="Run `geopera login`, or set SCENECART_API_KEY.",
            )
        return profiles

    def _warn_if_readable_by_others(self) -> None:
        if os.name == "posix" and self.path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            warn(
                f"Other users of this computer can read your credentials file {self.path}.",
                code="credentials_file_not_private",
                hint=f"Run `chmod 600 {shlex.quote(str(self.path))}`.",
            )


def _base_url_of(entry: dict[str, Any], source: str) -> str:
    try:
        return check_base_url(entry.get("api_url") or DEFAULT_BASE_URL)
    except ConfigurationError as error:
        reword(error, message_about(error, f"api_url of {source}"))
        raise


def _from_values(
    source: str, token: str | None, api_key: str | None, username: str | None, password: str | None
) -> Credentials | None:
    given = [value is not None for value in (token, api_key, username if username is not None else password)]
    if sum(given) > 1 and source == "arguments":
        raise ConfigurationError(
            "token, api_key, and username with password exclude each other.", code="credentials_ambiguous", hint="Pass only one."
        )
    if token is not None:
        secret = Secret(token)
        if secret.reveal().startswith(API_KEY_PREFIX):
            return Credentials("", source, api_key=secret)
        return Credentials("", source, token=secret)
    if api_key is not None:
        return Credentials("", source, api_key=Secret(api_key, "API key"))
    if username is not None or password is not None:
        if not username or password is None:
            raise ConfigurationError(
                f"A user name and a password are needed together, but the {source} have only one of them.",
                code="credentials_incomplete",
                hint="Pass both username and password.",
            )
        return Credentials("", source, username=username, password=Secret(password, "password"))
    return None


def _timestamp(value: object) -> float | None:
    """Return Unix time in seconds, or None if malformed: then the token is used until the service refuses it."""
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
