"""Searches of many areas at once, under one rate limit."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from concurrent.futures import Executor, Future, as_completed
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import pandas as pd

from scenecart._captures import search
from scenecart._captures.frame import CRS, SEARCH_MANY_COLUMNS, concat, prefixed_column
from scenecart._util.progress import ProgressReporter
from scenecart._util.text import clean_text, pluralize
from scenecart._util.threads import thread_pool
from scenecart._util.validate import check_count, shown_value
from scenecart.exceptions import InvalidQuery, ScenecartError, warn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from scenecart._api.http import Session
    from scenecart._captures.query import Query
    from scenecart._util.progress import ProgressCallback

_DEFAULT_CONCURRENCY = 8
_MAX_CONCURRENCY = 64


def search_areas(
    session: Session,
    areas: Any,
    query_of: Callable[[Any], Query],
    *,
    executor: Executor | None = None,
    at_once: int = _DEFAULT_CONCURRENCY,
    progress: ProgressCallback | None = None,
) -> gpd.GeoDataFrame:
    """Search each area; see :meth:`Client.search_many`.

    Requests are sent by threads of this process; an executor only builds frames.
    """
    check_executor(executor)
    at_once = check_count(at_once, "at_once", most=_MAX_CONCURRENCY, optional=False, kind=InvalidQuery)
    queries, errors = _queries(areas, query_of)
    host = next((query.host for _, query in queries if query), "")
    reporter, captures = ProgressReporter(progress, host, len(queries)), 0
    reporter.emit("started", areas_done=len(errors))
    frames: dict[int, gpd.GeoDataFrame] = {}
    labels = [label for label, _ in queries]
    with thread_pool(at_once, "scenecart-search") as threads:
        futures = {
            threads.submit(_search_area, session, query, executor): number for number, (_, query) in enumerate(queries) if query
        }
        for done, future in enumerate(as_completed(futures), 1 + len(errors)):
            number = futures[future]
            try:
                frames[number] = future.result()
            except ScenecartError as error:
                errors[labels[number]] = f"{type(error).__name__} (provider {host!r}): {error}"
                if error.captures is not None and len(error.captures):
                    frames[number] = error.captures
            captures += len(frames[number]) if number in frames else 0
            reporter.emit("area", captures, done)
    found = _concat_areas([(labels[number], frames[number]) for number in sorted(frames)])
    found.attrs["errors"] = errors
    if errors:
        warn_of_failures(errors, host)
    reporter.emit("finished", len(found), len(queries))
    return found


def check_executor(executor: Any) -> None:
    """Refuse anything but an executor or None.

    Raises
    ------
    InvalidQuery
        If the value is something else.
    """
    if executor is not None and not hasattr(executor, "submit"):
        raise InvalidQuery(
            f"must be a concurrent.futures.Executor, got {shown_value(executor)}.",
            code="executor_invalid",
            argument="executor",
            hint="For example: dask.distributed.Client(…).get_executor()",
        )


def warn_of_failures(errors: Mapping[Hashable, str], host: str) -> None:
    """Warn that the searches of some areas failed, with the first error."""
    label, reason = next(iter(errors.items()))
    others = f" and {pluralize(len(errors) - 1, 'other area')}" if len(errors) > 1 else ""
    warn(
        f"The search of area {label!r}{others} at provider {host!r} failed: {clean_text(reason, 300)}",
        code="areas_failed",
        hint='All errors are in captures.attrs["errors"].',
    )


def _search_area(session: Session, query: Query, executor: Executor | None) -> gpd.GeoDataFrame:
    if executor is None:
        return search.search_catalog(session, query)
    parts, kind = search.fetch(session, query)
    frame: Future[gpd.GeoDataFrame] = executor.submit(search.build_frame, parts, kind, query)
    return frame.result()


def _queries(areas: Any, query_of: Callable[[Any], Query]) -> tuple[list[tuple[Hashable, Query | None]], dict[Hashable, str]]:
    """Check every area; return the queries by label, and the errors of invalid areas, which do not stop the others."""
    queries: list[tuple[Hashable, Query | None]] = []
    errors: dict[Hashable, str] = {}
    for label, area in labelled(areas):
        try:
            queries.append((label, query_of(area)))
        except InvalidQuery:
            # invalid for every area
            raise
        except ScenecartError as error:
            errors[label] = f"{type(error).__name__}: {error}"
            queries.append((label, None))
    if not queries:
        raise InvalidQuery("must contain at least one area.", code="areas_empty", argument="areas")
    return queries, errors


def labelled(areas: Any) -> Iterable[tuple[Hashable, Any]]:
    """Return each area with its name: the index of a frame, the key of a mapping, or the place in a list.

    Raises
    ------
    InvalidQuery
        If the areas have none of these forms.
    """
    if isinstance(areas, gpd.GeoDataFrame | gpd.GeoSeries):
        shapes = areas.geometry if areas.crs is None else areas.geometry.to_crs(CRS)
        return list(zip(areas.index.tolist(), shapes, strict=True))
    if isinstance(areas, Mapping) and "type" not in areas:
        return list(areas.items())
    if isinstance(areas, str | bytes) or not hasattr(areas, "__iter__"):
        raise InvalidQuery(
            f"must be a GeoDataFrame, a GeoSeries, a mapping of names to areas, or a list of areas, got {shown_value(areas)}.",
            code="areas_invalid",
            argument="areas",
        )
    return list(enumerate(areas))


def _concat_areas(found: list[tuple[Hashable, gpd.GeoDataFrame]]) -> gpd.GeoDataFrame:
    renamed = {name: prefixed_column(name) for name in SEARCH_MANY_COLUMNS}
    frame = concat([part.rename(columns=renamed).assign(area=[label] * len(part)) for label, part in found])
    if "area" not in frame.columns:
        frame["area"] = pd.Series(dtype=object)
    has_id = frame["id"].notna()
    frame["duplicate"] = frame.duplicated(["host", "collection", "id"]) & has_id
    return frame
