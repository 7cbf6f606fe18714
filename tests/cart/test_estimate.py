"""Carts, estimates and placing against a service whose every answer the test decides."""

from __future__ import annotations

import contextlib
import json
import re
import sqlite3
import warnings
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import pytest
import shapely

import scenecart
from _purchases import ESTIMATE, GET, LIST, ORDER, PLACE, PROJECT, captures, keys, priced
from _scripted_service import Answer, Asked, ScriptedService, answer, feature, page
from scenecart._api.auth import USERINFO_PATH
from scenecart._captures import decode
from scenecart._captures.frame import to_frame

if TYPE_CHECKING:
    from pathlib import Path


def test_an_empty_cart_is_refused(connect: Any):
    """A cart without captures is an error that says so, not an order of nothing."""
    with pytest.raises(scenecart.InvalidCart, match="empty"):
        connect().cart(captures().iloc[:0])


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"id": None}, "it has no id"),
        ({"id": 5}, "its id is int"),
        ({"id": " "}, "its id is empty"),
        ({"geometry": None}, "it has no footprint"),
        ({"geometry": {"type": "Point", "coordinates": [1, 2]}}, "Point"),
        ({"geometry": {"type": "Polygon", "coordinates": []}}, "no footprint|cannot be read"),
        (
            {"geometry": {"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]]}},
            "no valid shape",
        ),
        ({"geometry": {"type": "Polygon", "coordinates": "x"}}, "cannot be read"),
        ({"geometry": "polygon"}, "cannot be read"),
        ({"geometry": {"type": "Polygon", "coordinates": [[[0, 91], [1, 91], [1, 92], [0, 91]]]}}, "outside the world"),
    ],
)
def test_a_capture_that_cannot_be_ordered_is_listed_and_refused(connect: Any, change: dict, why: str):
    """A capture without usable id or footprint stays in the result with its reason, and the cart names it."""
    found = page(feature("good"), {**feature("bad"), **change})
    features, _, _ = decode.read_page(json.dumps(found).encode(), "t")
    frame = to_frame(features)
    assert len(frame) == 2
    assert frame["orderable"].tolist() == [True, False]
    assert re.search(why, frame["not_orderable_reason"].iloc[1])
    with pytest.raises(scenecart.InvalidCart, match="1 of 2 captures cannot be ordered"):
        connect().cart(frame)
    assert len(connect().cart(frame[frame.orderable])) == 1


def test_captures_of_ones_own_are_judged_alike(connect: Any):
    """A frame that no search gave is refused for the same reasons: an area beyond a pole cannot be bought."""
    own = (
        captures()
        .drop(columns=["orderable", "not_orderable_reason"])
        .set_geometry([shapely.box(0, 0, 1, 1), shapely.box(0, 89, 1, 92)])
    )
    with pytest.raises(scenecart.InvalidCart, match=r"cannot be ordered: b \(its footprint lies outside the world\)"):
        connect().cart(own)


def test_captures_outside_the_area_are_named(connect: Any):
    """A capture that does not touch the area is refused by name, never dropped silently."""
    with pytest.raises(scenecart.InvalidCart, match="outside the area") as caught:
        connect().cart(captures(), aoi=(50, 50, 51, 51))
    assert caught.value.ids == ["a", "b"]


@pytest.mark.parametrize("wrong", [None, 5, [], {}, "captures.parquet"])
def test_a_cart_is_made_of_a_frame(connect: Any, wrong: object):
    """Anything but a GeoDataFrame is refused with what to pass instead."""
    with pytest.raises(scenecart.InvalidCart, match="GeoDataFrame"):
        connect().cart(wrong)
    with pytest.raises(scenecart.InvalidCart, match="iloc"):
        connect().cart(captures().iloc[0])


def test_a_cart_clips_to_the_area(service: ScriptedService, connect: Any):
    """What is sent is the footprint within the area, with the names the service knows it by."""
    service.put(ESTIMATE, answer(priced((["a"], 100))))
    connect().cart(captures("a"), aoi=(0.05, 10, 0.5, 10.1)).estimate()
    sent = service.requests(ESTIMATE)[0].json
    assert sent["splitByDate"] is False
    (capture,) = sent["captures"]
    assert (capture["id"], capture["host_name"], capture["collection"]) == ("a", "h", "c")
    assert shapely.geometry.shape(capture["geometry"]).equals(shapely.box(0.05, 10, 0.1, 10.1))


