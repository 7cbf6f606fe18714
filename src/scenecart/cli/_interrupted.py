"""What is said when a command is interrupted; it loads at once, so that loading the rest can be interrupted too."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

INTERRUPTED = 130


def interrupted(lines: Sequence[str] = ()) -> int:
    """Say that it was interrupted, and what is known of it; return the exit code."""
    if sys.stderr is None:
        return INTERRUPTED
    # the terminal shows ^C where the cursor stood
    start = "\n" if sys.stderr.isatty() else ""
    print("\n  ".join([f"{start}Interrupted.", *lines]), file=sys.stderr)
    return INTERRUPTED
