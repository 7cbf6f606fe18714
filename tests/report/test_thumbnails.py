"""Pictures in reports: small copies of what the catalog shows, maps whose labels keep apart, and where in the world it is."""

from __future__ import annotations

import base64
import io
import re
from itertools import combinations
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pytest
import shapely
from PIL import Image

from _report_data import THUMBNAIL, Shop, picture, said, show
from _scripted_service import Answer, feature
from scenecart._cart.cart import make_cart
from scenecart.report import _basemap, _map, _map_labels
from scenecart.report._model import contents_of
from scenecart.report._thumbnails import SIZE, small

if TYPE_CHECKING:
    from pathlib import Path


def embedded(path: Path) -> list[bytes]:
    return [base64.b64decode(found) for found in re.findall(r'src="data:image/jpeg;base64,([^"]+)"', path.read_text())]


@pytest.mark.parametrize(
    ("kind", "mode"), [("PNG", "RGB"), ("PNG", "RGBA"), ("PNG", "P"), ("PNG", "L"), ("JPEG", "RGB"), ("JPEG", "CMYK")]
)
def test_each_capture_has_its_picture(shop: Shop, tmp_path: Path, kind: str, mode: str):
    """PNG and JPEG of any colours become small JPEGs in the page; nothing else of the file comes along."""
    content = picture(kind=kind, mode=mode, color="#446622" if mode in {"RGB", "RGBA"} else 60)
    show(shop.service, content)
    found = embedded(shop.cart(feature("first"), feature("second", west=0.2)).to_report(tmp_path / "cart.html"))
    assert len(found) == 2
    with Image.open(io.BytesIO(found[0])) as made:
        assert made.format == "JPEG"
        assert max(made.width / SIZE[0], made.height / SIZE[1]) == 1
    assert len(found[0]) < 6_000


@pytest.mark.parametrize(
    "content",
    [b"", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"GIF89a" + b"0" * 50, b"\x89PNG\r\n\x1a\n" + b"0" * 90,
     b"\xff\xd8\xff" + b"1" * 90, picture()[:200], None],
    ids=["nothing", "svg", "gif", "no png", "no jpeg", "cut", "failing"],
)  # fmt: skip
@pytest.mark.parametrize("suffix", ["html", "pdf"])
def test_what_is_no_picture_leaves_an_outline(shop: Shop, tmp_path: Path, content: bytes | None, suffix: str):
    """Whatever comes instead of a picture, the report is written, with the footprint's outline in its place."""
    show(shop.service, content)
    path = shop.cart(feature("first")).to_report(tmp_path / f"cart.{suffix}")
    assert path.stat().st_size > 1_000
    if suffix == "html":
        assert embedded(path) == []
        assert path.read_text().count("<polygon points=") == 1


def test_pictures_can_be_left_out(shop: Shop, tmp_path: Path):
    """Without thumbnails nothing is asked for, and no column is kept for them."""
    show(shop.service, picture())
    text = shop.cart().to_report(tmp_path / "cart.html", thumbnails=False).read_text()
    assert shop.service.requests(THUMBNAIL) == []
    assert 'class="picture"' not in text


def test_only_formats_that_show_pictures_ask_for_them(shop: Shop, tmp_path: Path):
    """Workbooks and layers ask for no picture; what one report fetched, the next one has."""
    show(shop.service, picture())
    cart = shop.cart(feature("first"), feature("second", west=0.2))
    for suffix in ("xlsx", "md", "csv", "geojson"):
        cart.to_report(tmp_path / f"cart.{suffix}")
    assert shop.service.requests(THUMBNAIL) == []
    cart.to_report(tmp_path / "cart.html")
    cart.to_report(tmp_path / "cart.pdf")
    assert len(shop.service.requests(THUMBNAIL)) == 2


