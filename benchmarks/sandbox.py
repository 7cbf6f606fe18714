"""Benchmarks of the embedded sandbox: server, database and client on one machine, over real sockets."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from benchmarks.sizes import FULL
from scenecart.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

TITLE = "The sandbox"
ABOUT = """A search requests a page of 500 and reads it completely. Times include the work of
the client, which runs on the same machine. The first start generates the captures, later starts read them from the cache."""
CAPTURES = 1_000_000 if FULL else 240_000
RUNS = 15
PAGE = {"host_name": "aurora", "collections": ["aurora-50cm"], "limit": 500}
EUROPE, SYDNEY, HARBOUR = [-10, 35, 30, 60], [150, -35, 153, -32], [151.18, -33.99, 151.24, -33.94]
TRIANGLE = {"type": "Polygon", "coordinates": [[[-10, 35], [30, 35], [10, 60], [-10, 35]]]}
SEARCHES: dict[str, dict[str, Any]] = {
    "the newest": {},
    "a harbour": {"bbox": HARBOUR},
    "a city and its surroundings": {"bbox": SYDNEY},
    "a continent": {"bbox": EUROPE},
    "a triangle over a continent": {"intersects": TRIANGLE},
    "across the antimeridian": {"bbox": [170, -20, -170, -10]},
    "half a year": {"datetime": "2023-01-01T00:00:00Z/2023-06-30T00:00:00Z"},
    "cloud cover at most 5 %": {"query": {"eo:cloud_cover": {"lte": 5}}},
    "a continent, a year, cloud cover at most 5 %": {
        "bbox": EUROPE,
        "datetime": "2022-01-01T00:00:00Z/2022-12-31T00:00:00Z",
        "query": {"eo:cloud_cover": {"lte": 5}},
    },
}
START = """
import time
began = time.perf_counter()
from scenecart.sandbox import Sandbox
with Sandbox():
    print(time.perf_counter() - began)
"""


def table() -> Iterator[str]:
    """Measure, and give the lines of a Markdown table."""
    yield from ("| what | measured | promised |", "|---|---:|---:|")
    yield from _lines(_starts())
    with Sandbox(captures=CAPTURES, pace="real") as box:
        box.rate_limits = None
        box.top_up("analyst", 10**11)
        analyst = box.principals["analyst"]
        with httpx.Client(base_url=box.url, headers={"Authorization": f"Bearer {analyst['token']}"}, timeout=60) as client:
            yield from _lines(_searches(client))
            yield from _lines(_estimates(client))
            yield from _lines(_placements(client, analyst["project"] or ""))


def _lines(rows: Iterable[tuple[str, str, str]]) -> Iterator[str]:
    return (f"| {what} | {measured} | {promised} |" for what, measured, promised in rows)


def _starts() -> list[tuple[str, str, str]]:
    """Time a process from its first import until the sandbox accepts requests."""
    with tempfile.TemporaryDirectory() as cache:
        environ = {**os.environ, "XDG_CACHE_HOME": cache}

        def start() -> float:
            done = subprocess.run([sys.executable, "-c", START], env=environ, capture_output=True, text=True, check=True)  # noqa: S603  # this Python
            return float(done.stdout)

        cold = start()
        warm = statistics.median(start() for _ in range(5))
        size = sum(path.stat().st_size for path in Path(cache).rglob("*.sqlite")) / 1e6
    return [
        ("start with imports, captures in the cache", f"{warm:.2f} s", "< 1.5 s"),
        (f"first start: 240,000 captures generated, {size:.0f} MB", f"{cold:.1f} s", "seconds"),
    ]


def _timed(client: httpx.Client, operation: str, body: dict[str, Any]) -> float:
    """Return the median time in seconds of a request that succeeds."""
    times = []
    for _ in range(RUNS):
        began = time.perf_counter()
        answer = client.post(f"/v1/op/{operation}", json=body)
        times.append(time.perf_counter() - began)
        answer.raise_for_status()
    return statistics.median(times)


def _searches(client: httpx.Client) -> list[tuple[str, str, str]]:
    rows = []
    for name, filters in SEARCHES.items():
        seconds = _timed(client, "catalog.search", {**PAGE, **filters})
        rows.append((f"search page of {CAPTURES:,}: {name}", f"{1000 * seconds:.0f} ms", "< 50 ms"))
    return rows


def _estimates(client: httpx.Client) -> list[tuple[str, str, str]]:
    found = []
    for bbox in (EUROPE, [100, -10, 150, 40]):
        found += client.post("/v1/op/catalog.search", json={**PAGE, "bbox": bbox}).json()["features"]
    captures = [{"id": one["id"], "geometry": one["geometry"]} for one in found]
    rows = []
    for name, by_date in (("", False), (", split by date", True)):
        body = {"captures": captures, "splitByDate": by_date}
        seconds = _timed(client, "orders.archive.estimate", body)
        rows.append((f"estimate of {len(captures):,} captures{name}", f"{seconds:.2f} s", "< 1 s"))
    return rows


def _placements(client: httpx.Client, project: str) -> list[tuple[str, str, str]]:
    capture = client.post("/v1/op/catalog.search", json={**PAGE, "bbox": HARBOUR, "limit": 1}).json()["features"][0]
    body = {"projectId": project, "captures": [{"id": capture["id"], "geometry": capture["geometry"]}]}

    def place(_: int) -> int:
        headers = {"Idempotency-Key": str(uuid.uuid4())}
        return client.post("/v1/op/orders.archive.place", json=body, headers=headers).status_code

    rates = []
    with ThreadPoolExecutor(4) as threads:
        for _ in range(5):
            began = time.perf_counter()
            if set(threads.map(place, range(300))) != {202}:
                raise RuntimeError("not every placement succeeded")
            rates.append(300 / (time.perf_counter() - began))
    return [("placements with different keys, four at a time", f"{statistics.median(rates):.0f} per second", "200 per second")]
