"""Carts: their contents, changes, fingerprint and display."""

from __future__ import annotations

import copy
import json
import re
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

import scenecart
from _expect import raises
from _purchases import ESTIMATE, captures, priced
from _scripted_service import ScriptedService, answer
from scenecart._cart.cart import make_cart
from scenecart._geo.area import as_area

if TYPE_CHECKING:
    from pathlib import Path


def test_estimate_sends_clipped_footprints(service: ScriptedService, connect: Any):
    """What is sent is the footprint inside the area, with the names the service knows it by."""
    service.put(ESTIMATE, answer(priced((["a"], 100))))
    connect().cart(captures("a"), aoi=(0.05, 10, 0.5, 10.1)).estimate()
    sent = service.requests(ESTIMATE)[0].json
    assert sent["splitByDate"] is False
    (capture,) = sent["captures"]
    assert (capture["id"], capture["host_name"], capture["collection"]) == ("a", "h", "c")
    assert shapely.geometry.shape(capture["geometry"]).equals(shapely.box(0.05, 10, 0.1, 10.1))


def test_fingerprint_depends_on_contents_only():
    """Row and column order and digits beyond 1e-9 degrees do not change the fingerprint; captures, area and options do."""
    frame = captures("a", "b", "c")
    cart = make_cart(frame)
    moved = frame.set_geometry(frame.geometry.translate(1e-13, -1e-13))
    assert make_cart(frame.iloc[::-1]).fingerprint == cart.fingerprint
    assert make_cart(frame[sorted(frame.columns)]).fingerprint == cart.fingerprint
    assert make_cart(moved).fingerprint == cart.fingerprint
    others = [
        cart.remove("a"),
        cart.replace(split_by_date=True),
        make_cart(frame, aoi=(0, 10, 0.05, 10.1)),
        make_cart(frame.set_geometry(frame.geometry.translate(1e-6, 0))),
    ]
    assert len({other.fingerprint for other in [cart, *others]}) == 5


def test_add_and_remove_return_new_carts():
    """Adding and removing leave the cart as it is and return another; a capture is in a cart once."""
    cart = make_cart(captures("a"))
    more = cart.add(captures("a", "b"))
    assert (len(cart), sorted(more.ids), more.remove(["a"]).ids) == (1, ["a", "b"], ["b"])


def test_remove_unknown_id_is_refused():
    """An id that is not in the cart is an error that names it; a cart is never empty."""
    cart = make_cart(captures("a"))
    with raises(scenecart.InvalidCart, "capture_not_in_cart") as caught:
        cart.remove("x")
    assert caught.value.ids == ["x"]
    with raises(scenecart.InvalidCart, "cart_would_be_empty"):
        cart.remove("a")


def test_remove_id_in_two_collections_takes_the_one_that_is_named():
    """An id of two captures is not enough; with its host and collection one of them is removed, and the other stays."""
    both = pd.concat([captures("a", "b"), captures("a").assign(collection="other")], ignore_index=True)
    cart = make_cart(both.assign(host="h"))
    with raises(scenecart.InvalidCart, "capture_ambiguous") as caught:
        cart.remove(["b", "a"])
    assert caught.value.ids == ["a"]
    for given in (("h", "other", "a"), [("h", "other", "a")]):
        left = cart.remove(given).captures
        assert sorted(zip(left["collection"], left["id"], strict=True)) == sorted(
            zip(captures("a", "b")["collection"], ["a", "b"], strict=True)
        )
    with raises(scenecart.InvalidCart, "capture_not_in_cart"):
        cart.remove([("h", "nowhere", "a")])
    assert make_cart(captures("a", "b", "c", "d")).remove(("a", "b", "c")).ids == ["d"]


@pytest.mark.parametrize("ids", [5, [[]], None])
def test_remove_ids_that_are_not_strings_are_refused(ids: Any):
    """Captures are removed by ids, as strings."""
    with raises(scenecart.InvalidCart, "cart_ids_not_strings"):
        make_cart(captures("a", "b")).remove(ids)


@pytest.mark.parametrize("value", ["no", 0, None])
def test_split_by_date_not_a_bool_is_refused(value: Any):
    """A word for an option is refused instead of being read as True."""
    for change in (lambda: make_cart(captures(), split_by_date=value), lambda: make_cart(captures()).replace(split_by_date=value)):
        with raises(scenecart.InvalidCart, "not_a_bool") as caught:
            change()
        assert caught.value.argument == "split_by_date"


def test_split_by_date_accepts_numpy_bool():
    """A truth value of NumPy, such as from a comparison of columns, is accepted."""
    assert make_cart(captures(), split_by_date=np.bool_(1)).split_by_date is True


def test_unknown_keyword_is_refused(connect: Any):
    """A misspelled or foreign keyword is an error that names it, and suggests the right name if there is one."""
    cart = connect().cart(captures())
    with pytest.raises(TypeError):
        cart.replace(splitbydate=True)
    with pytest.raises(scenecart.UnknownKeyword) as caught:
        connect().cart(cart.captures, area=(0, 0, 1, 1))
    assert "aoi" in str(caught.value)


