"""Quicklooks for reports, cut to the area and limited in number, size and time. A missing quicklook never stops a report."""

from __future__ import annotations

import io
import threading
import time
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar
from weakref import WeakKeyDictionary

from PIL import Image

from scenecart._cart.cart import Cart
from scenecart._cart.estimate import Estimate
from scenecart._geo.geometry import union
from scenecart._imagery.area_view import AreaView
from scenecart._imagery.budget import unpacked_bytes
from scenecart._imagery.picture import decode, picture_kind, unpacked_size
from scenecart._orders.order import Order, purchase_details_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from scenecart.report._model import CaptureLine, Contents

T = TypeVar("T")

SIZE = (144, 108)
_THREADS = 6
_MAX_THUMBNAILS = 500
_MAX_SECONDS = 60.0
# after this many consecutive failures, no more quicklooks are requested
_MAX_FAILURES = 6
_KINDS = ("PNG", "JPEG")
_BACKGROUND = (236, 239, 242)
# shares of a footprint's width: a smaller view needs the large quicklook, a larger one shows captures as dots
_COARSE, _WIDEST = 0.3, 2.0
# share of the area's size, on each side
_MARGIN = 0.08


class _Quicklook(NamedTuple):
    """A quicklook as JPEG, None if the catalog has none, and whether it is cut to the area."""

    content: bytes | None
    is_cut: bool = False


# a quicklook that could not be fetched
_MISSING = _Quicklook(b"")
# quicklooks of a client are cached, so its next report fetches nothing and has the same ones
_MAX_CACHED = 4 * _MAX_THUMBNAILS
_CACHE: WeakKeyDictionary[Any, dict[tuple[Any, ...], _Quicklook]] = WeakKeyDictionary()


def with_thumbnails(contents: Contents, subject: Any = None, *, clock: Callable[[], float] = time.monotonic) -> Contents:
    """Return the contents with a quicklook or None for each capture: of the area, if footprints and area are known."""
    if contents.fetch_thumbnail is None:
        nothing = (None,) * len(contents.lines)
        return replace(contents, thumbnails=nothing, thumbnail_metres=nothing)
    rows, view = rows_of(subject, _MAX_THUMBNAILS), None if contents.area is None else view_of(contents, SIZE[0] / SIZE[1])
    if view is not None and not any(_width_of(view) < _WIDEST * _footprint_width(row) for row in rows):
        view = None
    fetcher = _Fetcher(contents.fetch_thumbnail, clock, rows, view)
    try:
        found = in_time(fetcher.fetch, contents.lines[:_MAX_THUMBNAILS], _MISSING)
    finally:
        fetcher.is_stopped.set()
    found += [_MISSING] * (len(contents.lines) - len(found))
    metres = None if view is None else view.metres
    return replace(
        contents,
        thumbnails=tuple(one.content or None for one in found),
        missing_thumbnails=found.count(_MISSING),
        thumbnail_metres=tuple(metres if one.is_cut else None for one in found),
    )


def view_of(contents: Contents, ratio: float = 1.0, margin: float = _MARGIN) -> AreaView | None:
    """Return the view of all pictures, with a margin: the area of interest or, without one, the purchased footprints."""
    if contents.area is not None:
        return AreaView.around(contents.area.geometry, margin, ratio)
    shapes = [shape for shape in contents.clipped if shape is not None and not shape.is_empty]
    return AreaView.around(union(shapes), margin, ratio) if shapes else None


def rows_of(subject: Any, most: int) -> list[Mapping[str, Any]]:
    """Return the captures of a subject as rows, if the full footprints are known, which georeferencing needs."""
    cart: Cart | None = None
    if isinstance(subject, Cart):
        cart = subject
    elif isinstance(subject, Estimate):
        cart = subject.cart
    elif isinstance(subject, Order):
        details = purchase_details_of(subject)
        cart = details.cart if details.is_original else None
    return [] if cart is None else [row for _, row in cart.captures.head(most).iterrows()]


