"""Folders of this user: for data, for states and for settings."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

from scenecart.exceptions import ConfigurationError


def data_folder(given: str | os.PathLike[str] | None = None) -> Path:
    """Return the folder of the placement journal: the given one, ``SCENECART_HOME``, or the user's data directory.

    Raises
    ------
    ConfigurationError
        If the home directory is needed and unknown.
    """
    chosen = given or os.environ.get("SCENECART_HOME")
    try:
        # older versions of platformdirs keep a "~" that they cannot resolve
        return Path(chosen or platformdirs.user_data_dir("scenecart", appauthor=False)).expanduser()
    except RuntimeError:
        raise home_unknown("SCENECART_HOME") from None


def state_folder() -> Path:
    """Return the folder of what can be lost without harm: ``SCENECART_STATE``, or the user's state directory.

    Raises
    ------
    ConfigurationError
        If the home directory is needed and unknown.
    """
    chosen = os.environ.get("SCENECART_STATE")
    try:
        return Path(chosen or platformdirs.user_state_dir("scenecart", appauthor=False)).expanduser()
    except RuntimeError:
        raise home_unknown("SCENECART_STATE") from None


def home_unknown(variable: str) -> ConfigurationError:
    """Return the error for a user whose home directory is unknown, as for a random user id in a container."""
    return ConfigurationError(
        "The home directory of this user is unknown: HOME is not set, and the system does not know the user.",
        code="home_unknown",
        hint=f"Set {variable} to a folder that you may write to, or set HOME.",
    )
