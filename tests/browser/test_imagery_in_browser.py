"""Imagery on the map in a real browser: pixels are where they belong, without a flash, a port or a proxy."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyproj
import pytest
import rasterio
from PIL import Image
from rasterio.shutil import copy

from _jupyter import Jupyter, Kernel, notebook
from _scripted_service import Answer, ScriptedService, part_of_file
from _thorough import first_of
from scenecart._imagery.mercator import HALF_WORLD, from_mercator
from scenecart.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray
    from playwright.sync_api import Browser, Page

SIDE, STEP, LEFT, TOP = 3_000, 2.0, 333_000.0, 6_249_000.0
# a footprint on the edges of the raster 'box.tif', and one around the other raster
BOX = (151.20, -33.92, 151.24, -33.90)
MAP = """
import geopandas as gpd, shapely, scenecart
frame = gpd.GeoDataFrame({{"id": ["a", "b"]}}, geometry=[shapely.box(*{box}), shapely.box(151.1, -34, 151.3, -33.85)], crs=4326)
shown = scenecart.widgets.FootprintMap(frame, basemap="none")
shown.add_imagery({coded!r}, name="coded")
shown
"""
pytestmark = pytest.mark.timeout(300)


def write_rasters(folder: Path) -> None:
    """Write a COG whose colours name the place, and a bright one in degrees whose edges are those of a footprint."""
    rows, columns = np.mgrid[0:SIDE, 0:SIDE] / SIDE
    values = np.stack([columns * 200 + 20, rows * 200 + 20, np.full(rows.shape, 40)]).astype("uint8")
    grid: dict[str, Any] = {"crs": "EPSG:32756", "transform": rasterio.Affine(STEP, 0, LEFT, 0, -STEP, TOP)}
    with rasterio.open(
        folder / "plain.tif", "w", driver="GTiff", count=3, dtype="uint8", height=SIDE, width=SIDE, **grid
    ) as raster:
        raster.write(values)
    copy(folder / "plain.tif", folder / "coded.tif", driver="COG", blocksize=256, overview_resampling="average")
    west, south, east, north = BOX
    grid = {"crs": "EPSG:4326", "transform": rasterio.Affine((east - west) / 400, 0, west, 0, (south - north) / 200, north)}
    with rasterio.open(folder / "box.tif", "w", driver="GTiff", count=3, dtype="uint8", height=200, width=400, **grid) as raster:
        raster.write(np.full((3, 200, 400), 255, dtype="uint8"))


class OpenMap:
    """A page with the map, its kernel, and what went wrong or over the network."""

    def __init__(self, page: Page, kernel: Kernel) -> None:
        self.page, self.kernel = page, kernel
        self.box = page.locator(".leaflet-container").first.bounding_box() or {}

    def settle(self) -> None:
        """Wait until the picture of the present view is displayed."""
        self.page.wait_for_function("() => !document.querySelector('.leaflet-zoom-anim')")
        self.kernel.wait("not shown._imagery.layers.is_busy and shown._imagery.layers._view is not None")
        self.page.wait_for_timeout(400)
        self.kernel.wait("not shown._imagery.layers.is_busy")
        self.page.wait_for_timeout(200)

    def screenshot(self) -> NDArray[np.uint8]:
        clip = {name: self.box[name] for name in ("x", "y", "width", "height")}
        return np.asarray(Image.open(io.BytesIO(self.page.screenshot(clip=clip))).convert("RGB"))  # type: ignore[arg-type]  # a clip

    def drag(self, across: int, down: int) -> None:
        """Drag the map by some pixels."""
        x, y = self.box["x"] + self.box["width"] / 2, self.box["y"] + self.box["height"] / 2
        self.page.mouse.move(x, y)
        self.page.mouse.down()
        self.page.mouse.move(x + across, y + down, steps=4)
        self.page.wait_for_timeout(80)
        self.page.mouse.up()

    def bounds(self) -> tuple[float, float, float, float]:
        """Return west, south, east and north of the map in EPSG:3857, by what the page says."""
        left, top, right, bottom, zoom = self.kernel.value(
            "[shown.map.left, shown.map.top, shown.map.right, shown.map.bottom, shown.map.zoom]"
        )
        metres = 2 * HALF_WORLD / (256 * 2**zoom)
        return left * metres - HALF_WORLD, HALF_WORLD - bottom * metres, right * metres - HALF_WORLD, HALF_WORLD - top * metres

    def colour_errors(self) -> tuple[float, NDArray[np.float64]]:
        """Return the share of the map with imagery, and by how much its colours differ from those of their places."""
        picture = self.screenshot().astype(float)
        height, width = picture.shape[:2]
        west, south, east, north = self.bounds()
        columns, rows = np.meshgrid(np.arange(8, width, 23), np.arange(8, height, 23))
        x = west + (columns + 0.5) / width * (east - west)
        y = north - (rows + 0.5) / height * (north - south)
        degrees = from_mercator(np.stack([x.ravel(), y.ravel()], 1))
        eastings, northings = pyproj.Transformer.from_crs(4326, 32756, always_xy=True).transform(*degrees.T)
        u, v = (eastings - LEFT) / STEP / SIDE, (TOP - northings) / STEP / SIDE
        inside = (u > 0.01) & (u < 0.99) & (v > 0.01) & (v < 0.99)
        seen = picture[rows.ravel(), columns.ravel()][inside]
        expected = np.stack([u * 200 + 20, v * 200 + 20], 1)[inside]
        return float(inside.mean()), np.abs(seen[:, :2] - expected).max(1)

    def check(self, least_share: float) -> None:
        """Check that imagery is displayed, and where it belongs; legends and outlines may cover some of it."""
        share, errors = self.colour_errors()
        assert share >= least_share
        assert np.quantile(errors, 0.9) < 8, np.quantile(errors, [0.5, 0.8, 0.9, 0.99])


@pytest.fixture(scope="module", params=first_of(["voila", "lab"], 1))
def running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Jupyter]:
    folder = tmp_path_factory.mktemp(request.param)
    write_rasters(folder)
    path = notebook(folder / "map.ipynb", MAP.format(box=BOX, coded=str(folder / "coded.tif")))
    with Jupyter(request.param, path if request.param == "voila" else folder, folder) as server:
        yield server


@pytest.fixture
def opened(browser: Browser, running: Jupyter) -> Iterator[OpenMap]:
    page = browser.new_page(viewport={"width": 1_100, "height": 900})
    page.set_default_timeout(120_000)
    errors: list[str] = []
    elsewhere: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("request", lambda request: elsewhere.append(request.url))
    running.open(page, "" if running.kind == "voila" else "map.ipynb")
    page.wait_for_selector(".leaflet-container canvas")
    page.wait_for_selector("img.leaflet-image-layer", state="attached")
    kernel = running.kernel()
    kernel.wait("shown._imagery.layers._view is not None")
    yield OpenMap(page, kernel)
    kernel.close()
    page.close()
    assert errors == []
    own = (running.url, running.url.replace("http", "ws"), "blob:", "data:")
    assert [url for url in elsewhere if "127.0.0.1" in url and not url.startswith(own)] == []


def test_imagery_is_where_it_belongs_after_pans_and_zooms(opened: OpenMap):
    """After each pan and zoom, in JupyterLab and Voila, every pixel has the colour of its place; there is never a frame without."""
    page, kernel = opened.page, opened.kernel
    page.locator(".leaflet-container").first.scroll_into_view_if_needed()
    opened.box = page.locator(".leaflet-container").first.bounding_box() or {}
    opened.settle()
    opened.check(0.005)
    page.evaluate("""() => {
      window.least = 99;
      const look = () => {
        const all = [...document.querySelectorAll('[class*=scenecart-imagery] img')];
        const shown = all.filter((one) => one.style.visibility !== 'hidden');
        window.least = Math.min(window.least, shown.length);
        requestAnimationFrame(look);
      };
      look();
    }""")
    for zoom, least in ((14, 0.3), (16, 0.9), (18, 0.9)):
        kernel.value(f"[setattr(shown.map, 'center', (-33.902, 151.228)), setattr(shown.map, 'zoom', {zoom}), 1][2]")
        kernel.wait(f"shown.map.zoom == {zoom}")
        opened.settle()
        opened.check(least)
        for across, down in ((160, 40), (-300, -90)):
            opened.drag(across, down)
            opened.settle()
            opened.check(least)
    page.mouse.move(opened.box["x"] + opened.box["width"] / 2, opened.box["y"] + opened.box["height"] / 2)
    page.mouse.wheel(0, 300)
    kernel.wait("shown.map.zoom < 18")
    opened.settle()
    opened.check(0.5)
    assert page.evaluate("window.least") >= 1


def test_imagery_edges_are_those_of_vectors(opened: OpenMap):
    """The edges of a raster are drawn within a pixel of the footprint that has the same edges."""
    page, kernel = opened.page, opened.kernel
    page.locator(".leaflet-container").first.scroll_into_view_if_needed()
    opened.box = page.locator(".leaflet-container").first.bounding_box() or {}
    kernel.value(
        f"[shown.add_imagery({str(opened_folder(kernel))!r} + '/box.tif', name='box'), shown.remove_imagery('coded'), 1][2]"
    )
    kernel.value("[setattr(shown.map, 'center', (-33.91, 151.22)), setattr(shown.map, 'zoom', 14), 1][2]")
    kernel.wait("shown.map.zoom == 14")
    opened.settle()
    picture = opened.screenshot().astype(int)
    west, south, east, north = opened.bounds()
    height, width = picture.shape[:2]
    corners = pyproj.Transformer.from_crs(4326, 3857, always_xy=True).transform(np.array(BOX[::2]), np.array(BOX[1::2]))
    columns = (np.asarray(corners[0]) - west) / (east - west) * width
    rows = (north - np.asarray(corners[1])) / (north - south) * height
    shown = "[...document.querySelectorAll('[class*=scenecart-imagery] img')].at(-1).getBoundingClientRect()"
    edges = page.evaluate(f"(({{ left, top, right, bottom }}) => [left, top, right, bottom])({shown})")
    expected = [columns[0] + opened.box["x"], rows[1] + opened.box["y"], columns[1] + opened.box["x"], rows[0] + opened.box["y"]]
    # a picture covers whole pixels, of which the outermost may be partly transparent
    assert np.abs(np.array(edges) - expected).max() <= 1.01
    for line, (first, last) in ((picture[int(rows.mean())], columns), (picture[:, int(columns.mean())], rows[::-1])):
        bright = np.flatnonzero(line.min(-1) > 245)
        # the outline of the footprint, two pixels wide with a shadow, covers the edge itself
        assert abs(bright[0] - first) <= 3
        assert abs(bright[-1] + 1 - last) <= 3
    kernel.value(
        f"[shown.remove_imagery('box'), shown.add_imagery({str(opened_folder(kernel))!r} + '/coded.tif', name='coded'), 1][2]"
    )


def opened_folder(kernel: Kernel) -> str:
    return str(kernel.value("str(__import__('pathlib').Path(shown._imagery.layers.layers[0].source._source).parent)"))


def test_layer_list_changes_the_page(opened: OpenMap):
    """The slider changes the opacity of the whole layer, the box hides it, and the cross removes it."""
    page, kernel = opened.page, opened.kernel
    row = page.locator(".scenecart-layers")
    row.locator(".noUi-handle").focus()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    kernel.wait("shown._imagery.layers.layers[0].opacity < 1")
    page.wait_for_function("() => +document.querySelector('[class*=scenecart-imagery]').style.opacity < 1")
    row.locator("input[type=checkbox]").click()
    page.wait_for_function("() => document.querySelector('[class*=scenecart-imagery]').style.display === 'none'")
    row.locator("input[type=checkbox]").click()
    page.wait_for_function("() => document.querySelector('[class*=scenecart-imagery]').style.display === ''")
    name = kernel.value("shown._imagery.layers.layers[0].source._source.as_posix()")
    row.locator("button[title^=Remove]").click()
    kernel.wait("shown.imagery == []")
    page.wait_for_function("() => !document.querySelector('[class*=scenecart-imagery]')")
    kernel.value(f"[shown.add_imagery({name!r}, name='coded'), 1][1]")


def test_imagery_gone_in_mid_pan_leaves_the_map_usable(opened: OpenMap):
    """A file that goes while the map moves is one line; the map can still be moved, and the file comes back into view."""
    page, kernel = opened.page, opened.kernel
    path = "shown._imagery.layers.layers[0].source._source"
    kernel.value(f"[{path}.rename({path}.with_suffix('.away')), 1][1]")
    page.locator("a.leaflet-control-zoom-in").first.click()
    page.get_by_role("alert").filter(has_text="coded.tif cannot be opened").wait_for()
    before = kernel.value("shown.map.zoom")
    page.locator("a.leaflet-control-zoom-in").first.click()
    kernel.wait("shown.map.zoom", lambda zoom: zoom > before)
    kernel.value(f"[{path}.with_suffix('.away').rename({path}), 1][1]")
    page.locator("a.leaflet-control-zoom-out").first.click()
    page.get_by_role("alert").filter(has_text="coded.tif").wait_for(state="detached")


def test_imagery_store_gone_in_mid_pan_leaves_the_map_usable(opened: OpenMap, tmp_path: Path):
    """If the server of a COG stops while the map moves, one line says so; the map moves on, and pixels come when it is back."""
    page, kernel = opened.page, opened.kernel
    local = kernel.value("str(shown._imagery.layers.layers[0].source._source)")
    content = noisy(Path(local), tmp_path).read_bytes()
    path, line = "/distant.tif", page.get_by_role("alert").filter(has_text="distant.tif")
    page.locator(".leaflet-container").first.scroll_into_view_if_needed()
    opened.box = page.locator(".leaflet-container").first.bounding_box() or {}
    with ScriptedService() as store:
        store.put(path, lambda request: part_of_file(request, content))
        kernel.value(f"[shown.remove_imagery('coded'), shown.add_imagery({store.url + path!r}), 1][2]")
        kernel.value("[setattr(shown.map, 'center', (-33.902, 151.228)), setattr(shown.map, 'zoom', 16), 1][2]")
        kernel.wait("shown.map.zoom == 16")
        opened.settle()
        opened.check(0.9)
        # connections that are open end, too
        store.put(path, Answer(None))
    before = kernel.value("shown.map.center")
    opened.drag(-350, -200)
    kernel.wait("list(shown.map.center)", lambda center: center != list(before))
    line.wait_for()
    assert line.count() == 1
    opened.drag(-350, 0)
    kernel.wait("shown._imagery.layers.is_busy", lambda is_busy: not is_busy)
    assert line.count() == 1
    with ScriptedService(store.port) as store:
        store.put(path, lambda request: part_of_file(request, content))
        opened.drag(120, 60)
        line.wait_for(state="detached")
        opened.settle()
        opened.check(0.9)
        kernel.value(f"[shown.remove_imagery('distant.tif'), shown.add_imagery({local!r}, name='coded'), 1][2]")


def noisy(path: Path, folder: Path) -> Path:
    """Return a COG of the same colours whose third band cannot be compressed, so that no request fetches all of it."""
    with rasterio.open(path) as raster:
        profile, values = raster.profile, raster.read()
    values[2] = np.random.default_rng(1).integers(0, 80, values[2].shape)
    with rasterio.open(folder / "plain.tif", "w", **{**profile, "driver": "GTiff"}) as raster:
        raster.write(values)
    copy(folder / "plain.tif", folder / "distant.tif", driver="COG", blocksize=256, overview_resampling="average")
    return folder / "distant.tif"


def test_imagery_while_the_kernel_is_busy_follows_later(opened: OpenMap, running: Jupyter, tmp_path: Path):
    """While a cell runs the map can be moved; a line says that pictures follow, unless widgets have a thread of their own."""
    page, kernel = opened.page, opened.kernel
    opened.settle()
    before, zoom = kernel.value("shown._imagery.layers._view.zoom"), page.locator("a.leaflet-control-zoom-in").first
    page.evaluate(
        "() => { window.arrived = 0; const seen = (changes) => changes.forEach((one) => (window.arrived += one.addedNodes.length));"
        "new MutationObserver(seen).observe(document.querySelector('[class*=scenecart-imagery]'), { childList: true }); }"
    )
    free = tmp_path / "free"
    kernel.start(f"import pathlib, time\nwhile not pathlib.Path({str(free)!r}).exists():\n    time.sleep(0.05)")
    zoom.click()
    line = page.get_by_role("status").filter(has_text="The kernel is busy")
    if running.kind == "voila":
        line.wait_for()
        zoom.click()
        page.wait_for_function("() => !document.querySelector('.leaflet-zoom-anim')")
        assert page.evaluate("window.arrived") == 0
    free.touch()
    kernel.wait("shown._imagery.layers._view.zoom", lambda value: value > before)
    page.wait_for_function("window.arrived > 0")
    line.wait_for(state="hidden")
    opened.settle()


ORDER = """
import scenecart
client = scenecart.connect()
area = (151.18, -33.99, 151.24, -33.94)
captures = client.search("aurora", collections="aurora-50cm", aoi=area, datetime="2024", max_cloud_cover=40)
shown = scenecart.widgets.FootprintMap(captures.head(3), area, client=client, basemap="none")
shown.state.select(captures.index[:1])
order = client.cart(captures.head(1), area).estimate().place().wait(timeout=60, progress=False)
shown
"""


def test_quicklook_and_delivery_are_on_one_map(browser: Browser, tmp_path: Path):
    """A quicklook lies below the outline of its footprint, and the delivered pixels of the order above it, on one map."""
    with Sandbox(pace="instant") as box:
        who = box.principals["analyst"]
        account = {"SCENECART_BASE_URL": box.url, "SCENECART_USERNAME": str(who["username"])}
        account |= {"SCENECART_PASSWORD": str(who["password"]), "SCENECART_PROJECT": str(who["project"])}
        with Jupyter("voila", notebook(tmp_path / "order.ipynb", ORDER), tmp_path, **account) as voila:
            page = browser.new_page(viewport={"width": 1_100, "height": 900})
            page.set_default_timeout(120_000)
            voila.open(page)
            page.wait_for_selector(".leaflet-container canvas")
            kernel = voila.kernel()
            page.locator("button", has_text="Quicklooks").click()
            kernel.wait("shown.imagery == ['Quicklooks']")
            page.wait_for_selector("[class*=scenecart-imagery] img")
            page.locator(".scenecart-layers", has_text="Quicklooks").wait_for()
            kernel.value("[shown.add_imagery(order, name='delivered'), shown.zoom_to('imagery'), 1][2]")
            page.wait_for_function("() => document.querySelectorAll('[class*=scenecart-imagery] img').length >= 3")
            assert page.locator(".scenecart-layers input[type=checkbox]").count() == 2
            kernel.close()
            page.close()
