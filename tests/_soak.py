"""The processes of the soak test: a sandbox, and kernels of analysts, while a share of all requests fails.

All processes share one accelerated clock: the sandbox's orders, limits and tokens, and the clients' pauses. As a script it is
one process: it reads its options as a line of JSON, and writes its results as such lines.
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
# ways to answer in which the records can be compared to the end; a run draws one
DIALECTS = ("", "bought-ground", "cents", "get-by-post", "one-based:clamped", "seed-orders", "snake-order", "text-filters")
# lower than the client's own limits, so that the service refuses some requests
_LIMITS = {"calls": 40, "places": 3}
_READ_SECONDS = 120.0
_MAX_UNFINISHED, _REMEMBERED = 6, 8
_ATTEMPTS = 40
# however slow the machine is, each analyst does this much
_MIN_ACTIONS = 6
_PAUSE, _SHORT, _LONG = 30.0, 60.0, 600.0
_TOP_UP = 5_000_000
# statuses that the service sends without an injected fault
_OWN_STATUSES = {401: "tokens expired", 429: "refused by the minute's limit"}


@dataclass(frozen=True)
class Clock:
    """An accelerated clock, the same in every process: it was at ``epoch`` when the machine's monotonic clock was at ``began``."""

    epoch: float
    began: float
    speed: float

    def now(self) -> float:
        """Return Unix time in seconds."""
        return self.epoch + (time.monotonic() - self.began) * self.speed

    def sleep(self, seconds: float) -> None:
        """Wait so many accelerated seconds."""
        time.sleep(max(0.0, seconds) / self.speed)


@dataclass
class Workload:
    """What the analysts of one kernel share, and their results."""

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
    failures: list[str] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, of: Counter[str], what: str, by: int = 1) -> None:
        """Count something, from any thread."""
        with self._lock:
            of[what] += by

    @property
    def read_seconds(self) -> float:
        """The read timeout of a client, in seconds of the machine's clock."""
        return max(2.0, _READ_SECONDS / self.clock.speed)

    def control(self, action: str, **body: Any) -> None:
        """Call the sandbox's control API; it does not matter whether another analyst did so before."""
        httpx.post(f"{self.url}/_sandbox/{action}", json=body, timeout=60.0)

    def connect(self, name: str, seed: int) -> scenecart.Client:
        """Connect as a new kernel does: the same home, a new client."""
        who = self.principals[name]
        return scenecart.connect(
            base_url=self.url,
            username=who["username"],
            password=who["password"],
            project=who["project"],
            home=self.folder / name,
            transport=FaultyTransport(self, seed),
            limits=Limits(connect=5.0, read=self.read_seconds),
            clock=self.clock.now,
            wall=self.clock.now,
            sleep=self.clock.sleep,
        )


