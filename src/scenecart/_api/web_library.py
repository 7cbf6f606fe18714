"""httpx without its command line, which loads click, rich and pygments: half of the time that importing httpx takes."""

from __future__ import annotations

import sys

_COMMAND_LINE = "httpx._main"

_is_first = "httpx" not in sys.modules
if _is_first:
    # httpx goes on without it, as where click is not installed
    sys.modules[_COMMAND_LINE] = None  # type: ignore[assignment]  # what Python has for a module that is not to be found
try:
    import httpx
finally:
    if _is_first:
        sys.modules.pop(_COMMAND_LINE, None)

__all__ = ["httpx"]
