"""Every way to pay, and every way in which paying fails and is put right."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest

from _ledger_check import balance, reconcile
from scenecart.sandbox import SandboxError

if TYPE_CHECKING:
    from collections.abc import Callable

    from _http_client import Wire
    from conftest import Clock
    from scenecart.sandbox import Sandbox


def kinds(caller: Wire) -> list[str]:
    """Return what was moved, the oldest first."""
    return [entry["reason"] for entry in caller.op("billing.credits.transactions").json()["transactions"]][::-1]


@pytest.mark.parametrize(
    ("name", "mode", "steps"),
    [
        ("analyst", "credit", ["top-up", "reserve", "settle"]),
        ("card", "card", ["hold", "capture"]),
        ("enterprise", "enterprise", ["accrue", "bill"]),
    ],
)
def test_each_way_to_pay_pays_on_delivery(  # noqa: PLR0917  # fixtures and cases
    box: Sandbox, clock: Clock, wire: Callable[..., Wire], name: str, mode: str, steps: list[str]
):
    """Money is set aside when an order is placed and spent when it is delivered, by credits, card and invoice alike."""
    caller = wire(box, name)
    order = caller.place("first").json()
    assert order["billingMode"] == mode
    assert balance(caller)[1:] == (order["totalCredits"], 0)
    clock.now += 3_600
    caller.wait(order["id"], "delivered")
    assert balance(caller)[1:] == (0, order["totalCredits"])
    assert kinds(caller) == steps
    reconcile(box)


@pytest.mark.parametrize(("name", "gives_back"), [("analyst", "refund"), ("card", "void"), ("enterprise", "reverse")])
@pytest.mark.parametrize("how", ["cancelled", "failed"])
def test_each_way_to_pay_gives_back(  # noqa: PLR0917  # fixtures and cases
    box: Sandbox, clock: Clock, wire: Callable[..., Wire], name: str, gives_back: str, how: str
):
    """An order that is cancelled or fails gives back all that was set aside for it, and nothing was spent."""
    caller = wire(box, name)
    before = balance(caller)
    order = caller.place("fails").json()["id"]
    if how == "cancelled":
        assert caller.op("orders.cancel", {"order_id": order}).json()["status"] == "cancelled"
    else:
        clock.now += 3_600
        caller.wait(order, "failed")
    assert balance(caller) == before
    assert kinds(caller)[-1] == gives_back
    reconcile(box)


def test_topping_up_lets_the_same_key_succeed(box: Sandbox, wire: Callable[..., Wire]):
    """Too few credits is 402 with both figures; after a top-up the same key buys, once."""
    caller = wire(box, "broke")
    refused = caller.place("first", key="k")
    assert refused.status_code == 402
    assert refused.json()["type"].endswith("insufficient-credits")
    box.top_up("broke", refused.json()["required_credits"])
    assert caller.place("first", key="k").status_code == 202
    assert caller.place("first", key="k").status_code == 202
    assert reconcile(box) == 1


def test_another_card_lets_the_same_key_succeed(box: Sandbox, wire: Callable[..., Wire]):
    """A declined card is 402 with the bank's code, no card at all is 402 too; with a good one the same key buys."""
    caller = wire(box, "declined")
    refused = caller.place("first", key="k")
    assert (refused.status_code, refused.json()["decline_code"]) == (402, "insufficient_funds")
    box.attach_card("declined", None)
    assert caller.place("first", key="k").json()["type"].endswith("payment-method-required")
    box.attach_card("declined")
    assert caller.place("first", key="k").status_code == 202
    assert reconcile(box) == 1


def test_the_banks_challenge_lets_the_same_key_succeed(box: Sandbox, wire: Callable[..., Wire]):
    """3-D Secure is 402 with one client_secret for one request; once it is completed the same key buys, and another asks anew."""
    caller = wire(box, "secure")
    refused = caller.place("first", key="k")
    assert refused.status_code == 402
    secret = refused.json()["client_secret"]
    assert caller.place("first", key="k").json()["client_secret"] == secret
    box.complete_challenge(secret)
    assert caller.place("first", key="k").status_code == 202
    assert caller.place("first", key="k").status_code == 202
    other = caller.place("first", key="l")
    assert other.status_code == 402
    assert other.json()["client_secret"] != secret
    assert reconcile(box) == 1


def test_a_refused_challenge_charges_nothing(box: Sandbox, wire: Callable[..., Wire]):
    """Refused at the bank, the order stays unpaid and the next try asks with another secret; an answer is given once."""
    caller = wire(box, "secure")
    secret = caller.place("first", key="k").json()["client_secret"]
    box.complete_challenge(secret, accept=False)
    again = caller.place("first", key="k")
    assert again.status_code == 402
    assert again.json()["client_secret"] != secret
    with pytest.raises(SandboxError, match="has been answered"):
        box.complete_challenge(secret)
    assert reconcile(box) == 0


