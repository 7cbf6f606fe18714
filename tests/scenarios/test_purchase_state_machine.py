"""Client, journal and service under faults, in any order of events an analyst's week can hold."""

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
from _crash import FAULTS, pair_of
from scenecart.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

    import geopandas as gpd

CAPTURES = 100
WARES = 3
HOUR = 3_600.0


@pytest.fixture(scope="module")
def shop() -> Iterator[Sandbox]:
    """Give a sandbox whose orders stay under way for a while."""
    with Sandbox(pace="real") as box:
        box.rate_limits = None
        yield box


class Shop:
    """What all examples share: the service, what it sells, and wares nobody has bought yet."""

    def __init__(self, box: Sandbox, captures: gpd.GeoDataFrame) -> None:
        self.box = box
        self.captures = captures
        self.ahead = 0.0
        self._numbers = itertools.count()

    def new_ware(self) -> gpd.GeoDataFrame:
        return self.captures.iloc[list(pair_of(next(self._numbers), CAPTURES))]

    def wall(self) -> float:
        return time.time() + self.ahead

    def orders(self, ware: gpd.GeoDataFrame) -> list[str]:
        wanted = sorted(ware["id"])
        with contextlib.closing(sqlite3.connect(self.box.data / "sandbox.sqlite")) as database:
            rows = database.execute('SELECT id, captures FROM "order" WHERE captures LIKE ?', (f'%"{wanted[0]}"%',)).fetchall()
        return [name for name, captures in rows if sorted(entry["id"] for entry in json.loads(captures)) == wanted]


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Let the client say what it says, to nobody."""
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


class Week(RuleBasedStateMachine):
    """An analyst who buys, stops, restarts, cancels and pays, while the service has a bad week."""

    def __init__(self, shop: Shop) -> None:
        super().__init__()
        self.shop = shop
        self._folder = tempfile.TemporaryDirectory()
        self.home = Path(self._folder.name)
        self.wares = [self.shop.new_ware() for _ in range(WARES)]
        self.meant = [0] * WARES
        self.payer = "card"
        self.challenges: list[str] = []
        self.shop.box.faults.clear()
        self.shop.box.attach_card("card", "good")
        self.client = self._connect()

    def _connect(self) -> scenecart.Client:
        with _quietly():
            return self.shop.box.client(self.payer, home=self.home, sleep=lambda _: None, wall=self.shop.wall)

    def teardown(self) -> None:
        """Let peace return: every purchase that was meant and can be paid ends as one order."""
        self.shop.box.faults.clear()
        self.shop.box.attach_card("card", "good")
        for number, ware in enumerate(self.wares):
            if self.meant[number]:
                order = self._place(number, again=False)
                assert order is not None
                assert order.id in self.shop.orders(ware)
        self.client.settle()
        self._check_journal(finished=True)
        _ledger_check.reconcile(self.shop.box)
        self.client.close()
        self._folder.cleanup()

    def _place(self, number: int, *, again: bool) -> scenecart.Order | None:
        with _quietly():
            try:
                estimate = self.client.cart(self.wares[number]).estimate()
            except scenecart.ScenecartError:
                return None
            rows = self.client.placements()
            mine = rows[rows["key"].isin(self._keys(number))]
            is_placed = len(mine) > 0 and mine["state"].iloc[-1] == "placed"
            self.meant[number] = self.meant[number] + 1 if again and is_placed else max(1, self.meant[number])
            try:
                return estimate.place(again=again)
            except scenecart.AuthenticationRequired as error:
                self.challenges += [] if error.client_secret is None else [error.client_secret.reveal()]
            except scenecart.ScenecartError:
                pass  # what may stand after it is checked by the invariants
            return None

    def _keys(self, number: int) -> list[str]:
        with contextlib.closing(sqlite3.connect(self.home / "placements.sqlite")) as database:
            rows = database.execute("SELECT key, body FROM placement ORDER BY number").fetchall()
        wanted = sorted(self.wares[number]["id"])
        return [key for key, body in rows if sorted(entry["id"] for entry in json.loads(body)["captures"]) == wanted]

    def _check_journal(self, *, finished: bool = False) -> None:
        placements = self.client.placements()
        for number, ware in enumerate(self.wares):
            orders = self.shop.orders(ware)
            mine = placements[placements["key"].isin(self._keys(number))]
            placed = mine.loc[mine["state"] == "placed", "order_id"].tolist()
            assert len(placed) == len(set(placed))
            assert set(placed) <= set(orders)
            if finished:
                assert sorted(placed) == sorted(orders)
            else:
                assert len(orders) <= len(placed) + int(mine["state"].isin(["sent", "unknown"]).sum())

    @rule(number=st.integers(0, WARES - 1))
    def run_the_cell(self, number: int) -> None:
        order = self._place(number, again=False)
        if order is not None:
            assert order.id in self.shop.orders(self.wares[number])

    @rule(number=st.integers(0, WARES - 1))
    def buy_again(self, number: int) -> None:
        self._place(number, again=True)

    @rule(kind=st.sampled_from(FAULTS), times=st.integers(1, 7))
    def trouble(self, kind: str, times: int) -> None:
        kind, _, _ = kind.partition(";")
        options: dict[str, Any] = {"retry_after": 1} if kind == "429" else {}
        self.shop.box.faults.add(kind, times, "orders.archive.place", **options)

    @rule()
    def peace(self) -> None:
        self.shop.box.faults.clear()

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
        self.shop.box.advance(hours * HOUR)
        self.shop.ahead += hours * HOUR

    @rule(card=st.sampled_from(["good", "declined", "secure", None]))
    def change_card(self, card: str | None) -> None:
        self.shop.box.attach_card("card", card)

    @precondition(lambda self: self.challenges)
    @rule(accept=st.booleans())
    def answer_the_bank(self, accept: bool) -> None:  # noqa: FBT001  # hypothesis passes it by name
        with contextlib.suppress(scenecart.sandbox.SandboxError):
            self.shop.box.complete_challenge(self.challenges.pop(), accept=accept)

    @rule(number=st.integers(0, WARES - 1))
    def cancel(self, number: int) -> None:
        for name in self.shop.orders(self.wares[number])[:1]:
            with _quietly(), contextlib.suppress(scenecart.ScenecartError):
                self.client.order(name).cancel()

    @invariant()
    def nothing_is_bought_that_was_not_meant(self) -> None:
        for number, ware in enumerate(self.wares):
            assert len(self.shop.orders(ware)) <= self.meant[number]

    @invariant()
    def the_journal_knows_every_order(self) -> None:
        if (self.home / "placements.sqlite").exists():
            self._check_journal()


def test_a_week_of_trouble_buys_what_was_meant(shop: Sandbox, tmp_path_factory: pytest.TempPathFactory):
    """Whatever happens in whatever order, there is never an order too many, and in the end none too few."""
    with shop.client("card", home=tmp_path_factory.mktemp("looking")) as client:
        captures = client.search("aurora", collections="aurora-50cm", datetime="2024", limit=2 * CAPTURES)
    wares = captures[captures["orderable"]].reset_index(drop=True).iloc[:CAPTURES]
    checks = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]
    steady = settings(max_examples=40, stateful_step_count=25, suppress_health_check=checks)
    sold = Shop(shop, wares)
    run_state_machine_as_test(lambda: Week(sold), settings=steady)
