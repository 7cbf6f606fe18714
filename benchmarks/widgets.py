"""Time of map, filters and table: in the kernel, and until a real browser displays a change."""

from __future__ import annotations

import ctypes
import gc
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from benchmarks.features import page, synthetic_features
from benchmarks.frames import scenecart as frame_of
from benchmarks.frames import status

if TYPE_CHECKING:
    from collections.abc import Callable

TITLE = "Map, filters and table"
ABOUT = """Captures all over the world. First the time in the kernel, and for comparison the same filter as a pandas mask; then the
time in Chromium on Voila, from setting filters or clicking a row until the page shows it. The size is that of the GeoJSON of a
view. The gallery shows captures of a sandbox that draws their quicklooks on the same machine; the first picture of each counts."""
SIZES = (1_000, 10_000, 100_000)
MOST = 1_000_000
_TIMES = 7
_CELL = """
import sys; sys.path[:0] = [{root!r}]
from benchmarks.widgets import world_captures
import scenecart
picker = scenecart.widgets.CaptureMap(world_captures({count}), basemap="none")
picker.map._layers.footprints.observe(lambda _: setattr(picker._status, "value", "drawn " + str(len(picker.filtered))), "data")
picker.map._layers.density.observe(lambda _: setattr(picker._status, "value", "drawn " + str(len(picker.filtered))), "data")
picker
"""

_GALLERY = """
import scenecart
client = scenecart.connect()
area = (151.18, -33.99, 151.24, -33.94)
captures = client.search("aurora", collections=["aurora-50cm", "aurora-30cm"], aoi=area, datetime="2020/2025").head(500)
gallery = scenecart.widgets.Gallery(captures, area, client=client)
gallery
"""
_PAINTED = """() => {
  const frames = [...document.querySelectorAll('.sc-gallery .frame')].filter((frame) => {
    const box = frame.getBoundingClientRect(), body = frame.closest('.body').getBoundingClientRect();
    return box.bottom > body.top && box.top < body.bottom;
  });
  return frames.length > 3 && frames.every((one) => one.style.backgroundImage || one.classList.contains('none'));
}"""
_SCROLL = """(share) => { const body = document.querySelector('.sc-gallery .body'); body.scrollTop = share * body.scrollHeight; }"""
_FRAMES = """() => new Promise((done) => {
  const body = document.querySelector('.sc-gallery .body');
  const times = [];
  let last = performance.now();
  const step = (now) => {
    times.push(now - last);
    last = now;
    body.scrollTop += 40;
    if (times.length < 120) requestAnimationFrame(step);
    else done(times.slice(1).sort((one, other) => one - other)[Math.floor(0.95 * times.length) - 1]);
  };
  body.scrollTop = 0;
  requestAnimationFrame(step);
})"""


def world_captures(count: int) -> gpd.GeoDataFrame:
    """Return captures all over the world."""
    random = np.random.default_rng(7)
    x, y = random.uniform(-179, 178, count), random.uniform(-80, 79, count)
    values: dict[str, Any] = {
        "id": [f"capture-{number:07}" for number in range(count)],
        "datetime": pd.Timestamp("2024-01-01", tz="UTC") + pd.to_timedelta(random.uniform(0, 366, count), unit="D"),
        "eo:cloud_cover": random.uniform(0, 100, count),
        "view:off_nadir": random.uniform(0, 30, count),
        "gsd": random.uniform(0.3, 0.7, count),
        "price_credits": random.uniform(100, 2_000, count),
    }
    return gpd.GeoDataFrame(values, geometry=shapely.box(x, y, x + 0.2, y + 0.2), crs=4326)


def table() -> str:
    """Measure, and return a table as Markdown."""
    rows = ["| captures | operation | milliseconds | sent |", "|---:|---|---:|---:|"]
    for count in (*SIZES, MOST):
        rows += [f"| {count:,} | {what} | {times:.3g} | {sent} |" for what, times, sent in _in_kernel(count)]
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        rows += ["", "Chromium is not installed, so nothing was measured in a browser."]
    else:
        for count in SIZES:
            rows += [f"| {count:,} | {what} | {times:.0f} | |" for what, times in _in_browser(count, chromium)]
        rows += [f"| | {what} | {times:,.0f} | |" for what, times in _workbench(chromium)]
        rows += [f"| {count} | {what} | {times:,.0f} | |" for count, what, times in _gallery(chromium)]
    memory = [_memory_of(count) for count in SIZES[1:]]
    rows += ["", "| captures of 21 properties | frame alone | with map, filters and table | promised |", "|---:|---:|---:|---:|"]
    rows += [
        f"| {count:,} | {frame:,.0f} MB | {both:,.0f} MB, {both / frame:.2f}× | {'< 2×' if count == max(SIZES) else ''} |"
        for count, (frame, both) in zip(SIZES[1:], memory, strict=True)
    ]
    return "\n".join(rows)


