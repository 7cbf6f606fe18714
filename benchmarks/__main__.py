"""Command line of the benchmarks: prints their tables, or writes them to the documentation."""

from __future__ import annotations

import argparse
import os
import platform
import re
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.plots import draw
from benchmarks.sections import section
from benchmarks.summary import TITLE, summary

if TYPE_CHECKING:
    from collections.abc import Sequence

NAMES = ("areas", "cover", "felt", "frames", "growth", "imagery", "loopback", "money", "reports", "sandbox", "stack", "widgets")
PLOTS = {
    "Search results to GeoDataFrames": (
        "bench-frames",
        "Time per capture, by number of captures",
        "µs per capture",
    ),
    "Map, filters and table": ("bench-widgets", "Time in the kernel, by number of captures", "milliseconds"),
    "Growth": ("bench-growth", "Time by size", "milliseconds"),
}
PAGE = Path(__file__).resolve().parents[1] / "docs" / "benchmarks.md"


def main(argv: Sequence[str] | None = None) -> None:
    """Run the requested benchmarks."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=f"{__doc__} With FULL=1 in the environment, the largest sizes too."
    )
    parser.add_argument("names", nargs="*", choices=[*NAMES, []], help=f"benchmarks to run, of {', '.join(NAMES)} (default: all)")
    parser.add_argument("--write", action="store_true", help=f"write the tables to docs/{PAGE.name}; measures all sizes")
    arguments = parser.parse_args(argv)
    if arguments.write:
        # for the processes of the sections
        os.environ["FULL"] = "1"
    sections = {}
    for name in arguments.names or NAMES:
        title, text = section(name)
        sections[title] = text
    if arguments.write:
        written = {**_written(), **sections}
        written.pop(TITLE, None)
        for title, (name, caption, unit) in PLOTS.items():
            if title in sections:
                head, *rest = written[title].split("\n\n")
                plot = draw(name, written[title], caption, unit, PAGE.parent / "images")
                written[title] = "\n\n".join([head, rest[0], plot, *rest[1:]])
        machine = f"Python {platform.python_version()} on {platform.system()} {platform.machine()}, {os.cpu_count()} cores"
        head = f"# Benchmarks\n\nMeasured with `make bench ARGS=--write` ({machine}). Times are medians of several runs.\n"
        PAGE.write_text("\n".join([head, summary(written, PAGE.parent / "images"), *written.values()]), encoding="utf-8")
        print(f"Written to {PAGE.name}")


def _written() -> dict[str, str]:
    """Return the sections of the page, to measure one again without the others."""
    _, *found = re.split(r"^(?=## )", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE) if PAGE.is_file() else [""]
    return {part.splitlines()[0].removeprefix("## "): part.rstrip() + "\n" for part in found}


if __name__ == "__main__":
    main()
