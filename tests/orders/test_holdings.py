"""What an organization owns, over the real sandbox: the list of orders, two machines, and services that state less."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import httpx
import numpy as np
import pandas as pd
import pytest
import shapely

import scenecart
from _expect import raises, warns
from scenecart._orders.holdings import COLUMNS
from scenecart.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import geopandas as gpd

GROUND = ["bought-ground"]


class Office:
    """One organization: a sandbox, and clients of its machines."""

    def __init__(self, folder: Path, dialect: list[str]) -> None:
        self.box = Sandbox(captures=2_000, pace="instant", dialect=dialect)
        self._folder = folder
        self._clients: list[scenecart.Client] = []

    def machine(self, name: str = "A", principal: str = "analyst", **options: Any) -> scenecart.Client:
        """Return a client with a journal of its own."""
        given = {"home": self._folder / name, "say": lambda _: None, "sleep": lambda _: None, **options}
        self._clients.append(self.box.client(principal, **given))
        return self._clients[-1]

    def __enter__(self) -> Self:
        self.box.__enter__()
        self.box.rate_limits = None
        self.box.top_up("analyst", 10**10)
        return self

    def __exit__(self, *details: object) -> None:
        for client in self._clients:
            client.close()
        self.box.__exit__(*details)


@pytest.fixture
def office(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Office]:
    """Start a sandbox in the dialects that a test is parametrized with."""
    with Office(tmp_path, getattr(request, "param", [])) as started:
        yield started


class Counting(httpx.HTTPTransport):
    """A transport that counts requests by operation, and can answer some itself."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[str] = []
        self.answers: dict[str, httpx.Response] = {}

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        name = request.url.path.rpartition("/")[2]
        self.calls.append(name)
        if name in self.answers:
            given = self.answers[name]
            return httpx.Response(given.status_code, content=given.content, headers=given.headers)
        return super().handle_request(request)


def found(client: scenecart.Client, count: int = 3) -> gpd.GeoDataFrame:
    return client.search("aurora", collections="aurora-50cm", datetime="2023-01/2024-12", limit=count)


def west_half(captures: gpd.GeoDataFrame) -> tuple[float, float, float, float]:
    """Return the western half of the first footprint, as a bbox."""
    west, south, east, north = captures.geometry.iloc[0].bounds
    return west, south, (west + east) / 2, north


def buy(client: scenecart.Client, captures: gpd.GeoDataFrame, aoi: Any = None) -> scenecart.Order:
    return client.cart(captures, aoi=aoi).estimate().place()


def test_owned_has_one_row_for_each_capture_and_order(office: Office):
    """Rows are newest first, with the facts of the order, the price of the group and the bought ground."""
    client = office.machine()
    captures = found(client)
    first, second = buy(client, captures.head(2)), buy(client, captures.tail(1))
    owned = client.owned()
    assert tuple(owned.columns) == COLUMNS
    assert owned["order"].tolist() == [second.id, first.id, first.id]
    assert set(owned["id"].iloc[1:]) == set(captures["id"].head(2))
    assert owned["ordered"].is_monotonic_decreasing
    assert owned["acquired"].tolist() == captures.set_index("id")["datetime"].loc[owned["id"]].tolist()
    assert set(zip(owned["host"], owned["collection"], owned["project"], owned["license_type"], strict=True)) == {
        ("aurora", "aurora-50cm", client.project, "standard")
    }
    assert owned["credits"].sum() == first.total_credits + second.total_credits
    whole = captures.set_index("id").geometry.loc[owned["id"]]
    assert shapely.area(owned.geometry.to_numpy()) == pytest.approx(shapely.area(whole.to_numpy()))
    assert owned.crs == "EPSG:4326"


def test_owned_of_nobody_is_an_empty_frame(office: Office):
    """An organization without orders has a frame of the same columns and types."""
    client = office.machine()
    owned = client.owned(aoi=(0, 0, 1, 1), project="none")
    assert (len(owned), tuple(owned.columns), owned.crs) == (0, COLUMNS, "EPSG:4326")
    assert isinstance(owned["ordered"].dtype, pd.DatetimeTZDtype)
    assert isinstance(owned["acquired"].dtype, pd.DatetimeTZDtype)
    assert owned["credits"].dtype == np.float64


