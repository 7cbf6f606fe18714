"""Reports of large carts: how long each format takes, and how large it is."""

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

from benchmarks.widgets import many
from scenecart._api.schemas import PriceGroup
from scenecart._cart.cart import make_cart
from scenecart._cart.estimate import Estimate

if TYPE_CHECKING:
    from typing import Any

TITLE = "Reports"
ABOUT = """A cart of 500 captures all over the world, each priced for itself. With pictures, each is a PNG of 256 pixels that is
at hand: what is measured is reading it, writing it anew and setting the page, not the network."""
COUNT = 500
_TIMES = 5
_FORMATS = ("html", "pdf", "xlsx", "gpkg", "geojson", "parquet", "csv", "md")


class _Desk:
    """Whoever shows pictures: the same one of every capture."""

    def __init__(self) -> None:
        stream = io.BytesIO()
        Image.fromarray(np.random.default_rng(7).integers(0, 255, (256, 256, 3), dtype=np.uint8)).save(stream, "PNG")
        self._picture = stream.getvalue()

    def estimate(self, cart: Any) -> Estimate:
        """Price nothing: the benchmark brings its prices."""
        raise NotImplementedError

    def quicklook(self, _: Any) -> bytes:
        """Return the picture."""
        return self._picture


def priced(priced_at: datetime, count: int = COUNT) -> Estimate:
    """Return a price of a new client's cart, so that no picture is at hand from before."""
    cart = make_cart(many(count).assign(host="h", collection="c"), client=_Desk())
    groups = tuple(PriceGroup((name,), 400.0, 50_000, Decimal(500)) for name in cart.ids)
    return Estimate(cart, 50_000 * count, Decimal(500) * count, priced_at, groups)


def table() -> str:
    """Measure, and return a table."""
    priced_at = datetime(2024, 3, 9, 16, tzinfo=UTC)
    rows = ["| format | pictures | seconds | size | promised |", "|---|---|---:|---:|---:|"]
    with tempfile.TemporaryDirectory() as folder:
        for suffix in _FORMATS:
            for pictures in (False, True) if suffix in {"html", "pdf"} else (False,):
                spent, size = [], 0
                for _ in range(_TIMES):
                    estimate = priced(priced_at)
                    start = time.perf_counter()
                    path = estimate.to_report(Path(folder) / f"quote.{suffix}", thumbnails=pictures)
                    spent.append(time.perf_counter() - start)
                    size = path.stat().st_size
                told = f"{statistics.median(spent):.2g} | {size / 1e6:.2g} MB"
                rows.append(f"| `.{suffix}` | {'500' if pictures else ''} | {told} | < 5 s |")
    return "\n".join(rows)