def _width_of(view: AreaView) -> float:
    return view.bounds[2] - view.bounds[0]


def _footprint_width(row: Mapping[str, Any]) -> float:
    """Return the longer side of a footprint in EPSG:3857."""
    footprint = row["geometry"]
    return 0.0 if footprint is None or footprint.is_empty else _width_of(AreaView.around(footprint, margin=0.0))


def in_time(function: Callable[[CaptureLine], T], lines: Sequence[CaptureLine], missing: T) -> list[T]:
    """Call a function for each capture in threads, for at most a minute; later results are ``missing``."""
    pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="scenecart-report")
    try:
        jobs = [pool.submit(function, line) for line in lines]
        wait(jobs, timeout=_MAX_SECONDS)
        return [job.result() if job.done() else missing for job in jobs]
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


class _Fetcher:
    """Fetches the quicklooks of one report until a time limit or too many failures."""

    def __init__(
        self,
        fetch: Callable[..., bytes | None],
        clock: Callable[[], float],
        rows: Sequence[Mapping[str, Any]],
        view: AreaView | None,
    ) -> None:
        self._fetch, self._rows, self._view = fetch, rows, view
        self._clock = clock
        self._cached = _CACHE.setdefault(getattr(fetch, "__self__", fetch), {})
        self._deadline = clock() + _MAX_SECONDS
        self._failures = 0
        self.is_stopped = threading.Event()

    def fetch(self, line: CaptureLine) -> _Quicklook:
        key = (line.key, self._view.bounds if self._view is not None else None)
        if key in self._cached:
            return self._cached[key]
        if not line.key[0]:
            return _Quicklook(None)
        if self.is_stopped.is_set() or self._clock() > self._deadline:
            return _MISSING
        try:
            thumbnail = (
                self._cut(line, self._view) if self._view is not None and line.number <= len(self._rows) else self._whole(line)
            )
            self._failures = 0
            if len(self._cached) < _MAX_CACHED:
                self._cached[key] = thumbnail
            return thumbnail  # noqa: TRY300  # an else block would read worse
        except Exception:  # noqa: BLE001  # no image may prevent the report
            self._failures += 1
            if self._failures >= _MAX_FAILURES:
                self.is_stopped.set()
            return _MISSING

    def _whole(self, line: CaptureLine) -> _Quicklook:
        return _reduced(self._fetch({"host": line.key[0], "id": line.key[1]}))

    def _cut(self, line: CaptureLine, view: AreaView) -> _Quicklook:
        """Return the quicklook cut to the area; as a whole if it cannot be georeferenced."""
        row = self._rows[line.number - 1]
        is_coarse = _width_of(view) < _COARSE * _footprint_width(row)
        content = self._fetch(row, "large" if is_coarse else "thumbnail")
        found = None if content is None else view.cut(content, row, *SIZE)
        return _reduced(content) if found is None else _Quicklook(_jpeg(view.outlined(found[0])), is_cut=True)


def _reduced(content: bytes | None) -> _Quicklook:
    return _Quicklook(None if content is None else small_jpeg(content))


def small_jpeg(content: bytes) -> bytes | None:
    """Return a small JPEG of a PNG or JPEG, without its metadata; None for anything else."""
    if picture_kind(content) not in _KINDS:
        return None
    with unpacked_bytes.taken(unpacked_size(content, max(SIZE))):
        image = decode(content, max(SIZE))
        return None if image is None else _jpeg(image)


def _jpeg(image: Image.Image) -> bytes:
    image.thumbnail(SIZE, Image.Resampling.LANCZOS)
    background = Image.new("RGB", image.size, _BACKGROUND)
    background.paste(image, mask=image.getchannel("A"))
    stream = io.BytesIO()
    background.save(stream, "JPEG", quality=72, optimize=True)
    return stream.getvalue()
