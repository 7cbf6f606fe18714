"""Placing an estimate: exactly once, at the agreed price, and only when asked to."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import numpy as np
import pytest

import scenecart
from _expect import raises, warns
from _purchases import (
    BALANCE,
    ESTIMATE,
    GET,
    HOUR,
    LIST,
    LOST,
    ORDER,
    PLACE,
    PLACED,
    PROJECT,
    Clock,
    captures,
    keys,
    priced,
)
from _scripted_service import Answer, RecordedRequest, ScriptedService, answer
from scenecart._api.auth import USERINFO_PATH

if TYPE_CHECKING:
    from pathlib import Path


def each_order(request: RecordedRequest) -> Answer:
    """Answer orders.get with the order that it asks for."""
    (name,) = parse_qs(request.path.partition("?")[2])["id"]
    return answer({**ORDER, "id": name})


def test_place_sends_the_estimate_with_a_key(service: ScriptedService, connect: Any):
    """Placing sends the priced captures to the project with an idempotency key, and returns the order."""
    service.put(PLACE, PLACED)
    order = connect().cart(captures()).estimate().place(license_type="standard")
    assert (order.id, order.status, order.total_credits, order.total_aud) == ("o-1", "processing", 300, Decimal("3.00"))
    (sent,) = service.requests(PLACE)
    assert sent.json["projectId"] == PROJECT
    assert sent.json["licenseType"] == "standard"
    assert sent.json["captures"] == service.requests(ESTIMATE)[0].json["captures"]
    assert len(sent.headers["idempotency-key"]) == 36


def test_place_limit_of_numpy_is_a_number(service: ScriptedService, connect: Any):
    """A limit that was computed with numpy is kept to, and the error of a higher price carries it as an int."""
    service.put(PLACE, PLACED)
    estimate = connect().cart(captures()).estimate()
    with raises(scenecart.OverLimit, "over_limit") as caught:
        estimate.place(max_credits=np.int64(estimate.total_credits - 1))
    assert type(caught.value.max_credits) is int
    assert estimate.place(max_credits=np.int64(estimate.total_credits)).id == "o-1"


def test_place_sends_one_price_request_and_one_order(service: ScriptedService, connect: Any):
    """Placing asks who pays, looks at the orders, requests the price once, and places; the balance is not read."""
    service.put(USERINFO_PATH, answer({"organization_id": "org"}))
    service.put(PLACE, PLACED)
    estimate = connect().cart(captures()).estimate()
    service.received.clear()
    estimate.place()
    assert [request.path.rpartition("/")[2] for request in service.received] == ["userinfo", LIST, ESTIMATE, PLACE]


def test_place_writes_the_key_before_the_request(service: ScriptedService, connect: Any, tmp_path: Path):
    """While the service reads the request, another process can already read its key in the journal."""
    seen: list[tuple[str, str]] = []

    def look(_: RecordedRequest) -> Answer:
        with contextlib.closing(sqlite3.connect(tmp_path / "home" / "placements.sqlite")) as database:
            seen.extend(database.execute("SELECT key, state FROM placement"))
        return PLACED

    service.put(PLACE, look)
    connect().cart(captures()).estimate().place()
    assert seen == [(keys(service)[0], "sent")]


@pytest.mark.parametrize("new_kernel", [False, True], ids=["same kernel", "new kernel"])
def test_place_again_false_returns_existing_order(
    service: ScriptedService, connect: Any, capsys: pytest.CaptureFixture[str], *, new_kernel: bool
):
    """Running the same cell again buys nothing: it returns the existing order with a notice, which is printed."""
    service.put(PLACE, PLACED)
    client = connect()
    client.cart(captures()).estimate().place()
    order = (connect() if new_kernel else client).cart(captures().iloc[::-1]).estimate().place()
    assert order.id == "o-1"
    assert order.note.code == "already_ordered"
    assert capsys.readouterr().out == f"{order.note}\n"
    assert len(service.requests(PLACE)) == 1


def test_place_again_buys_one_more_with_its_own_key(service: ScriptedService, connect: Any):
    """again=True buys one more than is known, a text buys once for that text, and another licence is another purchase."""
    service.put(PLACE, *(answer({**ORDER, "id": f"o-{number}"}, 202) for number in range(1, 7)))
    service.put(GET, each_order)
    estimate = connect().cart(captures()).estimate()
    ids = [
        estimate.place().id,
        estimate.place(again=True).id,
        estimate.place(again=True).id,
        estimate.place(again="for the harbour master").id,
        estimate.place(license_type="extended", owned="buy").id,
        estimate.place(project="another", owned="buy").id,
    ]
    assert ids == ["o-1", "o-2", "o-3", "o-4", "o-5", "o-6"]
    assert len(set(keys(service))) == 6


def test_place_again_with_the_same_text_buys_once(service: ScriptedService, connect: Any):
    """A cell that is run again with the same text gives the order of that text."""
    service.put(PLACE, PLACED, answer({**ORDER, "id": "o-2"}, 202))
    client = connect()
    estimate = client.cart(captures()).estimate()
    estimate.place()
    assert estimate.place(again="CI").id == "o-2"
    service.put(GET, answer({**ORDER, "id": "o-2"}))
    assert connect().cart(captures()).estimate().place(again="CI").id == "o-2"
    assert len(keys(service)) == 2


@pytest.mark.parametrize("kept", ["for harbour", "For  Harbour"], ids=["as written now", "as an earlier version wrote it"])
def test_place_again_with_other_blanks_and_capitals_buys_once(service: ScriptedService, connect: Any, tmp_path: Path, kept: str):
    """A text that is typed again with other blanks or capitals is the same text, also beside one in its earlier form."""
    service.put(PLACE, answer({**ORDER, "id": "o-2"}, 202))
    service.put(GET, each_order)
    estimate = connect().cart(captures()).estimate()
    assert estimate.place(again="for harbour").id == "o-2"
    with contextlib.closing(sqlite3.connect(tmp_path / "home" / "placements.sqlite")) as journal, journal:
        journal.execute("UPDATE placement SET wish = ?", (f"text:{kept}",))
    for text in ("for harbour", "For harbour ", "  FOR \t harbour"):
        assert estimate.place(again=text).id == "o-2"
    assert len(keys(service)) == 1


def test_place_placed_cart_ignores_price_and_limit(service: ScriptedService, estimate: scenecart.Estimate, clock: Clock):
    """An existing order is returned although the price has changed, or a limit would forbid it now: nothing is bought."""
    service.put(PLACE, PLACED)
    estimate.place()
    service.put(ESTIMATE, answer(priced((["a", "b"], 450))))
    clock.now += 301
    assert estimate.place(max_credits=1).id == "o-1"
    assert len(keys(service)) == 1


def test_place_cancelled_order_is_not_bought_again(service: ScriptedService, estimate: scenecart.Estimate):
    """Placing a cart again whose order ended without delivery says how and when, and buys nothing."""
    service.put(PLACE, PLACED)
    estimate.place()
    for state in ("cancelled", "failed", "expired"):
        for updated, when in (
            ("2026-11-20T08:00:00Z", " on 2026-11-20"),
            (None, ""),
            ("9999-12-31T23:59:59-14:00", " on 9999-12-31"),
        ):
            service.put(GET, answer({**ORDER, "status": state, "updatedAt": updated}))
            order = estimate.place()
            assert order.note is not None
            assert order.note.code == "existing_order_ended"
            assert f"{state}{when}." in order.note.message
    assert len(keys(service)) == 1


def test_existing_order_reads_without_placing(service: ScriptedService, connect: Any, capsys: pytest.CaptureFixture[str]):
    """existing_order() returns the order or None; it sends nothing that could buy, and prints nothing."""
    service.put(PLACE, PLACED)
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


@pytest.mark.parametrize("content", [Answer(b"<html>Please sign in.</html>"), Answer(b"")], ids=["HTML", "empty"])
def test_place_unreadable_account_places_nothing(service: ScriptedService, connect: Any, content: Answer):
    """Where a proxy replaces the answer that names the account, nothing is placed: another kernel would not match it."""
    service.put(USERINFO_PATH, content, content, content, answer({"organization_id": "org"}))
    service.put(PLACE, PLACED)
    first = connect()
    with raises(scenecart.PlacementError, "payer_unknown"):
        first.cart(captures()).estimate().place()
    assert len(first.placements()) == 0
    assert first.cart(captures()).estimate().place().id == "o-1"
    assert connect().cart(captures()).estimate().place().note.code == "already_ordered"
    assert len(service.requests(PLACE)) == 1


@pytest.mark.parametrize("way", ["estimate", "client"])
def test_place_incomplete_estimate_is_refused(service: ScriptedService, connect: Any, way: str):
    """An estimate with captures without a price is not placed, whichever method is called."""
    service.put(ESTIMATE, answer(priced((["a"], 100), errors=[{"id": "b", "detail": "retired"}])))
    client = connect()
    estimate = client.cart(captures()).estimate()
    with raises(scenecart.EstimateIncomplete, "estimate_incomplete"):
        estimate.place() if way == "estimate" else client.place(estimate)
    assert service.requests(PLACE) == []
    assert len(client.placements()) == 0


@pytest.mark.parametrize("project", [None, "", " "])
def test_place_without_project_is_refused(service: ScriptedService, connect: Any, project: str | None):
    """Without a project nothing is placed."""
    with raises(scenecart.ConfigurationError, "project_missing"):
        connect(project=project).cart(captures()).estimate().place()
    assert service.requests(PLACE) == []


@pytest.mark.parametrize(
    ("options", "argument", "code"),
    [
        ({"again": " "}, "again", "not_a_string"),
        ({"owned": "yes"}, "owned", "not_a_choice"),
        ({"again": 1}, "again", "not_a_bool"),
        ({"license_type": None}, "license_type", "not_a_string"),
        ({"license_type": ""}, "license_type", "not_a_string"),
        ({"project": 5}, "project", "not_a_project"),
        ({"max_credits": -1}, "max_credits", "not_a_count"),
        ({"max_credits": 2.5}, "max_credits", "not_a_count"),
        ({"max_credits": "300"}, "max_credits", "not_a_count"),
        ({"max_credits": True}, "max_credits", "not_a_count"),
    ],
)
def test_place_invalid_option_is_refused(
    service: ScriptedService, estimate: scenecart.Estimate, options: dict[str, Any], argument: str, code: str
):
    """An option of the wrong type buys nothing, instead of being converted."""
    service.put(PLACE, PLACED)
    estimate.place()
    with raises(scenecart.InvalidRequest, code) as caught:
        estimate.place(**options)
    assert caught.value.argument == argument
    assert caught.value.status is None
    assert (caught.value.hint is not None) == isinstance(options.get("max_credits"), str)
    assert len(service.requests(PLACE)) == 1


@pytest.mark.parametrize("method", ["place", "existing_order"])
def test_place_something_else_is_refused(service: ScriptedService, connect: Any, method: str):
    """Only an estimate can be placed or looked up."""
    client = connect()
    with raises(scenecart.InvalidRequest, "not_an_estimate"):
        getattr(client, method)(client.cart(captures()))
    assert service.received == []


def test_place_above_max_credits_is_refused(service: ScriptedService, estimate: scenecart.Estimate):
    """max_credits refuses a higher price before anything is sent, and allows an equal one."""
    service.put(PLACE, PLACED)
    with raises(scenecart.OverLimit, "over_limit") as caught:
        estimate.place(max_credits=299)
    assert (caught.value.total_credits, caught.value.max_credits) == (300, 299)
    assert keys(service) == []
    assert estimate.place(max_credits=300).id == "o-1"


def test_place_with_limit_requests_the_price_at_any_age(service: ScriptedService, connect: Any):
    """With max_credits the price is requested again, however recent the estimate, and a higher one buys nothing."""
    service.put(PLACE, PLACED)
    estimate = connect(price_seconds=300).cart(captures()).estimate()
    service.put(ESTIMATE, answer(priced((["a", "b"], 450))))
    with raises(scenecart.PriceChanged, "price_changed") as caught:
        estimate.place(max_credits=400)
    assert (caught.value.old_credits, caught.value.new_credits) == (300, 450)
    assert keys(service) == []


def test_place_price_seconds_trusts_a_recent_estimate(service: ScriptedService, connect: Any, clock: Clock):
    """price_seconds skips the price request while the estimate is that recent; a clock set back makes it old."""
    service.put(PLACE, *(answer({**ORDER, "id": f"o-{number}"}, 202) for number in range(1, 4)))
    service.put(GET, each_order)
    estimate = connect(price_seconds=60, wall=clock).cart(captures()).estimate()
    estimate.place()
    assert len(service.requests(ESTIMATE)) == 1
    clock.now += 61
    estimate.place(again=True)
    assert len(service.requests(ESTIMATE)) == 2
    clock.now -= HOUR
    estimate.place(project="another", owned="buy")
    assert len(service.requests(ESTIMATE)) == 3


def test_place_changed_price_is_refused(service: ScriptedService, connect: Any):
    """The price is requested before every order, and a change buys nothing."""
    service.put(PLACE, PLACED)
    client = connect()
    estimate = client.cart(captures()).estimate()
    service.put(ESTIMATE, answer(priced((["a", "b"], 450))))
    with raises(scenecart.PriceChanged, "price_changed") as caught:
        estimate.place()
    assert (caught.value.old_credits, caught.value.new_credits) == (300, 450)
    assert (caught.value.old_aud, caught.value.new_aud) == (Decimal("3.00"), Decimal("4.50"))
    assert service.requests(PLACE) == []
    assert len(client.placements()) == 0
    service.put(ESTIMATE, answer(priced((["a", "b"], 300))))
    assert estimate.place().id == "o-1"


def test_place_changed_price_gives_groups_and_estimate(service: ScriptedService, estimate: scenecart.Estimate, clock: Clock):
    """PriceChanged has both prices of each group, and today's estimate, which can be placed."""
    service.put(PLACE, answer({**ORDER, "totalCredits": 320}, 202))
    service.put(ESTIMATE, answer(priced((["b"], 200), (["a"], 120))))
    clock.now += 301
    with raises(scenecart.PriceChanged, "price_changed") as caught:
        estimate.place()
    groups = caught.value.groups
    assert groups["captures"].tolist() == [["a", "b"], ["a"], ["b"]]
    assert groups["old_credits"].fillna(-1).tolist() == [300, -1, -1]
    assert groups["new_credits"].fillna(-1).tolist() == [-1, 120, 200]
    assert caught.value.estimate.total_credits == 320
    assert caught.value.estimate.place().id == "o-1"


