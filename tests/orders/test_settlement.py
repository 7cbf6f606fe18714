"""Settling: finding out what became of placements without an answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import scenecart
from _expect import raises, warns
from _purchases import ESTIMATE, GET, HOUR, LIST, LOST, ORDER, PLACE, PLACED, Clock, captures, keys, listed, priced
from _scripted_service import Answer, ScriptedService, answer
from scenecart._api.auth import USERINFO_PATH
from scenecart._orders.journal import Journal
from scenecart._orders.purchase import Purchase
from scenecart.client import count_unanswered

if TYPE_CHECKING:
    from pathlib import Path


def test_settle_sends_the_same_key_and_body(service: ScriptedService, connect: Any):
    """An unknown placement is settled with the key and the body that were recorded."""
    service.put(PLACE, Answer(b"<html>", 202))
    client = connect()
    with raises(scenecart.PlacementUnknown, "placement_unknown"):
        client.cart(captures()).estimate().place()
    service.put(PLACE, PLACED)
    assert client.settle()["state"].tolist() == ["placed"]
    assert len(set(keys(service))) == 1
    assert len({request.body for request in service.requests(PLACE)}) == 1
    assert len(client.settle()) == 0


def test_settle_changed_price_is_not_sent(service: ScriptedService, client_after_loss: scenecart.Client):
    """A placement is sent again only at the agreed price; otherwise its detail has both prices."""
    order = listed(client_after_loss.cart(captures()).estimate())
    service.put(ESTIMATE, answer(priced((["a", "b"], 450))))
    service.put(LIST, answer([]))
    settled = client_after_loss.settle()
    assert keys(service) == []
    assert settled["state"].tolist() == ["unknown"]
    assert "450 credits, not 300" in settled["detail"][0]
    service.put(LIST, answer([order]))
    assert client_after_loss.settle()["order_id"].tolist() == ["o-1"]
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
def test_settle_failure_stays_unknown(service: ScriptedService, client_after_loss: scenecart.Client, path: str, reply: Answer):
    """A placement that cannot be settled now stays unknown with a reason, and can be settled later."""
    service.put(PLACE, PLACED)
    service.put(path, reply)
    settled = client_after_loss.settle()
    assert settled["state"].tolist() == ["unknown"]
    assert settled["detail"][0]
    service.put(PLACE, PLACED)
    service.put(ESTIMATE, answer(priced((["a", "b"], 300))))
    assert client_after_loss.settle()["state"].tolist() == ["placed"]


@pytest.mark.parametrize(("status", "error"), [(401, scenecart.AuthenticationError), (403, scenecart.PermissionDenied)])
def test_settle_without_permission_raises(
    service: ScriptedService, client_after_loss: scenecart.Client, status: int, error: type[scenecart.ScenecartError]
):
    """An account that may not find out anything gets an error, and the placement keeps its state."""
    service.put(ESTIMATE, answer({}, status))
    with pytest.raises(error):
        client_after_loss.settle()
    assert client_after_loss.placements()["state"].tolist() == ["unknown"]


def test_settle_closes_abandoned_placements(service: ScriptedService, connect: Any, tmp_path: Path, clock: Clock):
    """A placement that was never sent is closed after a minute; a newer one may be about to be sent."""
    journal = Journal(tmp_path / "home" / "placements.sqlite", now=clock)
    purchase = Purchase(service.url, "org", "org", "project", "fingerprint", "standard", ("a",), 100, "1.00", b"{}")
    journal.claim(purchase, "", "a session that has ended")
    client = connect(wall=clock)
    assert len(client.settle()) == 0
    assert client.placements()["state"].tolist() == ["intended"]
    clock.now += 61
    assert client.settle()["state"].tolist() == ["put away"]
    assert service.received == []


@pytest.mark.parametrize(("hours", "options"), [(0, {}), (0, {"send": False}), (23, {}), (23, {"send": False})])
def test_settle_leaves_other_accounts_alone(
    service: ScriptedService, connect: Any, clock: Clock, hours: int, options: dict[str, Any]
):
    """A placement of another account is neither sent nor closed, because its orders are not visible: it keeps its key."""
    service.put(USERINFO_PATH, answer({"organization_id": "org"}))
    service.put(PLACE, LOST)
    with raises(scenecart.PlacementUnknown, "placement_unknown"):
        connect(wall=clock).cart(captures()).estimate().place()
    sent = len(keys(service))
    clock.now += hours * HOUR
    service.put(USERINFO_PATH, answer({"organization_id": "somebody-else"}))
    service.put(LIST, answer([]))
    with warns("placements_unanswered"):
        other = connect(wall=clock)
    assert count_unanswered(other) == (0, 1)
    with warns("placements_of_other_accounts"):
        assert len(other.settle(**options)) == 0
    assert len(keys(service)) == sent
    assert other.placements()["state"].tolist() == ["unknown"]


@pytest.mark.parametrize("send", ["no", "False", 0, None])
def test_settle_send_must_be_a_bool(service: ScriptedService, client_after_loss: scenecart.Client, send: Any):
    """A string such as "no" is not read as True, where settling may complete a purchase."""
    with raises(scenecart.InvalidRequest, "not_a_bool") as caught:
        client_after_loss.settle(send=send)
    assert caught.value.argument == "send"
    assert service.received == []


@pytest.mark.parametrize("has_arrived", [True, False])
def test_settle_without_send_only_reads_orders(
    service: ScriptedService, client_after_loss: scenecart.Client, capsys: pytest.CaptureFixture[str], *, has_arrived: bool
):
    """settle(send=False) finds an order that arrived, and sends nothing if there is none."""
    orders = [listed(client_after_loss.cart(captures()).estimate(), createdAt="2999-01-01T00:00:00Z")] if has_arrived else []
    service.put(LIST, answer({"content": orders, "totalElements": len(orders), "totalPages": 1}))
    service.put(GET, answer(ORDER))
    settled = client_after_loss.settle(send=False)
    assert settled["state"].tolist() == ["placed" if orders else "unknown"]
    assert settled["detail"].tolist() == ["found among the orders" if orders else "not found among the orders; not sent again"]
    assert service.requests(PLACE) == []
    assert capsys.readouterr().out == ""  # nobody was placing
    if not orders:
        service.put(PLACE, PLACED)
        assert client_after_loss.settle()["detail"].tolist() == ["sent again with the same key, at the agreed price"]
        assert len(keys(service)) == 1


def test_count_unanswered_ends_with_settling(service: ScriptedService, client_after_loss: scenecart.Client):
    """A placement without an answer counts until it is settled."""
    service.put(PLACE, PLACED)
    assert count_unanswered(client_after_loss) == (1, 0)
    client_after_loss.settle()
    assert count_unanswered(client_after_loss) == (0, 0)


def test_resolve_order_records_it_with_the_reason(service: ScriptedService, client_after_loss: scenecart.Client, clock: Clock):
    """A person names the order of an old placement; the journal keeps the order, the reason and the time."""
    clock.now += HOUR
    service.put(GET, answer(ORDER))
    number = client_after_loss.placements()["number"][0]
    resolved = client_after_loss.resolve(number, order="o-1", why="ticket 4711")
    assert resolved[["number", "state", "order_id"]].to_numpy().tolist() == [[number, "placed", "o-1"]]
    assert resolved["detail"][0].startswith("resolved by ")
    assert resolved["detail"][0].endswith("ticket 4711")
    assert client_after_loss.cart(captures()).estimate().place().id == "o-1"
    assert keys(service) == []


def test_resolve_nothing_frees_the_cart(service: ScriptedService, client_after_loss: scenecart.Client, clock: Clock):
    """A person's word that nothing was ordered lets the cart be placed again, with the same key."""
    clock.now += HOUR
    (key,) = client_after_loss.placements()["key"]
    assert client_after_loss.resolve(1, nothing=True)["state"].tolist() == ["put away"]
    service.put(PLACE, PLACED)
    assert client_after_loss.cart(captures()).estimate().place().id == "o-1"
    assert keys(service) == [key]


