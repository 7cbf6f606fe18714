"""What of captures is owned already: shares of the area, and the rest of a cart."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from shapely.geometry import box

from _expect import raises, warns
from scenecart import InvalidCart, InvalidQuery
from scenecart._cart.cart import make_cart
from scenecart._cart.files import load_cart
from scenecart._cart.owned import count_owned, mark, remaining, without_slivers
from scenecart._geo.area import as_area

if TYPE_CHECKING:
    from pathlib import Path


def captures(*shapes: Any, **columns: Any) -> gpd.GeoDataFrame:
    """Return captures c0, c1, … with these footprints."""
    count = len(shapes)
    given = {"id": [f"c{number}" for number in range(count)], "host": ["h"] * count, "collection": ["c"] * count, **columns}
    return gpd.GeoDataFrame(given, geometry=list(shapes), crs=4326)


def owned(*rows: tuple[str, str, Any], host: str | None = "h", collection: str | None = "c") -> gpd.GeoDataFrame:
    """Return what is owned: capture, order and ground of each row."""
    columns = {
        "id": [name for name, _, _ in rows],
        "host": [host] * len(rows),
        "collection": [collection] * len(rows),
        "order": [order for _, order, _ in rows],
    }
    return gpd.GeoDataFrame(columns, geometry=[ground for _, _, ground in rows], crs=4326)


def test_mark_adds_share_and_orders():
    """Each capture has the share of its ground that orders hold together, and their ids."""
    frame = captures(box(0, 0, 2, 1), box(5, 0, 6, 1), box(8, 0, 9, 1))
    held = owned(("c0", "B", box(0, 0, 1, 1)), ("c0", "A", box(0.5, 0, 1.5, 1)), ("c1", "B", box(5, 0, 6, 1)))
    marked = mark(frame, held)
    assert marked["owned"].tolist() == pytest.approx([0.75, 1.0, 0.0])
    assert marked["owned_by"].tolist() == [["B", "A"], ["B"], []]


def test_mark_keeps_the_frame_and_the_input():
    """The input is unchanged; index, CRS, attributes and the name of the geometry stay."""
    frame = captures(box(0, 0, 1, 1), box(5, 0, 6, 1)).set_index(pd.Index(["x", "x"])).to_crs(3857).rename_geometry("shape")
    frame.attrs["query"] = "harbour"
    before = frame.copy(deep=True)
    marked = mark(frame, owned(("c0", "A", box(0, 0, 1, 1))))
    assert marked["owned"].tolist() == pytest.approx([1.0, 0.0])
    assert (marked.index.tolist(), marked.crs, marked.attrs) == (["x", "x"], frame.crs, {"query": "harbour"})
    assert marked.active_geometry_name == "shape"
    pd.testing.assert_frame_equal(pd.DataFrame(frame), pd.DataFrame(before))


@pytest.mark.parametrize("columns", [["id", "geometry"], ["id", "host", "collection", "geometry"]])
def test_mark_of_an_empty_frame_adds_the_columns(columns: list[str]):
    """An empty search result is marked as well."""
    marked = mark(captures()[columns], owned(("c0", "A", box(0, 0, 1, 1))))
    assert (len(marked), marked["owned"].dtype) == (0, np.float64)
    assert "owned_by" in marked


def test_mark_counts_the_ground_inside_the_area():
    """With an area, shares are of the ground inside it; a capture outside it is not owned there."""
    frame = captures(box(0, 0, 2, 1), box(5, 0, 6, 1))
    held = owned(("c0", "A", box(0, 0, 1, 1)), ("c1", "B", box(5, 0, 6, 1)))
    marked = mark(frame, held, as_area((0, 0, 1, 1)))
    assert marked["owned"].tolist() == pytest.approx([1.0, 0.0])
    assert marked["owned_by"].tolist() == [["A"], []]


@pytest.mark.parametrize(
    "held",
    [
        owned(("c0", "A", None)),
        owned(("c0", "A", box(0, 0, 1, 1)), host=None, collection=None),
        owned(("c0", "A", box(0, 0, 1, 1)), collection=None),
    ],
    ids=["no ground", "no host", "no collection"],
)
def test_mark_of_what_is_not_stated_is_missing(held: gpd.GeoDataFrame):
    """A capture that may be owned has no share, and the order that may hold it."""
    marked = mark(captures(box(0, 0, 1, 1), box(5, 0, 6, 1)), held)
    assert np.isnan(marked["owned"].iloc[0])
    assert (marked["owned"].iloc[1], marked["owned_by"].tolist()) == (0.0, [["A"], []])


def test_mark_of_another_host_is_not_owned():
    """The same id of another host or collection is another capture."""
    frame = captures(box(0, 0, 1, 1))
    assert mark(frame, owned(("c0", "A", box(0, 0, 1, 1)), host="other"))["owned"].tolist() == [0.0]
    assert mark(frame, owned(("c0", "A", box(0, 0, 1, 1)), collection="other"))["owned"].tolist() == [0.0]


def test_mark_of_slivers_and_neighbours_is_zero():
    """Less than 1 % of the ground, or less than 0.01 km², is what buffers and roundings share."""
    small = box(0, 0, 0.001, 0.001)
    frame = captures(box(0, 0, 1, 1), small)
    held = owned(("c0", "A", box(0, 0, 0.009, 1)), ("c1", "A", box(0, 0, 0.0005, 0.001)))
    assert mark(frame, held)["owned"].tolist() == [0.0, 0.0]
    assert mark(frame, owned(("c1", "A", small)))["owned"].tolist() == [0.0, 1.0]


def test_mark_of_unusable_footprints_is_missing_or_zero():
    """A capture without a usable footprint may be owned if an order has its id, and is not if none has."""
    bowtie = shapely.Polygon([(0, 0), (1, 1), (1, 0), (0, 1)])
    frame = captures(None, bowtie, shapely.Point(0, 0), box(0, 0, 1, 1), id=["c0", "c1", "c2", None])
    marked = mark(frame, owned(("c0", "A", box(0, 0, 1, 1)), ("c1", "A", box(0, 0, 1, 1))))
    assert np.isnan(marked["owned"].iloc[:2]).all()
    assert marked["owned"].iloc[2:].tolist() == [0.0, 0.0]


def test_mark_across_the_antimeridian():
    """A footprint across 180° and its ground in two parts are the same ground."""
    halves = shapely.MultiPolygon([box(179, 0, 180, 1), box(-180, 0, -179, 1)])
    marked = mark(captures(box(179, 0, 181, 1)), owned(("c0", "A", halves)))
    assert marked["owned"].tolist() == pytest.approx([1.0])


@pytest.mark.parametrize(
    "given", [None, 5, [], pd.DataFrame({"id": ["a"]}), gpd.GeoDataFrame({"x": [1]}, geometry=[box(0, 0, 1, 1)])]
)
def test_mark_of_anything_else_is_refused(given: Any):
    """Only a GeoDataFrame of captures can be marked."""
    with raises(InvalidQuery, "captures_invalid"):
        mark(given, owned())


def test_mark_of_many_captures_is_quick():
    """Ten thousand captures and a thousand orders with ten captures each take well under two seconds."""
    random = np.random.default_rng(1)
    x, y = random.uniform(-179, 178, 10_000), random.uniform(-80, 79, 10_000)
    frame = captures(*shapely.box(x, y, x + 0.5, y + 0.5))
    rows = random.integers(0, 10_000, 10_000)
    held = owned(
        *((f"c{row}", f"o{number // 10}", box(x[row], y[row], x[row] + 0.3, y[row] + 0.5)) for number, row in enumerate(rows))
    )
    began = time.perf_counter()
    marked = mark(frame, held)
    assert time.perf_counter() - began < 4
    assert marked["owned"].iloc[rows].to_numpy() == pytest.approx(0.6)


@pytest.mark.parametrize(
    ("shares", "sentence"),
    [
        ([1.0, 0.0], "1 of 2 captures is owned already."),
        ([1.0, 1.0], "2 of 2 captures are owned already."),
        ([0.4, 0.0], "1 of 2 captures is owned already, wholly or in part."),
        ([1.0, np.nan], "1 of 2 captures is owned already; 1 may be."),
        ([np.nan, 0.0], "1 of 2 captures may be owned already."),
        ([0.0, 0.0], ""),
        (["much", 0.0], "1 of 2 captures may be owned already."),
    ],
)
def test_count_owned_says_how_many(shares: list[Any], sentence: str):
    """The sentence counts the captures that are owned, and those that may be."""
    assert count_owned(pd.DataFrame({"owned": shares})) == sentence
    assert count_owned(pd.DataFrame({"id": ["a"]})) == ""


def test_remaining_keeps_what_no_order_holds():
    """Captures that are owned wholly are dropped, and of the others the ground that is left is kept."""
    frame = captures(box(0, 0, 2, 1), box(5, 0, 6, 1), box(8, 0, 9, 1))
    held = owned(("c0", "A", box(0, 0, 1, 1)), ("c1", "B", box(4, -1, 7, 2)))
    left = remaining(frame, frame.geometry.to_numpy(), held)
    assert left.is_kept.tolist() == [True, False, True]
    assert list(left.geometries) == [("h", "c", "c0")]
    assert left.geometries["h", "c", "c0"].equals(box(1, 0, 2, 1))


def test_remaining_drops_slivers():
    """Parts below 0.01 km² are dropped; a capture of which nothing else is left counts as owned."""
    frame = captures(box(0, 0, 1, 1), box(5, 0, 6, 1))
    cut = box(0, 0, 0.9, 1).union(box(0.9, 0.0005, 1, 1))
    left = remaining(frame, frame.geometry.to_numpy(), owned(("c0", "A", box(0, 0, 0.9999999, 1)), ("c1", "A", box(5, 0, 5.5, 1))))
    assert left.is_kept.tolist() == [False, True]
    assert without_slivers(shapely.difference(box(0, 0, 1, 1), cut)).geom_type == "Polygon"
    assert without_slivers(shapely.Point(0, 0)).is_empty


def test_remaining_in_several_parts_is_one_multipolygon():
    """What is left on both sides of an owned area is one geometry of two parts."""
    frame = captures(box(0, 0, 3, 1))
    left = remaining(frame, frame.geometry.to_numpy(), owned(("c0", "A", box(1, -1, 2, 2))))
    (ground,) = left.geometries.values()
    assert ground.equals(shapely.MultiPolygon([box(0, 0, 1, 1), box(2, 0, 3, 1)]))


def test_remaining_of_nothing_is_refused():
    """If everything is owned, the error names the captures and the orders."""
    frame = captures(box(0, 0, 1, 1), box(5, 0, 6, 1))
    held = owned(("c0", "A", box(0, 0, 1, 1)), ("c1", "B", box(5, 0, 6, 1)))
    with raises(InvalidCart, "cart_all_owned") as caught:
        remaining(frame, frame.geometry.to_numpy(), held)
    assert caught.value.ids == ["c0", "c1"]
    assert caught.value.details["orders"] == "A, B"


def test_remaining_of_unknown_ground_stays_with_a_warning():
    """A capture that may be owned stays as it is, and a warning names the orders."""
    frame = captures(box(0, 0, 1, 1))
    with warns("owned_ground_unknown"):
        left = remaining(frame, frame.geometry.to_numpy(), owned(("c0", "A", None)))
    assert (left.is_kept.tolist(), left.geometries) == ([True], {})


def test_cart_with_left_ground_buys_it_alone():
    """Whole footprints stay in ``captures``; what is sent, and drawn as clipped, is the ground that is left."""
    frame = captures(box(0, 0, 2, 1), box(5, 0, 6, 1))
    whole = make_cart(frame)
    rest = make_cart(frame, left={("h", "c", "c0"): box(1, 0, 2, 1)})
    assert rest.captures.geometry.iloc[0].equals(box(0, 0, 2, 1))
    assert rest.clipped().iloc[0].equals(box(1, 0, 2, 1))
    assert (rest.leaves_out_owned, whole.leaves_out_owned) == (True, False)
    assert rest != whole
    assert repr(rest) == "Cart(2 captures, whole footprints, without owned areas)"
    assert "without owned areas" in rest._repr_html_()
    assert not rest.remove("c0").leaves_out_owned
    assert rest.remove("c1").add(frame) == rest


@pytest.mark.parametrize("name", ["marked.cart.parquet", "marked.cart.geojson"])
def test_cart_of_marked_captures_is_saved(tmp_path: Path, name: str):
    """The columns that marking adds survive a cart file, and so does the note."""
    frame = mark(captures(box(0, 0, 1, 1), box(5, 0, 6, 1)), owned(("c0", "A", box(0, 0, 1, 1))))
    cart = make_cart(frame)
    loaded = load_cart(cart.save(tmp_path / name))
    assert (loaded, loaded.note) == (cart, "1 of 2 captures is owned already.")
    assert [list(names) for names in loaded.captures["owned_by"]] == [["A"], []]


def test_cart_file_with_a_damaged_rest_is_refused(tmp_path: Path):
    """What is left of a capture must be a polygon, and must be what was saved."""
    path = make_cart(captures(box(0, 0, 2, 1)), left={("h", "c", "c0"): box(1, 0, 2, 1)}).save(tmp_path / "rest.cart.geojson")
    document = json.loads(path.read_text("utf-8"))
    assert document["scenecart"]["version"] == 3
    for ground, code in (
        ({"type": "Point", "coordinates": [0, 0]}, "cart_file_damaged"),
        ({"type": "Polygon", "coordinates": 5}, "cart_file_damaged"),
        (shapely.geometry.mapping(box(0, 0, 2, 1)), "cart_file_changed"),
    ):
        document["scenecart"]["left"][0][3] = ground
        path.write_text(json.dumps(document), "utf-8")
        with raises(InvalidCart, code):
            load_cart(path)