def test_the_fingerprint_depends_on_contents_alone(connect: Any):
    """Rows and columns in another order, and digits beyond 1e-9 degrees, give the same fingerprint; contents do not."""
    client = connect()
    frame = captures("a", "b", "c")
    cart = client.cart(frame)
    moved = frame.set_geometry(frame.geometry.translate(1e-13, -1e-13))
    assert client.cart(frame.iloc[::-1]).fingerprint == cart.fingerprint
    assert client.cart(frame[sorted(frame.columns)]).fingerprint == cart.fingerprint
    assert client.cart(moved).fingerprint == cart.fingerprint
    others = [
        cart.remove("a"),
        cart.replace(split_by_date=True),
        client.cart(frame, aoi=(0, 10, 0.05, 10.1)),
        client.cart(frame.set_geometry(frame.geometry.translate(1e-6, 0))),
    ]
    assert len({other.fingerprint for other in [cart, *others]}) == 5


def test_a_cart_changes_by_making_another(connect: Any):
    """Add and remove give new carts; a capture is in a cart once."""
    cart = connect().cart(captures("a"))
    more = cart.add(captures("a", "b"))
    assert (len(cart), sorted(more.ids), more.remove(["a"]).ids) == (1, ["a", "b"], ["b"])
    with pytest.raises(scenecart.InvalidCart, match="not in the cart"):
        cart.remove("x")
    with pytest.raises(scenecart.InvalidCart, match="empty"):
        cart.remove("a")


def test_an_estimate_shows_the_service_price(service: ScriptedService, connect: Any):
    """Groups, errors and totals are the service's, with credits as integers and dollars as decimals."""
    refused = [{"id": "b", "detail": "retired product"}]
    service.put(ESTIMATE, answer(priced((["a"], 4_200), errors=refused)))
    estimate = connect().cart(captures()).estimate()
    assert (estimate.total_credits, estimate.total_aud) == (4_200, Decimal("42.00"))
    assert isinstance(estimate.groups, gpd.GeoDataFrame)
    assert estimate.groups.loc[1, "captures"] == ["a"]
    assert estimate.groups.geometry.iloc[0].equals(captures("a").geometry.iloc[0])
    assert estimate.errors.to_dict("records") == refused
    assert estimate.priced_cart().ids == ["a"]


CONTRADICTIONS = {
    "half a credit": lambda e: e.update(total_credits=12.5),
    "text": lambda e: e.update(total_credits="300"),
    "negative": lambda e: e.update(total_credits=-1),
    "null": lambda e: e.update(total_credits=None),
    "groups do not add up": lambda e: e.update(total_credits=301),
    "dollars do not add up": lambda e: e.update(total_aud=4),
    "negative group": lambda e: e["groups"].append({"captures": ["a"], "credits": -5, "aud": 0}),
    "a capture forgotten": lambda e: e["groups"][0].update(captures=["a"]),
    "a capture nobody asked for": lambda e: e["groups"][0].update(captures=["a", "b", "x"]),
    "a capture twice": lambda e: e["groups"][0].update(captures=["a", "b", "b"]),
    "priced and refused": lambda e: e.update(errors=[{"id": "a", "detail": "x"}]),
    "no groups": lambda e: e.pop("groups"),
    "groups is text": lambda e: e.update(groups="x"),
    "a group is text": lambda e: e.update(groups=["x"]),
    "errors is text": lambda e: e.update(errors="x"),
}


@pytest.mark.parametrize("case", CONTRADICTIONS)
def test_an_estimate_that_contradicts_itself_is_no_price(service: ScriptedService, connect: Any, case: str):
    """Figures that do not add up are never shown as a price, and can never be placed."""
    document = priced((["a", "b"], 300))
    CONTRADICTIONS[case](document)
    service.put(ESTIMATE, answer(document))
    with pytest.raises(scenecart.UntrustedEstimate):
        connect().cart(captures()).estimate()