def test_resolve_nothing_puts_an_unpaid_placement_away(service: ScriptedService, connect: Any):
    """What waits for payment is no longer mentioned once it is put away; it is not resolved as an order, and placing goes on."""
    service.put(PLACE, answer({"detail": "no card"}, 402))
    client = connect()
    with pytest.raises(scenecart.NoPaymentMethod):
        client.cart(captures()).estimate().place()
    with warns("placements_unpaid") as caught:
        connect()
    assert "(2 captures, 300 credits, " in str(caught[0].message)
    with raises(scenecart.InvalidRequest, "placement_not_unknown"):
        client.resolve(1, order="o-1")
    assert client.resolve(1, nothing=True, why="bought elsewhere")["state"].tolist() == ["put away"]
    again = connect()
    service.put(PLACE, PLACED)
    assert again.cart(captures()).estimate().place().id == "o-1"
    assert len(set(keys(service))) == 1


def test_resolve_nothing_of_a_listed_order_records_the_order(
    service: ScriptedService, client_after_loss: scenecart.Client, clock: Clock
):
    """A person who says that nothing was ordered is corrected by the list of orders."""
    clock.now += HOUR
    service.put(LIST, answer([listed(client_after_loss.cart(captures()).estimate())]))
    with warns("placement_found"):
        assert client_after_loss.resolve(1, nothing=True)["order_id"].tolist() == ["o-1"]


