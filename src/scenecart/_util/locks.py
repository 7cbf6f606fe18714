"""Locks between processes. The only module that imports filelock."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_POLL_SECONDS = 0.05


@contextlib.contextmanager
def process_lock(path: Path, seconds: float) -> Iterator[bool]:
    """Keep other processes out for the time of a block, and yield whether that was possible.

    Parameters
    ----------
    path
        The lock file; it is created. In a folder that cannot be written, or that has no locks, the block runs without one.
    seconds
        How long to wait for another process.

    Raises
    ------
    TimeoutError
        If another process holds the lock for longer.
    """
    from filelock import FileLock, Timeout  # noqa: PLC0415  # a search with a token needs no lock

    lock = FileLock(path, mode=0o600, thread_local=False)
    try:
        lock.acquire(timeout=seconds, poll_interval=_POLL_SECONDS)
    except Timeout:
        raise TimeoutError(f"{path.name} is locked") from None
    except (OSError, NotImplementedError):
        is_locked = False
    else:
        is_locked = True
    try:
        yield is_locked
    finally:
        lock.release()
