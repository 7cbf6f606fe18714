"""Locks between processes and threads: a lock file that exists only while the lock is held."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import threading
import time
from typing import TYPE_CHECKING

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_PAUSE_SECONDS = 0.05
_IS_HELD = frozenset({errno.EACCES, errno.EAGAIN, errno.EWOULDBLOCK, errno.EDEADLK})


class FileLock:
    """An exclusive lock on a file name; it is released when its process ends, for whatever reason.

    On a file system without locks, the lock is always free. Two computers may then download the same file twice, but a file still
    gets its name only when it is complete.

    Parameters
    ----------
    path
        The lock file. Its folder must exist.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from scenecart._delivery.locks import FileLock
    >>> name = Path(tempfile.mkdtemp()) / "visual.tif.lock"
    >>> lock, other = FileLock(name), FileLock(name)
    >>> lock.acquire(), other.acquire()
    (True, False)
    >>> lock.release()
    >>> name.exists()
    False
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._handle: int | None = None
        self._guard = threading.Lock()

    def acquire(self) -> bool:
        """Acquire the lock and return True, or return False at once if another process or thread holds it.

        Raises
        ------
        OSError
            If the lock file cannot be created.
        """
        while True:
            try:
                handle = os.open(self._path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o644)
            except PermissionError:
                # Windows refuses a file that is being removed
                if sys.platform == "win32" and self._path.exists():
                    return False
                raise
            if not _lock(handle):
                os.close(handle)
                return False
            if self._is_current(handle):
                self._handle = handle
                return True
            # the last holder removed the file between the two calls
            os.close(handle)

    def release(self) -> None:
        """Release the lock; a second release does nothing."""
        with self._guard:
            handle, self._handle = self._handle, None
        if handle is None:
            return
        if sys.platform != "win32":
            # still locked, so no process can lock a removed file
            with contextlib.suppress(OSError):
                self._path.unlink()
        os.close(handle)
        if sys.platform == "win32":
            # fails if another process has opened it meanwhile, which then removes it
            with contextlib.suppress(OSError):
                self._path.unlink()

    @contextlib.contextmanager
    def held(self, seconds: float) -> Iterator[bool]:
        """Hold the lock for a block. The block gets False if the lock could not be acquired within this many seconds."""
        deadline = time.monotonic() + seconds
        while not (is_held := self.acquire()) and time.monotonic() < deadline:
            time.sleep(_PAUSE_SECONDS)
        try:
            yield is_held
        finally:
            self.release()

    def _is_current(self, handle: int) -> bool:
        """Return whether the locked file is still the one at the path."""
        try:
            return os.path.samestat(os.fstat(handle), self._path.stat())
        except OSError:
            return False


def _lock(handle: int) -> bool:
    try:
        if sys.platform == "win32":
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        # any other error: this file system has no locks
        return error.errno not in _IS_HELD
    return True
