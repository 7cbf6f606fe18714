"""A query becomes pages or a stream, and those become GeoDataFrames."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from scenecart import _frames, _wire
from scenecart._area import around_world_bounds, as_area, as_geometry, geojson
from scenecart._errors import (
    InvalidQuery,
    ScenecartError,
    ScenecartWarning,
    ServiceError,
)
from scenecart._features import Feature, Reader, read_feature, read_page
from scenecart._json import NotJson, encode, loads
from scenecart._ndjson import LineTooLong, batches
from scenecart._stac import interval, pages

if TYPE_CHECKING:
    import geopandas as gpd

    from scenecart._http import Session

Progress = Callable[[int], object]

OPERATORS = frozenset({"lt", "lte", "gt", "gte", "eq", "neq", "in"})
_BATCH = 2_000
_NOT_OFFERED = frozenset({404, 405, 501})
_CLOUD = "eo:cloud_cover"


@dataclass(frozen=True)
class Query:
    """A checked search: the host, the body to send, and how many captures are wanted in all."""

    host: str
    body: Mapping[str, Any]
    limit: int | None = None


def build_query(  # one keyword for each thing a catalog can be asked
    host: str,
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
) -> Query:
    """Check everything that can be checked before a request leaves.

    Raises
    ------
    InvalidQuery, InvalidArea
        Which argument cannot be used, and what it should look like.
    """
    if not isinstance(host, str) or not host.strip():
        raise InvalidQuery("host must be the name of a catalog host, as text.")
    criteria = _criteria(
        collections, ids, {"aoi": aoi, "bbox": bbox, "intersects": intersects}, datetime, query, max_cloud_cover, limit
    )
    if not criteria.keys() & {"collections", "ids"}:
        raise InvalidQuery("A search needs collections, ids, or both.", hint='Pass collections=["…"].')
    return Query(host, {"host_name": host, **criteria}, limit)


def search(session: Session, query: Query, progress: Progress | None = None) -> gpd.GeoDataFrame:
    """Run a query to its end.

    Raises
    ------
    ScenecartError
        Whatever went wrong; what had arrived by then stands in its ``captures``.
    """
    frames: list[gpd.GeoDataFrame] = []
    arrived = 0
    try:
        for frame in stream(session, query):
            frames.append(frame)
            arrived += len(frame)
            if progress is not None:
                progress(arrived)
    except ScenecartError as error:
        error.captures = _frames.concat(frames)
        if arrived:
            error.add_note(f"{arrived:,} captures had arrived; they are in this error's .captures.")
        raise
    return _frames.concat(frames) if frames else _frames.to_frame([], host=query.host)


def stream(session: Session, query: Query, batch_size: int = _BATCH) -> Iterator[gpd.GeoDataFrame]:
    """Yield the results of a query as frames, while they arrive.

    One page is asked for when it holds all that is wanted; more is read from the service's stream, or page by page
    where it offers none.
    """
    if query.limit is not None and query.limit <= _wire.PAGE_LIMIT:
        yield from _cut(_pages(session, query, query.limit), query)
        return
    try:
        with session.stream(_wire.SEARCH_STREAM, query.body) as chunks:
            yield from _cut(_rebatched(_streamed(chunks, query.host), batch_size), query)
    except ScenecartError as error:
        if error.status not in _NOT_OFFERED:
            raise
        yield from _cut(_pages(session, query, _wire.PAGE_LIMIT), query)


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
    headers: Mapping[str, str] | None = None,
    host: str | None = None,
    progress: Progress | None = None,
) -> gpd.GeoDataFrame:
    """Search any STAC API, and return the same frame as a search of the service, so that the two stand in one table.

    Parameters
    ----------
    url
        The API's landing page.
    aoi, bbox, intersects, collections, ids, datetime, max_cloud_cover, limit
        As for :meth:`Client.search`; nothing of it is needed here.
    query
        As for :meth:`Client.search`; the API must offer the query extension.
    headers
        Sent with every request, such as an ``Authorization`` of the API's own.
    host
        What stands in the column ``host``. Default: the name in the address.
    progress
        Given the number of items so far.

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
    criteria = _criteria(
        collections, ids, {"aoi": aoi, "bbox": bbox, "intersects": intersects}, datetime, query, max_cloud_cover, limit
    )
    if limit is not None:
        criteria |= {"max_items": limit, "limit": min(limit, _wire.PAGE_LIMIT)}
    name = host or urlsplit(url).hostname or url
    reader, frames, arrived = Reader(), [], 0
    try:
        for page in pages(url, criteria, headers):
            features, _, _ = reader.page(encode(page), "the STAC API")
            frames.append(_frames.to_frame(features, host=name))
            arrived += len(features)
            if progress is not None:
                progress(arrived)
    except ScenecartError as error:
        error.captures = _frames.concat(frames)
        raise
    found = _frames.concat(frames) if frames else _frames.to_frame([], host=name)
    return found if limit is None else found.head(limit)


