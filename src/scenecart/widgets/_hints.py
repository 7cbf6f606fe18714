"""Hints in widgets: what to click and to fill in, looked up by the code of an error or a warning."""

from __future__ import annotations

from scenecart.exceptions import ScenecartError, ScenecartWarning

# What to do about an error or a warning, for who clicks. Where a code is missing, its hint says the same in any place.
# None: there is nothing to add. Braces are filled from the error's details.
HINTS: dict[str, str | None] = {}


def hint_of(problem: ScenecartError | ScenecartWarning) -> str | None:
    """Return what to do about an error or a warning, in the words of the widgets.

    Examples
    --------
    >>> from scenecart.widgets._hints import hint_of
    >>> hint_of(ScenecartError("The price has changed.", hint="Look at it again."))
    'Look at it again.'
    """
    hint = HINTS.get(problem.code, problem.hint)
    details = problem.details if isinstance(problem, ScenecartError) else {}
    return hint.format_map(details) if hint and problem.code in HINTS else hint