def test_the_challenge_has_a_page(box: Sandbox, wire: Callable[..., Wire]):
    """The address in a 402 shows the amount and whom it is for, and answers the bank by a form."""
    caller = wire(box, "secure")
    refused = caller.place("first", key="k").json()
    page = httpx.get(refused["challenge_url"])
    assert page.status_code == 200
    assert "careful-buyer" in page.text
    assert "A$" in page.text
    done = httpx.post(refused["challenge_url"], data={"decision": "complete"})
    assert "confirmed" in done.text
    assert caller.place("first", key="k").status_code == 202
    assert httpx.get(f"{box.url}/challenge/nothing").status_code == 404


def test_another_process_can_cure_too(box: Sandbox, wire: Callable[..., Wire]):
    """What Python can do for a rehearsal, another process can do over loopback; nonsense is refused with the field's name."""
    caller = wire(box, "broke")
    control = f"{box.url}/_sandbox"
    assert httpx.post(f"{control}/top-up", json={"principal": "broke", "credits": 10_000_000}).status_code == 200
    assert caller.place("first").status_code == 202
    assert httpx.post(f"{control}/card", json={"principal": "declined", "card": "good"}).status_code == 200
    assert wire(box, "declined").place("first").status_code == 202
    secret = wire(box, "secure").place("first", key="k").json()["client_secret"]
    assert httpx.post(f"{control}/challenge", json={"client_secret": secret}).status_code == 200
    assert wire(box, "secure").place("first", key="k").status_code == 202
    for name, body in (("top-up", {"principal": "nobody", "credits": 1}), ("top-up", {"principal": "broke", "credits": -1})):
        assert httpx.post(f"{control}/{name}", json=body).status_code == 422
    assert httpx.post(f"{control}/card", json={"principal": "broke", "card": "golden"}).status_code == 422


def test_the_ledger_is_listed_in_pages(box: Sandbox, wire: Callable[..., Wire]):
    """Transactions come newest first, by pages and by reason, and their changes add up to the balance."""
    caller = wire(box)
    for _ in range(3):
        order = caller.place("first").json()["id"]
        caller.op("orders.cancel", {"id": order})

    def page(**asked: Any) -> dict[str, Any]:
        return caller.op("billing.credits.transactions", asked).json()

    assert page()["total"] == 7
    assert [one["id"] for one in page(limit=3)["transactions"] + page(limit=4, offset=3)["transactions"]] == [
        one["id"] for one in page()["transactions"]
    ]
    assert page(reason="refund")["total"] == 3
    assert sum(one["change_credits"] for one in page()["transactions"]) == balance(caller)[0]
    assert caller.op("billing.credits.transactions", {"limit": 0}).status_code == 422


def test_what_a_key_was_answered_comes_before_everything_else(box: Sandbox, wire: Callable[..., Wire]):
    """A stored answer is given again although the order could no longer be placed, and does not count as another placement."""
    caller = wire(box)
    body = {"projectId": caller.project, "captures": caller.wanted("first")}
    first = caller.op("orders.archive.place", body, key="k")
    box.rate_limits = {"calls": 1_000, "places": 0}
    again = caller.op("orders.archive.place", body, key="k")
    assert (again.status_code, again.content) == (202, first.content)
    assert caller.op("orders.archive.place", body, key="l").status_code == 429
    assert caller.op("orders.archive.place", {**body, "captures": []}, key="k").status_code == 409


def test_a_key_belongs_to_a_path(box: Sandbox, wire: Callable[..., Wire]):
    """One key at two addresses of the same operation is two claims."""
    caller = wire(box)
    body = {"projectId": caller.project, "captures": caller.wanted("first")}
    first = caller.op("orders.archive.place", body, key="k").json()
    second = caller.http.post("/v1/orders/archive/place", json=body, headers={"Idempotency-Key": "k"}).json()
    third = caller.http.post("/v2/orders", json=body, headers={"Idempotency-Key": "k"}).json()
    assert len({first["id"], second["id"], third["id"]}) == 3


@pytest.mark.parametrize("wrong", [-5, 1.5, True, "100", 10**30])
def test_credits_are_a_whole_number(box: Sandbox, wrong: Any):
    """What is no amount of credits is refused in words, and the balance stays."""
    with pytest.raises(SandboxError, match="Credits are a whole number"):
        box.top_up("broke", wrong)


def test_who_there_is_not_is_told_with_who_there_is(box: Sandbox):
    """A misspelled principal is told with those there are, for a client, a token and money alike."""
    for ask in (box.client, box.token, lambda name: box.top_up(name, 5)):
        with pytest.raises(SandboxError, match="no principal 'analist'; there are analyst, broke"):
            ask("analist")
