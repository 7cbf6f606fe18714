"""Errors and warnings on the command line: options for arguments, and hints by code that name commands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scenecart.exceptions import ScenecartError, ScenecartWarning, message_about

if TYPE_CHECKING:
    from collections.abc import Collection

# What to do about an error or a warning, for who types commands. Where a code is missing, its hint says the same in any place.
# None: there is nothing to add. Braces are filled from the error's details.
HINTS: dict[str, str | None] = {}


def lines_of(problem: ScenecartError | ScenecartWarning, options: Collection[str]) -> list[str]:
    """Return an error or a warning as lines for the command line: what happened, and what to do.

    Parameters
    ----------
    problem
        The error or the warning.
    options
        The options that can be typed, such as ``"--max-credits"``.

    Examples
    --------
    >>> from scenecart.cli._hints import lines_of
    >>> lines_of(ScenecartError("must be a whole number, got 'x'.", argument="max_credits"), ["--max-credits"])
    ["--max-credits must be a whole number, got 'x'."]
    """
    message = problem.message
    if isinstance(problem, ScenecartError) and problem.argument is not None:
        name, bracket, rest = problem.argument.partition("[")
        option = f"--{name.replace('_', '-')}"
        message = message_about(problem, f"{option if option in options else name}{bracket}{rest}")
    details = problem.details if isinstance(problem, ScenecartError) else {}
    hint = HINTS.get(problem.code, problem.hint)
    if hint and problem.code in HINTS:
        hint = hint.format_map(details)
    return [*message.splitlines(), *([hint] if hint else [])]
