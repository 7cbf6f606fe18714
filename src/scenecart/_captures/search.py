"""Searches of catalogs: by page or by stream, as GeoDataFrames."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

import msgspec

from scenecart._api import operations
from scenecart._api.paging import check_count, next_token
from scenecart._captures.decode import Batch, Page, Reader
from scenecart._captures.footprints import intersect_each
from scenecart._captures.frame import FrameBuilder, to_frame
from scenecart._captures.query import Query, SearchCriteria, build_stac_query
from scenecart._captures.stac_api import pages
from scenecart._captures.stream import (
    UNREADABLE_CODES,
    InvalidLine,
    check_stream,
    empty_stream,
    raise_invalid_lines,
    read_stream,
)
from scenecart._util.json import encode
from scenecart._util.keywords import checked_keywords
from scenecart._util.progress import ProgressReporter
from scenecart._util.text import pluralize
from scenecart._util.validate import shown_value
from scenecart.exceptions import ConnectionFailed, InvalidQuery, ScenecartError, warn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    import geopandas as gpd

    from scenecart._api.http import Session
    from scenecart._captures.features import Feature
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
    frame = collect(_features_of(session, query, reporter), query.host, reporter, return_on_interrupt=return_on_interrupt)
    if not len(frame):
        frame.attrs["query"] = query.description
    return frame


def collect(
    parts: Iterable[Sequence[Feature]], host: str, reporter: ProgressReporter, *, return_on_interrupt: bool = False
) -> gpd.GeoDataFrame:
    """Build one frame from features that arrive in parts; errors as :func:`search_catalog`."""
    builder = FrameBuilder(host)
    reporter.emit("started")
    try:
        for features in parts:
            builder.add(features)
            reporter.emit("arrived", len(builder))
    except ScenecartError as error:
        error.captures = builder.frame()
        if len(builder):
            error.add_note(f"{pluralize(len(builder), 'capture')} had arrived before the search failed.")
        raise
    except KeyboardInterrupt:
        if not return_on_interrupt:
            raise
        warn(f"The search was interrupted after {pluralize(len(builder), 'capture')}.", code="search_interrupted")
    frame = builder.frame()
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
                yield to_frame(pending[:size], host=query.host)
                pending = pending[size:]
                size = min(batch_size, 2 * size)
    except ScenecartError:
        if pending:
            yield to_frame(pending, host=query.host)
        raise
    if pending:
        yield to_frame(pending, host=query.host)


@checked_keywords()
def search_stac(
    url: str,
    *,
    aoi: Any = None,
    bbox: Any = None,
    intersects: Any = None,
    collections: str | Sequence[str] | None = None,
    ids: str | Sequence[str] | None = None,
    datetime: Any = None,
    query: Mapping[str, Any] | None = None,
    max_cloud_cover: float | None = None,
    limit: int | None = None,
    page_size: int | None = None,
    headers: Mapping[str, str] | None = None,
    host: str | None = None,
    progress: ProgressCallback | None = None,
    return_on_interrupt: bool = False,
) -> gpd.GeoDataFrame:
    """Search any STAC API, with the same columns in the result as a search of the service.

    Parameters
    ----------
    url
        The API's landing page.
    aoi, bbox, intersects, collections, ids, datetime, max_cloud_cover, limit, return_on_interrupt
        As for :meth:`Client.search`; all are optional here.
    page_size
        How many items to request at a time. Default: the API decides.
    query
        As for :meth:`Client.search`; the API must support the query extension.
    headers
        HTTP headers of every request, such as ``Authorization``.
    host
        The value of the column ``host``. Default: the host name of ``url``.
    progress
        Called with a :class:`SearchEvent` each time captures arrive.

    Returns
    -------
    geopandas.GeoDataFrame
        As from :meth:`Client.search`.

    Raises
    ------
    InvalidQuery, InvalidArea
        If an argument is invalid; nothing was sent.
    ServiceError
        If the search fails; ``captures`` of the error contains what had arrived.

    Examples
    --------
    >>> import scenecart
    >>> box = scenecart.sandbox.Sandbox().start()
    >>> headers = {"Authorization": f"Bearer {box.token()}"}
    >>> captures = search_stac(f"{box.url}/v2/catalog/", collections="openterra-10m", limit=5, headers=headers)
    >>> len(captures), captures["host"].iloc[0]
    (5, '127.0.0.1')
    >>> box.stop()
    """
    if not isinstance(url, str) or urlsplit(url).scheme not in {"http", "https"}:
        raise InvalidQuery(
            f"must be the https:// URL of a STAC API's landing page, got {shown_value(url)}.",
            code="stac_url_invalid",
            argument="url",
        )
    criteria = SearchCriteria(
        aoi=aoi,
        bbox=bbox,
        intersects=intersects,
        collections=collections,
        ids=ids,
        datetime=datetime,
        query=query,
        max_cloud_cover=max_cloud_cover,
        limit=limit,
        page_size=page_size,
    )
    checked = build_stac_query(host or urlsplit(url).hostname or url, criteria)
    reader = Reader()
    body = {**checked.body, **_page_size(checked)}
    responses = (reader.page(encode(page), "the STAC search") for page in pages(url, body, headers))
    features = _apply_query((batch for response in responses for batch in response.batches()), checked)
    return collect(features, checked.host, ProgressReporter(progress, checked.host), return_on_interrupt=return_on_interrupt)


def _page_size(query: Query) -> dict[str, int]:
    """Return how many items to request at a time, or nothing if the API decides."""
    size = query.page_size or (min(query.limit, operations.PAGE_LIMIT) if query.limit else None)
    return {} if size is None else {"limit": size}


def fetch(session: Session, query: Query) -> tuple[list[bytes], str]:
    """Return the raw response to a query, and its kind: ``"lines"`` of a stream, or ``"pages"``.

    Raises
    ------
    ScenecartError
        If the search fails.
    """
    response: Iterator[tuple[list[bytes], str]] = _stream_or_pages(
        query, lambda: [(_fetch_stream(session, query), "lines")], lambda: [(_fetch_pages(session, query), "pages")]
    )
    return next(response)


def _fetch_stream(session: Session, query: Query) -> list[bytes]:
    failures = 0
    while True:
        try:
            with session.stream(operations.SEARCH_STREAM, query.body) as chunks:
                received = list(chunks)
                check_stream(received, query.host)
                return received
        except ConnectionFailed as error:
            failures += 1
            if failures == _MAX_ATTEMPTS or error.given_up:
                raise
            session.pause(failures)


def _fetch_pages(session: Session, query: Query) -> list[bytes]:
    responses: list[bytes] = []
    count = 0
    for data, page_batches in _pages(session, query):
        responses.append(data)
        for features, _ in page_batches:
            count += sum(_key(feature) is not None for feature in _intersecting(features, query))
        if query.limit is not None and count >= query.limit:
            break
    return responses


def build_frame(parts: Sequence[bytes], kind: str, query: Query) -> gpd.GeoDataFrame:
    """Build the frame from the response of :func:`fetch`; needs no connection, to run in another process."""
    if kind == "lines":
        found = raise_invalid_lines(read_stream(parts, query.host), query.host)
    else:
        reader = Reader()
        found = _drop_repeated((batch for data in parts for batch in reader.page(data, operations.SEARCH.id).batches()), set())
    return collect(_apply_query(found, query), query.host, ProgressReporter(None, query.host))


def _features_of(session: Session, query: Query, reporter: ProgressReporter) -> Iterator[list[Feature]]:
    """Yield the features of a query while they arrive."""
    delivered = _Delivered()

    def by_pages() -> Iterator[Batch]:
        # after a stream that broke off
        repeated = delivered.count()
        for _, page_batches in _pages(session, query):
            for features, skipped in page_batches:
                yield (_drop_delivered(features, repeated) if repeated else features), skipped

    return _apply_query(_stream_or_pages(query, lambda: _resumable_stream(session, query, reporter, delivered), by_pages), query)


def _stream_or_pages(query: Query, by_stream: Callable[[], Iterable[T]], by_pages: Callable[[], Iterable[T]]) -> Iterator[T]:
    """Yield the results of a query by stream or by pages.

    A result that fits one page is requested as a page. A larger one is read from the stream, or page by page if the
    service has no stream that can be read. If the pages fail too, the error is that of the stream.
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
    except ScenecartError:
        if unreadable is None:
            raise
        raise unreadable from None


