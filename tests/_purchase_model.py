"""A bounded, exhaustive model of one purchase: two buyers, their journals, the network and the service.

``explore`` visits every world that any interleaving of small steps can reach: a buyer reads the list, writes to the journal, sends,
gives up; the service orders, refuses, repeats an answer, forgets a key; a gateway answers in its place; a journal is lost.

Time has three periods: now (seconds to minutes), an hour later, and a day later. An order may be missing from the list in the
period in which it was made, and no longer. A request is carried out in the period in which it left, or never, unless
``carried_out_late``.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LAST_PERIOD = 2
# in how many periods a service forgets a key
_KEPT = {"hour": 1, "day": 2, "forever": 99}
_NAMES = "AB"
_Each = TypeVar("_Each")
_PLAIN = -1
_NO_ORDER = -1
# who placed an order that was not placed with scenecart
_CONSOLE = -1


@dataclass(frozen=True)
class Scenario:
    """What the service is like, what the buyers do, and how often something goes wrong.

    Attributes
    ----------
    keys_per, keys_kept
        Within what, and how long, the service remembers idempotency keys.
    stored_refusals
        Whether a refusal is stored with its key, and whether the service says so when it repeats it.
    list_tells
        What the list of orders shows of each order.
    list_lags, list_is_own
        Whether the list may lack orders of this period, and always lacks the other buyer's.
    other_bytes
        The second buyer sends another body for the same purchase, which is answered with this status.
    carried_out_late
        Whether a request may be carried out in a later period.
    calls, extra
        For each buyer, the number of calls of ``place()``, and after them of ``place(again=True)``.
    one_journal
        Whether the buyers are two threads of one machine.
    journal_lost
        Whether the first buyer's journal may be lost between two calls.
    other_cart, other_key
        The second buyer's cart is another one that shares ground, or its key is derived differently.
    cancelled_before
        Whether the first buyer has bought and cancelled this cart a moment ago.
    console
        Whether somebody may order the same once in the service's console.
    person
        What a person may do without looking: end an unknown placement as ``resolve(nothing=True)`` does, or ask for another key
        after a refusal as ``start_anew()`` does.
    refusals, gateway_answers
        How often the service may refuse, and how often an intermediary may answer in its place.
    """

    keys_per: Literal["organization", "user", "nothing"] = "organization"
    keys_kept: Literal["hour", "day", "forever"] = "day"
    stored_refusals: Literal["no", "said", "silent"] = "no"
    list_tells: Literal["ground", "ids", "nothing", "no list"] = "ground"
    list_lags: bool = True
    list_is_own: bool = False
    other_bytes: Literal["", "409", "422"] = ""
    carried_out_late: bool = False
    calls: tuple[int, ...] = (2, 2)
    extra: tuple[int, ...] = (0, 0)
    one_journal: bool = False
    journal_lost: bool = False
    other_cart: bool = False
    other_key: bool = False
    cancelled_before: bool = False
    console: bool = False
    person: Literal["", "says nothing", "starts anew"] = ""
    refusals: int = 1
    gateway_answers: int = 1


class Wish(NamedTuple):
    """One order that is wanted: of which cart, and after which known order (-1 for a plain ``place()``)."""

    cart: int = 0
    after: int = _PLAIN


class Order(NamedTuple):
    buyer: int
    cart: int
    made: int
    ended: bool = False


class Answer(NamedTuple):
    """``order``, ``refusal``, ``repeated refusal``, ``409``, ``422``, ``gateway``, ``nothing``; or empty, until there is one."""

    kind: str
    order: int = _NO_ORDER


class Key(NamedTuple):
    """An idempotency key, by what it is derived from; ``source`` differs where two machines derive different keys."""

    source: int
    wish: Wish
    attempt: int


class Claim(NamedTuple):
    """A key that the service remembers, with its answer."""

    user: int
    key: Key
    body: int
    answer: Answer
    made: int


class Request(NamedTuple):
    """A request under way; one that nobody waits for may still be carried out."""

    buyer: int
    left: int
    key: Key
    body: int
    cart: int
    awaited: bool = True
    answer: Answer = Answer("")


class Try(NamedTuple):
    """A request whose outcome the journal does not know."""

    buyer: int
    left: int


class Row(NamedTuple):
    """What a journal has about one wish.

    ``state`` is ``new``, ``intended``, ``sent``, ``unknown``, ``refused``, ``put away``, ``placed`` or ``ended``; ``since`` is the
    period of the first open try, or of the try that was refused.
    """

    state: str = "new"
    attempt: int = 0
    since: int = 0
    open_tries: tuple[Try, ...] = ()
    is_repeated: bool = False
    order: int = _NO_ORDER

    @property
    def is_done(self) -> bool:
        """Whether the order of this wish is known."""
        return self.state in {"placed", "ended"}


Journal = tuple[tuple[Wish, Row], ...]


class Buyer(NamedTuple):
    """``at`` is ``idle``, ``looking``, ``ready`` or ``waiting``, with the wish of the current call and the period of its look."""

    at: str
    calls: int
    extra: int
    wish: Wish = Wish()
    looked: int = 0

    def done(self) -> Buyer:
        """Return the buyer after the current call."""
        return Buyer("idle", self.calls, self.extra)


class World(NamedTuple):
    """Everything at one moment."""

    period: int
    orders: tuple[Order, ...]
    claims: tuple[Claim, ...]
    requests: tuple[Request, ...]
    journals: tuple[Journal, ...]
    buyers: tuple[Buyer, ...]
    refusals: int
    gateway_answers: int
    journal_may_be_lost: bool
    console: bool

    @property
    def live(self) -> int:
        """The number of orders that have not ended."""
        return sum(not order.ended for order in self.orders)


Step = tuple[str, World]


class View(NamedTuple):
    """What a buyer knows before sending: the orders listed, those of them that other rows of the journal have, and the period."""

    orders: tuple[Order, ...]
    listed: tuple[int, ...]
    taken: frozenset[int]
    period: int

    def candidates(self, wish: Wish) -> list[int]:
        """Return the listed orders that may be the wish's: newer than what was known, and of no other row."""
        return [number for number in self.listed if number not in self.taken and number > wish.after]


