"""Safe, distinct file paths for delivered assets, with their expected sizes and checksums."""

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
from scenecart._util.text import clean_text
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
class PlannedFile:
    """One file to download: its asset, its path, and the expected size (bytes) and checksum."""

    item_id: str
    asset_id: str
    target: Path
    size: int | None
    checksum: tuple[str, str] | None


def plan_files(document: dict[str, Any], folder: Path, assets: list[str] | None) -> list[PlannedFile]:
    """Choose the path of each asset's file: inside the folder, with a safe and distinct name.

    Raises
    ------
    InvalidRequest
        If no item has a requested asset.
    """
    files: list[PlannedFile] = []
    known_keys: set[str] = set()
    folders: dict[str, str] = {}
    for item in document["features"]:
        if not isinstance(item, dict) or not isinstance(item.get("id"), str) or not isinstance(item.get("assets"), dict):
            continue
        item_folder = folder / _distinct_name(safe_name(item["id"]), item["id"], folders)
        names: dict[str, str] = {}
        for key, asset in item["assets"].items():
            known_keys.add(key)
            if not isinstance(asset, dict):
                continue
            name = _distinct_name(_file_name(key, asset), key, names)
            if assets is not None and key not in assets:
                continue
            size = operations.whole_number(asset.get("file:size"))
            files.append(PlannedFile(item["id"], key, item_folder / name, size, _checksum(asset.get("file:checksum"))))
    missing = [name for name in (assets or []) if name not in known_keys]
    if missing:
        known = ", ".join(clean_text(name, 80) for name in sorted(known_keys)) or "none"
        raise InvalidRequest(
            f"No item has an asset {clean_text(missing[0], 80)!r}. Available assets: {known}.", code="asset_unknown"
        )
    return files


def safe_name(text: str) -> str:
    """Return a valid file name for any text, and different names for different texts.

    It contains no folder, reserved device name or control character, and is at most 255 bytes long.

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


def _distinct_name(name: str, original: str, taken: dict[str, str]) -> str:
    """Return the name, with a digest added if a case-insensitive file system would confuse it with another."""
    stem, dot, suffix = name.rpartition(".")
    before, after = (stem, dot + suffix) if dot and stem else (name, "")
    digest = hashlib.sha256(original.encode("utf-8", "surrogatepass")).hexdigest()
    for marked in itertools.chain([name], (f"{before}-{digest[:length]}{after}" for length in range(12, 33))):
        # another asset may be called exactly like this
        if taken.setdefault(marked.casefold(), original) == original:
            return marked
    raise InvalidRequest("Too many assets of this order have the same name.", code="asset_names_not_distinct")


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
    """Parse a hexadecimal multihash, as in STAC's file extension."""
    if not isinstance(value, str):
        return None
    text = value.lower()
    algorithm = _HASHES.get(text[:2])
    return (algorithm, text[4:]) if algorithm and re.fullmatch(r"[0-9a-f]+", text) else None