def test_a_price_that_is_shown_is_escaped(service: ScriptedService, connect: Any):
    """Text from a catalog is text in a notebook, never markup."""
    hostile = "<img src=x onerror=alert(1)>"
    service.put(ESTIMATE, answer(priced(([hostile], 100), errors=[{"id": "b", "detail": "</style><script>x"}])))
    html = connect().cart(captures(hostile, "b")).estimate()._repr_html_()
    assert "<img" not in html
    assert "<script" not in html
    assert "&lt;img src=x onerror=alert(1)&gt;" in html


def test_placing_sends_the_estimate_once(service: ScriptedService, connect: Any):
    """Placing sends what was priced, to the project, with a key; the order that answers is given."""
    service.put(PLACE, answer(ORDER, 202))
    order = connect().cart(captures()).estimate().place(license_type="standard")
    assert (order.id, order.status, order.total_credits, order.total_aud) == ("o-1", "processing", 300, Decimal("3.00"))
    (sent,) = service.requests(PLACE)
    assert sent.json["projectId"] == PROJECT
    assert sent.json["licenseType"] == "standard"
    assert sent.json["captures"] == service.requests(ESTIMATE)[0].json["captures"]
    assert len(sent.headers["idempotency-key"]) == 36


def test_the_key_is_on_disk_before_the_request_leaves(service: ScriptedService, connect: Any, tmp_path: Path):
    """While the service reads the request, another process can already read its key in the journal."""
    seen: list[tuple[str, str]] = []

    def look(request: Asked) -> Answer:
        with sqlite3.connect(tmp_path / "home" / "placements.sqlite") as database:
            seen.extend(database.execute("SELECT key, state FROM placement"))
        database.close()
        return answer(ORDER, 202)

    service.put(PLACE, look)
    connect().cart(captures()).estimate().place()
    assert seen == [(keys(service)[0], "sent")]


@pytest.mark.parametrize("new_kernel", [False, True], ids=["same kernel", "new kernel"])
def test_placing_again_gives_the_order_that_exists(
    service: ScriptedService, connect: Any, capsys: pytest.CaptureFixture[str], *, new_kernel: bool
):
    """Running the same cell again buys nothing: it gives the order that exists, and says so."""
    service.put(PLACE, answer(ORDER, 202))
    client = connect()
    client.cart(captures()).estimate().place()
    again = (connect() if new_kernel else client).cart(captures().iloc[::-1]).estimate().place()
    assert again.id == "o-1"
    assert "Already ordered" in again.note
    assert "Already ordered" in capsys.readouterr().out
    assert len(service.requests(PLACE)) == 1


@pytest.mark.parametrize("told", [Answer(b"<html>Please sign in.</html>"), Answer(b"")], ids=["a page", "nothing"])
def test_who_pays_is_never_guessed(service: ScriptedService, connect: Any, told: Answer):
    """Where the answer that says who pays is lost to a proxy, nothing is placed: another kernel would not know it again."""
    service.put(USERINFO_PATH, told, answer({"organization_id": "org"}))
    service.put(PLACE, answer(ORDER, 202))
    first = connect()
    with pytest.raises(scenecart.ServiceError, match="userinfo answered"):
        first.cart(captures()).estimate().place()
    assert len(first.placements()) == 0
    assert first.cart(captures()).estimate().place().id == "o-1"
    assert "Already ordered" in connect().cart(captures()).estimate().place().note
    assert len(service.requests(PLACE)) == 1


def test_buying_again_takes_saying_so(service: ScriptedService, connect: Any):
    """again=True buys once more, with a key of its own; another project or licence is another purchase."""
    service.put(PLACE, *(answer({**ORDER, "id": f"o-{number}"}, 202) for number in range(1, 5)))
    estimate = connect().cart(captures()).estimate()
    ids = [
        estimate.place().id,
        estimate.place(again=True).id,
        estimate.place(license_type="extended").id,
        estimate.place(project="another").id,
    ]
    assert ids == ["o-1", "o-2", "o-3", "o-4"]
    assert len(set(keys(service))) == 4