def _memory_of(count: int) -> tuple[float, float]:
    """Return the MB that a process holds for a frame, and for the frame with map, filters and table."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "page.json"
        file.write_bytes(page(synthetic_features(count)))
        command = [sys.executable, "-m", "benchmarks.widgets", str(file)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603  # ourselves
    frame, both = map(float, done.stdout.split())
    return frame, both


def _print_memory(file: str) -> None:
    import scenecart.widgets  # noqa: PLC0415  # imported only where it is measured

    small = frame_of(page(synthetic_features(10)))
    scenecart.widgets.CaptureMap(small, basemap="none").close()
    before = _memory_in_use()
    captures = frame_of(Path(file).read_bytes())
    frame = _memory_in_use()
    picker = scenecart.widgets.CaptureMap(captures, basemap="none")
    picker.filters = {"eo:cloud_cover": [0, 50]}
    picker.selection = tuple(captures.index[:100])
    print(frame - before, _memory_in_use() - before)
    picker.close()


def _memory_in_use() -> float:
    """Return the MB that this process holds after freeing unused memory."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    return status("VmRSS")


def _in_kernel(count: int) -> list[tuple[str, float, str]]:
    from scenecart.widgets._spatial_index import FootprintIndex  # noqa: PLC0415  # imported only where it is measured
    from scenecart.widgets._state import CaptureState  # noqa: PLC0415  # likewise

    captures = world_captures(count)
    state = CaptureState(captures)
    filter_sets = [
        {
            "datetime": ["2024-02-01", f"2024-10-{10 + number}"],
            "eo:cloud_cover": [0, 50 + number],
            "view:off_nadir": [0, 20],
            "gsd": [0.3, 0.6],
            "price_credits": [100, 1_500],
        }
        for number in range(_TIMES)
    ]
    filters = iter(filter_sets)
    state.filters = filter_sets[-1]

    def mask() -> Any:
        return (
            (captures["datetime"] >= "2024-02-01")
            & (captures["datetime"] < "2024-10-12")
            & captures["eo:cloud_cover"].between(0, 50)
            & captures["view:off_nadir"].between(0, 20)
            & captures["gsd"].between(0.3, 0.6)
            & captures["price_credits"].between(100, 1_500)
        )

    index, view = FootprintIndex(captures), (0.0, 40.0, 12.0, 48.0)
    found = index.in_view(view, state.keep)
    features = [feature for world, parts in found for feature in index.features(world, parts, 0.01)]
    return [
        ("five filters at once", _median(lambda: setattr(state, "filters", next(filters))), ""),
        ("the same as a pandas mask", _median(mask), ""),
        ("footprints of a view", _median(lambda: index.in_view(view, state.keep)), f"{len(json.dumps(features)) / 1e3:,.0f} kB"),
        ("captures under a click", _median(lambda: index.at(6.0, 44.0, state.keep)), ""),
    ]


def _in_browser(count: int, chromium: str) -> list[tuple[str, float]]:
    root = Path(__file__).resolve().parents[1]
    sys.path.insert(0, str(root / "tests"))
    from playwright.sync_api import sync_playwright  # noqa: PLC0415  # likewise

    from _jupyter import Jupyter, notebook  # noqa: PLC0415  # shared with the tests

    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        path = notebook(Path(folder) / "bench.ipynb", _CELL.format(root=str(root), count=count))
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-dev-shm-usage"])
        page = browser.new_page(viewport={"width": 1200, "height": 1200})
        page.set_default_timeout(120_000)
        with Jupyter("voila", path, Path(folder)) as voila:
            began = time.perf_counter()
            voila.open(page)
            page.wait_for_selector(".sc-grid .row")
            shown = 1_000 * (time.perf_counter() - began)
            kernel = voila.kernel()
            kernel.wait("len(picker.map.map.bounds) == 2")
            tables, maps, picks = [], [], []
            for number in range(_TIMES):
                began = time.perf_counter()
                left = kernel.value(
                    f"[setattr(picker, 'filters', {{'eo:cloud_cover': [0, {30 + number}]}}), len(picker.filtered)][1]"
                )
                page.wait_for_selector(f'.sc-grid[aria-rowcount="{left}"]')
                tables.append(1_000 * (time.perf_counter() - began))
                page.get_by_text(f"drawn {left}", exact=True).wait_for()
                maps.append(1_000 * (time.perf_counter() - began))
                began = time.perf_counter()
                page.locator(".sc-grid .row").nth(number).click()
                page.wait_for_selector(f'.sc-grid .row[aria-rowindex="{number + 2}"][aria-selected="true"]')
                picks.append(1_000 * (time.perf_counter() - began))
            kernel.close()
        browser.close()
    medians = [statistics.median(times) for times in (tables, maps, picks)]
    names = ("filter set until the table shows it", "filter set until the map shows it", "row clicked until it is selected")
    return [("page opened until rows can be clicked", shown), *zip(names, medians, strict=True)]