def fetch(session: Session, query: Query) -> tuple[list[bytes], str]:
    """Return what a query answers as it came: ``"lines"`` of a stream, or ``"pages"``.

    Raises
    ------
    ScenecartError
        Whatever went wrong.
    """
    if query.limit is None or query.limit > _wire.PAGE_LIMIT:
        try:
            with session.stream(_wire.SEARCH_STREAM, query.body) as chunks:
                return list(chunks), "lines"
        except ScenecartError as error:
            if error.status not in _NOT_OFFERED:
                raise
    answers: list[bytes] = []
    given: set[tuple[Any, str] | None] = set()
    for data, features, _ in _raw_pages(session, query, min(query.limit or _wire.PAGE_LIMIT, _wire.PAGE_LIMIT)):
        answers.append(data)
        given.update(map(_key, features))
        if query.limit is not None and len(given - {None}) >= query.limit:
            break
    return answers, "pages"


def assemble(parts: Sequence[bytes], kind: str, host: str, limit: int | None) -> gpd.GeoDataFrame:
    """Build the frame of what ``fetch`` returned; needs nothing but its arguments, so that another process can do it."""
    query = Query(host, {}, limit)
    if kind == "lines":
        found: Iterator[tuple[list[Feature], int]] = _rebatched(_streamed(iter(parts), host), _BATCH)
    else:
        reader = Reader()
        found = _once(reader.page(data, _wire.SEARCH.id)[:2] for data in parts)
    frames = list(_cut(found, query))
    return _frames.concat(frames) if frames else _frames.to_frame([], host=host)


def _cut(found: Iterator[tuple[list[Feature], int]], query: Query) -> Iterator[gpd.GeoDataFrame]:
    left = query.limit
    skipped = 0
    for features, odd in found:
        skipped += odd
        kept = features if left is None else features[:left]
        if kept:
            yield _frames.to_frame(kept, host=query.host)
        if left is not None:
            left -= len(kept)
            if left <= 0:
                break
    if skipped:
        warnings.warn(f"{skipped} entries of the answer were no captures and are left out.", ScenecartWarning, stacklevel=4)


def _pages(session: Session, query: Query, page_limit: int) -> Iterator[tuple[list[Feature], int]]:
    """Follow the pages; a capture that comes again is given once."""
    return _once((features, skipped) for _, features, skipped in _raw_pages(session, query, page_limit))


def _once(found: Iterator[tuple[list[Feature], int]]) -> Iterator[tuple[list[Feature], int]]:
    given: set[tuple[Any, str]] = set()
    for features, skipped in found:
        fresh = [feature for feature in features if _key(feature) not in given]
        given.update(key for key in map(_key, features) if key is not None)
        yield fresh, skipped


def _raw_pages(session: Session, query: Query, page_limit: int) -> Iterator[tuple[bytes, list[Feature], int]]:
    """Ask for page after page. A token that comes again ends it."""
    token: str | None = None
    tokens: set[str] = set()
    reader = Reader()
    while True:
        body = {**query.body, "limit": page_limit, **({} if token is None else {"next": token})}
        data = session.page(_wire.SEARCH, body)
        features, skipped, rest = reader.page(data, _wire.SEARCH.id)
        yield data, features, skipped
        token = _wire.next_token(rest)
        if token is None:
            return
        if token in tokens:
            warnings.warn(
                "The service repeated a page; the search ends there and may be incomplete.",
                ScenecartWarning,
                stacklevel=4,
            )
            return
        tokens.add(token)


def _key(feature: Feature) -> tuple[Any, str] | None:
    if not isinstance(feature.id, str) or not isinstance(feature.collection, str | None):
        return None
    return feature.collection, feature.id


def _streamed(chunks: Iterator[bytes], host: str) -> Iterator[tuple[list[Feature], int]]:
    reader = Reader()
    try:
        for lines in batches(chunks):
            features = reader.lines(lines)
            skipped = 0
            if features is None:
                features = []
                for line in lines:
                    skipped += _read_line(line, features, host)
                reader.learn_from(features)
            yield features, skipped
    except LineTooLong as error:
        raise ServiceError(f"The stream cannot be read: {error}.", operation=_wire.SEARCH_STREAM.id) from None


