"""Searches of catalogs: by page or by stream, as GeoDataFrames."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

import msgspec

from scenecart._api import operations
from scenecart._api.problems import error_of_status
from scenecart._captures.decode import Batch, Page, Reader, read_feature, read_page
from scenecart._captures.footprints import intersect_each
from scenecart._captures.frame import FrameBuilder, to_frame
from scenecart._captures.query import Query, SearchCriteria, build_stac_query
from scenecart._captures.stac_api import pages
from scenecart._util.json import LineTooLong, NotJson, batches, encode, loads
from scenecart._util.progress import ProgressReporter
from scenecart._util.text import pluralize
from scenecart._util.validate import shown_value
from scenecart.exceptions import ConnectionFailed, InvalidQuery, ScenecartError, ServiceError, warn

if TYPE_CHECKING:
    import geopandas as gpd

    from scenecart._api.http import Session
    from scenecart._captures.features import Feature
    from scenecart._util.progress import ProgressCallback

_BATCH, _FIRST_BATCH, _LINES = 2_000, 100, 1_000
_MAX_ATTEMPTS = 4
_MIN_ERROR_STATUS, _MAX_ERROR_STATUS = 400, 599
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
        Called with a :class:`SearchEvent` whenever captures arrive.

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
                return list(chunks)
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
        found = _raise_invalid_lines(_read_stream(iter(parts), query.host), query.host)
    else:
        reader = Reader()
        found = _drop_repeated((batch for data in parts for batch in reader.page(data, operations.SEARCH.id).batches()), set())
    return collect(_apply_query(found, query), query.host, ProgressReporter(None, query.host))


def _features_of(session: Session, query: Query, reporter: ProgressReporter) -> Iterator[list[Feature]]:
    """Yield the features of a query while they arrive."""
    found = _stream_or_pages(
        query,
        lambda: _resumable_stream(session, query, reporter),
        lambda: (batch for _, page_batches in _pages(session, query) for batch in page_batches),
    )
    return _apply_query(found, query)


def _stream_or_pages(query: Query, by_stream: Callable[[], Iterable[T]], by_pages: Callable[[], Iterable[T]]) -> Iterator[T]:
    """Yield the results of a query by stream or by pages.

    A result that fits one page is requested as a page. A larger one is read from the stream, or page by page if the
    service has no stream.
    """
    fits_one_page = query.limit is not None and query.limit <= operations.PAGE_LIMIT
    if query.page_size is None and not fits_one_page:
        try:
            yield from by_stream()
        except ScenecartError as error:
            if error.status not in operations.NOT_OFFERED:
                raise
        else:
            return
    yield from by_pages()


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
    """
    size = query.page_size or min(query.limit or operations.PAGE_LIMIT, operations.PAGE_LIMIT)
    token: str | None = None
    tokens: set[str] = set()
    seen: set[tuple[Any, str]] = set()
    pages_without_new = 0
    reader = Reader()

    def read(data: bytes) -> tuple[bytes, Page]:
        return data, reader.page(data, operations.SEARCH.id)

    while True:
        data, page = session.page(operations.SEARCH, operations.page_body(query.body, size, token), read)
        seen_before = len(seen)
        yield data, _drop_repeated(page.batches(), seen)
        pages_without_new = pages_without_new + 1 if len(seen) == seen_before else 0
        token = operations.next_token(page.paging)
        if token is None:
            return
        if token in tokens or pages_without_new >= _MAX_PAGES_WITHOUT_NEW:
            warn(
                "The service repeated a page, so the search ended there. The result may be incomplete.",
                code="page_repeated",
            )
            return
        tokens.add(token)


