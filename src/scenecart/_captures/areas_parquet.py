"""Searches of thousands of areas, written as partitioned GeoParquet: the captures of each area, with coverage and cloud cover.

Areas are sorted along a Hilbert curve and searched in groups. Threads of this process send the requests of a group; one task of an
executor decodes the responses, measures the coverage and returns two files. A few groups at a time are in memory.
"""

from __future__ import annotations

import hashlib
import io
import json
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from scenecart._captures import search
from scenecart._captures.area_cloud import stated_cloud
from scenecart._captures.filter import coverage
from scenecart._captures.frame import CRS
from scenecart._captures.properties import AREA_CLOUD, CLOUD_COVER, DATETIME, GSD, OFF_NADIR
from scenecart._captures.search_many import check_executor, labelled, warn_of_failures
from scenecart._captures.times import acquisition_times
from scenecart._geo.area import Area, as_area
from scenecart._util.files import write_atomic
from scenecart._util.json import dumps
from scenecart._util.progress import ProgressReporter
from scenecart._util.threads import map_in_threads, thread_pool
from scenecart._util.validate import check_count, shown_value
from scenecart.exceptions import AuthenticationError, InvalidQuery, PermissionDenied, ScenecartError

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator, Sequence
    from pathlib import Path

    from shapely.geometry.base import BaseGeometry

    from scenecart._api.http import Session
    from scenecart._captures.query import Query
    from scenecart._util.progress import ProgressCallback

AREAS_PER_FILE = 100
_MOST_AT_ONCE = 64
# groups that may wait for a worker, which limits the responses in memory
_AHEAD = 4
# a capture that covers at least this share of an area is counted as covering all of it
_WHOLE = 0.99
_MANIFEST = "search.json"
_NUMBERS = (CLOUD_COVER, GSD, OFF_NADIR)


@dataclass(frozen=True)
class Response:
    """One area and the service's response for it, in the form that is passed to a worker.

    Attributes
    ----------
    name : str
        The name of the area.
    geometry : shapely geometry or None
        The area in degrees (EPSG:4326); None if it cannot be used.
    query, parts, kind
        As for :func:`scenecart._captures.search.build_frame`; None without a response.
    error : str or None
        Why there is no response.
    """

    name: str
    geometry: BaseGeometry | None
    query: Query | None = None
    parts: Sequence[bytes] = ()
    kind: str = ""
    error: str | None = None


def search_to_files(
    session: Session,
    directory: Path,
    areas: Any,
    query_of: Callable[[Any], Query],
    *,
    executor: Executor | None = None,
    at_once: int = 8,
    areas_per_file: int = AREAS_PER_FILE,
    progress: ProgressCallback | None = None,
) -> list[Path]:
    """Search each area; see :meth:`Client.search_many_to_parquet`."""
    check_executor(executor)
    at_once = check_count(at_once, "at_once", most=_MOST_AT_ONCE, optional=False, kind=InvalidQuery)
    areas_per_file = check_count(areas_per_file, "areas_per_file", optional=False, kind=InvalidQuery)
    found = _checked(areas)
    # invalid criteria are invalid for every area
    sample = query_of(next((area.geometry for area in found if area.geometry is not None), (0, 0, 1, 1)))
    _check_folder(directory, _fingerprint(found, sample, areas_per_file))
    groups = [found[start : start + areas_per_file] for start in range(0, len(found), areas_per_file)]
    reporter = ProgressReporter(progress, sample.host, len(found))
    reporter.emit("started", areas_done=0)
    todo = [number for number in range(len(groups)) if not _is_complete(directory, number)]
    done = sum(len(group) for number, group in enumerate(groups) if number not in set(todo))
    with thread_pool(1, "scenecart-areas") as own:
        responses = ((number, _fetch(session, groups[number], query_of, at_once)) for number in todo)
        for number, files in _built(executor or own, responses):
            for path, content in zip(_paths(directory, number), files, strict=True):
                write_atomic(content, path, "A file of captures")
            done += len(groups[number])
            reporter.emit("area", areas_done=done)
    errors = _errors(directory, len(groups))
    if errors:
        warn_of_failures(errors, sample.host)
    reporter.emit("finished", areas_done=len(found))
    return [path for number in range(len(groups)) for path in _paths(directory, number)]


