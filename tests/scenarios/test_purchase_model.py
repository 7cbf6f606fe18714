"""The rules of buying once, explored: every interleaving of two buyers with services of every kind; `make model` goes further."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from _purchase_model import BUYING_ONCE, LAST_PERIOD, VERSION_010, Exploration, Model, Rules, Scenario

if TYPE_CHECKING:
    from collections.abc import Iterator

    from _purchase_model import Answer, Key, Row, Send, Stop, Take, View, Wish, World

pytestmark = pytest.mark.timeout(0)

# calls of place() of each of two buyers
CALLS = tuple(int(count) for count in os.environ.get("SCENECART_MODEL_CALLS", "2,1").split(","))
# far fewer than there are with two buyers, or with one: a model that explores nothing cannot pass
MANY, SOME = 3_000, 200


def machines(**settings: Any) -> Scenario:
    """Return a scenario of two buyers on two machines."""
    return Scenario(**{"calls": CALLS, **settings})


def machine(**settings: Any) -> Scenario:
    """Return a scenario of one buyer who calls three times."""
    return Scenario(**{"calls": (3,), "extra": (0,), **settings})


def threads(**settings: Any) -> Scenario:
    """Return a scenario of two threads with one journal."""
    return machines(one_journal=True, **settings)


ONE_ORDER = {
    "as documented": machines(),
    "as documented, two calls each": machines(calls=(2, 2)),
    "list without lag": machines(list_lags=False),
    "keys of an hour": machines(keys_kept="hour"),
    "keys for ever": machines(keys_kept="forever"),
    "refusals stored and said to be": machines(stored_refusals="said", refusals=2),
    "refusals stored silently": machines(stored_refusals="silent", refusals=2),
    "list of ids": machines(list_tells="ids"),
    "list of ids, keys of an hour": machines(list_tells="ids", keys_kept="hour"),
    "no list, keys for ever": machines(list_tells="no list", keys_kept="forever"),
    "other bytes, 409": machines(other_bytes="409"),
    "other bytes, 422": machines(other_bytes="422"),
    "a lost journal": machines(journal_lost=True),
    "no refusals": machines(refusals=0),
    "no refusals, other bytes, 422": machines(refusals=0, other_bytes="422"),
    "no refusals, a lost journal": machines(refusals=0, journal_lost=True),
    "a cancelled order": machines(calls=(0, 2), cancelled_before=True),
    "one machine": machine(),
    "one machine, no list, keys of an hour": machine(list_tells="no list", keys_kept="hour"),
    "one machine, bare list, keys of an hour": machine(list_tells="nothing", keys_kept="hour"),
    "one machine, a lost journal, keys of an hour": machine(journal_lost=True, keys_kept="hour"),
    "two threads": threads(),
    "two threads, bare list, keys of an hour": threads(list_tells="nothing", keys_kept="hour"),
    "two threads, carts that share ground": threads(other_cart=True, refusals=0),
}
if "SCENECART_MODEL_CALLS" in os.environ:
    ONE_ORDER["as documented, three calls and two"] = machines(calls=(3, 2), refusals=2)
# what the specification says that no rule prevents
NAMED_CASES = {
    "N1 carts that share ground": machines(other_cart=True, refusals=0),
    "N1 keys that differ": machines(other_key=True),
    "N1 keys that differ, list without lag": machines(other_key=True, list_lags=False),
    "N1 keys per user": machines(keys_per="user"),
    "N1 keys per user, list without lag": machines(keys_per="user", list_lags=False),
    "N2 no keys": machines(keys_per="nothing"),
    "N2 no keys, one machine": machine(keys_per="nothing"),
    "N3 list of own orders": machines(list_is_own=True),
    "N3 list of own orders, keys of an hour": machines(list_is_own=True, keys_kept="hour"),
    "N4 bare list": machines(list_tells="nothing"),
    "N4 bare list, keys of an hour": machines(list_tells="nothing", keys_kept="hour"),
    "N4 bare list, other bytes": machines(list_tells="nothing", other_bytes="422"),
    "N4 bare list, a lost journal": machine(list_tells="nothing", journal_lost=True),
    "N4 no list": machines(list_tells="no list"),
    "N5 carried out a day late": machines(carried_out_late=True),
    "N5 carried out a day late, keys of an hour": machines(carried_out_late=True, keys_kept="hour"),
    "N6 again=True": machines(calls=(1, 0), extra=(1, 1)),
    "N6 again=True after a cancelled order": machines(calls=(0, 1), extra=(0, 1), cancelled_before=True),
    "N6 resolved wrongly": machine(list_tells="no list", person="says nothing"),
    "N6 started anew": machines(person="starts anew"),
    "N7 the console": machine(console=True),
}


def names(scenarios: dict[str, Scenario]) -> list[object]:
    return [pytest.param(scenario, id=name) for name, scenario in scenarios.items()]


def two_orders(world: World) -> bool:
    return world.live >= 2


@pytest.mark.parametrize("scenario", names(ONE_ORDER))
def test_buying_once_never_reaches_two_orders(scenario: Scenario):
    """However the steps interleave, a wish never has two live orders, and it can have one."""
    worlds = Exploration(Model(scenario), until=two_orders)
    assert worlds.found is None, worlds.path(worlds.found)
    is_small = len(scenario.calls) == 1 or scenario.cancelled_before or scenario.other_cart
    assert len(worlds) > (SOME if is_small else MANY)
    assert max(world.live for world in worlds) == 1


@pytest.mark.parametrize("scenario", names(NAMED_CASES))
def test_named_case_reaches_two_orders(scenario: Scenario):
    """The cases that the specification names as beyond any rule are beyond this one too."""
    assert Exploration(Model(scenario), until=two_orders).found is not None


@pytest.mark.parametrize("one_journal", [False, True])
@pytest.mark.parametrize(("extra", "wishes"), [((1, 0), 2), ((0, 1), 2), ((1, 1), 3)])
def test_again_gives_at_most_one_order_per_wish(one_journal: bool, extra: tuple[int, int], wishes: int):  # noqa: FBT001  # a case
    """With `again=True` on one or two machines, or from two threads, there are never more live orders than wishes."""
    worlds = Exploration(Model(machines(calls=(1, 0), extra=extra, one_journal=one_journal)))
    assert max(world.live for world in worlds) == wishes


@pytest.mark.parametrize("scenario", names({**ONE_ORDER, **NAMED_CASES}))
def test_rules_of_010_reach_two_orders(scenario: Scenario):
    """The rules of 0.1.0 can buy twice in every scenario, so the model finds what it is there to find."""
    assert Exploration(Model(scenario, VERSION_010), until=two_orders).found is not None


class KeyPerMachine(Rules):
    """Keys that differ from machine to machine."""

    def key(self, scenario: Scenario, buyer: int, wish: Wish, row: Row) -> Key:
        return super().key(scenario, buyer, wish, row)._replace(source=buyer)


class NewKeyAfterRefusal(Rules):
    """A refusal makes a new key."""

    def decide(self, scenario: Scenario, wish: Wish, row: Row, view: View) -> Take | Stop | Send:
        refused = row._replace(attempt=row.attempt + 1) if row.state == "refused" else row
        return super().decide(scenario, wish, refused, view)


class NewKeyWheneverRepeated(Rules):
    """A repeated refusal makes a new key also when the service may have forgotten it."""

    def before_sending(self, row: Row, _period: int) -> Row:
        return super().before_sending(row, row.since)


class NoSecondLook(Rules):
    """A machine that slept between look and send does not look again."""

    looks_again_after_sleep = False


class UnprovedAbsence(Rules):
    """A list without captures proves the absence of an order, whatever was ordered since."""

    def decide(self, scenario: Scenario, wish: Wish, row: Row, view: View) -> Take | Stop | Send:
        return super().decide(scenario, wish, row, view._replace(listed=()))


class GatewayRefuses(Rules):
    """An intermediary's page counts as the service's refusal."""

    def proves_refusal(self, answer: Answer) -> bool:
        return super().proves_refusal(answer) or answer.kind == "gateway"


class NoReservation(Rules):
    """Two carts of one machine do not see each other's ground."""

    reserves_ground = False


