"""What a former session left open, told when one connects."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scenecart._orders.journal import UNANSWERED
from scenecart._util.text import clean_text, pluralize

if TYPE_CHECKING:
    from collections.abc import Callable

    from scenecart._orders.journal import Placement

# of owners, as many as a line has room for
_SHOWN = 3


def warn_of_pending_placements(left: list[Placement], warn: Callable[[str], None]) -> None:
    """Say once what a former session left open, whose it is, and what to do about it."""
    open_ = [placement for placement in left if placement.state in UNANSWERED]
    unpaid = [placement for placement in left if placement.state == "unpaid"]
    if open_:
        were = "s were" if len(open_) > 1 else " was"
        warn(
            f"{len(open_)} placement{were} not finished ({_whose(open_)}); it is not known whether something was ordered. "
            "client.settle() brings that to its end for the account that is signed in, and buys nothing twice; "
            "client.settle(send=False) only looks."
        )
    if unpaid:
        warn(
            f"{len(unpaid)} placement{'s wait' if len(unpaid) > 1 else ' waits'} for payment ({_whose(unpaid)}); nothing was "
            "ordered. Place the same cart again once that is sorted out; client.placements() shows them."
        )


def _whose(placements: list[Placement]) -> str:
    """Return where placements were to be delivered and who was to pay; a service may not tell the account."""
    owners = list(dict.fromkeys((placement.project, placement.account) for placement in placements))
    named = [
        f"project {clean_text(project, 80)}" + (f" of account {clean_text(account, 80)}" if account else "")
        for project, account in owners[:_SHOWN]
    ]
    rest = len(owners) - _SHOWN
    return ", ".join(named) + (f" and {pluralize(rest, 'other')}" if rest > 0 else "")
