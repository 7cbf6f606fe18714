"""Orders and placements as tables."""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import pytest

from _purchases import LIST, ORDER, PLACE, PLACED, captures
from _scripted_service import ScriptedService, answer
from scenecart._orders.tables import parse_time


def test_orders_frame_has_known_footprints(service: ScriptedService, connect: Any):
    """Orders from this machine have the geometry that was bought; without any, the table is a plain DataFrame."""
    service.put(PLACE, PLACED)
    client = connect()
    service.put(LIST, answer([{**ORDER, "id": "elsewhere", "captures": ["z"]}]))
    assert not isinstance(client.orders(), gpd.GeoDataFrame)
    client.cart(captures()).estimate().place()
    service.put(LIST, answer([ORDER, {**ORDER, "id": "elsewhere"}]))
    orders = client.orders()
    assert isinstance(orders, gpd.GeoDataFrame)
    assert orders.crs.to_epsg() == 4326
    assert orders.loc["o-1", "geometry"].equals(captures().geometry.union_all())
    assert orders.loc["elsewhere", "geometry"] is None


@pytest.mark.parametrize(
    "geometry",
    [{}, {"type": "Polygon"}, {"type": "Polygon", "coordinates": [[["x"]]]}, {"type": "Nothing", "coordinates": []}],
    ids=str,
)
def test_orders_frame_leaves_out_malformed_footprints(service: ScriptedService, connect: Any, geometry: dict[str, Any]):
    """A malformed geometry of the service costs the footprint, not the table."""
    service.put(LIST, answer([{**ORDER, "captures": [{"id": "a", "geometry": geometry}]}]))
    assert connect().orders().index.tolist() == ["o-1"]


def test_orders_frame_unknown_number_of_captures_is_missing(service: ScriptedService, connect: Any):
    """The number of captures is missing, not 0, where the service does not name them."""
    nameless = {name: value for name, value in ORDER.items() if name != "captures"}
    service.put(LIST, answer([ORDER, {**nameless, "id": "o-2"}, {**nameless, "id": 3, "groups": [{"captures": ["a"]}]}]))
    numbers = connect().orders()["captures"]
    assert numbers.index.tolist() == ["o-1", "o-2", "3"]
    assert numbers.dropna().tolist() == [2, 1]
    assert str(numbers.dtype) == "Int64"


@pytest.mark.parametrize("created", ["9999-12-31T23:59:59Z", "0001-01-01T00:00:00"])
def test_orders_frame_holds_any_year(service: ScriptedService, connect: Any, created: str):
    """A time beyond the range of nanoseconds is kept."""
    service.put(LIST, answer([{**ORDER, "createdAt": created}]))
    assert str(connect().orders()["created"].iloc[0])[:10] == created[:10]


def test_placements_frame_has_one_row_per_placement(service: ScriptedService, connect: Any):
    """Placements are listed oldest first, with key, price and time in UTC."""
    service.put(PLACE, PLACED, answer({**ORDER, "id": "o-2"}, 202))
    client = connect()
    estimate = client.cart(captures()).estimate()
    estimate.place()
    estimate.place(again=True)
    placements = client.placements()
    assert placements["order_id"].tolist() == ["o-1", "o-2"]
    assert placements["captures"].tolist() == [2, 2]
    assert placements["total_credits"].tolist() == [300, 300]
    assert placements["key"].is_unique
    assert str(placements["created"].dt.tz) == "UTC"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-05-06T07:08:09Z", "2024-05-06T07:08:09+00:00"),
        ("2024-05-06T07:08:09", "2024-05-06T07:08:09+00:00"),
        ("2024-05-06T07:08:09+10:00", "2024-05-06T07:08:09+10:00"),
        ("soon", None),
        (None, None),
    ],
)
def test_parse_time_reads_utc_by_default(text: str | None, expected: str | None):
    """A time without a zone is UTC, and unreadable text is None."""
    time = parse_time(text)
    assert (None if time is None else time.isoformat()) == expected
