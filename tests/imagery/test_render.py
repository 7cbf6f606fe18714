"""Rasters as pictures."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pyproj
import pytest
import rasterio
from rasterio.enums import ColorInterp
from rasterio.shutil import copy

import scenecart
from _expect import raises
from _scripted_service import Answer, RecordedRequest
from conftest import SHARED_DATA
from scenecart._api.public_files import PublicFile
from scenecart._imagery.mercator import HALF_WORLD, from_mercator
from scenecart._imagery.ranges import RangeReader
from scenecart._imagery.render import RasterPicture
from scenecart._imagery.view import View

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from _scripted_service import ScriptedService

REAL = SHARED_DATA / "rasters"
needs_real = pytest.mark.skipif(not REAL.is_dir(), reason="the real rasters are not on this machine")
SIDE = 1_200


def write(
    path: Path, values: NDArray[Any], *, crs: str | None = "EPSG:32756", step: float = 10.0, cog: bool = False, **more: Any
) -> Path:
    """Write a raster whose upper left corner is in Sydney."""
    count, height, width = values.shape
    more.setdefault("transform", rasterio.Affine(step, 0, 330_000, 0, -step, 6_252_000))
    with rasterio.open(
        path, "w", driver="GTiff", count=count, height=height, width=width, dtype=values.dtype, crs=crs, tiled=True, **more
    ) as raster:
        raster.write(values)
    if cog:
        copy(path, path.with_suffix(".cog.tif"), driver="COG", blocksize=256, overview_resampling="average")
        return path.with_suffix(".cog.tif")
    return path


def coded(side: int = SIDE) -> NDArray[np.uint8]:
    """Return bands whose values name column and row."""
    rows, columns = np.mgrid[0:side, 0:side] / side
    return np.stack([columns * 200 + 20, rows * 200 + 20, np.full(rows.shape, 60)]).astype("uint8")


def part_of(picture: RasterPicture, zoom: float, width: int = 300, height: int = 200) -> tuple[View, NDArray[np.uint8]]:
    """Return the view of the middle of a picture at a zoom, and what is drawn of it."""
    west, south, east, north = picture.bounds
    pixels = 256 * 2**zoom / (2 * HALF_WORLD)
    x, y = ((west + east) / 2 + HALF_WORLD) * pixels, (HALF_WORLD - (south + north) / 2) * pixels
    view = View.around((x - width / 2, y - height / 2, x + width / 2, y + height / 2), zoom, 0)
    return view, picture.draw(view.mercator, *view.size)


@pytest.mark.parametrize("zoom", [9, 11, 13, 16])
@pytest.mark.parametrize("cog", [True, False])
def test_draw_is_where_the_data_are(tmp_path: Path, zoom: int, *, cog: bool):
    """At any zoom, from overviews or without, each pixel has the colour of its place on the ground, within a pixel."""
    picture = RasterPicture(write(tmp_path / "a.tif", coded(), cog=cog))
    view, drawn = part_of(picture, zoom)
    west, _, _, north = view.mercator
    metres = 2 * HALF_WORLD / (256 * 2**zoom)
    columns, rows = np.meshgrid(np.arange(view.size[0]) + 0.5, np.arange(view.size[1]) + 0.5)
    degrees = from_mercator(np.stack([west + columns.ravel() * metres, north - rows.ravel() * metres], 1))
    x, y = pyproj.Transformer.from_crs(4326, 32756, always_xy=True).transform(*degrees.T)
    u, v = (x - 330_000) / 10 / SIDE, (6_252_000 - y) / 10 / SIDE
    inside = ((u > 0.02) & (u < 0.98) & (v > 0.02) & (v < 0.98)).reshape(columns.shape)
    outside = ((u < -0.02) | (u > 1.02) | (v < -0.02) | (v > 1.02)).reshape(columns.shape)
    assert (drawn[..., 3][inside] == 255).all()
    assert (drawn[..., 3][outside] == 0).all()
    allowed = 3 + 200 * metres * 0.84 / 10 / SIDE
    for channel, expected in ((0, u * 200 + 20), (1, v * 200 + 20)):
        assert np.abs(drawn[..., channel][inside] - expected.reshape(columns.shape)[inside]).max() < allowed


def test_draw_enlarged_shows_pixels_as_squares(tmp_path: Path):
    """Where a raster is much enlarged, its pixels are not blurred."""
    values = np.zeros((3, 40, 40), dtype="uint8")
    values[:, ::2, ::2] = 250
    _, drawn = part_of(RasterPicture(write(tmp_path / "a.tif", values)), 19)
    assert set(np.unique(drawn[..., 0])) == {0, 250}


@pytest.mark.parametrize("kind", ["nodata", "nan", "alpha", "mask"])
def test_draw_without_data_is_transparent(tmp_path: Path, kind: str):
    """Nodata, NaN, alpha and a mask inside the file are transparent, and dark data are not."""
    values = np.full((1, 300, 300), 9, dtype="float32" if kind == "nan" else "uint8")
    holed = values.copy()
    holed[:, 100:200, 100:200] = np.nan if kind == "nan" else 0
    path = tmp_path / "a.tif"
    if kind == "alpha":
        write(path, np.concatenate([values, np.where(holed > 0, 255, 0).astype("uint8")]))
        with rasterio.open(path, "r+") as raster:
            raster.colorinterp = (ColorInterp.gray, ColorInterp.alpha)
    elif kind == "mask":
        with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True):
            write(path, values)
            with rasterio.open(path, "r+") as raster:
                raster.write_mask(holed[0] > 0)
    else:
        write(path, holed, nodata=0 if kind == "nodata" else None)
    _, drawn = part_of(RasterPicture(path), 14, 340, 340)
    opaque = drawn[..., 3] > 128
    assert not opaque[168:172, 168:172].any()
    assert (~opaque).mean() == pytest.approx((1_000 / 0.83 / 9.554 / 341) ** 2, abs=0.01)


def test_stretch_of_16_bit_is_by_percentiles(tmp_path: Path):
    """16-bit bands are stretched from their 2nd to their 98th percentile, without nodata; the same stretch holds everywhere."""
    values = np.random.default_rng(1).integers(400, 2_400, (3, 600, 600)).astype("uint16")
    values[:, :300] = 0
    values[0, 400, 400] = 60_000
    for nodata in (0, None):
        picture = RasterPicture(write(tmp_path / f"{nodata}.tif", values, nodata=nodata))
        np.testing.assert_allclose(picture._range, [[440, 2_360]] * 3, atol=15)
    given = RasterPicture(tmp_path / "0.tif", stretch=(0, 5_000))
    np.testing.assert_array_equal(given._range, [[0, 5_000]] * 3)
    assert RasterPicture(tmp_path / "0.tif", stretch=[(0, 1), (2, 3), (4, 5)])._range.tolist() == [[0, 1], [2, 3], [4, 5]]


def test_bands_by_name_colour_and_number(tmp_path: Path):
    """Red, green and blue are found by their names, whatever their order; others are chosen by number or name."""
    path = write(tmp_path / "a.tif", np.stack([np.full((50, 50), value, "uint8") for value in (10, 20, 30, 40)]))
    with rasterio.open(path, "r+") as raster:
        raster.colorinterp = [ColorInterp.gray, *[ColorInterp.undefined] * 3]
        raster.descriptions = ("Blue", "Green", "Red", "NIR")
    assert RasterPicture(path).bands == (3, 2, 1)
    assert RasterPicture(path, ["nir", "red", "Green"]).bands == (4, 3, 2)
    assert RasterPicture(path, 2).bands == RasterPicture(path, "green").bands == (2,)
    assert RasterPicture(path, "green").legend is not None
    assert RasterPicture(path).legend is None
    for bands, code in (
        (5, "bands_unknown"),
        ("swir", "bands_unknown"),
        (True, "bands_unknown"),
        ([1, 2], "bands_count"),
        ([], "bands_count"),
    ):
        with raises(scenecart.InvalidRequest, code):
            RasterPicture(path, bands)


@pytest.mark.parametrize("stretch", ["strong", 5, (2, 1), (0, float("nan")), [(0, 1)] * 2, "x", None])
def test_stretch_invalid_is_refused(tmp_path: Path, stretch: Any):
    """A stretch that is no range is refused."""
    with raises(scenecart.InvalidRequest, "stretch_invalid"):
        RasterPicture(write(tmp_path / "a.tif", coded(40)), stretch=stretch)


def test_single_band_has_a_legend_in_its_unit(tmp_path: Path):
    """A single band is drawn with the colour scale; its legend has the values of the ends, with scale and offset applied."""
    values = np.linspace(0, 10_000, 90_000).reshape(1, 300, 300).astype("uint16")
    path = write(tmp_path / "a.tif", values)
    with rasterio.open(path, "r+") as raster:
        raster.scales, raster.offsets = (0.0001,), (-0.1,)
    picture = RasterPicture(path, stretch=(0, 10_000))
    assert picture.legend is not None
    assert (picture.legend.low, picture.legend.high) == ("-0.1", "0.9")
    _, drawn = part_of(picture, 14, 200, 200)
    assert drawn[5, 100, 2] > drawn[5, 100, 0]
    assert drawn[-5, 100, 0] > drawn[-5, 100, 2]


def test_colour_table_of_the_file_is_used(tmp_path: Path):
    """A single band with a colour table is drawn in its colours, without a legend."""
    path = write(tmp_path / "a.tif", np.ones((1, 90, 90), dtype="uint8"))
    with rasterio.open(path, "r+") as raster:
        raster.write_colormap(1, {0: (0, 0, 0, 0), 1: (200, 100, 50, 255)})
    picture = RasterPicture(path)
    _, drawn = part_of(picture, 13, 20, 20)
    assert drawn[10, 10].tolist() == [200, 100, 50, 255]
    assert picture.legend is None


@pytest.mark.parametrize("crs", ["EPSG:32660", "EPSG:4326"])
def test_draw_across_the_antimeridian_is_one_picture(tmp_path: Path, crs: str):
    """A raster across the antimeridian is one picture beyond the edge of the world, and drawn from either side."""
    transform = (
        rasterio.Affine(0.001, 0, 179.8, 0, -0.001, -17)
        if crs == "EPSG:4326"
        else rasterio.Affine(90, 0, 700_000, 0, -90, 5_600_000)
    )
    picture = RasterPicture(write(tmp_path / "a.tif", coded(400), crs=crs, transform=transform))
    west, _, east, _ = picture.bounds
    assert west < HALF_WORLD < east < west + 200_000
    drawn = picture.draw(picture.bounds, 200, 200)
    assert (drawn[..., 3] > 0).mean() > 0.8
    row = drawn[100, :, 0][drawn[100, :, 3] > 0].astype(int)
    assert (np.diff(row) >= -2).all()


def test_draw_upside_down_and_turned_is_right(tmp_path: Path):
    """Rasters whose rows run northwards, or that are turned, are drawn as they are on the ground."""
    values = coded(200)
    straight = RasterPicture(write(tmp_path / "a.tif", values))
    flipped = write(tmp_path / "b.tif", values[:, ::-1], transform=rasterio.Affine(10, 0, 330_000, 0, 10, 6_250_000))
    np.testing.assert_allclose(part_of(straight, 13)[1], part_of(RasterPicture(flipped), 13)[1], atol=2)
    transform = rasterio.Affine.translation(330_000, 6_252_000) @ rasterio.Affine.rotation(30) @ rasterio.Affine.scale(10, -10)
    turned = RasterPicture(write(tmp_path / "c.tif", values, transform=transform))
    west, _, east, _ = turned.bounds
    assert east - west > 2_600


def test_draw_world_is_cut_at_85_degrees(tmp_path: Path):
    """A raster of the whole world is drawn as far as the map goes."""
    transform = rasterio.Affine(1, 0, -180, 0, -1, 90)
    picture = RasterPicture(write(tmp_path / "a.tif", np.full((3, 180, 360), 99, "uint8"), crs="EPSG:4326", transform=transform))
    np.testing.assert_allclose(picture.bounds, [-HALF_WORLD, -HALF_WORLD, HALF_WORLD, HALF_WORLD], rtol=1e-6)
    assert (picture.draw(picture.bounds, 64, 64)[..., 3] == 255).all()


MARS = (
    'GEOGCS["Mars 2000",DATUM["D_Mars_2000",SPHEROID["Mars_2000_IAU_IAG",3396190,169.8944472]],'
    'PRIMEM["Greenwich",0],UNIT["Degree",0.0174532925199433]]'
)


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"crs": None}, "raster_without_crs"),
        ({"crs": MARS, "transform": rasterio.Affine(0.1, 0, 10, 0, -0.1, 20)}, "raster_not_on_earth"),
        ({"crs": "EPSG:4326", "transform": rasterio.Affine(10, 0, 330_000, 0, -10, 6_250_000)}, "raster_outside_crs"),
    ],
)
def test_raster_without_a_place_on_the_earth_is_refused(tmp_path: Path, options: dict[str, Any], code: str):
    """A raster without a CRS, on Mars, or outside its CRS has no place on the map, and one line says why."""
    with raises(scenecart.InvalidRequest, code):
        RasterPicture(write(tmp_path / "a.tif", coded(40), **options))


def test_draw_large_without_overviews_asks_to_zoom_in(tmp_path: Path):
    """A huge raster without overviews is not read whole: a small part is shown, and the whole is one line of advice."""
    path = tmp_path / "a.tif"
    grid = {"crs": "EPSG:32756", "transform": rasterio.Affine(1, 0, 330_000, 0, -1, 6_250_000), "width": 30_000, "height": 30_000}
    with rasterio.open(path, "w", driver="GTiff", count=1, dtype="uint8", SPARSE_OK=True, tiled=True, compress="deflate", **grid):
        pass
    picture = RasterPicture(path)
    with raises(scenecart.InvalidRequest, "raster_without_overviews"):
        picture.draw(picture.bounds, 300, 300)
    assert (part_of(picture, 17)[1][..., 3] == 255).all()


def test_draw_file_gone_is_an_error(tmp_path: Path):
    """A file that is deleted or replaced by something else while it is shown is an error of the next picture."""
    path = write(tmp_path / "a.tif", coded(40))
    picture = RasterPicture(path)
    path.unlink()
    with raises(scenecart.InvalidRequest, "raster_file_missing"):
        picture.draw(picture.bounds, 30, 30)
    path.write_text("<html/>")
    with raises(scenecart.InvalidRequest, "raster_format"):
        picture.draw(picture.bounds, 30, 30)


def test_draw_remote_view_takes_few_requests(service: ScriptedService, tmp_path: Path):
    """The whole of a remote COG and a view of it are drawn with at most six requests, and a small part of its bytes."""
    noise = np.random.default_rng(1).integers(0, 255, (3, 4_096, 4_096)).astype("uint8")
    content = write(tmp_path / "a.tif", noise, cog=True, compress="deflate").read_bytes()

    def serve(request: RecordedRequest) -> Answer:
        first, last = map(int, re.findall(r"\d+", request.headers["range"]))
        part = content[first : last + 1]
        return Answer(part, 206, {"Content-Range": f"bytes {first}-{first + len(part) - 1}/{len(content)}"})

    service.put("/cog.tif", serve)
    file = PublicFile(f"{service.url}/cog.tif")
    reader = RangeReader(lambda: file.url, file.download, file.name)
    picture = RasterPicture(reader)
    assert (picture.draw(picture.bounds, 400, 400)[..., 3] > 0).mean() > 0.9
    part_of(picture, 13, 600, 400)
    assert reader.requests <= 6
    assert reader.received < len(content) / 4


@needs_real
@pytest.mark.parametrize(
    ("name", "bands", "least", "most"),
    [
        ("RGBA.uint16.tif", (3, 2, 1), 0.4, 0.6),
        ("cog_cmap.tif", (1,), 0.4, 0.9),
        ("cog_dateline.tif", (1,), 0.8, 1.0),
        ("cog_gcps.tif", (1,), 0.6, 0.8),
        ("cog_int16.tif", (1,), 0.4, 0.6),
        ("cog_nodata_nan.tif", (1,), 0.4, 0.6),
        ("cog_rgb_mask.tif", (1, 2, 3), 0.9, 1.0),
        ("cog_rgba.tif", (1, 2, 3), 0.8, 1.0),
        ("cog_scale.tif", (1,), 0.9, 1.0),
        ("cogeo.tif", (1, 2, 3), 0.99, 1.0),
        ("hro_alpha.tif", (1, 2, 3), 0.8, 1.0),
        ("hro_nodata.tif", (1, 2, 3), 0.9, 1.0),
        ("inverted_lat.tif", (1,), 0.0, 0.0),
        ("landsat7_RGB.byte.tif", (1, 2, 3), 0.6, 0.7),
        ("nocog.tif", (1,), 0.8, 1.0),
        ("pix4d_alpha_nodata.tif", (1, 2, 3), 0.8, 0.95),
        ("sentinel2_preview_nocloud.jp2", (1, 2, 3), 0.9, 1.0),
    ],
)
def test_draw_real_raster(name: str, bands: tuple[int, ...], least: float, most: float):
    """Real rasters of every awkward kind are drawn with the right bands, and so much of them is opaque."""
    picture = RasterPicture(REAL / name)
    west, south, east, north = picture.bounds
    drawn = picture.draw(picture.bounds, 300, round(300 * (north - south) / (east - west)))
    assert picture.bands == bands
    assert least <= (drawn[..., 3] > 0).mean() <= most


@needs_real
def test_real_raster_of_another_body_is_refused():
    """A real raster of Europa, the moon of Jupiter, has no place on the map."""
    with raises(scenecart.InvalidRequest, "raster_not_on_earth"):
        RasterPicture(REAL / "cog_nonearth.tif")
