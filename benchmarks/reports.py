"""Benchmark of reports on large carts: time and file size of each format."""

from __future__ import annotations

import io
import statistics
import tempfile
import time
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from benchmarks.sizes import FULL
from benchmarks.widgets import world_captures
from scenecart._api.schemas import PriceGroup
from scenecart._cart.cart import make_cart
from scenecart._cart.estimate import Estimate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

TITLE = "Reports"
ABOUT = """A cart of 500 captures all over the world, each in a price group of its own. Quicklooks are PNGs of 256 pixels that are
already in memory: decoding, scaling and layout are measured, not the network."""
COUNT = 500
_TIMES = 5 if FULL else 3
_FORMATS = ("html", "pdf", "xlsx", "gpkg", "geojson", "parquet", "csv", "md")


class _Client:
    """A client with the same quicklook for every capture."""

    def __init__(self) -> None:
        stream = io.BytesIO()
        Image.fromarray(np.random.default_rng(7).integers(0, 255, (256, 256, 3), dtype=np.uint8)).save(stream, "PNG")
        self._quicklook = stream.getvalue()

    def estimate(self, cart: Any) -> Estimate:
        """Not used: the benchmark has its own prices."""
        raise NotImplementedError

    def quicklook(self, _: Any) -> bytes:
        """Return the quicklook."""
        return self._quicklook


def priced(priced_at: datetime, count: int = COUNT) -> Estimate:
    """Return the estimate of a cart of a new client, which has no cached quicklooks."""
    cart = make_cart(world_captures(count).assign(host="h", collection="c"), client=_Client())
    groups = tuple(PriceGroup((name,), 400.0, 50_000, Decimal(500)) for name in cart.ids)
    return Estimate(cart, 50_000 * count, Decimal(500) * count, priced_at, groups)


def table() -> Iterator[str]:
    """Run the benchmark, and give the lines of its table."""
    priced_at = datetime(2024, 3, 9, 16, tzinfo=UTC)
    yield from ("| format | quicklooks | seconds | size | promised |", "|---|---|---:|---:|---:|")
    with tempfile.TemporaryDirectory() as folder:
        for suffix in _FORMATS:
            for thumbnails in (False, True) if suffix in {"html", "pdf"} else (False,):
                spent, size = [], 0
                for _ in range(_TIMES):
                    estimate = priced(priced_at)
                    start = time.perf_counter()
                    path = estimate.to_report(Path(folder) / f"quote.{suffix}", thumbnails=thumbnails)
                    spent.append(time.perf_counter() - start)
                    size = path.stat().st_size
                result = f"{statistics.median(spent):.2g} | {size / 1e6:.2g} MB"
                yield f"| `.{suffix}` | {'500' if thumbnails else ''} | {result} | < 5 s |"