def test_place_changed_price_carries_the_balance(service: ScriptedService, connect: Any):
    """Today's estimate in PriceChanged has the balance beside the price, as any estimate."""
    service.put(BALANCE, answer({"balance_credits": 12_345}))
    estimate = connect().cart(captures()).estimate()
    service.put(ESTIMATE, answer(priced((["a", "b"], 450))))
    with raises(scenecart.PriceChanged, "price_changed") as caught:
        estimate.place()
    assert caught.value.estimate.balance_credits == 12_345


def test_place_same_total_in_other_groups_is_refused(service: ScriptedService, estimate: scenecart.Estimate, clock: Clock):
    """Other groups are another price, even where the total is the same."""
    service.put(ESTIMATE, answer(priced((["a"], 100), (["b"], 200))))
    clock.now += 301
    with raises(scenecart.PriceChanged, "price_changed"):
        estimate.place()
    assert keys(service) == []


def test_place_order_at_other_price_warns(service: ScriptedService, connect: Any):
    """An order that costs more than its estimate is returned with a warning, which names the user's own line."""
    service.put(PLACE, answer({**ORDER, "totalCredits": 999}, 202))
    estimate = connect().cart(captures()).estimate()
    with warns("price_changed_after_placing") as caught:
        assert estimate.place().id == "o-1"
    assert [entry.filename for entry in caught] == [__file__]