class Take(NamedTuple):
    """The order exists: return it."""

    order: int


class Stop(NamedTuple):
    """Send nothing: something similar is owned, or the outcome of a try is unknown."""


class Send(NamedTuple):
    """Send the purchase, with the journal's row as it is now."""

    row: Row


class Rules:
    """The rules of buying once, as the specification of the money path has them."""

    name = "buying once"
    looks_again_after_sleep = True
    reserves_ground = True

    def key(self, scenario: Scenario, buyer: int, wish: Wish, row: Row) -> Key:
        """Return the key of the next request: a function of the purchase and the wish, not of the machine."""
        return Key(buyer if scenario.other_key else 0, wish, row.attempt)

    def extra_wish(self, journal: Journal, listed: tuple[int, ...]) -> Wish:
        """Return the wish of ``again=True``: one more than the newest order that is known."""
        known = [*listed, *(row.order for _, row in journal if row.is_done)]
        return Wish(after=max(known, default=_PLAIN))

    def decide(self, scenario: Scenario, wish: Wish, row: Row, view: View) -> Take | Stop | Send:
        """Decide what to do after looking at the list."""
        candidates = view.candidates(wish)
        same = [number for number in candidates if view.orders[number].cart == wish.cart]
        tells = scenario.list_tells
        if row.open_tries:
            is_young = row.since == view.period
            if tells == "ground" and same:
                return Take(same[0])
            if is_young:
                return Send(row)
            if tells == "ids" and len(candidates) == 1:
                return Take(candidates[0])
            if tells == "no list" or (tells != "ground" and candidates):
                return Stop()
            # proved absent: the tries are written off
            row = row._replace(open_tries=(), since=view.period)
        if tells == "ground" and same:
            return Take(same[0])
        if tells in {"ground", "ids"} and candidates:
            return Stop()
        return Send(row._replace(state="intended"))

    def before_sending(self, row: Row, period: int) -> Row:
        """Return the row with the attempt of the next request: another one only if the service said that it repeats a refusal."""
        is_fresh = not row.open_tries and row.is_repeated and row.since == period
        return row._replace(attempt=row.attempt + 1) if is_fresh else row

    def proves_refusal(self, answer: Answer) -> bool:
        """Return whether an answer proves that its request ordered nothing."""
        return answer.kind in {"refusal", "repeated refusal"}

    def recorded_order(self, row: Row, number: int, order: Order) -> Row:
        """Return the row after an answer that names an order."""
        return Row("ended" if order.ended else "placed", row.attempt, row.since, order=number)