def _resumable_stream(session: Session, query: Query, reporter: ProgressReporter) -> Iterator[Batch]:
    """Read the stream to its end; when it breaks, start it again and drop what was delivered before."""
    # encoded to save memory: a stream may hold a million keys
    delivered: list[bytes] = []
    for attempt in range(1, _MAX_ATTEMPTS + 1):
        repeated = Counter(key for keys in delivered for key in msgspec.json.decode(keys, type=list[tuple[Any, Any]]))
        try:
            with session.stream(operations.SEARCH_STREAM, query.body) as chunks:
                for features, skipped in _read_stream(chunks, query.host):
                    fresh = _drop_delivered(features, repeated) if repeated else features
                    delivered.append(msgspec.json.encode([_key(feature) or ("", "") for feature in fresh]))
                    yield fresh, skipped
        except (ConnectionFailed, _InvalidLine) as error:
            if attempt == _MAX_ATTEMPTS or (isinstance(error, ConnectionFailed) and error.given_up):
                if isinstance(error, _InvalidLine):
                    raise error.as_service_error(query.host) from None
                raise
            session.pause(attempt)
            reporter.emit("restarted")
        else:
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


class _InvalidLine(ValueError):
    """A line of a stream is not JSON: the stream was truncated, or is not a stream of captures."""

    def as_service_error(self, host: str) -> ServiceError:
        return ServiceError(
            f"The result stream of {host!r} is truncated or damaged: a line is not JSON ({self}).",
            code="stream_line_not_json",
            operation=operations.SEARCH_STREAM.id,
        )


def _raise_invalid_lines(found: Iterator[Batch], host: str) -> Iterator[Batch]:
    try:
        yield from found
    except _InvalidLine as error:
        raise error.as_service_error(host) from None


def _read_stream(chunks: Iterator[bytes], host: str) -> Iterator[Batch]:
    reader = Reader()
    try:
        for lines in (many[start : start + _LINES] for many in batches(chunks) for start in range(0, len(many), _LINES)):
            features = reader.lines(lines)
            if features is not None:
                yield features, 0
                continue
            yield from _read_line_by_line(lines, reader)
    except LineTooLong as error:
        raise ServiceError(
            f"The result stream of {host!r} cannot be read: {error}.",
            code="stream_line_too_long",
            operation=operations.SEARCH_STREAM.id,
        ) from None


def _read_line_by_line(lines: Sequence[bytes], reader: Reader) -> Iterator[Batch]:
    """Read each line separately; the features before an invalid line are yielded before its error."""
    features: list[Feature] = []
    skipped = 0
    failure: Exception | None = None
    for line in lines:
        try:
            skipped += _read_line(line, features)
        except (ScenecartError, _InvalidLine) as error:
            failure = error
            break
    reader.learn_from(features)
    yield features, skipped
    if failure is not None:
        raise failure


def _read_line(line: bytes, features: list[Feature]) -> int:
    """Append the features of a line; return how many of its entries are not features."""
    try:
        feature = read_feature(line, typed=True)
        if feature is not None:
            features.append(feature)
            return 0
        document = loads(line)
    except NotJson as error:
        raise _InvalidLine(str(error)) from None
    if not isinstance(document, Mapping):
        return 1
    if document.get("type") == "FeatureCollection":
        inner, skipped, _ = read_page(line, operations.SEARCH_STREAM.id)
        features.extend(inner)
        return skipped
    if "status" in document and ("title" in document or "detail" in document):
        raise _error_of_problem(document)
    return 1


def _error_of_problem(document: Mapping[str, Any]) -> ScenecartError:
    """Return the error for a problem document within a stream: by its status, if that is an error status."""
    problem = operations.parse_problem(document)
    status = operations.whole_number(document["status"])
    if status is None or not _MIN_ERROR_STATUS <= status <= _MAX_ERROR_STATUS:
        error: ScenecartError = ServiceError(f"The service aborted the result stream: {problem.text}", code="stream_aborted")
    else:
        error = error_of_status(status, problem, operations.SEARCH_STREAM.id, None)
    error.operation = operations.SEARCH_STREAM.id
    error.problem = {**problem.shown(), "status": status}
    return error


search_stac.__module__ = "scenecart"