PAYMENT_PROBLEMS: dict[str, tuple[dict[str, Any], type[scenecart.PaymentRequired]]] = {
    "credits": ({"title": "insufficient credits", "required_credits": 300, "balance_credits": 5}, scenecart.InsufficientCredits),
    "no card": ({"title": "no payment method", "detail": "no payment method on file"}, scenecart.NoPaymentMethod),
    "declined": ({"title": "card declined", "decline_code": "do_not_honor"}, scenecart.CardDeclined),
    "3-D Secure": (
        {"title": "authentication required", "client_secret": "pi_private", "challenge_url": "https://bank.example/c"},
        scenecart.AuthenticationRequired,
    ),
}


@pytest.mark.parametrize("case", PAYMENT_PROBLEMS)
def test_retry_after_payment_problem_uses_the_same_key(service: ScriptedService, estimate: scenecart.Estimate, case: str):
    """Once the payment is solved, the error's retry() places with the same key; the order knows its cart."""
    problem, kind = PAYMENT_PROBLEMS[case]
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


def test_place_after_402_keeps_the_key(service: ScriptedService, connect: Any):
    """A 402 leaves the placement unpaid, and placing again uses its key, so that nothing is bought twice."""
    service.put(PLACE, answer({"title": "insufficient credits"}, 402), PLACED)
    client = connect()
    estimate = client.cart(captures()).estimate()
    with pytest.raises(scenecart.InsufficientCredits):
        estimate.place()
    assert client.placements()["state"].tolist() == ["unpaid"]
    assert estimate.place().id == "o-1"
    assert len(set(keys(service))) == 1