class RulesOf010(Rules):
    """The rules of version 0.1.0, which bought twice: a random key, another after a refusal or 23 hours, and no look before."""

    name = "0.1.0"
    looks_again_after_sleep = False
    reserves_ground = False

    def key(self, scenario: Scenario, buyer: int, wish: Wish, row: Row) -> Key:
        """Return a key that is random, and so differs for each machine."""
        return Key(0 if scenario.one_journal else buyer, wish, row.attempt)

    def extra_wish(self, journal: Journal, _listed: tuple[int, ...]) -> Wish:
        """Return the next wish of this machine, by counting."""
        return Wish(after=len(journal))

    def decide(self, scenario: Scenario, wish: Wish, row: Row, view: View) -> Take | Stop | Send:
        """Send at once; after 23 hours without an answer take an order that fits, or use another key."""
        if not row.open_tries:
            attempt = row.attempt + (row.state == "refused")
            return Send(Row("intended", attempt, view.period))
        if view.period - row.since < LAST_PERIOD:
            return Send(row)
        candidates = view.candidates(wish) if scenario.list_tells in {"ground", "ids"} and wish.after == _PLAIN else []
        return Take(candidates[0]) if candidates else Send(Row("intended", row.attempt + 1, view.period))

    def before_sending(self, row: Row, _period: int) -> Row:
        """Return the row as it is."""
        return row

    def proves_refusal(self, answer: Answer) -> bool:
        """Return whether an answer is a refusal; a gateway's and one about the key were taken for one."""
        return super().proves_refusal(answer) or answer.kind in {"gateway", "422"}

    def recorded_order(self, row: Row, number: int, _order: Order) -> Row:
        """Return the row as placed, also if the order has ended."""
        return Row("placed", row.attempt, row.since, order=number)


BUYING_ONCE = Rules()
VERSION_010 = RulesOf010()