@pytest.mark.parametrize(
    ("rules", "scenario"),
    [
        (KeyPerMachine(), machines()),
        (NewKeyAfterRefusal(), machines(calls=(2, 2), gateway_answers=0)),
        (NewKeyWheneverRepeated(), machines(stored_refusals="said", refusals=2, gateway_answers=0, calls=(3, 1))),
        (NoSecondLook(), machines()),
        (UnprovedAbsence(), machine(list_tells="nothing", keys_kept="hour")),
        (GatewayRefuses(), machine(list_tells="nothing", keys_kept="hour")),
        (NoReservation(), threads(other_cart=True, refusals=0)),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Rules) else "",
)
def test_model_without_one_rule_reaches_two_orders(rules: Rules, scenario: Scenario):
    """Each rule is needed: without it there is a way to two orders, and with it there is none."""
    assert Exploration(Model(scenario, rules), until=two_orders).found is not None
    assert Exploration(Model(scenario, BUYING_ONCE), until=two_orders).found is None


@pytest.mark.parametrize(
    "scenario", names({"as documented": machines(), "422": machines(other_bytes="422"), "one machine": machine()})
)
def test_refused_row_has_no_order_of_its_own(scenario: Scenario):
    """Where the journal says that nothing was ordered, none of this buyer's requests has made an order."""
    refused = 0
    for world in Exploration(Model(scenario)):
        for buyer, journal in enumerate(world.journals):
            if any(row.state == "refused" for _, row in journal):
                refused += 1
                assert not any(order.buyer == buyer for order in world.orders)
    assert refused > SOME // 10


