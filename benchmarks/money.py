"""Carts, placing and following: what care costs."""

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
from benchmarks.widgets import many
from scenecart._cart.cart import make_cart
from scenecart._orders.journal import Intent, Journal
from scenecart._util.json import dumps
from scenecart.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable

TITLE = "Imports, carts, placing and following"
ABOUT = """An import is a process of its own, from its start to its end, beside one that imports httpx alone. The journal's share is
what it writes before and after a request, each write on disk before it returns. Orders are followed on the sandbox over real
sockets, beside one `orders.get` each."""
HARBOUR = (151.18, -33.99, 151.24, -33.94)
_RUNS, _ORDERS = 9, 500


def table() -> str:
    """Measure, and return a table."""
    rows = [*_imports(), *_fingerprints(), *_journal(), *_following()]
    return "\n".join(
        [
            "| what | measured | promised |",
            "|---|---:|---:|",
            *(f"| {what} | {said} | {promised} |" for what, said, promised in rows),
        ]
    )


def _imports() -> list[tuple[str, str, str]]:
    spent: dict[str, list[float]] = {"httpx": [], "scenecart": []}
    for _ in range(_RUNS):
        for name, taken in spent.items():
            taken.append(_seconds(lambda name=name: subprocess.run([sys.executable, "-c", f"import {name}"], check=True)))  # noqa: S603  # ourselves
    alone, ours = (statistics.median(taken) for taken in spent.values())
    return [("`import scenecart`, beside `import httpx`", f"{ours / alone:.2f}× ({1_000 * ours:.0f} ms)", "≤ 1.1×")]


def _fingerprints() -> list[tuple[str, str, str]]:
    rows = []
    for count in (1_000, 10_000, 100_000):
        captures = many(count).assign(host="h", collection="c")
        spent = statistics.median(_seconds(lambda frame=captures: make_cart(frame).fingerprint) for _ in range(5))
        rows.append((f"cart of {count:,} captures, made and fingerprinted", f"{spent:.3g} s", "< 0.5 s" if count == 10_000 else ""))  # noqa: PLR2004  # the one that is promised
    return rows


def _journal() -> list[tuple[str, str, str]]:
    with tempfile.TemporaryDirectory() as folder:
        journal = Journal(Path(folder) / "placements.sqlite", wall=time.time)
        journalled(journal)
        spent = statistics.median(_seconds(lambda: journalled(journal)) for _ in range(50))
        journal.close()
    return [("what the journal adds to a placement", f"{1_000 * spent:.1f} ms", "< 10 ms")]


def journalled(journal: Journal) -> None:
    """Write what a placement of a hundred captures writes, before its request and after it."""
    body = dumps({"captures": [{"id": f"capture-{number}", "geometry": None} for number in range(100)]})
    intent = Intent("http://h", "a", "p", str(uuid.uuid4()), "standard", 100, 1, "0.01", body)
    placement = journal.begin(journal.claim(intent), 1, "0.01")
    journal.mark(placement, "placed", order_id=placement.key, answer="{}")


class _Counting(httpx.HTTPTransport):
    """Real connections, counted."""

    asked = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Count a request, and send it."""
        self.asked += 1
        return super().handle_request(request)


def _following() -> list[tuple[str, str, str]]:
    wire, limits = _Counting(), scenecart.Limits(calls_per_minute=10**6, places_per_minute=10**6)
    with Sandbox(pace="real") as box, tempfile.TemporaryDirectory() as home:
        box.rate_limits = None
        box.top_up("analyst", 10**9)
        with box.client(home=home, transport=wire, limits=limits) as client:
            captures = client.search("aurora", collections="aurora-50cm", aoi=HARBOUR, limit=1)
            estimate = client.cart(captures, HARBOUR).estimate()
            orders = [estimate.place(again=True) for _ in range(_ORDERS)]
            before = wire.asked
            together = statistics.median(_seconds(lambda: followed(orders)) for _ in range(5))
            questions = (wire.asked - before) / 5
            each = _seconds(lambda: [order.refresh() for order in orders])
    return [
        (f"a round of following {_ORDERS} orders", f"{together:.2f} s, {questions:g} question", "1 question"),
        ("the same, one `orders.get` each", f"{each:.2f} s, {each / together:.0f}×", ""),
    ]


def followed(orders: list[Any]) -> None:
    """Look once at every order."""
    try:
        scenecart.wait_all(orders, timeout=0.0, progress=False)
    except scenecart.WaitTimeout:
        return


def _seconds(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began
