"""The command line: arguments, printing, and nothing else."""

from __future__ import annotations

import sys
import warnings
from typing import TYPE_CHECKING

from scenecart._errors import AuthenticationRequired, InvalidRequest, PaymentRequired, PlacementUnknown, ScenecartError
from scenecart._wire import clean_text
from scenecart.cli._parser import make_parser

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main", "make_parser"]

_FAILED, _USAGE_ERROR, _UNPAID, _UNKNOWN, _INTERRUPTED = 1, 2, 3, 4, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    0 done, 1 failed, 2 asked wrongly and nothing sent, 3 the service cannot charge, 4 it is not known whether something was
    ordered, 130 interrupted.
    """
    arguments = make_parser().parse_args(argv)
    warnings.showwarning = lambda message, *_, **__: print(f"scenecart: {clean_text(str(message), 1000)}", file=sys.stderr)
    try:
        return int(arguments.run(arguments) or 0)
    except ScenecartError as error:
        _complain(error)
        return _code(error)
    except BrokenPipeError:
        sys.stderr.close()
        return _FAILED
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        if getattr(arguments, "spends", False):
            print("  `scenecart placements` shows what was begun, `scenecart settle` finds out what became of it.", file=sys.stderr)
        return _INTERRUPTED


def _code(error: ScenecartError) -> int:
    if isinstance(error, InvalidRequest) and error.status is None:
        return _USAGE_ERROR
    if isinstance(error, PaymentRequired):
        return _UNPAID
    return _UNKNOWN if isinstance(error, PlacementUnknown) else _FAILED


def _complain(error: ScenecartError) -> None:
    first, *rest = str(error).splitlines()
    if isinstance(error, AuthenticationRequired) and error.challenge_url:
        rest.append(f"Confirm it here: {error.challenge_url}")
    rest += list(getattr(error, "__notes__", []))
    print(f"scenecart: {clean_text(first, 1000)}", file=sys.stderr)
    for line in rest:
        print(f"  {clean_text(line, 1000)}", file=sys.stderr)
