"""Running one command: its progress, its errors and its exit code."""

from __future__ import annotations

import argparse
import contextlib
import sys
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scenecart._util.text import clean_text
from scenecart.cli import print_interrupted
from scenecart.cli._exit_codes import (
    FAILED,
    INTERRUPTED,
    NOT_FINISHED,
    NOT_PRINTED,
    ORDER_FAILED,
    OWNED,
    STATE_UNKNOWN,
    UNKNOWN,
    UNPAID,
    USAGE_ERROR,
)
from scenecart.cli._guarded_output import CannotPrint, guarded_output
from scenecart.cli._hints import lines_of
from scenecart.cli._parser import make_parser, option_names
from scenecart.exceptions import (
    AlreadyOwned,
    AuthenticationRequired,
    InvalidRequest,
    OrderFailed,
    PaymentRequired,
    PlacementUnknown,
    ScenecartError,
    ScenecartWarning,
    WaitTimeout,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scenecart.cli._arguments import ArgumentParser


_UNKNOWN_OUTCOMES = frozenset({"order_outcome_unknown", "orders_outcome_unknown"})
_PLACING = "An order may exist: `scenecart placements` lists it, `scenecart settle` finds out what happened."
_RESUMES = "Run it again: it resumes, and complete files are kept."


@dataclass
class Progress:
    """What a command has done so far, updated by the command while it runs.

    Attributes
    ----------
    spends
        Whether the command can buy something.
    has_requested
        Whether the service has answered a request.
    has_placed
        Whether placing has started.
    completed
        What the command has done for good, such as "Order 7 was placed"; empty before.
    is_downloading
        Whether files are being downloaded.
    """

    spends: bool = False
    has_requested: bool = False
    has_placed: bool = False
    completed: str = ""
    is_downloading: bool = False

    @property
    def certain(self) -> list[str]:
        """What is certain about the effects so far, as lines."""
        if self.completed:
            return [f"{self.completed}."]
        return ["Nothing was ordered."] if self.spends and not self.has_placed else []

    @property
    def at_interruption(self) -> list[str]:
        """The lines to print when the user interrupts the command."""
        if self.spends and self.has_placed and not self.completed:
            return [_PLACING]
        return [*self.certain, *([_RESUMES] if self.is_downloading and not self.completed else [])]


def run(argv: Sequence[str] | None) -> int:
    """Run the command in ``argv`` and return its exit code."""
    parser = make_parser()
    progress = Progress()
    arguments = argparse.Namespace(progress=progress, parser=parser)
    with guarded_output():
        warned: list[list[str]] = []

        def show(message: Warning | str, *_: object, **__: object) -> None:
            lines = _warning_lines(message, arguments.parser)
            # what follows from a problem that was said before is not said once more
            if not any(lines[0].startswith(before[0]) for before in warned):
                _print_error(lines)
            warned.append(lines)

        warnings.showwarning = show
        try:
            return _run(parser, arguments, argv)
        except ScenecartError as error:
            lines = _error_lines(error, arguments.parser)
            certain = [line for line in progress.certain if line not in " ".join(lines)]
            # what stops the command may have been a warning before
            _print_error([*([] if lines in warned else lines), *certain])
            return _exit_code(error, progress)
        except CannotPrint as error:
            _print_error(_not_printed_lines(error, progress))
            if not progress.completed:
                return FAILED
            return 0 if error.reader_left else NOT_PRINTED
        except KeyboardInterrupt:
            with contextlib.suppress(CannotPrint):
                print_interrupted(progress.at_interruption)
            return INTERRUPTED


def _run(parser: argparse.ArgumentParser, arguments: argparse.Namespace, argv: Sequence[str] | None) -> int:
    try:
        parser.parse_args(argv, arguments)
    except SystemExit:
        sys.stdout.flush()
        raise
    code = int(arguments.run(arguments) or 0)
    # buffered output may fail only now
    sys.stdout.flush()
    return code


def _exit_code(error: ScenecartError, progress: Progress) -> int:
    if isinstance(error, InvalidRequest) and error.operation is None and not progress.has_requested:
        return USAGE_ERROR
    if isinstance(error, PaymentRequired):
        return UNPAID
    if isinstance(error, AlreadyOwned) or error.code == "cart_all_owned":
        return OWNED
    if isinstance(error, OrderFailed):
        return ORDER_FAILED
    if isinstance(error, WaitTimeout):
        return STATE_UNKNOWN if error.code in _UNKNOWN_OUTCOMES else NOT_FINISHED
    return UNKNOWN if isinstance(error, PlacementUnknown) else FAILED


def _error_lines(error: ScenecartError, parser: ArgumentParser) -> list[str]:
    # an argument of a call, such as captures, can be an option of another command
    lines = lines_of(error, option_names(parser), parser.positionals)
    url = error.challenge_url if isinstance(error, AuthenticationRequired) else None
    if url and not any(url in line for line in lines):
        lines.append(f"Confirm the payment here: {url}")
    return lines + list(getattr(error, "__notes__", []))


def _warning_lines(warning: Warning | str, parser: ArgumentParser) -> list[str]:
    if not isinstance(warning, ScenecartWarning):
        return [str(warning)]
    return lines_of(warning, option_names(parser), parser.positionals)


def _not_printed_lines(error: CannotPrint, progress: Progress) -> list[str]:
    if progress.completed:
        return [f"{progress.completed}, but the result could not be printed: {error.reason}."]
    return [f"The output could not be printed: {error.reason}.", *progress.at_interruption]


def _print_error(lines: Sequence[str]) -> None:
    # the command continues if standard error cannot be written either
    with contextlib.suppress(CannotPrint):
        for number, line in enumerate(lines):
            print(f"{'  ' if number else 'scenecart: '}{clean_text(line, 1000)}", file=sys.stderr)
