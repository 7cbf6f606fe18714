"""Search results to GeoDataFrames: scenecart, json.loads with from_features, and other packages."""

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

from benchmarks.features import page, real_page, synthetic_features
from benchmarks.sizes import FULL
from scenecart._captures import decode
from scenecart._captures.frame import FrameBuilder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TITLE = "Search results to GeoDataFrames"
ABOUT = """The bytes of one response, in memory, become a GeoDataFrame with all properties. Each method runs in turn in one
process. Times are medians. Ratios are to `json.loads` with `GeoDataFrame.from_features`, by wall-clock time and by CPU
time. Memory is the peak of a separate process above its start. scenecart also keeps assets and links, and checks
whether each capture can be ordered. Synthetic captures have 21 properties and 1.8 kB of JSON; the real ones are from
public catalogs, repeated.

The targets are 8× at 100,000 captures with less than 250 MB, 3× at 1,000 captures, and 50× pystac. On an idle machine,
1,000 captures take 7 ms: 1.4 ms for decoding, 1.1 ms for the pandas frame of 31 columns (as long as for one row), 1.1
ms for footprints, and the rest for calls of NumPy and Arrow for each column. This gives 2.5× to 3.3×, depending on the
load of the machine. When the 50× target was set, pystac took seven times as long as `from_features`; its current
version takes four times as long."""
SIZES = {1_000: 9, 10_000: 7, 100_000: 5, 1_000_000: 1} if FULL else {1_000: 9, 10_000: 5, 100_000: 3}
_SOME_ONLY = 1_000_000 if FULL else 100_000
MEMORY_AT = REAL_AT = 100_000


def scenecart(data: bytes) -> Any:
    """Build the frame with scenecart."""
    builder = FrameBuilder("aurora")
    for features, _ in decode.Reader().page(data, "a response").batches():
        builder.add(features)
    return builder.frame()


def from_features(data: bytes) -> Any:
    """Use json.loads and GeoDataFrame.from_features."""
    return gpd.GeoDataFrame.from_features(json.loads(data)["features"], crs=4326)


def pystac_items(data: bytes) -> Any:
    """Use pystac, as pystac-client does."""
    import pystac  # noqa: PLC0415  # a compared package

    items = [pystac.Item.from_dict(feature, preserve_dict=False) for feature in json.loads(data)["features"]]
    return gpd.GeoDataFrame.from_features([item.to_dict(transform_hrefs=False) for item in items], crs=4326)


def stac_geoparquet(data: bytes) -> Any:
    """Use stac-geoparquet, by an Arrow table."""
    import stac_geoparquet.arrow  # noqa: PLC0415  # a compared package

    table = stac_geoparquet.arrow.parse_stac_items_to_arrow(json.loads(data)["features"]).read_all()
    return gpd.GeoDataFrame.from_arrow(table)


def rustac(data: bytes) -> Any:
    """Use rustac, by an Arrow table built in Rust."""
    import pyarrow as pa  # noqa: PLC0415  # for the table of rustac
    import rustac as package  # noqa: PLC0415  # a compared package

    return gpd.GeoDataFrame.from_arrow(pa.table(package.to_arrow(json.loads(data)["features"])))


def pyogrio(data: bytes) -> Any:
    """Use GDAL, by pyogrio."""
    return gpd.read_file(io.BytesIO(data), engine="pyogrio")


def duckdb(data: bytes) -> Any:
    """Use the JSON reader of DuckDB, which needs a file, and shapely for the geometries."""
    import duckdb as package  # noqa: PLC0415  # a compared package
    import shapely  # noqa: PLC0415  # needed here only

    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        file.write(data)
        file.flush()
        found = package.read_json(file.name, maximum_object_size=2**31 - 1)
        frame = found.query(
            "found",
            "SELECT f.id, unnest(f.properties), to_json(f.geometry) AS geometry FROM (SELECT unnest(features) AS f FROM found)",
        ).df()
    return gpd.GeoDataFrame(frame, geometry=shapely.from_geojson(frame["geometry"].to_numpy()), crs=4326)


def official_sdk(data: bytes) -> Any:
    """Use the models of the official SDK."""
    from geopera.models import CatalogSearchOutput  # noqa: PLC0415  # a compared package

    return gpd.GeoDataFrame.from_features(CatalogSearchOutput.from_dict(json.loads(data)).to_dict()["features"], crs=4326)


METHODS: dict[str, Callable[[bytes], Any]] = {
    "scenecart": scenecart,
    "json.loads + from_features": from_features,
    "pyogrio": pyogrio,
    "DuckDB": duckdb,
    "rustac": rustac,
    "stac-geoparquet": stac_geoparquet,
    **({"official SDK + from_features": official_sdk} if find_spec("geopera") else {}),
    "pystac items + from_features": pystac_items,
}
# the others need several times the time and memory
LARGEST = ("scenecart", "json.loads + from_features")


def table() -> Iterator[str]:
    """Measure, and give the lines of a table in Markdown."""
    yield from ("| captures | method | µs each | ratio | ratio, CPU | memory |", "|---:|---|---:|---:|---:|---:|")
    for size, runs in SIZES.items():
        names = list(METHODS) if size < _SOME_ONLY else list(LARGEST)
        for kind, data in (
            ("synthetic", page(synthetic_features(size))),
            ("real", real_page(size) if size == REAL_AT and FULL else None),
        ):
            if data is not None:
                yield from _rows(f"{size:,} {kind}", data, size, runs, names)
            gc.collect()


def _rows(label: str, data: bytes, size: int, runs: int, names: list[str]) -> Iterator[str]:
    wall: dict[str, list[float]] = {name: [] for name in names}
    cpu: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(runs):
        for name in names:
            gc.collect()
            began, cpu_began = time.perf_counter(), time.process_time()
            found = METHODS[name](data)
            wall[name].append(time.perf_counter() - began)
            cpu[name].append(time.process_time() - cpu_began)
            if len(found) != size:
                raise RuntimeError(f"{name} lost captures")
            del found
    times = {name: statistics.median(taken) for name, taken in wall.items()}
    cpu_times = {name: statistics.median(taken) for name, taken in cpu.items()}
    base = "json.loads + from_features"
    for name in names:
        memory = f"{_memory(name, size):,.0f} MB" if size >= MEMORY_AT and label.endswith("synthetic") else ""
        ratios = f"{times[base] / times[name]:.1f}× | {cpu_times[base] / cpu_times[name]:.1f}×"
        yield f"| {label} | {name} | {times[name] / size * 1e6:.1f} | {ratios} | {memory} |"


def _memory(name: str, size: int) -> float:
    """Return the peak memory of a separate process above its start, in MB."""
    done = subprocess.run([sys.executable, "-m", "benchmarks.frames", name, str(size)], capture_output=True, text=True, check=True)  # noqa: S603  # this module
    return float(done.stdout)


def _measure_memory(name: str, size: int) -> None:
    method = METHODS[name]
    method(page(synthetic_features(10)))
    data = page(synthetic_features(size))
    gc.collect()
    # reset the peak that generating the data reached
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    before = status("VmRSS")
    method(data)
    print(status("VmHWM") - before)


def status(name: str) -> float:
    """Return a memory value of this process from Linux, in MB."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(f"{name}:"))


if __name__ == "__main__":
    _measure_memory(sys.argv[1], int(sys.argv[2]))
