"""Where delivered files land: inside the folder, under safe names, no two alike; and how to know that they are whole."""

from __future__ import annotations

import hashlib
import itertools
import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from scenecart._api import operations
from scenecart.exceptions import InvalidRequest

_HASHES = {"11": "sha1", "12": "sha256", "13": "sha512"}
_SUFFIXES = {
    "image/tiff": ".tif",
    "image/png": ".png",
    "image/jpeg": ".jpg",
    "application/json": ".json",
    "application/geo+json": ".geojson",
}
_MAX_NAME_BYTES = 200
_RESERVED = frozenset({"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(10))})


@dataclass(frozen=True)
class Wanted:
    """One file to fetch: which asset it is, where it goes, and how to know that it is whole."""

    item_id: str
    asset_id: str
    target: Path
    size: int | None
    checksum: tuple[str, str] | None


def plan(document: dict[str, Any], folder: Path, assets: list[str] | None) -> list[Wanted]:
    """Decide which file each asset becomes: inside the folder, under a safe name, no two alike.

    Raises
    ------
    InvalidRequest
        If an asset is asked for that no item has.
    """
    wanted: list[Wanted] = []
    offered: set[str] = set()
    folders: dict[str, str] = {}
    for item in document["features"]:
        if not isinstance(item, dict) or not isinstance(item.get("id"), str) or not isinstance(item.get("assets"), dict):
            continue
        place = folder / _unlike(safe_name(item["id"]), item["id"], folders)
        names: dict[str, str] = {}
        for key, asset in item["assets"].items():
            offered.add(key)
            if not isinstance(asset, dict):
                continue
            name = _unlike(_file_name(key, asset), key, names)
            if assets is not None and key not in assets:
                continue
            size = operations.whole_number(asset.get("file:size"))
            wanted.append(Wanted(item["id"], key, place / name, size, _checksum(asset.get("file:checksum"))))
    missing = [name for name in (assets or []) if name not in offered]
    if missing:
        raise InvalidRequest(f"No item has an asset {missing[0]!r}.", hint=f"There are: {', '.join(sorted(offered)) or 'none'}.")
    return wanted


def safe_name(text: str) -> str:
    """Return a file name for any text, and different names for different texts.

    It holds no folder, device or control character, and at most 255 bytes.

    Examples
    --------
    >>> safe_name("scene-01.tif")
    'scene-01.tif'
    >>> safe_name("../../etc/passwd")
    'etc_passwd-3754d6cb'
    """
    name = unicodedata.normalize("NFC", text.encode("utf-8", "replace").decode())
    name = "".join(letter if letter.isalnum() or letter in "._-+=@ " else "_" for letter in name)
    name = re.sub(r"_{2,}", "_", name).strip(" ._-")
    while len(name.encode()) > _MAX_NAME_BYTES:
        name = name[:-1]
    if name and name == text and name.split(".")[0].lower() not in _RESERVED:
        return name
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{name or 'file'}-{digest}" if name.split(".")[0].lower() not in _RESERVED else f"file-{digest}"


def _unlike(name: str, original: str, taken: dict[str, str]) -> str:
    """Return the name, or one with a mark where a file system that ignores case would take two for one."""
    stem, dot, suffix = name.rpartition(".")
    before, after = (stem, dot + suffix) if dot and stem else (name, "")
    digest = hashlib.sha256(original.encode("utf-8", "surrogatepass")).hexdigest()
    for marked in itertools.chain([name], (f"{before}-{digest[:length]}{after}" for length in range(12, 33))):
        # another may be called by just this mark
        if taken.setdefault(marked.casefold(), original) == original:
            return marked
    raise InvalidRequest("Too many files of this order have names that are alike.")


def _file_name(key: str, asset: dict[str, Any]) -> str:
    media = str(asset.get("type") or "").split(";")[0].strip().lower()
    suffix = _SUFFIXES.get(media)
    if suffix is None:
        try:
            suffix = Path(unquote(urlsplit(str(asset.get("href"))).path)).suffix.lower()
        except ValueError:
            suffix = ""
    return safe_name(key) + (suffix if re.fullmatch(r"\.[a-z0-9]{1,8}", suffix) else "")


def _checksum(value: Any) -> tuple[str, str] | None:
    """Read a multihash in hexadecimal, as the file extension of STAC writes it."""
    if not isinstance(value, str):
        return None
    text = value.lower()
    algorithm = _HASHES.get(text[:2])
    return (algorithm, text[4:]) if algorithm and re.fullmatch(r"[0-9a-f]+", text) else None
