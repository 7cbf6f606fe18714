"""Commands that sign in and out: login and logout."""

from __future__ import annotations

import os
import sys
import time
import webbrowser
from typing import TYPE_CHECKING

from scenecart._api import device_flow, keyring, session_cache
from scenecart._api.credentials import API_KEY_PREFIX, Credentials, StoredSession, check_base_url
from scenecart._api.http import Session
from scenecart._api.profiles import ProfileStore, credentials_path
from scenecart._api.sign_in import login_service, profile_name, variable_in_use
from scenecart._util.folders import state_folder
from scenecart._util.text import clean_text
from scenecart.cli import _documents, _output
from scenecart.exceptions import ConfigurationError, InvalidRequest, ScenecartError, warn

if TYPE_CHECKING:
    import argparse

_SESSION_CLIENT = "geopera"


def login(arguments: argparse.Namespace) -> int:
    """Sign in in a browser, and save the sign-in as a profile."""
    store = _store(arguments)
    service = login_service(store, arguments.base_url, os.environ)
    if arguments.keyring:
        keyring.require()
    session = Session(Credentials(service, "login"))
    with _output.only_json(arguments):
        tokens, scope = _confirmed(session, store, arguments)
        try:
            with store.lock():
                store.sign_in(service, tokens, scope, use_keyring=arguments.keyring)
        except TimeoutError:
            device_flow.end_session(session, store.client_id, tokens)
            raise ConfigurationError(
                f"Another program is using profile {store.profile!r}.", code="profile_busy", hint="Try again in a moment."
            ) from None
        except ConfigurationError:
            # a sign-in that cannot be saved is not left open
            device_flow.end_session(session, store.client_id, tokens)
            raise
        account = _account(service, tokens)
        print(f"Signed in as {account} at {service} (profile {store.profile!r}).")
        variable = variable_in_use(os.environ)
        if variable is not None:
            warn(
                f"{variable} is set, and is used in place of this profile.",
                code="variable_hides_profile",
                hint=f"Unset it, or pass --profile {store.profile}.",
            )
    if arguments.json:
        _documents.document(
            "login/1", {"profile": store.profile, "service": service, "account": account, "keyring": arguments.keyring}
        )
    return 0


def logout(arguments: argparse.Namespace) -> int:
    """Remove the sign-in of a profile, and revoke it at the service."""
    store = _store(arguments)
    # tokens go to the service that they are from
    service = check_base_url(store.service or login_service(store, arguments.base_url, os.environ))
    try:
        with store.lock():
            tokens, is_signed_out = store.sign_out()
    except TimeoutError:
        raise ConfigurationError(
            f"Another program is using profile {store.profile!r}.", code="profile_busy", hint="Try again in a moment."
        ) from None
    session = Session(Credentials(service, "logout"))
    revoked = tokens is None or device_flow.end_session(session, store.client_id, tokens)
    # what commands keep without a sign-in, such as by a password in the environment, ends too
    kept_tokens = _kept_tokens(service)
    for kept in kept_tokens:
        revoked = device_flow.end_session(session, _SESSION_CLIENT, kept) and revoked
    session.close()
    if not revoked:
        warn(
            "The service did not confirm the end of the session.",
            code="session_not_revoked",
            hint="Its tokens are deleted here, and expire by themselves.",
        )
    if arguments.json:
        _documents.document("logout/1", {"profile": store.profile, "signed_out": is_signed_out, "revoked": revoked})
    elif is_signed_out:
        print(f"Signed out (profile {store.profile!r}).")
    else:
        kept_before = " The session that earlier commands kept is ended." if kept_tokens else ""
        print(f"Profile {store.profile!r} was not signed in.{kept_before}")
    return 0


def _store(arguments: argparse.Namespace) -> ProfileStore:
    name = profile_name(arguments.profile, os.environ)
    if name == "sandbox":
        raise InvalidRequest(
            "The embedded sandbox needs no sign-in.",
            code="sandbox_without_sign_in",
            hint="Leave out --profile, or pass the name of your own profile.",
        )
    if API_KEY_PREFIX in name:
        raise InvalidRequest(
            "must be a name for the profile, got an API key.",
            code="profile_name_is_api_key",
            argument="profile",
            hint="Set SCENECART_API_KEY to the key: then no profile is needed.",
        )
    return ProfileStore(credentials_path(), name)


def _confirmed(session: Session, store: ProfileStore, arguments: argparse.Namespace) -> tuple[StoredSession, str]:
    """Show the page and the code, and wait until the user has confirmed it."""
    pending = device_flow.begin_sign_in(session, store.client_id)
    print(f"Open this page in a browser, and confirm the code {pending.user_code}:")
    print(f"  {pending.url}")
    if not arguments.no_browser and _has_browser():
        webbrowser.open(pending.url)
    print("Waiting for the confirmation. Ctrl+C cancels.", flush=True)
    return device_flow.wait_for_sign_in(session, pending, store.client_id, time.monotonic, time.time)


def _has_browser() -> bool:
    """Return whether a browser with windows may open: a text browser would take the terminal."""
    is_desktop = sys.platform in {"win32", "darwin"} or any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))
    return sys.stdout.isatty() and is_desktop


def _account(service: str, tokens: StoredSession) -> str:
    """Return the name of the account that was signed in."""
    session = Session(Credentials(service, "login", token=tokens.access))
    try:
        answer = session.userinfo()
    except ScenecartError:
        answer = None
    finally:
        session.close()
    names = answer if isinstance(answer, dict) else {}
    return clean_text(names.get("preferred_username") or names.get("sub"), 100) or "an unnamed account"


def _kept_tokens(service: str) -> list[StoredSession]:
    """Delete what earlier commands have kept for this service, and return it."""
    try:
        return session_cache.forget(state_folder(), service)
    except ConfigurationError:
        return []
