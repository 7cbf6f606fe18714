"""What placing promises when things go wrong: nothing is bought twice, at another price, or without being asked for."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import time
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

import scenecart
from _expect import raises
from _purchases import ESTIMATE, GET, LIST, ORDER, PLACE, PROJECT, captures, keys, priced
from _scripted_service import Answer, RecordedRequest, ScriptedService, answer
from scenecart._api.auth import USERINFO_PATH
from scenecart._orders.journal import Intent, Journal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BALANCE = "billing.credits.balance"
PLACED = answer(ORDER, 202)
LOST = Answer(None)
HOUR = 3_600.0
INTENT = Intent("https://s.example", "org", "project", "fingerprint", "standard", 1, 100, "1.00", b"{}")


class Wall:
    """A clock on the wall that a test turns."""

    def __init__(self) -> None:
        self.now = time.time()

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def wall() -> Wall:
    return Wall()


@pytest.fixture
def estimate(connect: Any, wall: Wall) -> scenecart.Estimate:
    """Give the price of a cart of two captures: 300 credits."""
    return connect(wall=wall).cart(captures()).estimate()


def test_a_limit_stops_what_costs_more(service: ScriptedService, estimate: scenecart.Estimate):
    """max_credits refuses what is dearer before anything is sent or written down, and lets pass what is not."""
    service.put(PLACE, PLACED)
    with pytest.raises(scenecart.OverLimit, match=r"300 credits; max_credits allows 299\. Nothing was ordered") as caught:
        estimate.place(max_credits=299)
    with pytest.raises(scenecart.InvalidRequest, match=r"not '50,000'\. Nothing was ordered\.\n.*separators: 50000") as told:
        estimate.place(max_credits="50,000")
    assert told.value.status is None
    assert (caught.value.total_credits, caught.value.max_credits) == (300, 299)
    assert keys(service) == []
    assert estimate.place(max_credits=300).id == "o-1"


def test_a_limit_holds_for_a_price_that_rises_at_once(service: ScriptedService, estimate: scenecart.Estimate):
    """With max_credits the price is asked for once more however young it is, and a dearer one buys nothing."""
    service.put(PLACE, PLACED)
    service.put(ESTIMATE, answer(priced((["a", "b"], 450))))
    with pytest.raises(scenecart.PriceChanged) as caught:
        estimate.place(max_credits=400)
    assert (caught.value.old_credits, caught.value.new_credits) == (300, 450)
    assert keys(service) == []


@pytest.mark.parametrize("limit", [-1, 2.5, "300", True])
def test_a_limit_is_a_number_of_credits(service: ScriptedService, estimate: scenecart.Estimate, limit: Any):
    """A limit that is no number of credits is refused, and how one is written is told where a text was given; nothing is placed."""
    with pytest.raises(scenecart.InvalidRequest, match="whole number of credits") as told:
        estimate.place(max_credits=limit)
    assert (told.value.hint is not None) == isinstance(limit, str)
    assert keys(service) == []


def test_a_changed_price_shows_where_it_changed(service: ScriptedService, estimate: scenecart.Estimate, wall: Wall):
    """PriceChanged tells both prices for each group, and gives today's estimate, which can be placed as it is."""
    service.put(PLACE, answer({**ORDER, "totalCredits": 320}, 202))
    service.put(ESTIMATE, answer(priced((["b"], 200), (["a"], 120))))
    wall.now += 301
    with pytest.raises(scenecart.PriceChanged) as caught:
        estimate.place()
    groups = caught.value.groups
    assert groups["captures"].tolist() == [["a", "b"], ["b"], ["a"]]
    assert groups["old_credits"].fillna(-1).tolist() == [300, -1, -1]
    assert groups["new_credits"].fillna(-1).tolist() == [-1, 200, 120]
    assert caught.value.estimate.total_credits == 320
    assert caught.value.estimate.place().id == "o-1"


def test_the_same_total_in_other_groups_is_another_price(service: ScriptedService, estimate: scenecart.Estimate, wall: Wall):
    """A price whose groups moved is not what was shown, even where its total is the same."""
    service.put(ESTIMATE, answer(priced((["a"], 100), (["b"], 200))))
    wall.now += 301
    with pytest.raises(scenecart.PriceChanged):
        estimate.place()
    assert keys(service) == []


def test_a_clock_that_was_set_back_makes_a_price_old(service: ScriptedService, estimate: scenecart.Estimate, wall: Wall):
    """A price from the future is not taken for a fresh one."""
    service.put(PLACE, PLACED)
    wall.now -= HOUR
    estimate.place()
    assert len(service.requests(ESTIMATE)) == 2


