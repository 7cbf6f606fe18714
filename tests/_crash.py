"""Processes that are killed or interrupted while they buy a tile of a capture: at a chosen step, or after a time.

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
import traceback
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import shapely
from shapely.geometry import shape

import _ledger_check

if TYPE_CHECKING:
    import random
    from collections.abc import Callable
    from types import FrameType

    import geopandas as gpd

    from scenecart.sandbox import Sandbox

FAULTS = ("drop-before", "drop-after", "429; retry_after=1", "500", "502", "503", "cut", "garbage", "empty", "expire-token")
LIST_FAULTS = ("drop-before", "503", "cut", "garbage", "empty")
# ways to answer that a purchase must survive; a trial draws up to three
DIALECTS = (
    "awaiting",
    "bare-orders:none",
    "bought-ground",
    "cents",
    "flaky-identity",
    "get-by-post",
    "one-based:clamped",
    "other-names:geopera",
    "problem-errors",
    "seed-orders",
    "short-keys",
    "snake-order",
    "stored-refusals",
    "text-filters",
    "up42-orders",
    "whole-footprints",
)
# where orders state no captures, a second machine without a living key cannot see what the first one bought
SILENT = frozenset({"bare-orders:none", "up42-orders"})
_SECONDS = 60.0
_QUIET, _MORE_THAN_A_DAY = 1_000.0, 90_000.0
_CELLS, _CELL_DEGREES = 25, 0.015
_WIDEST_DEGREES = 5.0


@dataclass(frozen=True)
class Job:
    """What one process does: buy, settle or resolve, until it is finished, killed or interrupted.

    Attributes
    ----------
    tile : tuple of int
        The capture, and the part of its footprint.
    interrupt : bool
        Whether it is interrupted (Ctrl+C) where it would be killed, and then tries once more.
    fork : bool
        Whether it forks when it is connected, and both processes buy.
    order : str or None
        The order to resolve an unknown placement by; an empty string says that nothing was ordered.
    is_shared : bool
        Whether another machine may have bought the tile.
    """

    home: str
    tile: tuple[int, int]
    settle: bool = False
    kill_at: int | None = None
    kill_after: float | None = None
    interrupt: bool = False
    fork: bool = False
    faults: tuple[str, ...] = ()
    list_faults: tuple[str, ...] = ()
    clock_offset: float = 0.0
    order: str | None = None
    is_shared: bool = False


@dataclass
class CrashRunner:
    """Runs jobs against a sandbox, and checks what must hold after each."""

    box: Sandbox
    captures: gpd.GeoDataFrame
    folder: Path
    dialect: tuple[str, ...] = ()
    runs: int = 0
    kills: int = 0
    clock_offset: float = 0.0
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
        self._parent.stdin.write(json.dumps(asdict(replace(job, clock_offset=self.clock_offset))) + "\n")
        result: dict[str, Any] = json.loads(self._parent.stdout.readline())
        self.runs += 1
        self.kills += result["killed"]
        assert result["killed"] or "outcome" in result, (job, result, self.dialect)
        self._check(job)
        return result

    def advance(self, seconds: float) -> None:
        """Let time pass for the service and for every later process."""
        self.box.advance(seconds)
        self.clock_offset += seconds

    def orders(self, tile: tuple[int, int]) -> list[str]:
        """Return the ids of the service's orders of a tile."""
        ground = shapely.box(*area_of(self.captures, tile))
        found = []
        for order in self.box.orders():
            (capture,) = order["captures"]
            is_same = capture["id"] == self.captures["id"].iloc[tile[0]]
            if is_same and ground.contains(shape(capture["geometry"]).representative_point()):
                found.append(order["id"])
        return found

    def placements(self, home: str) -> list[tuple[str, str, str | None]]:
        """Return key, state and order id of every placement in a home's journal."""
        path = Path(home) / "placements.sqlite"
        if not path.exists():
            return []
        with contextlib.closing(sqlite3.connect(path)) as database:
            if not database.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]:
                return []
            return database.execute("SELECT key, state, order_id FROM placement ORDER BY number").fetchall()

    def finish(self, home: str, tile: tuple[int, int], *, is_shared: bool = False) -> bool:
        """Buy again without faults until there is exactly one order; return whether it is this machine's.

        A placement that nothing can settle any more is resolved by what the service's database says, as a person would.
        """
        result: dict[str, Any] = {}
        for _ in range(6):
            result = self.run(Job(home, tile, is_shared=is_shared))
            if "order" in result or (is_shared and result["code"] in {"already_owned", "perhaps_owned"}):
                break
            if result["code"] == "placement_unknown_expired":
                known = self.orders(tile)
                self.run(Job(home, tile, order=known[0] if known else "", is_shared=is_shared))
            elif result["code"] == "placement_unknown":
                self.advance(_QUIET)
        orders = self.orders(tile)
        if "order" not in result and is_shared:
            assert len(orders) == 1, result
            return False
        assert orders == [result.get("order")], (result, orders, self.placements(home))
        states = self.placements(home)
        assert [name for _, state, name in states if state == "placed"] == orders
        assert {state for _, state, _ in states} <= {"placed", "refused", "absent", "put away"}
        return True

    def finish_elsewhere(self, home: str, tile: tuple[int, int]) -> None:
        """Buy the same on a second machine: it gets the order, or is told that the captures may be owned."""
        (order,) = self.orders(tile)
        result = self.run(Job(home, tile, is_shared=True))
        assert result.get("order") == order or result["code"] in {"already_owned", "perhaps_owned", "placement_unknown_expired"}, (
            result
        )
        assert self.orders(tile) == [order]

    def _check(self, job: Job) -> None:
        orders = self.orders(job.tile)
        assert len(orders) <= 1, (job, orders, self.dialect)
        states = {key: state for key, state, _ in self.placements(job.home)}
        bought = [key for key in self._keys_of(orders) if key in states]
        if job.is_shared:
            return
        assert len(bought) == len(orders), (job, "an order that is in no journal")
        assert {states[key] for key in bought} <= {"sent", "unknown", "placed"}, (job, states)

    def _keys_of(self, orders: list[str]) -> list[str]:
        return [order["key"] for order in self.box.orders() if order["id"] in orders]


