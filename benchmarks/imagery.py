"""Time until imagery of a large raster is on the map: in the kernel, and on the screen of a real browser."""

from __future__ import annotations

import math
import os
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import rasterio
from rasterio.enums import Resampling
from rasterio.windows import Window

from scenecart._imagery.mercator import HALF_WORLD
from scenecart._imagery.picture import encode_within
from scenecart._imagery.render import RasterPicture
from scenecart._imagery.view import View
from scenecart.widgets._imagery_layers import MARGIN, MOST_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable

TITLE = "Imagery on the map"
ABOUT = """A raster of 16,384 × 16,384 pixels of 0.5 m (3 bands of 8 bits, JPEG, tiles of 512, overviews) on a map of 1,246 × 600
pixels. A picture is an eighth of the map larger on each side. First the time in the kernel, and the processor time of it, of
reading, colouring, warping and encoding; then, in Chromium on Voila, from letting go of the mouse after a drag until the new pixels
are on the screen: the first new ones, and the sharp ones. Where a picture takes longer than 150 ms, one of a quarter of its pixels
comes first. A drag whose end was drawn while the mouse was still down counts as 0. On a machine that does other work, times are
longer than the processor time: the load is the number of processes that wanted one of its cores."""
SIDE, TILE = 16_384, 2_048
_TIMES = 7
_MAP = (1_246, 600)
_MIDDLE = (-33.964, 151.208)
_CELL = """
import geopandas as gpd, shapely, scenecart
frame = gpd.GeoDataFrame({{"id": ["a"]}}, geometry=[shapely.box(151.17, -33.99, 151.25, -33.93)], crs=4326)
shown = scenecart.widgets.FootprintMap(frame, basemap="none")
shown.map.layout.height = "600px"
shown.add_imagery({path!r}, name="large")
shown
"""
_WATCH = """() => {
  window.painted = [];
  const next = (act) => requestAnimationFrame(() => requestAnimationFrame(act));
  const seen = (changes) => {
    for (const { addedNodes } of changes)
      for (const node of addedNodes)
        if (node.tagName === 'IMG') next(() => window.painted.push([performance.now(), node.naturalWidth / node.offsetWidth]));
  };
  const panes = document.querySelectorAll('[class*=scenecart-imagery]');
  for (const pane of panes) new MutationObserver(seen).observe(pane, { childList: true });
  document.addEventListener('mouseup', () => { window.let = performance.now(); }, true);
}"""

_PAINTED = """[0, 0.9].map((sharpness) =>
  Math.max(0, (window.painted.find(([at, share]) => at > window.let && share >= sharpness)?.[0] ?? 0) - window.let))"""