class FaultyTransport(httpx.BaseTransport):
    """A transport that injects random faults into a share of the requests."""

    def __init__(self, workload: Workload, seed: int) -> None:
        self._workload = workload
        self._random = random.Random(seed)  # noqa: S311  # which request goes wrong, not a secret
        self._inner = httpx.HTTPTransport(verify=False)  # plain http needs no certificates read
        beyond = workload.read_seconds + 1.0
        self._kinds = (
            "drop-before", "drop-after", "stall; seconds=0.2", f"stall; seconds={beyond:g}", "429", "429; retry_after=20",
            "500", "502", "503", "cut", "garbage", "empty", "expire-token",
        )  # fmt: skip

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request, with a fault or without."""
        kind = self._random.choice(self._kinds) if self._random.random() < self._workload.share else None
        self._workload.count(self._workload.done, "requests")
        if kind is not None:
            self._workload.count(self._workload.faults, kind.partition(";")[0])
            request.headers["X-Sandbox-Fault"] = kind
        response = self._inner.handle_request(request)
        if kind is None and response.status_code in _OWN_STATUSES:
            self._workload.count(self._workload.done, _OWN_STATUSES[response.status_code])
        return response

    def close(self) -> None:
        """Close the connections."""
        self._inner.close()


class SharedClient:
    """The client that analysts of one principal share; restarting the kernel replaces it."""

    def __init__(self, workload: Workload, name: str, seed: int) -> None:
        self.workload = workload
        self.name = name
        self._seed = seed
        self.client = workload.connect(name, seed)

    def restart(self) -> None:
        """Close the client and connect another."""
        self.client.close()
        self._seed += 1_000
        self.client = self.workload.connect(self.name, self._seed)


class Analyst(threading.Thread):
    """An analyst who works until the time is over, then finishes everything.

    ``is_only_user`` says that no other analyst uses the client, so that the kernel may be restarted.
    """

    def __init__(self, shared: SharedClient, seed: int, *, is_only_user: bool) -> None:
        super().__init__(name=f"{shared.name}-{seed}")
        self._shared = shared
        self._workload = shared.workload
        self._clock = shared.workload.clock
        self._random = random.Random(seed)  # noqa: S311  # what is done next, not a secret
        self._folder = shared.workload.folder / "files" / self.name
        self._captures: gpd.GeoDataFrame | None = None
        self._wanted: dict[str, scenecart.Cart] = {}
        self._bought: deque[scenecart.Cart] = deque(maxlen=_REMEMBERED)
        self._unfinished: dict[str, scenecart.Order] = {}
        self._delivered: dict[str, scenecart.Order] = {}
        self.requested: Counter[str] = Counter()
        self.orders: set[str] = set()
        self._actions: dict[Callable[[], None], float] = {
            self._search: 3, self._buy: 4, self._run_again: 2, self._buy_again: 0.7, self._track: 3, self._cancel: 1,
            self._download: 3, self._read: 1, self._settle: 0.5,
        }  # fmt: skip
        if is_only_user:
            self._actions[self._restart] = 0.5

    @property
    def _client(self) -> scenecart.Client:
        return self._shared.client

    def run(self) -> None:
        """Do random actions, then finish."""
        try:
            self._attempt(self._search)
            self._attempt(self._buy)
            did = 0
            while self._clock.now() < self._workload.until or did < _MIN_ACTIONS:
                self._attempt(self._random.choices(list(self._actions), list(self._actions.values()))[0])
                did += 1
                self._clock.sleep(self._random.uniform(0.0, _PAUSE))
            self._finish()
        except BaseException:  # noqa: BLE001  # the test must hear of any error
            self._workload.failures.append(f"{self.name}: {traceback.format_exc()}")

    def _finish(self) -> None:
        """Without faults, buy what is wanted, pay what is unpaid, wait for it and download it."""
        self._workload.share = 0.0
        for cart in list(self._wanted.values()):
            self._repeat(lambda cart=cart: self._place(cart))
        self._repeat(self._settle)
        self._repeat(self._wait)
        for _ in range(len(self._delivered)):
            self._repeat(self._download)

    def _attempt(self, action: Callable[[], None]) -> bool:
        """Run an action like a cell: an error ends it, and it can be run again."""
        try:
            action()
        except scenecart.ScenecartError as error:
            self._workload.count(self._workload.errors, type(error).__name__)
            return False
        return True

    def _repeat(self, action: Callable[[], None]) -> None:
        """Repeat an action until it succeeds."""
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                action()
            except scenecart.ScenecartError as error:
                self._workload.count(self._workload.errors, type(error).__name__)
                if attempt == _ATTEMPTS:
                    raise
                self._clock.sleep(_SHORT)
            else:
                return

    def _restart(self) -> None:
        """Restart the kernel, and look up the orders."""
        self._shared.restart()
        for orders in (self._unfinished, self._delivered):
            for name in orders:
                self._repeat(lambda name=name, orders=orders: orders.update({name: self._client.order(name)}))

    def _count(self, what: str, by: int = 1) -> None:
        self._workload.count(self._workload.done, what, by)

    def _search(self) -> None:
        """Search by pages, by stream, or frame by frame."""
        host, month = self._random.choice(list(HOSTS)), f"2024-{self._random.randint(1, 12):02}"
        options: dict[str, Any] = {"collections": HOSTS[host], "datetime": month}
        way = self._random.choice(["pages", "stream", "frames"])
        if way == "pages":
            found = self._client.search(host, **options, limit=60, page_size=25)
        elif way == "stream":
            found = self._client.search(host, **options, limit=600)
        else:
            frames = list(self._client.search_stream(host, **options, limit=600, batch_size=200))
            found = self._random.choice(frames) if frames else None
        # every host has captures of every month
        assert found is not None and len(found) and found["id"].is_unique, (host, month, way)  # noqa: PT018  # one message for all of them
        self._count("searches")
        self._count("captures found", len(found))
        orderable = found[found["orderable"]]
        self._captures = orderable.sample(min(30, len(orderable)), random_state=self._random.randrange(2**32))

    def _buy(self) -> None:
        """Buy one or two captures; one purchase in four is of captures that the organization's other analysts buy as well."""
        if len(self._unfinished) >= _MAX_UNFINISHED or self._captures is None:
            return
        if self._random.random() < 0.25:
            wanted = self._client.search("lumen", collections=HOSTS["lumen"], datetime="2023-06", limit=40)
            wanted = wanted[wanted["orderable"]].iloc[[self._random.randrange(15)]]
        else:
            wanted = self._captures.sample(self._random.randint(1, 2), random_state=self._random.randrange(2**32))
        self._place(self._client.cart(wanted))

    def _run_again(self) -> None:
        """Run a cell again that bought something: nothing is bought."""
        if self._wanted or self._bought:
            self._place(self._random.choice([*self._wanted.values(), *self._bought]))

    def _buy_again(self) -> None:
        """Buy the same cart again on purpose."""
        if self._bought and len(self._unfinished) < _MAX_UNFINISHED:
            self._place(self._random.choice(self._bought), again=True)

    def _place(self, cart: scenecart.Cart, *, again: bool = False) -> None:
        estimate = self._client.estimate(cart)
        self._wanted[cart.fingerprint] = cart
        self.requested[" ".join(sorted(cart.ids))] += again
        try:
            # analysts of one organization buy some of the same captures in different carts
            order = self._client.place(estimate, again=again, owned="buy")
        except scenecart.PaymentRequired as error:
            self._workload.count(self._workload.errors, type(error).__name__)
            self._pay(error)
            order = error.retry()
        except scenecart.PlacementUnknown as error:
            self._workload.count(self._workload.errors, type(error).__name__)
            order = error.retry()
        del self._wanted[cart.fingerprint]
        if order.id not in self.orders:
            self._bought.append(cart)
            self.orders.add(order.id)
            self._unfinished[order.id] = order
            self._sort_finished()

    def _pay(self, error: scenecart.PaymentRequired) -> None:
        """Solve the payment problem, or leave it for later."""
        if self._workload.share and self._random.random() < 0.3:
            raise error
        if isinstance(error, scenecart.AuthenticationRequired):
            assert error.client_secret is not None
            accept = not self._workload.share or self._random.random() < 0.8
            self._workload.control("challenge", client_secret=error.client_secret.reveal(), accept=accept)
        elif isinstance(error, scenecart.InsufficientCredits):
            amount = max(_TOP_UP, error.required_credits or 0)
            self._workload.control("top-up", principal=self._shared.name, credits=amount)
            self._workload.count(self._workload.topped_up, self._shared.name, amount)
        else:
            self._workload.control("card", principal=self._shared.name, card="good")

    def _track(self) -> None:
        """Wait for one order or for all, or read their states."""
        if not self._unfinished:
            return
        way = self._random.choice(["wait", "wait_all", "orders", "order"])
        orders, seconds = list(self._unfinished.values()), self._random.uniform(_SHORT, _LONG)
        try:
            if way == "wait":
                self._random.choice(orders).wait(timeout=seconds, progress=False)
            elif way == "wait_all":
                scenecart.wait_all(orders, timeout=seconds, progress=False)
            elif way == "orders":
                assert set(self._client.orders(ids=list(self._unfinished)).index) == set(self._unfinished)
            else:
                self._random.choice(orders).refresh()
        finally:
            self._count(f"followed by {way}")
            self._sort_finished()

    def _wait(self) -> None:
        """Wait for every unfinished order."""
        try:
            scenecart.wait_all(list(self._unfinished.values()), progress=False)
        except scenecart.OrderFailed:
            # all are finished, some without delivery
            self._workload.count(self._workload.errors, "OrderFailed")
        finally:
            self._sort_finished()

    def _sort_finished(self) -> None:
        """Move finished orders out of the unfinished ones."""
        for order in [order for order in self._unfinished.values() if order.is_finished]:
            del self._unfinished[order.id]
            if order.status == "delivered":
                self._delivered[order.id] = order

    def _cancel(self) -> None:
        """Cancel an unfinished order."""
        if self._unfinished:
            try:
                self._random.choice(list(self._unfinished.values())).cancel()
            finally:
                self._sort_finished()

    def _download(self) -> None:
        """Download a delivered order, and check its provenance."""
        if not self._delivered:
            return
        order = next(iter(self._delivered.values()))
        items = order.items()
        if "unknown" in set(items["provenance"]):
            # asked again, as after any fault
            raise scenecart.ServiceError("A fault hid the record of an item.", code="provenance_unknown")
        assert set(items["provenance"]) == {"verified"}, order
        assert sorted(items["capture:id"]) == sorted(order.captures), order
        folder = self._folder / order.id
        files = order.download(folder, progress=False)
        # radar has no analytic product and no cloud mask
        assert 2 * len(items) <= len(files) <= 4 * len(items), order
        assert len(order.lineage()) >= 2 * len(items), order
        self._count("files fetched", len(files))
        self._count("bytes fetched", sum(path.stat().st_size for path in files))
        shutil.rmtree(folder)
        del self._delivered[order.id]

    def _read(self) -> None:
        """Read balance, placements, orders and a quicklook; for some analysts, the card then fails again."""
        self._client.balance()
        self._client.placements()
        assert len(self._client.orders(limit=20)) <= 20
        if self._captures is not None:
            self._client.quicklook(self._captures.iloc[0])
        if self._shared.name in {"declined", "secure"} and self._workload.share:
            self._workload.control("card", principal=self._shared.name, card=self._shared.name)

    def _settle(self) -> None:
        """Settle placements without an answer."""
        self._client.settle()