def test_a_lost_answer_is_settled_with_the_same_key(service: ScriptedService, connect: Any):
    """When no answer comes, the error says so with the key, and placing again after a restart uses it."""
    service.put(PLACE, Answer(None))
    with pytest.raises(scenecart.PlacementUnknown, match="not known") as caught:
        connect().cart(captures()).estimate().place()
    assert caught.value.money_may_have_moved
    service.put(PLACE, answer(ORDER, 202))
    with pytest.warns(scenecart.ScenecartWarning, match="was not finished"):
        client = connect()
    assert client.placements()["state"].tolist() == ["unknown"]
    assert client.cart(captures()).estimate().place().id == "o-1"
    assert set(keys(service)) == {caught.value.idempotency_key}
    assert client.placements()["state"].tolist() == ["placed"]


def test_settle_finds_out(service: ScriptedService, connect: Any):
    """settle() brings an unknown placement to its end with the key and body that were written down."""
    service.put(PLACE, Answer(b"<html>", 202))
    client = connect()
    with pytest.raises(scenecart.PlacementUnknown):
        client.cart(captures()).estimate().place()
    service.put(PLACE, answer(ORDER, 202))
    assert client.settle()["state"].tolist() == ["placed"]
    assert len(set(keys(service))) == 1
    assert len({request.body for request in service.requests(PLACE)}) == 1
    assert len(client.settle()) == 0


@pytest.mark.parametrize("reply", [answer({}, 202), answer({"id": None}, 200), answer([], 202), Answer(b"", 202)])
def test_an_answer_without_an_order_is_not_an_order(service: ScriptedService, connect: Any, reply: Answer):
    """A success that names no order is not reported as placed, and the key is kept for following up."""
    service.put(PLACE, reply)
    client = connect()
    with pytest.raises(scenecart.PlacementUnknown) as caught:
        client.cart(captures()).estimate().place()
    assert caught.value.idempotency_key in str(caught.value)
    assert client.placements()["state"].tolist() == ["unknown"]


def test_a_402_keeps_the_key(service: ScriptedService, connect: Any):
    """After paying is sorted out, the same key is used, so that nothing can be bought twice."""
    service.put(PLACE, answer({"title": "insufficient credits"}, 402), answer(ORDER, 202))
    client = connect()
    estimate = client.cart(captures()).estimate()
    with pytest.raises(scenecart.InsufficientCredits):
        estimate.place()
    assert client.placements()["state"].tolist() == ["unpaid"]
    assert estimate.place().id == "o-1"
    assert len(set(keys(service))) == 1


def test_a_refusal_frees_the_placement(service: ScriptedService, connect: Any):
    """What the service refused is tried with a new key next time."""
    service.put(PLACE, answer({"detail": "requires scope orders:write"}, 403), answer(ORDER, 202))
    estimate = connect().cart(captures()).estimate()
    with pytest.raises(scenecart.PermissionDenied):
        estimate.place()
    estimate.place()
    assert len(set(keys(service))) == 2


def test_the_price_is_asked_for_before_every_order(service: ScriptedService, connect: Any):
    """A price that was just shown is asked for once more; a change stops the placement before money moves."""
    service.put(PLACE, answer(ORDER, 202))
    client = connect()
    estimate = client.cart(captures()).estimate()
    service.put(ESTIMATE, answer(priced((["a", "b"], 450))))
    with pytest.raises(scenecart.PriceChanged, match=r"450 credits.*instead of 300") as caught:
        estimate.place()
    assert (caught.value.old_credits, caught.value.new_credits) == (300, 450)
    assert service.requests(PLACE) == []
    assert len(client.placements()) == 0
    service.put(ESTIMATE, answer(priced((["a", "b"], 300))))
    assert estimate.place().id == "o-1"


def test_a_dearer_order_is_shouted(service: ScriptedService, connect: Any):
    """An order that costs more than its estimate is told at once."""
    service.put(PLACE, answer({**ORDER, "totalCredits": 999}, 202))
    estimate = connect().cart(captures()).estimate()
    with pytest.warns(scenecart.ScenecartWarning, match="999 credits; the estimate said 300"):
        estimate.place()


