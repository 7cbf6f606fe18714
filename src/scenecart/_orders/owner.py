"""Which session works on a placement, and whether it still runs."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

from scenecart.exceptions import JournalError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scenecart._orders.journal import Journal

_START_TIME_FIELD = 19
_ENDED_STATES = frozenset("ZXx")
_lock = threading.Lock()
_working: set[str] = set()


def new_owner() -> str:
    """Return a new owner: an id for one piece of work of this process, which runs until :func:`finish`."""
    owner = f"{socket.gethostname()}/{os.getpid()}/{_start_of(os.getpid())}/{uuid.uuid4().hex[:12]}"
    with _lock:
        _working.add(owner)
    return owner


def finish(owner: str) -> None:
    """Record that a piece of work has ended."""
    with _lock:
        _working.discard(owner)


@contextlib.contextmanager
def reservation(journal: Journal) -> Iterator[str]:
    """Return an owner to reserve placements with; its reservations are released afterwards.

    If the journal cannot be written, they are released by the next ``settle()``.
    """
    owner = new_owner()
    try:
        yield owner
    finally:
        with contextlib.suppress(JournalError):
            journal.release_all(owner)
        finish(owner)


def is_working(owner: str | None) -> bool:
    """Return whether the session of an owner is still running; for another computer this is unknown, and False."""
    parts = (owner or "").split("/")
    if owner is None or len(parts) != 4:  # noqa: PLR2004  # host, process, its start, work
        return False
    host, process, start, _ = parts
    if host != socket.gethostname() or not process.isdecimal():
        return False
    if int(process) == os.getpid() and start == _start_of(os.getpid()):
        with _lock:
            return owner in _working
    return _is_alive(int(process)) and start == _start_of(int(process))


def _is_alive(process: int) -> bool:
    if os.name == "nt":
        # signal 0 would end the process there
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _start_of(process: int) -> str:
    """Return when a process started, as Linux states it; an empty string elsewhere, and for one that ended and was not awaited."""
    try:
        stat = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    # the name of the program may contain spaces
    state, *fields = stat.rpartition(")")[2].split()
    return "" if state in _ENDED_STATES else fields[_START_TIME_FIELD - 1]


def _renew() -> None:
    global _lock  # noqa: PLW0603  # a forked lock may be held by a thread that does not exist here
    _lock = threading.Lock()
    _working.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew)
