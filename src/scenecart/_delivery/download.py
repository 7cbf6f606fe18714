"""What an order delivers: STAC items as a frame and as pystac, and their files, verified."""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, fields
from functools import partial
from typing import IO, TYPE_CHECKING, Any

import pandas as pd

from scenecart._api import operations
from scenecart._api.http import redacted_url
from scenecart._api.retry import READ_STATUSES
from scenecart._captures import decode
from scenecart._captures.frame import to_frame
from scenecart._delivery.paths import Wanted, plan, safe_name
from scenecart._imagery.raster import open_raster, require_rioxarray
from scenecart._util.files import as_path
from scenecart._util.progress import bar
from scenecart._util.text import clean_text, pluralize
from scenecart.exceptions import (
    ConnectionFailed,
    DownloadError,
    InvalidRequest,
    NotFound,
    PermissionDenied,
    ServiceError,
    warn,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import geopandas as gpd
    import pystac
    import xarray as xr

    from scenecart._api.credentials import Secret
    from scenecart._api.http import Download, Session
    from scenecart._orders.order import Order

_ATTEMPTS = 4
_ASKED_ALONE = 50
_EXPIRED = frozenset({401, 403, 410})


class DeliveryService:
    """Fetching what orders delivered, from one service."""

    def __init__(self, session: Session, cache: Path) -> None:
        self._session = session
        self._cache = cache

    def items(self, order: Order) -> gpd.GeoDataFrame:
        """Return an order's items: one row each, columns as in a search; see ``Order.items``."""
        _require_delivered(order)
        asked = operations.assets_body(order.id)
        features, _, _ = self._session.page(
            operations.LIST_ASSETS, asked, partial(decode.read_page, operation=operations.LIST_ASSETS.id)
        )
        frame = to_frame(features).drop(columns=["host", "orderable", "not_orderable_reason"])
        return frame.assign(provenance=self._provenance(order, frame["id"].tolist()))

    def lineage(self, order: Order) -> pd.DataFrame:
        """Return how things follow from each other around an order; see ``Order.lineage``."""
        edges = operations.parse_lineage(self._session.call(operations.PROVENANCE, operations.lineage_body("order", order.id)))
        return pd.DataFrame([asdict(edge) for edge in edges], columns=[one.name for one in fields(operations.Edge)])

    def open(self, order: Order, asset: str, *, item: str | None, directory: str | os.PathLike[str] | None) -> xr.DataArray:
        """Fetch one file and open it; see ``Order.open``."""
        require_rioxarray()
        _require_delivered(order)
        folder = self._cache / safe_name(order.id) if directory is None else as_path(directory, "A download")
        offered = plan(self._document(order), folder, [asset])
        wanted = [file for file in offered if item in {None, file.item_id}]
        if len(wanted) != 1:
            named = sorted({file.item_id for file in offered})
            what = "has" if not wanted else "is not alone in having"
            raise InvalidRequest(
                f"{'No item' if item is None and not wanted else 'The item'} {what} the asset {asset!r}.",
                hint=f'Say which: open({asset!r}, item="…"). There are: {", ".join(clean_text(name, 80) for name in named)}.',
            )
        return open_raster(self._fetch_all(wanted, 1, lambda _: None)[0])

    def _provenance(self, order: Order, names: list[Any]) -> list[str]:
        """Tell of each item whether the service's record leads from it back to the order."""
        try:
            known = self._items_of(order, "order", order.id)
            for name in [name for name in names if name not in known][:_ASKED_ALONE]:
                known |= self._items_of(order, "item", str(name))
        except PermissionDenied:
            return ["unknown"] * len(names)
        found = ["verified" if name in known else "missing" for name in names]
        if "missing" in found:
            warn(
                f"{found.count('missing')} of {len(found)} delivered items have no record that leads back to order {order.id}; "
                "the column 'provenance' says which. Ask the service's support before you use them."
            )
        return found

    def _items_of(self, order: Order, kind: str, name: str) -> set[str]:
        try:
            edges = operations.parse_lineage(self._session.call(operations.PROVENANCE, operations.lineage_body(kind, name)))
        except NotFound:
            return set()
        back = {edge.entity_id for edge in edges if (edge.entity, edge.source, edge.source_id) == ("item", "order", order.id)}
        # the same record written from the order's side
        forth = {edge.source_id for edge in edges if (edge.source, edge.entity, edge.entity_id) == ("item", "order", order.id)}
        return back | forth

    def item_collection(self, order: Order) -> pystac.ItemCollection:
        """Return an order's items as pystac knows them."""
        import pystac  # noqa: PLC0415  # most orders are looked at as frames

        _require_delivered(order)
        try:
            return pystac.ItemCollection.from_dict(self._document(order))
        except (pystac.STACTypeError, KeyError, TypeError, ValueError) as error:
            raise ServiceError(
                f"Order {order.id} delivered items that are no STAC ({error}).", operation=operations.LIST_ASSETS.id
            ) from error

    def download(
        self,
        order: Order,
        directory: str | os.PathLike[str],
        *,
        assets: str | Iterable[str] | None,
        progress: bool | Callable[[float], object],
        workers: int,
    ) -> list[Path]:
        """Fetch an order's files; see ``Order.download``."""
        _require_delivered(order)
        folder = as_path(directory, "A download")
        wanted = plan(self._document(order), folder, _chosen(assets))
        known = all(file.size is not None for file in wanted)
        total = float(sum(file.size or 0 for file in wanted)) if known else None
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InvalidRequest(
                f"{folder} is no folder that files can go into ({error.strerror}).", hint="Name a folder."
            ) from None
        if callable(progress):
            return self._fetch_all(wanted, workers, _shares(total, progress))
        if not progress:
            return self._fetch_all(wanted, workers, lambda _: None)
        with bar(f"Downloading {pluralize(len(wanted), 'file')}", total=total, unit="bytes") as shown:
            found = self._fetch_all(wanted, workers, shown.add)
            shown.show(label=_verified(wanted))
            return found

    def _fetch_all(self, wanted: list[Wanted], workers: int, count: Callable[[int], None]) -> list[Path]:
        stop = threading.Event()

        def one(file: Wanted) -> Path:
            try:
                return self._fetch(file, count, stop)
            except BaseException:
                stop.set()
                raise

        with ThreadPoolExecutor(max_workers=max(1, workers), thread_name_prefix="scenecart-download") as pool:
            try:
                return list(pool.map(one, wanted))
            except BaseException:
                stop.set()
                pool.shutdown(wait=True, cancel_futures=True)
                raise

    def _fetch(self, file: Wanted, count: Callable[[int], None], stop: threading.Event) -> Path:
        if file.target.is_symlink() or file.target.parent.is_symlink():
            raise DownloadError(f"{file.target} is a link, or in a folder that is one; nothing is written through it.")
        if file.target.exists():
            if not _is_whole(file.target, file):
                raise DownloadError(
                    f"{file.target} is there already and is another file.",
                    hint="Move it away, or choose another folder.",
                )
            count(file.target.stat().st_size)
            return file.target
        file.target.parent.mkdir(parents=True, exist_ok=True)
        part = file.target.with_name(file.target.name + ".part")
        failures = 0
        while True:
            try:
                self._fetch_part(file, part, count, stop)
                break
            except ConnectionFailed as error:
                failures += 1
                if failures >= _ATTEMPTS:
                    raise DownloadError(
                        f"{file.target.name} did not arrive whole: {error.message}",
                        hint="Download again: it goes on where it stopped.",
                    ) from error
                self._session.pause(failures)
            except OSError as error:
                raise DownloadError(f"{file.target.name} cannot be written: {error.strerror or error}.") from error
        _check(part, file)
        part.replace(file.target)
        _etag_file(part).unlink(missing_ok=True)
        return file.target

    def _fetch_part(self, file: Wanted, part: Path, count: Callable[[int], None], stop: threading.Event) -> None:
        have = part.stat().st_size if part.is_file() and not part.is_symlink() else 0
        etag = _etag_file(part).read_text(encoding="ascii") if have and _etag_file(part).is_file() else ""
        headers = {"Range": f"bytes={have}-", "If-Range": etag} if etag else {}
        for attempt in range(2):
            with self._session.download(self._signed_url(file), headers) as answer:
                if answer.status in _EXPIRED and attempt == 0:
                    continue
                if answer.status in READ_STATUSES:
                    raise ConnectionFailed(f"The server answered {answer.status}.")
                if answer.status == 416:  # noqa: PLR2004  # what is there is not a beginning of it
                    part.unlink(missing_ok=True)
                    raise ConnectionFailed(f"{file.target.name} has to start again.")
                resumes = answer.status == 206 and answer.headers.get("content-range", "").startswith(f"bytes {have}-")  # noqa: PLR2004  # partial content
                if answer.status != 200 and not resumes:  # noqa: PLR2004  # anything else holds no file
                    raise DownloadError(f"{file.target.name} cannot be fetched: the server answered {answer.status}.")
                self._write(answer, part, count, stop, keep=have if resumes else 0, most=file.size)
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
                    raise DownloadError("The download was stopped.")
                size += len(chunk)
                if most is not None and size > most:
                    # it is not what was promised, however long it goes on
                    break
                stream.write(chunk)
                count(len(chunk))
            stream.flush()
            os.fsync(stream.fileno())

    def _signed_url(self, file: Wanted) -> Secret:
        url = operations.download_url(
            self._session.call(operations.DOWNLOAD, operations.asset_reference(file.item_id, file.asset_id))
        )
        if url is None:
            raise ServiceError("The service gave no address for a delivered file.", operation=operations.DOWNLOAD.id)
        return redacted_url(self._session.base_url + "/", url)

    def _document(self, order: Order) -> dict[str, Any]:
        document = self._session.call(operations.LIST_ASSETS, operations.assets_body(order.id))
        if not isinstance(document, dict) or not isinstance(document.get("features"), list):
            raise ServiceError(f"The items of order {order.id} cannot be read.", operation=operations.LIST_ASSETS.id)
        return document


def _chosen(assets: str | Iterable[str] | None) -> list[str] | None:
    """Return the keys of assets that are asked for; a text is one key."""
    if assets is None:
        return None
    keys = [assets] if isinstance(assets, str) else list(assets) if isinstance(assets, Iterable) else [assets]
    if not all(isinstance(key, str) for key in keys):
        raise InvalidRequest(f"assets must be keys of assets, as text, not {clean_text(repr(assets), 80)}.")
    return keys


def _require_delivered(order: Order) -> None:
    """Look again whether an order is delivered, and say how it stands where it is not."""
    if order.status != "delivered":
        order.refresh()
    if order.status == "delivered":
        return
    hint = f"It delivers nothing{f': {order.reason}' if order.reason else ''}." if order.is_finished else "Call order.wait() first."
    raise DownloadError(f"Order {order.id} is {clean_text(order.status, 40)}, not delivered.", hint=hint)


def _shares(total: float | None, tell: Callable[[float], object]) -> Callable[[int], None]:
    """Return what counts bytes of all files and tells the share of them."""
    lock, arrived = threading.Lock(), [0]

    def count(more: int) -> None:
        with lock:
            arrived[0] += more
            tell(min(1.0, arrived[0] / total) if total else 0.0)

    return count


def _verified(wanted: list[Wanted]) -> str:
    """Say how files were checked.

    Examples
    --------
    >>> from pathlib import Path
    >>> _verified([Wanted("i", "a", Path("a.tif"), 5, ("sha256", "00")), Wanted("i", "b", Path("b.png"), 5, None)])
    '2 files whole: 1 by checksum, 1 by size'
    """
    by_checksum = sum(file.checksum is not None for file in wanted)
    by_size = sum(file.checksum is None and file.size is not None for file in wanted)
    ways = [(by_checksum, "by checksum"), (by_size, "by size"), (len(wanted) - by_checksum - by_size, "with nothing to check by")]
    return f"{pluralize(len(wanted), 'file')} whole: " + ", ".join(f"{count} {way}" for count, way in ways if count)


def _is_whole(path: Path, file: Wanted) -> bool:
    with contextlib.suppress(DownloadError):
        _check(path, file)
        return True
    return False


def _check(path: Path, file: Wanted) -> None:
    """Compare size and digest; what does not fit is thrown away, never kept under the final name."""
    size = path.stat().st_size
    right = file.size is None or size == file.size
    if right and file.checksum is not None:
        algorithm, digest = file.checksum
        with path.open("rb") as stream:
            right = hashlib.file_digest(stream, algorithm).hexdigest() == digest
    if not right:
        if path.suffix == ".part":
            path.unlink()
            _etag_file(path).unlink(missing_ok=True)
        raise DownloadError(
            f"{file.target.name} arrived, but is not what was promised (size or checksum).",
            hint="Download again. If it stays, tell the service's support.",
        )


def _opened(path: Path, how: int) -> IO[bytes]:
    """Open a file to write to, but never through a link."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | how, 0o644), "wb")


def _etag_file(part: Path) -> Path:
    return part.with_name(part.name + ".etag")