def _workbench(chromium: str) -> list[tuple[str, float]]:
    """Return how long the Workbench takes to open in ``scenecart app``, and to show results."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415  # imported only where it is measured

    from _app import App  # noqa: PLC0415  # shared with the tests

    opened: list[float] = []
    found: list[float] = []
    loads: list[float] = []
    kernel = ""
    done = '.sc-ask button[title="Nothing has changed since the last search"]'
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright, App(Path(folder), "--no-browser") as app:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-dev-shm-usage"])
        for number in range(_TIMES):
            page = browser.new_context(viewport={"width": 1600, "height": 1000}).new_page()
            kernel = app.ready_kernel(after=kernel)
            # it makes the page that will be opened
            page.wait_for_timeout(5_000)
            loads.append(os.getloadavg()[0])
            began = time.perf_counter()
            page.goto(app.url)
            search = page.get_by_role("button", name="Search this view")
            search.wait_for()
            opened.append(1_000 * (time.perf_counter() - began))
            # a page that has searched would come back in the next one
            for turn in range(_TIMES if number == _TIMES - 1 else 0):
                if turn:
                    page.get_by_role("checkbox", name="aurora-30cm").click()
                    search = page.get_by_role("button", name="Search again")
                    search.wait_for()
                # as long as a person looks at the results before
                page.wait_for_timeout(3_000)
                began = time.perf_counter()
                search.click()
                page.locator(done).wait_for()
                found.append(1_000 * (time.perf_counter() - began))
            page.close(run_before_unload=True)
        browser.close()
    load = f"load average {statistics.median(loads):.1f} on {os.cpu_count()} cores"
    names = (f"Workbench opened until it can be clicked, {load}", "a search clicked until all its results are there")
    return [(name, statistics.median(times)) for name, times in zip(names, (opened, found), strict=True)]


def _gallery(chromium: str) -> list[tuple[int, str, float]]:
    """Return how long a gallery takes to paint what is in view, and how long a frame takes while it is scrolled."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415  # imported only where it is measured

    from _jupyter import Jupyter, notebook  # noqa: PLC0415  # shared with the tests
    from scenecart.sandbox import Sandbox  # noqa: PLC0415  # imported only where it is measured

    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright, Sandbox(pace="instant") as box:
        box.rate_limits = None
        who = box.principals["analyst"]
        account = {"SCENECART_BASE_URL": box.url, "SCENECART_USERNAME": str(who["username"])}
        account |= {"SCENECART_PASSWORD": str(who["password"]), "SCENECART_PROJECT": str(who["project"])}
        path = notebook(Path(folder) / "gallery.ipynb", _GALLERY)
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-dev-shm-usage"])
        page = browser.new_page(viewport={"width": 1200, "height": 900})
        page.set_default_timeout(120_000)
        with Jupyter("voila", path, Path(folder), **account) as voila:
            voila.open(page)
            page.wait_for_selector(".sc-gallery .cell")
            began = time.perf_counter()
            page.wait_for_function(_PAINTED)
            first = 1_000 * (time.perf_counter() - began)
            frame = page.evaluate(_FRAMES)
            jumps = []
            for number in range(_TIMES):
                began = time.perf_counter()
                page.evaluate(_SCROLL, 0.3 + 0.1 * number)
                page.wait_for_function(_PAINTED)
                jumps.append(1_000 * (time.perf_counter() - began))
            kernel = voila.kernel()
            count = kernel.value("len(gallery.shown)")
            kernel.close()
        browser.close()
    return [
        (count, "gallery opened: its cells until their pictures", first),
        (count, "gallery: jump to other captures until their pictures", statistics.median(jumps)),
        (count, "gallery: 95 % of frames while it is scrolled are shorter", float(frame)),
    ]


def _median(act: Callable[[], object]) -> float:
    times = []
    for _ in range(_TIMES):
        began = time.perf_counter()
        act()
        times.append(1_000 * (time.perf_counter() - began))
    return statistics.median(times)


if __name__ == "__main__":
    _print_memory(sys.argv[1])
