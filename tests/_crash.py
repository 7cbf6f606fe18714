"""Processes that are killed while they buy a pair of captures: at a chosen step, or after a time.

As a script it is the parent of these processes, with the library loaded and a single thread: it reads one job a line, forks a
process for it, and writes how it ended. ``CrashRunner`` starts it, and checks journal and service after each job.
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
_MORE_THAN_A_DAY = 90_000.0


@dataclass(frozen=True)
class Job:
    """What one process does: buy or settle, until it is finished or killed."""

    home: str
    pair: tuple[int, int]
    settle: bool = False
    kill_at: int | None = None
    kill_after: float | None = None
    faults: tuple[str, ...] = ()
    clock_offset: float = 0.0


@dataclass
class CrashRunner:
    """Runs jobs against a sandbox, and checks what must hold after each."""

    box: Sandbox
    captures: gpd.GeoDataFrame
    folder: Path
    runs: int = 0
    kills: int = 0
    _parent: subprocess.Popen[str] | None = field(default=None, repr=False)

    def __enter__(self) -> Self:
        captures_file = self.folder / "captures.pickle"
        captures_file.write_bytes(pickle.dumps(self.captures))
        who = self.box.principals["analyst"]
        command = [sys.executable, __file__, self.box.url, self.box.token(), str(who["project"]), str(captures_file)]
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
        """Run one process to its end, and check journal and service."""
        if self._parent is None or self._parent.stdin is None or self._parent.stdout is None:
            raise RuntimeError("there is no parent process")
        self._parent.stdin.write(json.dumps(asdict(job)) + "\n")
        result: dict[str, Any] = json.loads(self._parent.stdout.readline())
        self.runs += 1
        self.kills += result["killed"]
        assert result["killed"] or "outcome" in result, result
        self._check(job)
        return result

    def orders(self, pair: tuple[int, int]) -> list[str]:
        """Return the ids of the service's orders of a pair."""
        wanted = sorted(str(self.captures["id"].iloc[number]) for number in pair)
        with contextlib.closing(sqlite3.connect(self.box.data / "sandbox.sqlite")) as database:
            rows = database.execute('SELECT id, captures FROM "order" WHERE captures LIKE ?', (f'%"{wanted[0]}"%',)).fetchall()
        return [name for name, captures in rows if sorted(entry["id"] for entry in json.loads(captures)) == wanted]

    def placements(self, home: str) -> list[tuple[str, str, str | None]]:
        """Return key, state and order id of every placement in a home's journal."""
        path = Path(home) / "placements.sqlite"
        if not path.exists():
            return []
        with contextlib.closing(sqlite3.connect(path)) as database:
            if not database.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]:
                return []
            return database.execute("SELECT key, state, order_id FROM placement ORDER BY number").fetchall()

    def finish(self, home: str, pair: tuple[int, int], *, clock_offset: float = 0.0) -> None:
        """Buy again without faults, and check that there is exactly one order."""
        for _ in range(5):
            result = self.run(Job(home, pair, clock_offset=clock_offset))
            if "order" in result:
                break
            time.sleep(0.2)
        orders = self.orders(pair)
        assert orders == [result.get("order")], (result, orders)
        order = orders[0]
        states = self.placements(home)
        assert [name for _, state, name in states if state == "placed"] == [order]
        assert {state for _, state, _ in states} <= {"placed", "refused"}

    def _check(self, job: Job) -> None:
        orders = self.orders(job.pair)
        assert len(orders) <= 1, (job, orders)
        states = {key: state for key, state, _ in self.placements(job.home)}
        bought = [key for key in self._keys_of(orders) if key in states]
        assert len(bought) == len(orders), (job, "an order that is in no journal")
        assert {states[key] for key in bought} <= {"sent", "unknown", "placed"}, (job, states)

    def _keys_of(self, orders: list[str]) -> list[str]:
        with contextlib.closing(sqlite3.connect(self.box.data / "sandbox.sqlite")) as database:
            rows = [
                database.execute("SELECT key FROM claim WHERE status < 300 AND instr(answer, ?)", (name.encode(),)).fetchall()
                for name in orders
            ]
        return [key for found in rows for (key,) in found]


