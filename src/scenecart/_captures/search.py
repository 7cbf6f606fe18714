"""Searches of catalogs: by page or by stream, as GeoDataFrames."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from scenecart._api import operations
from scenecart._api.paging import check_count, next_token
from scenecart._captures.covers import with_covers
from scenecart._captures.decode import Batch, Page, Reader
from scenecart._captures.footprints import intersect_each
from scenecart._captures.frame import FrameBuilder, to_frame
from scenecart._captures.repeats import Repeats
from scenecart._captures.stream import (
    UNREADABLE_CODES,
    check_stream,
    empty_stream,
    raise_invalid_lines,
    read_stream,
)
from scenecart._util.progress import ProgressReporter
from scenecart._util.text import pluralize
from scenecart.exceptions import ConnectionFailed, ScenecartError, ServiceError, warn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    import geopandas as gpd

    from scenecart._api.http import Session
    from scenecart._captures.features import Feature
    from scenecart._captures.query import Query
    from scenecart._util.progress import ProgressCallback

_BATCH, _FIRST_BATCH = 2_000, 100
_MAX_ATTEMPTS = 4
_MAX_PAGES_WITHOUT_NEW = 100
T = TypeVar("T")


def search_catalog(
    session: Session, query: Query, progress: ProgressCallback | None = None, *, return_on_interrupt: bool = False
) -> gpd.GeoDataFrame:
    """Run a query to its end.

    Raises
    ------
    ScenecartError
        If the search fails; ``captures`` of the error contains what had arrived.
    """
    reporter = ProgressReporter(progress, query.host)
    frame = collect(_features_of(session, query, reporter), query, reporter, return_on_interrupt=return_on_interrupt)
    if not len(frame):
        frame.attrs["query"] = query.description
    return frame


def collect(
    parts: Iterable[Sequence[Feature]], query: Query, reporter: ProgressReporter, *, return_on_interrupt: bool = False
) -> gpd.GeoDataFrame:
    """Build one frame from features that arrive in parts; errors as :func:`search_catalog`."""
    builder = FrameBuilder(query.host)
    reporter.emit("started")
    try:
        for features in parts:
            builder.add(features)
            reporter.emit("arrived", len(builder))
    except ScenecartError as error:
        error.captures = with_covers(builder.frame(), query.area)
        if len(builder):
            error.add_note(f"{pluralize(len(builder), 'capture')} had arrived before the search failed.")
        raise
    except KeyboardInterrupt:
        if not return_on_interrupt:
            raise
        warn(f"The search was interrupted after {pluralize(len(builder), 'capture')}.", code="search_interrupted")
    frame = with_covers(builder.frame(), query.area)
    reporter.emit("finished", len(frame))
    return frame


def stream_catalog(session: Session, query: Query, batch_size: int = _BATCH) -> Iterator[gpd.GeoDataFrame]:
    """Yield the results of a query as frames while they arrive; the first frames are smaller, to show results early."""
    pending: list[Feature] = []
    size = min(batch_size, _FIRST_BATCH)
    try:
        for features in _features_of(session, query, ProgressReporter(None, query.host)):
            pending += features
            while len(pending) >= size:
                yield _frame_of(pending[:size], query)
                pending = pending[size:]
                size = min(batch_size, 2 * size)
    except ScenecartError:
        if pending:
            yield _frame_of(pending, query)
        raise
    if pending:
        yield _frame_of(pending, query)


def _frame_of(features: Sequence[Feature], query: Query) -> gpd.GeoDataFrame:
    return with_covers(to_frame(features, host=query.host), query.area)


def fetch(session: Session, query: Query) -> tuple[list[bytes], str]:
    """Return the raw response to a query, and its kind: ``"lines"`` of a stream, or ``"pages"``.

    Raises
    ------
    ScenecartError
        If the search fails; ``captures`` of the error contains what had arrived.
    """
    parts: list[bytes] = []

    def received(kind: str, chunks: Iterable[bytes]) -> Iterator[tuple[list[bytes], str]]:
        parts.clear()
        try:
            for chunk in chunks:
                parts.append(chunk)  # noqa: PERF402  # the stream empties the list when it begins again
        except ScenecartError as error:
            error.captures = _readable_part(parts, kind, query)
            raise
        yield parts, kind

    response: Iterator[tuple[list[bytes], str]] = _stream_or_pages(
        query,
        lambda: received("lines", _fetch_stream(session, query, parts)),
        lambda: received("pages", _fetch_pages(session, query)),
    )
    return next(response)


def _readable_part(parts: Sequence[bytes], kind: str, query: Query) -> gpd.GeoDataFrame:
    """Build a frame of the readable part of a truncated response."""

    def readable() -> Iterator[list[Feature]]:
        try:
            for features, _ in _found_in(parts, kind, query):
                yield _intersecting(features, query)
        except ScenecartError:
            return

    return collect(readable(), query, ProgressReporter(None, query.host))


def _fetch_stream(session: Session, query: Query, received: list[bytes]) -> Iterator[bytes]:
    """Yield the chunks of the stream, which the caller collects in ``received``; after a lost connection, restart the stream."""
    for attempt in range(1, _MAX_ATTEMPTS + 1):
        received.clear()
        try:
            with session.stream(operations.SEARCH_STREAM, query.body) as chunks:
                yield from chunks
                check_stream(received, query.host)
        except ConnectionFailed as error:
            if attempt == _MAX_ATTEMPTS or error.given_up:
                raise
            session.pause(attempt)
        else:
            return


def _fetch_pages(session: Session, query: Query) -> Iterator[bytes]:
    count = 0
    for data, page_batches in _pages(session, query):
        yield data
        for features, _ in page_batches:
            count += len(_intersecting(features, query))
        if query.limit is not None and count >= query.limit:
            break


def build_frame(parts: Sequence[bytes], kind: str, query: Query) -> gpd.GeoDataFrame:
    """Build the frame from the response of :func:`fetch`; needs no connection, to run in another process."""
    features = apply_query(_found_in(parts, kind, query), query)
    return collect(features, query, ProgressReporter(None, query.host))


def _found_in(parts: Sequence[bytes], kind: str, query: Query) -> Iterator[Batch]:
    """Yield the captures of a received response, each once."""
    repeats = Repeats()
    if kind == "lines":
        for features, skipped in raise_invalid_lines(read_stream(parts, query.host), query.host):
            yield repeats.fresh(features), skipped
        return
    reader = Reader()
    for data in parts:
        repeats.start_page()
        for features, skipped in reader.page(data, operations.SEARCH.id).batches():
            yield repeats.fresh(features), skipped


def _features_of(session: Session, query: Query, reporter: ProgressReporter) -> Iterator[list[Feature]]:
    """Yield the features of a query while they arrive."""
    repeats = Repeats()

    def by_pages() -> Iterator[Batch]:
        # after a truncated stream
        repeats.start_again()
        for _, page_batches in _pages(session, query):
            for features, skipped in page_batches:
                yield repeats.fresh(features) if len(repeats) else features, skipped

    return apply_query(_stream_or_pages(query, lambda: _resumable_stream(session, query, reporter, repeats), by_pages), query)


def _stream_or_pages(query: Query, by_stream: Callable[[], Iterable[T]], by_pages: Callable[[], Iterable[T]]) -> Iterator[T]:
    """Yield the results of a query by stream or by pages.

    A result that fits one page is requested as a page. A larger one is read from the stream, or page by page if the
    service has no stream that can be read: only a page proves that there is no imagery. If the pages cannot be read either,
    the error is that of the page; if they fail in another way, it is that of the stream.
    """
    fits_one_page = query.limit is not None and query.limit <= operations.PAGE_LIMIT
    unreadable: ScenecartError | None = None
    if query.page_size is None and not fits_one_page:
        try:
            yield from by_stream()
        except ScenecartError as error:
            if error.status not in operations.NOT_OFFERED and error.code not in UNREADABLE_CODES:
                raise
            unreadable = error if error.code in UNREADABLE_CODES else None
        else:
            return
    try:
        yield from by_pages()
    except ScenecartError as error:
        if unreadable is None or error.code in UNREADABLE_CODES:
            raise
        raise unreadable from None


def apply_query(found: Iterable[Batch], query: Query) -> Iterator[list[Feature]]:
    """Apply the exact geometry and the limit of a query, and count the entries that are not features."""
    remaining = query.limit
    skipped = 0
    for features, batch_skipped in found:
        skipped += batch_skipped
        kept = _intersecting(features, query)[:remaining]
        if kept:
            yield kept
        if remaining is not None:
            remaining -= len(kept)
            if remaining <= 0:
                break
    if skipped:
        warn(f"Entries of the response that are not STAC features were skipped: {skipped:,}.", code="entries_skipped")


def _intersecting(features: list[Feature], query: Query) -> list[Feature]:
    if query.exact_geometry is None or not features:
        return features
    matches = intersect_each(features, query.exact_geometry)
    return [feature for feature, is_match in zip(features, matches, strict=True) if is_match]


def _pages(session: Session, query: Query) -> Iterator[tuple[bytes, Iterator[Batch]]]:
    """Request page after page, and yield the captures of each page that no earlier page contained.

    A repeated token ends the search, and so do many consecutive pages without a new capture.

    Raises
    ------
    ServiceError
        If the service announces more captures than it returned.
    """
    size = query.page_size or min(query.limit or operations.PAGE_LIMIT, operations.PAGE_LIMIT)
    token: str | None = None
    tokens: set[str] = set()
    pages_without_new = 0
    count = 0
    reader = Reader()
    repeats = Repeats()

    def counted(found: Iterable[Batch]) -> Iterator[Batch]:
        nonlocal count
        for features, skipped in found:
            count += len(features) + skipped - repeats.from_earlier_pages(features)
            yield repeats.fresh(features), skipped

    def read(data: bytes) -> tuple[bytes, Page]:
        return data, reader.page(data, operations.SEARCH.id)

    while True:
        data, page = session.page(operations.SEARCH, operations.page_body(query.body, size, token), read)
        repeats.start_page()
        before = len(repeats)
        yield data, counted(page.batches())
        pages_without_new = pages_without_new + 1 if len(repeats) == before else 0
        token = next_token(page.paging, operations.SEARCH.id)
        if token is None:
            check_count(page.paging, count, operations.SEARCH.id)
            return
        if token in tokens or pages_without_new >= _MAX_PAGES_WITHOUT_NEW:
            warn(
                "The service repeated a page, so the search ended there. The result may be incomplete.",
                code="page_repeated",
            )
            return
        tokens.add(token)


def _resumable_stream(session: Session, query: Query, reporter: ProgressReporter, repeats: Repeats) -> Iterator[Batch]:
    """Read the stream to its end; if the connection is lost, restart it and drop the captures that were yielded before.

    Raises
    ------
    ServiceError
        If the stream cannot be read, or has no features: an empty body does not prove that there is no imagery.
    """
    is_empty, withheld = True, 0
    for attempt in range(1, _MAX_ATTEMPTS + 1):
        repeats.start_again()
        try:
            with session.stream(operations.SEARCH_STREAM, query.body) as chunks:
                for features, skipped in raise_invalid_lines(read_stream(chunks, query.host), query.host):
                    is_empty, withheld = is_empty and not features, withheld + skipped
                    if is_empty:
                        # if nothing in this stream can be read, the pages are read instead
                        continue
                    yield repeats.fresh(features), withheld
                    withheld = 0
                if is_empty:
                    raise empty_stream(query.host)
        except (ConnectionFailed, ServiceError) as error:
            is_broken = isinstance(error, ConnectionFailed) or error.code == "stream_line_not_json"
            if not is_broken or attempt == _MAX_ATTEMPTS or error.given_up:
                raise
            session.pause(attempt)
            reporter.emit("restarted")
        else:
            return
