"""The folder of deliveries as a static STAC catalog: one folder for each item, and a catalog that links them.

Several orders can share a folder, and several processes can write to it. The catalog and the items are read and written only while
the folder's lock is held.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from scenecart._api.operations import whole_number
from scenecart._delivery.checksums import announced_checksum
from scenecart._delivery.contents import FileRecord
from scenecart._delivery.locks import FileLock
from scenecart._delivery.paths import ItemFolder, folder_names, plain_folder_names
from scenecart._delivery.stac_item import (
    CATALOG_FILE,
    GEOJSON_TYPE,
    ITEM_FILE,
    JSON_TYPE,
    VERIFIED,
    add_extensions,
    asset_on_disk,
    new_item,
)
from scenecart._util.files import not_written, write_atomic
from scenecart._util.json import NotJson, dumps_readable, loads
from scenecart._util.text import clean_text
from scenecart.exceptions import DownloadError, InvalidRequest, warn

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from scenecart._delivery.stac_item import ReceivedFile

_LOCK_FILE = ".catalog.lock"
_LOCK_SECONDS = 60.0
_Key = tuple[str, str]


class DeliveryFolder:
    """A folder that orders are downloaded to.

    Parameters
    ----------
    path
        The folder. It must exist.
    order_id
        The order that is downloaded.
    base_url
        The service's URL.
    """

    def __init__(self, path: Path, order_id: str, base_url: str) -> None:
        self._path = path
        self._order_id = order_id
        self._base_url = base_url

    @property
    def path(self) -> Path:
        """The folder."""
        return self._path

    def item_of(self, served: Mapping[str, Any]) -> dict[str, Any]:
        """Return an item in the form that is stored in the folder, without assets."""
        return new_item(served, self._order_id, self._base_url)

    def reserve(self, items: list[dict[str, Any]]) -> dict[str, ItemFolder]:
        """Return the folder of each item, by the item's id. New folders are created at once, so that no other process takes them.

        An item that was downloaded before keeps its folder, including a folder of scenecart 0.1.0.

        Raises
        ------
        OSError
            If a folder cannot be created.
        DownloadError
            If another process does not release the lock of the folder within a minute.
        """
        with self._locked():
            known, taken = self._known_folders()
            plain = plain_folder_names(items)
            found: dict[str, ItemFolder] = {}
            for item in items:
                name = known.get((self._order_id, item["id"]))
                old = self._path / plain[item["id"]]
                if name is not None:
                    recorded = _recorded(_read(self._path / name / ITEM_FILE) or {})
                    found[item["id"]] = ItemFolder(self._path / name, is_plain=name == plain[item["id"]], recorded=recorded)
                elif old.is_dir() and not old.is_symlink() and not (old / ITEM_FILE).exists():
                    found[item["id"]] = ItemFolder(old, is_plain=True)
                else:
                    found[item["id"]] = self._create(item, plain[item["id"]], taken)
            return found

    def record(self, served: Mapping[str, Any], folder: ItemFolder, assets: Mapping[str, tuple[dict[str, Any], list[str]]]) -> None:
        """Write an item with its assets on disk: the given ones, and those of earlier downloads whose files still exist.

        Parameters
        ----------
        served
            The item, as the service lists it.
        folder
            Its folder.
        assets
            Assets on disk by their key, each with the extensions that describe it.

        Raises
        ------
        InvalidRequest
            If the item cannot be written.
        """
        with self._locked():
            written = _read(folder.path / ITEM_FILE) or {}
            item = self.item_of(served)
            before = written.get("assets")
            for key, asset in before.items() if isinstance(before, dict) else ():
                if _is_there(folder.path, asset):
                    item["assets"][key] = asset
                    add_extensions(item, _texts(written.get("stac_extensions")))
            for key, (asset, extensions) in assets.items():
                item["assets"][key] = _with_checksum_of(item["assets"].get(key), asset)
                add_extensions(item, extensions)
            order = {key: number for number, key in enumerate(served["assets"])}
            item["assets"] = dict(sorted(item["assets"].items(), key=lambda one: order.get(one[0], -1)))
            if item != written:
                _write(folder.path / ITEM_FILE, item)

    def discard(self, folder: ItemFolder) -> None:
        """Remove the folder of an item without downloaded files, unless it contains other files."""
        with self._locked(), contextlib.suppress(OSError):
            is_empty = not (_read(folder.path / ITEM_FILE) or {}).get("assets")
            if is_empty and [entry.name for entry in folder.path.iterdir()] == [ITEM_FILE]:
                (folder.path / ITEM_FILE).unlink()
                folder.path.rmdir()

    def write_catalog(self) -> None:
        """Write the catalog of all items in the folder; other contents of an existing catalog are kept.

        Raises
        ------
        InvalidRequest
            If the catalog cannot be written.
        """
        with self._locked():
            target = self._path / CATALOG_FILE
            catalog = _read_catalog(target) if target.exists() else _new_catalog(self._path.name)
            if catalog is None:
                warn(
                    f"{clean_text(target, 200)} is not a STAC catalog, so it was not changed. The items are in their folders.",
                    code="catalog_not_written",
                    hint="Move that file away, then download again, to get a catalog of the folder.",
                )
                return
            linked = {link["href"].removeprefix("./") for link in catalog["links"] if _is_item_link(link)}
            found = {f"{name}/{ITEM_FILE}" for name, item in self._items() if item.get("assets")}
            ours = {href for href in linked if href.endswith(f"/{ITEM_FILE}") and not (self._path / href).is_file()}
            if found <= linked and not ours and target.exists():
                return
            links = [link for link in catalog["links"] if not (_is_item_link(link) and link["href"].removeprefix("./") in ours)]
            links += [{"rel": "item", "type": GEOJSON_TYPE, "href": f"./{href}"} for href in sorted(found - linked)]
            _write(target, {**catalog, "links": links})

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        with FileLock(self._path / _LOCK_FILE).held(_LOCK_SECONDS) as is_held:
            if not is_held:
                raise DownloadError(
                    f"Another process has been writing to {clean_text(self._path, 200)} for more than {_LOCK_SECONDS:.0f} seconds.",
                    code="folder_busy",
                    hint="Download again when it is done, or choose another folder.",
                )
            yield

    def _items(self) -> Iterator[tuple[str, dict[str, Any]]]:
        return items_in(self._path)

    def _known_folders(self) -> tuple[dict[_Key, str], set[str]]:
        """Return the folders of items by order and item, and the names that exist, in lower case."""
        known: dict[_Key, str] = {}
        for name, item in self._items():
            properties = item.get("properties")
            order = properties.get("order:id") if isinstance(properties, dict) else None
            known.setdefault((str(order), str(item.get("id"))), name)
        return known, {entry.name.casefold() for entry in self._path.iterdir()}

    def _create(self, item: dict[str, Any], plain: str, taken: set[str]) -> ItemFolder:
        # not a folder name of 0.1.0: files in such a folder are named differently
        name = next(name for name in folder_names(item) if name.casefold() not in taken and name != plain)
        taken.add(name.casefold())
        folder = self._path / name
        folder.mkdir()
        _write(folder / ITEM_FILE, self.item_of(item))
        return ItemFolder(folder)


def items_in(folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the folder name and the item of each delivered item in a folder of deliveries."""
    for path in sorted(folder.glob(f"*/{ITEM_FILE}")):
        item = None if path.is_symlink() or path.parent.is_symlink() else _read(path)
        if item is not None and isinstance(item.get("assets"), dict) and isinstance(item.get("properties"), dict):
            yield path.parent.name, item


