"""Files of orders on this machine: which folder of deliveries has which files of which order."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scenecart._delivery.catalog import items_in
from scenecart._delivery.stac_item import VERIFIED

if TYPE_CHECKING:
    from pathlib import Path

_UNITS = ("B", "kB", "MB", "GB", "TB")
_STEP = 1_000
_UNVERIFIED = "none"


@dataclass(frozen=True)
class OrderFile:
    """A file of an order on this machine.

    Attributes
    ----------
    path : Path
        The file; absolute.
    size : int
        Its size, in bytes.
    is_verified : bool
        Whether it was compared with what the service announced.
    """

    path: Path
    size: int
    is_verified: bool


def files_by_order(directory: Path) -> dict[str, list[OrderFile]]:
    """Return the files in a folder of deliveries, by the id of their order; empty if there is no such folder."""
    found: dict[str, list[OrderFile]] = {}
    with contextlib.suppress(OSError):
        root = directory.resolve()
        # until 0.1.0, each order had a folder of its own
        for folder in (root, *sorted(one for one in root.glob("*") if (one / "catalog.json").is_file())):
            for name, item in items_in(folder):
                order = item["properties"].get("order:id")
                if isinstance(order, str):
                    found.setdefault(order, []).extend(_files(folder / name, item["assets"]))
    return found


def _files(folder: Path, assets: dict[str, Any]) -> list[OrderFile]:
    files = []
    for asset in assets.values():
        href = asset.get("href") if isinstance(asset, dict) else None
        path = folder / href if isinstance(href, str) else None
        # an item may be written by others: nothing outside of its folder
        if path is not None and path.resolve().parent == folder and path.is_file():
            files.append(OrderFile(path.resolve(), path.stat().st_size, asset.get(VERIFIED, _UNVERIFIED) != _UNVERIFIED))
    return files


def size_text(size: float) -> str:
    """Return a size as people read it.

    Examples
    --------
    >>> size_text(507_630), size_text(12), size_text(2_500_000)
    ('507.6 kB', '12 B', '2.5 MB')
    """
    unit = 0
    while size >= _STEP and unit < len(_UNITS) - 1:
        size, unit = size / _STEP, unit + 1
    return f"{size:.1f} {_UNITS[unit]}" if unit else f"{size:.0f} {_UNITS[0]}"


def can_open_folders() -> bool:
    """Return whether this machine has a desktop that shows folders: a kernel on a server has none."""
    if sys.platform in {"darwin", "win32"}:
        return True
    has_screen = bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
    return has_screen and shutil.which("xdg-open") is not None


def open_folder(path: Path) -> subprocess.Popen[bytes] | None:
    """Show a folder in the desktop's file manager, and return the program that does, if there is one."""
    if sys.platform == "win32":
        os.startfile(path)  # noqa: S606  # a folder that exists
        return None
    program = "open" if sys.platform == "darwin" else "xdg-open"
    return subprocess.Popen([program, str(path)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)  # noqa: S603  # a fixed program, and a folder that exists