REFUSALS_TO_PAY: dict[str, tuple[dict[str, Any], type[scenecart.PaymentRequired]]] = {
    "credits": ({"title": "insufficient credits", "required_credits": 300, "balance_credits": 5}, scenecart.InsufficientCredits),
    "no card": ({"title": "no payment method", "detail": "no payment method on file"}, scenecart.NoPaymentMethod),
    "declined": ({"title": "card declined", "decline_code": "do_not_honor"}, scenecart.CardDeclined),
    "3-D Secure": (
        {"title": "authentication required", "client_secret": "pi_private", "challenge_url": "https://bank.example/c"},
        scenecart.AuthenticationRequired,
    ),
}


@pytest.mark.parametrize("case", REFUSALS_TO_PAY)
def test_each_payment_error_can_be_tried_again(service: ScriptedService, estimate: scenecart.Estimate, case: str):
    """Once paying is sorted out, the error's own retry() places with the same key; the order knows its cart."""
    problem, kind = REFUSALS_TO_PAY[case]
    service.put(PLACE, answer(problem, 402), answer(problem, 402), PLACED)
    with pytest.raises(kind) as caught:
        estimate.place()
    assert caught.value.hint
    assert "pi_private" not in f"{caught.value!s}{caught.value!r}{caught.value.problem}{vars(caught.value)}"
    with pytest.raises(kind) as second:
        caught.value.retry()
    order = second.value.retry()
    assert (order.id, order.cart) == ("o-1", estimate.cart)
    assert len(set(keys(service))) == 1
    assert len(keys(service)) == 3


def test_an_unknown_placement_can_be_tried_again(service: ScriptedService, estimate: scenecart.Estimate):
    """PlacementUnknown's retry() asks with the same key, and gives the order that was placed all along."""
    service.put(PLACE, LOST)
    with pytest.raises(scenecart.PlacementUnknown) as caught:
        estimate.place()
    service.put(PLACE, PLACED)
    assert caught.value.retry().id == "o-1"
    assert len(set(keys(service))) == 1


def test_an_error_nobody_bound_says_what_to_do():
    """retry() of an error that came from elsewhere says how to go on."""
    with pytest.raises(scenecart.ConfigurationError, match=r"client\.settle"):
        scenecart.PlacementUnknown("unknown").retry()


REFUSALS = {
    400: scenecart.BadRequest,
    401: scenecart.AuthenticationError,
    403: scenecart.PermissionDenied,
    404: scenecart.NotFound,
    410: scenecart.Gone,
    422: scenecart.InvalidRequest,
}


@pytest.mark.parametrize("status", REFUSALS)
def test_a_refusal_after_a_lost_answer_proves_nothing(service: ScriptedService, estimate: scenecart.Estimate, status: int):
    """When the first try got no answer, the second one's refusal does not free the key: the first may have bought it."""
    service.put(PLACE, LOST, answer({"title": "no"}, status))
    with pytest.raises(scenecart.PlacementUnknown) as caught:
        estimate.place()
    assert isinstance(caught.value.__cause__, REFUSALS[status])
    service.put(PLACE, PLACED)
    assert estimate.place().id == "o-1"
    assert len(set(keys(service))) == 1


@pytest.mark.parametrize("status", REFUSALS)
def test_a_refusal_in_a_later_session_proves_nothing(
    service: ScriptedService, connect: Any, estimate: scenecart.Estimate, status: int
):
    """Nor does a refusal in a session that only finds the lost placement in the journal."""
    service.put(PLACE, LOST)
    with pytest.raises(scenecart.PlacementUnknown):
        estimate.place()
    service.put(PLACE, answer({"title": "no"}, status))
    with pytest.warns(scenecart.ScenecartWarning, match="not finished"):
        later = connect()
    with pytest.raises(scenecart.PlacementUnknown):
        later.cart(captures()).estimate().place()
    service.put(PLACE, PLACED)
    later.cart(captures()).estimate().place()
    assert len(set(keys(service))) == 1


@pytest.mark.parametrize("status", REFUSALS)
def test_a_refusal_of_the_only_try_frees_the_placement(service: ScriptedService, estimate: scenecart.Estimate, status: int):
    """A refusal of the one try there was is certain: the next one is a new placement with a key of its own."""
    service.put(PLACE, answer({"title": "no"}, status))
    with pytest.raises(REFUSALS[status]) as caught:
        estimate.place()
    assert not caught.value.money_may_have_moved
    service.put(PLACE, PLACED)
    estimate.place()
    first, *_, last = keys(service)
    assert first != last


