"""The card of the current capture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from _widgets import HARBOUR, act, sent_messages, wait_for
from scenecart._imagery.picture import decode
from scenecart.sandbox import Sandbox
from scenecart.widgets._bench.card import CardPart, card_state
from scenecart.widgets._bench.pictures import picture_key
from scenecart.widgets._capture_prices import CapturePrices
from scenecart.widgets._jobs import Runner
from scenecart.widgets._state import CaptureState

if TYPE_CHECKING:
    from collections.abc import Iterator

    import geopandas as gpd

    import scenecart


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[scenecart.Client]:
    with Sandbox(pace="instant", captures=3_000) as box, box.client(home=tmp_path_factory.mktemp("home")) as connected:
        box.rate_limits = None
        yield connected


@pytest.fixture(scope="module")
def found(client: scenecart.Client) -> gpd.GeoDataFrame:
    return client.search("aurora", collections="aurora-50cm", aoi=HARBOUR, datetime="2024-01/2024-03")


@pytest.fixture
def runner() -> Iterator[Runner]:
    running = Runner(4)
    yield running
    running.close()


def test_card_state_shows_sources_and_estimates(found: gpd.GeoDataFrame):
    """An estimate wears its sign, a provider's figure its source, and what is not known says so."""
    state = CaptureState(found, HARBOUR)
    assert card_state(state) == {"id": "", "count": len(found)}
    state.current = state.captures.index[1]
    facts = {name: (source, value) for name, source, value in card_state(state)["facts"]}
    assert facts["Cloud over my area"] == ("", "not known")
    assert facts["Cloud, whole scene"] == ("provider", f"{found['eo:cloud_cover'].iloc[1]:.1f} %")
    assert facts["Owned by us"] == ("", "not known")
    assert card_state(state)["price"] is None
    state.annotate(
        {
            "aoi:cloud_cover": [10.84] * len(found),
            "aoi:cloud_source": ["estimate"] * len(found),
            "owned": [0.719] * len(found),
            "aoi:price_aud": [384.44] * len(found),
            "aoi:km2": [30.756] * len(found),
        }
    )
    shown = card_state(state)
    facts = {name: (source, value) for name, source, value in shown["facts"]}
    assert facts["Cloud over my area"] == ("estimate", "≈ 10.8 %")
    assert facts["Owned by us"] == ("", "71 % of my area")
    assert shown["owned"] == "part"
    assert shown["price"] == {"label": "30.76 km² priced", "value": "A$\N{NO-BREAK SPACE}384.44"}
    assert shown["position"] == f"2 of {len(found)}"


def test_card_walks_in_the_order_of_the_list_and_fills_the_cart(client: scenecart.Client, found: gpd.GeoDataFrame, runner: Runner):
    """Previous and next follow the order of the list and stop at its ends; the button puts the capture into the cart."""
    state = CaptureState(found, HARBOUR)
    requests: list[str] = []
    card = CardPart(state, client, runner, lambda kind, _: requests.append(kind))
    labels = state.captures.index.tolist()[::-1]
    card.order_by(labels)
    act(card, "step", step=1)
    assert state.current == labels[0]
    act(card, "step", step=1)
    act(card, "toggle")
    assert state.selection == (labels[1],)
    assert card.state["is_in_cart"]
    for _ in range(3):
        act(card, "step", step=-1)
    assert (state.current, card.state["has_previous"]) == (labels[0], False)
    act(card, "compare")
    assert requests == ["compare"]
    card.close()


def test_card_picture_is_cut_to_the_area(client: scenecart.Client, found: gpd.GeoDataFrame, runner: Runner):
    """The picture of the current capture is sent once it is asked for; of another, which the page passed, it may be asked again."""
    state = CaptureState(found, HARBOUR)
    card = CardPart(state, client, runner)
    state.current = state.captures.index[0]
    sent = sent_messages(card)
    other = picture_key(state.aoi, state.captures.iloc[1])
    act(card, "pictures", keys=[card.state["picture"], other, 5])
    wait_for(lambda: len(sent) == 2)
    assert sent[0][0] == {"kind": "pictures", "keys": [], "dropped": [other]}
    content, (picture,) = sent[1]
    assert content["keys"] == [card.state["picture"]]
    decoded = decode(picture)
    assert decoded is not None
    assert decoded.size == (592, 428)
    state.current = state.captures.index[1]
    act(card, "pictures", keys=[other])
    wait_for(lambda: len(sent) == 3)
    assert decode(sent[2][1][0]) is not None
    act(card, "pictures", keys="all")
    card.close()


def test_capture_prices_equal_those_of_carts_of_one(client: scenecart.Client, found: gpd.GeoDataFrame, runner: Runner):
    """Each capture has the price that the service gives for it alone in the area; another area has no price at first."""
    state = CaptureState(found, HARBOUR)
    prices = CapturePrices(client, state, runner)
    wait_for(lambda: "aoi:price_aud" in state.captures.columns)
    priced = state.captures[state.captures["aoi:price_aud"].notna()]
    assert len(priced) >= len(found) - 1
    for label in priced.index[:2]:
        estimate = client.cart(found.loc[[label]], HARBOUR).estimate()
        assert float(estimate.total_aud) == pytest.approx(priced.loc[label, "aoi:price_aud"])
        assert estimate.price_groups[0].aoi_km2 == pytest.approx(priced.loc[label, "aoi:km2"])
    state.aoi = (HARBOUR[0], HARBOUR[1], HARBOUR[2] - 0.03, HARBOUR[3])
    assert state.captures["aoi:price_aud"].isna().all()
    wait_for(lambda: state.captures["aoi:price_aud"].notna().any())
    prices.release()