def test_a_part_without_price_is_not_placed(service: ScriptedService, connect: Any):
    """An estimate with errors is not placed silently for its rest."""
    service.put(ESTIMATE, answer(priced((["a"], 100), errors=[{"id": "b", "detail": "retired"}])))
    with pytest.raises(scenecart.EstimateIncomplete, match="priced_cart"):
        connect().cart(captures()).estimate().place()
    assert service.requests(PLACE) == []


def test_no_project_is_an_error_before_anything_is_sent(service: ScriptedService, connect: Any):
    """Without a project nothing is placed, and the error says where one can be given."""
    with pytest.raises(scenecart.ConfigurationError, match="SCENECART_PROJECT"):
        connect(project=None).cart(captures()).estimate().place()
    assert service.requests(PLACE) == []


def test_only_an_estimate_can_be_placed(service: ScriptedService, connect: Any):
    """There is no way round the estimate: call() does not place, however the operation is written."""
    for name in (PLACE, "Orders.Archive.PLACE"):
        with pytest.raises(scenecart.ConfigurationError, match="only an estimate"):
            connect().call(name, {"captures": []})
    for name in ("orders%2Earchive%2Eplace", "x/../orders.archive.place", "orders.archive.place ", "orders.archive.place?a=1", ""):
        with pytest.raises(scenecart.InvalidRequest, match="no operation"):
            connect().call(name, {"captures": []})
    assert service.asked == []