def run_trial(runner: CrashRunner, pair: tuple[int, int], rng: random.Random, steps: int, seconds: float) -> None:
    """Buy one pair in up to three processes that are killed within so many steps or seconds, then without faults."""
    home = str(runner.folder / f"home-{pair[0]}-{pair[1]}")
    clock_offset = 0.0
    for _ in range(rng.randint(1, 3)):
        by_step = rng.random() < 0.7  # otherwise at any instant
        runner.run(
            Job(
                home,
                pair,
                settle=rng.random() < 0.3,  # otherwise the cell is run again
                kill_at=rng.randint(1, steps) if by_step else None,
                kill_after=None if by_step else rng.uniform(0.0, seconds),
                faults=tuple(rng.choices(FAULTS, k=rng.randint(0, 6))),
                clock_offset=clock_offset,
            )
        )
        clock_offset = max(clock_offset, rng.choice([0.0, 0.0, 100.0, _MORE_THAN_A_DAY]))
    runner.finish(home, pair, clock_offset=clock_offset)


def pair_of(number: int, count: int) -> tuple[int, int]:
    """Return the pair with this number among all pairs of so many captures."""
    for first in range(count):
        if number < count - first - 1:
            return first, first + 1 + number
        number -= count - first - 1
    raise ValueError("number is too high")


def reconcile(runner: CrashRunner) -> int:
    """Check the service's accounts, and return the number of orders."""
    return _ledger_check.reconcile(runner.box)


class Steps:
    """Counts the steps of a process, and kills it at a chosen one."""

    def __init__(self, kill_at: int | None) -> None:
        self.count = 0
        self._kill_at = kill_at

    def __call__(self, *_: object) -> None:
        self.count += 1
        if self.count == self._kill_at:
            os.kill(os.getpid(), signal.SIGKILL)


def _transport(step: Steps, faults: list[str]) -> Any:
    """Return a transport that counts each event of a connection as a step, and injects a fault into each placing."""
    import httpx  # noqa: PLC0415  # used by the forked processes only

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
    import scenecart  # noqa: PLC0415  # the parent has loaded it

    step = Steps(job.kill_at)
    connect = sqlite3.connect

    def counted(*args: Any, **options: Any) -> sqlite3.Connection:
        database = connect(*args, **options)
        database.set_trace_callback(step)
        return database

    sqlite3.connect = counted  # type: ignore[assignment]  # for the rest of this process
    client = scenecart.connect(
        base_url=url,
        token=token,
        project=project,
        home=job.home,
        sleep=lambda _: None,
        wall=lambda: time.time() + job.clock_offset,
        transport=_transport(step, list(job.faults)),
    )
    result: dict[str, Any] = {"outcome": "settled"}
    try:
        if job.settle:
            client.settle()
        else:
            result["order"] = client.cart(captures.iloc[list(job.pair)]).estimate().place().id
            result["outcome"] = "placed"
    except scenecart.ScenecartError as error:
        result["outcome"] = f"{type(error).__name__}: {error}"
    step()
    return {**result, "steps": step.count}


def _in_process(job: Job, run: Callable[[Job], dict[str, Any]]) -> dict[str, Any]:
    """Run a job in a forked process, and return how it ended."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read)
        status = 1
        try:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            os.write(write, json.dumps(run(job)).encode())
            status = 0
        except BaseException as error:  # noqa: BLE001  # the parent must hear of any error
            os.write(write, json.dumps({"error": f"{type(error).__name__}: {error}"}).encode())
        finally:
            os._exit(status)
    os.close(write)
    if job.kill_after is not None:
        time.sleep(job.kill_after)
        os.kill(child, signal.SIGKILL)
    with os.fdopen(read, "rb") as stream:
        answer = stream.read()
    _, status = os.waitpid(child, 0)
    result: dict[str, Any] = json.loads(answer) if answer else {}
    return {**result, "killed": os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL}


def main(url: str, token: str, project: str, captures_file: str) -> None:
    """Run a job for each line of stdin."""
    import warnings  # noqa: PLC0415  # as below

    import httpx  # noqa: PLC0415  # as below

    import scenecart  # noqa: PLC0415  # loaded once, so that each forked process has it

    warnings.simplefilter("ignore")
    captures = pickle.loads(Path(captures_file).read_bytes())  # noqa: S301  # written by this test
    # load modules that are imported at first use; opens no connection, thread or database
    _ = scenecart.connect, httpx.HTTPTransport(verify=False).close()
    gc.freeze()

    def run(job: Job) -> dict[str, Any]:
        signal.alarm(int(_SECONDS))
        return _buy(job, url, token, project, captures)

    for line in sys.stdin:
        fields = json.loads(line)
        job = Job(**{**fields, "pair": tuple(fields["pair"]), "faults": tuple(fields["faults"])})
        sys.stdout.write(json.dumps(_in_process(job, run)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
