"""Buying in processes that are killed: each run forks a process that buys a pair of captures and dies at a chosen step.

Run as a script it is the parent of those processes: it has the library loaded and a single thread, reads one job a line and
answers how the forked process ended. ``Crashes`` drives it, and checks after each death what is left.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import pickle
import signal
import sqlite3
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import _ledger_check

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    import geopandas as gpd

    from scenecart.sandbox import Sandbox

FAULTS = ("drop-before", "drop-after", "429; retry_after=1", "500", "502", "503", "cut", "garbage", "empty", "expire-token")
_SECONDS = 60.0
_DAY_AND_MORE = 90_000.0


@dataclass(frozen=True)
class Job:
    """What one process does: buy, or settle, until it is done or dies."""

    home: str
    pair: tuple[int, int]
    settle: bool = False
    kill_at: int | None = None
    kill_after: float | None = None
    faults: tuple[str, ...] = ()
    ahead: float = 0.0


@dataclass
class Crashes:
    """Runs jobs against a sandbox, and knows what must hold after each."""

    box: Sandbox
    captures: gpd.GeoDataFrame
    folder: Path
    runs: int = 0
    deaths: int = 0
    _parent: subprocess.Popen[str] | None = field(default=None, repr=False)

    def __enter__(self) -> Self:
        given = self.folder / "given.pickle"
        given.write_bytes(pickle.dumps(self.captures))
        who = self.box.principals["analyst"]
        command = [sys.executable, __file__, self.box.url, self.box.token(), str(who["project"]), str(given)]
        environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        self._parent = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1, env=environment
        )
        return self

    def __exit__(self, *_: object) -> None:
        if self._parent is not None and self._parent.stdin is not None:
            self._parent.stdin.close()
            self._parent.wait(_SECONDS)
            if self._parent.stdout is not None:
                self._parent.stdout.close()

    def run(self, job: Job) -> dict[str, Any]:
        """Run one process to its end, and check what it left."""
        if self._parent is None or self._parent.stdin is None or self._parent.stdout is None:
            raise RuntimeError("there is no parent process")
        self._parent.stdin.write(json.dumps(asdict(job)) + "\n")
        told: dict[str, Any] = json.loads(self._parent.stdout.readline())
        self.runs += 1
        self.deaths += told["killed"]
        assert told["killed"] or "outcome" in told, told
        self._check(job)
        return told

    def orders(self, pair: tuple[int, int]) -> list[str]:
        """Return the orders that the service has of a pair."""
        wanted = sorted(str(self.captures["id"].iloc[number]) for number in pair)
        with contextlib.closing(sqlite3.connect(self.box.data / "sandbox.sqlite")) as database:
            rows = database.execute('SELECT id, captures FROM "order" WHERE captures LIKE ?', (f'%"{wanted[0]}"%',)).fetchall()
        return [name for name, captures in rows if sorted(entry["id"] for entry in json.loads(captures)) == wanted]

    def placements(self, home: str) -> list[tuple[str, str, str | None]]:
        """Return key, state and order of everything a home's journal holds."""
        path = Path(home) / "placements.sqlite"
        if not path.exists():
            return []
        with contextlib.closing(sqlite3.connect(path)) as database:
            if not database.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]:
                return []
            return database.execute("SELECT key, state, order_id FROM placement ORDER BY number").fetchall()

    def finish(self, home: str, pair: tuple[int, int], *, ahead: float = 0.0) -> None:
        """Let the analyst run all cells again without trouble, and check that there is exactly one order."""
        for _ in range(5):
            told = self.run(Job(home, pair, ahead=ahead))
            if "order" in told:
                break
            time.sleep(0.2)
        orders = self.orders(pair)
        assert orders == [told.get("order")], (told, orders)
        order = orders[0]
        states = self.placements(home)
        assert [name for _, state, name in states if state == "placed"] == [order]
        assert {state for _, state, _ in states} <= {"placed", "refused"}

    def _check(self, job: Job) -> None:
        orders = self.orders(job.pair)
        assert len(orders) <= 1, (job, orders)
        states = {key: state for key, state, _ in self.placements(job.home)}
        bought = [key for key in self._keys_of(orders) if key in states]
        assert len(bought) == len(orders), (job, "an order that no journal knows")
        assert {states[key] for key in bought} <= {"sent", "unknown", "placed"}, (job, states)

    def _keys_of(self, orders: list[str]) -> list[str]:
        with contextlib.closing(sqlite3.connect(self.box.data / "sandbox.sqlite")) as database:
            rows = [
                database.execute("SELECT key FROM claim WHERE status < 300 AND instr(answer, ?)", (name.encode(),)).fetchall()
                for name in orders
            ]
        return [key for found in rows for (key,) in found]