class Model:
    """The steps from one world to the next in a scenario."""

    def __init__(self, scenario: Scenario, rules: Rules = BUYING_ONCE) -> None:
        self.scenario = scenario
        self.rules = rules

    def start(self) -> World:
        """Return the world before anything has happened."""
        scenario = self.scenario
        count = len(scenario.calls)
        orders: tuple[Order, ...] = ()
        claims: tuple[Claim, ...] = ()
        if scenario.cancelled_before:
            orders = (Order(0, 0, 0, ended=True),)
            claims = (Claim(0, self.rules.key(scenario, 0, Wish(), Row()), 0, Answer("order", 0), 0),)
        return World(
            period=0,
            orders=orders,
            claims=claims,
            requests=(),
            journals=((),) * (1 if scenario.one_journal else count),
            buyers=tuple(Buyer("idle", *each) for each in zip(scenario.calls, scenario.extra, strict=False)),
            refusals=scenario.refusals,
            gateway_answers=scenario.gateway_answers,
            journal_may_be_lost=scenario.journal_lost,
            console=scenario.console,
        )

    def play(self, *labels: str) -> World:
        """Return the world after these steps, one after the other from the start."""
        world = self.start()
        for label in labels:
            possible = dict(self.steps(world))
            assert label in possible, f"{label!r} is not among {sorted(possible)}"
            world = possible[label]
        return world

    def steps(self, world: World) -> Iterator[Step]:
        """Yield every step that is possible, as a description and the world after it."""
        yield from self._pass_time(world)
        for request in dict.fromkeys(world.requests):
            if not request.answer.kind:
                yield from self._serve(world, request)
        if world.journal_may_be_lost and world.buyers[0].at == "idle" and world.journals[0]:
            yield "A loses the journal", self._with_journal(world, 0, ())._replace(journal_may_be_lost=False)
        if world.console:
            order = Order(_CONSOLE, 0, world.period)
            yield "the console orders", world._replace(orders=(*world.orders, order), console=False)
        for number, buyer in enumerate(world.buyers):
            for label, after in self._act(world, number, buyer):
                yield f"{_NAMES[number]} {label}", after

    def _pass_time(self, world: World) -> Iterator[Step]:
        if world.period == LAST_PERIOD:
            return
        period = world.period + 1
        lifetime = _KEPT[self.scenario.keys_kept]
        yield (
            "a day passes" if period == LAST_PERIOD else "an hour passes",
            world._replace(
                period=period,
                claims=tuple(claim for claim in world.claims if period - claim.made < lifetime),
                requests=tuple(one for one in world.requests if one.answer.kind or self.scenario.carried_out_late),
            ),
        )

    def _serve(self, world: World, request: Request) -> Iterator[Step]:
        """Let the service answer a request: from what it stored, with a new order, or with a refusal."""
        scenario = self.scenario
        name = _NAMES[request.buyer]
        user = request.buyer if scenario.keys_per == "user" else 0
        stored = next((claim for claim in world.claims if (claim.user, claim.key) == (user, request.key)), None)
        if stored is not None:
            answer = stored.answer if stored.body == request.body else Answer(scenario.other_bytes)
            if answer.kind == "refusal" and scenario.stored_refusals == "said":
                answer = Answer("repeated refusal")
            yield f"the service repeats its answer to {name}", self._answered(world, request, answer)
            return

        def claimed(answer: Answer) -> tuple[Claim, ...]:
            return tuple(sorted((*world.claims, Claim(user, request.key, request.body, answer, world.period))))

        answer = Answer("order", len(world.orders))
        order = Order(request.buyer, request.cart, world.period)
        claims = world.claims if scenario.keys_per == "nothing" else claimed(answer)
        yield (
            f"the service orders for {name}",
            self._answered(world._replace(orders=(*world.orders, order), claims=claims), request, answer),
        )
        if world.refusals:
            answer = Answer("refusal")
            is_stored = scenario.stored_refusals != "no" and scenario.keys_per != "nothing"
            claims = claimed(answer) if is_stored else world.claims
            yield (
                f"the service refuses {name}",
                self._answered(world._replace(claims=claims, refusals=world.refusals - 1), request, answer),
            )

    @staticmethod
    def _answered(world: World, request: Request, answer: Answer) -> World:
        """Return the world with an answer on its way, or without the request if nobody waits for it."""
        requests = list(world.requests)
        requests.remove(request)
        if request.awaited:
            requests.append(request._replace(answer=answer))
        return world._replace(requests=tuple(sorted(requests)))

    def _act(self, world: World, number: int, buyer: Buyer) -> Iterator[Step]:
        match buyer.at:
            case "idle":
                yield from self._begin(world, number, buyer)
                yield from self._ask_person(world, number)
            case "looking":
                yield from self._look(world, number, buyer)
            case "ready":
                yield from self._send(world, number, buyer)
            case _:
                yield from self._wait(world, number, buyer)

    def _begin(self, world: World, number: int, buyer: Buyer) -> Iterator[Step]:
        """Begin a call: find the row of the wish, or reserve one."""
        if buyer.calls:
            buyer = buyer._replace(calls=buyer.calls - 1)
            wishes = [Wish(cart=number if self.scenario.other_cart else 0)]
        elif buyer.extra:
            buyer = buyer._replace(extra=buyer.extra - 1)
            wishes = self._extra_wishes(world, number)
        else:
            return
        journal = self._journal(world, number)
        for wish in wishes:
            row = _row(journal, wish)
            if self.rules.reserves_ground and self._is_reserved(world, number, wish):
                yield "finds the ground reserved by another cart", self._with_buyer(world, number, buyer.done())
            elif row.is_done:
                yield "finds the order in the journal", self._with_buyer(world, number, buyer.done())
            else:
                began = self._with_journal(world, number, _changed(journal, wish, row))
                yield "begins", self._with_buyer(began, number, buyer._replace(at="looking", wish=wish))

    def _extra_wishes(self, world: World, number: int) -> list[Wish]:
        """Return what ``again=True`` may mean now: the unfinished wish, or a new one for each possible list."""
        journal = self._journal(world, number)
        unfinished = [wish for wish, row in journal if row.state in {"intended", "sent", "unknown"}]
        if unfinished:
            return unfinished[:1]
        views = self._views(world, number, with_ended=True)
        return list(dict.fromkeys(self.rules.extra_wish(journal, listed) for listed in views))

    def _is_reserved(self, world: World, number: int, wish: Wish) -> bool:
        """Return whether another cart of this journal may own the same ground."""
        sharing = range(len(world.buyers)) if self.scenario.one_journal else [number]
        worked_on = {world.buyers[other].wish for other in sharing if world.buyers[other].at != "idle"}
        return any(
            other.cart != wish.cart and (row.state in {"sent", "unknown", "placed"} or other in worked_on)
            for other, row in self._journal(world, number)
        )

    def _look(self, world: World, number: int, buyer: Buyer) -> Iterator[Step]:
        """Look at the list, as complete as it may be, and decide."""
        journal = self._journal(world, number)
        row = _row(journal, buyer.wish)
        if row.is_done:
            yield "finds the order in the journal", self._with_buyer(world, number, buyer.done())
            return
        taken = frozenset(other.order for _, other in journal if other.state == "placed")
        for listed in self._views(world, number):
            decision = self.rules.decide(self.scenario, buyer.wish, row, View(world.orders, listed, taken, world.period))
            match decision:
                case Take(order):
                    placed = Row("placed", row.attempt, row.since, order=order)
                    after = self._with_journal(world, number, _changed(journal, buyer.wish, placed))
                    yield "finds the order in the list", self._with_buyer(after, number, buyer.done())
                case Stop():
                    yield "stops", self._with_buyer(world, number, buyer.done())
                case Send(changed):
                    after = self._with_journal(world, number, _changed(journal, buyer.wish, changed))
                    yield "will send", self._with_buyer(after, number, buyer._replace(at="ready", looked=world.period))

    def _send(self, world: World, number: int, buyer: Buyer) -> Iterator[Step]:
        """Write a try down and send it."""
        journal = self._journal(world, number)
        row = _row(journal, buyer.wish)
        if row.is_done:
            yield "finds the order in the journal", self._with_buyer(world, number, buyer.done())
            return
        if self.rules.looks_again_after_sleep and buyer.looked != world.period:
            yield "slept and looks again", self._with_buyer(world, number, buyer._replace(at="looking", looked=0))
            return
        row = self.rules.before_sending(row, world.period)
        since = row.since if row.open_tries else world.period
        tries = tuple(sorted((*row.open_tries, Try(number, world.period))))
        body = 1 if self.scenario.other_bytes and number else 0
        request = Request(number, world.period, self.rules.key(self.scenario, number, buyer.wish, row), body, buyer.wish.cart)
        row = Row("sent", row.attempt, since, tries)
        after = self._with_journal(world, number, _changed(journal, buyer.wish, row))
        after = after._replace(requests=tuple(sorted((*after.requests, request))))
        yield "sends", self._with_buyer(after, number, buyer._replace(at="waiting", looked=0))

    def _wait(self, world: World, number: int, buyer: Buyer) -> Iterator[Step]:
        """Receive an answer, from the service or from a gateway, or give up."""
        request = next((one for one in world.requests if one.buyer == number and one.awaited), None)
        if request is None:
            yield "gets no answer", self._recorded(world, number, buyer, None, Answer("nothing"))
            return
        requests = list(world.requests)
        requests.remove(request)
        received = world._replace(requests=tuple(requests))
        if request.answer.kind:
            yield f"receives {request.answer.kind}", self._recorded(received, number, buyer, request, request.answer)
            lost = received
        else:
            # it may still be carried out
            lost = world._replace(requests=tuple(sorted((*requests, request._replace(awaited=False)))))
        if world.gateway_answers:
            answered = lost._replace(gateway_answers=lost.gateway_answers - 1)
            yield "receives a gateway's page", self._recorded(answered, number, buyer, request, Answer("gateway"))
        yield "gets no answer", self._recorded(lost, number, buyer, request, Answer("nothing"))

    def _recorded(self, world: World, number: int, buyer: Buyer, request: Request | None, answer: Answer) -> World:
        """Return the world after an answer is written to the journal. A refusal ends the try that it answers, and no other."""
        journal = self._journal(world, number)
        row = _row(journal, buyer.wish)
        if not row.is_done:
            if answer.kind == "order":
                row = self.rules.recorded_order(row, answer.order, world.orders[answer.order])
            elif request is not None and self.rules.proves_refusal(answer):
                row = _refused(row, Try(number, request.left), is_repeated=answer.kind == "repeated refusal")
            elif row.open_tries:
                row = row._replace(state="unknown")
        after = self._with_journal(world, number, _changed(journal, buyer.wish, row))
        return self._with_buyer(after, number, buyer.done())

    def _ask_person(self, world: World, number: int) -> Iterator[Step]:
        """Let a person say that nothing was ordered, without looking, or ask for another key after a refusal."""
        journal = self._journal(world, number)
        for wish, row in journal:
            if self.scenario.person == "says nothing" and row.state == "unknown" and row.since != world.period:
                freed = _changed(journal, wish, Row("put away", row.attempt, row.since))
                yield "is told that nothing was ordered", self._with_journal(world, number, freed)
            if self.scenario.person == "starts anew" and row.state == "refused" and row.attempt == 0:
                yield "starts anew", self._with_journal(world, number, _changed(journal, wish, _started_anew(row)))

    def _views(self, world: World, number: int, *, with_ended: bool = False) -> list[tuple[int, ...]]:
        """Return every list of live orders that the buyer may see now."""
        scenario = self.scenario
        if scenario.list_tells == "no list":
            return [()]
        shown = tuple(
            index
            for index, order in enumerate(world.orders)
            if (with_ended or not order.ended) and (not scenario.list_is_own or order.buyer == number)
        )
        if not scenario.list_lags:
            return [shown]
        stale = tuple(index for index in shown if world.orders[index].made < world.period)
        return list(dict.fromkeys((shown, stale)))

    def _journal(self, world: World, number: int) -> Journal:
        return world.journals[0 if self.scenario.one_journal else number]

    def _with_journal(self, world: World, number: int, journal: Journal) -> World:
        return world._replace(journals=_put(world.journals, 0 if self.scenario.one_journal else number, journal))

    @staticmethod
    def _with_buyer(world: World, number: int, buyer: Buyer) -> World:
        return world._replace(buyers=_put(world.buyers, number, buyer))