def write_raster(path: Path, side: int = SIDE) -> Path:
    """Write a raster that compresses like imagery: texture at several scales, mirrored over and over."""
    random = np.random.default_rng(1)
    texture = np.zeros((TILE, TILE), dtype=np.float32)
    for cells, share in ((8, 0.45), (128, 0.35), (1_024, 0.2)):
        noise = random.uniform(0, 255, (cells, cells)).astype(np.float32)
        texture += share * np.kron(noise, np.ones((TILE // cells, TILE // cells), dtype=np.float32))
    texture += random.normal(0, 6, texture.shape).astype(np.float32)
    bands = np.stack([np.clip(texture * scale + offset, 1, 255) for scale, offset in ((0.7, 20), (0.8, 30), (0.6, 50))]).astype(
        "uint8"
    )
    grid: dict[str, Any] = {"crs": "EPSG:32756", "transform": rasterio.Affine(0.5, 0, 330_000, 0, -0.5, 6_245_000)}
    grid |= {"tiled": True, "blockxsize": 512, "blockysize": 512, "compress": "jpeg", "photometric": "ycbcr"}
    with rasterio.open(path, "w", driver="GTiff", count=3, dtype="uint8", width=side, height=side, **grid) as raster:
        for row in range(0, side, TILE):
            for column in range(0, side, TILE):
                flipped = bands[:, :: -1 if row // TILE % 2 else 1, :: -1 if column // TILE % 2 else 1]
                raster.write(flipped, window=Window(column, row, TILE, TILE))
    with rasterio.Env(COMPRESS_OVERVIEW="JPEG", PHOTOMETRIC_OVERVIEW="YCBCR"), rasterio.open(path, "r+") as raster:
        raster.build_overviews([2**level for level in range(1, int(math.log2(side / 512)) + 1)], Resampling.average)
    return path


def table() -> str:
    """Measure, and return a table as Markdown."""
    rows = ["| what | zoom | milliseconds | of it computing | kB | promised |", "|---|---:|---:|---:|---:|---|"]
    with tempfile.TemporaryDirectory() as folder:
        path = write_raster(Path(folder) / "large.tif")
        rows += [f"| opened | | {_median(lambda: RasterPicture(path)):.0f} | | | |"]
        for zoom in (12, 13, 14, 15, 16, 17, 18, 19):
            milliseconds, computing, size = _in_kernel(path, zoom)
            figures = f"{milliseconds:.0f} | {computing:.0f} | {size / 1e3:,.0f}"
            rows.append(f"| drawn in the kernel | {zoom} | {figures} | ≤ 150 ms, ≤ 300 kB |")
        chromium = shutil.which("chromium") or shutil.which("google-chrome")
        if chromium is None:
            rows += ["", "Chromium is not installed, so nothing was measured in a browser."]
        else:
            for zoom, first, sharp in _in_browser(path, chromium):
                rows.append(f"| on the screen after a drag | {zoom} | {first:.0f} | | | ≤ 350 ms |")
                rows.append(f"| sharp on the screen after a drag | {zoom} | {sharp:.0f} | | | |")
    rows += ["", f"Load while this was measured: {os.getloadavg()[1]:.1f} on {os.cpu_count()} cores."]
    return "\n".join(rows)


def _in_kernel(path: Path, zoom: int) -> tuple[float, float, float]:
    """Return milliseconds, milliseconds of processor time, and bytes of a picture."""
    picture = RasterPicture(path)
    west, south, east, north = picture.bounds
    pixels = 256 * 2**zoom / (2 * HALF_WORLD)
    times, computing, sizes = [], [], []
    for step in range(_TIMES):
        x, y = (west + (east - west) * (0.4 + 0.03 * step) + HALF_WORLD) * pixels, (HALF_WORLD - (south + north) / 2) * pixels
        shown = (x - _MAP[0] / 2, y - _MAP[1] / 2, x + _MAP[0] / 2, y + _MAP[1] / 2)
        found = View.around(shown, zoom, MARGIN).within(picture.bounds)
        if found is not None:
            began, before = time.perf_counter(), time.process_time()
            data = encode_within(picture.draw(found[0].mercator, *found[0].size), MOST_BYTES)
            times.append(1_000 * (time.perf_counter() - began))
            computing.append(1_000 * (time.process_time() - before))
            sizes.append(len(data))
    return statistics.median(times), statistics.median(computing), statistics.median(sizes)


def _in_browser(path: Path, chromium: str) -> list[tuple[int, float, float]]:
    root = Path(__file__).resolve().parents[1]
    sys.path.insert(0, str(root / "tests"))
    from playwright.sync_api import sync_playwright  # noqa: PLC0415  # imported only where it is measured

    from _jupyter import Jupyter, notebook  # noqa: PLC0415  # shared with the tests

    found = []
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        cell = notebook(Path(folder) / "bench.ipynb", _CELL.format(path=str(path)))
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-dev-shm-usage"])
        page = browser.new_page(viewport={"width": 1_280, "height": 900})
        page.set_default_timeout(120_000)
        with Jupyter("voila", cell, Path(folder)) as voila:
            voila.open(page)
            page.wait_for_selector("img.leaflet-image-layer", state="attached")
            kernel = voila.kernel()
            kernel.wait("shown._imagery.layers._view is not None and not shown._imagery.layers.is_busy")
            page.evaluate(_WATCH)
            box = page.locator(".leaflet-container").first.bounding_box()
            x, y = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2) if box else (0.0, 0.0)
            for zoom in (13, 15, 17, 19):
                times: list[list[float]] = []
                for step in range(_TIMES):
                    kernel.value(f"[setattr(shown.map, 'center', {_MIDDLE}), setattr(shown.map, 'zoom', {zoom}), 1][2]")
                    page.wait_for_timeout(1_500)
                    page.evaluate("window.painted = []")
                    across = 200 if step % 2 else -200
                    page.mouse.move(x, y)
                    page.mouse.down()
                    page.mouse.move(x + across, y + 60, steps=6)
                    page.wait_for_timeout(70)
                    page.mouse.up()
                    page.wait_for_timeout(1_500)
                    times.append(page.evaluate(_PAINTED))
                found.append((zoom, *(statistics.median(one) for one in zip(*times, strict=True))))
            kernel.close()
        browser.close()
    return found


def _median(act: Callable[[], object]) -> float:
    times = []
    for _ in range(_TIMES):
        began = time.perf_counter()
        act()
        times.append(1_000 * (time.perf_counter() - began))
    return statistics.median(times)