def _read_line(line: bytes, features: list[Feature], host: str) -> int:
    """Add a line's features; return how many entries were none."""
    try:
        feature = read_feature(line)
        if feature is not None and feature.type == "Feature" and isinstance(feature.properties, dict | None):
            features.append(feature)
            return 0
        document = loads(line)
    except NotJson as error:
        raise ServiceError(
            f"The stream of {host!r} holds a line that is no JSON ({error}); it was cut, or is no capture stream.",
            operation=_wire.SEARCH_STREAM.id,
        ) from None
    if not isinstance(document, Mapping):
        return 1
    if document.get("type") == "FeatureCollection":
        inner, skipped, _ = read_page(line, _wire.SEARCH_STREAM.id)
        features.extend(inner)
        return skipped
    if "status" in document and ("title" in document or "detail" in document):
        problem = _wire.parse_problem(document)
        raise ServiceError(
            f"The service broke off the stream: {problem.text or problem.title}",
            operation=_wire.SEARCH_STREAM.id,
            problem={"type": problem.type, "title": problem.title, "detail": problem.text},
        )
    return 1


def _rebatched(found: Iterator[tuple[list[Feature], int]], size: int) -> Iterator[tuple[list[Feature], int]]:
    """Gather small batches into larger ones, keeping what has arrived when the stream breaks."""
    waiting: list[Feature] = []
    skipped = 0
    try:
        for features, odd in found:
            waiting += features
            skipped += odd
            while len(waiting) >= size:
                yield waiting[:size], skipped
                waiting, skipped = waiting[size:], 0
    except ScenecartError:
        yield waiting, skipped
        raise
    yield waiting, skipped


def _criteria(  # noqa: PLR0917  # what a catalog can be asked
    collections: Any, ids: Any, places: Mapping[str, Any], datetime: Any, query: Any, max_cloud_cover: Any, limit: Any
) -> dict[str, Any]:
    """Check what every catalog can be asked, and return it as the request has it."""
    named = {"collections": _names(collections, "collections"), "ids": _names(ids, "ids")}
    criteria: dict[str, Any] = {name: names for name, names in named.items() if names}
    criteria |= _place(**places)
    if datetime is not None:
        criteria["datetime"] = interval(datetime)
    conditions = _conditions(query, max_cloud_cover)
    if conditions:
        criteria["query"] = conditions
    if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int) or limit < 1):
        raise InvalidQuery(f"limit must be a whole number of at least 1, not {limit!r}.")
    return criteria


def _names(value: str | Sequence[str] | None, what: str) -> list[str]:
    if value is None:
        return []
    names = [value] if isinstance(value, str) else list(value)
    if not all(isinstance(name, str) and name for name in names):
        raise InvalidQuery(f"{what} must be names, as text.")
    return names


def _place(aoi: Any, bbox: Any, intersects: Any) -> dict[str, Any]:
    given = [name for name, value in (("aoi", aoi), ("bbox", bbox), ("intersects", intersects)) if value is not None]
    if len(given) > 1:
        raise InvalidQuery(f"Give one of {' and '.join(given)}, not both.")
    if bbox is not None:
        return {"bbox": list(around_world_bounds(as_geometry(bbox, name="bbox")))}
    if aoi is not None:
        return {"intersects": as_area(aoi).to_geojson()}
    if intersects is not None:
        return {"intersects": geojson(as_geometry(intersects))}
    return {}


def _conditions(query: Mapping[str, Any] | None, max_cloud_cover: float | None) -> dict[str, dict[str, Any]]:
    conditions: dict[str, dict[str, Any]] = {}
    if query is not None and not isinstance(query, Mapping):
        raise InvalidQuery("query must map a property to operators.", hint='{"gsd": {"lte": 0.5}}')
    for name, tests in (query or {}).items():
        if not isinstance(tests, Mapping) or not tests:
            raise InvalidQuery(f"query[{name!r}] must map operators to values.", hint='{"gsd": {"lte": 0.5}}')
        for operator in tests:
            if not isinstance(operator, str) or operator.lower() not in OPERATORS:
                near = get_close_matches(str(operator).lower(), OPERATORS, n=1)
                hint = f"Did you mean {near[0]!r}?" if near else f"The operators are {', '.join(sorted(OPERATORS))}."
                raise InvalidQuery(f"query[{name!r}] has an unknown operator {operator!r}.", hint=hint)
        conditions[str(name)] = {operator.lower(): value for operator, value in tests.items()}
    if max_cloud_cover is not None:
        percent = isinstance(max_cloud_cover, int | float) and not isinstance(max_cloud_cover, bool)
        if not percent or not 0 <= max_cloud_cover <= 100:  # noqa: PLR2004  # per cent
            raise InvalidQuery(f"max_cloud_cover is a percentage from 0 to 100, not {max_cloud_cover!r}.")
        if "lte" in conditions.get(_CLOUD, {}):
            raise InvalidQuery(f"Give max_cloud_cover or query[{_CLOUD!r}], not both.")
        conditions.setdefault(_CLOUD, {})["lte"] = max_cloud_cover
    return conditions