def _checked(areas: Any) -> list[Response]:
    """Return the areas with their geometries, sorted along a Hilbert curve; invalid areas are last, with their errors."""
    found: list[Response] = []
    names: set[str] = set()
    for label, area in labelled(areas):
        name = str(label)
        if name in names:
            raise InvalidQuery(f"must have unique names, got {shown_value(label)} twice.", code="areas_repeated", argument="areas")
        names.add(name)
        try:
            found.append(Response(name, as_area(area).geometry))
        except ScenecartError as error:
            found.append(Response(name, None, error=f"{type(error).__name__}: {error.message}"))
    if not found:
        raise InvalidQuery("must contain at least one area.", code="areas_empty", argument="areas")
    usable = [one for one in found if one.geometry is not None]
    centres = gpd.GeoSeries([one.geometry for one in usable], crs=CRS).hilbert_distance(total_bounds=(-180, -90, 180, 90))
    order = np.argsort(centres.to_numpy(), kind="stable")
    return [*(usable[place] for place in order), *(one for one in found if one.geometry is None)]


def _fingerprint(areas: Sequence[Response], sample: Query, areas_per_file: int) -> str:
    digest = hashlib.sha256()
    body = {name: value for name, value in sample.body.items() if name != "intersects"}
    digest.update(dumps([body, sample.host, sample.limit, areas_per_file]))
    for area in areas:
        digest.update(dumps(area.name))
        digest.update(b"" if area.geometry is None else shapely.to_wkb(area.geometry))
    return digest.hexdigest()


def _check_folder(directory: Path, fingerprint: str) -> None:
    """Check the folder: it must be new, empty, or of the same search; complete files of that search are kept."""
    manifest = directory / _MANIFEST
    if not directory.exists() or (directory.is_dir() and not any(directory.iterdir())):
        directory.mkdir(parents=True, exist_ok=True)
        write_atomic(json.dumps({"search": fingerprint}).encode(), manifest, "A file of captures")
        return
    try:
        known = json.loads(manifest.read_text("utf-8"))["search"]
    except (OSError, ValueError, TypeError, KeyError):
        raise InvalidQuery(
            f"must be a new or empty folder, got {str(directory)!r}.", code="directory_not_empty", argument="directory"
        ) from None
    if known != fingerprint:
        raise InvalidQuery(
            f"has the results of a search of other areas or criteria: {str(directory)!r}.",
            code="directory_of_another_search",
            argument="directory",
            hint="Choose a new folder.",
        )


def _paths(directory: Path, number: int) -> tuple[Path, Path]:
    """Return the paths of the two files of a group: its captures and its areas. The file of areas is written last."""
    return directory / "captures" / f"part-{number:05d}.parquet", directory / "areas" / f"part-{number:05d}.parquet"


def _is_complete(directory: Path, number: int) -> bool:
    """Return whether a group was searched before, without errors that may not occur again."""
    captures, areas = _paths(directory, number)
    if not (captures.is_file() and areas.is_file()):
        return False
    return not _failed(areas)


def _failed(path: Path) -> dict[Hashable, str]:
    frame = pd.read_parquet(path, columns=["area", "error", "captures"])
    failed = frame[frame["error"].notna() & ~frame["error"].fillna("").str.startswith("InvalidArea")]
    return dict(zip(failed["area"], failed["error"], strict=True))


def _errors(directory: Path, groups: int) -> dict[Hashable, str]:
    found: dict[Hashable, str] = {}
    for number in range(groups):
        path = _paths(directory, number)[1]
        frame = pd.read_parquet(path, columns=["area", "error"])
        found |= dict(frame[frame["error"].notna()].itertuples(index=False))
    return found


def _fetch(session: Session, group: Sequence[Response], query_of: Callable[[Any], Query], at_once: int) -> list[Response]:
    """Request the captures of each area of a group; a failed request is stored as the error of its area."""

    def fetch(area: Response) -> Response:
        if area.geometry is None:
            return area
        query = query_of(area.geometry)
        try:
            parts, kind = search.fetch(own, query)
        except (AuthenticationError, PermissionDenied):
            # the same for every area
            raise
        except ScenecartError as error:
            return Response(area.name, area.geometry, error=f"{type(error).__name__}: {error.message}")
        return Response(area.name, area.geometry, query, parts, kind)

    with session.separate() as own:
        return map_in_threads(fetch, group, at_once, cancel=own.abort, name="scenecart-areas")


def _built(executor: Executor, responses: Iterator[tuple[int, list[Response]]]) -> Iterator[tuple[int, tuple[bytes, bytes]]]:
    """Yield the files of each group as they are built, with a few groups ahead."""
    pending: dict[Future[tuple[bytes, bytes]], int] = {}
    for number, group in responses:
        pending[executor.submit(build_files, group)] = number
        while len(pending) >= _AHEAD:
            yield from _finished(pending)
    while pending:
        yield from _finished(pending)


