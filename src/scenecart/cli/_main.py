"""Running a command, and saying how it ended."""

from __future__ import annotations

import argparse
import contextlib
import sys
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scenecart._util.text import clean_text
from scenecart.cli import INTERRUPTED, report_interruption
from scenecart.cli._hints import lines_of
from scenecart.cli._output import CannotPrint, printing
from scenecart.cli._parser import make_parser, option_names
from scenecart.exceptions import (
    AuthenticationRequired,
    InvalidRequest,
    PaymentRequired,
    PlacementUnknown,
    ScenecartError,
    ScenecartWarning,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence


_FAILED, _USAGE_ERROR, _UNPAID, _UNKNOWN, _UNTOLD = 1, 2, 3, 4, 5


def run(argv: Sequence[str] | None) -> int:
    """Run the command that was typed, and return its exit code."""
    parser = make_parser()
    options = option_names(parser)
    course = Course()
    with printing():
        warnings.showwarning = lambda message, *_, **__: _say(_warning_lines(message, options))
        try:
            return _run(parser, argparse.Namespace(course=course), argv)
        except ScenecartError as error:
            lines = _lines(error, options)
            _say([*lines, *(one for one in course.certain if one not in " ".join(lines))])
            return _code(error, course)
        except CannotPrint as error:
            _say(_unprinted(error, course))
            if not course.deed:
                return _FAILED
            return 0 if error.reader_left else _UNTOLD
        except KeyboardInterrupt:
            with contextlib.suppress(CannotPrint):
                report_interruption(course.told)
            return INTERRUPTED


def _run(parser: argparse.ArgumentParser, arguments: argparse.Namespace, argv: Sequence[str] | None) -> int:
    try:
        parser.parse_args(argv, arguments)
    except SystemExit:
        sys.stdout.flush()
        raise
    code = int(arguments.run(arguments) or 0)
    # what is held back may turn out not to be printable
    sys.stdout.flush()
    return code


def _unprinted(error: CannotPrint, course: Course) -> list[str]:
    if course.deed:
        return [f"{course.deed}, but this could not be printed: {error.why}."]
    return [f"What there is to say could not be printed: {error.why}.", *course.told]


def _code(error: ScenecartError, course: Course) -> int:
    if isinstance(error, InvalidRequest) and error.operation is None and not course.has_asked:
        return _USAGE_ERROR
    if isinstance(error, PaymentRequired):
        return _UNPAID
    return _UNKNOWN if isinstance(error, PlacementUnknown) else _FAILED


def _warning_lines(warning: Warning | str, options: Collection[str]) -> list[str]:
    return lines_of(warning, options) if isinstance(warning, ScenecartWarning) else [str(warning)]


def _lines(error: ScenecartError, options: Collection[str]) -> list[str]:
    lines = lines_of(error, options)
    if isinstance(error, AuthenticationRequired) and error.challenge_url and error.challenge_url not in str(error):
        lines.append(f"Confirm it here: {error.challenge_url}")
    return lines + list(getattr(error, "__notes__", []))


def _say(lines: Sequence[str]) -> None:
    # where nobody can be told, what is done goes on all the same
    with contextlib.suppress(CannotPrint):
        for number, line in enumerate(lines):
            print(f"{'  ' if number else 'scenecart: '}{clean_text(line, 1000)}", file=sys.stderr)


_BEGUN = "`scenecart placements` shows what was begun, `scenecart settle` finds out what became of it."


@dataclass
class Course:
    """What a command has done so far.

    Attributes
    ----------
    spends
        Whether it is about to buy something.
    has_asked
        Whether the service was asked for something.
    has_begun
        Whether buying has begun.
    deed
        What it has done that stays done, such as "Order 7 was placed"; empty before.
    """

    spends: bool = False
    has_asked: bool = False
    has_begun: bool = False
    deed: str = ""

    @property
    def told(self) -> list[str]:
        """What whoever interrupts it has to know."""
        if self.spends and self.has_begun and not self.deed:
            return [_BEGUN]
        return self.certain

    @property
    def certain(self) -> list[str]:
        """What is known for certain of what it did."""
        if self.deed:
            return [f"{self.deed}."]
        return ["Nothing was ordered."] if self.spends and not self.has_begun else []
