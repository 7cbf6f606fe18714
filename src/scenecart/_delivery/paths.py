"""Safe, distinct paths of delivered files: a folder for each item, named by date and capture, and a file for each asset."""

from __future__ import annotations

import hashlib
import itertools
import re
import unicodedata
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from scenecart._api import operations
from scenecart._delivery.checksums import Checksum, announced_checksum
from scenecart._delivery.items import capture_of
from scenecart._util.text import clean_text
from scenecart.exceptions import InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from scenecart._delivery.contents import FileRecord

_SUFFIXES = {
    "image/tiff": ".tif",
    "image/png": ".png",
    "image/jpeg": ".jpg",
    "image/jp2": ".jp2",
    "application/json": ".json",
    "application/geo+json": ".geojson",
}
_MAX_NAME_BYTES = 200
# a folder's name is repeated in the names of its files, which many file systems limit to 255 bytes
_MAX_FOLDER_BYTES = 100
_MAX_STEM_BYTES = 90
_RESERVED = frozenset({"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(10))})
# suffixes of scenecart's own files in the folder of an item
_OWN_SUFFIXES = (".part", ".etag", ".lock", ".unverified", ".old")
_DIGEST_LETTERS = 8


@dataclass(frozen=True)
class ItemFolder:
    """The folder of an item.

    Attributes
    ----------
    path : pathlib.Path
        The folder.
    is_plain : bool
        Whether files are named by their asset only, as in scenecart 0.1.0; otherwise their names begin with the folder's name.
    recorded : Mapping of str to FileRecord
        The records of its files from earlier downloads, by asset key.
    """

    path: Path
    is_plain: bool = False
    recorded: Mapping[str, FileRecord] = field(default_factory=dict)


@dataclass(frozen=True)
class PlannedFile:
    """One file to download.

    Attributes
    ----------
    item_id, asset_id : str
        The item and the key of its asset.
    target : pathlib.Path
        The path of the file.
    part : pathlib.Path
        The path of the incomplete download; nothing else is ever written there.
    size : int or None
        Its announced size in bytes.
    checksum : Checksum or None
        Its announced checksum, if it can be read.
    media_type : str
        Its announced media type in lower case, without parameters; empty if the service names none.
    recorded : FileRecord or None
        The record of the file from an earlier download.
    """

    item_id: str
    asset_id: str
    target: Path
    part: Path
    size: int | None
    checksum: Checksum | None
    media_type: str = ""
    recorded: FileRecord | None = None

    @property
    def name(self) -> str:
        """The name of the file in messages: its asset and its item."""
        return f"{clean_text(self.asset_id, 80)} of {clean_text(self.item_id, 120)}"

    @property
    def etag_path(self) -> Path:
        """The path of the ETag of an incomplete download, which is needed to resume it."""
        return self.part.with_name(f"{self.part.name}.etag")

    @property
    def unverified_path(self) -> Path:
        """The path of a complete file whose checksum differs from the announced one."""
        return self.part.with_suffix(".unverified")


def plan_files(items: list[dict[str, Any]], folders: Mapping[str, ItemFolder], assets: list[str] | None) -> list[PlannedFile]:
    """Choose the path of each asset's file: inside the folder of its item, with a safe and distinct name.

    Parameters
    ----------
    items
        The items, with their assets by key.
    folders
        The folder of each item, by its id.
    assets
        Keys of the assets to plan; None plans all.

    Raises
    ------
    InvalidRequest
        If too many assets have the same name.
    """
    files: list[PlannedFile] = []
    for item in items:
        folder = folders[item["id"]]
        stems: dict[str, str] = {}
        for key, asset in item["assets"].items():
            if not isinstance(asset, dict):
                continue
            # names for all assets, so that they do not depend on which assets are requested
            short = _plain_name(key, asset, stems) if folder.is_plain else _stem_name(key, asset, stems)
            if assets is None or key in assets:
                files.append(_planned(item["id"], key, asset, folder, short))
    return files


def items_with(document: Mapping[str, Any], assets: list[str] | None) -> list[dict[str, Any]]:
    """Return the items of a feature collection that have one of the assets; with None, all items with assets.

    Raises
    ------
    InvalidRequest
        If no item has a requested asset.
    """
    items = [item for item in document["features"] if isinstance(item.get("assets"), dict)]
    known_keys = {key for item in items for key in item["assets"]}
    missing = [name for name in (assets or []) if name not in known_keys]
    if missing:
        known = ", ".join(clean_text(name, 80) for name in sorted(known_keys)) or "none"
        raise InvalidRequest(
            f"No item has an asset {clean_text(missing[0], 80)!r}. Available assets: {known}.", code="asset_unknown"
        )
    return [item for item in items if assets is None or not item["assets"].keys().isdisjoint(assets)]


def folder_names(item: Mapping[str, Any]) -> Iterator[str]:
    """Yield names for the folder of an item, the preferred one first: date and capture id, without a date that the id repeats.

    Examples
    --------
    >>> from scenecart._delivery.paths import folder_names
    >>> item = {"id": "A2_20240618T001530_S33_7f", "properties": {"datetime": "2024-06-18T00:15:30Z"}}
    >>> next(folder_names({**item, "properties": {**item["properties"], "capture:id": "A2_20240618T001530_S33"}}))
    '2024-06-18_A2_S33'
    """
    date = _date_of(item)
    capture = capture_of(item) or str(item["id"])
    day = re.escape(date).replace(r"\-", "-?")
    without_date = re.sub(rf"(^|[_-]){day}(?:T?\d{{4,9}}Z?)?(?=[_-]|$)", "", capture).strip("_-")
    short = safe_name(f"{date}_{without_date or capture}", _MAX_FOLDER_BYTES)
    yield short
    yield safe_name(f"{date}_{capture}", _MAX_FOLDER_BYTES)
    for length in itertools.count(_DIGEST_LETTERS):
        yield f"{short}-{_digest(str(item['id']), length)}"


def plain_folder_names(items: list[dict[str, Any]]) -> dict[str, str]:
    """Return the names that scenecart 0.1.0 gave to the folders of items, by their ids."""
    taken: dict[str, str] = {}
    return {item["id"]: _distinct_name(safe_name(item["id"]), item["id"], taken) for item in items}


def safe_name(text: str, most_bytes: int = _MAX_NAME_BYTES) -> str:
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
    while len(name.encode()) > most_bytes:
        name = name[:-1]
    if name and name == text and name.split(".")[0].lower() not in _RESERVED:
        return name
    digest = _digest(text, 8)
    return f"{name or 'file'}-{digest}" if name.split(".")[0].lower() not in _RESERVED else f"file-{digest}"


def _planned(item_id: str, key: str, asset: dict[str, Any], folder: ItemFolder, short: str) -> PlannedFile:
    name = short if folder.is_plain else f"{folder.path.name}_{short}"
    size = operations.whole_number(asset.get("file:size"))
    part = folder.path / f"{short}.part"
    checksum, recorded = announced_checksum(asset), folder.recorded.get(key)
    return PlannedFile(item_id, key, folder.path / name, part, size, checksum, _media_type(asset), recorded)


def _date_of(item: Mapping[str, Any]) -> str:
    properties = item.get("properties")
    stated = [properties.get(name) for name in ("datetime", "start_datetime")] if isinstance(properties, dict) else []
    for value in stated:
        try:
            moment = datetime.fromisoformat(str(value))
            return (moment if moment.tzinfo is None else moment.astimezone(UTC)).date().isoformat()
        except (ValueError, OverflowError):
            continue
    return "undated"


def _stem_name(key: str, asset: dict[str, Any], taken: dict[str, str]) -> str:
    """Return the part of a file name that depends on the asset.

    The stem has no dot and is unique. Raster libraries read files such as ``visual.tif.ovr`` together with ``visual.tif``, so an
    asset could otherwise change how another one is read.
    """
    suffix = _suffix_of(asset)
    name = key.removesuffix(suffix) if suffix and key.lower().endswith(suffix) else key
    stem = safe_name(name.replace(".", "_"), _MAX_STEM_BYTES)
    return _distinct_name(stem, key, taken) + suffix


def _plain_name(key: str, asset: dict[str, Any], taken: dict[str, str]) -> str:
    """Return the name of a file in a folder of scenecart 0.1.0."""
    name = safe_name(key) + _suffix_of(asset)
    return _distinct_name(f"{name}_" if name.endswith(_OWN_SUFFIXES) or name == "item.json" else name, key, taken)


def _distinct_name(name: str, original: str, taken: dict[str, str]) -> str:
    """Return the name, with a digest if another name is equal to it on a case-insensitive file system."""
    stem, dot, suffix = name.rpartition(".")
    before, after = (stem, dot + suffix) if dot and stem else (name, "")
    for marked in itertools.chain([name], (f"{before}-{_digest(original, length)}{after}" for length in range(12, 33))):
        # another asset may have exactly this name
        if taken.setdefault(marked.casefold(), original) == original:
            return marked
    raise InvalidRequest("Too many assets of this order have the same name.", code="asset_names_not_distinct")


def _suffix_of(asset: dict[str, Any]) -> str:
    suffix = _SUFFIXES.get(_media_type(asset))
    if suffix is None:
        try:
            suffix = Path(unquote(urlsplit(str(asset.get("href"))).path)).suffix.lower()
        except ValueError:
            suffix = ""
    return suffix if re.fullmatch(r"\.[a-z0-9]{1,8}", suffix) and suffix not in _OWN_SUFFIXES else ""


def _media_type(asset: dict[str, Any]) -> str:
    return str(asset.get("type") or "").split(";")[0].strip().lower()


def _digest(text: str, length: int) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:length]
