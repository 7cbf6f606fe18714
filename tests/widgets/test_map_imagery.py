"""Imagery on the map of footprints."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely
from PIL import Image

import scenecart
from _expect import raises
from _widgets import sent_messages, wait_for
from scenecart._imagery.mercator import HALF_WORLD, to_mercator
from scenecart.widgets import CaptureMap, FootprintMap
from scenecart.widgets._imagery_layers import degrees_of
from scenecart.widgets._map_imagery import GeoreferencedQuicklook, fetch_quicklooks

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

HERE = shapely.box(151.2, -33.9, 151.21, -33.89)


@pytest.fixture
def footprints(display: Callable[[Any], Any]) -> FootprintMap:
    shown: FootprintMap = display(FootprintMap(gpd.GeoDataFrame({"id": ["a"]}, geometry=[HERE], crs=4326), basemap="none"))
    return shown


def write(path: Path, bands: int = 3, **more: Any) -> Path:
    grid: dict[str, Any] = {"crs": "EPSG:32756", "transform": rasterio.Affine(10, 0, 333_000, 0, -10, 6_249_000), **more}
    with rasterio.open(path, "w", driver="GTiff", height=90, width=90, count=bands, dtype="uint16", **grid) as raster:
        raster.write(np.random.default_rng(1).integers(1, 4_000, (bands, 90, 90)).astype("uint16"))
    return path


def look(footprints: FootprintMap, step: float = 0) -> None:
    """Say what the page shows, as moving the map does."""
    pixels = 256 * 2**14 / (2 * HALF_WORLD)
    x, y = to_mercator(np.array([[151.2, -33.9]]))[0]
    left, top = (x + HALF_WORLD) * pixels - 300 + step, (HALF_WORLD - y) * pixels - 200
    message = {"kind": "view", "pixels": [left, top, left + 600, top + 400], "zoom": 14, "scale": 1}
    footprints._imagery.layers.channel._handle_custom_msg(message, [])


def fills(footprints: FootprintMap) -> set[float]:
    return {feature["properties"]["style"]["fillOpacity"] for feature in footprints._layers.footprints.data["features"]}


def test_add_imagery_draws_what_is_in_view(footprints: FootprintMap, tmp_path: Path):
    """A raster becomes a layer, the page gets its pictures, and footprints are outlines until it is removed."""
    wait_for(lambda: max(fills(footprints), default=0) > 0)
    channel = footprints._imagery.layers.channel
    sent = sent_messages(channel)
    assert footprints.add_imagery(write(tmp_path / "a.tif"), opacity=0.5) == footprints.imagery == ["a.tif"]
    assert channel.layers[0]["opacity"] == 0.5
    look(footprints)
    wait_for(lambda: {message.get("part") for message, _ in sent} >= {"whole", "view"})
    wait_for(lambda: fills(footprints) == {0})
    footprints.zoom_to("imagery")
    assert footprints.map.center[1] == pytest.approx(151.2, abs=0.02)
    footprints.remove_imagery("a.tif")
    assert footprints.imagery == channel.layers == []
    wait_for(lambda: max(fills(footprints), default=0) > 0)
    with raises(scenecart.InvalidRequest, "imagery_layer_unknown"):
        footprints.remove_imagery("a.tif")


def test_add_imagery_options_choose_bands_and_name(footprints: FootprintMap, tmp_path: Path):
    """Name, bands and stretch are those that are asked for; a single band has a legend in the list of layers."""
    path = write(tmp_path / "a.tif", bands=4)
    assert footprints.add_imagery(path, "nir", 4, (0, 4_000)) == ["nir"]
    (layer,) = footprints._imagery.layers.layers
    assert layer.source is not None
    assert layer.source.legend is not None
    assert (layer.source.legend.low, layer.source.legend.high) == ("0", "4,000")
    footprints.add_imagery(path, "nir")
    assert footprints.imagery == ["nir"]


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"opacity": 2}, "not_a_number"),
        ({"opacity": "full"}, "not_a_number"),
        ({"name": ""}, None),
        ({"name": 5}, None),
        ({"bands": 9}, "bands_unknown"),
        ({"stretch": "much"}, "stretch_invalid"),
        ({"colormap": "viridis"}, None),
    ],
)
def test_add_imagery_option_invalid_is_refused(footprints: FootprintMap, tmp_path: Path, options: dict[str, Any], code: str | None):
    """An invalid option is refused, and the map is unchanged."""
    with pytest.raises(scenecart.InvalidRequest) as caught:
        footprints.add_imagery(write(tmp_path / "a.tif"), **options)
    assert code is None or caught.value.code == code
    assert footprints.imagery == []


@pytest.mark.parametrize(
    ("content", "code"),
    [(b"<html/>", "raster_format"), (b'<VRTDataset rasterXSize="1"/>', "raster_format"), (None, "raster_file_missing")],
)
def test_add_imagery_no_raster_is_refused(footprints: FootprintMap, tmp_path: Path, content: bytes | None, code: str):
    """What is no raster, points elsewhere or does not exist is refused, and the map is unchanged."""
    path = tmp_path / "a.tif"
    if content is not None:
        path.write_bytes(content)
    with raises(scenecart.InvalidRequest, code):
        footprints.add_imagery(path)
    assert footprints.imagery == []


def write_bomb(path: Path) -> None:
    """Write a small file whose single tile fills the memory when it is decoded."""
    size = {"width": 32_768, "height": 32_768, "tiled": True, "blockxsize": 32_768, "blockysize": 32_768}
    grid: dict[str, Any] = {"crs": "EPSG:32756", "transform": rasterio.Affine(10, 0, 333_000, 0, -10, 6_249_000)}
    with rasterio.open(path, "w", driver="GTiff", count=1, dtype="uint8", SPARSE_OK=True, compress="deflate", **size, **grid):
        pass


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda path: write(path, crs=None), "raster_without_crs"),
        (lambda path: write(path, crs="IAU_2015:49900", transform=rasterio.Affine(0.1, 0, 10, 0, -0.1, 20)), "raster_not_on_earth"),
        (write_bomb, "raster_block_too_large"),
    ],
    ids=["no CRS", "CRS of Mars", "bomb"],
)
def test_add_imagery_that_cannot_be_placed_or_read_is_refused(
    footprints: FootprintMap, tmp_path: Path, make: Callable[[Path], Any], code: str
):
    """What has no place on the Earth, or would fill the memory, is refused in one line; other imagery goes on being drawn."""
    footprints.add_imagery(write(tmp_path / "good.tif"))
    make(tmp_path / "bad.tif")
    with raises(scenecart.InvalidRequest, code):
        footprints.add_imagery(tmp_path / "bad.tif")
    assert footprints.imagery == ["good.tif"]
    sent = sent_messages(footprints._imagery.layers.channel)
    look(footprints)
    wait_for(lambda: len(sent) > 0)
    assert footprints._imagery_status.value == ""


def test_imagery_gone_while_shown_is_one_line(footprints: FootprintMap, tmp_path: Path):
    """A file that goes while it is shown is one line below the map, until it can be drawn again or is removed."""
    path = write(tmp_path / "a.tif")
    footprints.add_imagery(path)
    content = path.read_bytes()
    path.unlink()
    look(footprints)
    wait_for(lambda: "a.tif" in footprints._imagery_status.value)
    path.write_bytes(content)
    look(footprints, 5)
    wait_for(lambda: footprints._imagery_status.value == "")
    path.unlink()
    look(footprints, 10)
    wait_for(lambda: "a.tif" in footprints._imagery_status.value)
    footprints.remove_imagery("a.tif")
    assert footprints._imagery_status.value == ""


def test_capture_map_shows_imagery_on_its_map(display: Callable[[Any], Any], tmp_path: Path):
    """The linked widget has the methods too."""
    picker = display(CaptureMap(gpd.GeoDataFrame({"id": ["a"]}, geometry=[HERE], crs=4326), basemap="none"))
    assert picker.add_imagery(write(tmp_path / "a.tif"), opacity=0.3) == picker.map.imagery
    picker.remove_imagery("a.tif")
    assert picker.map.imagery == []


def test_quicklooks_are_placed_and_called_approximate(
    client: scenecart.Client, captures: gpd.GeoDataFrame, display: Callable[[Any], Any]
):
    """Large quicklooks are placed north up over their footprints, and the list says that their places are approximate."""
    shown = display(FootprintMap(captures, basemap="none", client=client))
    shown.state.selection = tuple(captures.index[:3])
    found = fetch_quicklooks(shown.state.selected, client.quicklook)
    assert all(isinstance(one, GeoreferencedQuicklook) for one in found)
    shown.show_quicklooks()
    wait_for(lambda: shown.imagery == ["Quicklooks"])
    (layer,) = shown._imagery.layers.layers
    assert len(layer.fixed) == 3
    assert "approximately" in layer.note


def test_fetch_quicklooks_missing_or_damaged_is_none(captures: gpd.GeoDataFrame):
    """Captures without a quicklook, or with one that is no picture, have none."""
    contents = iter([None, b"<svg/>", b"\x89PNG\r\n\x1a\n"])
    assert fetch_quicklooks(captures.iloc[:3], lambda _: next(contents)) == [None] * 3


@pytest.mark.parametrize(
    "footprint",
    [
        shapely.MultiPolygon([shapely.box(179.5, -18, 180, -17), shapely.box(-180, -18, -179.5, -17)]),
        shapely.box(179.5, -18, 180.5, -17),
        shapely.Polygon([(179.5, -18), (-179.5, -18), (-179.5, -17), (179.5, -17)]),
    ],
    ids=["split", "beyond 180", "with a step"],
)
def test_quicklook_across_the_antimeridian_is_as_wide_as_its_footprint(footprint: Any):
    """However a catalog writes a footprint across the antimeridian, its quicklook is one picture of its width."""
    stream = io.BytesIO()
    Image.new("RGB", (90, 90), (10, 90, 60)).save(stream, "PNG")
    frame = gpd.GeoDataFrame({"id": ["a"]}, geometry=[footprint], crs=4326)
    (found,) = fetch_quicklooks(frame, lambda _: stream.getvalue())
    assert found is not None
    (_, west), (_, east) = degrees_of(found.bounds)
    assert east - west == pytest.approx(1, abs=0.01)
