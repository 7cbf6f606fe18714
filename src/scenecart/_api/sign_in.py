"""Which sign-in is used: that of the arguments, of the environment, or of a saved profile."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from scenecart._api.credentials import API_KEY_PREFIX, DEFAULT_BASE_URL, Credentials, Secret, check_base_url
from scenecart._api.profiles import ProfileStore, credentials_path, shown_name
from scenecart._util.tracebacks import hide_frames
from scenecart.exceptions import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

_BASE_URL_VARIABLES = ("SCENECART_BASE_URL", "GEOPERA_API_URL", "GEOPERA_BASE_URL")
_PROFILE_VARIABLES = ("SCENECART_PROFILE", "GEOPERA_PROFILE")
_TOKENS = ("SCENECART_TOKEN", "GEOPERA_API_TOKEN", "GEOPERA_TOKEN")
_API_KEYS = ("SCENECART_API_KEY", "GEOPERA_API_KEY")
_USERNAMES = ("SCENECART_USERNAME", "GEOPERA_USERNAME")
_DEFAULT_PROFILE = "default"


@hide_frames
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
    stated_url, origin = _stated_url(base_url, env)
    given = _from_values("arguments", token, api_key, username, password)
    if given is None and profile is None:
        given = _from_values(
            "environment variables",
            _first(env, *_TOKENS),
            _first(env, *_API_KEYS),
            _first(env, *_USERNAMES),
            _first(env, "SCENECART_PASSWORD", "GEOPERA_PASSWORD"),
        )
    if given is not None:
        where = check_base_url(stated_url or DEFAULT_BASE_URL, argument=origin)
        return replace(given, base_url=where, project=project, is_default_url=stated_url is None)
    name = profile_name(profile, env)
    found = ProfileStore(credentials_path(credentials_file), name).load(required=profile is not None)
    if found is None:
        raise ConfigurationError(
            "No credentials were found: no argument, no SCENECART_* or GEOPERA_* variable, no saved profile.",
            code="credentials_missing",
            hint='Try connect("sandbox") without an account, run `scenecart login` in a terminal, or set SCENECART_API_KEY.',
        )
    if stated_url is not None and _origin(check_base_url(stated_url, argument=origin)) != _origin(found.base_url):
        raise ConfigurationError(
            f"Profile {shown_name(name)} is for {_origin(found.base_url)}. Its credentials are not sent to {_origin(stated_url)}.",
            code="profile_of_another_service",
            hint="Remove the base URL, or use credentials of that service.",
        )
    return replace(found, project=project or found.project)


def login_service(store: ProfileStore, base_url: str | None, environ: Mapping[str, str]) -> str:
    """Return the service that a login is for: a stated one, else that of the saved profile, else the public one.

    Raises
    ------
    ConfigurationError
        If the URL is invalid, or the credentials file cannot be read.
    """
    stated, origin = _stated_url(base_url, environ)
    saved = store.service
    return check_base_url(stated or saved or DEFAULT_BASE_URL, argument=origin)


def variable_in_use(environ: Mapping[str, str]) -> str | None:
    """Return the variable of the environment that holds a sign-in, which goes before profiles; None if there is none."""
    return next((name for name in (*_TOKENS, *_API_KEYS, *_USERNAMES) if environ.get(name)), None)


def profile_name(profile: str | None, environ: Mapping[str, str]) -> str:
    """Return the name of the profile in use: a stated one, that of the environment, or ``"default"``."""
    return profile or _first(environ, *_PROFILE_VARIABLES) or _DEFAULT_PROFILE


def _stated_url(base_url: str | None, env: Mapping[str, str]) -> tuple[str | None, str]:
    """Return the URL of the arguments or of the environment, and where it comes from."""
    variable = next((name for name in _BASE_URL_VARIABLES if env.get(name)), None)
    if base_url or variable is None:
        return base_url or None, "base_url"
    return env[variable], variable


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


def _first(env: Mapping[str, str], *names: str) -> str | None:
    return next((env[name] for name in names if env.get(name)), None)


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower()