def test_a_service_that_fails_is_left_alone(shop: Shop, tmp_path: Path):
    """After a few failures in a row no more pictures are asked for, and the report says how many are missing."""
    shop.service.put(THUMBNAIL, Answer(b"{}", 403, {"Content-Type": "application/json"}))
    many = [feature(f"capture-{number}", west=number * 0.2) for number in range(60)]
    text = shop.cart(*many).to_report(tmp_path / "cart.html").read_text()
    assert len(shop.service.requests(THUMBNAIL)) < 20
    assert "60 of 60 pictures did not arrive" in text


def test_no_address_of_a_picture_is_written(shop: Shop, tmp_path: Path):
    """The signed address that a picture came from stands nowhere."""
    show(shop.service, picture())
    for suffix in ("html", "pdf"):
        content = shop.cart().to_report(tmp_path / f"cart.{suffix}").read_bytes()
        assert b"hush" not in content
        assert b"Signature" not in content


def test_a_picture_too_large_to_open_is_none():
    """A picture of more pixels than a screen could ever show is not decoded."""
    stream = io.BytesIO()
    Image.new("1", (8_000, 8_000)).save(stream, "PNG")
    assert small(stream.getvalue()) is None


def test_500_pictures_stay_small(shop: Shop, tmp_path: Path):
    """A report of 500 captures with pictures of noise stays below six megabytes."""
    noise = Image.fromarray(np.random.default_rng(3).integers(0, 255, (192, 256, 3), dtype=np.uint8))
    stream = io.BytesIO()
    noise.save(stream, "PNG")
    show(shop.service, stream.getvalue())
    many = [feature(f"capture-{number}", west=number * 0.2) for number in range(500)]
    path = shop.cart(*many).to_report(tmp_path / "cart.html")
    assert len(embedded(path)) == 500
    assert path.stat().st_size < 6_000_000


@pytest.mark.parametrize("seed", range(20))
def test_labels_never_touch(seed: int):
    """However captures lie, their numbers are written once each, within the picture, and none over another."""
    pick = np.random.default_rng(seed)
    count = int(pick.integers(1, 60))
    spots = [(float(x), float(y), number) for number, (x, y) in enumerate(pick.normal(200, [60, 90], (count, 2)), 1)]
    labels = _map_labels.placed(spots, 8, 400, 300)
    assert sorted(number for label in labels for number in label.numbers) == list(range(1, count + 1))
    boxes = [shapely.box(*(np.subtract((one.x, one.y), one.half(8))), *np.add((one.x, one.y), one.half(8))) for one in labels]
    assert not [pair for pair in combinations(boxes, 2) if pair[0].intersection(pair[1]).area > 1e-6]
    assert all(shapely.box(-1e-6, -1e-6, 400 + 1e-6, 300 + 1e-6).covers(box) for box in boxes)


def test_labels_have_the_room_that_is_kept_for_them(shop: Shop):
    """The room that is reckoned for a text is at least what its letters take."""
    many = [feature(f"capture-{number}", west=(number % 7) * 0.11) for number in range(40)]
    figure = _map.draw_map(_map.scene_of(contents_of(shop.cart(*many))), 500)
    (axes,) = figure.axes
    boxes = [shapely.box(*text.get_window_extent().extents) for text in axes.texts]
    assert boxes
    assert not [pair for pair in combinations(boxes, 2) if pair[0].intersection(pair[1]).area > 0]


@pytest.mark.parametrize(
    ("place", "is_land"),
    [((134.0, -25.0), True), ((0.0, 0.0), False), ((-30.0, 35.0), False), ((100.0, 60.0), True), ((179.9, -40.0), False),
     ((20.0, -88.0), True), ((0.0, 89.0), False), ((-100.0, 45.0), True)],
)  # fmt: skip
def test_the_globe_shows_land_where_land_is(place: tuple[float, float], is_land: bool):  # noqa: FBT001  # what is expected
    """Seen from above any place, the middle of the globe is land or sea as it is there, and all of it lies on the disc."""
    land = _basemap.globe(*place)
    assert shapely.union_all(land).contains(shapely.Point(0, 0)) is is_land
    assert all(part.is_valid for part in land)
    assert max((np.hypot(*shapely.get_coordinates(part).T).max() for part in land), default=0) < 1.001
    assert shapely.union_all(land).area < 2.6


