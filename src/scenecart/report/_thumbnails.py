"""Small pictures of captures for a report: few at a time, bounded in number, bytes and time, and never a reason to fail."""

from __future__ import annotations

import io
import threading
import time
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Callable

    from scenecart.report._model import CaptureLine, Contents

SIZE = (144, 108)
_AT_ONCE = 6
_MOST = 500
_SECONDS = 60.0
_MOST_PIXELS = 40_000_000
# a service that fails this often in a row has no pictures to give now
_MOST_FAILURES = 6
_MAGIC = {"PNG": b"\x89PNG\r\n\x1a\n", "JPEG": b"\xff\xd8\xff"}
# what did not come, other than what there is not
_LATE = b""
_PAPER = (236, 239, 242)
# what was fetched once for a client stays, so that its next report asks for nothing again and shows the same
_MOST_KEPT = 4 * _MOST
_KEPT: WeakKeyDictionary[Any, dict[tuple[str, str], bytes | None]] = WeakKeyDictionary()


def with_pictures(contents: Contents, *, clock: Callable[[], float] = time.monotonic) -> Contents:
    """Return the contents with a picture of each capture that has one; the others keep their place without."""
    if contents.show is None:
        return replace(contents, pictures=(None,) * len(contents.lines))
    errand = _Errand(contents.show, clock)
    pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="scenecart-report")
    try:
        jobs = [pool.submit(errand.fetch, line) for line in contents.lines[:_MOST]]
        wait(jobs, timeout=_SECONDS)
        found = [job.result() if job.done() else _LATE for job in jobs]
    finally:
        errand.is_over.set()
        pool.shutdown(wait=False, cancel_futures=True)
    found += [_LATE] * (len(contents.lines) - len(found))
    return replace(contents, pictures=tuple(one or None for one in found), late=found.count(_LATE))


class _Errand:
    """Fetching the pictures of one report, until the time is over or the service fails too often."""

    def __init__(self, show: Callable[[dict[str, str]], bytes | None], clock: Callable[[], float]) -> None:
        self._show = show
        self._clock = clock
        self._kept = _KEPT.setdefault(getattr(show, "__self__", show), {})
        self._deadline = clock() + _SECONDS
        self._failures = 0
        self.is_over = threading.Event()

    def fetch(self, line: CaptureLine) -> bytes | None:
        if line.key in self._kept:
            return self._kept[line.key]
        if not line.key[0]:
            return None
        if self.is_over.is_set() or self._clock() > self._deadline:
            return _LATE
        try:
            given = self._show({"host": line.key[0], "id": line.key[1]})
            self._failures = 0
            made = None if given is None else small(given)
            if len(self._kept) < _MOST_KEPT:
                self._kept[line.key] = made
            return made  # noqa: TRY300  # what is kept is what is shown
        except Exception:  # noqa: BLE001  # whatever a picture does, the report is written
            self._failures += 1
            if self._failures >= _MOST_FAILURES:
                self.is_over.set()
            return _LATE


def small(given: bytes) -> bytes | None:
    """Return a small JPEG of a PNG or JPEG, without anything else that was in the file; None for all else."""
    kind = next((name for name, magic in _MAGIC.items() if given.startswith(magic)), None)
    if kind is None:
        return None
    with Image.open(io.BytesIO(given), formats=[kind]) as picture:
        if picture.width * picture.height > _MOST_PIXELS:
            return None
        picture.draft("RGB", SIZE)
        made: Image.Image = picture.convert("RGBA")
    made.thumbnail(SIZE, Image.Resampling.LANCZOS)
    ground = Image.new("RGB", made.size, _PAPER)
    ground.paste(made, mask=made.getchannel("A"))
    stream = io.BytesIO()
    ground.save(stream, "JPEG", quality=72, optimize=True)
    return stream.getvalue()
