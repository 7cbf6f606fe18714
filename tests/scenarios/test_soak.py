"""An office for hours under faults, on a fast clock; `make soak HOURS=2` does it long enough to see what grows."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import statistics
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

import _ledger_check
import _soak

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.timeout(0)

HOURS = float(os.environ.get("SCENECART_SOAK_HOURS", "0.1"))
SPEED = float(os.environ.get("SCENECART_SOAK_SPEED", "120"))
FAULTS = float(os.environ.get("SCENECART_SOAK_FAULTS", "0.05"))
SEED = int(os.environ.get("SCENECART_SOAK_SEED", "1"))
# two analysts share a client, a third of another kernel shares their journal, and each other one is of an organization of its own
KERNELS = (("analyst", "analyst", "other", "card"), ("analyst", "broke", "declined", "secure", "enterprise"))
# what comes to an end comes there within so many seconds of the machine's clock after the last purchase
PATIENCE = 900.0
# below this there is only warming up
LONG_ENOUGH = 1.0
HELD = ("own MB", "resident MB", "files", "threads")
# what is held in the last third of the time, of what was held in the second, and beyond that
MOST, BEYOND = 1.1, 5.0


class Process:
    """One process of the office, and what it held over time."""

    def __init__(self, name: str, asked: dict[str, Any]) -> None:
        self.name = name
        self.samples: list[dict[str, float]] = []
        environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        self._process = subprocess.Popen(
            [sys.executable, _soak.__file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )
        self._held = psutil.Process(self._process.pid)
        self.tell(asked)

    def tell(self, what: Any) -> None:
        """Write it a line."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(what) + "\n")
        self._process.stdin.flush()

    def told(self) -> Any:
        """Wait for the next line it says."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, f"{self.name} ended without a word"
        return json.loads(line)

    def sample(self, hours: float) -> None:
        """Look at what it holds."""
        with contextlib.suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
            memory = self._held.memory_info()
            # resident memory holds the catalog's file as far as SQLite has mapped it; the rest is the process's own
            held = {"own MB": (memory.rss - getattr(memory, "shared", 0)) / 1e6, "resident MB": memory.rss / 1e6}
            files = self._held.num_handles() if sys.platform == "win32" else self._held.num_fds()
            counts = {"files": files, "threads": self._held.num_threads()}
            self.samples.append({"hours": hours, **held, **counts})

    def close(self) -> None:
        """End it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()


@contextlib.contextmanager
def running(name: str, asked: dict[str, Any]) -> Iterator[Process]:
    """Have a process for the block."""
    process = Process(name, asked)
    try:
        yield process
    finally:
        process.close()


class Books:
    """What stands in the sandbox's database and in the analysts' journals, read from their files."""

    def __init__(self, data: Path, homes: Path) -> None:
        self.data = data
        with contextlib.closing(sqlite3.connect(data / "sandbox.sqlite")) as database:
            self.orders = {
                row[0]: dict(zip(("who", "status", "credits", "missing"), row[1:], strict=True))
                for row in database.execute(
                    "SELECT o.id, (SELECT min(name) FROM principal p WHERE p.organization = o.organization), status, credits,"
                    ' json_array_length(captures) - (SELECT count(*) FROM item i WHERE i."order" = o.id) FROM "order" o'
                )
            }
            claims = database.execute("SELECT key, answer FROM claim WHERE path LIKE '%orders.archive.place'").fetchall()
            self.accounts: dict[str, dict[str, int]] = {}
            for who, kind, balance in database.execute(
                "SELECT min(p.name), a.kind, a.balance FROM account a JOIN principal p USING (organization) GROUP BY a.id"
            ):
                self.accounts.setdefault(who, {})[kind] = balance
        self.claims = {key: json.loads(answer)["id"] for key, answer in claims}
        self.placements: list[dict[str, Any]] = []
        for path in sorted(homes.glob("*/placements.sqlite")):
            with contextlib.closing(sqlite3.connect(path)) as database:
                database.row_factory = sqlite3.Row
                rows = database.execute("SELECT key, state, order_id, credits, fingerprint FROM placement").fetchall()
            self.placements += [{"who": path.parent.name, **dict(row)} for row in rows]

    def check(self, told: list[dict[str, Any]], before: dict[str, dict[str, int]]) -> None:
        """Hold all of it against each other and against what the analysts meant."""
        _ledger_check.reconcile(self.data)
        placed = [entry for entry in self.placements if entry["state"] == "placed"]
        assert {entry["state"] for entry in self.placements} <= {"placed", "refused"}
        assert {entry["key"]: entry["order_id"] for entry in placed} == self.claims
        assert sorted(self.claims.values()) == sorted(self.orders)
        for entry in placed:
            order = self.orders[entry["order_id"]]
            assert (entry["who"], entry["credits"]) == (order["who"], order["credits"])
        assert {name for kernel in told for name in kernel["bought"]} <= set(self.orders)
        self._check_meaning(placed, told)
        self._check_accounts(told, before)

    def _check_meaning(self, placed: list[dict[str, Any]], told: list[dict[str, Any]]) -> None:
        """Hold what was bought against what was meant: once, and again no more often than it was asked for."""
        meant: dict[tuple[str, str], int] = {}
        for who, carts in (entry for kernel in told for entry in kernel["meant"]):
            for fingerprint, again in carts.items():
                meant[who, fingerprint] = meant.get((who, fingerprint), 1) + again
        bought = Counter((entry["who"], entry["fingerprint"].partition(":")[0]) for entry in placed)
        assert set(bought) == set(meant)
        assert {what: count for what, count in bought.items() if count > meant[what]} == {}

    def _check_accounts(self, told: list[dict[str, Any]], before: dict[str, dict[str, int]]) -> None:
        """Every account holds what its orders, as the journals know them, left of what was there and was added."""
        assert {order["status"] for order in self.orders.values()} <= {"delivered", "failed", "cancelled"}
        delivered = [order for order in self.orders.values() if order["status"] == "delivered"]
        assert delivered
        assert {order["missing"] for order in delivered} == {0}
        for who, accounts in self.accounts.items():
            mine = [entry for entry in self.placements if entry["who"] == who and entry["state"] == "placed"]
            spent = sum(entry["credits"] for entry in mine if self.orders[entry["order_id"]]["status"] == "delivered")
            assert (accounts["reserved"], accounts["income"]) == (0, spent), who
            added = sum(kernel["topped_up"].get(who, 0) for kernel in told)
            if before[who]["issued"]:
                assert accounts["available"] == before[who]["available"] + added - spent, who