@pytest.mark.parametrize(
    ("before", "is_certain"), [((), True), ((Answer(b"<html>", 500),), False)], ids=["first", "after a lost one"]
)
@pytest.mark.parametrize("reply", [answer({"title": "insufficient credits"}, 402), answer({"title": "no", "status": 422}, 422)])
def test_place_refused_says_nothing_was_ordered_if_certain(
    service: ScriptedService, estimate: scenecart.Estimate, before: tuple[Answer, ...], reply: Answer, *, is_certain: bool
):
    """A refused purchase says that nothing was ordered, unless an earlier request with its key may have been carried out."""
    for one in before:
        service.put(PLACE, one)
        with pytest.raises(scenecart.PlacementUnknown):
            estimate.place()
    service.put(PLACE, reply)
    with pytest.raises(scenecart.ScenecartError) as caught:
        estimate.place()
    assert ("Nothing was ordered." in caught.value.message) is is_certain


def test_retry_unbound_error_is_refused():
    """retry() of an error that no placement raised cannot place anything."""
    with raises(scenecart.ConfigurationError, "retry_unavailable"):
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
def test_place_refused_only_request_keeps_the_key(service: ScriptedService, estimate: scenecart.Estimate, status: int):
    """A refusal of the only request is certain, and placing again sends the same key: a colleague may have sent it meanwhile."""
    service.put(PLACE, answer({"title": "no"}, status))
    with pytest.raises(REFUSALS[status]) as caught:
        estimate.place()
    assert not caught.value.money_may_have_moved
    assert not caught.value.can_start_anew
    service.put(PLACE, PLACED)
    estimate.place()
    assert len(set(keys(service))) == 1


