"""Client, journal and service under faults, in any order of an analyst's actions."""

from __future__ import annotations

import contextlib
import io
import itertools
import json
import sqlite3
import tempfile
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

import _ledger_check
import scenecart
from _crash import FAULTS
from _thorough import first_of
from scenecart.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

    import geopandas as gpd

CAPTURES = 2_000
PAIRS = 3
HOUR = 3_600.0


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """Run a sandbox whose orders stay unfinished for a while."""
    with Sandbox(pace="real") as box:
        box.rate_limits = None
        yield box


class Market:
    """What all examples share: the service, its captures, and pairs of captures that nobody has bought."""

    def __init__(self, box: Sandbox, captures: gpd.GeoDataFrame) -> None:
        self.box = box
        self.captures = captures
        self.clock_offset = 0.0
        self._numbers = itertools.count()

    def new_pair(self) -> gpd.GeoDataFrame:
        number = 2 * next(self._numbers) % CAPTURES
        return self.captures.iloc[number : number + 2]

    def now(self) -> float:
        return time.time() + self.clock_offset

    def orders(self, pair: gpd.GeoDataFrame) -> list[str]:
        wanted = sorted(pair["id"])
        with contextlib.closing(sqlite3.connect(self.box.data / "sandbox.sqlite")) as database:
            rows = database.execute('SELECT id, captures FROM "order" WHERE captures LIKE ?', (f'%"{wanted[0]}"%',)).fetchall()
        return [name for name, captures in rows if sorted(entry["id"] for entry in json.loads(captures)) == wanted]


@contextlib.contextmanager
def _silently() -> Iterator[None]:
    """Suppress notices and warnings."""
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