def test_estimate_without_client_is_refused():
    """A cart that was made without a client cannot be priced, and says so."""
    cart = make_cart(captures())
    assert cart.quicklook is None
    with raises(scenecart.InvalidCart, "cart_not_connected"):
        cart.estimate()


def test_copies_use_the_same_client(service: ScriptedService, connect: Any):
    """Carts and estimates can be copied deeply; the copies share the client."""
    client = connect()
    cart = client.cart(captures())
    estimate = cart.estimate()
    copied = copy.deepcopy(estimate)
    assert copied is not estimate
    assert (copied.cart, copied.total_credits) == (cart, estimate.total_credits)
    assert copied.cart.estimate().total_credits == estimate.total_credits
    assert copy.copy(client) is client
    assert len(service.requests(ESTIMATE)) == 2


def test_geo_interface_is_a_feature_collection_of_clipped_footprints():
    """A cart is read by other tools as its clipped footprints with ids, in longitude and latitude, as valid JSON."""
    area = shapely.box(0.05, 10, 0.5, 10.1)
    cart = make_cart(captures("a", "b"), aoi=area)
    document = json.loads(json.dumps(cart.__geo_interface__))
    assert document["type"] == "FeatureCollection"
    assert [feature["id"] for feature in document["features"]] == cart.ids
    for feature, clipped in zip(document["features"], cart.clipped(), strict=True):
        assert shapely.geometry.shape(feature["geometry"]).equals(clipped)
        assert area.covers(clipped)
    assert document["features"][0]["properties"] == {"id": "a", "host": "h", "collection": "c"}


def test_geo_interface_is_read_by_geopandas_and_as_an_area():
    """A cart is read as a frame by geopandas, and a cart is an area of interest."""
    cart = make_cart(captures("a", "b"))
    frame = gpd.GeoDataFrame.from_features(cart, crs=4326)
    assert frame["id"].tolist() == cart.ids
    assert as_area(cart).km2 == pytest.approx(cart.km2)


def test_geo_interface_keeps_repeated_ids():
    """The same id in two collections is two features."""
    cart = make_cart(captures("a", "a").assign(collection=["c", "d"]))
    features = cart.__geo_interface__["features"]
    assert [(feature["id"], feature["properties"]["collection"]) for feature in features] == [("a", "c"), ("a", "d")]


def test_html_shows_each_capture_with_its_km2():
    """In a notebook a cart is a table: id, date, collection, cloud cover and the km² that are bought."""
    frame = captures("a", "b").assign(**{"eo:cloud_cover": [12.0, None]})
    cart = make_cart(frame, aoi=(0.05, 10, 0.5, 10.1))
    rows = re.findall(r"<tr>(.*?)</tr>", cart._repr_html_().partition("<tbody>")[2], flags=re.DOTALL)
    cells = [[cell.strip() for cell in re.findall(r"<td[^>]*>(.*?)</td>", row)] for row in rows]
    assert [(row[0], row[2]) for row in cells] == [("a", "c"), ("b", "c")]
    assert [row[3] for row in cells] == ["12 %", "–"]
    assert [row[1] for row in cells] == [f"{time:%Y-%m-%d}" for time in frame["datetime"]]
    assert [float(row[4]) for row in cells] == pytest.approx([cart.remove(name).km2 for name in ("b", "a")], rel=0.01)


def test_html_of_many_captures_is_short():
    """A large cart displays its first captures and the number of the others."""
    page = make_cart(captures(*(f"c{number}" for number in range(60))))._repr_html_()
    assert page.count('<td class="id">') == 50
    assert "10 more" in page


def test_html_is_escaped():
    """Text from a catalog is text in a notebook, never markup."""
    hostile = "<img src=x onerror=alert(1)>"
    page = make_cart(captures(hostile).assign(collection="</style><script>x"))._repr_html_()
    assert "<img" not in page
    assert "<script" not in page
    assert "&lt;img src=x onerror=alert(1)&gt;" in page


def test_html_has_no_colour_of_text_or_background():
    """The table takes its text colour from the notebook and sets no background, so it is legible in light and dark."""
    page = make_cart(captures())._repr_html_().replace("</style>", "\n").replace("}", "}\n")
    ruled = [
        line
        for line in page.splitlines()
        if re.search(r"\.(scenecart-output|scenecart-output td|scenecart-output table)\b[^{]*{", line)
    ]
    assert ruled
    assert not [line for line in ruled if re.search(r"[{;]color:(?!inherit)", line)]


def test_report_suffix_decides_the_format(tmp_path: Path):
    """A cart writes itself as a report of the suffix's format."""
    assert make_cart(captures()).to_report(tmp_path / "cart.md", thumbnails=False).read_text("utf-8").startswith("#")