def test_a_changed_price_looks_for_the_order_first(service: ScriptedService, estimate: scenecart.Estimate, wall: Wall):
    """A placement whose answer was lost is looked for among the orders before anybody is told that nothing was ordered."""
    service.put(PLACE, LOST)
    with pytest.raises(scenecart.PlacementUnknown):
        estimate.place()
    wall.now += 301
    service.put(ESTIMATE, answer(priced((["a", "b"], 450))))
    service.put(LIST, answer([ORDER]))
    sent = len(keys(service))
    assert estimate.place().id == "o-1"
    assert len(keys(service)) == sent


def test_a_changed_price_without_an_order_buys_at_the_price_agreed_to(
    service: ScriptedService, estimate: scenecart.Estimate, wall: Wall
):
    """Where there is no such order the new price is asked about, and agreeing to it uses the key that may be known already."""
    service.put(PLACE, LOST)
    with pytest.raises(scenecart.PlacementUnknown):
        estimate.place()
    wall.now += 301
    service.put(ESTIMATE, answer(priced((["a", "b"], 450))))
    service.put(LIST, answer([]))
    with pytest.raises(scenecart.PriceChanged) as caught:
        estimate.place()
    service.put(PLACE, answer({**ORDER, "totalCredits": 450}, 202))
    assert caught.value.estimate.place().total_credits == 450
    assert len(set(keys(service))) == 1


@pytest.fixture
def lost(service: ScriptedService, estimate: scenecart.Estimate, connect: Any, wall: Wall) -> scenecart.Client:
    """Give a later session of somebody whose placement got no answer."""
    service.put(PLACE, LOST)
    with pytest.raises(scenecart.PlacementUnknown):
        estimate.place()
    service.received.clear()
    with pytest.warns(scenecart.ScenecartWarning, match="not finished"):
        client: scenecart.Client = connect(wall=wall)
    return client


def test_a_warning_shows_the_analysts_own_line(service: ScriptedService, connect: Any):
    """A warning names the line of the notebook that led to it, not one inside the library."""
    service.put(PLACE, answer({**ORDER, "totalCredits": 999}, 202))
    with pytest.warns(scenecart.ScenecartWarning) as caught:
        connect().cart(captures()).estimate().place()
    assert [entry.filename for entry in caught] == [__file__]


def test_settling_never_buys_at_another_price(service: ScriptedService, lost: scenecart.Client):
    """settle() sends again only what costs what was agreed to; else it says why it did not."""
    service.put(ESTIMATE, answer(priced((["a", "b"], 450))))
    service.put(LIST, answer([]))
    settled = lost.settle()
    assert keys(service) == []
    assert settled["state"].tolist() == ["unknown"]
    assert "450 credits now, not 300" in settled["detail"][0]
    service.put(LIST, answer([ORDER]))
    assert lost.settle()["order_id"].tolist() == ["o-1"]
    assert keys(service) == []


@pytest.mark.parametrize(
    ("path", "reply"),
    [
        (PLACE, answer({}, 503)),
        (PLACE, answer({"title": "no"}, 422)),
        (ESTIMATE, answer({}, 503)),
        (ESTIMATE, answer(priced(errors=[{"id": "a", "detail": "sold"}, {"id": "b", "detail": "sold"}]))),
        (ESTIMATE, answer({"total_credits": 1})),
    ],
)
def test_settling_goes_on_past_what_cannot_be_found_out(service: ScriptedService, lost: scenecart.Client, path: str, reply: Answer):
    """A placement that cannot be settled today stays unknown, says why, and keeps nothing else from being settled."""
    service.put(PLACE, PLACED)
    service.put(path, reply)
    settled = lost.settle()
    assert settled["state"].tolist() == ["unknown"]
    assert settled["detail"][0]
    service.put(PLACE, PLACED)
    service.put(ESTIMATE, answer(priced((["a", "b"], 300))))
    assert lost.settle()["state"].tolist() == ["placed"]


@pytest.mark.parametrize(("status", "error"), [(401, scenecart.AuthenticationError), (403, scenecart.PermissionDenied)])
def test_settling_without_permission_says_so(
    service: ScriptedService, lost: scenecart.Client, status: int, error: type[scenecart.ScenecartError]
):
    """An account that may not find out anything is told so, and the placement stays as it is."""
    service.put(ESTIMATE, answer({}, status))
    with pytest.raises(error):
        lost.settle()
    assert lost.placements()["state"].tolist() == ["unknown"]