class ItemRecorder:
    """Writes each item when all of its files are downloaded, and the catalog when the download ends.

    Parameters
    ----------
    folder
        The folder of deliveries.
    items
        The items, as the service lists them.
    folders
        The folder of each item, by the item's id.
    files
        How many files of each item are downloaded, by its id.
    """

    def __init__(
        self,
        folder: DeliveryFolder,
        items: list[dict[str, Any]],
        folders: Mapping[str, ItemFolder],
        files: Mapping[str, int],
    ) -> None:
        self._folder = folder
        self._items = {item["id"]: item for item in items}
        self._folders = folders
        self._open = dict(files)
        self._recorded: set[str] = set()
        self._received: dict[str, dict[str, tuple[dict[str, Any], list[str]]]] = {}
        # why an item or the catalog could not be written; the download continues
        self.failure: InvalidRequest | None = None

    def add(self, item_id: str, file: ReceivedFile | None) -> None:
        """Record a downloaded file of an item; None records a failed one."""
        item = self._items[item_id]
        if file is not None:
            asset = asset_on_disk(item["assets"][file.asset_id], file, self._folder.item_of(item))
            self._received.setdefault(item_id, {})[file.asset_id] = asset
        self._open[item_id] -= 1
        if not self._open[item_id]:
            self._write(item_id)

    def close(self) -> None:
        """Write the items that are only partly downloaded, and the catalog; remove folders without downloaded files."""
        for item_id in list(self._received):
            self._write(item_id)
        for item_id in self._folders.keys() - self._recorded:
            self._folder.discard(self._folders[item_id])
        if self._recorded:
            with self._kept():
                self._folder.write_catalog()

    def _write(self, item_id: str) -> None:
        assets = self._received.pop(item_id, None)
        if assets:
            # before the write, so that the folder of an item that cannot be written is not removed
            self._recorded.add(item_id)
            with self._kept():
                self._folder.record(self._items[item_id], self._folders[item_id], assets)

    @contextlib.contextmanager
    def _kept(self) -> Iterator[None]:
        """Store the first error of the block instead of raising it."""
        try:
            yield
        except (InvalidRequest, OSError) as error:
            failure = not_written(error, self._folder.path, "The catalog") if isinstance(error, OSError) else error
            self.failure = self.failure or failure


