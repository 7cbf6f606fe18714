"""Search results to GeoDataFrames: scenecart beside what a careful user writes, and beside libraries for it."""

from __future__ import annotations

import gc
import io
import json
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import geopandas as gpd

from benchmarks.features import invented, page, real
from scenecart._captures import decode
from scenecart._captures.frame import Builder

if TYPE_CHECKING:
    from collections.abc import Callable

TITLE = "Search results to GeoDataFrames"
ABOUT = """The bytes of one answer, in memory, become a GeoDataFrame with every property. Each way runs in turn in one process;
times are medians, ratios are to `json.loads` and `GeoDataFrame.from_features`, which a careful user writes, on the clock and of
the processor. Memory is what a process of its own took at most beyond what it held before. scenecart also keeps assets and links,
and says of every footprint whether it can be ordered. Invented captures are 1.8 kB each with 21 properties; the real ones are of
public catalogs, repeated to size.

Wanted are 8× the careful user's way at 100,000 captures with less than 250 MB, 3× at 1,000, and 50× pystac's. Of the 7 ms
that 1,000 captures take on an idle machine, 1.4 are decoding, 1.1 making pandas' frame of 31 columns, which takes as long for
one row, 1.1 footprints, and the rest some forty columns' worth of calls into NumPy and Arrow that cost as much as what they do;
between 2.5× and 3.3× come of it, depending on what else runs. pystac's way took seven times as long as the careful one when 50×
was set, and takes four times as long with the pystac of today."""
SIZES = {1_000: 9, 10_000: 7, 100_000: 5, 1_000_000: 1}
MEMORY_AT = REAL_AT = 100_000


def scenecart(data: bytes) -> Any:
    """Go our way."""
    builder = Builder("aurora")
    for features, _ in decode.Reader().page(data, "an answer").batches():
        builder.add(features)
    return builder.frame()


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


def rustac(data: bytes) -> Any:
    """Go rustac's way: an Arrow table made in Rust."""
    import pyarrow as pa  # noqa: PLC0415  # its tables are read by it
    import rustac as peer  # noqa: PLC0415  # a peer

    return gpd.GeoDataFrame.from_arrow(pa.table(peer.to_arrow(json.loads(data)["features"])))


def pyogrio(data: bytes) -> Any:
    """Go GDAL's way."""
    return gpd.read_file(io.BytesIO(data), engine="pyogrio")


def duckdb(data: bytes) -> Any:
    """Go DuckDB's way: its JSON reader needs a file, and leaves geometries as objects, which shapely reads."""
    import duckdb as peer  # noqa: PLC0415  # a peer
    import shapely  # noqa: PLC0415  # used here alone

    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        file.write(data)
        file.flush()
        found = peer.read_json(file.name, maximum_object_size=2**31 - 1)
        frame = found.query(
            "found",
            "SELECT f.id, unnest(f.properties), to_json(f.geometry) AS geometry FROM (SELECT unnest(features) AS f FROM found)",
        ).df()
    return gpd.GeoDataFrame(frame, geometry=shapely.from_geojson(frame["geometry"].to_numpy()), crs=4326)


def official_sdk(data: bytes) -> Any:
    """Go the official SDK's way: its models first."""
    from geopera.models import CatalogSearchOutput  # noqa: PLC0415  # a peer

    return gpd.GeoDataFrame.from_features(CatalogSearchOutput.from_dict(json.loads(data)).to_dict()["features"], crs=4326)


WAYS: dict[str, Callable[[bytes], Any]] = {
    "scenecart": scenecart,
    "json.loads + from_features": careful,
    "pyogrio": pyogrio,
    "DuckDB": duckdb,
    "rustac": rustac,
    "stac-geoparquet": stac_geoparquet,
    **({"official SDK + from_features": official_sdk} if find_spec("geopera") else {}),
    "pystac items + from_features": pystac_items,
}
# the rest holds several times the bytes in memory at once
LARGEST = ("scenecart", "json.loads + from_features")


def table() -> str:
    """Measure, and return a table in Markdown."""
    lines = ["| captures | way | µs each | ratio | ratio, CPU | memory |", "|---:|---|---:|---:|---:|---:|"]
    for size, runs in SIZES.items():
        names = list(WAYS) if size < max(SIZES) else list(LARGEST)
        for kind, data in (("invented", page(invented(size))), ("real", real(size) if size == REAL_AT else None)):
            if data is not None:
                lines += _rows(f"{size:,} {kind}", data, size, runs, names)
            gc.collect()
    return "\n".join(lines)


def _rows(what: str, data: bytes, size: int, runs: int, names: list[str]) -> list[str]:
    wall: dict[str, list[float]] = {name: [] for name in names}
    busy: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(runs):
        for name in names:
            gc.collect()
            began, worked = time.perf_counter(), time.process_time()
            found = WAYS[name](data)
            wall[name].append(time.perf_counter() - began)
            busy[name].append(time.process_time() - worked)
            if len(found) != size:
                raise RuntimeError(f"{name} lost captures")
            del found
    times = {name: statistics.median(taken) for name, taken in wall.items()}
    works = {name: statistics.median(taken) for name, taken in busy.items()}
    base = "json.loads + from_features"
    rows = []
    for name in names:
        memory = f"{_memory(name, size):,.0f} MB" if size >= MEMORY_AT and what.endswith("invented") else ""
        ratios = f"{times[base] / times[name]:.1f}× | {works[base] / works[name]:.1f}×"
        rows.append(f"| {what} | {name} | {times[name] / size * 1e6:.1f} | {ratios} | {memory} |")
    return rows


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
    before = status("VmRSS")
    way(data)
    print(status("VmHWM") - before)


def status(name: str) -> float:
    """Return a figure of this process as Linux tells it, in MB."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(f"{name}:"))


if __name__ == "__main__":
    _measure_memory(sys.argv[1], int(sys.argv[2]))