def _finished(pending: dict[Future[tuple[bytes, bytes]], int]) -> Iterator[tuple[int, tuple[bytes, bytes]]]:
    for future in wait(pending, return_when=FIRST_COMPLETED).done:
        yield pending.pop(future), future.result()


def build_files(group: Sequence[Response]) -> tuple[bytes, bytes]:
    """Return the captures and the areas of a group as GeoParquet. It needs no connection, so it can run on another computer."""
    captures, areas = [], []
    for area in group:
        frame, error = None, area.error
        if area.query is not None:
            try:
                frame = search.build_frame(area.parts, area.kind, area.query)
            except ScenecartError as unreadable:
                error = f"{type(unreadable).__name__}: {unreadable.message}"
        found = _captures_of(area, frame)
        captures.append(found)
        areas.append(_area_row(area, found, error))
    rows = pd.concat(captures, ignore_index=True) if captures else _captures_of(Response("", None), None)
    return _parquet(gpd.GeoDataFrame(rows, geometry="geometry", crs=CRS)), _parquet(_areas_frame(areas))


def _captures_of(area: Response, frame: gpd.GeoDataFrame | None) -> gpd.GeoDataFrame:
    """Return the columns by which captures are chosen; they are the same for every area, so that all files fit one table."""
    frame = gpd.GeoDataFrame({"id": []}, geometry=[], crs=CRS) if frame is None else frame
    missing = pd.Series(np.nan, index=frame.index)
    count = len(frame)
    shares, cloud = pd.Series(dtype=float), np.empty(0)
    if count and area.geometry is not None:
        shares = coverage(frame, area.geometry)
        cloud = stated_cloud(frame, Area(area.geometry))[AREA_CLOUD].to_numpy(dtype=float)
    columns: dict[str, Any] = {
        "area": pd.Series([area.name] * count, dtype="string"),
        **{name: pd.Series(_texts(frame, name), dtype="string") for name in ("id", "collection", "host")},
        DATETIME: pd.Series(acquisition_times(frame).to_numpy(), dtype="datetime64[us, UTC]") if count else _no_times(),
        **{name: pd.to_numeric(frame.get(name, missing), errors="coerce").to_numpy(dtype=float) for name in _NUMBERS},
        AREA_CLOUD: cloud,
        "covers": shares.to_numpy(dtype=float),
        "orderable": frame["orderable"].to_numpy(dtype=bool) if count else np.empty(0, dtype=bool),
    }
    found = gpd.GeoDataFrame(pd.DataFrame(columns), geometry=gpd.GeoSeries(frame.geometry.to_numpy(), crs=CRS), crs=CRS)
    found.attrs["together"] = shares.attrs.get("together", 0.0)
    return found


def _texts(frame: gpd.GeoDataFrame, name: str) -> list[str | None]:
    return [None if pd.isna(value) else str(value) for value in frame[name]] if name in frame.columns else [None] * len(frame)


def _no_times() -> pd.Series[Any]:
    return pd.Series([], dtype="datetime64[us, UTC]")


def _area_row(area: Response, found: gpd.GeoDataFrame, error: str | None) -> dict[str, Any]:
    whole = found[found["covers"] >= _WHOLE]
    cloud = whole[AREA_CLOUD].fillna(whole[CLOUD_COVER])
    return {
        "area": area.name,
        "captures": len(found),
        "covered": np.nan if error else found.attrs["together"],
        "whole_captures": len(whole),
        "least_cloud": cloud.min() if len(whole) else np.nan,
        "newest": found[DATETIME].max() if len(found) else pd.NaT,
        "error": error,
        "geometry": area.geometry,
    }


def _areas_frame(rows: Sequence[dict[str, Any]]) -> gpd.GeoDataFrame:
    frame = pd.DataFrame(rows)
    kinds = {"area": "string", "captures": "int64", "whole_captures": "int64", "covered": "float64", "least_cloud": "float64"}
    frame = frame.astype({**kinds, "error": "string"})
    frame["newest"] = pd.to_datetime(frame["newest"], utc=True).astype("datetime64[us, UTC]")
    return gpd.GeoDataFrame(frame, geometry="geometry", crs=CRS)


def _parquet(frame: gpd.GeoDataFrame) -> bytes:
    content = io.BytesIO()
    frame.to_parquet(content, index=False, write_covering_bbox=True, schema_version="1.1.0")
    return content.getvalue()