class Purchases(RuleBasedStateMachine):
    """An analyst who buys, restarts, cancels and pays, while requests fail."""

    def __init__(self, market: Market) -> None:
        super().__init__()
        self.market = market
        self._folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        self.home = Path(self._folder.name)
        self.pairs = [self.market.new_pair() for _ in range(PAIRS)]
        self.requested = [0] * PAIRS
        self.payer = "card"
        self.challenges: list[str] = []
        self.market.box.faults.clear()
        self.market.box.attach_card("card", "good")
        self.client = self._connect()

    def _connect(self) -> scenecart.Client:
        with _silently():
            return self.market.box.client(self.payer, home=self.home, sleep=lambda _: None, wall=self.market.now)

    def teardown(self) -> None:
        """End the faults: every purchase that was requested and can be paid ends as one order."""
        self.market.box.faults.clear()
        self.market.box.attach_card("card", "good")
        for number, pair in enumerate(self.pairs):
            if self.requested[number]:
                order = self._place(number, again=False)
                assert order is not None
                assert order.id in self.market.orders(pair)
        self.client.settle()
        self._check_journal(finished=True)
        _ledger_check.reconcile(self.market.box)
        self.client.close()
        self._folder.cleanup()

    def _place(self, number: int, *, again: bool) -> scenecart.Order | None:
        with _silently():
            try:
                estimate = self.client.cart(self.pairs[number]).estimate()
            except scenecart.ScenecartError:
                return None
            rows = self.client.placements()
            mine = rows[rows["key"].isin(self._keys(number))]
            # one more than the orders that are known; while a request is without an answer, it comes first
            more = int((mine["state"] == "placed").sum()) + 1 if again else 1
            self.requested[number] = max(more, self.requested[number])
            try:
                return estimate.place(again=again)
            except scenecart.AuthenticationRequired as error:
                self.challenges += [] if error.client_secret is None else [error.client_secret.reveal()]
            except scenecart.ScenecartError:
                pass  # the invariants check the state after it
            return None

    def _keys(self, number: int) -> list[str]:
        with contextlib.closing(sqlite3.connect(self.home / "placements.sqlite")) as database:
            rows = database.execute("SELECT key, body FROM placement ORDER BY number").fetchall()
        wanted = sorted(self.pairs[number]["id"])
        return [key for key, body in rows if sorted(entry["id"] for entry in json.loads(body)["captures"]) == wanted]

    def _check_journal(self, *, finished: bool = False) -> None:
        placements = self.client.placements()
        for number, pair in enumerate(self.pairs):
            orders = self.market.orders(pair)
            mine = placements[placements["key"].isin(self._keys(number))]
            placed = mine.loc[mine["state"] == "placed", "order_id"].tolist()
            assert len(placed) == len(set(placed))
            assert set(placed) <= set(orders)
            if finished:
                assert sorted(placed) == sorted(orders)
            else:
                assert len(orders) <= len(placed) + int(mine["state"].isin(["sent", "unknown"]).sum())

    @rule(number=st.integers(0, PAIRS - 1))
    def run_the_cell(self, number: int) -> None:
        order = self._place(number, again=False)
        if order is not None:
            assert order.id in self.market.orders(self.pairs[number])

    @rule(number=st.integers(0, PAIRS - 1))
    def buy_again(self, number: int) -> None:
        self._place(number, again=True)

    @rule(kind=st.sampled_from(FAULTS), times=st.integers(1, 7))
    def add_fault(self, kind: str, times: int) -> None:
        kind, _, _ = kind.partition(";")
        options: dict[str, Any] = {"retry_after": 1} if kind == "429" else {}
        self.market.box.faults.add(kind, times, "orders.archive.place", **options)

    @rule()
    def end_faults(self) -> None:
        self.market.box.faults.clear()

    @rule()
    def settle(self) -> None:
        with (
            contextlib.redirect_stdout(io.StringIO()),
            warnings.catch_warnings(),
            contextlib.suppress(scenecart.ScenecartError),
        ):
            warnings.simplefilter("ignore")
            self.client.settle()

    @rule()
    def restart(self) -> None:
        self.client.close()
        self.client = self._connect()

    @rule(hours=st.sampled_from([0.1, 1.0, 12.0, 25.0]))
    def time_passes(self, hours: float) -> None:
        self.market.box.advance(hours * HOUR)
        self.market.clock_offset += hours * HOUR

    @rule(card=st.sampled_from(["good", "declined", "secure", None]))
    def change_card(self, card: str | None) -> None:
        self.market.box.attach_card("card", card)

    @precondition(lambda self: self.challenges)
    @rule(accept=st.booleans())
    def answer_the_bank(self, accept: bool) -> None:  # noqa: FBT001  # hypothesis passes it by name
        with contextlib.suppress(scenecart.sandbox.SandboxError):
            self.market.box.complete_challenge(self.challenges.pop(), accept=accept)

    @rule(number=st.integers(0, PAIRS - 1))
    def cancel(self, number: int) -> None:
        for name in self.market.orders(self.pairs[number])[:1]:
            with _silently(), contextlib.suppress(scenecart.ScenecartError):
                self.client.order(name).cancel()

    @invariant()
    def no_order_is_unrequested(self) -> None:
        for number, pair in enumerate(self.pairs):
            assert len(self.market.orders(pair)) <= self.requested[number]

    @invariant()
    def journal_has_every_order(self) -> None:
        if (self.home / "placements.sqlite").exists():
            self._check_journal()


@pytest.mark.parametrize("examples", first_of([8, 40], 1))
def test_purchases_in_any_order_of_events_buy_what_was_requested(
    sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory, examples: int
):
    """In any order of events there is never an order too many, and in the end none is missing."""
    with sandbox.client("card", home=tmp_path_factory.mktemp("looking")) as client:
        captures = client.search("aurora", collections="aurora-50cm", datetime="2023/2024", limit=2 * CAPTURES)
    pairs = captures[captures["orderable"]].reset_index(drop=True).iloc[:CAPTURES]
    checks = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]
    options = settings(max_examples=examples, stateful_step_count=25, suppress_health_check=checks)
    market = Market(sandbox, pairs)
    run_state_machine_as_test(lambda: Purchases(market), settings=options)