def test_owned_in_an_area_or_project(office: Office):
    """An area keeps the rows whose ground intersects it, without clipping; a project keeps its own."""
    client = office.machine()
    captures = found(client)
    buy(client, captures)
    west, south, east, north = captures.geometry.iloc[0].bounds
    inside = client.owned(aoi=(west, south, west + 0.01 * (east - west), north))
    assert captures["id"].iloc[0] in inside["id"].tolist()
    assert len(inside) < 3
    whole = inside.set_index("id").geometry.loc[captures["id"].iloc[0]]
    assert whole.area == pytest.approx(captures.geometry.iloc[0].area)
    assert len(client.owned(project=client.project)) == 3
    assert len(client.owned(project="another")) == 0


@pytest.mark.parametrize(
    "given", [{"aoi": "nowhere.geojson"}, {"aoi": 5}, {"project": 5}, {"project": ""}, {"acquired": "yes"}], ids=str
)
def test_owned_with_invalid_arguments_is_refused(office: Office, given: dict[str, Any]):
    """An invalid argument is an error before any request."""
    transport = Counting()
    client = office.machine(transport=transport)
    with pytest.raises(scenecart.InvalidRequest):
        client.owned(**given)
    assert transport.calls == []


def test_owned_leaves_out_what_has_ended(office: Office):
    """An order that failed holds nothing."""
    client = office.machine()
    captures = found(client)
    office.box.fail_next_order("the archive is empty")
    with pytest.raises(scenecart.OrderFailed):
        buy(client, captures.head(1)).wait(progress=False)
    kept = buy(client, captures.tail(1))
    assert client.owned()["order"].tolist() == [kept.id]


@pytest.mark.parametrize("office", [GROUND], indirect=True)
def test_owned_on_another_machine_has_the_ground(office: Office):
    """Where orders state ground, a colleague's machine sees the same as the machine that bought."""
    captures = found(office.machine("A"))
    buy(office.machine("A"), captures)
    here, there = office.machine("A").owned(), office.machine("B", "delegate").owned()
    # the orders go on between the two
    changing = ["geometry", "status"]
    assert there.drop(columns=changing).equals(here.drop(columns=changing))
    assert shapely.area(there.geometry.to_numpy()) == pytest.approx(shapely.area(here.geometry.to_numpy()))


@pytest.mark.parametrize("office", [[], ["seed-orders"], ["bare-orders:objects"]], indirect=True)
def test_owned_of_a_service_with_ids_only_has_no_ground(office: Office):
    """Where orders state ids only, another machine knows neither ground nor host; an area keeps such rows, with a warning."""
    captures = found(office.machine("A"))
    buy(office.machine("A"), captures.head(1))
    other = office.machine("B")
    owned = other.owned()
    assert owned["id"].tolist() == captures["id"].head(1).tolist()
    assert owned[["host", "acquired", "geometry"]].isna().all(axis=None)
    with warns("owned_place_unknown"):
        assert len(other.owned(aoi=(0, 0, 1, 1))) == 1


@pytest.mark.parametrize("office", [["bare-orders:none"]], indirect=True)
def test_owned_of_a_service_that_states_no_captures_is_said_once(office: Office):
    """Orders without captures are a warning, once a session; this machine knows its own."""
    captures = found(office.machine("A"))
    order = buy(office.machine("A"), captures)
    other = office.machine("B")
    with warns("owned_captures_unknown"):
        assert len(other.owned()) == 0
    assert other.mark_owned(captures)["owned"].tolist() == [0.0] * 3
    assert office.machine("A").owned()["order"].unique().tolist() == [order.id]


@pytest.mark.parametrize("status", [403, 404, 405, 501])
def test_owned_without_a_list_of_orders_has_those_of_this_machine(office: Office, status: int):
    """A service that offers no list is a warning, once, and the journal still knows what this machine bought."""
    transport = Counting()
    client = office.machine(transport=transport)
    captures = found(client)
    order = buy(client, captures.head(1))
    transport.answers["orders.list"] = httpx.Response(
        status, json={"status": status, "title": "no", "detail": "no list"}, headers={"content-type": "application/problem+json"}
    )
    with warns("owned_list_not_offered"):
        owned = client.owned()
    assert owned["order"].tolist() == [order.id]
    assert client.mark_owned(captures)["owned"].tolist() == pytest.approx([1.0, 0.0, 0.0])
    transport.answers["orders.get"] = transport.answers["orders.list"]
    again = office.machine(transport=transport)
    with warns("owned_list_not_offered"):
        # an order that the service does not know any more is not owned
        assert again.owned()["status"].tolist() == ([] if status == 404 else ["unknown"])


