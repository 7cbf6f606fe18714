"""Saved states of Workbenches: one small file for each browser tab, in the folder of the client's journal."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import io
import json
from typing import TYPE_CHECKING, Any

import geopandas as gpd

from scenecart._util.files import arrow_buffer, write_atomic
from scenecart.client import home_of
from scenecart.exceptions import ScenecartError

if TYPE_CHECKING:
    from pathlib import Path

    from scenecart.client import Client

VERSION = 1
_MOST_TABS, _MOST_BYTES = 20, 5_000_000


class SavedStates:
    """The saved states of one account at one service.

    Each tab writes a file of its own, so that two tabs do not overwrite each other. A new tab begins with the newest.

    Parameters
    ----------
    client
        The connection.

    Attributes
    ----------
    account : str
        A hash that names the account without revealing it.
    """

    def __init__(self, client: Client) -> None:
        account = f"{client.base_url} {client.signed_in_by}"
        self.account = hashlib.sha256(account.encode()).hexdigest()[:16]
        self._folder = home_of(client) / "workbench" / self.account

    def load(self, tab: str | None) -> dict[str, Any] | None:
        """Return the state of a tab, or the newest of all; None if there is none that can be read."""
        own = None if tab is None else _read(self._file(tab))
        if own is not None:
            return own
        newest = sorted(self._files(), key=_age)
        return next((found for file in newest if (found := _read(file)) is not None), None)

    def save(self, tab: str, state: dict[str, Any]) -> None:
        """Write the state of a tab; if the folder cannot be written, nothing is saved, and no error is raised."""
        with contextlib.suppress(ScenecartError, OSError):
            write_atomic(json.dumps({"version": VERSION, **state}).encode(), self._file(tab), "The state of the Workbench")
            for old in sorted(self._files(), key=_age)[_MOST_TABS:]:
                old.unlink(missing_ok=True)

    def _file(self, tab: str) -> Path:
        return self._folder / f"{tab}.json"

    def _files(self) -> list[Path]:
        with contextlib.suppress(OSError):
            return list(self._folder.glob("*.json"))
        return []


def text_of_frame(captures: gpd.GeoDataFrame) -> str:
    """Return captures as text for a file of JSON; empty for none, and for captures that cannot be written."""
    if not len(captures):
        return ""
    content = io.BytesIO()
    try:
        captures.reset_index(drop=True).to_parquet(content)
    except (ValueError, TypeError, NotImplementedError):
        # a catalog may mix types in a column
        return ""
    return base64.b64encode(content.getvalue()).decode()


def frame_of_text(text: Any) -> gpd.GeoDataFrame | None:
    """Return captures from such a text; None if it holds none."""
    if not isinstance(text, str) or not text:
        return None
    try:
        return gpd.read_parquet(arrow_buffer(base64.b64decode(text)))
    except (ValueError, OSError):
        return None


def _age(file: Path) -> float:
    try:
        return -file.stat().st_mtime
    except OSError:
        # another tab removed it
        return 0.0


def _read(file: Path) -> dict[str, Any] | None:
    try:
        if file.stat().st_size > _MOST_BYTES:
            return None
        found = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) and found.get("version") == VERSION else None