def run_kernel(workload: Workload, names: list[str], write_line: Callable[[Any], None]) -> None:
    """Run analysts in threads, those of one principal with one client, and write their results."""
    warned: Counter[str] = Counter()
    warnings.simplefilter("always")
    warnings.showwarning = lambda message, *_, **__: workload.count(warned, getattr(message, "code", str(message)))
    first_seed = workload.seed * 100
    shared_clients = {name: SharedClient(workload, name, first_seed + number) for number, name in enumerate(dict.fromkeys(names))}
    analysts = [
        Analyst(shared_clients[name], first_seed + number, is_only_user=names.count(name) == 1) for number, name in enumerate(names)
    ]
    write_line("ready")
    workload.until = json.loads(sys.stdin.readline())
    for analyst in analysts:
        analyst.start()
    for analyst in analysts:
        analyst.join()
    result = {"done": workload.done, "faults": workload.faults, "errors": workload.errors, "warnings": warned}
    requested = [(analyst.name.partition("-")[0], dict(analyst.requested)) for analyst in analysts]
    bought = sorted({name for analyst in analysts for name in analyst.orders})
    write_line({**result, "topped_up": workload.topped_up, "failures": workload.failures, "requested": requested, "bought": bought})
    for shared in shared_clients.values():
        shared.client.close()


def run_sandbox(clock: Clock, dialect: str, write_line: Callable[[Any], None]) -> None:
    """Run a sandbox until stdin is closed."""
    with Sandbox(pace="real", clock=clock.now, dialect=dialect or None) as box:
        box.rate_limits = _LIMITS
        write_line({**box.ready(), "data": str(box.data)})
        sys.stdin.read()


def main() -> None:
    """Run the process that the first line of stdin describes."""
    out = sys.stdout

    def write_line(what: Any) -> None:
        out.write(json.dumps(what) + "\n")
        out.flush()

    options = json.loads(sys.stdin.readline())
    clock = Clock(**options.pop("clock"))
    # nobody reads the notices of the clients here
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere, contextlib.redirect_stdout(nowhere):
        if "dialect" in options:
            run_sandbox(clock, options["dialect"], write_line)
            return
        names = options.pop("analysts")
        run_kernel(Workload(clock=clock, folder=Path(options.pop("folder")), **options), names, write_line)


if __name__ == "__main__":
    main()