def test_place_refused_twice_with_the_same_words_offers_a_new_key(service: ScriptedService, estimate: scenecart.Estimate):
    """A service may repeat a stored refusal: after the second, a person can send the order under a new key, once."""
    service.put(PLACE, answer({"status": 403, "detail": "no"}, 403))
    with pytest.raises(scenecart.PermissionDenied):
        estimate.place()
    with pytest.raises(scenecart.PermissionDenied) as caught:
        estimate.place()
    assert caught.value.can_start_anew
    assert len(set(keys(service))) == 1
    service.put(PLACE, PLACED)
    assert caught.value.start_anew().id == "o-1"
    assert len(set(keys(service))) == 2
    assert estimate.place().id == "o-1"


REPEATED = answer({"status": 403, "detail": "no"}, 403, Idempotent_Replayed="true")


def test_place_answered_with_a_stored_refusal_goes_on_with_the_next_key(service: ScriptedService, estimate: scenecart.Estimate):
    """If the service says that it repeats a stored refusal, perhaps to somebody else's request, the next key follows at once."""
    service.put(PLACE, REPEATED, REPEATED, PLACED)
    assert estimate.place().id == "o-1"
    assert len(set(keys(service))) == len(keys(service)) == 3


@pytest.mark.parametrize(("minutes", "count"), [(5, 6), (60, 5)])
def test_place_after_many_stored_refusals_uses_the_next_key_within_minutes(
    service: ScriptedService, estimate: scenecart.Estimate, clock: Clock, minutes: int, count: int
):
    """A call tries five keys at most; the next call goes on with the next key within minutes, later with the same one."""
    service.put(PLACE, REPEATED)
    with pytest.raises(scenecart.PermissionDenied):
        estimate.place()
    assert len(set(keys(service))) == len(keys(service)) == 5
    clock.now += 60 * minutes
    service.put(PLACE, PLACED)
    assert estimate.place().id == "o-1"
    assert len(set(keys(service))) == count


