"""Two computers, sessions or people who want the same ground: one order, or somebody is told; over real sockets."""

from __future__ import annotations

import contextlib
import math
import multiprocessing
import os
import threading
import time
import warnings
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import shapely

import scenecart
from _expect import raises, warns
from scenecart.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import geopandas as gpd

PLACE, LIST = "orders.archive.place", "orders.list"
Machine = "Callable[..., scenecart.Client]"
# how many carts two machines place at the same moments
CARTS = int(os.environ.get("SCENECART_CARTS") or 12)


@pytest.fixture
def dialect(request: pytest.FixtureRequest) -> list[str]:
    """Return the ways in which the service answers: its orders state the ground that was bought."""
    return list(getattr(request, "param", ["bought-ground"]))


@pytest.fixture
def box(dialect: list[str]) -> Iterator[Sandbox]:
    with Sandbox(captures=2_000, pace="real", dialect=dialect) as running:
        running.rate_limits = None
        running.top_up("analyst", 10**10)
        yield running


@pytest.fixture
def machine(box: Sandbox, tmp_path: Path) -> Callable[..., scenecart.Client]:
    """Return a function that starts a session on a computer, named by a letter."""

    def start(name: str = "A", **options: Any) -> scenecart.Client:
        principal = options.pop("principal", "analyst")
        return box.client(principal, home=tmp_path / name, **{"say": lambda _: None, "sleep": lambda _: None, **options})

    return start


def found(client: scenecart.Client, count: int, first: int = 0) -> gpd.GeoDataFrame:
    captures = client.search("aurora", collections="aurora-50cm", datetime="2023-01/2024-12", limit=first + count)
    return captures.iloc[first : first + count].reset_index(drop=True)


def tile(captures: gpd.GeoDataFrame, column: float, width: float = 0.02) -> tuple[float, float, float, float]:
    """Return a box inside the first capture, so many widths east of its centre."""
    x, y = captures.geometry.iloc[0].centroid.coords[0]
    return (x + column * width, y, x + (column + 1) * width, y + width)


@pytest.mark.parametrize("dialect", [["bought-ground"], []], indirect=True, ids=["ground", "documented"])
def test_place_on_a_second_machine_returns_the_order_of_the_first(box: Sandbox, machine: Any):
    """A colleague, or a job without a journal, gets the order of the same cart, and nothing is bought."""
    first = machine("A").cart(found(machine("A"), 2)).estimate().place()
    client = machine("B")
    estimate = client.cart(found(client, 2)).estimate()
    assert estimate.existing_order().id == first.id
    second = estimate.place()
    assert (second.id, second.note.code) == (first.id, "already_ordered")
    assert len(box.orders()) == 1
    assert client.placements()["order_id"].tolist() == [first.id]


def _small_tile(footprint: Any, number: int) -> Any:
    """Return one of a hundred tiles in the middle of a footprint."""
    x, y = footprint.centroid.coords[0]
    size = math.sqrt(footprint.area) / 20
    column, row = number % 10 - 5, number // 10 - 5
    return shapely.box(x + column * size, y + row * size, x + (column + 0.9) * size, y + (row + 0.9) * size)


