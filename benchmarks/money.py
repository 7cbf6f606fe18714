"""Benchmarks of imports, cart fingerprints, the placement journal and polling."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

import scenecart
from benchmarks.sizes import FULL
from benchmarks.widgets import world_captures
from scenecart._cart.cart import make_cart
from scenecart._orders.journal import Journal
from scenecart._orders.purchase import Purchase
from scenecart._util.json import dumps
from scenecart.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TITLE = "Imports, carts, placing and polling"
ABOUT = """Each import is timed in a separate process, and compared with `import httpx`. The time of the journal is what it writes
before and after a request, each write on disk before it returns. Orders are polled on the sandbox over real sockets, together and
with one `orders.get` each."""
HARBOUR = (151.18, -33.99, 151.24, -33.94)
_RUNS, _ORDERS = 9, 500


def table() -> Iterator[str]:
    """Run the benchmarks, and give the lines of a Markdown table."""
    yield "| benchmark | measured | target |"
    yield "|---|---:|---:|"
    for measure in (_imports, _fingerprints, _journal, _polling):
        for benchmark, measured, target in measure():
            yield f"| {benchmark} | {measured} | {target} |"


def _imports() -> list[tuple[str, str, str]]:
    times: dict[str, list[float]] = {"httpx": [], "scenecart": []}
    for _ in range(_RUNS):
        for name, runs in times.items():
            runs.append(_seconds(lambda name=name: subprocess.run([sys.executable, "-c", f"import {name}"], check=True)))  # noqa: S603  # a fixed command
    httpx_seconds, own_seconds = (statistics.median(runs) for runs in times.values())
    ratio = own_seconds / httpx_seconds
    return [("`import scenecart`, compared with `import httpx`", f"{ratio:.2f}× ({1_000 * own_seconds:.0f} ms)", "≤ 1.1×")]


def _fingerprints() -> list[tuple[str, str, str]]:
    rows = []
    for count in (1_000, 10_000, *((100_000,) if FULL else ())):
        captures = world_captures(count).assign(host="h", collection="c")
        seconds = statistics.median(_seconds(lambda frame=captures: make_cart(frame).fingerprint) for _ in range(5))
        target = "< 0.5 s" if count == 10_000 else ""  # noqa: PLR2004  # the one size with a target
        rows.append((f"create and fingerprint a cart of {count:,} captures", f"{seconds:.3g} s", target))
    return rows


def _journal() -> list[tuple[str, str, str]]:
    with tempfile.TemporaryDirectory() as folder:
        journal = Journal(Path(folder) / "placements.sqlite", now=time.time)
        record_placement(journal)
        seconds = statistics.median(_seconds(lambda: record_placement(journal)) for _ in range(50))
    return [("record a placement in the journal", f"{1_000 * seconds:.1f} ms", "< 10 ms")]


def record_placement(journal: Journal) -> None:
    """Write the journal records of a placement of a hundred captures, before and after its request."""
    body = dumps({"captures": [{"id": f"capture-{number}", "geometry": None} for number in range(100)]})
    ids = tuple(f"capture-{number}" for number in range(100))
    purchase = Purchase("http://h", "a", "a", "p", str(uuid.uuid4()), "standard", ids, 1, "0.01", body)
    placement = journal.begin(journal.claim(purchase, "", "benchmark"), "benchmark", price=(1, "0.01"))
    journal.place(placement, placement.key, answer="{}")


class _CountingTransport(httpx.HTTPTransport):
    """A real transport that counts requests."""

    requests = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Count and send a request."""
        self.requests += 1
        return super().handle_request(request)


def _polling() -> list[tuple[str, str, str]]:
    transport, limits = _CountingTransport(), scenecart.Limits(calls_per_minute=10**6, places_per_minute=10**6)
    with Sandbox(pace="real") as box, tempfile.TemporaryDirectory() as home:
        box.rate_limits = None
        box.top_up("analyst", 10**9)
        with box.client(home=home, transport=transport, limits=limits) as client:
            captures = client.search("aurora", collections="aurora-50cm", aoi=HARBOUR, limit=1)
            estimate = client.cart(captures, HARBOUR).estimate()
            orders = [estimate.place(again=True) for _ in range(_ORDERS)]
            before = transport.requests
            together = statistics.median(_seconds(lambda: poll_once(orders)) for _ in range(5))
            requests = (transport.requests - before) / 5
            each = _seconds(lambda: [order.refresh() for order in orders])
    return [
        (f"poll {_ORDERS} orders once", f"{together:.2f} s, {requests:g} request", "1 request"),
        ("the same with one `orders.get` each", f"{each:.2f} s, {each / together:.0f}×", ""),
    ]


def poll_once(orders: list[Any]) -> None:
    """Request the status of all orders once."""
    try:
        scenecart.wait_all(orders, timeout=0.0, progress=False)
    except scenecart.WaitTimeout:
        return


def _seconds(function: Callable[[], object]) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start