def test_place_after_a_repeated_refusal_of_a_second_request_keeps_the_key(service: ScriptedService, estimate: scenecart.Estimate):
    """While the first request may have become an order, a repeated refusal of the second one leads to no other key."""
    service.put(PLACE, LOST, REPEATED)
    with raises(scenecart.PlacementUnknown, "placement_unknown"):
        estimate.place()
    service.put(PLACE, PLACED)
    assert estimate.place().id == "o-1"
    assert len(set(keys(service))) == 1


@pytest.mark.parametrize("status", REFUSALS)
def test_place_refused_after_lost_answer_keeps_the_key(service: ScriptedService, estimate: scenecart.Estimate, status: int):
    """Where the first request got no answer, a refusal of the second proves nothing: the first may have bought it."""
    service.put(PLACE, LOST, answer({"title": "no"}, status))
    with raises(scenecart.PlacementUnknown, "placement_unknown") as caught:
        estimate.place()
    assert isinstance(caught.value.__cause__, REFUSALS[status])
    service.put(PLACE, PLACED)
    assert estimate.place().id == "o-1"
    assert len(set(keys(service))) == 1


@pytest.mark.parametrize("status", REFUSALS)
def test_place_refused_in_later_session_keeps_the_key(service: ScriptedService, client_after_loss: scenecart.Client, status: int):
    """A refusal in a later session, which finds the lost placement in the journal, proves nothing either."""
    (key,) = client_after_loss.placements()["key"]
    service.put(PLACE, answer({"title": "no"}, status))
    with raises(scenecart.PlacementUnknown, "placement_unknown"):
        client_after_loss.cart(captures()).estimate().place()
    service.put(PLACE, PLACED)
    client_after_loss.cart(captures()).estimate().place()
    assert set(keys(service)) == {key}


