"""A query becomes pages or a stream, and those become GeoDataFrames."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

import msgspec

from scenecart._api import operations
from scenecart._api.problems import error_of_status
from scenecart._captures.decode import Batch, Feature, Page, Reader, read_feature, read_page
from scenecart._captures.footprints import touch
from scenecart._captures.frame import Builder, to_frame
from scenecart._captures.query import Query, build_criteria, check_count
from scenecart._captures.stac_api import pages
from scenecart._util.json import LineTooLong, NotJson, batches, encode, loads
from scenecart._util.keywords import checked_keywords
from scenecart._util.progress import ProgressReporter
from scenecart._util.text import pluralize
from scenecart.exceptions import ConnectionFailed, InvalidQuery, ScenecartError, ServiceError, warn

if TYPE_CHECKING:
    import geopandas as gpd

    from scenecart._api.http import Session
    from scenecart._util.progress import ProgressCallback

_BATCH, _FIRST_BATCH, _LINES = 2_000, 100, 1_000
_MOST_TRIES = 4
_LEAST_ERROR, _LARGEST_ERROR = 400, 599
_MOST_BARREN = 100
T = TypeVar("T")


def search_catalog(
    session: Session, query: Query, progress: ProgressCallback | None = None, *, return_on_interrupt: bool = False
) -> gpd.GeoDataFrame:
    """Run a query to its end.

    Raises
    ------
    ScenecartError
        Whatever went wrong; what had arrived by then stands in its ``captures``.
    """
    reporter = ProgressReporter(progress, query.host)
    found = gather(_features_of(session, query, reporter), query.host, reporter, return_on_interrupt=return_on_interrupt)
    if not len(found):
        found.attrs["query"] = query.description
    return found


def gather(
    parts: Iterable[Sequence[Feature]], host: str, reporter: ProgressReporter, *, return_on_interrupt: bool = False
) -> gpd.GeoDataFrame:
    """Make one frame of features that arrive some at a time; see :func:`search`."""
    builder = Builder(host)
    reporter.emit("started")
    try:
        for features in parts:
            builder.add(features)
            reporter.emit("arrived", len(builder))
    except ScenecartError as error:
        error.captures = builder.frame()
        if len(builder):
            error.add_note(f"{pluralize(len(builder), 'capture')} had arrived; see this error's .captures.")
        raise
    except KeyboardInterrupt:
        if not return_on_interrupt:
            raise
        warn(f"The search was stopped; {pluralize(len(builder), 'capture')} of it had arrived.")
    frame = builder.frame()
    reporter.emit("finished", len(frame))
    return frame


def stream_catalog(session: Session, query: Query, batch_size: int = _BATCH) -> Iterator[gpd.GeoDataFrame]:
    """Yield the results of a query as frames, while they arrive; the first ones are smaller, so that they come soon."""
    waiting: list[Feature] = []
    size = min(batch_size, _FIRST_BATCH)
    try:
        for features in _features_of(session, query, ProgressReporter(None, query.host)):
            waiting += features
            while len(waiting) >= size:
                yield to_frame(waiting[:size], host=query.host)
                waiting = waiting[size:]
                size = min(batch_size, 2 * size)
    except ScenecartError:
        if waiting:
            yield to_frame(waiting, host=query.host)
        raise
    if waiting:
        yield to_frame(waiting, host=query.host)


@checked_keywords()
def search_stac(  # one keyword for each thing a catalog can be asked
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
    """Search any STAC API, and return the same frame as a search of the service, so that the two stand in one table.

    Parameters
    ----------
    url
        The API's landing page.
    aoi, bbox, intersects, collections, ids, datetime, max_cloud_cover, limit, return_on_interrupt
        As for :meth:`Client.search`; nothing of it is needed here.
    page_size
        How many items to ask for at a time. Default: what the API likes best.
    query
        As for :meth:`Client.search`; the API must offer the query extension.
    headers
        Sent with every request, such as an ``Authorization`` of the API's own.
    host
        What stands in the column ``host``. Default: the name in the address.
    progress
        Given a :class:`SearchEvent` whenever something arrives.

    Returns
    -------
    geopandas.GeoDataFrame
        As from :meth:`Client.search`.

    Raises
    ------
    InvalidQuery, InvalidArea
        If something asked for cannot be used; nothing was sent.
    ServiceError
        If the API cannot be searched; what had arrived stands in the error's ``captures``.

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
        raise InvalidQuery("url is the address of a STAC API's landing page.", hint="https://…")
    criteria, exact = build_criteria(
        aoi=aoi,
        bbox=bbox,
        intersects=intersects,
        collections=collections,
        ids=ids,
        datetime=datetime,
        query=query,
        max_cloud_cover=max_cloud_cover,
    )
    check_count(limit, "limit")
    check_count(page_size, "page_size")
    name = host or urlsplit(url).hostname or url
    wanted = Query(name, criteria, limit, page_size, exact)
    reader = Reader()
    answers = (reader.page(encode(page), "the STAC API") for page in pages(url, {**criteria, **_page_size(wanted)}, headers))
    arriving = _wanted((batch for answer in answers for batch in answer.batches()), wanted)
    return gather(arriving, name, ProgressReporter(progress, name), return_on_interrupt=return_on_interrupt)


