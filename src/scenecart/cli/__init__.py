"""The command line: arguments, printing, and nothing else."""

from __future__ import annotations

import sys
import warnings
from functools import partial
from typing import TYPE_CHECKING

from scenecart._errors import AuthenticationRequired, InvalidRequest, PaymentRequired, PlacementUnknown, ScenecartError
from scenecart._wire import clean_text
from scenecart.cli._parser import make_parser, option_names
from scenecart.cli._speech import spoken

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["main", "make_parser"]

_FAILED, _USAGE_ERROR, _UNPAID, _UNKNOWN, _INTERRUPTED = 1, 2, 3, 4, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    0 done, 1 failed, 2 asked wrongly and nothing sent, 3 the service cannot charge, 4 it is not known whether something was
    ordered, 130 interrupted.
    """
    parser = make_parser()
    arguments = parser.parse_args(argv)
    arguments.spoken = partial(spoken, options=option_names(parser))
    warnings.showwarning = lambda message, *_, **__: _say([str(message)], arguments.spoken)
    try:
        return int(arguments.run(arguments) or 0)
    except ScenecartError as error:
        _say(_lines(error), arguments.spoken)
        return _code(error)
    except BrokenPipeError:
        sys.stderr.close()
        return _FAILED
    except KeyboardInterrupt:
        if sys.stderr.isatty():
            # the terminal shows ^C where the cursor stood
            print(file=sys.stderr)
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


def _lines(error: ScenecartError) -> list[str]:
    lines = str(error).splitlines()
    if isinstance(error, AuthenticationRequired) and error.challenge_url:
        lines.append(f"Confirm it here: {error.challenge_url}")
    return lines + list(getattr(error, "__notes__", []))


def _say(lines: Sequence[str], in_commands: Callable[[str], str]) -> None:
    for number, line in enumerate(lines):
        print(f"{'  ' if number else 'scenecart: '}{clean_text(in_commands(line), 1000)}", file=sys.stderr)
