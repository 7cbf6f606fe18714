"""Quicklooks for reports: limited in number, size and time; a missing quicklook never stops a report."""

from __future__ import annotations

import io
import threading
import time
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakKeyDictionary

from PIL import Image

from scenecart._imagery.budget import unpacked_bytes
from scenecart._imagery.picture import decode, picture_kind, unpacked_size

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from scenecart.report._model import CaptureLine, Contents

T = TypeVar("T")

SIZE = (144, 108)
_THREADS = 6
_MAX_THUMBNAILS = 500
_MAX_SECONDS = 60.0
# after so many failures in a row no more are requested
_MAX_FAILURES = 6
_KINDS = ("PNG", "JPEG")
# a quicklook that could not be fetched; None means that the catalog has none
_MISSING = b""
_PAPER = (236, 239, 242)
# quicklooks of a client are cached, so its next report fetches nothing and has the same ones
_MAX_CACHED = 4 * _MAX_THUMBNAILS
_CACHE: WeakKeyDictionary[Any, dict[tuple[str, str], bytes | None]] = WeakKeyDictionary()


def with_thumbnails(contents: Contents, *, clock: Callable[[], float] = time.monotonic) -> Contents:
    """Return the contents with a quicklook or None for each capture."""
    if contents.fetch_thumbnail is None:
        return replace(contents, thumbnails=(None,) * len(contents.lines))
    fetcher = _Fetcher(contents.fetch_thumbnail, clock)
    try:
        found: list[bytes | None] = in_time(fetcher.fetch, contents.lines[:_MAX_THUMBNAILS], _MISSING)
    finally:
        fetcher.is_stopped.set()
    found += [_MISSING] * (len(contents.lines) - len(found))
    return replace(contents, thumbnails=tuple(one or None for one in found), missing_thumbnails=found.count(_MISSING))


def in_time(function: Callable[[CaptureLine], T], lines: Sequence[CaptureLine], missing: T) -> list[T]:
    """Call a function for each capture in threads, for at most a minute; ``missing`` is what is not there by then."""
    pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="scenecart-report")
    try:
        jobs = [pool.submit(function, line) for line in lines]
        wait(jobs, timeout=_MAX_SECONDS)
        return [job.result() if job.done() else missing for job in jobs]
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


class _Fetcher:
    """Fetches the quicklooks of one report until a time limit or too many failures."""

    def __init__(self, fetch: Callable[[dict[str, str]], bytes | None], clock: Callable[[], float]) -> None:
        self._fetch = fetch
        self._clock = clock
        self._cached = _CACHE.setdefault(getattr(fetch, "__self__", fetch), {})
        self._deadline = clock() + _MAX_SECONDS
        self._failures = 0
        self.is_stopped = threading.Event()

    def fetch(self, line: CaptureLine) -> bytes | None:
        if line.key in self._cached:
            return self._cached[line.key]
        if not line.key[0]:
            return None
        if self.is_stopped.is_set() or self._clock() > self._deadline:
            return _MISSING
        try:
            content = self._fetch({"host": line.key[0], "id": line.key[1]})
            self._failures = 0
            thumbnail = None if content is None else small_jpeg(content)
            if len(self._cached) < _MAX_CACHED:
                self._cached[line.key] = thumbnail
            return thumbnail  # noqa: TRY300  # an else block would read worse
        except Exception:  # noqa: BLE001  # no image may prevent the report
            self._failures += 1
            if self._failures >= _MAX_FAILURES:
                self.is_stopped.set()
            return _MISSING


def small_jpeg(content: bytes) -> bytes | None:
    """Return a small JPEG of a PNG or JPEG, without its metadata; None for anything else."""
    if picture_kind(content) not in _KINDS:
        return None
    with unpacked_bytes.taken(unpacked_size(content, max(SIZE))):
        image = decode(content, max(SIZE))
        return None if image is None else _jpeg(image)


def _jpeg(image: Image.Image) -> bytes:
    image.thumbnail(SIZE, Image.Resampling.LANCZOS)
    paper = Image.new("RGB", image.size, _PAPER)
    paper.paste(image, mask=image.getchannel("A"))
    stream = io.BytesIO()
    paper.save(stream, "JPEG", quality=72, optimize=True)
    return stream.getvalue()