def work(folder: Path, clock: _soak.Clock) -> tuple[list[dict[str, Any]], list[Process], Books]:
    """Let the office work and wait until every order has ended, check all books, and return what was told and seen."""
    with contextlib.ExitStack() as stack:
        box = stack.enter_context(running("sandbox", {"clock": asdict(clock)}))
        ready = box.told()
        data, before = Path(ready["data"]), Books(Path(ready["data"]), folder).accounts
        common = {"url": ready["url"], "principals": ready["principals"], "clock": asdict(clock)}
        asked = [
            {**common, "share": FAULTS, "seed": SEED + number, "folder": str(folder), "analysts": names}
            for number, names in enumerate(KERNELS)
        ]
        # ends after the kernels, whose last words its threads wait for
        pool = stack.enter_context(ThreadPoolExecutor(len(KERNELS)))
        kernels = [stack.enter_context(running(f"kernel {number}", one)) for number, one in enumerate(asked, 1)]
        assert {kernel.told() for kernel in kernels} == {"ready"}
        began = clock.now()
        for kernel in kernels:
            kernel.tell(began + 3_600 * HOURS)
        answers = [pool.submit(kernel.told) for kernel in kernels]
        deadline = time.monotonic() + 3_600 * HOURS / SPEED + PATIENCE
        while not all(answer.done() for answer in answers):
            assert time.monotonic() < deadline, "the office does not come to its end"
            hours = (clock.now() - began) / 3_600
            for process in (box, *kernels) if hours < HOURS else ():
                process.sample(hours)
            time.sleep(1.0)
        told = [answer.result() for answer in answers]
        broken = [what for kernel in told for what in kernel["broken"]]
        assert not broken, "\n".join(broken)
        while any(order["status"] == "processing" for order in Books(data, folder).orders.values()):
            assert time.monotonic() < deadline, "not every order ends"
            time.sleep(1.0)
        books = Books(data, folder)
        books.check(told, before)
        return told, [box, *kernels], books


def growth(samples: list[dict[str, float]], what: str) -> tuple[float, float]:
    """Return the medians of the second and of the last third: the first is for warming up."""
    third = len(samples) // 3
    return tuple(statistics.median(sample[what] for sample in part) for part in (samples[third : 2 * third], samples[-third:]))


def report(told: list[dict[str, Any]], processes: list[Process], books: Books) -> str:
    """Tell what was done, what went wrong on purpose, what analysts saw of it, and what the processes held."""
    lines = [f"\nseed {SEED}: {HOURS:g} hours, {SPEED:g} times as fast, {FAULTS:.0%} of the requests at fault while analysts buy"]
    for what in ("done", "faults", "errors"):
        counted = sum((Counter(kernel[what]) for kernel in told), Counter())
        lines.append(f"{what}: " + ", ".join(f"{name} {count:,}" for name, count in sorted(counted.items())))
    ended = Counter(order["status"] for order in books.orders.values())
    spent = sum(order["credits"] for order in books.orders.values() if order["status"] == "delivered")
    lines.append(f"orders {len(books.orders):,}: " + ", ".join(f"{name} {count:,}" for name, count in sorted(ended.items())))
    lines.append(f"placements {len(books.placements):,}, {spent:,} credits spent, every book right")
    head = [f"{process.name} {what}" for process in processes for what in HELD]
    for process in processes if HOURS >= LONG_ENOUGH else ():
        grown = ((what, *growth(process.samples, what)) for what in HELD)
        lines.append(f"{process.name}: " + ", ".join(f"{what} {before:.0f}, then {after:.0f}" for what, before, after in grown))
    lines += ["| hours | " + " | ".join(head) + " |", "|---:" * (len(head) + 1) + "|"]
    for number in range(0, len(processes[0].samples), max(1, len(processes[0].samples) // 12)):
        held = [process.samples[number] for process in processes]
        lines.append(" | ".join([f"| {held[0]['hours']:.2f}", *(f"{one[what]:.0f}" for one in held for what in HELD)]) + " |")
    return "\n".join(lines)


def test_an_office_under_faults_keeps_its_books(tmp_path: Path):
    """Nine analysts under every fault there is: one order a placement, every account right to the credit, nothing that grows."""
    told, processes, books = work(tmp_path, _soak.Clock(time.time(), time.monotonic(), SPEED))
    print(report(told, processes, books))  # noqa: T201  # what `make soak` is asked for
    assert not [said for kernel in told for said in kernel["warned"] if "the estimate said" in said]
    for process in processes if HOURS >= LONG_ENOUGH else ():
        for what in HELD:
            before, after = growth(process.samples, what)
            assert after <= MOST * before + BEYOND, (process.name, what, before, after)