def _page_size(query: Query) -> dict[str, int]:
    """Return how many items to ask for at a time; what the API likes best where nothing says."""
    size = query.page_size or (min(query.limit, operations.PAGE_LIMIT) if query.limit else None)
    return {} if size is None else {"limit": size}


def fetch(session: Session, query: Query) -> tuple[list[bytes], str]:
    """Return what a query answers as it came: ``"lines"`` of a stream, or ``"pages"``.

    Raises
    ------
    ScenecartError
        Whatever went wrong.
    """
    whole: Iterator[tuple[list[bytes], str]] = _stream_or_pages(
        query, lambda: [(_all_lines(session, query), "lines")], lambda: [(_all_pages(session, query), "pages")]
    )
    return next(whole)


def _all_lines(session: Session, query: Query) -> list[bytes]:
    failures = 0
    while True:
        try:
            with session.stream(operations.SEARCH_STREAM, query.body) as chunks:
                return list(chunks)
        except ConnectionFailed as error:
            failures += 1
            if failures == _MOST_TRIES or error.given_up:
                raise
            session.pause(failures)


def _all_pages(session: Session, query: Query) -> list[bytes]:
    answers: list[bytes] = []
    found = 0
    for data, batches_of_page in _pages(session, query):
        answers.append(data)
        for features, _ in batches_of_page:
            found += sum(_key(feature) is not None for feature in _touching(features, query))
        if query.limit is not None and found >= query.limit:
            break
    return answers


def assemble(parts: Sequence[bytes], kind: str, query: Query) -> gpd.GeoDataFrame:
    """Build the frame of what ``fetch`` returned; needs nothing but its arguments, so that another process can do it."""
    if kind == "lines":
        found = _told(_streamed(iter(parts), query.host), query.host)
    else:
        reader = Reader()
        found = _once((batch for data in parts for batch in reader.page(data, operations.SEARCH.id).batches()), set())
    return gather(_wanted(found, query), query.host, ProgressReporter(None, query.host))


def _features_of(session: Session, query: Query, reporter: ProgressReporter) -> Iterator[list[Feature]]:
    """Yield what a query finds while it arrives."""
    found = _stream_or_pages(
        query,
        lambda: _resumed(session, query, reporter),
        lambda: (batch for _, batches_of_page in _pages(session, query) for batch in batches_of_page),
    )
    return _wanted(found, query)


def _stream_or_pages(query: Query, by_stream: Callable[[], Iterable[T]], by_pages: Callable[[], Iterable[T]]) -> Iterator[T]:
    """Give what a query finds in one of two ways.

    One page is asked for when it holds all that is wanted; more is read from the service's stream, or page by page
    where it offers none.
    """
    fits_a_page = query.limit is not None and query.limit <= operations.PAGE_LIMIT
    if query.page_size is None and not fits_a_page:
        try:
            yield from by_stream()
        except ScenecartError as error:
            if error.status not in operations.NOT_OFFERED:
                raise
        else:
            return
    yield from by_pages()


def _wanted(found: Iterable[Batch], query: Query) -> Iterator[list[Feature]]:
    """Keep what was asked for, and no more than was asked for."""
    left = query.limit
    skipped = 0
    for features, odd in found:
        skipped += odd
        kept = _touching(features, query)[:left]
        if kept:
            yield kept
        if left is not None:
            left -= len(kept)
            if left <= 0:
                break
    if skipped:
        warn(f"{skipped} entries of the answer were no captures and are left out.")


def _touching(features: list[Feature], query: Query) -> list[Feature]:
    if query.exact is None or not features:
        return features
    return [feature for feature, wanted in zip(features, touch(features, query.exact), strict=True) if wanted]


def _once(found: Iterable[Batch], given: set[tuple[Any, str]]) -> Iterator[Batch]:
    """Give a capture once, that comes again on another page; ``given`` holds what was given already."""
    for features, skipped in found:
        fresh = [feature for feature in features if _key(feature) not in given]
        given.update(key for key in map(_key, features) if key is not None)
        yield fresh, skipped


def _pages(session: Session, query: Query) -> Iterator[tuple[bytes, Iterator[Batch]]]:
    """Ask for page after page, and give each with its captures that no page before had.

    A token that comes again ends it, and so do many pages in a row that bring nothing new.
    """
    size = query.page_size or min(query.limit or operations.PAGE_LIMIT, operations.PAGE_LIMIT)
    token: str | None = None
    tokens: set[str] = set()
    given: set[tuple[Any, str]] = set()
    barren = 0
    reader = Reader()

    def read(data: bytes) -> tuple[bytes, Page]:
        return data, reader.page(data, operations.SEARCH.id)

    while True:
        data, page = session.page(operations.SEARCH, operations.page_body(query.body, size, token), read)
        known = len(given)
        yield data, _once(page.batches(), given)
        barren = barren + 1 if len(given) == known else 0
        token = operations.next_token(page.rest)
        if token is None:
            return
        if token in tokens or barren >= _MOST_BARREN:
            warn("The service repeated a page; the search ends there and may be incomplete.")
            return
        tokens.add(token)


