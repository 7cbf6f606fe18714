"""The command line's entry point: it starts quickly, and Ctrl+C stops it without a traceback."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from scenecart.cli._exit_codes import INTERRUPTED

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    The codes are in ``scenecart.cli._exit_codes``, and in the help of ``scenecart``.
    """
    try:
        from scenecart.cli._main import run  # noqa: PLC0415  # loads slowly, and may be interrupted meanwhile

        return run(argv)
    except KeyboardInterrupt:
        return print_interrupted()


def print_interrupted(lines: Sequence[str] = ()) -> int:
    """Print that the command was interrupted, and what it had done; return the exit code."""
    if sys.stderr is None:
        return INTERRUPTED
    # a terminal echoes ^C on the current line
    start = "\n" if sys.stderr.isatty() else ""
    print("\n  ".join([f"{start}Interrupted.", *lines]), file=sys.stderr)
    return INTERRUPTED
