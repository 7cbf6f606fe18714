"""Many areas: coverage and cloud of up to 10,000 areas, and the part of the work that a cluster takes over."""

from __future__ import annotations

import tempfile
import time
from concurrent.futures import wait
from pathlib import Path
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import shapely
from dask.distributed import Client as DaskClient
from dask.distributed import LocalCluster

import scenecart
from benchmarks.sizes import FULL
from scenecart._captures.areas_parquet import AREAS_PER_FILE, Response, build_files
from scenecart._captures.query import SearchCriteria, build_query
from scenecart._captures.search import fetch
from scenecart.client import session_of
from scenecart.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

TITLE = "Many areas"
ABOUT = """`client.search_many_to_parquet` for squares of 10 km in Europe, at the sandbox on the same machine without its rate
limit. `growth` is the time divided by the time at a tenth of the size. A real service allows 600 requests a minute, so 10,000
areas take about 17 minutes there, whatever the cluster.

The second table is what a cluster takes over: decoding the responses, measuring the coverage and writing GeoParquet, for the
responses of so many areas in memory, by a Dask cluster of one and of two processes on this machine."""
_CRITERIA = {"collections": ["aurora-50cm"], "datetime": "2024-01/2024-06"}
_WORKED = 2_000 if FULL else 500


def table() -> Iterator[str]:
    """Measure, and give the lines of two tables."""
    limits = scenecart.Limits(calls_per_minute=10**6)
    with Sandbox(pace="real") as box, tempfile.TemporaryDirectory() as home:
        box.rate_limits = None
        with box.client(home=home, limits=limits) as client:
            yield from ("| areas | captures | seconds | growth |", "|---:|---:|---:|---:|")
            yield from _growth(client)
            responses = _responses(client)
    yield from ("", f"| workers | seconds for {_WORKED:,} areas | areas a second |", "|---:|---:|---:|")
    yield from _workers(responses)


def _squares(count: int) -> gpd.GeoSeries:
    pick = np.random.default_rng(11)
    west, south = pick.uniform(-8, 24, count), pick.uniform(38, 54, count)
    return gpd.GeoSeries(shapely.box(west, south, west + 0.13, south + 0.09), crs=4326)


def _growth(client: scenecart.Client) -> Iterator[str]:
    before = None
    for count in (100, 1_000, 10_000) if FULL else (50, 500):
        with tempfile.TemporaryDirectory() as folder:
            started = time.perf_counter()
            files = client.search_many_to_parquet(Path(folder) / "found", _squares(count), "aurora", **_CRITERIA)
            spent = time.perf_counter() - started
            captures = sum(len(gpd.read_parquet(path, columns=["id", "geometry"])) for path in files[::2])
        growth = "" if before is None else f"{spent / before:.1f}×"
        before = spent
        yield f"| {count:,} | {captures:,} | {spent:.1f} | {growth} |"


def _responses(client: scenecart.Client) -> list[list[Response]]:
    """Return the responses of some areas, in groups as they are given to workers."""
    found = []
    for name, square in _squares(_WORKED).items():
        query = build_query("aurora", SearchCriteria(aoi=square, **_CRITERIA))
        parts, kind = fetch(session_of(client), query)
        found.append(Response(str(name), square, query, parts, kind))
    return [found[start : start + AREAS_PER_FILE] for start in range(0, len(found), AREAS_PER_FILE)]


def _workers(responses: list[list[Response]]) -> Iterator[str]:
    for count in (1, 2):
        with LocalCluster(n_workers=count, threads_per_worker=1, dashboard_address=None) as cluster, DaskClient(cluster) as dask:
            executor = dask.get_executor()
            # the workers import their libraries before the clock starts
            wait([executor.submit(build_files, responses[0]) for _ in range(count)])
            started = time.perf_counter()
            wait([executor.submit(build_files, group, pure=False) for group in responses])
            spent = time.perf_counter() - started
        yield f"| {count} | {spent:.1f} | {_WORKED / spent:,.0f} |"
