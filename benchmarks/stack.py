"""Benchmark of stacks: `Order.stack` beside odc-stac by hand, over the same files."""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import odc.stac
import pystac

import scenecart
from benchmarks.sizes import FULL
from scenecart.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TITLE = "Stacks of deliveries"
ABOUT = (
    "Five dates of one harbour, four bands of 16 bits, about 1,000 × 1,000 pixels each, from files on disk. By hand is "
    "`odc.stac.load` with the items of the folder."
)
_HARBOUR = (151.18, -33.99, 151.24, -33.94)
_RUNS = 7 if FULL else 5
_WAYS: dict[str, dict[str, Any]] = {
    "own grid": {},
    "own CRS, 20 m": {"resolution": 20},
    "EPSG:3857, 12 m": {"crs": "EPSG:3857", "resolution": 12},
}


def table() -> Iterator[str]:
    """Measure, and give the lines of a Markdown table."""
    with tempfile.TemporaryDirectory() as name, Sandbox(pace="instant") as box:
        folder = Path(name) / "harbour"
        with box.client("analyst", home=Path(name) / "home") as client:
            found = client.search("aurora", collections="aurora-50cm", aoi=_HARBOUR, datetime="2023/2024", max_cloud_cover=40)
            captures = scenecart.filter(found, coverage=0.999, aoi=_HARBOUR).head(5)
            order = client.cart(captures, aoi=_HARBOUR).estimate().place().wait(timeout=120, progress=False)
            order.download(folder, ["analytic"], progress=False)
        items = [pystac.Item.from_file(str(path)) for path in sorted(folder.glob("*/item.json"))]
        delivery = scenecart.open_delivery(folder)
        yield from ("| grid | `stack` in s | by hand in s | ratio |", "|---|---|---|---|")
        for title, options in _WAYS.items():
            ours, by_hand = _medians(
                lambda options=options: delivery.stack(["blue", "green", "red", "nir"], **options),
                lambda options=options: odc.stac.load(items, bands=[f"analytic.{band}" for band in (1, 2, 3, 4)], **options),
            )
            yield f"| {title} | {ours:.2f} | {by_hand:.2f} | {ours / by_hand:.2f} |"


def _medians(*ways: Callable[[], Any]) -> tuple[float, ...]:
    """Return the median seconds of several ways, which take turns."""
    spent: list[list[float]] = [[] for _ in ways]
    for _ in range(_RUNS):
        for way, times in zip(ways, spent, strict=True):
            start = time.perf_counter()
            way()
            times.append(time.perf_counter() - start)
    return tuple(statistics.median(times) for times in spent)
