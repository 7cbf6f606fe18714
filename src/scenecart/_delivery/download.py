"""Delivered items of an order, and downloads of their files into a folder that is a STAC catalog."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

import pandas as pd

from scenecart._api import operations
from scenecart._captures import decode
from scenecart._captures.frame import to_frame
from scenecart._delivery.catalog import DeliveryFolder, ItemRecorder, items_in
from scenecart._delivery.contents import Verify, verify_mode
from scenecart._delivery.downloads import Downloads, Job
from scenecart._delivery.items import capture_of, fetch_items, missing_captures
from scenecart._delivery.loading import choose_item, open_asset, stack_items
from scenecart._delivery.opened import file_of
from scenecart._delivery.paths import items_with, plan_files, safe_name
from scenecart._delivery.provenance import fetch_edges, provenance_of
from scenecart._delivery.remote import asset_reader
from scenecart._delivery.visual import visual_asset
from scenecart._util.files import FREE_SPACE, as_path, is_full
from scenecart._util.json import dumps
from scenecart._util.progress import bar
from scenecart._util.text import clean_text, pluralize
from scenecart._util.validate import check_count, shown_value
from scenecart.exceptions import DownloadError, FailedFile, InvalidRequest, ServiceError, message_about, warn

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping
    from pathlib import Path

    import geopandas as gpd
    import pystac
    import xarray as xr

    from scenecart._api.http import Session
    from scenecart._delivery.items import Delivered
    from scenecart._delivery.stac_item import ReceivedFile
    from scenecart._imagery.ranges import RangeReader
    from scenecart._imagery.stack import StackOptions

_NEARLY_ALL = 0.999
_MOST_NAMED = 5


@dataclass(frozen=True)
class ReceivedItems:
    """The items of an order that are delivered so far.

    Attributes
    ----------
    items : tuple of str
        The ids of the items.
    assets : tuple of str
        The keys of their assets, each once.
    missing : tuple of str
        The ordered captures without a delivered item, as far as is known.
    folder : pathlib.Path or None
        The folder with the files that ``Order.open`` keeps on this computer; None if there is none.
    """

    items: tuple[str, ...]
    assets: tuple[str, ...]
    missing: tuple[str, ...]
    folder: Path | None


@dataclass(frozen=True)
class Options:
    """Options of a download.

    Attributes
    ----------
    folder : pathlib.Path
        The folder.
    assets : list of str or None
        Keys of the assets; None downloads all.
    verify : str
        How each file is verified: ``"checksum"``, ``"size"`` or ``"none"``.
    workers : int
        How many files are transferred at once.
    """

    folder: Path
    assets: list[str] | None = None
    verify: Verify = "checksum"
    workers: int = 1


class DeliveryService:
    """Delivered items and files of one service.

    Parameters
    ----------
    session
        The connection to the service.
    cache
        Folder for files that are opened without a folder of the user's choice.
    """

    def __init__(self, session: Session, cache: Path) -> None:
        self._session = session
        self._cache = cache
        self._downloads: dict[str, set[Path]] = {}

    def folder(self, order_id: str) -> Path | None:
        """Return the folder with the files that ``Order.open`` keeps of an order; None if there is none."""
        folder = self._cache / safe_name(order_id)
        return folder if folder.is_dir() and any(folder.iterdir()) else None

    def folders(self) -> list[Path]:
        """Return all folders with imagery: those of ``Order.open``, and the targets of downloads."""
        kept = [path for path in sorted(self._cache.iterdir()) if path.is_dir()] if self._cache.is_dir() else []
        return [*kept, *dict.fromkeys(path for paths in self._downloads.values() for path in paths)]

    def items(self, order: Delivered) -> gpd.GeoDataFrame:
        """Return the items of a delivered order; see ``Order.items``."""
        document = self._items(order)
        features, _, _ = decode.read_page(dumps(document), operations.LIST_ASSETS.id)
        frame = to_frame(features).drop(columns=["host", "orderable", "not_orderable_reason"])
        return frame.assign(provenance=provenance_of(self._session, order.id, [str(name) for name in frame["id"]]))

    def lineage(self, order_id: str) -> pd.DataFrame:
        """Return the recorded relations of captures, order and items; see ``Order.lineage``."""
        edges = fetch_edges(self._session, "order", order_id)
        return pd.DataFrame([asdict(edge) for edge in edges], columns=[one.name for one in fields(operations.Edge)])

    def open(
        self,
        order: Delivered,
        asset: str,
        *,
        item: str | None,
        directory: str | os.PathLike[str] | None,
        remote: bool,
        **how: Any,
    ) -> xr.DataArray:
        """Open one file of a delivered order: after a download, or by byte ranges; see ``Order.open``."""
        folder = self._cache / safe_name(order.id) if directory is None else as_path(directory, "directory")
        document = fetch_items(self._session, order.id)
        chosen = choose_item(items_with(document, [asset]), asset, item)
        fields = chosen["assets"][asset]
        if remote:
            return open_asset(asset_reader(self._session, chosen["id"], asset, _file_name(chosen, asset)), fields, **how)
        return open_asset(self._receive(order.id, [chosen], Options(folder, [asset]))[0], fields, **how)

    def stack(
        self,
        order: Delivered,
        bands: str | Iterable[str] | None,
        options: StackOptions,
        directory: str | os.PathLike[str] | None,
    ) -> xr.Dataset:
        """Stack bands of a delivered order, from files on disk, and otherwise by byte ranges; see ``Order.stack``."""
        on_disk = self._on_disk(order.id, *([] if directory is None else [as_path(directory, "directory")]))
        return stack_items(
            items_with(self._items(order), None), bands, lambda item, key: self._file_or_reader(on_disk, item, key), options
        )

    def rasters(self, order: Delivered) -> dict[str, Path | RangeReader]:
        """Return the display raster of each delivered capture, by capture id: the file on disk, or a reader of the remote file."""
        on_disk = self._on_disk(order.id)
        found: dict[str, Path | RangeReader] = {}
        for item in self._items(order)["features"]:
            capture, key = capture_of(item), visual_asset(item["assets"])
            if capture is not None and key is not None:
                found.setdefault(capture, self._file_or_reader(on_disk, item, key))
        return found

    def _on_disk(self, order_id: str, *more: Path) -> dict[str, tuple[Path, dict[str, Any]]]:
        """Return the items of an order that are on this computer, with their folders, by item id."""
        return _items_on_disk([self._cache / safe_name(order_id), *self._downloads.get(order_id, ()), *more], order_id)

    def _file_or_reader(
        self, on_disk: Mapping[str, tuple[Path, dict[str, Any]]], item: Mapping[str, Any], key: str
    ) -> Path | RangeReader:
        folder, kept = on_disk.get(item["id"], (None, None))
        path = None if folder is None or kept is None else file_of(folder, kept["assets"].get(key) or {})
        return path or asset_reader(self._session, item["id"], key, _file_name(item, key))

    def has_items(self, order_id: str) -> bool:
        """Return whether the service lists items of an order; it may do so while the order is still being processed."""
        return bool(fetch_items(self._session, order_id)["features"])

    def missing(self, order: Delivered) -> list[str]:
        """Return the captures of an order without a delivered item; see ``Order.missing``."""
        return missing_captures(fetch_items(self._session, order.id)["features"], order.captures)

    def arrived(self, order: Delivered) -> ReceivedItems:
        """Return what the service lists of an order, and the folder of its files on this computer."""
        document = fetch_items(self._session, order.id)
        items = document["features"]
        assets = sorted({str(key) for item in items_with(document, None) for key in item["assets"]})
        missing = missing_captures(items, order.captures)
        return ReceivedItems(tuple(item["id"] for item in items), tuple(assets), tuple(missing), self.folder(order.id))

    def item_collection(self, order: Delivered) -> pystac.ItemCollection:
        """Return the items of a delivered order as a pystac collection."""
        import pystac  # noqa: PLC0415  # slow to import, and most orders are read as frames

        try:
            return pystac.ItemCollection.from_dict(self._items(order))
        except Exception as error:
            # pystac raises any kind of error for a malformed item
            raise ServiceError(
                f"The items of order {order.id} are not valid STAC ({error}).",
                code="items_invalid_stac",
                operation=operations.LIST_ASSETS.id,
            ) from error

    def download(
        self,
        order: Delivered,
        directory: str | os.PathLike[str],
        *,
        assets: str | Iterable[str] | None,
        progress: bool | Callable[[float], object],
        workers: int,
        verify: object,
    ) -> list[Path]:
        """Download the files of a delivered order; see ``Order.download``."""
        folder, keys = as_path(directory, "directory"), _asset_keys(assets)
        workers = check_count(workers, "workers", optional=False)
        options = Options(folder, keys, verify_mode(verify), workers)
        items = items_with(self._items(order), keys)
        self._downloads.setdefault(order.id, set()).add(folder)
        if callable(progress):
            return self._receive(order.id, items, options, lambda downloads: progress(_share(downloads)))
        if not progress:
            return self._receive(order.id, items, options)
        with bar("Downloading", unit="bytes") as shown:

            def show(downloads: Downloads) -> None:
                arrived, total = downloads.progress()
                shown.show(arrived, total=total, label=f"Downloading {pluralize(len(downloads.jobs), 'file')}")
                if all(job.received is not None for job in downloads.jobs):
                    shown.show(label=_verification_label([job.received for job in downloads.jobs if job.received]))

            return self._receive(order.id, items, options, show)

    def _receive(
        self,
        order_id: str,
        items: list[dict[str, Any]],
        options: Options,
        watch: Callable[[Downloads], object] = lambda _: None,
    ) -> list[Path]:
        """Download files of items to a folder, and write the catalog of the complete files, even if others fail.

        Parameters
        ----------
        order_id
            The order.
        items
            Its items.
        options
            The folder, the assets, and how they are downloaded.
        watch
            Called in this thread several times a second.
        """
        path = options.folder
        folder = DeliveryFolder(path, order_id, self._session.base_url)
        try:
            path.mkdir(parents=True, exist_ok=True)
            folders = folder.reserve(items)
        except (OSError, InvalidRequest) as error:
            unusable = _unusable(path, error) if isinstance(error, OSError) else error
            if is_full(error) or is_full(error.__cause__):
                raise _without_space(unusable, items, options, _items_on_disk([path], order_id)) from error
            raise unusable from None
        files = plan_files(items, folders, options.assets)
        recorder = ItemRecorder(folder, items, folders, Counter(file.item_id for file in files))
        try:
            with self._session.separate() as session:
                downloads = Downloads(session, files, verify=options.verify, workers=options.workers)
                with contextlib.closing(downloads.run()) as rounds:
                    for finished in rounds:
                        for job in finished:
                            recorder.add(job.file.item_id, job.received)
                        watch(downloads)
        finally:
            recorder.close()
        _warn_of_replaced(downloads.jobs)
        _raise_failed(downloads.jobs, recorder.failure)
        return [job.received.path for job in downloads.jobs if job.received is not None]

    def _items(self, order: Delivered) -> dict[str, Any]:
        return fetch_items(self._session, order.id, order.captures, is_open=order.is_open)


def _file_name(item: Mapping[str, Any], key: str) -> str:
    """Return a name of a remote file, for messages."""
    return clean_text(f"{item['id']}_{key}", 120)


def _asset_keys(assets: str | Iterable[str] | None) -> list[str] | None:
    """Return the requested asset keys as a list; a string is one key."""
    if assets is None:
        return None
    keys = [assets] if isinstance(assets, str) else list(assets) if isinstance(assets, Iterable) else [assets]
    if not all(isinstance(key, str) for key in keys):
        raise InvalidRequest(
            f"must be asset keys, as strings, got {shown_value(assets)}.", code="assets_not_strings", argument="assets"
        )
    return keys


def _share(downloads: Downloads) -> float:
    """Return the fraction that is downloaded (0 to 1), by bytes, or by files if a size is unknown; 1 only if all are complete."""
    # a file can become complete at any moment; only recorded files count
    done = sum(job.received is not None for job in downloads.yielded)
    if done == len(downloads.jobs):
        return 1.0
    arrived, total = downloads.progress()
    return min(arrived / total, _NEARLY_ALL) if total else done / len(downloads.jobs)


def _verification_label(files: list[ReceivedFile]) -> str:
    """Return how many files were verified, and how.

    Examples
    --------
    >>> from pathlib import Path
    >>> from scenecart._delivery.stac_item import ReceivedFile
    >>> _verification_label([ReceivedFile(name, Path(name), 5, None, by) for name, by in (("a", "checksum"), ("b", "size"))])
    '2 files verified (1 checksum, 1 size)'
    """
    counts = Counter(file.verified for file in files)
    unverified = counts.pop("none", 0)
    verified = counts.total()
    used = ", ".join(how if count == verified else f"{count} {how}" for how, count in sorted(counts.items()))
    parts = [f"{pluralize(verified, 'file')} verified ({used})"] if verified else []
    parts += [f"{pluralize(unverified, 'file')} not verified"] if unverified else []
    return ", ".join(parts) or "No files"


def _warn_of_replaced(jobs: list[Job]) -> None:
    replaced = [job.transfer.replaced for job in jobs if job.transfer.replaced is not None]
    if replaced:
        names = ", ".join(clean_text(path.name, 120) for path in replaced[:_MOST_NAMED])
        warn(
            f"Files that had changed since an earlier download were downloaded again: {len(replaced):,}. "
            f"The earlier files are kept as {names}.",
            code="files_replaced",
            hint="Delete what you do not need.",
        )


def _items_on_disk(folders: Iterable[Path], order_id: str) -> dict[str, tuple[Path, dict[str, Any]]]:
    """Return the items of an order in folders of deliveries, with their own folders, by item id."""
    return {
        str(item.get("id")): (folder / name, item)
        for folder in folders
        for name, item in items_in(folder)
        if item["properties"].get("order:id") == order_id
    }


def _unusable(path: Path, error: OSError) -> InvalidRequest:
    return InvalidRequest(
        f"must be a folder that can be written to, got {clean_text(path, 200)!r} ({error.strerror}).",
        code="directory_unusable",
        argument="directory",
        hint=FREE_SPACE if is_full(error) else "Choose another folder.",
    )


def _without_space(
    cause: InvalidRequest, items: list[dict[str, Any]], options: Options, on_disk: Mapping[str, tuple[Path, dict[str, Any]]]
) -> DownloadError:
    """Return the error for a disk that is full before anything is requested; it lists the existing and the missing files."""
    error = DownloadError(message_about(cause, "").strip(), argument=cause.argument, code=cause.code, hint=cause.hint)
    failed: list[FailedFile] = []
    files: list[Path] = []
    for item in items:
        folder, kept = on_disk.get(item["id"], (options.folder, {"assets": {}}))
        for key in item["assets"] if options.assets is None else [key for key in options.assets if key in item["assets"]]:
            path = file_of(folder, kept["assets"].get(key))
            if path is None:
                failed.append(FailedFile(item["id"], key, folder, error))
            else:
                files.append(path)
    error.failed, error.files = failed, files
    return error


def _raise_failed(jobs: list[Job], unrecorded: InvalidRequest | None) -> None:
    """Raise one error that names every file that was not downloaded.

    Parameters
    ----------
    jobs
        The files.
    unrecorded
        Why an item or the catalog could not be written; None if they were written.

    Raises
    ------
    DownloadError
        If a file failed, or something could not be written.
    """
    failed = [FailedFile(job.file.item_id, job.file.asset_id, job.file.target, job.error) for job in jobs if job.error is not None]
    files = [job.received.path for job in jobs if job.received is not None]
    if not failed:
        if unrecorded is None:
            return
        complete = f"{pluralize(len(files), 'file')} {'is' if len(files) == 1 else 'are'} complete."
        error = DownloadError(f"{unrecorded.message} {complete}", code=unrecorded.code, hint=unrecorded.hint)
        error.files = files
        raise error from unrecorded
    rest = len(jobs) - len(failed)
    first = failed[0].error
    kept = f" The other {pluralize(rest, 'file')} {'is' if rest == 1 else 'are'} complete." if rest else ""
    if len(failed) == 1:
        error = DownloadError(
            f"{first.message}{kept}", code=first.code, hint=first.hint, details=first.details, status=first.status
        )
    else:
        shown = " ".join(one.error.message for one in failed[:_MOST_NAMED])
        more = f" And {len(failed) - _MOST_NAMED:,} more." if len(failed) > _MOST_NAMED else ""
        error = DownloadError(
            f"{len(failed):,} of {pluralize(len(jobs), 'file')} were not downloaded. {shown}{more}{kept}",
            code="files_failed",
            hint="Download again: only these files are requested. error.failed lists them.",
        )
    if unrecorded is not None:
        error.add_note(unrecorded.message)
    if len(failed) > 1 and any(is_full(one.error.__cause__) for one in failed):
        error.add_note(FREE_SPACE)
    error.failed, error.files = failed, files
    raise error from first
