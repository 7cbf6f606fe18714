"""Many areas at once: requests leave from here, under one rate limit; frames are built wherever the executor is."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from concurrent.futures import Executor, Future, ThreadPoolExecutor, as_completed
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import pandas as pd

from scenecart._captures import search
from scenecart._captures.frame import CRS, OF_MANY_AREAS, column_beside, concat
from scenecart._util.progress import ProgressReporter
from scenecart._util.text import clean_text, pluralize
from scenecart.exceptions import InvalidQuery, ScenecartError, warn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from scenecart._api.http import Session
    from scenecart._captures.query import Query
    from scenecart._util.progress import ProgressCallback

_AT_ONCE = 8
_MOST_AT_ONCE = 64


def search_areas(
    session: Session,
    areas: Any,
    query_of: Callable[[Any], Query],
    *,
    executor: Executor | None = None,
    at_once: int = _AT_ONCE,
    progress: ProgressCallback | None = None,
) -> gpd.GeoDataFrame:
    """Search each area; see :meth:`Client.search_many`."""
    if executor is not None and not hasattr(executor, "submit"):
        raise InvalidQuery("executor is a concurrent.futures.Executor, such as dask.distributed.Client(…).get_executor().")
    if not isinstance(at_once, int) or not 1 <= at_once <= _MOST_AT_ONCE:
        raise InvalidQuery(f"at_once is a whole number from 1 to {_MOST_AT_ONCE}, not {at_once!r}.")
    queries, errors = _queries(areas, query_of)
    host = next((query.host for _, query in queries if query), "")
    reporter, captures = ProgressReporter(progress, host, len(queries)), 0
    reporter.emit("started", areas_done=len(errors))
    frames: dict[int, gpd.GeoDataFrame] = {}
    labels = [label for label, _ in queries]
    with ThreadPoolExecutor(at_once, thread_name_prefix="scenecart-search") as threads:
        asked = {threads.submit(_one, session, query, executor): number for number, (_, query) in enumerate(queries) if query}
        for done, future in enumerate(as_completed(asked), 1 + len(errors)):
            number = asked[future]
            try:
                frames[number] = future.result()
            except ScenecartError as error:
                errors[labels[number]] = f"{type(error).__name__}: {error}"
                if error.captures is not None and len(error.captures):
                    frames[number] = error.captures
            captures += len(frames[number]) if number in frames else 0
            reporter.emit("area", captures, done)
    found = _together([(labels[number], frames[number]) for number in sorted(frames)], errors)
    if errors:
        label, why = next(iter(errors.items()))
        others = f", and {pluralize(len(errors) - 1, 'other area')}" if len(errors) > 1 else ""
        warn(f'Area {label!r} could not be searched{others}: {clean_text(why, 300)} All are in captures.attrs["errors"].')
    reporter.emit("finished", len(found), len(queries))
    return found


def _one(session: Session, query: Query, executor: Executor | None) -> gpd.GeoDataFrame:
    """Fetch what one area holds, and have it built."""
    if executor is None:
        return search.search_catalog(session, query)
    parts, kind = search.fetch(session, query)
    built: Future[gpd.GeoDataFrame] = executor.submit(search.assemble, parts, kind, query)
    return built.result()


def _queries(areas: Any, query_of: Callable[[Any], Query]) -> tuple[list[tuple[Hashable, Query | None]], dict[Hashable, str]]:
    """Check every area; one that cannot be used is an error of its own, and does not stop the others."""
    found: list[tuple[Hashable, Query | None]] = []
    errors: dict[Hashable, str] = {}
    for label, area in _labelled(areas):
        try:
            found.append((label, query_of(area)))
        except InvalidQuery:
            raise
        except ScenecartError as error:
            errors[label] = f"{type(error).__name__}: {error}"
            found.append((label, None))
    if not found:
        raise InvalidQuery("There is no area to search.", hint="Give a frame, a mapping or a list that holds one or more.")
    return found, errors


def _labelled(areas: Any) -> Iterable[tuple[Hashable, Any]]:
    if isinstance(areas, gpd.GeoDataFrame | gpd.GeoSeries):
        shapes = areas.geometry if areas.crs is None else areas.geometry.to_crs(CRS)
        return list(zip(areas.index.tolist(), shapes, strict=True))
    if isinstance(areas, Mapping) and "type" not in areas:
        return list(areas.items())
    if isinstance(areas, str | bytes) or not hasattr(areas, "__iter__"):
        raise InvalidQuery("areas is a GeoDataFrame, a GeoSeries, a mapping of names to areas, or a list of areas.")
    return list(enumerate(areas))


def _together(found: list[tuple[Hashable, gpd.GeoDataFrame]], errors: dict[Hashable, str]) -> gpd.GeoDataFrame:
    kept = {name: column_beside(name) for name in OF_MANY_AREAS}
    frame = concat([part.rename(columns=kept).assign(area=[label] * len(part)) for label, part in found])
    if "area" not in frame.columns:
        frame["area"] = pd.Series(dtype=object)
    known = frame["id"].notna()
    frame["duplicate"] = frame.duplicated(["host", "collection", "id"]) & known
    frame.attrs["errors"] = errors
    return frame