def test_a_forgotten_key_is_never_sent_again(service: ScriptedService, lost: scenecart.Client, wall: Wall):
    """After 23 hours an unknown placement is looked up among the orders; its key, which the service may have forgotten, stays."""
    wall.now += 23 * HOUR
    other = {**ORDER, "id": "other", "captures": ["a", "c"]}
    old = {**ORDER, "id": "old", "createdAt": "2001-01-01T00:00:00Z"}
    service.put(LIST, answer([other, old, ORDER]))
    assert lost.settle()["order_id"].tolist() == ["o-1"]
    assert keys(service) == []
    assert lost.cart(captures()).estimate().place().note.startswith("Already ordered")


def test_no_more_orders_are_looked_at_than_needed(service: ScriptedService, lost: scenecart.Client, wall: Wall):
    """The order of a placement is looked for page by page, wherever it stands, and no page is asked for after it."""
    wall.now += 23 * HOUR
    old = {"content": [{**ORDER, "id": "old", "createdAt": "2001-01-01T00:00:00Z"}], "totalPages": 9}
    service.put(LIST, answer(old), answer({**old, "content": [ORDER]}))
    assert lost.settle()["order_id"].tolist() == ["o-1"]
    assert [request.json["page"] for request in service.requests(LIST)] == [0, 1]


def test_a_clock_that_was_set_back_makes_a_key_doubtful(service: ScriptedService, lost: scenecart.Client, wall: Wall):
    """A placement from the future is looked up as well, for nobody knows how old its key is."""
    wall.now -= HOUR
    service.put(LIST, answer([ORDER]))
    assert lost.settle()["order_id"].tolist() == ["o-1"]
    assert keys(service) == []


def test_a_forgotten_key_without_an_order_gives_way_to_a_new_one(service: ScriptedService, lost: scenecart.Client, wall: Wall):
    """Where no such order is among the orders, placing again is a new placement with a new key."""
    (key,) = lost.placements()["key"]
    wall.now += 23 * HOUR
    service.put(LIST, answer([]))
    service.put(PLACE, PLACED)
    assert lost.cart(captures()).estimate().place().id == "o-1"
    assert key not in keys(service)
    assert lost.placements()["state"].tolist() == ["refused", "placed"]


def test_what_was_never_sent_is_put_away(service: ScriptedService, connect: Any, tmp_path: Path, wall: Wall):
    """settle() puts an intent away that no request followed; not a fresh one, which may be about to leave."""
    written = Journal(tmp_path / "home" / "placements.sqlite", now=wall)
    written.claim(replace(INTENT, base_url=service.url))
    written.close()
    client = connect(wall=wall)
    assert len(client.settle()) == 0
    assert client.placements()["state"].tolist() == ["intended"]
    wall.now += 61
    assert client.settle()["state"].tolist() == ["refused"]
    assert service.received == []


def test_the_balance_stands_beside_the_price(service: ScriptedService, connect: Any):
    """An estimate shows the credits there are beside what it costs, and is shown without them where they are not told."""
    service.put(BALANCE, answer({"balance_credits": 12_345}))
    estimate = connect().cart(captures()).estimate()
    assert estimate.balance_credits == 12_345
    assert "12,345" in estimate._repr_html_()
    service.put(BALANCE, answer({"detail": "requires scope billing:read"}, 403))
    without = connect().cart(captures()).estimate()
    assert without.balance_credits is None
    service.put(BALANCE, answer({"balance_credits": 0, "billing_mode": "card"}))
    by_card = connect().cart(captures()).estimate()
    assert by_card.balance_credits is None
    assert "balance" not in by_card._repr_html_()
    assert "None" not in without._repr_html_()


@pytest.fixture
def journal(tmp_path: Path, wall: Wall) -> Iterator[Journal]:
    opened = Journal(tmp_path / "placements.sqlite", now=wall)
    yield opened
    opened.close()


def test_a_refusal_while_another_process_tries_proves_nothing(journal: Journal):
    """Of two processes that try with one key, the one that is refused does not free it for a third."""
    first = journal.begin(journal.claim(INTENT), 100, "1.00")
    journal.begin(journal.claim(INTENT), 100, "1.00")
    assert journal.refuse(first, "no").state == "unknown"
    assert journal.claim(INTENT).key == first.key


