"""Billing modes, payment errors and the double-entry ledger."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from _ledger_check import balance, reconcile
from scenecart.sandbox import Sandbox, SandboxError

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from _http_client import ServiceClient
    from conftest import Clock


def transfer_kinds(client: ServiceClient) -> list[str]:
    """Return the kinds of all transfers, oldest first."""
    return [entry["reason"] for entry in client.call("billing.credits.transactions").json()["transactions"]][::-1]


@pytest.mark.parametrize(
    ("name", "mode", "steps"),
    [
        ("analyst", "credit", ["top-up", "reserve", "settle"]),
        ("card", "card", ["hold", "capture"]),
        ("enterprise", "enterprise", ["accrue", "bill"]),
    ],
)
def test_finish_delivered_order_charges_reservation(  # noqa: PLR0917  # fixtures and cases
    box: Sandbox, clock: Clock, sign_in: Callable[..., ServiceClient], name: str, mode: str, steps: list[str]
):
    """Credits are reserved on placement and charged on delivery, in every billing mode."""
    client = sign_in(box, name)
    order = client.place("first").json()
    assert order["billingMode"] == mode
    assert balance(client)[1:] == (order["totalCredits"], 0)
    clock.now += 3_600
    client.wait(order["id"], "delivered")
    assert balance(client)[1:] == (0, order["totalCredits"])
    assert transfer_kinds(client) == steps
    reconcile(box)


@pytest.mark.parametrize(("name", "gives_back"), [("analyst", "refund"), ("card", "void"), ("enterprise", "reverse")])
@pytest.mark.parametrize("how", ["cancelled", "failed"])
def test_finish_cancelled_or_failed_order_returns_reservation(  # noqa: PLR0917  # fixtures and cases
    box: Sandbox, clock: Clock, sign_in: Callable[..., ServiceClient], name: str, gives_back: str, how: str
):
    """A cancelled or failed order returns all reserved credits, in every billing mode."""
    client = sign_in(box, name)
    before = balance(client)
    order = client.place("fails").json()["id"]
    if how == "cancelled":
        assert client.call("orders.cancel", {"order_id": order}).json()["status"] == "cancelled"
    else:
        clock.now += 3_600
        client.wait(order, "failed")
    assert balance(client) == before
    assert transfer_kinds(client)[-1] == gives_back
    reconcile(box)


def test_reserve_insufficient_credits_succeeds_after_top_up(box: Sandbox, sign_in: Callable[..., ServiceClient]):
    """Too few credits give 402 with both amounts; after a top-up the same key places one order."""
    client = sign_in(box, "broke")
    refused = client.place("first", key="k")
    assert refused.status_code == 402
    assert refused.json()["type"].endswith("insufficient-credits")
    box.top_up("broke", refused.json()["required_credits"])
    assert client.place("first", key="k").status_code == 202
    assert client.place("first", key="k").status_code == 202
    assert reconcile(box) == 1


def test_reserve_declined_card_succeeds_with_another_card(box: Sandbox, sign_in: Callable[..., ServiceClient]):
    """A declined card gives 402 with decline_code, no card gives 402 too; with a good card the same key places one order."""
    client = sign_in(box, "declined")
    refused = client.place("first", key="k")
    assert (refused.status_code, refused.json()["decline_code"]) == (402, "insufficient_funds")
    box.attach_card("declined", None)
    assert client.place("first", key="k").json()["type"].endswith("payment-method-required")
    box.attach_card("declined")
    assert client.place("first", key="k").status_code == 202
    assert reconcile(box) == 1


def test_reserve_secure_card_succeeds_after_challenge(box: Sandbox, sign_in: Callable[..., ServiceClient]):
    """3-D Secure gives 402 with one client_secret per request; once completed the same key places one order."""
    client = sign_in(box, "secure")
    refused = client.place("first", key="k")
    assert refused.status_code == 402
    secret = refused.json()["client_secret"]
    assert client.place("first", key="k").json()["client_secret"] == secret
    box.complete_challenge(secret)
    assert client.place("first", key="k").status_code == 202
    assert client.place("first", key="k").status_code == 202
    other = client.place("first", key="l")
    assert other.status_code == 402
    assert other.json()["client_secret"] != secret
    assert reconcile(box) == 1


def test_complete_challenge_refused_charges_nothing(box: Sandbox, sign_in: Callable[..., ServiceClient]):
    """After a refused challenge the next try gets another secret; a challenge is answered only once."""
    client = sign_in(box, "secure")
    secret = client.place("first", key="k").json()["client_secret"]
    box.complete_challenge(secret, accept=False)
    again = client.place("first", key="k")
    assert again.status_code == 402
    assert again.json()["client_secret"] != secret
    with pytest.raises(SandboxError):
        box.complete_challenge(secret)
    assert reconcile(box) == 0


def test_transactions_are_listed_in_pages(box: Sandbox, sign_in: Callable[..., ServiceClient]):
    """Transactions are listed newest first, by page and by reason, and add up to the balance."""
    client = sign_in(box)
    for _ in range(3):
        order = client.place("first").json()["id"]
        client.call("orders.cancel", {"id": order})

    def page(**body: Any) -> dict[str, Any]:
        return client.call("billing.credits.transactions", body).json()

    assert page()["total"] == 7
    assert [one["id"] for one in page(limit=3)["transactions"] + page(limit=4, offset=3)["transactions"]] == [
        one["id"] for one in page()["transactions"]
    ]
    assert page(reason="refund")["total"] == 3
    assert sum(one["change_credits"] for one in page()["transactions"]) == balance(client)[0]
    assert client.call("billing.credits.transactions", {"limit": 0}).status_code == 422


PRINCIPALS = ("analyst", "broke", "card", "declined", "secure", "enterprise", "other")
CAPTURES = ("first", "second", "third", "far", "fails", "crossed")
PLACE = "orders.archive.place"
principals = st.sampled_from(PRINCIPALS)


class LedgerMachine(RuleBasedStateMachine):
    """Several people who price, order, retry, cancel and pay, in any order and from several threads."""

    def __init__(self, box: Sandbox, clock: Clock, clients: dict[str, ServiceClient], footprints: dict[str, Any]) -> None:
        super().__init__()
        self.box, self.clock, self.clients, self.footprints = box, clock, clients, footprints
        self.placements: list[tuple[str, str, dict[str, Any]]] = []
        self.responses: dict[tuple[str, str], bytes] = {}
        self.orders: list[tuple[str, str]] = []

    def _place(self, name: str, key: str, body: dict[str, Any], parallel: int) -> None:
        client = self.clients[name]
        with ThreadPoolExecutor(parallel) as threads:
            answers: list[httpx.Response] = list(threads.map(lambda _: client.call(PLACE, body, key=key), range(parallel)))
        assert {answer.status_code for answer in answers} <= {202, 402, 422}
        for answer in answers:
            if answer.status_code == 202:
                known = self.responses.setdefault((name, key), answer.content)
                assert answer.content == known
                if (name, answer.json()["id"]) not in self.orders:
                    self.orders.append((name, answer.json()["id"]))
            elif "client_secret" in answer.json() and parallel % 2:
                self.clients[name].http.post("/_sandbox/challenge", json={"client_secret": answer.json()["client_secret"]})

    @rule(
        name=principals,
        names=st.sets(st.sampled_from(CAPTURES), min_size=1, max_size=3),
        by_date=st.booleans(),
        parallel=st.integers(1, 6),
    )
    def buy(self, name: str, names: set[str], by_date: bool, parallel: int) -> None:  # noqa: FBT001  # drawn
        captures = [{"id": one, "geometry": self.footprints[one]} for one in sorted(names)]
        body = {"projectId": self.clients[name].project, "captures": captures, "splitByDate": by_date}
        priced = self.clients[name].call("orders.archive.estimate", {"captures": captures, "splitByDate": by_date}).json()
        assert priced["total_credits"] == sum(group["credits"] for group in priced["groups"])
        key = str(uuid.uuid4())
        self.placements.append((name, key, body))
        self._place(name, key, body, parallel)

    @rule(data=st.data(), parallel=st.integers(1, 4))
    def try_again(self, data: st.DataObject, parallel: int) -> None:
        if self.placements:
            name, key, body = data.draw(st.sampled_from(self.placements))
            self._place(name, key, body, parallel)

    @rule(data=st.data(), parallel=st.integers(1, 4))
    def cancel(self, data: st.DataObject, parallel: int) -> None:
        if self.orders:
            name, order = data.draw(st.sampled_from(self.orders))
            client = self.clients[name]
            with ThreadPoolExecutor(parallel) as threads:
                answers = list(threads.map(lambda _: client.call("orders.cancel", {"order_id": order}), range(parallel)))
            assert [answer.status_code for answer in answers].count(200) <= 1
            assert {answer.status_code for answer in answers} <= {200, 409}

    @rule(name=principals, amount=st.integers(1, 100_000))
    def top_up(self, name: str, amount: int) -> None:
        self.box.top_up(name, amount)

    @rule(name=st.sampled_from(("card", "declined", "secure")), card=st.sampled_from(("good", "declined", "secure", None)))
    def attach(self, name: str, card: str | None) -> None:
        self.box.attach_card(name, card)

    @rule(seconds=st.sampled_from((30.0, 400.0, 5_000.0)))
    def wait(self, seconds: float) -> None:
        self.clock.now += seconds

    @rule(name=principals)
    def look(self, name: str) -> None:
        client = self.clients[name]
        assert len(client.search(host_name="archive", collections=["test"], limit=3)) == 3
        assert client.call("orders.list", {"size": 500}).json()["totalElements"] >= sum(owner == name for owner, _ in self.orders)

    @invariant()
    def ledger_is_balanced(self) -> None:
        assert reconcile(self.box) >= len(self.orders)


def test_ledger_stays_balanced_under_random_use(box: Sandbox, clock: Clock, sign_in: Callable[..., ServiceClient]):
    """After any sequence of actions all accounts sum to zero, none is negative, and credits match each order's state."""
    clients = {name: sign_in(box, name) for name in PRINCIPALS}
    found = clients["analyst"].search(host_name="archive", collections=["test"])
    footprints = {one["id"]: one["geometry"] for one in found}
    machine = settings(max_examples=12, stateful_step_count=20, suppress_health_check=list(HealthCheck))
    run_state_machine_as_test(lambda: LedgerMachine(box, clock, clients, footprints), settings=machine)
    clock.now += 100_000
    orders = clients["analyst"].call("orders.list", {"size": 500}).json()["content"]
    for order in orders:
        if order["status"] == "processing":
            names = set(order["captures"])
            clients["analyst"].wait(order["id"], "failed" if "fails" in names else "delivered")
    assert reconcile(box) > 0