def _apply_query(found: Iterable[Batch], query: Query) -> Iterator[list[Feature]]:
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


def _drop_repeated(found: Iterable[Batch], seen: set[tuple[Any, str]]) -> Iterator[Batch]:
    """Drop captures that are repeated on a later page; ``seen`` collects the keys of all captures so far."""
    for features, skipped in found:
        fresh = [feature for feature in features if _key(feature) not in seen]
        seen.update(key for key in map(_key, features) if key is not None)
        yield fresh, skipped


def _pages(session: Session, query: Query) -> Iterator[tuple[bytes, Iterator[Batch]]]:
    """Request page after page, and yield each with those of its captures that no earlier page had.

    A repeated token ends the search, and so do many pages in a row without a new capture.

    Raises
    ------
    ServiceError
        If more is announced than can be requested.
    """
    size = query.page_size or min(query.limit or operations.PAGE_LIMIT, operations.PAGE_LIMIT)
    token: str | None = None
    tokens: set[str] = set()
    seen: set[tuple[Any, str]] = set()
    pages_without_new = 0
    count = 0
    reader = Reader()

    def counted(found: Iterable[Batch]) -> Iterator[Batch]:
        nonlocal count
        for features, skipped in found:
            count += len(features) + skipped
            yield features, skipped

    def read(data: bytes) -> tuple[bytes, Page]:
        return data, reader.page(data, operations.SEARCH.id)

    while True:
        data, page = session.page(operations.SEARCH, operations.page_body(query.body, size, token), read)
        seen_before = len(seen)
        yield data, _drop_repeated(counted(page.batches()), seen)
        pages_without_new = pages_without_new + 1 if len(seen) == seen_before else 0
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