def test_a_damaged_journal_places_nothing(service: ScriptedService, connect: Any, tmp_path: Path):
    """A journal that cannot be read stops placing with a clear error, and is left as it is."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "placements.sqlite").write_bytes(b"this is no database, but it may have been one" * 100)
    before = (home / "placements.sqlite").read_bytes()
    with pytest.raises(scenecart.JournalError, match="damaged"):
        connect().cart(captures()).estimate().place()
    assert (home / "placements.sqlite").read_bytes() == before
    assert service.requests(PLACE) == []


def test_a_journal_that_cannot_be_used_is_not_called_damaged(service: ScriptedService, connect: Any, tmp_path: Path):
    """Where the disk keeps the journal from being used, nothing is placed and nobody is told to move the journal away."""
    connect().placements()
    wal = tmp_path / "home" / "placements.sqlite-wal"
    wal.unlink(missing_ok=True)
    wal.mkdir()
    with pytest.raises(scenecart.JournalError, match="cannot be used") as caught:
        connect().cart(captures()).estimate().place()
    assert "Leave" in str(caught.value)
    assert "Move" not in str(caught.value)
    assert service.requests(PLACE) == []


def test_a_home_that_cannot_be_used_stops_buying_alone(service: ScriptedService, connect: Any, tmp_path: Path):
    """Without a place for the journal one can connect, look at orders and see prices, and is told; nothing can be placed."""
    home = tmp_path / "file"
    home.write_text("no directory")
    with pytest.warns(scenecart.ScenecartWarning, match="nothing can be placed from here"):
        client = connect(home=home)
    service.put(LIST, answer({"content": [ORDER], "totalElements": 1, "totalPages": 1}))
    with pytest.warns(scenecart.ScenecartWarning, match="ground of orders"):
        assert client.orders().index.tolist() == ["o-1"]
    estimate = client.cart(captures()).estimate()
    with pytest.raises(scenecart.JournalError, match=r"cannot be opened \(File exists\), so nothing is placed") as told:
        estimate.place()
    assert "Errno" not in str(told.value)
    assert service.requests(PLACE) == []


def test_what_was_left_open_is_told_with_whose_it_is(service: ScriptedService, connect: Any):
    """What a former session left open is mentioned with its project and account, or its project alone where no account is told."""
    service.put(PLACE, Answer(None))
    lost = connect().cart(captures()).estimate()
    with pytest.raises(scenecart.PlacementUnknown):
        lost.place(project="harbour")
    service.put(USERINFO_PATH, answer({"sub": "u-1", "organization_id": "o-9"}))
    with pytest.warns(scenecart.ScenecartWarning, match=r"1 placement was not finished \(project harbour\); "):
        theirs = connect().cart(captures()).estimate()
    with pytest.raises(scenecart.PlacementUnknown):
        theirs.place(project="harbour")
    service.put(PLACE, answer({"detail": "no card"}, 402))
    with pytest.raises(scenecart.NoPaymentMethod):
        theirs.place(project="reef")
    with pytest.warns(scenecart.ScenecartWarning) as told:
        connect()
    first, second = (str(entry.message) for entry in told)
    assert first.startswith("2 placements were not finished (project harbour, project harbour of account o-9); ")
    assert second.startswith("1 placement waits for payment (project reef of account o-9); nothing was ordered.")


def test_warnings_that_are_errors_keep_nobody_from_settling(
    service: ScriptedService, connect: Any, capsys: pytest.CaptureFixture[str]
):
    """Where Python raises every warning, what was left open is still told, and can still be settled."""
    service.put(PLACE, Answer(None))
    with pytest.raises(scenecart.PlacementUnknown):
        connect().cart(captures()).estimate().place()
    service.put(PLACE, answer(ORDER, 202))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        settled = connect().settle()
    assert settled["order_id"].tolist() == ["o-1"]
    assert "was not finished" in capsys.readouterr().out


class Full:
    """Lets the journal be written to no more, as on a disk that is full, until it is lifted."""

    def __init__(self, home: Path, reply: Answer) -> None:
        self._path = home / "placements.sqlite"
        self._reply = reply

    def __call__(self, _: Asked) -> Answer:
        self._run("CREATE TRIGGER IF NOT EXISTS full BEFORE UPDATE ON placement BEGIN SELECT RAISE(FAIL, 'disk is full'); END")
        return self._reply

    def lift(self) -> None:
        self._run("DROP TRIGGER full")

    def _run(self, statement: str) -> None:
        with contextlib.closing(sqlite3.connect(self._path, isolation_level=None)) as database:
            database.execute(statement)


def test_an_order_that_cannot_be_noted_is_given_all_the_same(service: ScriptedService, connect: Any, tmp_path: Path):
    """A disk that fills while the answer comes loses no order: it is given, with a warning; placing again sends the same key."""
    full = Full(tmp_path / "home", answer(ORDER, 202))
    service.put(PLACE, full)
    estimate = connect().cart(captures()).estimate()
    with pytest.warns(scenecart.ScenecartWarning, match=r"The order o-1 was placed.*disk is full.*not noted"):
        order = estimate.place()
    assert order.id == "o-1"
    full.lift()
    service.put(PLACE, answer(ORDER, 202))
    assert estimate.place().id == "o-1"
    assert len(set(keys(service))) == 1


@pytest.mark.parametrize(
    ("refusal", "error"),
    [
        (
            answer({"error": "insufficient_credits", "required_credits": 300, "balance_credits": 1}, 402),
            scenecart.InsufficientCredits,
        ),
        (answer({"detail": "requires scope orders:write"}, 403), scenecart.PermissionDenied),
        (answer({"detail": "claimed"}, 409), scenecart.PlacementUnknown),
    ],
)
def test_a_refusal_that_cannot_be_noted_is_told_as_it_is(
    service: ScriptedService, connect: Any, tmp_path: Path, refusal: Answer, error: type[Exception]
):
    """What the service refused is raised as that, says that it could not be noted, and placing again sends the same key."""
    full = Full(tmp_path / "home", refusal)
    service.put(PLACE, full)
    estimate = connect().cart(captures()).estimate()
    with pytest.raises(error) as caught:
        estimate.place()
    told = caught.value if error is not scenecart.PlacementUnknown else caught.value.__cause__
    assert "disk is full" in told.__notes__[0]
    full.lift()
    service.put(PLACE, answer(ORDER, 202))
    assert estimate.place().id == "o-1"
    assert len(set(keys(service))) == 1


def test_an_interrupted_placement_says_what_to_do(service: ScriptedService, connect: Any):
    """Stopping the cell that buys says that it is not known whether it did, and how to find out."""

    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    service.put(PLACE, answer({"detail": "busy"}, 503), answer(ORDER, 202))
    client = connect(sleep=interrupt)
    with pytest.raises(KeyboardInterrupt) as caught:
        client.cart(captures()).estimate().place()
    assert "client.settle()" in caught.value.__notes__[0]
    assert client.placements()["state"].tolist() == ["unknown"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"again": "no"}, "True or False"),
        ({"again": 1}, "True or False"),
        ({"license_type": None}, "A licence is a text"),
        ({"license_type": ""}, "A licence is a text"),
        ({"project": 5}, "project is the id"),
    ],
)
def test_what_placing_is_told_is_taken_by_the_letter(service: ScriptedService, connect: Any, given: dict[str, Any], said: str):
    """A value that is not what is asked for buys nothing, instead of being taken for something."""
    client = connect()
    service.put(PLACE, answer(ORDER, 202))
    estimate = client.cart(captures()).estimate()
    estimate.place()
    with pytest.raises(scenecart.InvalidRequest, match=said):
        estimate.place(**given)
    assert len(service.requests(PLACE)) == 1


def test_what_was_placed_before_can_be_asked(service: ScriptedService, connect: Any, capsys: pytest.CaptureFixture[str]):
    """Before buying one can ask whether it was bought: the order then, or None; nothing is sent to the service's till."""
    service.put(PLACE, answer(ORDER, 202))
    service.put(GET, answer(ORDER))
    estimate = connect().cart(captures()).estimate()
    assert estimate.existing_order() is None
    estimate.place()
    before = estimate.existing_order()
    assert before is not None
    assert before.id == "o-1"
    assert estimate.existing_order(license_type="extended") is None
    assert len(service.requests(PLACE)) == 1
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("send", ["no", "False", 0, None])
def test_settling_is_told_by_the_letter_whether_to_send(service: ScriptedService, connect: Any, send: Any):
    """A text such as "no" is not taken for yes where settling may complete a purchase."""
    service.put(PLACE, answer({"detail": "down"}, 500))
    client = connect(sleep=lambda _: None)
    with pytest.raises(scenecart.PlacementUnknown):
        client.cart(captures()).estimate().place()
    asked = len(service.asked)
    with pytest.raises(scenecart.InvalidRequest, match=r"send is True or False, not .*Nothing was sent"):
        client.settle(send=send)
    assert len(service.asked) == asked