def quiet_without_order(scenario: Scenario) -> Iterator[World]:
    """Yield the worlds in which nobody buys, nothing is under way, there is no live order, and time can still pass."""
    for world in Exploration(Model(scenario)):
        is_quiet = not world.requests and all(buyer.at == "idle" for buyer in world.buyers)
        if is_quiet and not world.live and world.period < LAST_PERIOD:
            yield world


def freed(world: World) -> World:
    """Return a world after a person has said of each unknown placement that nothing was ordered."""

    def changed(row: Row) -> Row:
        return row._replace(state="put away", open_tries=()) if row.state == "unknown" else row

    return world._replace(journals=tuple(tuple((wish, changed(row)) for wish, row in journal) for journal in world.journals))


@pytest.mark.parametrize(
    ("scenario", "needs_person"),
    [
        pytest.param(machines(), False, id="as documented"),
        pytest.param(machines(keys_kept="hour", list_tells="ids"), False, id="list of ids, keys of an hour"),
        pytest.param(machines(stored_refusals="said", refusals=2), False, id="refusals stored and said to be"),
        pytest.param(machines(journal_lost=True), False, id="a lost journal"),
        pytest.param(machine(list_tells="nothing"), False, id="one machine, bare list"),
        pytest.param(machine(stored_refusals="silent", keys_kept="forever"), True, id="refusals stored silently, keys for ever"),
        pytest.param(machine(list_tells="no list"), True, id="one machine, no list"),
    ],
)
def test_wish_can_always_still_be_bought(scenario: Scenario, needs_person: bool):  # noqa: FBT001  # a case of the table
    """Whatever has happened, three more undisturbed calls get an order; where nothing tells, after a person's word."""
    undisturbed = Model(replace(scenario, refusals=0, gateway_answers=0, journal_lost=False))
    worlds = list(quiet_without_order(scenario))
    stuck = []
    for world in worlds:
        calls = (world.buyers[0]._replace(calls=3), *(buyer._replace(calls=0) for buyer in world.buyers[1:]))
        calm = world._replace(buyers=calls, refusals=0, gateway_answers=0, journal_may_be_lost=False)
        if Exploration(undisturbed, calm, until=lambda after: after.live == 1).found is None:
            stuck.append(calm)
    assert len(worlds) > SOME // 10
    assert bool(stuck) == needs_person
    with_person = Model(replace(undisturbed.scenario, person="starts anew"))
    for world in stuck:
        assert Exploration(with_person, freed(world), until=lambda after: after.live == 1).found is not None


BUYS = ("A begins", "A will send", "A sends")


def test_order_after_stored_refusal_has_another_key():
    """A refusal that the service repeats and says so gives way to another key, under which the wish is bought."""
    model = Model(machine(stored_refusals="said"))
    refused = (*BUYS, "the service refuses A", "A receives refusal")
    repeated = (*BUYS, "the service repeats its answer to A", "A receives repeated refusal")
    world = model.play(*refused, *repeated, *BUYS, "the service orders for A", "A receives order")
    assert (world.live, [claim.key.attempt for claim in world.claims]) == (1, [0, 1])


def test_lost_answer_is_found_a_day_later():
    """An order whose answer was lost is found in the list a day later, when its key is forgotten, and nothing is sent."""
    model = Model(machine(keys_kept="hour"))
    lost = (*BUYS, "the service orders for A", "A gets no answer", "an hour passes", "a day passes")
    world = model.play(*lost, "A begins", "A finds the order in the list")
    ((_, row),) = world.journals[0]
    assert (world.live, world.claims, world.requests, row.state, row.order) == (1, (), (), "placed", 0)


def test_cancelled_order_is_bought_anew_only_by_again():
    """A cancelled order is given back as such; `again=True` is a wish of its own, and buys."""
    model = Model(machines(calls=(0, 1), extra=(0, 1), cancelled_before=True, refusals=0))
    sends = ("B begins", "B will send", "B sends")
    told = (*sends, "the service repeats its answer to B", "B receives order")
    assert model.play(*told).live == 0
    assert model.play(*told, *sends, "the service orders for B", "B receives order").live == 1


def test_order_of_colleague_is_given_back():
    """The second machine finds the first one's order in the list, and sends nothing."""
    bought = (*BUYS, "the service orders for A", "A receives order")
    world = Model(machines()).play(*bought, "B begins", "B finds the order in the list")
    assert [journal[0][1].order for journal in world.journals] == [0, 0]
    assert not world.requests


def test_exploration_takes_every_step():
    """Every kind of step is taken somewhere, and a path leads from the start to a world."""
    model = Model(machine(journal_lost=True, stored_refusals="said", console=True, calls=(2,)))
    worlds = Exploration(model)
    labels = {label for world in worlds for label, _ in model.steps(world)}
    assert {"A loses the journal", "the console orders", "an hour passes", "a day passes", "the service refuses A"} <= labels
    assert {"A slept and looks again", "A finds the order in the journal", "A finds the order in the list"} <= labels
    assert {"A receives a gateway's page", "A receives repeated refusal", "A gets no answer"} <= labels
    last = list(worlds)[-1]
    assert model.play(*worlds.path(last)) == last
