"""One order for one cart, despite gateways, sleeping laptops, forks and other written forms of an area; over real sockets."""

from __future__ import annotations

import multiprocessing
import os
import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import shapely

import scenecart
from _expect import raises
from scenecart.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import geopandas as gpd

PLACE = "orders.archive.place"


class Gateway(httpx.HTTPTransport):
    """A gateway that lets the service work, and then gives an answer of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.answers: list[httpx.Response] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        answered = super().handle_request(request)
        if self.answers and request.url.path.endswith(PLACE):
            answered.read()
            return self.answers.pop(0)
        return answered


class Suspended:
    """A clock on which the first pause of the library lasts a weekend, for the service too."""

    def __init__(self, box: Sandbox) -> None:
        self.box = box
        self.ahead = 0.0
        self.pauses: list[float] = []

    def now(self) -> float:
        return time.time() + self.ahead

    def sleep(self, seconds: float) -> None:
        if not self.pauses:
            self.ahead += 60 * 3600
            self.box.advance(60 * 3600)
        self.pauses.append(seconds)


@pytest.fixture
def box() -> Iterator[Sandbox]:
    with Sandbox(captures=2_000, pace="instant") as running:
        running.rate_limits = None
        running.top_up("analyst", 10**10)
        yield running


@pytest.fixture
def session(box: Sandbox, tmp_path: Path) -> Callable[..., scenecart.Client]:
    """Return a function that starts a new session of the analyst on one machine."""

    def start(**options: Any) -> scenecart.Client:
        return box.client(home=tmp_path / "home", **{"say": lambda _: None, "sleep": lambda _: None, **options})

    return start


def found(client: scenecart.Client, count: int) -> gpd.GeoDataFrame:
    return client.search("aurora", collections="aurora-50cm", datetime="2023-01/2024-12", limit=count)


def orders_of(client: scenecart.Client) -> int:
    return len(client.orders())


@pytest.mark.parametrize(
    "answered",
    [
        httpx.Response(408, text="stream timeout"),
        httpx.Response(499, text="client closed request"),
        httpx.Response(425),
        httpx.Response(404, html="<h1>404 page not found</h1>"),
        httpx.Response(403, text="blocked"),
        httpx.Response(200, html="<html>Please sign in.</html>"),
        httpx.Response(202, json={"id": "another", "status": "processing", "captures": ["of-somebody-else"]}),
        httpx.Response(422, json={"status": 422, "detail": "The idempotency key was used with another body."}),
        httpx.Response(409, json={"status": 409, "detail": "A request with this key is in progress."}),
    ],
    ids=["408", "499", "425", "404 page", "403 text", "200 page", "another order", "422 key", "409"],
)
def test_place_answered_by_a_gateway_buys_once(session: Any, answered: httpx.Response):
    """What an intermediary answers after the work proves nothing: placing again gives the order that exists."""
    gateway = Gateway()
    client = session(transport=gateway)
    estimate = client.cart(found(client, 1)).estimate()
    # often enough for every retry
    gateway.answers = [answered] * 12
    with raises(scenecart.PlacementUnknown, "placement_unknown") as caught:
        estimate.place()
    assert caught.value.money_may_have_moved
    gateway.answers = []
    order = estimate.place()
    assert (orders_of(client), order.captures) == (1, estimate.cart.ids)


def test_place_on_a_computer_that_slept_buys_once(box: Sandbox, session: Any):
    """After a weekend with the lid closed between two requests, the key is not sent again: the list of orders has the order."""
    suspended = Suspended(box)
    client = session(wall=suspended.now, sleep=suspended.sleep)
    estimate = client.cart(found(client, 1)).estimate()
    box.faults.add("drop-after", 1, PLACE)
    assert estimate.place().captures == estimate.cart.ids
    assert orders_of(client) == 1


def test_place_on_a_computer_that_slept_without_an_order_buys_once(box: Sandbox, session: Any):
    """If the first request never arrived, the list of orders proves it, and the same key is sent again."""
    suspended = Suspended(box)
    client = session(wall=suspended.now, sleep=suspended.sleep)
    estimate = client.cart(found(client, 1)).estimate()
    box.faults.add("drop-before", 1, PLACE)
    estimate.place()
    assert orders_of(client) == 1
    assert client.placements()["state"].tolist() == ["placed"]


def test_place_after_a_refused_again_returns_the_order(session: Any):
    """An attempt to buy again that was refused does not make anybody forget the order."""

    class SoldOut(httpx.HTTPTransport):
        armed = False

        def handle_request(self, request: httpx.Request) -> httpx.Response:
            if self.armed and request.url.path.endswith(PLACE):
                return httpx.Response(410, json={"status": 410, "detail": "sold out"})
            return super().handle_request(request)

    transport = SoldOut()
    client = session(transport=transport)
    estimate = client.cart(found(client, 1)).estimate()
    first = estimate.place()
    transport.armed = True
    with pytest.raises(scenecart.Gone):
        estimate.place(again=True)
    transport.armed = False
    assert estimate.existing_order().id == estimate.place().id == first.id
    assert orders_of(client) == 1


def test_settle_of_two_tiles_guesses_neither(box: Sandbox, session: Any):
    """Two lost placements of one capture, for tiles of one price: an order without ground belongs to neither until resolved."""
    now = [0.0]
    client = session(wall=lambda: time.time() + now[0])
    captures = found(client, 1)
    x, y = captures.geometry.iloc[0].centroid.coords[0]
    tiles = [(x - 0.02, y, x, y + 0.02), (x, y, x + 0.02, y + 0.02)]
    estimates = [client.cart(captures, aoi=tile).estimate() for tile in tiles]
    for estimate, fault in zip(estimates, ("drop-before", "drop-after"), strict=True):
        box.faults.add(fault, 50, PLACE)
        with raises(scenecart.PlacementUnknown, "placement_unknown"):
            estimate.place()
        box.faults.clear()
    now[0] = 25 * 3600
    box.advance(now[0])
    assert client.settle()["state"].tolist() == ["unknown", "unknown"]
    for tile in tiles:
        with raises(scenecart.PlacementUnknown, "placement_unknown_expired"):
            client.cart(captures, aoi=tile).estimate().place()
    assert orders_of(client) == 1
    lost, arrived = client.placements()["number"]
    order = client.orders().index[0]
    assert client.resolve(arrived, order=order, why="seen in the console")["state"].tolist() == ["placed"]
    assert client.resolve(lost, nothing=True)["state"].tolist() == ["put away"]
    second, first = (client.cart(captures, aoi=tile).estimate().place() for tile in reversed(tiles))
    assert orders_of(client) == 2
    assert (second.id == order, first.id == order) == (True, False)


def _place_forked(estimate: scenecart.Estimate, queue: Any) -> None:
    queue.put((estimate.cart.ids, estimate.place().captures))
    queue.close()
    queue.join_thread()
    os._exit(0)


def test_place_in_forked_processes_gives_each_cart_its_order(box: Sandbox, session: Any):
    """Processes forked from a client that is in use place their own carts: no response reaches another process."""
    client = session(price_seconds=600)
    captures = found(client, 6)
    estimates = [client.cart(captures.iloc[[number]]).estimate() for number in range(6)]
    client.placements()
    box.faults.add("stall", 6, PLACE, seconds=0.1)
    fork = multiprocessing.get_context("fork")
    queue = fork.Queue()
    children = [fork.Process(target=_place_forked, args=(estimate, queue)) for estimate in estimates]
    for child in children:
        child.start()
    placed = [queue.get(timeout=60) for _ in children]
    for child in children:
        child.join(60)
    assert [child.exitcode for child in children] == [0] * 6
    assert all(requested == ordered for requested, ordered in placed)
    assert (orders_of(client), client.placements()["state"].tolist()) == (6, ["placed"] * 6)


def _doubled_corner(geometry: shapely.Polygon) -> shapely.Polygon:
    corners = list(geometry.exterior.coords)
    return shapely.Polygon(corners[:2] + corners[1:])


def _point_on_a_side(geometry: shapely.Polygon) -> shapely.Polygon:
    first, second, *rest = geometry.exterior.coords
    middle = ((first[0] + second[0]) / 2, (first[1] + second[1]) / 2)
    return shapely.Polygon([first, middle, second, *rest])


@pytest.mark.parametrize(
    "write",
    [
        lambda geometry: shapely.MultiPolygon([geometry]),
        lambda geometry: geometry.reverse(),
        lambda geometry: shapely.force_3d(geometry, 5.0),
        _doubled_corner,
        _point_on_a_side,
    ],
    ids=["multi-part", "reversed", "3D", "corner twice", "point on a side"],
)
def test_place_footprints_written_otherwise_returns_the_order(session: Any, write: Callable[[Any], Any]):
    """The same footprints in another written form, as files and databases return them, are the same purchase."""
    client = session()
    captures = found(client, 1)
    first = client.cart(captures).estimate().place()
    same = captures.set_geometry([write(geometry) for geometry in captures.geometry], crs=4326)
    assert client.cart(same).estimate().place().id == first.id
    assert orders_of(client) == 1


def test_place_estimate_of_another_service_is_refused(session: Any, tmp_path: Path):
    """An estimate is placed only at the service that made it."""
    client = session()
    estimate = client.cart(found(client, 1)).estimate()
    with Sandbox(captures=1_000) as other, other.client(home=tmp_path / "other", say=lambda _: None) as stranger:
        with raises(scenecart.InvalidRequest, "estimate_of_another_service") as caught:
            stranger.place(estimate)
        assert caught.value.argument == "estimate"
        assert orders_of(stranger) == 0