@pytest.mark.parametrize("orders", [[{**ORDER, "createdAt": "2999-01-01T00:00:00Z"}], []], ids=["arrived", "lost"])
def test_settling_without_sending_only_looks(
    service: ScriptedService, connect: Any, orders: list[dict[str, Any]], capsys: pytest.CaptureFixture[str]
):
    """settle(send=False) finds an order that arrived among the orders, and sends nothing where there is none."""
    service.put(PLACE, answer({"detail": "down"}, 500))
    client = connect(sleep=lambda _: None)
    with pytest.raises(scenecart.PlacementUnknown):
        client.cart(captures()).estimate().place()
    tries = len(service.requests(PLACE))
    service.put(LIST, answer({"content": orders, "totalElements": len(orders), "totalPages": 1}))
    service.put(GET, answer(ORDER))
    settled = client.settle(send=False)
    assert settled["state"].tolist() == ["placed" if orders else "unknown"]
    assert settled["detail"].tolist() == [
        "found among the orders" if orders else "not among the orders so far; nothing was sent again"
    ]
    assert len(service.requests(PLACE)) == tries
    assert "again=True" not in capsys.readouterr().out  # nobody was placing
    if not orders:
        service.put(PLACE, answer(ORDER, 202))
        assert client.settle()["detail"].tolist() == ["sent once more with its own key, at the price that was agreed to"]
        assert len(set(keys(service))) == 1


def test_a_newer_journal_is_left_alone(connect: Any, tmp_path: Path):
    """A journal of a newer version is neither read nor replaced."""
    home = tmp_path / "home"
    connect().placements()
    with sqlite3.connect(home / "placements.sqlite") as database:
        database.execute("PRAGMA user_version = 99")
    database.close()
    with pytest.raises(scenecart.JournalError, match="newer version") as told:
        connect().placements()
    assert "SCENECART_HOME" not in str(told.value)  # a new journal knows nothing of what was bought
