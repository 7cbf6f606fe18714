"""The command line; this module loads fast, so that an interruption while the rest loads shows no traceback."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]

INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    0 done, 1 failed, 2 wrong usage and nothing sent, 3 the service cannot charge, 4 it is unknown whether something was ordered,
    5 done but not printed, 130 interrupted.
    """
    try:
        from scenecart.cli._main import run  # noqa: PLC0415  # loads slowly, and may be interrupted meanwhile

        return run(argv)
    except KeyboardInterrupt:
        return report_interruption()


def report_interruption(lines: Sequence[str] = ()) -> int:
    """Print that the command was interrupted, with what is known of its work; return the exit code."""
    if sys.stderr is None:
        return INTERRUPTED
    # the terminal shows ^C at the cursor
    start = "\n" if sys.stderr.isatty() else ""
    print("\n  ".join([f"{start}Interrupted.", *lines]), file=sys.stderr)
    return INTERRUPTED