def _resumed(session: Session, query: Query, reporter: ProgressReporter) -> Iterator[Batch]:
    """Read the stream to its end; when it breaks, begin again and leave out what was given already."""
    given: list[bytes] = []
    for attempt in range(1, _MOST_TRIES + 1):
        again = Counter(key for keys in given for key in msgspec.json.decode(keys, type=list[tuple[Any, Any]]))
        try:
            with session.stream(operations.SEARCH_STREAM, query.body) as chunks:
                for features, odd in _streamed(chunks, query.host):
                    fresh = _not_yet(features, again) if again else features
                    given.append(msgspec.json.encode([_key(feature) or ("", "") for feature in fresh]))
                    yield fresh, odd
        except (ConnectionFailed, _CutLine) as error:
            if attempt == _MOST_TRIES or (isinstance(error, ConnectionFailed) and error.given_up):
                if isinstance(error, _CutLine):
                    raise error.told(query.host) from None
                raise
            session.pause(attempt)
            reporter.emit("restarted")
        else:
            return


def _not_yet(features: Sequence[Feature], again: Counter[tuple[Any, Any]]) -> list[Feature]:
    """Leave out as many of each capture as were given before."""
    fresh = []
    for feature in features:
        key = _key(feature) or ("", "")
        if again[key] > 0:
            again[key] -= 1
        else:
            fresh.append(feature)
    return fresh


def _key(feature: Feature) -> tuple[Any, str] | None:
    if not isinstance(feature.id, str) or not isinstance(feature.collection, str | None):
        return None
    return feature.collection, feature.id


class _CutLine(ValueError):
    """A line of a stream that is no JSON: the connection ended inside it, or this is no stream of captures."""

    def told(self, host: str) -> ServiceError:
        return ServiceError(
            f"The stream of {host!r} holds a line that is no JSON ({self}); it was cut, or is no capture stream.",
            operation=operations.SEARCH_STREAM.id,
        )


def _told(found: Iterator[Batch], host: str) -> Iterator[Batch]:
    try:
        yield from found
    except _CutLine as error:
        raise error.told(host) from None


def _streamed(chunks: Iterator[bytes], host: str) -> Iterator[Batch]:
    reader = Reader()
    try:
        for lines in (many[start : start + _LINES] for many in batches(chunks) for start in range(0, len(many), _LINES)):
            features = reader.lines(lines)
            if features is not None:
                yield features, 0
                continue
            yield from _line_by_line(lines, reader)
    except LineTooLong as error:
        raise ServiceError(f"The stream of {host!r} cannot be read: {error}.", operation=operations.SEARCH_STREAM.id) from None


def _line_by_line(lines: Sequence[bytes], reader: Reader) -> Iterator[Batch]:
    """Read lines each by itself; what stands before a bad one is given before its error."""
    features: list[Feature] = []
    skipped = 0
    failure: Exception | None = None
    for line in lines:
        try:
            skipped += _read_line(line, features)
        except (ScenecartError, _CutLine) as error:
            failure = error
            break
    reader.learn_from(features)
    yield features, skipped
    if failure is not None:
        raise failure


def _read_line(line: bytes, features: list[Feature]) -> int:
    """Add a line's features; return how many entries were none."""
    try:
        feature = read_feature(line, typed=True)
        if feature is not None:
            features.append(feature)
            return 0
        document = loads(line)
    except NotJson as error:
        raise _CutLine(str(error)) from None
    if not isinstance(document, Mapping):
        return 1
    if document.get("type") == "FeatureCollection":
        inner, skipped, _ = read_page(line, operations.SEARCH_STREAM.id)
        features.extend(inner)
        return skipped
    if "status" in document and ("title" in document or "detail" in document):
        raise _broken_off(document)
    return 1


def _broken_off(document: Mapping[str, Any]) -> ScenecartError:
    """Return the error that a problem in the middle of a stream stands for: that of its status, where it has one of an error."""
    problem = operations.parse_problem(document)
    status = operations.whole_number(document["status"])
    if status is None or not _LEAST_ERROR <= status <= _LARGEST_ERROR:
        error: ScenecartError = ServiceError(f"The service broke off the stream: {problem.text}")
    else:
        error = error_of_status(status, problem, operations.SEARCH_STREAM.id, None)
    error.operation = operations.SEARCH_STREAM.id
    error.problem = {**problem.shown(), "status": status}
    return error


search_stac.__module__ = "scenecart"
