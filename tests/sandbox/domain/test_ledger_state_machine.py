"""Money and orders under everything at once, in any order, from several threads."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from _ledger_check import reconcile

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from _http_client import Wire
    from conftest import Clock
    from scenecart.sandbox import Sandbox

PEOPLE = ("analyst", "broke", "card", "declined", "secure", "enterprise", "other")
CAPTURES = ("first", "second", "third", "far", "fails", "crossed")
PLACE = "orders.archive.place"
people = st.sampled_from(PEOPLE)


class Morning(RuleBasedStateMachine):
    """Several people who search, price, buy, retry, cancel and pay."""

    def __init__(self, box: Sandbox, clock: Clock, callers: dict[str, Wire], wanted: dict[str, Any]) -> None:
        super().__init__()
        self.box, self.clock, self.callers, self.wanted = box, clock, callers, wanted
        self.asked: list[tuple[str, str, dict[str, Any]]] = []
        self.answers: dict[tuple[str, str], bytes] = {}
        self.orders: list[tuple[str, str]] = []

    def _place(self, name: str, key: str, body: dict[str, Any], at_once: int) -> None:
        caller = self.callers[name]
        with ThreadPoolExecutor(at_once) as threads:
            answers: list[httpx.Response] = list(threads.map(lambda _: caller.op(PLACE, body, key=key), range(at_once)))
        assert {answer.status_code for answer in answers} <= {202, 402, 422}
        for answer in answers:
            if answer.status_code == 202:
                known = self.answers.setdefault((name, key), answer.content)
                assert answer.content == known
                if (name, answer.json()["id"]) not in self.orders:
                    self.orders.append((name, answer.json()["id"]))
            elif "client_secret" in answer.json() and at_once % 2:
                self.callers[name].http.post("/_sandbox/challenge", json={"client_secret": answer.json()["client_secret"]})

    @rule(
        name=people,
        names=st.sets(st.sampled_from(CAPTURES), min_size=1, max_size=3),
        by_date=st.booleans(),
        at_once=st.integers(1, 6),
    )
    def buy(self, name: str, names: set[str], by_date: bool, at_once: int) -> None:  # noqa: FBT001  # drawn
        captures = [{"id": one, "geometry": self.wanted[one]} for one in sorted(names)]
        body = {"projectId": self.callers[name].project, "captures": captures, "splitByDate": by_date}
        priced = self.callers[name].op("orders.archive.estimate", {"captures": captures, "splitByDate": by_date}).json()
        assert priced["total_credits"] == sum(group["credits"] for group in priced["groups"])
        key = str(uuid.uuid4())
        self.asked.append((name, key, body))
        self._place(name, key, body, at_once)

    @rule(data=st.data(), at_once=st.integers(1, 4))
    def try_again(self, data: st.DataObject, at_once: int) -> None:
        if self.asked:
            name, key, body = data.draw(st.sampled_from(self.asked))
            self._place(name, key, body, at_once)

    @rule(data=st.data(), at_once=st.integers(1, 4))
    def cancel(self, data: st.DataObject, at_once: int) -> None:
        if self.orders:
            name, order = data.draw(st.sampled_from(self.orders))
            caller = self.callers[name]
            with ThreadPoolExecutor(at_once) as threads:
                answers = list(threads.map(lambda _: caller.op("orders.cancel", {"order_id": order}), range(at_once)))
            assert [answer.status_code for answer in answers].count(200) <= 1
            assert {answer.status_code for answer in answers} <= {200, 409}

    @rule(name=people, amount=st.integers(1, 100_000))
    def top_up(self, name: str, amount: int) -> None:
        self.box.top_up(name, amount)

    @rule(name=st.sampled_from(("card", "declined", "secure")), card=st.sampled_from(("good", "declined", "secure", None)))
    def attach(self, name: str, card: str | None) -> None:
        self.box.attach_card(name, card)

    @rule(seconds=st.sampled_from((30.0, 400.0, 5_000.0)))
    def wait(self, seconds: float) -> None:
        self.clock.now += seconds

    @rule(name=people)
    def look(self, name: str) -> None:
        caller = self.callers[name]
        assert len(caller.search(host_name="archive", collections=["test"], limit=3)) == 3
        assert caller.op("orders.list", {"size": 500}).json()["totalElements"] >= sum(owner == name for owner, _ in self.orders)

    @invariant()
    def the_books_are_right(self) -> None:
        assert reconcile(self.box) >= len(self.orders)


def test_the_books_stay_right_whatever_happens(box: Sandbox, clock: Clock, wire: Callable[..., Wire]):
    """Whatever people do in any order and at once: journals sum to zero, nothing is negative, money follows each order's state."""
    callers = {name: wire(box, name) for name in PEOPLE}
    found = callers["analyst"].search(host_name="archive", collections=["test"])
    wanted = {one["id"]: one["geometry"] for one in found}
    machine = settings(max_examples=12, stateful_step_count=20, suppress_health_check=list(HealthCheck))
    run_state_machine_as_test(lambda: Morning(box, clock, callers, wanted), settings=machine)
    clock.now += 100_000
    orders = callers["analyst"].op("orders.list", {"size": 500}).json()["content"]
    for order in orders:
        if order["status"] == "processing":
            names = set(order["captures"])
            callers["analyst"].wait(order["id"], "failed" if "fails" in names else "delivered")
    assert reconcile(box) > 0
