"""Remote files read by byte ranges, through rasterio's ``opener``: GDAL sees neither the URL nor the token."""

from __future__ import annotations

import io
import re
import threading
import uuid
from collections import OrderedDict
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from rasterio.abc import MultiByteRangeResourceContainer

from scenecart._api.retry import READ_STATUSES
from scenecart._api.transport import OF_THE_NETWORK
from scenecart.exceptions import ConnectionFailed, DownloadError, ScenecartError, reword

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager

    from scenecart._api.credentials import Secret
    from scenecart._api.file_requests import Download

BLOCK = 64 * 1024
_MAX_KEPT = 64 * 2**20
# a sequential read doubles what the next request fetches, up to this many blocks
_MAX_AHEAD = 16
_MAX_RUN = 128
# two runs this close are fetched in one request, which costs less than another request
_GAP = 2
_EXPIRED = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.GONE})
_ATTEMPTS = 3
_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")


class RangeReader:
    """Blocks of one remote file, fetched by range requests when they are read, and kept in memory; thread-safe.

    Parameters
    ----------
    url
        Returns the URL of the file; called again if the URL has expired.
    download
        Opens a URL with headers, such as ``Session.download``.
    name
        The file's name, for messages.

    Attributes
    ----------
    size : int
        The size of the file in bytes; known after the first request.
    requests, received : int
        How many requests were sent, and how many bytes were received.
    """

    def __init__(
        self,
        url: Callable[[], Secret],
        download: Callable[[Secret, Mapping[str, str]], AbstractContextManager[Download]],
        name: str,
    ) -> None:
        self._make_url, self._download, self.name = url, download, name
        self._url: Secret | None = None
        self._blocks: OrderedDict[int, bytes] = OrderedDict()
        self._lock = threading.Lock()
        self._etag = ""
        self._next, self._ahead = 0, 1
        self.size = self.requests = self.received = 0

    def __repr__(self) -> str:
        return f"RangeReader({self.name!r})"

    def open(self) -> None:
        """Fetch the beginning of the file, which states its size.

        Raises
        ------
        DownloadError
            If the server does not support range requests for the file.
        ConnectionFailed
            If the server does not answer.
        """
        with self._lock:
            if not self.size:
                self._fetch(0, 1)

    def read(self, start: int, count: int) -> bytes:
        """Return bytes of the file; fewer at its end.

        Raises
        ------
        DownloadError, ConnectionFailed
            If the bytes cannot be fetched.
        """
        return self.read_many([(start, count)])[0]

    def read_many(self, spans: list[tuple[int, int]]) -> list[bytes]:
        """Return several spans, each a start and a length, in as few requests as possible."""
        with self._lock:
            if not self.size:
                self._fetch(0, 1)
            wanted = [(start, max(start, min(start + count, self.size))) for start, count in spans]
            for first, number in self._missing({block for start, end in wanted for block in _blocks_of(start, end)}):
                self._fetch(first, number)
            found = [self._joined(start, end) for start, end in wanted]
            while len(self._blocks) * BLOCK > _MAX_KEPT:
                self._blocks.popitem(last=False)
            return found

    def opening(self) -> dict[str, Any]:
        """Return the arguments of ``rasterio.open`` that read this file.

        Bytes that cannot be fetched are read as an empty result or as zeros; the attribute ``error`` of ``opener`` is the reason:
        rasterio prints tracebacks of errors in its callbacks, and GDAL replaces them by its own.

        Open, read and close the dataset in one thread: rasterio 1.4 ends the process if another thread closes it.
        """
        # GDAL keeps what it knows of a name, and rasterio finds an opener by folder
        return {"fp": f"scenecart-{uuid.uuid4().hex}/{_FILE}", "opener": _Container(self)}

    def _missing(self, blocks: set[int]) -> Iterator[tuple[int, int]]:
        """Yield runs of blocks to fetch, as the first block and the number of blocks."""
        missing = sorted(block for block in blocks if block not in self._blocks)
        last_block = (self.size - 1) // BLOCK
        while missing:
            first = end = missing[0]
            while missing and missing[0] <= end + _GAP and missing[0] - first < _MAX_RUN:
                end = missing.pop(0)
            self._ahead = min(2 * self._ahead, _MAX_AHEAD) if first == self._next else 1
            end = min(max(end, first + self._ahead - 1), last_block)
            self._next = end + 1
            yield first, end - first + 1

    def _joined(self, start: int, end: int) -> bytes:
        blocks = _blocks_of(start, end)
        for block in blocks:
            self._blocks.move_to_end(block)
        joined = b"".join(self._blocks[block] for block in blocks)
        offset = blocks.start * BLOCK
        return joined[start - offset : end - offset]

    def _fetch(self, first: int, number: int) -> None:
        """Fetch a run of blocks, again if the connection is lost, and with a new URL if it has expired."""
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                if self._fetch_once(first, number, is_last=attempt == _ATTEMPTS):
                    return
            except ConnectionFailed as error:
                if attempt < _ATTEMPTS:
                    continue
                if error.code in OF_THE_NETWORK:
                    reword(
                        error,
                        f"The server of {self.name} cannot be reached.",
                        code="file_server_unreachable",
                        hint="Check the network connection, and try again.",
                    )
                raise

    def _fetch_once(self, first: int, number: int, *, is_last: bool) -> bool:
        """Fetch a run of blocks, and return whether it arrived; False means to try again."""
        start, count = first * BLOCK, number * BLOCK
        if self._url is None:
            self._url = self._make_url()
        self.requests += 1
        with self._download(self._url, {"Range": f"bytes={start}-{start + count - 1}"}) as answer:
            if answer.status in _EXPIRED and not is_last:
                self._url = None
                return False
            if answer.status in READ_STATUSES:
                raise ConnectionFailed(f"The server of {self.name} answered {answer.status}.", code="file_server_busy")
            if answer.status == HTTPStatus.OK:
                # the whole file, of any size
                raise DownloadError(
                    f"The server of {self.name} does not serve parts of files.",
                    code="ranges_not_supported",
                    hint="Download the file, and open it from the folder.",
                )
            if answer.status != HTTPStatus.PARTIAL_CONTENT:
                raise DownloadError(f"{self.name} cannot be read: the server answered {answer.status}.", code="file_not_available")
            self._keep(first, count, self._checked(answer, start, count))
        return True

    def _checked(self, answer: Download, start: int, count: int) -> bytes:
        """Return the body of a response to a range request, if it is that range of the same file."""
        stated = _RANGE.fullmatch(answer.headers.get("content-range", "").strip())
        etag = answer.headers.get("etag", "")
        size = int(stated[3]) if stated else 0
        if (self.size and size != self.size) or (self._etag and etag != self._etag):
            self._blocks.clear()
            self.size, self._etag = 0, ""
            raise DownloadError(f"{self.name} changed while it was read.", code="file_changed", hint="Open it again.")
        expected = min(count, size - start)
        data = bytearray()
        for chunk in answer.chunks:
            data += chunk
            if len(data) > expected:
                break
        if stated is None or int(stated[1]) != start or len(data) > expected:
            raise DownloadError(f"The server of {self.name} sent other bytes than requested.", code="range_wrong")
        if len(data) < expected:
            raise ConnectionFailed(f"{self.name} was not received completely.", code="range_incomplete")
        self.size, self._etag = size, etag
        return bytes(data)

    def _keep(self, first: int, count: int, data: bytes) -> None:
        self.received += len(data)
        for place in range(0, min(count, len(data)), BLOCK):
            self._blocks[first + place // BLOCK] = data[place : place + BLOCK]


def _blocks_of(start: int, end: int) -> range:
    return range(start // BLOCK, (end - 1) // BLOCK + 1) if end > start else range(start // BLOCK, start // BLOCK)


_FILE = "raster.tif"


class _File(io.RawIOBase):
    """The interface that GDAL reads: a seekable file, and many ranges at once."""

    def __init__(self, reader: RangeReader, container: _Container) -> None:
        self._reader, self._container, self._position = reader, container, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        self._position = offset + (0, self._position, self._reader.size)[whence]
        return self._position

    def tell(self) -> int:
        return self._position

    def read(self, count: int = -1) -> bytes:
        try:
            data = self._reader.read(self._position, self._reader.size if count < 0 else count)
        except ScenecartError as error:
            self._container.error = error
            return b""
        self._position += len(data)
        return data

    def get_byte_ranges(self, offsets: list[int], sizes: list[int]) -> list[bytes]:
        try:
            return self._reader.read_many(list(zip(offsets, sizes, strict=True)))
        except ScenecartError as error:
            self._container.error = error
            return [bytes(size) for size in sizes]


class _Container(MultiByteRangeResourceContainer):  # type: ignore[misc]  # rasterio has no types
    """A file system with this one file: GDAL finds no file next to it that could name others."""

    def __init__(self, reader: RangeReader) -> None:
        self._reader = reader
        self.error: ScenecartError | None = None

    def open(self, path: str, mode: str = "r", **_: Any) -> _File:
        if not self.isfile(path) or set(mode) & set("wa+"):
            raise FileNotFoundError(path)
        return _File(self._reader, self)

    def isfile(self, path: str) -> bool:
        return path.endswith(f"/{_FILE}")

    def isdir(self, path: str) -> bool:  # noqa: ARG002  # rasterio's signature
        return False

    def ls(self, path: str) -> list[str]:  # noqa: ARG002  # likewise
        return []

    def mtime(self, path: str) -> int:  # noqa: ARG002  # likewise
        return 0

    def size(self, path: str) -> int:
        if not self.isfile(path):
            raise FileNotFoundError(path)
        return self._reader.size

    def rm(self, path: str) -> None:
        raise PermissionError(path)