def test_place_lost_answer_is_unknown(service: ScriptedService, connect: Any):
    """Without an answer the outcome is unknown: the error has the key, and placing in a later session uses it."""
    service.put(PLACE, LOST)
    with raises(scenecart.PlacementUnknown, "placement_unknown") as caught:
        connect().cart(captures()).estimate().place()
    assert caught.value.money_may_have_moved
    service.put(PLACE, PLACED)
    with warns("placements_unanswered"):
        client = connect()
    assert client.placements()["state"].tolist() == ["unknown"]
    assert client.cart(captures()).estimate().place().id == "o-1"
    assert set(keys(service)) == {caught.value.idempotency_key}
    assert client.placements()["state"].tolist() == ["placed"]


def test_retry_after_lost_answer_uses_the_same_key(service: ScriptedService, estimate: scenecart.Estimate):
    """PlacementUnknown's retry() sends the same key, and returns the order that was placed all along."""
    service.put(PLACE, LOST)
    with raises(scenecart.PlacementUnknown, "placement_unknown") as caught:
        estimate.place()
    service.put(PLACE, PLACED)
    assert caught.value.retry().id == "o-1"
    assert len(set(keys(service))) == 1


@pytest.mark.parametrize("reply", [answer({}, 202), answer({"id": None}, 200), answer([], 202), Answer(b"", 202)])
def test_place_answer_without_order_id_is_unknown(service: ScriptedService, connect: Any, reply: Answer):
    """A success without an order id is not reported as placed, and the key is kept."""
    service.put(PLACE, reply)
    client = connect()
    with raises(scenecart.PlacementUnknown, "placement_unknown") as caught:
        client.cart(captures()).estimate().place()
    assert caught.value.idempotency_key in str(caught.value)
    assert client.placements()["state"].tolist() == ["unknown"]


def test_place_sends_the_recorded_body_again(service: ScriptedService, client_after_loss: scenecart.Client):
    """A repeated request has the very bytes of the first, so that the service never sees one key with two bodies."""
    seen: list[bytes] = []

    def remember(request: RecordedRequest) -> Answer:
        seen.append(request.body)
        return PLACED

    service.put(PLACE, remember)
    client_after_loss.cart(captures("b", "a")).estimate().place()
    assert [entry["id"] for entry in json.loads(seen[0])["captures"]] == ["a", "b"]


def test_place_interrupted_is_unknown(service: ScriptedService, connect: Any):
    """Interrupting the cell that buys leaves the outcome unknown, and a note on the exception says so."""

    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    service.put(USERINFO_PATH, answer({"organization_id": "org"}))
    service.put(PLACE, answer({"detail": "busy"}, 503), PLACED)
    client = connect(sleep=interrupt)
    with pytest.raises(KeyboardInterrupt) as caught:
        client.cart(captures()).estimate().place()
    assert len(caught.value.__notes__) == 1
    assert client.placements()["state"].tolist() == ["unknown"]


def test_place_interrupted_while_its_request_is_recorded_says_that_it_is_unknown(
    service: ScriptedService, connect: Any, monkeypatch: pytest.MonkeyPatch
):
    """What the journal records as perhaps sent is said on the exception too, also if nothing was sent."""
    service.put(USERINFO_PATH, answer({"organization_id": "org"}))
    client = connect()
    begin = client._journal.begin

    def interrupted(*arguments: Any, **keywords: Any) -> None:
        begin(*arguments, **keywords)
        raise KeyboardInterrupt

    monkeypatch.setattr(client._journal, "begin", interrupted)
    with pytest.raises(KeyboardInterrupt) as caught:
        client.cart(captures()).estimate().place()
    assert len(caught.value.__notes__) == 1
    assert client.placements()["state"].tolist() == ["unknown"]
    assert service.requests(PLACE) == []


