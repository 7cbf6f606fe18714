"""Growth of time with size, for carts, journals, reports, searches, estimates and orders."""

from __future__ import annotations

import statistics
import tempfile
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import numpy as np
import shapely

import scenecart
from benchmarks.money import poll_once, record_placement
from benchmarks.reports import priced
from benchmarks.sandbox import EUROPE, HARBOUR, PAGE
from benchmarks.sizes import FULL
from benchmarks.widgets import world_captures
from scenecart._cart.cart import make_cart
from scenecart._orders.journal import Journal
from scenecart.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TITLE = "Growth"
ABOUT = """The same work at one size, at ten times and at a hundred times the size. `growth` is the time divided by the time at a
tenth of the size: 10 is linear, 1 is constant. The size of the journal is its number of placements; the size of a page
of a search is the number of captures in the catalog. Frames, filters and views are plotted above. The time of a click
on the map and of an import is constant.

Growth slightly above 10 at the largest sizes comes from the garbage collector of Python, which scans all orders or
lines repeatedly."""
_TIMES = 5
# the largest of three sizes takes most of the time
_SIZES = 3 if FULL else 2


def table() -> Iterator[str]:
    """Measure, and give the lines of a table."""
    yield from ("| size | task | milliseconds | growth |", "|---:|---|---:|---:|")
    for task, points in _tasks():
        before = None
        for count, spent in points:
            growth = "" if before is None else f"{spent / before:.1f}×"
            milliseconds = f"{1_000 * spent:.0f}" if spent >= 0.1 else f"{1_000 * spent:.3g}"  # noqa: PLR2004  # three significant digits
            yield f"| {count:,} | {task} | {milliseconds} | {growth} |"
            before = spent


def _tasks() -> Iterator[tuple[str, list[tuple[int, float]]]]:
    yield "cart and its fingerprint", _each(_fingerprint, 1_000)
    yield "coverage of an area", _each(_coverage, 1_000)
    yield "journal entries of a placement", _each(_journal, 100)
    for suffix in ("html", "pdf", "xlsx", "parquet"):
        yield f"report, .{suffix}", _each(lambda count, suffix=suffix: _report(count, suffix), 50)
    yield "page of a search", _each(_page, 10_000)
    yield "estimate of captures", _prices(_sizes(10))
    yield "status of open orders", _each(_order_status, 50)


def _sizes(least: int) -> list[int]:
    return [least * 10**power for power in range(_SIZES)]


def _each(measure: Callable[[int], float], least: int) -> list[tuple[int, float]]:
    return [(count, measure(count)) for count in _sizes(least)]


def _fingerprint(count: int) -> float:
    captures = world_captures(count).assign(host="h", collection="c")
    return _median(lambda: make_cart(captures).fingerprint)


def _coverage(count: int) -> float:
    captures = world_captures(count)
    pick = np.random.default_rng(3)
    # all intersect the area, so that each is measured
    shift = pick.uniform(-0.15, 0.15, (2, count))
    west, south = 151.0 + shift[0], -34.0 + shift[1]
    captures = captures.set_geometry(shapely.box(west, south, west + 0.2, south + 0.2), crs=4326)
    return _median(lambda: scenecart.coverage(captures, HARBOUR))


def _journal(count: int) -> float:
    with tempfile.TemporaryDirectory() as folder:
        journal = Journal(Path(folder) / "placements.sqlite", now=time.time)
        for _ in range(count):
            record_placement(journal)
        return _median(lambda: record_placement(journal), 50)


def _report(count: int, suffix: str) -> float:
    estimates = iter([priced(datetime(2024, 3, 9, 16, tzinfo=UTC), count) for _ in range(_TIMES)])
    with tempfile.TemporaryDirectory() as folder:
        return _median(lambda: next(estimates).to_report(Path(folder) / f"quote.{suffix}", thumbnails=False))


def _page(count: int) -> float:
    with Sandbox(captures=count, pace="real") as box, _caller(box) as caller:
        return _median(lambda: _post(caller, "catalog.search", {**PAGE, "bbox": EUROPE}))


def _prices(counts: list[int]) -> list[tuple[int, float]]:
    with Sandbox(pace="real") as box, _caller(box) as caller:
        found: list[dict[str, Any]] = []
        for bbox in (EUROPE, [100, -10, 150, 40]):
            found += _post(caller, "catalog.search", {**PAGE, "bbox": bbox})["features"]
        captures = [{"id": one["id"], "geometry": one["geometry"]} for one in found]
        return [
            (count, _median(lambda n=count: _post(caller, "orders.archive.estimate", {"captures": captures[:n]})))
            for count in counts
        ]


def _order_status(count: int) -> float:
    with Sandbox(pace="real") as box, _caller(box) as caller, tempfile.TemporaryDirectory() as home:
        box.top_up("analyst", 10**10)
        one = _post(caller, "catalog.search", {**PAGE, "bbox": HARBOUR, "limit": 1})["features"][0]
        bought = {"projectId": box.principals["analyst"]["project"], "captures": [{"id": one["id"], "geometry": one["geometry"]}]}
        with ThreadPoolExecutor(4) as threads:
            list(threads.map(lambda _: _post(caller, "orders.archive.place", bought, key=str(uuid.uuid4())), range(count)))
        limits = scenecart.Limits(calls_per_minute=10**6, places_per_minute=10**6)
        with box.client(home=home, limits=limits) as client:
            orders = [client.order(name) for name in client.orders().index]
            if len(orders) != count:
                raise RuntimeError(f"{count} were bought, {len(orders)} are listed")
            return _median(lambda: poll_once(orders))


def _caller(box: Sandbox) -> httpx.Client:
    box.rate_limits = None
    token = box.principals["analyst"]["token"]
    return httpx.Client(base_url=box.url, headers={"Authorization": f"Bearer {token}"}, timeout=120)


def _post(caller: httpx.Client, operation: str, body: dict[str, Any], *, key: str | None = None) -> Any:
    response = caller.post(f"/v1/op/{operation}", json=body, headers={} if key is None else {"Idempotency-Key": key})
    response.raise_for_status()
    return response.json()


def _median(act: Callable[[], object], times: int = _TIMES) -> float:
    spent = []
    for _ in range(times):
        began = time.perf_counter()
        act()
        spent.append(time.perf_counter() - began)
    return statistics.median(spent)
