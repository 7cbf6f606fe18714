"""Search results to GeoDataFrames: scenecart beside what a careful user writes, and beside libraries for it."""

from __future__ import annotations

import gc
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import geopandas as gpd

from benchmarks.features import invented, page
from scenecart import _features, _frames

if TYPE_CHECKING:
    from collections.abc import Callable

TITLE = "Search results to GeoDataFrames"
ABOUT = """The bytes of one answer, in memory, become a GeoDataFrame with every property. Each way runs in turn in one process;
times are medians, ratios are to `json.loads` and `GeoDataFrame.from_features`, which a careful user writes. Memory is what a
process of its own took at most beyond what it held before. scenecart also keeps assets and links, and says of every footprint
whether it can be ordered."""
SIZES = {1_000: 9, 10_000: 7, 100_000: 5}


def scenecart(data: bytes) -> Any:
    """Go our way."""
    with _features.collector_paused():
        return _frames.to_frame(_features.read_page(data, "an answer")[0], host="aurora")


def careful(data: bytes) -> Any:
    """Go a careful user's way."""
    return gpd.GeoDataFrame.from_features(json.loads(data)["features"], crs=4326)


def pystac_items(data: bytes) -> Any:
    """Go pystac-client's usual way: items first."""
    import pystac  # noqa: PLC0415  # a peer

    items = [pystac.Item.from_dict(feature, preserve_dict=False) for feature in json.loads(data)["features"]]
    return gpd.GeoDataFrame.from_features([item.to_dict(transform_hrefs=False) for item in items], crs=4326)


def stac_geoparquet(data: bytes) -> Any:
    """Go stac-geoparquet's way: an Arrow table first."""
    import stac_geoparquet.arrow  # noqa: PLC0415  # a peer

    table = stac_geoparquet.arrow.parse_stac_items_to_arrow(json.loads(data)["features"]).read_all()
    return gpd.GeoDataFrame.from_arrow(table)


def pyogrio(data: bytes) -> Any:
    """Go GDAL's way."""
    import io  # noqa: PLC0415  # used here alone

    return gpd.read_file(io.BytesIO(data), engine="pyogrio")


WAYS: dict[str, Callable[[bytes], Any]] = {
    "scenecart": scenecart,
    "json.loads + from_features": careful,
    "pyogrio": pyogrio,
    "stac-geoparquet": stac_geoparquet,
    "pystac items + from_features": pystac_items,
}


def table() -> str:
    """Measure, and return a table in Markdown."""
    lines = ["| features | way | µs a feature | ratio | memory |", "|---:|---|---:|---:|---:|"]
    for size, runs in SIZES.items():
        data = page(invented(size))
        gc.collect()
        times: dict[str, list[float]] = {name: [] for name in WAYS}
        for _ in range(runs):
            for name, way in WAYS.items():
                gc.collect()
                began = time.perf_counter()
                found = way(data)
                times[name].append(time.perf_counter() - began)
                if len(found) != size:
                    raise RuntimeError(f"{name} lost features")
                del found
        medians = {name: statistics.median(taken) for name, taken in times.items()}
        base = medians["json.loads + from_features"]
        for name, median in medians.items():
            memory = f"{_memory(name, size):,.0f} MB" if size >= max(SIZES) else ""
            lines.append(f"| {size:,} | {name} | {median / size * 1e6:.1f} | {base / median:.1f}× | {memory} |")
    return "\n".join(lines)


def _memory(name: str, size: int) -> float:
    """Return the MB a process took at most beyond what it held before."""
    done = subprocess.run([sys.executable, "-m", "benchmarks.frames", name, str(size)], capture_output=True, text=True, check=True)  # noqa: S603  # ourselves
    return float(done.stdout)


def _measure_memory(name: str, size: int) -> None:
    way = WAYS[name]
    way(page(invented(10)))
    data = page(invented(size))
    gc.collect()
    # let the kernel forget the peak of making the bytes
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    before = _status("VmRSS")
    way(data)
    print(_status("VmHWM") - before)


def _status(name: str) -> float:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(f"{name}:"))


if __name__ == "__main__":
    _measure_memory(sys.argv[1], int(sys.argv[2]))