def area_of(captures: gpd.GeoDataFrame, tile: tuple[int, int]) -> tuple[float, float, float, float]:
    """Return the bounds of a tile: one of 25 parts around the middle of a footprint."""
    capture, cell = tile
    middle = captures.geometry.iloc[capture].representative_point()
    west = middle.x + (cell % 5 - 2.5) * _CELL_DEGREES
    south = middle.y + (cell // 5 - 2.5) * _CELL_DEGREES
    margin = _CELL_DEGREES / 10
    return (west + margin, south + margin, west + _CELL_DEGREES - margin, south + _CELL_DEGREES - margin)


def with_room_for_tiles(captures: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return the captures whose footprints hold all of their tiles."""
    bounds = captures.geometry.bounds
    is_narrow = (bounds["maxx"] - bounds["minx"] < _WIDEST_DEGREES).to_numpy()
    usable = captures[captures["orderable"].to_numpy() & is_narrow].reset_index(drop=True)
    reach = 2.5 * _CELL_DEGREES
    middles = usable.geometry.representative_point()
    squares = shapely.box(middles.x - reach, middles.y - reach, middles.x + reach, middles.y + reach)
    return usable[shapely.contains(usable.geometry.to_numpy(), squares)].reset_index(drop=True)


def tile_of(number: int, count: int) -> tuple[int, int]:
    """Return the tile with this number among all tiles of so many captures."""
    return number % count, number // count % _CELLS


def run_trial(runner: CrashRunner, tile: tuple[int, int], rng: random.Random, steps: int, seconds: float) -> None:
    """Buy one tile in up to three processes on up to two machines that are killed or interrupted, then without faults."""
    home = str(runner.folder / f"home-{tile[0]}-{tile[1]}")
    second = f"{home}-B"
    has_second = False
    is_silent = bool(SILENT & set(runner.dialect))
    for number in range(rng.randint(1, 3)):
        by_step = rng.random() < 0.7  # otherwise at any instant
        # without a word about captures, only a living key shows a second machine the order
        is_second = number > 0 and rng.random() < 0.25 and not is_silent
        has_second |= is_second
        runner.run(
            Job(
                second if is_second else home,
                tile,
                is_shared=has_second,
                settle=rng.random() < 0.3,  # otherwise the cell is run again
                kill_at=rng.randint(1, steps) if by_step else None,
                kill_after=None if by_step else rng.uniform(0.0, seconds),
                interrupt=rng.random() < 0.2,
                fork=rng.random() < 0.15,
                faults=tuple(rng.choices(FAULTS, k=rng.randint(0, 6))),
                list_faults=tuple(rng.choices(LIST_FAULTS, k=rng.randint(1, 3))) if rng.random() < 0.2 else (),
            )
        )
        if not has_second:
            runner.advance(rng.choice([0.0, 0.0, 100.0, _QUIET, _MORE_THAN_A_DAY]))
    if has_second:
        # whichever machine bought it, the other one gets the order, or is told that it may be owned
        is_first = runner.finish(home, tile, is_shared=True)
        assert runner.finish(second, tile, is_shared=True) or is_first
        return
    runner.finish(home, tile)
    if rng.random() < 0.3 and not is_silent:
        runner.finish_elsewhere(second, tile)


def reconcile(runner: CrashRunner) -> int:
    """Check the service's accounts, and return the number of orders."""
    return _ledger_check.reconcile(runner.box)


class Steps:
    """Counts the steps of a process, and kills or interrupts it at a chosen one."""

    def __init__(self, kill_at: int | None, *, interrupt: bool = False) -> None:
        self.count = 0
        self._kill_at = kill_at
        self._signal = signal.SIGINT if interrupt else signal.SIGKILL

    def __call__(self, *_: object) -> None:
        self.count += 1
        if self.count == self._kill_at:
            os.kill(os.getpid(), self._signal)


def _transport(step: Steps, faults: list[str], list_faults: list[str]) -> Any:
    """Return a transport that counts each event of a connection as a step, and injects faults into placing and listing."""
    import httpx  # noqa: PLC0415  # used by the forked processes only

    class Stepping(httpx.BaseTransport):
        def __init__(self) -> None:
            self._inner = httpx.HTTPTransport(verify=False)  # plain http needs no certificates read

        def handle_request(self, request: httpx.Request) -> httpx.Response:
            step()
            request.extensions["trace"] = step
            for operation, planned in (("orders.archive.place", faults), ("orders.list", list_faults)):
                if request.url.path.endswith(operation) and planned:
                    request.headers["X-Sandbox-Fault"] = planned.pop(0)
            return self._inner.handle_request(request)

        def close(self) -> None:
            self._inner.close()

    return Stepping()


def _buy(job: Job, url: str, token: str, project: str, captures: gpd.GeoDataFrame) -> dict[str, Any]:
    import scenecart  # noqa: PLC0415  # the parent has loaded it

    step = Steps(job.kill_at, interrupt=job.interrupt)
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
        transport=_transport(step, list(job.faults), list(job.list_faults)),
    )

    def work() -> dict[str, Any]:
        if job.order is not None:
            number = int(client.placements().query("state in ['sent', 'unknown']")["number"].iloc[0])
            client.resolve(number, order=job.order or None, nothing=not job.order)
            return {"outcome": "resolved"}
        if job.settle:
            client.settle()
            return {"outcome": "settled"}
        cart = client.cart(captures.iloc[[job.tile[0]]], aoi=area_of(captures, job.tile))
        return {"outcome": "placed", "order": cart.estimate().place().id}

    child = os.fork() if job.fork else None
    if child == 0:
        signal.alarm(int(_SECONDS) - 10)
    try:
        try:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            result = work()
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        except KeyboardInterrupt:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            # nothing that was interrupted may block the next try
            result = work()
    except scenecart.ScenecartError as error:
        result = {"outcome": f"{type(error).__name__}: {error}", "code": error.code}
    if child == 0:
        os._exit(0)
    if child is not None:
        os.waitpid(child, 0)
    step()
    return {**result, "steps": step.count}


def _say_where(_signal: int, frame: FrameType | None) -> None:
    """End a process that hangs, and print where."""
    traceback.print_stack(frame)
    os._exit(1)


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
        except KeyboardInterrupt:
            # after it had ended
            os.write(write, json.dumps({"outcome": "interrupted", "code": "interrupted"}).encode())
        except BaseException as error:  # noqa: BLE001  # the parent must hear of any error
            os.write(write, json.dumps({"error": f"{type(error).__name__}: {error}"}).encode())
        finally:
            os._exit(status)
    os.close(write)
    if job.kill_after is not None:
        time.sleep(job.kill_after)
        os.kill(child, signal.SIGINT if job.interrupt else signal.SIGKILL)
    with os.fdopen(read, "rb") as stream:
        answer = stream.read()
    _, status = os.waitpid(child, 0)
    result: dict[str, Any] = json.loads(answer) if answer else {}
    return {**result, "killed": os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL}


def main(url: str, token: str, project: str, captures_file: str) -> None:
    """Run a job for each line of stdin."""
    import warnings  # noqa: PLC0415  # as below

    import filelock  # noqa: PLC0415  # as below
    import httpx  # noqa: PLC0415  # as below
    from pyarrow import pandas_compat  # noqa: PLC0415  # as below

    import scenecart  # noqa: PLC0415  # loaded once, so that each forked process has it

    warnings.simplefilter("ignore")
    # a forked process is interrupted only while it works
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    captures = pickle.loads(Path(captures_file).read_bytes())  # noqa: S301  # written by this test
    # load modules that are imported at first use; opens no connection, thread or database
    _ = scenecart.connect, filelock.FileLock, pandas_compat, httpx.HTTPTransport(verify=False).close()
    gc.freeze()

    def run(job: Job) -> dict[str, Any]:
        signal.signal(signal.SIGALRM, _say_where)
        signal.alarm(int(_SECONDS))
        return _buy(job, url, token, project, captures)

    for line in sys.stdin:
        fields = json.loads(line)
        lists = {name: tuple(fields[name]) for name in ("tile", "faults", "list_faults")}
        job = Job(**{**fields, **lists})
        sys.stdout.write(json.dumps(_in_process(job, run)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