def test_what_another_session_put_away_is_not_sent(journal: Journal):
    """A process that slept between writing its intent down and sending it finds that it was put away, and does not send."""
    asleep = journal.claim(INTENT)
    journal.refuse(asleep, "it was never sent")
    anew = journal.claim(INTENT)
    assert anew.key != asleep.key
    assert journal.begin(asleep, 100, "1.00").state == "refused"
    assert journal.again(anew).state == "intended"


def test_an_older_journal_is_brought_up_to_date(journal: Journal, tmp_path: Path, wall: Wall):
    """A journal of an older version keeps every placement when a newer one opens it."""
    placed = journal.mark(journal.begin(journal.claim(INTENT), 100, "1.00"), "placed", order_id="o-1")
    unknown = journal.mark(journal.claim(replace(INTENT, project="other")), "unknown")
    journal.close()
    path = tmp_path / "placements.sqlite"
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as database:
        for column in ("tries", "doubt"):
            database.execute(f"ALTER TABLE placement DROP COLUMN {column}")
        database.execute("PRAGMA user_version = 1")
    opened = Journal(path, now=wall)
    try:
        kept = opened.placements("https://s.example")
        assert [(one.key, one.state, one.order_id) for one in kept] == [
            (placed.key, "placed", "o-1"),
            (unknown.key, "unknown", None),
        ]
        assert opened.refuse(opened.begin(kept[1], 100, "1.00"), "no").state == "unknown"
    finally:
        opened.close()


def test_the_body_that_is_sent_again_is_the_one_that_was_written_down(service: ScriptedService, lost: scenecart.Client):
    """A retry sends the very bytes of the first try, so that the service never sees one key with two bodies."""
    seen: list[bytes] = []

    def remember(request: RecordedRequest) -> Answer:
        seen.append(request.body)
        return PLACED

    service.put(PLACE, remember)
    lost.cart(captures("b", "a")).estimate().place()
    assert [entry["id"] for entry in json.loads(seen[0])["captures"]] == ["a", "b"]


def test_what_is_placed_is_given_at_any_price(service: ScriptedService, estimate: scenecart.Estimate, wall: Wall):
    """An order that exists is given although the price has changed since, or a limit would forbid it now: nothing is bought."""
    service.put(PLACE, PLACED)
    estimate.place()
    service.put(ESTIMATE, answer(priced((["a", "b"], 450))))
    wall.now += 301
    assert estimate.place(max_credits=1).id == "o-1"
    assert len(keys(service)) == 1


def test_an_order_that_ended_without_delivery_is_said(service: ScriptedService, estimate: scenecart.Estimate):
    """Placing a cart again whose order was cancelled says so, and buys nothing until it is asked to."""
    service.put(PLACE, PLACED)
    estimate.place()
    service.put(GET, answer({**ORDER, "status": "cancelled"}))
    order = estimate.place()
    assert "and cancelled since; nothing was bought again" in str(order.note)
    assert len(keys(service)) == 1


@pytest.mark.parametrize(("hours", "how"), [(0, {}), (0, {"send": False}), (23, {}), (23, {"send": False})])
def test_nobody_settles_for_another_account(service: ScriptedService, connect: Any, wall: Wall, hours: int, how: dict[str, Any]):
    """Whose orders do not show a purchase of another account neither sends it nor declares it refused: its key stays."""
    service.put(PLACE, LOST)
    with pytest.raises(scenecart.PlacementUnknown):
        connect(wall=wall).cart(captures()).estimate().place()
    sent = len(keys(service))
    wall.now += hours * HOUR
    service.put(USERINFO_PATH, answer({"organization_id": "somebody-else"}))
    service.put(LIST, answer([]))
    with pytest.warns(scenecart.ScenecartWarning, match="not finished"):
        other = connect(wall=wall)
    with pytest.warns(scenecart.ScenecartWarning, match="1 placement of another account is left as it is"):
        assert len(other.settle(**how)) == 0
    assert len(keys(service)) == sent
    assert other.placements()["state"].tolist() == ["unknown"]


def test_a_clock_that_was_set_back_buys_nothing_twice(service: ScriptedService, connect: Any, wall: Wall):
    """Who places while another process tries, on a clock that was set back meanwhile, uses the key that is being tried."""
    service.put(PLACE, answer({}, 503), PLACED)
    service.put(LIST, answer([]))

    def meanwhile(_: float) -> None:
        wall.now -= 3
        assert connect(wall=wall).cart(captures()).estimate().place().id == "o-1"

    assert connect(wall=wall, sleep=meanwhile).cart(captures()).estimate().place().id == "o-1"
    assert len(keys(service)) == 3
    assert len(set(keys(service))) == 1


