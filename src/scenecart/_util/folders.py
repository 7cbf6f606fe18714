"""Folders of this user: for data, for states and for settings."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any

import platformdirs

from scenecart._util.text import clean_text
from scenecart._util.validate import shown_value
from scenecart.exceptions import ConfigurationError, InvalidRequest

CHOOSE_FOLDER = "Pass a folder as home, or set SCENECART_HOME to one."
"""Hint for a file in place of the folder of the journal."""


def data_folder(given: str | os.PathLike[str] | None = None) -> Path:
    """Return the folder of the placement journal: the given one, ``SCENECART_HOME``, or the user's data directory.

    Raises
    ------
    InvalidRequest
        If the given one is not a path.
    ConfigurationError
        If the home directory is needed and unknown.
    """
    is_given = given is not None and given != ""
    chosen: Any = given if is_given else os.environ.get("SCENECART_HOME")
    try:
        # older versions of platformdirs keep a "~" that they cannot resolve
        folder = Path(chosen if is_given or chosen else platformdirs.user_data_dir("scenecart", appauthor=False)).expanduser()
        usable = "\0" not in str(folder)
    except RuntimeError:
        raise home_unknown("SCENECART_HOME") from None
    except TypeError:
        usable = False
    if not usable:
        raise InvalidRequest(
            f"must be a path, got {shown_value(given)}.", argument="home", code="path_invalid", hint="Pass the name of a folder."
        )
    return folder


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


def folder_problem(folder: Path) -> str:
    """Return why a folder cannot be created, if a file is in its place; else an empty text."""
    with contextlib.suppress(OSError):
        for part in (folder, *folder.parents):
            if part.exists():
                return "" if part.is_dir() else f"{clean_text(part, 200)!r} is a file, not a folder"
    return ""


def home_unknown(variable: str) -> ConfigurationError:
    """Return the error for a user whose home directory is unknown, as for a random user id in a container."""
    return ConfigurationError(
        "The home directory of this user is unknown: HOME is not set, and the system does not know the user.",
        code="home_unknown",
        hint=f"Set {variable} to a folder that you may write to, or set HOME.",
    )