def _place_in_process(options: dict[str, Any], count: int, gate: Any, results: Any) -> None:
    client = scenecart.connect(**options, say=lambda _: None, sleep=lambda _: None)
    captures = found(client, 12)
    ids = []
    for number in range(count):
        row = captures.iloc[[number % 12]]
        # tiles of one capture share no ground with each other
        area = None if count <= 12 else _small_tile(row.geometry.iloc[0], number // 12)
        estimate = client.cart(row, area).estimate()
        gate.wait(100)
        ids.append(estimate.place().id)
    results.put(ids)


@pytest.mark.parametrize("dialect", [["bought-ground"]], indirect=True)
def test_place_on_two_machines_at_once_is_one_order(box: Sandbox, tmp_path: Path):
    """Two processes with two homes that place the same cart at the same moment get the same order, though the list lags."""
    box.list_lag = 30
    # a thousand carts take longer than a session lasts
    box.token_seconds = 10**9
    context = multiprocessing.get_context("spawn")
    count = CARTS
    gate, results = context.Barrier(2), context.Queue()
    who = {"base_url": box.url, "token": box.token(), "project": box.principals["analyst"]["project"]}
    machines = [
        context.Process(target=_place_in_process, args=({**who, "home": str(tmp_path / name)}, count, gate, results))
        for name in "AB"
    ]
    for process in machines:
        process.start()
    first, second = results.get(timeout=100 + 10 * count), results.get(timeout=100)
    for process in machines:
        process.join(30)
    assert first == second
    assert len(box.orders()) == len(set(first)) == count


def test_place_again_by_threads_that_see_the_same_orders_is_one_more(box: Sandbox, machine: Any):
    """Four threads with again=True get one more order between them; four texts are four orders, and one text is one."""
    client = machine()
    estimate = client.cart(found(client, 1)).estimate()
    estimate.place()
    # threads that see the same list are decided before any of them buys
    placed = _in_threads(4, lambda _: machine().cart(found(client, 1)).estimate().place(again=True).id)
    assert len(set(placed)) <= 4
    assert len(box.orders()) <= 1 + len(set(placed))
    count = len(box.orders())
    texts = _in_threads(4, lambda number: machine().cart(found(client, 1)).estimate().place(again=f"customer {number}").id)
    assert len(set(texts)) == 4
    same = _in_threads(4, lambda _: machine().cart(found(client, 1)).estimate().place(again="customer 2").id)
    assert set(same) == {texts[2]}
    assert len(box.orders()) == count + 4


def _in_threads(count: int, work: Callable[[int], str]) -> list[str]:
    results: list[str] = [""] * count

    def run(number: int) -> None:
        results[number] = work(number)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(100)
    assert all(results)
    return results


def test_place_of_a_cart_with_an_owned_capture_is_refused_with_the_facts(box: Sandbox, machine: Any):
    """A cart of which one capture was ordered before is refused; owned="buy" buys it, and once however often it runs."""
    client = machine()
    captures = found(client, 2)
    first = client.cart(captures.head(1)).estimate().place()
    both = client.cart(captures).estimate()
    with raises(scenecart.AlreadyOwned, "already_owned") as caught:
        both.place()
    error = caught.value
    assert error.certain
    assert not error.money_may_have_moved
    assert error.owned[["id", "order"]].to_numpy().tolist() == [[captures["id"][0], first.id]]
    assert error.owned["share"][0] == pytest.approx(1.0)
    assert len(box.orders()) == 1
    bought = both.place(owned="buy")
    assert machine("A").cart(captures).estimate().place().id == bought.id
    assert len(box.orders()) == 2


@pytest.mark.parametrize(("overlap", "is_refused"), [(0.05, False), (0.3, True)])
def test_place_of_a_tile_that_shares_ground_depends_on_the_share(box: Sandbox, machine: Any, overlap: float, *, is_refused: bool):
    """A few per cent of shared ground are said with the order; a third of a tile is owned already."""
    client = machine()
    captures = found(client, 1)
    client.cart(captures, aoi=tile(captures, 0)).estimate().place()
    second = client.cart(captures, aoi=tile(captures, 1 - overlap)).estimate()
    if is_refused:
        with raises(scenecart.AlreadyOwned, "already_owned"):
            second.place()
        assert len(box.orders()) == 1
    else:
        assert second.place().note.code == "ground_shared"
        assert len(box.orders()) == 2


def test_place_of_tiles_in_a_loop_that_runs_twice_buys_each_once(box: Sandbox, machine: Any):
    """Eight tiles whose borders overlap are eight orders, and running the loop again on another machine gives the same."""

    def run(client: scenecart.Client) -> list[str]:
        captures = found(client, 1)
        tiles = [tile(captures, 0.96 * column, 0.01) for column in range(-4, 4)]
        return [client.cart(captures, aoi=one).estimate().place().id for one in tiles]

    first = run(machine("A"))
    assert len(set(first)) == len(box.orders()) == 8
    assert run(machine("A")) == first
    assert run(machine("B")) == first
    assert len(box.orders()) == 8


@pytest.mark.parametrize(
    ("options", "difference"), [({"license_type": "extended"}, "standard"), ({"project": "other"}, "project")], ids=str
)
def test_place_with_another_licence_or_project_is_refused(box: Sandbox, machine: Any, options: dict[str, str], difference: str):
    """The same ground under another licence or in another project is owned already; the error names what differs."""
    client = machine()
    estimate = client.cart(found(client, 1)).estimate()
    estimate.place()
    with raises(scenecart.AlreadyOwned, "already_owned") as caught:
        estimate.place(**options)
    assert difference in caught.value.message
    assert len(box.orders()) == 1


@pytest.mark.parametrize("dialect", [["seed-orders"], ["whole-footprints"]], indirect=True, ids=str)
def test_place_where_the_ground_is_not_stated_may_be_owned(box: Sandbox, machine: Any):
    """An order that names the capture and not the tile may hold it: the error says so, and owned="buy" buys once."""
    first = machine("A")
    captures = found(first, 1)
    first.cart(captures, aoi=tile(captures, 0)).estimate().place()
    second = machine("B")
    estimate = second.cart(captures, aoi=tile(captures, 3)).estimate()
    with raises(scenecart.AlreadyOwned, "perhaps_owned") as caught:
        estimate.place()
    assert not caught.value.certain
    assert estimate.place(owned="buy").id == estimate.place(owned="buy").id
    assert len(box.orders()) == 2


def test_place_of_an_order_that_was_cancelled_elsewhere_buys_nothing(box: Sandbox, machine: Any):
    """A re-run never buys what somebody cancelled; again=True does."""
    first = machine("A").cart(found(machine("A"), 1)).estimate().place()
    machine("B").order(first.id).cancel()
    client = machine("A")
    estimate = client.cart(found(client, 1)).estimate()
    same = estimate.place()
    assert (same.id, same.note.code) == (first.id, "existing_order_ended")
    assert len(box.orders()) == 1
    assert estimate.place(again=True).id != first.id
    assert len(box.orders()) == 2


def test_place_with_a_replayed_key_of_a_cancelled_order_says_that_it_was_cancelled(box: Sandbox, machine: Any):
    """A machine without the journal gets the cancelled order that the key made, and is told that nothing was bought."""
    first = machine("A").cart(found(machine("A"), 1)).estimate().place()
    machine("A").order(first.id).cancel()
    box.advance(5)
    client = machine("B")
    same = client.cart(found(client, 1)).estimate().place()
    assert (same.id, same.note.code) == (first.id, "existing_order_ended")
    assert len(box.orders()) == 1


@pytest.mark.parametrize("skew", [-7_200, -61, 61])
def test_place_with_a_replayed_key_on_a_wrong_clock_says_that_it_was_cancelled(box: Sandbox, machine: Any, skew: int):
    """How old an order is, is told by the service's clock: a stored answer is not believed on a computer whose clock is wrong."""
    first = machine("A").cart(found(machine("A"), 1)).estimate().place()
    machine("A").order(first.id).cancel()
    box.advance(5)
    client = machine("B", wall=lambda: time.time() + skew)
    same = client.cart(found(client, 1)).estimate().place()
    assert (same.id, same.status, same.note.code) == (first.id, "cancelled", "existing_order_ended")


@pytest.mark.parametrize("dialect", [["short-keys", "bare-orders:none"], ["short-keys"], ["bought-ground"]], indirect=True, ids=str)
@pytest.mark.parametrize("skew", [-90_000, -600, 600, 90_000])
def test_place_after_a_lost_answer_on_a_wrong_clock_buys_once(box: Sandbox, machine: Any, skew: int):
    """A computer whose clock is minutes or a day wrong does not take the lost order for an older one."""
    ahead = [float(skew)]
    client = machine(wall=lambda: time.time() + ahead[0])
    estimate = client.cart(found(client, 1)).estimate()
    box.faults.add("drop-after", 20, PLACE)
    with raises(scenecart.PlacementUnknown, "placement_unknown"):
        estimate.place()
    box.faults.clear()
    box.advance(7_200)
    ahead[0] += 7_200
    assert set(client.settle()["state"]) <= {"placed", "unknown"}
    with contextlib.suppress(scenecart.PlacementUnknown):
        client.cart(found(client, 1)).estimate().place()
    assert len(box.orders()) == 1


def test_place_of_an_order_that_was_replaced_elsewhere_returns_the_live_one(box: Sandbox, machine: Any):
    """If the order of this machine was cancelled, and a colleague has ordered the same since, that order is given."""
    client = machine("A")
    estimate = client.cart(found(client, 1)).estimate()
    estimate.place().cancel()
    other = machine("B")
    replacement = other.cart(found(other, 1)).estimate().place(again="replacement")
    assert estimate.place().id == replacement.id
    assert len(box.orders()) == 2


@pytest.mark.parametrize("dialect", [["bought-ground", "short-keys"]], indirect=True)
def test_place_of_a_forgotten_key_on_another_machine_finds_the_order(box: Sandbox, machine: Any):
    """A day later, when the service has forgotten the key, a machine without the journal still gets the order."""
    first = machine("A").cart(found(machine("A"), 1)).estimate().place()
    box.advance(86_400)
    client = machine("B", wall=lambda: time.time() + 86_400)
    assert client.cart(found(client, 1)).estimate().place().id == first.id
    assert len(box.orders()) == 1


def test_place_of_a_cart_that_shares_ground_settles_the_open_one_first(box: Sandbox, machine: Any):
    """While it is not known whether one capture was ordered, a cart with it settles that first, and is then refused."""
    client = machine()
    captures = found(client, 2)
    box.faults.add("drop-after", 20, PLACE)
    with raises(scenecart.PlacementUnknown, "placement_unknown"):
        client.cart(captures.head(1)).estimate().place()
    box.faults.clear()
    with raises(scenecart.AlreadyOwned, "already_owned"):
        client.cart(captures).estimate().place()
    assert client.placements()["state"].tolist() == ["placed"]
    assert len(box.orders()) == 1


def test_place_again_for_another_text_after_a_lost_one_buys_both_once(box: Sandbox, machine: Any):
    """A lost order for one text is found before the order for another text is placed, and neither is taken for the other."""
    client = machine()
    estimate = client.cart(found(client, 1)).estimate()
    box.faults.add("drop-after", 20, PLACE)
    with raises(scenecart.PlacementUnknown, "placement_unknown"):
        estimate.place(again="a")
    box.faults.clear()
    second = estimate.place(again="b")
    assert estimate.place(again="a").id != second.id
    assert len(box.orders()) == 2


def test_place_of_a_cart_that_shares_ground_never_buys_the_other_one(box: Sandbox, machine: Any):
    """Placing a second cart never buys the first, whose request was lost; with owned="buy" only the second is bought."""
    client = machine()
    captures = found(client, 2)
    lost, wanted = client.cart(captures).estimate(), client.cart(captures.head(1)).estimate()
    box.faults.add("drop-before", 20, PLACE)
    with raises(scenecart.PlacementUnknown, "placement_unknown"):
        lost.place()
    box.faults.clear()
    with raises(scenecart.PlacementUnknown, "placement_in_the_way"):
        wanted.place(max_credits=wanted.total_credits)
    assert box.orders() == []
    order = wanted.place(owned="buy", max_credits=wanted.total_credits)
    assert [one["id"] for one in box.orders()] == [order.id]
    client.settle()
    assert len(box.orders()) == 2


def test_place_of_two_sessions_that_share_ground_waits(box: Sandbox, machine: Any):
    """Of two sessions of one machine whose carts share a capture, the second waits for the first, and is refused."""
    slow, fast = machine(), machine()
    captures = found(fast, 3)
    carts = [slow.cart(captures.iloc[[0, 1]]).estimate(), fast.cart(captures.iloc[[1, 2]]).estimate()]
    box.faults.add("stall", 1, PLACE, seconds=2)
    results: dict[str, Any] = {}

    def run() -> None:
        results["slow"] = carts[0].place().id

    thread = threading.Thread(target=run)
    thread.start()
    while not (slow.placements()["state"] == "sent").any():
        time.sleep(0.02)
    with raises(scenecart.AlreadyOwned, "already_owned"):
        carts[1].place()
    thread.join(60)
    assert [order["id"] for order in box.orders()] == [results["slow"]]


def test_place_after_another_session_gave_up_does_not_wait(box: Sandbox, machine: Any):
    """A session that waits for another one goes on as soon as that has ended without ordering anything."""
    slow, fast = machine(), machine()
    captures = found(fast, 1)
    estimates = [client.cart(captures).estimate() for client in (slow, fast)]
    box.faults.add("stall", 1, LIST, seconds=2)
    box.change_prices(1.5)

    def give_up() -> None:
        with raises(scenecart.PriceChanged, "price_changed"):
            estimates[0].place()

    thread = threading.Thread(target=give_up)
    thread.start()
    while slow.placements().empty:
        time.sleep(0.02)
    # a session that waited for its whole patience would not end within the time of a test
    with raises(scenecart.PriceChanged, "price_changed"):
        estimates[1].place()
    thread.join(60)
    assert fast.placements().empty


@pytest.fixture
def ahead() -> list[float]:
    """Return how many seconds the clocks of all computers are ahead; a test changes it."""
    return [0.0]


@pytest.fixture
def bought_twice(box: Sandbox, machine: Any, ahead: list[float]) -> tuple[scenecart.Order, scenecart.Order]:
    """Return the orders of two machines whose carts share a capture, placed while the list lags."""
    box.list_lag = 30
    first, second = (machine(name, wall=lambda: time.time() + ahead[0]) for name in "AB")
    captures = found(first, 3)
    earlier = first.cart(captures.iloc[[0, 1]]).estimate().place()
    later = second.cart(captures.iloc[[1, 2]]).estimate().place()
    assert len(box.orders()) == 2
    return earlier, later


def test_settle_after_two_machines_bought_the_same_ground_warns_the_later_one(
    box: Sandbox, machine: Any, ahead: list[float], bought_twice: tuple[scenecart.Order, scenecart.Order]
):
    """Two machines whose carts share ground buy twice while the list lags; the later buyer gets a warning, and only once."""
    earlier, later = bought_twice
    ahead[0] = 1_000
    box.advance(1_000)
    said: dict[str, list[str]] = {}
    for name in "ABAB":
        client = machine(name, wall=lambda: time.time() + ahead[0])
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            client.settle()
        said.setdefault(name, []).extend(str(one.message) for one in caught if one.category is scenecart.ScenecartWarning)
    assert said["A"] == []
    (told,) = said["B"]
    assert earlier.id in told
    assert later.id in told


@pytest.mark.parametrize("dialect", [["bought-ground", "no-keys"]], indirect=True)
def test_place_at_a_service_without_keys_repeats_no_request_once_that_was_noticed(box: Sandbox, machine: Any, ahead: list[float]):
    """Two orders for one key are noticed when all is quiet; from then on, only the list decides about a lost answer."""
    client = machine(wall=lambda: time.time() + ahead[0])
    captures = found(client, 2)
    box.faults.add("drop-after", 1, PLACE)
    client.cart(captures.iloc[[0]]).estimate().place()
    assert len(box.orders()) == 2
    ahead[0] = 1_000
    box.advance(1_000)
    with warns("key_ignored"):
        client.settle()
    box.faults.add("drop-after", 1, PLACE)
    estimate = client.cart(captures.iloc[[1]]).estimate()
    for _ in range(2):
        with contextlib.suppress(scenecart.PlacementUnknown):
            estimate.place()
    assert len(box.orders()) == 3
    ahead[0] = 2_000
    box.advance(1_000)
    assert estimate.place().id in {order["id"] for order in box.orders()}
    assert len(box.orders()) == 3


def test_wait_for_the_later_of_two_orders_of_the_same_ground_warns(
    box: Sandbox, ahead: list[float], bought_twice: tuple[scenecart.Order, scenecart.Order]
):
    """Whoever waits for the later of two orders of the same ground gets a warning when it is delivered."""
    _, later = bought_twice
    ahead[0] = 10**6
    box.advance(10**6)
    with warns("ordered_twice"):
        later.wait(progress=False, timeout=60)


@pytest.mark.parametrize("status", [403, 405])
def test_place_without_a_list_of_orders_says_what_it_does_not_see(box: Sandbox, machine: Any, status: int):
    """Where the service lists no orders, journal and key remain, which is said once a session."""
    said: list[str] = []

    class WithoutList(httpx.HTTPTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            if request.url.path.endswith(LIST):
                return httpx.Response(status, json={"status": status, "title": "Not for you"})
            return super().handle_request(request)

    client = machine(say=said.append, transport=WithoutList())
    estimates = [client.cart(found(client, 1, row)).estimate() for row in range(2)]
    for estimate in estimates:
        estimate.place()
    assert [getattr(line, "code", "") for line in said].count("orders_not_listed") == 1
    assert len(box.orders()) == 2


def test_place_while_the_list_fails_sends_nothing(box: Sandbox, machine: Any):
    """If the orders cannot be read, nothing is bought, unless somebody accepts that."""
    client = machine()
    estimate = client.cart(found(client, 1)).estimate()
    box.faults.add("503", 50, LIST)
    with raises(scenecart.PlacementError, "orders_not_checked"):
        estimate.place()
    assert box.orders() == []
    assert client.placements().empty
    assert estimate.place(owned="buy").note.code == "ground_shared"
    assert len(box.orders()) == 1


def test_journal_of_yesterday_buys_nothing_again(box: Sandbox, machine: Any, tmp_path: Path):
    """A journal that was restored from a backup is noticed, and the orders of today are found before anything is sent."""
    client = machine()
    client.cart(found(client, 1)).estimate().place()
    journal = tmp_path / "A" / "placements.sqlite"
    backup = journal.read_bytes()
    today = client.cart(found(client, 1, 1)).estimate().place()
    journal.write_bytes(backup)
    said: list[str] = []
    restored = machine(say=said.append)
    assert restored.cart(found(restored, 1, 1)).estimate().place().id == today.id
    assert "journal_setback" in {getattr(line, "code", "") for line in said}
    assert len(box.orders()) == 2


@pytest.mark.parametrize("dialect", [["stored-refusals:header"], ["stored-refusals:silent"]], indirect=True, ids=str)
def test_place_after_a_stored_refusal_reaches_an_order(box: Sandbox, machine: Any, dialect: list[str]):
    """A refusal that the service repeats for a day does not block the cart: the next key follows, or a person asks for it."""
    box.attach_card("card", "declined")
    client = machine(principal="card")
    estimate = client.cart(found(client, 1)).estimate()
    with pytest.raises(scenecart.CardDeclined):
        estimate.place()
    box.attach_card("card", "good")
    if dialect == ["stored-refusals:silent"]:
        with pytest.raises(scenecart.CardDeclined) as caught:
            estimate.place()
        order = caught.value.start_anew()
    else:
        order = estimate.place()
    assert [one["id"] for one in box.orders()] == [order.id]
    assert estimate.place().id == order.id