def test_owned_with_a_list_that_fails_is_the_error(office: Office):
    """A list that cannot be read is no empty list."""
    transport = Counting()
    client = office.machine(transport=transport)
    captures = found(client)
    transport.answers["orders.list"] = httpx.Response(500, json={"status": 500, "detail": "broken"})
    for read in (client.owned, lambda: client.mark_owned(captures), client.cart(captures).without_owned):
        with pytest.raises(scenecart.ServiceError):
            read()


@pytest.mark.parametrize("office", [["one-based:inflated"]], indirect=True)
def test_owned_of_an_incomplete_list_is_a_warning(office: Office):
    """A list that is shorter than it says may lack what is owned."""
    client = office.machine()
    order = client.cart(found(client, 1)).estimate().place(owned="buy")
    other = office.machine("B")
    with warns("owned_list_incomplete"):
        assert other.owned()["order"].tolist() == [order.id]


def test_owned_names_the_folder_of_opened_files(office: Office):
    """Files that ``open()`` keeps on this machine are named, here only."""
    client = office.machine()
    order = buy(client, found(client, 1)).wait(progress=False)
    assert client.owned()["path"].tolist() == [None]
    order.open("visual").close()
    (path,) = client.owned()["path"]
    assert order.id in path
    assert office.machine("B").owned()["path"].tolist() == [None]


def test_owned_looks_up_each_acquisition_once(office: Office):
    """The catalog is asked once for captures that are not known yet; ``acquired=False`` asks nothing."""
    transport = Counting()
    client = office.machine(transport=transport)
    buy(client, found(client, 2))
    transport.calls.clear()
    assert client.owned(acquired=False)["acquired"].isna().all()
    assert transport.calls == ["orders.list"]
    assert client.owned()["acquired"].notna().all()
    transport.calls.clear()
    assert client.owned()["acquired"].notna().all()
    assert transport.calls == ["orders.list"]


def test_mark_owned_reads_the_list_once_a_minute(office: Office):
    """Marking again within a minute reads no list, and sees at once what this machine bought meanwhile."""
    transport = Counting()
    client = office.machine(transport=transport)
    captures = found(client)
    assert client.mark_owned(captures)["owned"].tolist() == [0.0] * 3
    order = buy(client, captures.head(1))
    transport.calls.clear()
    marked = client.mark_owned(captures, aoi=west_half(captures))
    assert marked["owned"].iloc[0] == pytest.approx(1.0)
    assert marked["owned_by"].iloc[0] == [order.id]
    client.mark_owned(captures)
    assert transport.calls == ["orders.get"]


@pytest.mark.parametrize("office", [GROUND], indirect=True)
def test_mark_owned_of_a_colleagues_order_has_the_share(office: Office):
    """Half of a capture that a colleague bought counts as half, for every user of the organization and for nobody else."""
    captures = found(office.machine("A"), 2)
    order = buy(office.machine("A"), captures.head(1), west_half(captures))
    marked = office.machine("B", "delegate").mark_owned(captures)
    assert 0.2 < marked["owned"].iloc[0] < 0.8
    assert marked["owned_by"].tolist() == [[order.id], []]
    assert office.machine("C", "other").mark_owned(captures)["owned"].tolist() == [0.0, 0.0]


@pytest.mark.parametrize("office", [GROUND], indirect=True)
def test_without_owned_on_another_machine_buys_only_the_rest(office: Office):
    """The rest of a cart is placed without a question, and together the two orders hold the whole ground once."""
    captures = found(office.machine("A"), 2)
    buy(office.machine("A"), captures.head(1), west_half(captures))
    other = office.machine("B")
    whole = other.cart(captures)
    with raises(scenecart.AlreadyOwned, "already_owned") as caught:
        whole.estimate().place()
    assert caught.value.certain
    rest = whole.without_owned()
    order = rest.estimate().place()
    assert (order.note, len(rest), rest.leaves_out_owned) == (None, 2, True)
    owned = other.owned()
    bought, wanted = shapely.area(owned.geometry.to_numpy()).sum(), shapely.area(captures.geometry.to_numpy()).sum()
    assert bought == pytest.approx(wanted, rel=1e-6)
    with raises(scenecart.InvalidCart, "cart_all_owned") as caught_rest:
        whole.without_owned()
    assert set(caught_rest.value.ids) == set(captures["id"])
    assert order.id in caught_rest.value.details["orders"]