def story(crashes: Crashes, pair: tuple[int, int], pick: random.Random, steps: int, seconds: float) -> None:
    """Buy one pair in processes that die up to three times, within so many steps or seconds, then once in peace."""
    home = str(crashes.folder / f"home-{pair[0]}-{pair[1]}")
    ahead = 0.0
    for _ in range(pick.randint(1, 3)):
        by_step = pick.random() < 0.7  # most die at a step, some at any instant
        crashes.run(
            Job(
                home,
                pair,
                settle=pick.random() < 0.3,  # most analysts run the cell again
                kill_at=pick.randint(1, steps) if by_step else None,
                kill_after=None if by_step else pick.uniform(0.0, seconds),
                faults=tuple(pick.choices(FAULTS, k=pick.randint(0, 6))),
                ahead=ahead,
            )
        )
        ahead = max(ahead, pick.choice([0.0, 0.0, 100.0, _DAY_AND_MORE]))
    crashes.finish(home, pair, ahead=ahead)


def pair_of(number: int, count: int) -> tuple[int, int]:
    """Return the pair of this number among all pairs of so many captures."""
    for first in range(count):
        if number < count - first - 1:
            return first, first + 1 + number
        number -= count - first - 1
    raise ValueError("there are not so many pairs")


def reconcile(crashes: Crashes) -> int:
    """Check the service's books once more, as they stand at the end."""
    return _ledger_check.reconcile(crashes.box)


class Steps:
    """Counts what a process does, and kills it at the step that was chosen."""

    def __init__(self, last: int | None) -> None:
        self.count = 0
        self._last = last

    def __call__(self, *_: object) -> None:
        self.count += 1
        if self.count == self._last:
            os.kill(os.getpid(), signal.SIGKILL)


def _transport(step: Steps, faults: list[str]) -> Any:
    """Return a transport that takes a step at each event of a connection and asks for a fault with each placing."""
    import httpx  # noqa: PLC0415  # only the forked processes call

    class Stepping(httpx.BaseTransport):
        def __init__(self) -> None:
            self._inner = httpx.HTTPTransport(verify=False)  # plain http needs no certificates read

        def handle_request(self, request: httpx.Request) -> httpx.Response:
            step()
            request.extensions["trace"] = step
            if request.url.path.endswith("orders.archive.place") and faults:
                request.headers["X-Sandbox-Fault"] = faults.pop(0)
            return self._inner.handle_request(request)

        def close(self) -> None:
            self._inner.close()

    return Stepping()


def _buy(job: Job, url: str, token: str, project: str, captures: gpd.GeoDataFrame) -> dict[str, Any]:
    import scenecart  # noqa: PLC0415  # loaded by the parent already

    step = Steps(job.kill_at)
    connect = sqlite3.connect

    def counted(*args: Any, **options: Any) -> sqlite3.Connection:
        database = connect(*args, **options)
        database.set_trace_callback(step)
        return database

    sqlite3.connect = counted  # type: ignore[assignment]  # this process ends with the job
    client = scenecart.connect(
        base_url=url,
        token=token,
        project=project,
        home=job.home,
        sleep=lambda _: None,
        wall=lambda: time.time() + job.ahead,
        transport=_transport(step, list(job.faults)),
    )
    told: dict[str, Any] = {"outcome": "settled"}
    try:
        if job.settle:
            client.settle()
        else:
            told["order"] = client.cart(captures.iloc[list(job.pair)]).estimate().place().id
            told["outcome"] = "placed"
    except scenecart.ScenecartError as error:
        told["outcome"] = f"{type(error).__name__}: {error}"
    step()
    return {**told, "steps": step.count}


def _in_a_process(job: Job, run: Callable[[Job], dict[str, Any]]) -> dict[str, Any]:
    """Fork, run a job there, and tell how it ended."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read)
        status = 1
        try:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            os.write(write, json.dumps(run(job)).encode())
            status = 0
        except BaseException as error:  # noqa: BLE001  # whatever it is, the parent must hear of it
            os.write(write, json.dumps({"broken": f"{type(error).__name__}: {error}"}).encode())
        finally:
            os._exit(status)
    os.close(write)
    if job.kill_after is not None:
        time.sleep(job.kill_after)
        os.kill(child, signal.SIGKILL)
    with os.fdopen(read, "rb") as stream:
        answer = stream.read()
    _, status = os.waitpid(child, 0)
    told: dict[str, Any] = json.loads(answer) if answer else {}
    return {**told, "killed": os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL}


def main(url: str, token: str, project: str, given: str) -> None:
    """Run a process for each line that comes."""
    import warnings  # noqa: PLC0415  # as below

    import httpx  # noqa: PLC0415  # as below

    import scenecart  # noqa: PLC0415  # loaded once, so that each forked process has it

    warnings.simplefilter("ignore")
    captures = pickle.loads(Path(given).read_bytes())  # noqa: S301  # written by the test a moment ago
    # both load what they need at their first use; no connection, thread or database is opened here
    _ = scenecart.connect, httpx.HTTPTransport(verify=False).close()
    gc.freeze()

    def run(job: Job) -> dict[str, Any]:
        signal.alarm(int(_SECONDS))
        return _buy(job, url, token, project, captures)

    for line in sys.stdin:
        given_job = json.loads(line)
        job = Job(**{**given_job, "pair": tuple(given_job["pair"]), "faults": tuple(given_job["faults"])})
        sys.stdout.write(json.dumps(_in_a_process(job, run)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