def test_settling_leaves_a_key_whose_age_is_not_known(service: ScriptedService, lost: scenecart.Client, wall: Wall):
    """On a clock that was set back, what is not among the orders stays unknown with its key, which placing it again sends."""
    (key,) = lost.placements()["key"]
    wall.now -= HOUR
    service.put(LIST, answer([]))
    settled = lost.settle()
    assert settled["state"].tolist() == ["unknown"]
    assert "the clock was set back" in settled["detail"][0]
    assert keys(service) == []
    service.put(PLACE, PLACED)
    assert lost.cart(captures()).estimate().place().id == "o-1"
    assert keys(service) == [key]


def test_an_order_of_another_area_is_not_taken_up(service: ScriptedService, connect: Any, wall: Wall):
    """Of two lost purchases of one capture each finds its own order by its price, and the one that never arrived stays unknown."""
    service.put(PLACE, LOST)
    client = connect(wall=wall)
    for price in (300, 450):
        service.put(ESTIMATE, answer(priced((["a"], price))))
        with pytest.raises(scenecart.PlacementUnknown):
            client.cart(captures("a"), aoi=(0, 10, price / 1e4, 10.1)).estimate().place()
    service.put(LIST, answer([{**ORDER, "captures": ["a"], "totalCredits": 450}]))
    service.put(GET, answer(ORDER))
    assert client.settle(send=False)[["state", "total_credits"]].to_numpy().tolist() == [["unknown", 300], ["placed", 450]]


def test_once_the_key_is_forgotten_an_order_at_another_price_is_taken_up(
    service: ScriptedService, lost: scenecart.Client, wall: Wall
):
    """After 23 hours an order of the captures at another price is taken up with a warning; one at the right price comes first."""
    wall.now += 23 * HOUR
    dearer, right = {**ORDER, "id": "dearer", "totalCredits": 450}, {**ORDER, "id": "right"}
    service.put(LIST, answer([dearer]))
    with pytest.warns(scenecart.ScenecartWarning, match="450"):
        assert lost.settle()["order_id"].tolist() == ["dearer"]
    service.put(PLACE, LOST)
    with pytest.raises(scenecart.PlacementUnknown):
        lost.cart(captures()).estimate().place(again=True)
    wall.now += 23 * HOUR
    service.put(LIST, answer([{**dearer, "id": "another"}, right]))
    assert lost.settle()["order_id"].tolist() == ["right"]


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

    def look(request: RecordedRequest) -> Answer:
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


class Full:
    """Lets the journal be written to no more, as on a disk that is full, until it is lifted."""

    def __init__(self, home: Path, reply: Answer) -> None:
        self._path = home / "placements.sqlite"
        self._reply = reply

    def __call__(self, _: RecordedRequest) -> Answer:
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


@pytest.mark.parametrize("way", ["the estimate", "the client"])
def test_place_incomplete_estimate_is_refused(service: ScriptedService, connect: Any, way: str):
    """An estimate with captures without a price is not placed, whichever method is called."""
    service.put(ESTIMATE, answer(priced((["a"], 100), errors=[{"id": "b", "detail": "retired"}])))
    client = connect()
    estimate = client.cart(captures()).estimate()
    with raises(scenecart.EstimateIncomplete, "estimate_incomplete"):
        estimate.place() if way == "the estimate" else client.place(estimate)
    assert service.requests(PLACE) == []
    assert len(client.placements()) == 0


def test_place_sends_one_price_request_and_one_order(service: ScriptedService, connect: Any):
    """Placing asks who pays, asks for the price once, and places: the balance is not read again."""
    service.put(PLACE, PLACED)
    estimate = connect().cart(captures()).estimate()
    service.received.clear()
    estimate.place()
    assert [request.path.rpartition("/")[2] for request in service.received] == ["userinfo", ESTIMATE, PLACE]


def test_place_changed_price_carries_the_balance(service: ScriptedService, connect: Any):
    """Today's estimate in PriceChanged shows the balance beside the price, as any estimate does."""
    service.put(BALANCE, answer({"balance_credits": 12_345}))
    estimate = connect().cart(captures()).estimate()
    service.put(ESTIMATE, answer(priced((["a", "b"], 450))))
    with raises(scenecart.PriceChanged, "price_changed") as caught:
        estimate.place()
    assert caught.value.estimate.balance_credits == 12_345
