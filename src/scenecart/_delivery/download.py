"""Delivered STAC items, and resumable, verified downloads of their files."""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
from collections.abc import Iterable
from dataclasses import asdict, fields
from typing import IO, TYPE_CHECKING

import pandas as pd

from scenecart._api import operations
from scenecart._api.retry import READ_STATUSES
from scenecart._api.transport import secret_url
from scenecart._captures import decode
from scenecart._captures.frame import to_frame
from scenecart._delivery.items import fetch_items
from scenecart._delivery.paths import PlannedFile, plan_files, safe_name
from scenecart._delivery.provenance import fetch_edges, provenance_of
from scenecart._imagery.raster import open_raster
from scenecart._util.files import as_path
from scenecart._util.json import dumps
from scenecart._util.progress import bar
from scenecart._util.text import clean_text, pluralize
from scenecart._util.threads import map_in_threads
from scenecart._util.validate import shown_value
from scenecart.exceptions import (
    ConnectionFailed,
    DownloadError,
    InvalidRequest,
    ServiceError,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import geopandas as gpd
    import pystac
    import xarray as xr

    from scenecart._api.credentials import Secret
    from scenecart._api.http import Download, Session

_ATTEMPTS = 4
_EXPIRED = frozenset({401, 403, 410})


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

    def folder(self, order_id: str) -> Path | None:
        """Return the folder with the files that ``Order.open`` keeps of an order; None without any."""
        folder = self._cache / safe_name(order_id)
        return folder if folder.is_dir() and any(folder.iterdir()) else None

    def items(self, order_id: str, captures: int = 0) -> gpd.GeoDataFrame:
        """Return the items of a delivered order; see ``Order.items``. ``captures`` is how many were ordered, 0 if unknown."""
        document = fetch_items(self._session, order_id, captures)
        features, _, _ = decode.read_page(dumps(document), operations.LIST_ASSETS.id)
        frame = to_frame(features).drop(columns=["host", "orderable", "not_orderable_reason"])
        return frame.assign(provenance=provenance_of(self._session, order_id, [str(name) for name in frame["id"]]))

    def lineage(self, order_id: str) -> pd.DataFrame:
        """Return the recorded relations of captures, order and items; see ``Order.lineage``."""
        edges = fetch_edges(self._session, "order", order_id)
        return pd.DataFrame([asdict(edge) for edge in edges], columns=[one.name for one in fields(operations.Edge)])

    def open(self, order_id: str, asset: str, *, item: str | None, directory: str | os.PathLike[str] | None) -> xr.DataArray:
        """Download one file of a delivered order and open it; see ``Order.open``."""
        folder = self._cache / safe_name(order_id) if directory is None else as_path(directory, "directory")
        with_asset = plan_files(fetch_items(self._session, order_id), folder, [asset])
        matching = [file for file in with_asset if item in {None, file.item_id}]
        if len(matching) == 1:
            return open_raster(self._fetch_all(matching, 1, lambda _: None)[0])
        names = ", ".join(clean_text(name, 80) for name in sorted({file.item_id for file in with_asset}))
        details = {"items": names}
        if matching:
            raise InvalidRequest(
                f"Several items have an asset {asset!r}: {names}.",
                code="asset_ambiguous",
                hint=f'Choose one: open({asset!r}, item="…").',
                details=details,
            )
        if not with_asset:
            raise InvalidRequest(f"No item has an asset {asset!r}.", code="asset_unknown")
        raise InvalidRequest(
            f"Item {clean_text(item, 80)!r} has no asset {asset!r}. Items that have it: {names}.",
            code="item_without_asset",
            details=details,
        )

    def item_collection(self, order_id: str, captures: int = 0) -> pystac.ItemCollection:
        """Return the items of a delivered order as a pystac collection."""
        import pystac  # noqa: PLC0415  # slow to import, and most orders are read as frames

        try:
            return pystac.ItemCollection.from_dict(fetch_items(self._session, order_id, captures))
        except (pystac.STACTypeError, KeyError, TypeError, ValueError) as error:
            raise ServiceError(
                f"The items of order {order_id} are not valid STAC ({error}).",
                code="items_invalid_stac",
                operation=operations.LIST_ASSETS.id,
            ) from error

    def download(
        self,
        order_id: str,
        directory: str | os.PathLike[str],
        *,
        assets: str | Iterable[str] | None,
        progress: bool | Callable[[float], object],
        workers: int,
        captures: int = 0,
    ) -> list[Path]:
        """Download the files of a delivered order; see ``Order.download``."""
        folder = as_path(directory, "directory")
        files = plan_files(fetch_items(self._session, order_id, captures), folder, _asset_keys(assets))
        has_sizes = all(file.size is not None for file in files)
        total = float(sum(file.size or 0 for file in files)) if has_sizes else None
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InvalidRequest(
                f"must be a folder that can be written to, got {clean_text(folder, 200)!r} ({error.strerror}).",
                code="directory_unusable",
                argument="directory",
                hint="Choose another folder.",
            ) from None
        if callable(progress):
            return self._fetch_all(files, workers, _count_as_share(total, progress))
        if not progress:
            return self._fetch_all(files, workers, lambda _: None)
        with bar(f"Downloading {pluralize(len(files), 'file')}", total=total, unit="bytes") as shown:
            paths = self._fetch_all(files, workers, shown.add)
            shown.show(label=_verification_label(files))
            return paths

    def _fetch_all(self, files: list[PlannedFile], workers: int, count: Callable[[int], None]) -> list[Path]:
        stop = threading.Event()
        with self._session.separate() as session:

            def cancel() -> None:
                stop.set()
                session.abort()

            return map_in_threads(
                lambda file: self._fetch(session, file, count, stop), files, workers, cancel=cancel, name="scenecart-download"
            )

    def _fetch(self, session: Session, file: PlannedFile, count: Callable[[int], None], stop: threading.Event) -> Path:
        if file.target.is_symlink() or file.target.parent.is_symlink():
            raise DownloadError(
                f"{file.target} or its folder is a symbolic link. Nothing was written.",
                code="target_is_link",
                hint="Remove the link, or choose another folder.",
            )
        if file.target.exists():
            if not _matches(file.target, file):
                raise DownloadError(
                    f"{file.target} exists and is a different file. It was not overwritten.",
                    code="target_differs",
                    hint="Move it away, or choose another folder.",
                )
            count(file.target.stat().st_size)
            return file.target
        part = file.target.with_name(file.target.name + ".part")
        failures = 0
        while True:
            try:
                file.target.parent.mkdir(parents=True, exist_ok=True)
                self._fetch_part(session, file, part, count, stop)
                break
            except ConnectionFailed as error:
                failures += 1
                if failures >= _ATTEMPTS or stop.is_set():
                    raise DownloadError(
                        f"{file.target.name} was not downloaded completely: {error.message}",
                        code="download_interrupted",
                        hint="Download again. It resumes where it stopped.",
                    ) from error
                session.pause(failures)
            except OSError as error:
                raise DownloadError(
                    f"{file.target.name} cannot be written: {error.strerror or error}.",
                    code="file_not_written",
                    hint="Free disk space or fix the folder's permissions, then download again.",
                ) from error
        _check(part, file)
        part.replace(file.target)
        _etag_file(part).unlink(missing_ok=True)
        return file.target

    def _fetch_part(
        self, session: Session, file: PlannedFile, part: Path, count: Callable[[int], None], stop: threading.Event
    ) -> None:
        part_size = part.stat().st_size if part.is_file() and not part.is_symlink() else 0
        etag = _etag_file(part).read_text(encoding="ascii") if part_size and _etag_file(part).is_file() else ""
        headers = {"Range": f"bytes={part_size}-", "If-Range": etag} if etag else {}
        for attempt in range(2):
            with session.download(_signed_url(session, file), headers) as answer:
                if answer.status in _EXPIRED and attempt == 0:
                    continue
                if answer.status in READ_STATUSES:
                    raise ConnectionFailed(f"The server answered {answer.status}.", code="file_server_busy")
                if answer.status == 416:  # noqa: PLR2004  # range not satisfiable: the part is of another file
                    part.unlink(missing_ok=True)
                    raise ConnectionFailed(
                        f"The server cannot resume {file.target.name}; it starts again.", code="download_not_resumable"
                    )
                resumes = answer.status == 206 and answer.headers.get("content-range", "").startswith(f"bytes {part_size}-")  # noqa: PLR2004  # partial content
                if answer.status != 200 and not resumes:  # noqa: PLR2004  # the body of any other status is not the file
                    raise DownloadError(
                        f"{file.target.name} cannot be downloaded: the server answered {answer.status}.",
                        code="file_not_available",
                        hint="Download again. If this persists, contact the service's support.",
                    )
                self._write(answer, part, count, stop, keep=part_size if resumes else 0, most=file.size)
                return

    def _write(
        self, answer: Download, part: Path, count: Callable[[int], None], stop: threading.Event, *, keep: int, most: int | None
    ) -> None:
        etag = answer.headers.get("etag", "")
        with _opened(_etag_file(part), os.O_TRUNC) as stream:
            stream.write(etag.encode() if not etag.startswith("W/") and etag.isascii() else b"")
        count(keep)
        size = keep
        with _opened(part, os.O_APPEND if keep else os.O_TRUNC) as stream:
            for chunk in answer.chunks:
                if stop.is_set():
                    raise DownloadError("The download was stopped.", code="download_stopped")
                size += len(chunk)
                if most is not None and size > most:
                    # longer than announced: do not read an endless body
                    break
                stream.write(chunk)
                count(len(chunk))
            stream.flush()
            os.fsync(stream.fileno())


def _signed_url(session: Session, file: PlannedFile) -> Secret:
    url = operations.download_url(session.call(operations.DOWNLOAD, operations.asset_reference(file.item_id, file.asset_id)))
    if url is None:
        raise ServiceError(
            "The service returned no download URL for a delivered file.",
            code="download_url_missing",
            operation=operations.DOWNLOAD.id,
        )
    return secret_url(session.base_url + "/", url)


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


def _count_as_share(total: float | None, callback: Callable[[float], object]) -> Callable[[int], None]:
    """Return a counter of downloaded bytes that reports their share of the total, from any thread."""
    lock, downloaded = threading.Lock(), [0]

    def count(more: int) -> None:
        with lock:
            downloaded[0] += more
            callback(min(1.0, downloaded[0] / total) if total else 0.0)

    return count


def _verification_label(files: list[PlannedFile]) -> str:
    """Return how many files were verified, and by what.

    Examples
    --------
    >>> from pathlib import Path
    >>> by_checksum = PlannedFile("i", "a", Path("a.tif"), 5, ("sha256", "00"))
    >>> _verification_label([by_checksum, PlannedFile("i", "b", Path("b.png"), 5, None)])
    '2 files verified (1 checksum, 1 size)'
    """
    by_checksum = sum(file.checksum is not None for file in files)
    by_size = sum(file.checksum is None and file.size is not None for file in files)
    verified, unverified = by_checksum + by_size, len(files) - by_checksum - by_size
    ways = [(by_checksum, "checksum"), (by_size, "size")]
    used = ", ".join(way if count == verified else f"{count} {way}" for count, way in ways if count)
    parts = [f"{pluralize(verified, 'file')} verified ({used})"] if verified else []
    parts += [f"{pluralize(unverified, 'file')} without checksum or size"] if unverified else []
    return ", ".join(parts) or "No files"


def _matches(path: Path, file: PlannedFile) -> bool:
    with contextlib.suppress(DownloadError):
        _check(path, file)
        return True
    return False


def _check(path: Path, file: PlannedFile) -> None:
    """Compare size and digest with what was announced; a ``.part`` that differs is deleted."""
    size = path.stat().st_size
    is_right = file.size is None or size == file.size
    if is_right and file.checksum is not None:
        algorithm, digest = file.checksum
        with path.open("rb") as stream:
            is_right = hashlib.file_digest(stream, algorithm).hexdigest() == digest
    if not is_right:
        if path.suffix == ".part":
            path.unlink()
            _etag_file(path).unlink(missing_ok=True)
        raise DownloadError(
            f"{file.target.name} has the wrong size or checksum. It was not kept.",
            code="file_corrupt",
            hint="Download again. If this persists, contact the service's support.",
        )


def _opened(path: Path, how: int) -> IO[bytes]:
    """Open a file for writing, and refuse a symbolic link."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | how, 0o644), "wb")


def _etag_file(part: Path) -> Path:
    return part.with_name(part.name + ".etag")
