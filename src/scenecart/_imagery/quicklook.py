"""Quicklooks of captures: fetched in parallel within limits, and kept on disk."""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from scenecart._api import operations
from scenecart._util.files import write_atomic
from scenecart._util.forks import register_after_fork
from scenecart.exceptions import InvalidRequest

if TYPE_CHECKING:
    from pathlib import Path

    from scenecart._api.http import Session

SIZES = ("thumbnail", "large")
_OPERATIONS = {"thumbnail": operations.THUMBNAIL, "large": operations.QUICKLOOK}
_MAX_BYTES = {"thumbnail": 4 * 2**20, "large": 16 * 2**20}
_MAX_AT_ONCE = 6
_MAX_FOLDER_BYTES = 512 * 2**20
# share that is deleted when the folder is full, so that not every new picture deletes files
_TRIMMED_SHARE = 0.8
_SIGNATURES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"RIFF")


@dataclass
class _Fetch:
    """A picture that one thread fetches while others wait for it."""

    done: threading.Event = field(default_factory=threading.Event)
    content: bytes | None = None
    error: BaseException | None = None


class QuicklookStore:
    """Quicklooks of one service, from a folder or from the service; thread-safe.

    At most six requests run at once, for any number of threads, and only one for the same picture. The folder is limited to
    512 MiB; the pictures that were not used for longest are deleted first.

    Parameters
    ----------
    session
        The connection to the service.
    folder
        The folder of the pictures, with a subfolder for each service.
    max_bytes
        The most bytes that the folder holds.
    """

    def __init__(self, session: Session, folder: Path, *, max_bytes: int = _MAX_FOLDER_BYTES) -> None:
        self._session = session
        self._folder = folder / _digest(session.base_url)
        self._max_bytes = max_bytes
        self._kept_bytes: int | None = None
        self.after_fork()
        register_after_fork(self)

    def after_fork(self) -> None:
        """Forget running requests in a forked process, where their threads do not exist."""
        self._lock = threading.Lock()
        self._running: dict[str, _Fetch] = {}
        self._slots = threading.BoundedSemaphore(_MAX_AT_ONCE)

    def fetch(self, host: str, collection: str, capture: str, size: str) -> bytes | None:
        """Return a picture as bytes of PNG, JPEG or WEBP; None if there is none.

        ``size`` is ``"thumbnail"`` or ``"large"``; if there is no large one, the thumbnail is returned.

        Raises
        ------
        ScenecartError
            If the service fails.
        """
        name = _digest(host, collection, capture, size)
        kept = self._read(name)
        if kept is not None:
            return kept
        with self._lock:
            running = self._running.get(name)
            is_first = running is None
            if running is None:
                running = self._running[name] = _Fetch()
        if not is_first:
            running.done.wait()
            if running.error is not None:
                raise running.error
            return running.content
        try:
            # read again: it may have been written since, by a fetch that has just ended or by another process
            running.content = self._read(name) or self._request(name, host, capture, size)
            if running.content is None and size == "large":
                running.content = self.fetch(host, collection, capture, "thumbnail")
        except BaseException as error:
            running.error = error
            raise
        finally:
            with self._lock:
                del self._running[name]
            running.done.set()
        return running.content

    def _request(self, name: str, host: str, capture: str, size: str) -> bytes | None:
        with self._slots:
            reference = operations.image_reference(host, capture)
            content = self._session.image(_OPERATIONS[size], reference, _MAX_BYTES[size])
        if content is not None and content.startswith(_SIGNATURES):
            self._keep(name, content)
        return content

    def _read(self, name: str) -> bytes | None:
        path = self._path(name)
        try:
            content = path.read_bytes()
            # the time of the last use, by which pictures are deleted
            os.utime(path)
        except OSError:
            return None
        return content if content.startswith(_SIGNATURES) else None

    def _keep(self, name: str, content: bytes) -> None:
        """Write a picture to disk; on a full or read-only disk, it is only requested again."""
        with contextlib.suppress(InvalidRequest, OSError):
            write_atomic(content, self._path(name), "The quicklook")
            with self._lock:
                if self._kept_bytes is None:
                    self._kept_bytes = sum(size for _, size, _ in self._files())
                else:
                    self._kept_bytes += len(content)
                if self._kept_bytes > self._max_bytes:
                    self._trim()

    def _trim(self) -> None:
        files = sorted(self._files())
        total = sum(size for _, size, _ in files)
        for _, size, path in files:
            if total <= _TRIMMED_SHARE * self._max_bytes:
                break
            path.unlink(missing_ok=True)
            total -= size
        self._kept_bytes = total

    def _files(self) -> list[tuple[float, int, Path]]:
        found = []
        for path in self._folder.glob("*/*"):
            # another process may have deleted the file
            with contextlib.suppress(OSError):
                state = path.stat()
                found.append((state.st_mtime, state.st_size, path))
        return found

    def _path(self, name: str) -> Path:
        return self._folder / name[:2] / name[2:]


def _digest(*parts: str) -> str:
    """Return a file name for strings with any characters."""
    text = "\0".join(parts).encode("utf-8", "surrogatepass")
    return hashlib.sha256(text).hexdigest()[:32]
