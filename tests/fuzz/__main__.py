"""The command line of the fuzzing house: `make fuzz-million`, and one input again."""

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
from fuzz._endpoints import Endpoints
from fuzz._engine import Figures, Target, input_of, run, strict
from fuzz._features import Features
from fuzz._ndjson import Lines
from fuzz._tokens import Tokens

if TYPE_CHECKING:
    from collections.abc import Sequence

TARGETS: dict[str, type[Target]] = {
    "features": Features,
    "ndjson": Lines,
    "area": Areas,
    "carts": Carts,
    "tokens": Tokens,
    "endpoints": Endpoints,
}
KEPT = Path.cwd() / ".fuzz"
HEAD = """| target | inputs | seed | seconds | inputs/s | crashes | hangs | slowest | memory early | memory late | disk |
|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run what was asked for; tell by the exit status whether all was well."""
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="TARGET", help=f"which of {', '.join(TARGETS)}; all without any")
    parser.add_argument("--inputs", type=int, default=1_000_000)
    parser.add_argument(
        "--first", type=int, default=0, metavar="NUMBER", help="leave out those before, which another run has checked"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=1, help="processes that check inputs at once; the inputs stay the same")
    parser.add_argument("--minutes", type=float, default=math.inf, help="stop after so long, wherever that is")
    parser.add_argument("--only", type=int, metavar="NUMBER", help="check this input alone")
    parser.add_argument("--file", type=Path, help="check the input in this file alone")
    asked = parser.parse_args(argv)
    # what was begun is put away when this is told to end, too
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    for name in asked.names:
        if name not in TARGETS:
            parser.error(f"there is no target {name}; there are {', '.join(TARGETS)}")
    names = asked.names or list(TARGETS)
    if asked.only is not None or asked.file is not None:
        for name in names:
            again(name, asked.seed, asked.only, asked.file)
        return 0
    found = []
    for name in names:
        options = {"first": asked.first, "jobs": asked.jobs, "seconds": 60 * asked.minutes}
        figures = run(TARGETS[name](), name, inputs=asked.inputs, seed=asked.seed, tell=_tell, **options)
        found.append(figures)
        _keep(figures)
        print(f"{HEAD}\n{row(figures)}", flush=True)
        print(", ".join(f"{outcome} {count:,}" for outcome, count in figures.outcomes.most_common()), flush=True)
    return int(any(figures.failures or figures.grew for figures in found))


def again(name: str, seed: int, number: int | None, file: Path | None) -> None:
    """Check one input again, in this process, with everything that it raises."""
    # a fault in a library ends the process: what ran is told all the same
    faulthandler.enable()
    target = TARGETS[name]()
    with target.around() as place, contextlib.closing(target):
        target.open(place)
        data = input_of(target, name, seed, number or 0) if file is None else file.read_bytes()
        print(f"{len(data):,} bytes: {data[:4_000]!r}", flush=True)
        with strict():
            print(target.check(data), flush=True)


def row(figures: Figures) -> str:
    """Return a line of the table."""
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


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _keep(figures: Figures) -> None:
    """Write the inputs that failed to files, and say how each is run again."""
    target = TARGETS[figures.target]()
    told = [failure for failure in figures.failures if failure.text]
    if not told:
        return
    KEPT.mkdir(exist_ok=True)
    with target.around() as place, contextlib.closing(target):
        target.open(place)
        for failure in told:
            path = KEPT / f"{figures.target}-{figures.seed}-{failure.number}"
            path.write_bytes(input_of(target, figures.target, figures.seed, failure.number))
            again_line = f'make fuzz-million TARGET={figures.target} SEED={figures.seed} ARGS="--only {failure.number}"'
            _tell(f"{failure.kind} of {path.relative_to(KEPT.parent)}: {again_line}")


if __name__ == "__main__":
    sys.exit(main())
