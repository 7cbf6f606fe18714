"""Two dates compared on the map."""

from __future__ import annotations

import geopandas as gpd
import pandas as pd
import shapely

from scenecart.widgets._bench.swipe import Swipe
from scenecart.widgets._state import CaptureState


def _state(count: int = 4) -> CaptureState:
    columns = {
        "id": [f"c{number}" for number in range(count)],
        "host": "aurora",
        "collection": "aurora-50cm",
        "datetime": pd.to_datetime([f"2024-0{number + 1}-05T00:10Z" for number in range(count)]),
        "eo:cloud_cover": [2.14, None, 10.0, 0.0][:count],
        "aoi:cloud_cover": [1.0, 2.0, 3.0, None][:count],
        "aoi:cloud_source": ["estimate", "mask", "estimate", None][:count],
        "aoi:price_aud": [384.44, 100.0, None, 1.0][:count],
    }
    return CaptureState(gpd.GeoDataFrame(columns, geometry=[shapely.box(0, 0, 1, 1)] * count, crs=4326))


def test_swipe_states_name_both_dates_and_their_facts():
    """The map has the dates to choose from, the card the facts of both; an estimate wears its sign."""
    swipe = Swipe(_state())
    assert swipe.map_state() is swipe.card_state() is None
    assert swipe.footer_text() == ""
    assert swipe.open([0, 1, 2], 0, 1)
    shown, card = swipe.map_state(), swipe.card_state()
    assert shown is not None
    assert card is not None
    assert (shown["a"], shown["b"]) == (0, 1)
    assert [one["short"] for one in shown["dates"]] == ["5 Jan", "5 Feb", "5 Mar"]
    facts = {name: values for name, *values in card["rows"]}
    assert facts["Cloud, area"] == ["≈ 1.0 %", "2.0 %"]
    assert facts["Cloud, scene"] == ["2.1 %", "–"]
    assert [side["day"] for side in card["sides"]] == ["5 Jan 2024", "5 Feb 2024"]


def test_swipe_shows_other_dates_and_ignores_nonsense_of_a_page():
    """Only two of the offered rows are shown; other captures end the comparison."""
    state = _state()
    swipe = Swipe(state)
    assert not swipe.open([2], 0, 0), "one alone is not compared"
    swipe.show(0, 1)
    assert swipe.shown is None
    swipe.open([0, 1, 2], 0, 1)
    swipe.show(2, 0)
    assert swipe.shown == (2, 0)
    for a, b in ((3, 0), (0, 0), ("1", 0), (None, None)):
        swipe.show(a, b)
    assert swipe.shown == (2, 0)
    state.annotate({"aoi:km2": [1.0] * 4})
    assert not swipe.is_stale
    state.captures = _state(2).captures
    assert swipe.is_stale
    swipe.close()
    assert not swipe.is_stale