def test_auto_top_up_charges_the_card_for_what_is_missing(box: Sandbox, sign_in: Callable[..., ServiceClient]):
    """With automatic top-up a balance that is too low is filled in whole steps; with a declined card the order is 402."""
    client = sign_in(box, "auto")
    box.attach_card("auto", "declined")
    refused = client.place("first", key="k")
    assert (refused.status_code, balance(client)[0]) == (402, 10)
    box.attach_card("auto")
    order = client.place("first", key="k").json()
    assert balance(client)[0] + order["totalCredits"] == 10 + 100_000
    top_ups = client.call("billing.credits.transactions", {"reason": "top-up"}).json()["transactions"]
    assert [one["amount_credits"] for one in top_ups] == [100_000, 10]
    assert reconcile(box) == 1


def test_enabled_auto_top_up_lets_the_same_key_succeed(box: Sandbox, sign_in: Callable[..., ServiceClient]):
    """A purchase without credits succeeds with its key once automatic top-up is enabled and a card is there; None stops it."""
    client = sign_in(box, "broke")
    client.project = box.principals["broke"]["project"] or ""
    assert client.place("first", key="k").status_code == 402
    box.auto_top_up("broke", 1_000)
    assert client.place("first", key="k").status_code == 402
    box.attach_card("broke")
    order = client.place("first", key="k")
    assert order.status_code == 202
    bought = client.call("billing.credits.transactions", {"reason": "top-up"}).json()["transactions"][0]["amount_credits"]
    assert bought % 1_000 == 0
    assert balance(client) == (10 + bought - order.json()["totalCredits"], order.json()["totalCredits"], 0)
    box.auto_top_up("broke", None)
    assert client.place("far").status_code == 402
    assert reconcile(box) == 1