def _row(journal: Journal, wish: Wish) -> Row:
    return next((row for other, row in journal if other == wish), Row())


def _changed(journal: Journal, wish: Wish, row: Row) -> Journal:
    """Return a journal with another row for a wish."""
    return tuple(sorted((*(pair for pair in journal if pair[0] != wish), (wish, row))))


def _put(items: tuple[_Each, ...], index: int, item: _Each) -> tuple[_Each, ...]:
    return (*items[:index], item, *items[index + 1 :])


def _started_anew(row: Row) -> Row:
    """Return a refused row with another key, as a person may ask for."""
    return Row("put away", row.attempt + 1, row.since)


def _refused(row: Row, answered: Try, *, is_repeated: bool) -> Row:
    """Return a row after the refusal of one of its tries."""
    tries = list(row.open_tries)
    if answered not in tries:
        # written off earlier
        return row
    tries.remove(answered)
    if tries:
        return row._replace(state="unknown", open_tries=tuple(tries))
    return Row("refused", row.attempt, answered.left, is_repeated=is_repeated)


class Exploration:
    """All worlds of a scenario, each with the step that first led to it; breadth first, so that every path is a shortest one."""

    def __init__(self, model: Model, start: World | None = None, *, until: Callable[[World], bool] = lambda _: False) -> None:
        self._model = model
        first = model.start() if start is None else start
        self._came: dict[World, tuple[World, str] | None] = {first: None}
        self.found = first if until(first) else None
        queue = deque([first])
        while queue and self.found is None:
            world = queue.popleft()
            for label, after in model.steps(world):
                if after in self._came:
                    continue
                self._came[after] = (world, label)
                queue.append(after)
                if until(after):
                    self.found = after
                    break

    def __len__(self) -> int:
        return len(self._came)

    def __iter__(self) -> Iterator[World]:
        return iter(self._came)

    def path(self, world: World) -> list[str]:
        """Return the steps that lead to a world."""
        steps = []
        came = self._came[world]
        while came is not None:
            world, label = came
            steps.append(label)
            came = self._came[world]
        return steps[::-1]
