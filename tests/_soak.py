"""An office for hours: analysts who search, buy, track, cancel and fetch at one sandbox, while a share of all requests go wrong.

All of it runs on one clock that goes faster than the machine's: the sandbox's orders, limits and tokens as well as the clients'
pauses. Run as a script it is one process of the office, the sandbox or a kernel with analysts in its threads; it reads what it
is to be as a line of JSON, and answers in such lines.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import sys
import threading
import time
import traceback
import warnings
from collections import Counter, deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

import scenecart
from scenecart._api.limits import Limits
from scenecart.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable

    import geopandas as gpd

HOSTS = {"aurora": "aurora-50cm", "lumen": "lumen-spot", "openterra": "openterra-10m"}
# fewer than a client allows itself, so that the service has to refuse some
_LIMITS = {"calls": 40, "places": 3}
_READ_SECONDS = 120.0
_AT_ONCE, _REMEMBERED = 6, 8
_TRIES = 40
# however slow the machine is
_LEAST = 10
_PAUSE, _SHORT, _LONG = 30.0, 60.0, 600.0
_TOP_UP = 5_000_000
# what the service's clock leads to without a fault
_OF_ITS_OWN = {401: "tokens expired", 429: "refused by the minute's limit"}


@dataclass(frozen=True)
class Clock:
    """Seconds since 1970 that go by faster than the machine's, the same in every process.

    ``epoch`` is what it said when the machine's monotonic clock said ``began``.
    """

    epoch: float
    began: float
    speed: float

    def now(self) -> float:
        """Return the time."""
        return self.epoch + (time.monotonic() - self.began) * self.speed

    def sleep(self, seconds: float) -> None:
        """Wait so many of its seconds."""
        time.sleep(max(0.0, seconds) / self.speed)


@dataclass
class Office:
    """What the analysts of one kernel share, and what is told of them in the end."""

    url: str
    principals: dict[str, dict[str, str | None]]
    clock: Clock
    share: float
    seed: int
    folder: Path
    until: float = 0.0
    done: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    topped_up: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, of: Counter[str], what: str, by: int = 1) -> None:
        """Count something, from any thread."""
        with self._lock:
            of[what] += by

    @property
    def read_seconds(self) -> float:
        """How long a client waits for an answer, by the machine's clock."""
        return max(2.0, _READ_SECONDS / self.clock.speed)

    def control(self, action: str, **body: Any) -> None:
        """Do what only a rehearsal can; that another analyst did it before is no error."""
        httpx.post(f"{self.url}/_sandbox/{action}", json=body, timeout=60.0)

    def connect(self, name: str, seed: int) -> scenecart.Client:
        """Start a client as a new kernel would: the same home, a new session."""
        who = self.principals[name]
        return scenecart.connect(
            base_url=self.url,
            username=who["username"],
            password=who["password"],
            project=who["project"],
            home=self.folder / name,
            transport=Weather(self, seed),
            limits=Limits(connect=5.0, read=self.read_seconds),
            clock=self.clock.now,
            wall=self.clock.now,
            sleep=self.clock.sleep,
        )