@pytest.mark.parametrize("office", [GROUND], indirect=True)
def test_without_owned_cart_is_saved_and_loaded(office: Office, tmp_path: Path):
    """A cart of the rest keeps its fingerprint in both formats, and can be priced and placed from the file."""
    captures = found(office.machine("A"), 2)
    buy(office.machine("A"), captures.head(1), west_half(captures))
    client = office.machine("B")
    west, south, east, north = captures.total_bounds
    rest = client.cart(captures, aoi=(west, south, east, north), split_by_date=True).without_owned()
    for name in ("rest.cart.parquet", "rest.cart.geojson"):
        loaded = scenecart.load_cart(rest.save(tmp_path / name), client)
        assert loaded == rest
        assert (loaded.leaves_out_owned, loaded.km2, repr(loaded)) == (True, pytest.approx(rest.km2), repr(rest))
    assert loaded.estimate().place().captures
    assert rest.replace(split_by_date=False).leaves_out_owned


def test_without_owned_twice_is_the_same_cart(office: Office):
    """Nothing more is left out the second time."""
    client = office.machine()
    captures = found(client, 2)
    buy(client, captures.head(1), west_half(captures))
    rest = client.cart(captures).without_owned()
    assert rest.without_owned() == rest


def test_without_owned_of_a_cart_without_client_is_refused(office: Office):
    """A cart from a file without a client cannot look at orders."""
    captures = found(office.machine(), 1)
    with raises(scenecart.InvalidCart, "cart_not_connected"):
        scenecart.Cart(captures).without_owned()


def test_without_owned_of_nothing_owned_is_the_cart(office: Office):
    """Without orders the cart stays as it is."""
    client = office.machine()
    cart = client.cart(found(client, 2))
    assert cart.without_owned() == cart


@pytest.mark.parametrize("office", [["seed-orders"]], indirect=True)
def test_without_owned_of_unknown_ground_warns_and_place_asks(office: Office):
    """Where another machine's ground is not stated, the capture stays, and placing says that it may be owned."""
    captures = found(office.machine("A"), 1)
    x, y = captures.geometry.iloc[0].representative_point().coords[0]
    buy(office.machine("A"), captures, (x - 0.01, y - 0.01, x, y))
    other = office.machine("B")
    with warns("owned_ground_unknown"):
        rest = other.cart(captures).without_owned()
    with raises(scenecart.AlreadyOwned, "perhaps_owned") as caught:
        rest.estimate().place()
    assert not caught.value.certain
    assert rest.estimate().place(owned="buy").captures == rest.ids


@pytest.mark.parametrize("fault", ["drop-before", "drop-after"])
def test_owned_purchase_without_answer_may_be_owned_until_it_is_settled(office: Office, fault: str):
    """A purchase whose outcome is not known marks its captures as perhaps owned; settled, they are owned, by an order."""
    client = office.machine(retry=scenecart.Retry(attempts=1))
    captures = found(client, 2)
    estimate = client.cart(captures.head(1)).estimate()
    office.box.faults.add(fault, times=20, operation="orders.archive.place")
    with raises(scenecart.PlacementUnknown, "placement_unknown"):
        estimate.place()
    office.box.faults.clear()
    owned = client.owned()
    perhaps = owned[owned["order"].isna()]
    assert perhaps["id"].tolist() == [captures["id"].iloc[0]]
    assert perhaps["status"].tolist() == ["unknown"]
    marked = client.mark_owned(captures)
    assert marked["owned"].isna().tolist() == [True, False]
    with warns("owned_ground_unknown"):
        rest = client.cart(captures).without_owned()
    assert len(rest) == 2
    client.settle()
    owned = client.owned()
    assert owned["order"].notna().all()
    assert captures["id"].iloc[0] in set(owned["id"])
