"""Command line of the fuzzing: all inputs of a target, or one of them again."""

from __future__ import annotations

import argparse
import contextlib
import faulthandler
import math
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from fuzz._area import Areas
from fuzz._carts import Carts
from fuzz._deliveries import Deliveries
from fuzz._endpoints import Endpoints
from fuzz._engine import Figures, Target, input_of, run, strict
from fuzz._features import Features
from fuzz._ndjson import Lines
from fuzz._office import Office
from fuzz._pictures import Pictures, Rasters
from fuzz._ranges import Ranges
from fuzz._tokens import Tokens
from fuzz._watches import Watches

if TYPE_CHECKING:
    from collections.abc import Sequence

TARGETS: dict[str, type[Target]] = {
    "features": Features,
    "ndjson": Lines,
    "area": Areas,
    "carts": Carts,
    "tokens": Tokens,
    "endpoints": Endpoints,
    "office": Office,
    "deliveries": Deliveries,
    "pictures": Pictures,
    "rasters": Rasters,
    "ranges": Ranges,
    "watches": Watches,
}
FAILURES = Path.cwd() / ".fuzz"
HEAD = """| target | inputs | seed | seconds | inputs/s | crashes | hangs | slowest | memory early | memory late | disk |
|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the requested targets; return 1 if an input failed or memory grew, and 0 otherwise."""
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="TARGET", help=f"targets to run, of {', '.join(TARGETS)} (default: all)")
    parser.add_argument("--inputs", type=int, default=1_000_000, help="number of inputs")
    parser.add_argument(
        "--first", type=int, default=0, metavar="NUMBER", help="first input; start here if another run checked the earlier ones"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=1, help="number of processes; the inputs are the same for any")
    parser.add_argument("--minutes", type=float, default=math.inf, help="stop after this time")
    parser.add_argument("--only", type=int, metavar="NUMBER", help="check only this input")
    parser.add_argument("--file", type=Path, help="check only the input in this file")
    arguments = parser.parse_args(argv)
    # exit by an exception, so that temporary files are removed
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    for name in arguments.names:
        if name not in TARGETS:
            parser.error(f"unknown target {name}; the targets are {', '.join(TARGETS)}")
    names = arguments.names or list(TARGETS)
    if arguments.only is not None or arguments.file is not None:
        for name in names:
            check_one(name, arguments.seed, arguments.only, arguments.file)
        return 0
    results = []
    for name in names:
        options = {"first": arguments.first, "jobs": arguments.jobs, "seconds": 60 * arguments.minutes}
        figures = run(TARGETS[name](), name, inputs=arguments.inputs, seed=arguments.seed, report=_report, **options)
        results.append(figures)
        _write_failures(figures)
        print(f"{HEAD}\n{row(figures)}", flush=True)
        print(", ".join(f"{outcome} {count:,}" for outcome, count in figures.outcomes.most_common()), flush=True)
    return int(any(figures.failures or figures.grew for figures in results))


def check_one(name: str, seed: int, number: int | None, file: Path | None) -> None:
    """Check one input in this process, and let its errors through."""
    # prints the stack even where a library crashes the process
    faulthandler.enable()
    target = TARGETS[name]()
    with target.around() as place, contextlib.closing(target):
        target.open(place)
        data = input_of(target, name, seed, number or 0) if file is None else file.read_bytes()
        print(f"{len(data):,} bytes: {data[:4_000]!r}", flush=True)
        with strict():
            print(target.check(data), flush=True)


def row(figures: Figures) -> str:
    """Return the results of a target as a row of the table."""
    early, late = (f"{size / 2**20:.1f} MiB" if size else "" for size in figures.first_and_last)
    cells = [
        figures.target,
        f"{figures.done:,}",
        str(figures.seed),
        f"{figures.seconds:,.0f}",
        f"{figures.done / figures.seconds:,.0f}",
        str(figures.failed("crash")),
        str(figures.failed("hang")),
        f"{figures.slowest[0] * 1_000:,.0f} ms",
        early,
        late + (" (grew)" if figures.grew else ""),
        "" if figures.disk is None else f"{figures.disk / 2**20:.1f} MiB",
    ]
    return f"| {' | '.join(cells)} |"


def _report(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _write_failures(figures: Figures) -> None:
    """Write failing inputs to files, and print the command that checks each of them."""
    target = TARGETS[figures.target]()
    failures = [failure for failure in figures.failures if failure.text]
    if not failures:
        return
    FAILURES.mkdir(exist_ok=True)
    with target.around() as place, contextlib.closing(target):
        target.open(place)
        for failure in failures:
            path = FAILURES / f"{figures.target}-{figures.seed}-{failure.number}"
            path.write_bytes(input_of(target, figures.target, figures.seed, failure.number))
            command = f'make fuzz-million TARGET={figures.target} SEED={figures.seed} ARGS="--only {failure.number}"'
            _report(f"{failure.kind} of {path.relative_to(FAILURES.parent)}: {command}")


if __name__ == "__main__":
    sys.exit(main())