class Weather(httpx.BaseTransport):
    """Sends every request, and has a share of them go wrong in ways drawn by chance."""

    def __init__(self, office: Office, seed: int) -> None:
        self._office = office
        self._pick = random.Random(seed)  # noqa: S311  # which request goes wrong, not a secret
        self._inner = httpx.HTTPTransport(verify=False)  # plain http needs no certificates read
        beyond = office.read_seconds + 1.0
        self._kinds = (
            "drop-before", "drop-after", "stall; seconds=0.2", f"stall; seconds={beyond:g}", "429", "429; retry_after=20",
            "500", "502", "503", "cut", "garbage", "empty", "expire-token",
        )  # fmt: skip

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send one, or have it go wrong."""
        kind = self._pick.choice(self._kinds) if self._pick.random() < self._office.share else None
        self._office.count(self._office.done, "requests")
        if kind is not None:
            self._office.count(self._office.faults, kind.partition(";")[0])
            request.headers["X-Sandbox-Fault"] = kind
        response = self._inner.handle_request(request)
        if kind is None and response.status_code in _OF_ITS_OWN:
            self._office.count(self._office.done, _OF_ITS_OWN[response.status_code])
        return response

    def close(self) -> None:
        """Hang up."""
        self._inner.close()


class Desk:
    """Where analysts of one principal sit: one client, which another follows when the kernel is restarted."""

    def __init__(self, office: Office, name: str, seed: int) -> None:
        self.office = office
        self.name = name
        self._seed = seed
        self.client = office.connect(name, seed)

    def restart(self) -> None:
        """Close the client and start another."""
        self.client.close()
        self._seed += 1_000
        self.client = self.office.connect(self.name, self._seed)


class Analyst(threading.Thread):
    """One who works until the time is over, then brings everything to its end.

    ``alone`` says that nobody else uses the desk's client, so that the kernel may be restarted.
    """

    def __init__(self, desk: Desk, seed: int, *, alone: bool) -> None:
        super().__init__(name=f"{desk.name}-{seed}")
        self._desk = desk
        self._office = desk.office
        self._clock = desk.office.clock
        self._pick = random.Random(seed)  # noqa: S311  # what is done next, not a secret
        self._folder = desk.office.folder / "files" / self.name
        self._found: gpd.GeoDataFrame | None = None
        self._wanted: dict[str, scenecart.Cart] = {}
        self._bought: deque[scenecart.Cart] = deque(maxlen=_REMEMBERED)
        self._under_way: dict[str, scenecart.Order] = {}
        self._arrived: dict[str, scenecart.Order] = {}
        self.meant: Counter[str] = Counter()
        self.orders: set[str] = set()
        self._actions: dict[Callable[[], None], float] = {
            self._search: 3, self._buy: 4, self._run_again: 2, self._buy_again: 0.7, self._follow: 3, self._cancel: 1,
            self._fetch: 3, self._look: 1, self._settle: 0.5,
        }  # fmt: skip
        if alone:
            self._actions[self._restart] = 0.5

    @property
    def _client(self) -> scenecart.Client:
        return self._desk.client

    def run(self) -> None:
        """Work."""
        try:
            self._try(self._search)
            self._try(self._buy)
            did = 0
            while self._clock.now() < self._office.until or did < _LEAST:
                self._try(self._pick.choices(list(self._actions), list(self._actions.values()))[0])
                did += 1
                self._clock.sleep(self._pick.uniform(0.0, _PAUSE))
            self._finish()
        except BaseException:  # noqa: BLE001  # whatever it is, the office must hear of it
            self._office.broken.append(f"{self.name}: {traceback.format_exc()}")

    def _finish(self) -> None:
        """Buy what was meant, pay what is unpaid, wait for all of it and fetch it, in peace."""
        self._office.share = 0.0
        for cart in list(self._wanted.values()):
            self._until(lambda cart=cart: self._place(cart))
        self._until(self._settle)
        self._until(self._wait)
        for _ in range(len(self._arrived)):
            self._until(self._fetch)

    def _try(self, action: Callable[[], None]) -> bool:
        """Do something as one does in a cell: what goes wrong is shown, and can be done again."""
        try:
            action()
        except scenecart.ScenecartError as error:
            self._office.count(self._office.errors, type(error).__name__)
            return False
        return True

    def _until(self, action: Callable[[], None]) -> None:
        """Do something again until it succeeds."""
        for tried in range(1, _TRIES + 1):
            try:
                action()
            except scenecart.ScenecartError as error:
                self._office.count(self._office.errors, type(error).__name__)
                if tried == _TRIES:
                    raise
                self._clock.sleep(_SHORT)
            else:
                return

    def _restart(self) -> None:
        """Go on in a new kernel, which has to look its orders up."""
        self._desk.restart()
        for orders in (self._under_way, self._arrived):
            for name in orders:
                self._until(lambda name=name, orders=orders: orders.update({name: self._client.order(name)}))

    def _did(self, what: str, by: int = 1) -> None:
        self._office.count(self._office.done, what, by)

    def _search(self) -> None:
        """Look for captures: by pages, by the stream, or while they arrive."""
        host, month = self._pick.choice(list(HOSTS)), f"2024-{self._pick.randint(1, 12):02}"
        asked: dict[str, Any] = {"collections": HOSTS[host], "datetime": month}
        way = self._pick.choice(["pages", "stream", "frames"])
        if way == "pages":
            found = self._client.search(host, **asked, limit=60, page_size=25)
        elif way == "stream":
            found = self._client.search(host, **asked, limit=600)
        else:
            frames = list(self._client.search_stream(host, **asked, limit=600, batch_size=200))
            found = self._pick.choice(frames) if frames else None
        # every host has captures of every month
        assert found is not None and len(found) and found["id"].is_unique, (host, month, way)  # noqa: PT018  # said together
        self._did("searches")
        self._did("captures found", len(found))
        orderable = found[found["orderable"]]
        self._found = orderable.sample(min(30, len(orderable)), random_state=self._pick.randrange(2**32))

    def _buy(self) -> None:
        """Buy a capture or two that were found; one in four is what others of the organization want too."""
        if len(self._under_way) >= _AT_ONCE or self._found is None:
            return
        if self._pick.random() < 0.25:
            wanted = self._client.search("lumen", collections=HOSTS["lumen"], datetime="2023-06", limit=40)
            wanted = wanted[wanted["orderable"]].iloc[[self._pick.randrange(15)]]
        else:
            wanted = self._found.sample(self._pick.randint(1, 2), random_state=self._pick.randrange(2**32))
        self._place(self._client.cart(wanted))

    def _run_again(self) -> None:
        """Run a cell again that has bought something: nothing is bought."""
        if self._wanted or self._bought:
            self._place(self._pick.choice([*self._wanted.values(), *self._bought]))

    def _buy_again(self) -> None:
        """Buy once more on purpose."""
        if self._bought and len(self._under_way) < _AT_ONCE:
            self._place(self._pick.choice(self._bought), again=True)

    def _place(self, cart: scenecart.Cart, *, again: bool = False) -> None:
        estimate = self._client.estimate(cart)
        self._wanted[cart.fingerprint] = cart
        self.meant[cart.fingerprint] += again
        try:
            order = self._client.place(estimate, again=again)
        except scenecart.PaymentRequired as error:
            self._office.count(self._office.errors, type(error).__name__)
            self._pay(error)
            order = error.retry()
        except scenecart.PlacementUnknown as error:
            self._office.count(self._office.errors, type(error).__name__)
            order = error.retry()
        del self._wanted[cart.fingerprint]
        if order.id not in self.orders:
            self._bought.append(cart)
            self.orders.add(order.id)
            self._under_way[order.id] = order
            self._sort()

    def _pay(self, error: scenecart.PaymentRequired) -> None:
        """Sort the payment out in the way that is asked for, or put it off."""
        if self._office.share and self._pick.random() < 0.3:
            raise error
        if isinstance(error, scenecart.AuthenticationRequired):
            assert error.client_secret is not None
            accept = not self._office.share or self._pick.random() < 0.8
            self._office.control("challenge", client_secret=error.client_secret.reveal(), accept=accept)
        elif isinstance(error, scenecart.InsufficientCredits):
            amount = max(_TOP_UP, error.required_credits or 0)
            self._office.control("top-up", principal=self._desk.name, credits=amount)
            self._office.count(self._office.topped_up, self._desk.name, amount)
        else:
            self._office.control("card", principal=self._desk.name, card="good")

    def _follow(self) -> None:
        """Wait for one order or for all, or look how they are."""
        if not self._under_way:
            return
        way = self._pick.choice(["wait", "wait_all", "orders", "order"])
        orders, seconds = list(self._under_way.values()), self._pick.uniform(_SHORT, _LONG)
        try:
            if way == "wait":
                self._pick.choice(orders).wait(timeout=seconds, progress=False)
            elif way == "wait_all":
                scenecart.wait_all(orders, timeout=seconds, progress=False)
            elif way == "orders":
                assert set(self._client.orders(ids=list(self._under_way)).index) == set(self._under_way)
            else:
                self._pick.choice(orders).refresh()
        finally:
            self._did(f"followed by {way}")
            self._sort()

    def _wait(self) -> None:
        """Wait for everything that is under way."""
        try:
            scenecart.wait_all(list(self._under_way.values()), progress=False)
        except scenecart.OrderFailed:
            # some end without delivery, and all have ended
            self._office.count(self._office.errors, "OrderFailed")
        finally:
            self._sort()

    def _sort(self) -> None:
        """Put away what has ended."""
        for order in [order for order in self._under_way.values() if order.is_finished]:
            del self._under_way[order.id]
            if order.status == "delivered":
                self._arrived[order.id] = order

    def _cancel(self) -> None:
        """Cancel one that is under way."""
        if self._under_way:
            try:
                self._pick.choice(list(self._under_way.values())).cancel()
            finally:
                self._sort()

    def _fetch(self) -> None:
        """Fetch what one order delivered, and ask where it comes from."""
        if not self._arrived:
            return
        order = next(iter(self._arrived.values()))
        items = order.items()
        assert set(items["provenance"]) == {"verified"}, order
        assert sorted(items["capture:id"]) == sorted(order.captures), order
        folder = self._folder / order.id
        files = order.download(folder, progress=False)
        assert len(files) == 2 * len(items), order
        assert len(order.lineage()) >= 2 * len(items), order
        self._did("files fetched", len(files))
        self._did("bytes fetched", sum(path.stat().st_size for path in files))
        shutil.rmtree(folder)
        del self._arrived[order.id]

    def _look(self) -> None:
        """Look at what there is; some find that their card has gone bad since."""
        self._client.balance()
        self._client.placements()
        assert len(self._client.orders(limit=20)) <= 20
        if self._found is not None:
            self._client.quicklook(self._found.iloc[0])
        if self._desk.name in {"declined", "secure"} and self._office.share:
            self._office.control("card", principal=self._desk.name, card=self._desk.name)

    def _settle(self) -> None:
        """Find out what became of everything that got no answer."""
        self._client.settle()


def run_kernel(office: Office, names: list[str], say: Callable[[Any], None]) -> None:
    """Let analysts work in threads of this process, those of one name with one client, and tell what they did."""
    warned: Counter[str] = Counter()
    warnings.simplefilter("always")
    warnings.showwarning = lambda message, *_, **__: office.count(warned, str(message))
    desks = {name: Desk(office, name, office.seed * 100 + number) for number, name in enumerate(dict.fromkeys(names))}
    analysts = [Analyst(desks[name], office.seed * 100 + number, alone=names.count(name) == 1) for number, name in enumerate(names)]
    say("ready")
    office.until = json.loads(sys.stdin.readline())
    for analyst in analysts:
        analyst.start()
    for analyst in analysts:
        analyst.join()
    told = {"done": office.done, "faults": office.faults, "errors": office.errors, "warned": warned}
    meant = [(analyst.name.partition("-")[0], dict(analyst.meant)) for analyst in analysts]
    bought = sorted({name for analyst in analysts for name in analyst.orders})
    say({**told, "topped_up": office.topped_up, "broken": office.broken, "meant": meant, "bought": bought})
    for desk in desks.values():
        desk.client.close()


def run_sandbox(clock: Clock, say: Callable[[Any], None]) -> None:
    """Keep a sandbox until there is nothing more to read."""
    with Sandbox(pace="real", clock=clock.now) as box:
        box.rate_limits = _LIMITS
        say({**box.ready(), "data": str(box.data)})
        sys.stdin.read()


def main() -> None:
    """Be what the first line says."""
    out = sys.stdout

    def say(what: Any) -> None:
        out.write(json.dumps(what) + "\n")
        out.flush()

    asked = json.loads(sys.stdin.readline())
    clock = Clock(**asked.pop("clock"))
    # nobody reads what is told to analysts here
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere, contextlib.redirect_stdout(nowhere):
        if not asked:
            run_sandbox(clock, say)
            return
        names = asked.pop("analysts")
        run_kernel(Office(clock=clock, folder=Path(asked.pop("folder")), **asked), names, say)


if __name__ == "__main__":
    main()