@pytest.mark.parametrize(("west", "has_land"), [(115.0, True), (-150.0, False), (176.0, True), (-183.0, True)])
def test_land_lies_under_wide_maps(west: float, has_land: bool):  # noqa: FBT001  # what is expected
    """A view of several degrees has its land, also where it goes over the antimeridian."""
    assert bool(_basemap.land_within(west, -45.0, west + 8, -25.0)) is has_land


def test_a_near_map_has_no_coarse_coast(shop: Shop):
    """Over a harbour the coarse outline of the world is not drawn, since it would lie; the globe shows where it is."""
    near = _map.scene_of(contents_of(shop.cart(feature("first", west=151.2))))
    assert near.view[2] - near.view[0] < _basemap.NARROWEST
    assert _map.where(near) == "10.05°N, 151.25°E"


@pytest.mark.parametrize(
    ("wests", "wide"),
    [
        ([179.95], 0.2),
        ([-180.0, 179.9], 0.3),
        ([178.0, -178.1], 5.0),
        ([-5.0, 5.0], 12.0),
        ([-0.05], 0.2),
        ([-100.0, 100.0], 200.0),
    ],
)
def test_a_map_goes_the_shorter_way_round(shop: Shop, wests: list[float], wide: float):
    """Wherever captures lie, the map shows them as close together as they are, and none of their ground is lost."""
    contents = contents_of(shop.cart(*(feature(f"c{place}", west=west) for place, west in enumerate(wests))))
    scene = _map.scene_of(contents)
    west, _, east, _ = shapely.total_bounds(scene.bought)
    assert east - west <= wide
    assert sum(shape.area for shape in scene.bought) == pytest.approx(0.01 * len(wests))


@pytest.mark.parametrize(
    "footprint",
    [shapely.box(-180, 80, 180, 90), shapely.box(-180, -90, 180, 90), shapely.box(10, 10, 10.00001, 10.00001),
     shapely.box(0, 89, 10, 89.9), shapely.box(0, 0, 1e-6, 5), shapely.force_3d(shapely.box(0, 0, 1, 1)),
     shapely.box(0, 0, 2, 2).difference(shapely.box(0.5, 0.5, 1, 1))],
    ids=["pole", "world", "speck", "far north", "sliver", "3d", "hole"],
)  # fmt: skip
@pytest.mark.parametrize("suffix", ["html", "pdf"])
def test_ground_of_any_shape_is_drawn(tmp_path: Path, footprint: Any, suffix: str):
    """Poles, the whole world, slivers and specks are drawn, and no latitude beyond a pole is written."""
    frame = gpd.GeoDataFrame({"id": ["a"], "host": ["h"]}, geometry=[footprint], crs=4326)
    text = said(make_cart(frame).to_report(tmp_path / f"cart.{suffix}"))
    assert not [found for found in re.findall(r"([\d.]+)°[NS]", text) if float(found) > 90]


def test_reports_work_without_the_map_widget(shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The outline of land is read without ipyleaflet, which reports do not need."""
    monkeypatch.setitem(__import__("sys").modules, "ipyleaflet", None)
    _basemap._land.cache_clear()
    assert shop.cart(feature("a"), feature("b", west=20)).to_report(tmp_path / "cart.html").is_file()


def test_pictures_of_a_page_share_no_ids(shop: Shop, tmp_path: Path):
    """Map and globe stand in one page, so that no id stands there twice."""
    ids: list[Any] = re.findall(r' id="([^"]+)"', shop.cart().to_report(tmp_path / "cart.html").read_text())
    assert len(ids) == len(set(ids))