class _Delivered:
    """The keys of the captures that a stream delivered, encoded to save memory: a stream may hold a million."""

    def __init__(self) -> None:
        self._keys: list[bytes] = []

    def add(self, features: Sequence[Feature]) -> None:
        """Remember features that were delivered."""
        self._keys.append(msgspec.json.encode([_key(feature) or ("", "") for feature in features]))

    def count(self) -> Counter[tuple[Any, Any]]:
        """Return how often each key was delivered."""
        return Counter(key for keys in self._keys for key in msgspec.json.decode(keys, type=list[tuple[Any, Any]]))


def _resumable_stream(session: Session, query: Query, reporter: ProgressReporter, delivered: _Delivered) -> Iterator[Batch]:
    """Read the stream to its end; when it breaks, start it again and drop what was delivered before.

    Raises
    ------
    ServiceError
        If it cannot be read, or has no features: an empty body does not prove that there is no imagery.
    """
    is_empty, withheld = True, 0
    for attempt in range(1, _MAX_ATTEMPTS + 1):
        repeated = delivered.count()
        try:
            with session.stream(operations.SEARCH_STREAM, query.body) as chunks:
                for features, skipped in read_stream(chunks, query.host):
                    is_empty, withheld = is_empty and not features, withheld + skipped
                    if is_empty:
                        # perhaps nothing of this stream is understood, and the pages are read instead
                        continue
                    fresh = _drop_delivered(features, repeated) if repeated else features
                    delivered.add(fresh)
                    yield fresh, withheld
                    withheld = 0
        except (ConnectionFailed, InvalidLine) as error:
            if attempt == _MAX_ATTEMPTS or (isinstance(error, ConnectionFailed) and error.given_up):
                if isinstance(error, InvalidLine):
                    raise error.as_service_error(query.host) from None
                raise
            session.pause(attempt)
            reporter.emit("restarted")
        else:
            if is_empty:
                raise empty_stream(query.host)
            return


def _drop_delivered(features: Sequence[Feature], repeated: Counter[tuple[Any, Any]]) -> list[Feature]:
    """Drop each capture as many times as it was delivered before."""
    fresh = []
    for feature in features:
        key = _key(feature) or ("", "")
        if repeated[key] > 0:
            repeated[key] -= 1
        else:
            fresh.append(feature)
    return fresh


def _key(feature: Feature) -> tuple[Any, str] | None:
    if not isinstance(feature.id, str) or not isinstance(feature.collection, str | None):
        return None
    return feature.collection, feature.id


search_stac.__module__ = "scenecart"
