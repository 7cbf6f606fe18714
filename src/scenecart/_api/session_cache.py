"""Short-lived tokens that the command line keeps between commands, so that not each of them signs in again."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
import stat
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scenecart._api.credentials import Credentials, Secret, StoredSession
from scenecart._util.locks import process_lock
from scenecart._util.tracebacks import hide_frames
from scenecart.exceptions import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# a command waits so long for another one that signs in; then it signs in by itself
_LOCK_SECONDS = 20.0
# longer than any session lives without a renewal
_KEPT_SECONDS = 24 * 3_600.0
_SALT_BYTES = 16
_LONGEST = 1_000_000


class SessionCache:
    """The tokens of one account, in a file that only this user can read.

    An entry is found only with the same service, account and password or key that it was made with: its name is a slow hash of
    them. A file that others could have read or written is not used.

    Parameters
    ----------
    folder
        The folder of the file.
    credentials
        The sign-in: a user name with its password, or an API key.
    now
        The Unix time, in seconds.
    """

    client_id = "geopera"
    # every program that uses the file takes its lock
    pauses: tuple[float, ...] = ()

    def __init__(self, folder: Path, credentials: Credentials, now: Callable[[], float] = time.time) -> None:
        self.path = folder / "sessions.json"
        self._credentials = credentials
        self._now = now
        self._names: dict[str, str] = {}

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Keep other commands out, for a limited time."""
        with contextlib.ExitStack() as stack:
            with contextlib.suppress(TimeoutError, OSError):
                self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                stack.enter_context(process_lock(self.path.with_suffix(".lock"), _LOCK_SECONDS))
            yield

    @hide_frames
    def read(self) -> StoredSession | None:
        """Return the tokens of this account; None if there are none."""
        kept = _load(self.path)
        if not kept["sessions"]:
            return None
        return _session_of(kept["sessions"].get(self._name(kept["salt"])))

    @hide_frames
    def write(self, session: StoredSession, replaced: StoredSession | None) -> None:  # noqa: ARG002  # commands of one account
        """Keep tokens; if the file cannot be written, each command signs in again."""
        if session.expires_at is None:
            return
        kept = _load(self.path)
        entries = {name: entry for name, entry in kept["sessions"].items() if self._is_recent(entry)}
        entries[self._name(kept["salt"])] = {
            "service": self._credentials.base_url,
            "access_token": session.access.reveal(),
            "refresh_token": None if session.refresh is None else session.refresh.reveal(),
            "expires_at": session.expires_at,
            "kept_at": self._now(),
        }
        _save(self.path, {**kept, "sessions": entries})

    def _is_recent(self, entry: Any) -> bool:
        kept_at = entry.get("kept_at") if isinstance(entry, dict) else None
        return isinstance(kept_at, int | float) and abs(self._now() - kept_at) < _KEPT_SECONDS

    def _name(self, salt: str) -> str:
        if salt not in self._names:
            one = self._credentials
            secret = one.api_key or one.password
            parts = [one.base_url, one.username or "", "" if secret is None else secret.reveal()]
            # slow, because a password may be guessed
            content = json.dumps(parts).encode()
            self._names[salt] = hashlib.scrypt(content, salt=bytes.fromhex(salt), n=2**14, r=8, p=1, dklen=32).hex()
        return self._names[salt]


@hide_frames
def forget(folder: Path, base_url: str) -> list[StoredSession]:
    """Delete the tokens of every account of a service, and return them so that they can be revoked."""
    path = folder / "sessions.json"
    kept = _load(path)
    deleted = {
        name: entry for name, entry in kept["sessions"].items() if not isinstance(entry, dict) or entry.get("service") == base_url
    }
    if deleted:
        _save(path, {**kept, "sessions": {name: entry for name, entry in kept["sessions"].items() if name not in deleted}})
    return [session for entry in deleted.values() if (session := _session_of(entry)) is not None]


def _session_of(entry: Any) -> StoredSession | None:
    if not isinstance(entry, dict):
        return None
    refresh, expires_at = entry.get("refresh_token"), entry.get("expires_at")
    if isinstance(expires_at, bool) or not isinstance(expires_at, int | float):
        return None
    with contextlib.suppress(ConfigurationError):
        renewal = None if refresh is None else Secret(refresh, "refresh token")
        return StoredSession(Secret(entry.get("access_token")), renewal, float(expires_at))
    return None


def _load(path: Path) -> dict[str, Any]:
    """Return the content of the file; an empty one with a new salt if it is missing, damaged, or open to others."""
    with contextlib.suppress(OSError, ValueError, RecursionError, KeyError, TypeError):
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
        with os.fdopen(handle, encoding="utf-8") as file:
            about = os.fstat(file.fileno())
            is_private = os.name != "posix" or (about.st_uid == os.geteuid() and not about.st_mode & (stat.S_IRWXG | stat.S_IRWXO))
            kept = json.loads(file.read(_LONGEST)) if is_private else {}
        if len(bytes.fromhex(kept["salt"])) == _SALT_BYTES and isinstance(kept["sessions"], dict):
            return {"salt": kept["salt"], "sessions": kept["sessions"]}
    return {"salt": secrets.token_hex(_SALT_BYTES), "sessions": {}}


def _save(path: Path, content: dict[str, Any]) -> None:
    with contextlib.suppress(OSError):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".sessions-")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(content, file)
            Path(temporary).replace(path)
        finally:
            Path(temporary).unlink(missing_ok=True)
