"""The system keyring, in which ``scenecart login --keyring`` keeps tokens. The only module that imports keyring."""

from __future__ import annotations

import contextlib
import json
from typing import Any

from scenecart._util.text import clean_text
from scenecart._util.tracebacks import hide_frames
from scenecart.exceptions import ConfigurationError, missing_extra

# the name under which password managers list the entries
_SERVICE = "scenecart"


def require() -> None:
    """Check that the package is installed.

    Raises
    ------
    MissingExtra
        If it is not.
    """
    _library()


@hide_frames
def read(name: str) -> dict[str, Any] | None:
    """Return the entry of a name; None if there is none.

    Raises
    ------
    ConfigurationError
        If the keyring cannot be used.
    """
    keyring = _library()
    try:
        text = keyring.get_password(_SERVICE, name)
    except Exception as error:  # noqa: BLE001  # backends raise errors of their own
        raise _unusable(error) from None
    with contextlib.suppress(ValueError, TypeError):
        entry = json.loads(text)
        return entry if isinstance(entry, dict) else None
    return None


@hide_frames
def write(name: str, entry: dict[str, Any]) -> None:
    """Keep an entry under a name.

    Raises
    ------
    ConfigurationError
        If the keyring cannot be used, or does not take an entry of this length.
    """
    keyring = _library()
    try:
        keyring.set_password(_SERVICE, name, json.dumps(entry))
    except Exception as error:  # noqa: BLE001  # likewise
        raise _unusable(error) from None


def delete(name: str) -> None:
    """Delete the entry of a name, if there is one."""
    keyring = _library()
    with contextlib.suppress(Exception):
        keyring.delete_password(_SERVICE, name)


def _library() -> Any:
    try:
        import keyring  # noqa: PLC0415  # an optional extra
    except ModuleNotFoundError as error:
        raise missing_extra("The system keyring needs", error, "keyring") from error
    return keyring


def _unusable(error: Exception) -> ConfigurationError:
    # the message of a backend could repeat the secret, and the name of its class cannot
    return ConfigurationError(
        f"The system keyring cannot be used ({clean_text(type(error).__name__, 80)}).",
        code="keyring_unusable",
        hint="Unlock it, or sign in without it: `scenecart login`.",
    )
