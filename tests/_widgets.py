"""What tests of widgets share."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

HARBOUR = (151.18, -33.99, 151.24, -33.94)


def wait_for(holds: Callable[[], Any], seconds: float = 30.0) -> Any:
    """Wait until something holds, and return it."""
    deadline = time.monotonic() + seconds
    while True:
        found = holds()
        if found:
            return found
        assert time.monotonic() < deadline, "it did not come to hold"
        time.sleep(0.02)