def test_place_interrupted_while_it_waits_for_its_turn_is_not_sent(service: ScriptedService, connect: Any):
    """Interrupting the wait for the limit of a minute leaves nothing unknown: nothing was sent, and no note says otherwise."""

    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    service.put(USERINFO_PATH, answer({"organization_id": "org"}))
    service.put(PLACE, PLACED)
    client = connect(sleep=interrupt, limits=scenecart.Limits(places_per_minute=1))
    client.cart(captures()).estimate().place()
    with pytest.raises(KeyboardInterrupt) as caught:
        client.cart(captures()).estimate().place(owned="buy", again="b")
    assert not hasattr(caught.value, "__notes__")
    assert client.placements()["state"].tolist() == ["placed"]
    assert len(service.requests(PLACE)) == 1


def test_place_again_goes_to_the_path_of_before(service: ScriptedService, client_after_loss: scenecart.Client, tmp_path: Path):
    """A request that is sent again goes to the path that it was sent to, because a service may keep keys by path."""
    with contextlib.closing(sqlite3.connect(tmp_path / "home" / "placements.sqlite")) as database, database:
        database.execute("UPDATE placement SET path = '/v1/op/orders.place_before'")
    service.put("orders.place_before", PLACED)
    assert client_after_loss.cart(captures()).estimate().place().id == "o-1"
    assert len(service.requests("orders.place_before")) == 1
    assert service.requests(PLACE) == []


class DiskFull:
    """Makes the journal read-only while it answers, like a full disk, until it is freed."""

    def __init__(self, home: Path, reply: Answer) -> None:
        self._path = home / "placements.sqlite"
        self._reply = reply

    def __call__(self, _: RecordedRequest) -> Answer:
        self._run("CREATE TRIGGER IF NOT EXISTS full BEFORE UPDATE ON placement BEGIN SELECT RAISE(FAIL, 'disk is full'); END")
        return self._reply

    def free(self) -> None:
        self._run("DROP TRIGGER full")

    def _run(self, statement: str) -> None:
        with contextlib.closing(sqlite3.connect(self._path, isolation_level=None)) as database:
            database.execute(statement)


def test_place_order_not_recorded_is_returned(service: ScriptedService, connect: Any, tmp_path: Path):
    """A disk that fills up meanwhile loses no order: it is returned with a warning, and placing again sends the same key."""
    disk = DiskFull(tmp_path / "home", PLACED)
    service.put(PLACE, disk)
    estimate = connect().cart(captures()).estimate()
    with warns("placement_not_recorded"):
        order = estimate.place()
    assert order.id == "o-1"
    disk.free()
    service.put(PLACE, PLACED)
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
def test_place_refusal_not_recorded_is_raised(
    service: ScriptedService, connect: Any, tmp_path: Path, refusal: Answer, error: type[Exception]
):
    """A refusal that cannot be recorded is raised as it is, with a note; placing again sends the same key."""
    disk = DiskFull(tmp_path / "home", refusal)
    service.put(PLACE, disk)
    estimate = connect().cart(captures()).estimate()
    with pytest.raises(error) as caught:
        estimate.place()
    noted = caught.value if error is not scenecart.PlacementUnknown else caught.value.__cause__
    assert "disk is full" in noted.__notes__[0]
    disk.free()
    service.put(PLACE, PLACED)
    assert estimate.place().id == "o-1"
    assert len(set(keys(service))) == 1


def test_place_does_not_ask_for_orders_of_another_account(service: ScriptedService, connect: Any):
    """What another account bought on this computer is not this account's: its orders are not requested, and nothing is owned."""
    service.put(PLACE, PLACED, answer({**ORDER, "id": "o-2"}, 202))
    service.put(USERINFO_PATH, answer({"organization_id": "org-1"}))
    connect().cart(captures()).estimate().place()
    service.put(USERINFO_PATH, answer({"organization_id": "org-2"}))
    service.put(GET, answer({"status": 403, "title": "not yours"}, 403))
    service.received.clear()
    assert connect().cart(captures()).estimate().place(project="another").id == "o-2"
    assert service.requests(GET) == []