def _recorded(item: Mapping[str, Any]) -> dict[str, FileRecord]:
    """Return the records of the files of an item on disk, by asset key."""
    assets = item.get("assets")
    return {
        key: FileRecord(whole_number(asset.get("file:size")), announced_checksum(asset), str(asset[VERIFIED]))
        for key, asset in (assets.items() if isinstance(assets, dict) else ())
        if isinstance(asset, dict) and VERIFIED in asset
    }


def _new_catalog(name: str) -> dict[str, Any]:
    return {
        "type": "Catalog",
        "stac_version": "1.0.0",
        "id": name or "deliveries",
        "title": name or "deliveries",
        "description": "Delivered satellite imagery, one item for each capture.",
        "links": [{"rel": "root", "type": JSON_TYPE, "href": f"./{CATALOG_FILE}"}],
    }


def _read(path: Path) -> dict[str, Any] | None:
    try:
        document = loads(path.read_bytes())
    except (OSError, NotJson):
        return None
    return document if isinstance(document, dict) else None


def _write(path: Path, document: dict[str, Any]) -> None:
    write_atomic(dumps_readable(document), path, "The catalog")


def _read_catalog(path: Path) -> dict[str, Any] | None:
    """Return an existing catalog; None if the file is something else."""
    document = _read(path) or {}
    return document if document.get("type") == "Catalog" and isinstance(document.get("links"), list) else None


def _is_item_link(link: Any) -> bool:
    return isinstance(link, dict) and link.get("rel") == "item" and isinstance(link.get("href"), str)


def _with_checksum_of(before: dict[str, Any] | None, asset: dict[str, Any]) -> dict[str, Any]:
    """Return an asset whose file was not read again, with the checksum that was recorded before."""
    if before is None or "file:checksum" in asset or before.get("file:size") != asset["file:size"]:
        return asset
    return {**asset, **{name: before[name] for name in ("file:checksum", VERIFIED) if name in before}}


def _is_there(folder: Path, asset: Any) -> bool:
    href = asset.get("href") if isinstance(asset, dict) else None
    return isinstance(href, str) and href.startswith("./") and (folder / unquote(href[2:])).is_file()


def _texts(value: Any) -> list[str]:
    return [text for text in value if isinstance(text, str)] if isinstance(value, list) else []