@pytest.mark.parametrize(
    ("arguments", "refusal"),
    [
        ({"number": 2, "nothing": True}, (scenecart.InvalidRequest, "placement_not_found")),
        ({"number": None, "nothing": True}, (scenecart.InvalidRequest, "not_a_count")),
        ({"number": "1", "nothing": True}, (scenecart.InvalidRequest, "not_a_count")),
        ({"number": 1}, (scenecart.InvalidRequest, "resolution_ambiguous")),
        ({"number": 1, "order": "o-1", "nothing": True}, (scenecart.InvalidRequest, "resolution_ambiguous")),
        ({"number": 1, "nothing": "yes"}, (scenecart.InvalidRequest, "not_a_bool")),
        ({"number": 1, "nothing": True, "why": 7}, (scenecart.InvalidRequest, "not_a_string")),
        ({"number": 1, "order": " "}, (scenecart.InvalidRequest, "not_a_string")),
        ({"number": 1, "order": "o-9"}, (scenecart.NotFound, "order_not_found")),
        ({"number": 1, "order": "o-2"}, (scenecart.InvalidRequest, "order_does_not_fit")),
    ],
)
def test_resolve_of_a_bad_argument_changes_nothing(
    service: ScriptedService,
    client_after_loss: scenecart.Client,
    clock: Clock,
    arguments: dict[str, Any],
    refusal: tuple[type[scenecart.ScenecartError], str],
):
    """Resolving wrongly is refused with a code, and the placement stays unknown."""
    clock.now += HOUR
    if arguments.get("order") == "o-2":
        service.put(GET, answer(ORDER | {"id": "o-2", "captures": ["other"]}))
    else:
        service.put(GET, answer({"title": "not found"}, 404))
    with raises(*refusal):
        client_after_loss.resolve(**arguments)
    assert client_after_loss.placements()["state"].tolist() == ["unknown"]


def test_resolve_of_a_recent_placement_is_refused(client_after_loss: scenecart.Client):
    """Within 15 minutes the request can still be answered, so nobody's word counts."""
    with raises(scenecart.PlacementError, "placement_recent"):
        client_after_loss.resolve(1, nothing=True)
