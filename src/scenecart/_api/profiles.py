"""Saved profiles, which all programs of a user share, the official command line included."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import stat
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scenecart._api import keyring
from scenecart._api.credentials import (
    API_KEY_PREFIX,
    DEFAULT_BASE_URL,
    Credentials,
    Secret,
    StoredSession,
    check_base_url,
)
from scenecart._util.folders import home_unknown
from scenecart._util.locks import process_lock
from scenecart._util.tracebacks import hide_frames
from scenecart.exceptions import ConfigurationError, message_about, reword, warn

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_LONGEST_LIST = 300
# renewing a session takes seconds at most, unless the service is down
_LOCK_SECONDS = 30.0


def credentials_path(given: str | os.PathLike[str] | None = None) -> Path:
    """Return the path of the saved profiles: the given one, or that of the official command line.

    Raises
    ------
    ConfigurationError
        If the home directory is needed and unknown.
    """
    try:
        return Path(given or "~/.config/geopera/credentials.json").expanduser()
    except RuntimeError:
        raise home_unknown("SCENECART_API_KEY, or HOME") from None


def shown_name(profile: str | None) -> str:
    """Return a profile name for messages; an API key in its place is not shown."""
    return "'gpra_…'" if profile is not None and API_KEY_PREFIX in profile else repr(profile)


class ProfileStore:
    """One profile in ``credentials.json`` of the official command line: ``{profile: {api_url, auth: {type, …}}}``.

    With ``"keyring": true`` in place of ``auth``, its tokens are in the system keyring.
    """

    # a refresh token is renewed by the client that it was issued to
    client_id = "geopera-cli"
    # the official command line takes no lock, and saves its tokens a moment after the service has answered
    pauses = (0.0, 0.3, 1.0)

    def __init__(self, path: Path, profile: str) -> None:
        self.path = path
        self.profile = profile
        self._base_url: str | None = None

    def __repr__(self) -> str:
        return f"ProfileStore(profile={shown_name(self.profile)})"

    @hide_frames
    def load(self, *, required: bool = False) -> Credentials | None:
        """Return the sign-in of the profile; reading never changes the file.

        Raises
        ------
        ConfigurationError
            If the file cannot be read, or a required profile is missing.
        """
        try:
            profiles = self._read()
        except FileNotFoundError:
            profiles = {}
        entry = profiles.get(self.profile)
        if entry is None:
            if API_KEY_PREFIX in self.profile:
                raise ConfigurationError(
                    "must be the name of a saved profile, got an API key.",
                    code="profile_is_api_key",
                    argument="profile",
                    hint="Set SCENECART_API_KEY to the key.",
                )
            if required:
                known = ", ".join(name for name in sorted(profiles) if API_KEY_PREFIX not in name)[:_LONGEST_LIST] or "none"
                raise ConfigurationError(
                    f"Profile {self.profile!r} was not found (saved profiles: {known}).",
                    code="profile_not_found",
                    hint='Sign in with `scenecart login` in a terminal, or try connect("sandbox").',
                )
            return None
        auth = self._auth_of(self._entry(profiles))
        if auth is None:
            raise ConfigurationError(
                f"Profile {shown_name(self.profile)} is not signed in.",
                code="profile_not_signed_in",
                hint="Run `scenecart login` in a terminal.",
            )
        self._warn_if_readable_by_others()
        source = f"profile {shown_name(self.profile)}"
        base_url = _base_url_of(entry, source)
        if auth.get("type") == "api_key":
            return Credentials(base_url, source, api_key=Secret(auth.get("api_key"), "API key"))
        if auth.get("type") == "oauth":
            session = _session_of(auth)
            self._base_url = base_url
            return Credentials(
                base_url,
                source,
                token=session.access,
                refresh_token=session.refresh,
                expires_at=session.expires_at,
                store=self,
            )
        raise ConfigurationError(
            f"Profile {shown_name(self.profile)} uses an unsupported sign-in type.",
            code="profile_type_unsupported",
            hint="Update scenecart, or run `scenecart login` in a terminal.",
        )

    @property
    def service(self) -> str | None:
        """The URL of the service that the profile is for, unchecked; None if there is none.

        Raises
        ------
        ConfigurationError
            If the file cannot be read.
        """
        with contextlib.suppress(FileNotFoundError):
            url = self._entry(self._read()).get("api_url")
            return url if isinstance(url, str) else None
        return None

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Keep other programs of scenecart out; raises ``TimeoutError`` if one needs longer than half a minute."""
        with process_lock(self._target().with_name(f"{self.path.name}.lock"), _LOCK_SECONDS):
            yield

    @hide_frames
    def read(self) -> StoredSession | None:
        """Return the tokens as they are now; None if there are none, or they cannot be read."""
        try:
            entry = self._entry(self._read())
            auth = self._auth_of(entry)
            if auth is None:
                return None
            session = _session_of(auth) if auth.get("type") == "oauth" else None
            is_here = self._base_url is None or _base_url_of(entry, "profile") == self._base_url
        except (FileNotFoundError, ConfigurationError):
            return None
        if session is None:
            # a sign-in of another kind never takes the place of a session
            return StoredSession(Secret("-"), is_foreign=True)
        return session if is_here else StoredSession(session.access, is_foreign=True)

    @hide_frames
    def write(self, session: StoredSession, replaced: StoredSession | None) -> None:
        """Keep renewed tokens, for the official command line too, unless the sign-in was changed or removed meanwhile.

        Raises
        ------
        ConfigurationError
            If they cannot be written.
        """
        try:
            profiles = self._read()
        except FileNotFoundError:
            return
        entry = self._entry(profiles)
        auth = self._auth_of(entry)
        if auth is None or replaced is None or self.read() != replaced:
            return
        auth.update(_tokens_of(session))
        if entry.get("auth"):
            self._save(profiles)
        else:
            keyring.write(self._keyring_name(entry), auth)

    @hide_frames
    def sign_in(self, base_url: str, session: StoredSession, scope: str, *, use_keyring: bool = False) -> None:
        """Save a new sign-in in place of any other one of the profile.

        Raises
        ------
        ConfigurationError
            If it cannot be saved.
        """
        auth = {"type": "oauth", "refresh_token": None, **_tokens_of(session), "scope": scope, "issuer": base_url}
        try:
            profiles = self._read()
        except FileNotFoundError:
            profiles = {}
        if use_keyring:
            profiles[self.profile] = {"api_url": base_url, "keyring": True}
            keyring.write(self._keyring_name(profiles[self.profile]), auth)
        else:
            profiles[self.profile] = {"api_url": base_url, "auth": auth}
        self._save(profiles)
        self._base_url = base_url

    @hide_frames
    def sign_out(self) -> tuple[StoredSession | None, bool]:
        """Remove the sign-in of the profile; return its tokens, if there are any to revoke, and whether there was a sign-in.

        Raises
        ------
        ConfigurationError
            If the profile cannot be read or written.
        """
        try:
            profiles = self._read()
        except FileNotFoundError:
            return None, False
        session = self.read()
        entry = self._entry(profiles)
        if not {"auth", "keyring"} & entry.keys():
            return None, False
        if entry.pop("keyring", False):
            keyring.delete(self._keyring_name(entry))
        entry.pop("auth", None)
        self._save(profiles)
        return session, True

    def _entry(self, profiles: Mapping[str, Any]) -> dict[str, Any]:
        entry = profiles.get(self.profile)
        return entry if isinstance(entry, dict) else {}

    def _auth_of(self, entry: dict[str, Any]) -> dict[str, Any] | None:
        """Return the ``auth`` of an entry, from the file or from the keyring."""
        auth = entry.get("auth")
        if not auth and entry.get("keyring") is True:
            auth = keyring.read(self._keyring_name(entry))
        return auth if isinstance(auth, dict) else None

    def _keyring_name(self, entry: Mapping[str, Any]) -> str:
        return f"{self.profile} at {entry.get('api_url')}"

    def _save(self, profiles: Mapping[str, Any]) -> None:
        """Write the file atomically, readable by its owner only."""
        target = self._target()
        try:
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=".credentials-")
            try:
                with os.fdopen(handle, "w", encoding="utf-8") as file:
                    json.dump(profiles, file, indent=2, sort_keys=True)
                    file.write("\n")
                    file.flush()
                    os.fsync(file.fileno())
                Path(temporary).replace(target)
            except BaseException:
                with contextlib.suppress(OSError):
                    Path(temporary).unlink()
                raise
        except OSError as error:
            raise ConfigurationError(
                f"The credentials file {self.path} cannot be written: {error.strerror or type(error).__name__}.",
                code="credentials_file_not_writable",
                hint="Fix the permissions of the file and its folder, or free disk space.",
            ) from None

    def _target(self) -> Path:
        # the file may be a symbolic link
        return Path(os.path.realpath(self.path))

    def _read(self) -> dict[str, Any]:
        try:
            profiles = json.loads(self.path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise
        except (OSError, ValueError, RecursionError) as error:
            raise ConfigurationError(
                f"The credentials file {self.path} cannot be read: {type(error).__name__}.",
                code="credentials_file_unreadable",
                hint="Move it away and run `scenecart login` in a terminal, or set SCENECART_API_KEY.",
            ) from None
        if not isinstance(profiles, dict):
            raise ConfigurationError(
                f"The credentials file {self.path} contains no profiles.",
                code="credentials_file_without_profiles",
                hint="Move it away and run `scenecart login` in a terminal, or set SCENECART_API_KEY.",
            )
        return profiles

    def _warn_if_readable_by_others(self) -> None:
        if os.name == "posix" and self.path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            warn(
                f"Other users of this computer can read your credentials file {self.path}.",
                code="credentials_file_not_private",
                hint=f"Run `chmod 600 {shlex.quote(str(self.path))}`.",
            )


def _session_of(auth: Mapping[str, Any]) -> StoredSession:
    refresh = auth.get("refresh_token")
    return StoredSession(
        Secret(auth.get("access_token")),
        Secret(refresh, "refresh token") if refresh else None,
        _timestamp(auth.get("expires_at")),
    )


def _tokens_of(session: StoredSession) -> dict[str, Any]:
    tokens: dict[str, Any] = {"access_token": session.access.reveal(), "expires_at": session.expires_at}
    if session.refresh is not None:
        tokens["refresh_token"] = session.refresh.reveal()
    return tokens


def _base_url_of(entry: dict[str, Any], source: str) -> str:
    try:
        return check_base_url(entry.get("api_url") or DEFAULT_BASE_URL)
    except ConfigurationError as error:
        reword(error, message_about(error, f"api_url of {source}"))
        raise


def _timestamp(value: object) -> float | None:
    """Return Unix time in seconds, or None if malformed: then the token is used until the service refuses it."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e12:  # noqa: PLR2004  # thirty millennia
        return None
    return float(value)
