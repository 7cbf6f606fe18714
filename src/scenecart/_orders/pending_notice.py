"""Warnings about placements that an earlier session left unfinished."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scenecart._api import operations
from scenecart._orders.journal import UNANSWERED, UNFINISHED
from scenecart._orders.notice import Notice
from scenecart._util.text import clean_text, pluralize
from scenecart.exceptions import JournalError, ScenecartError, ScenecartWarning, warn

if TYPE_CHECKING:
    from collections.abc import Callable

    from scenecart._api.http import Session
    from scenecart._orders.journal import Journal, Placement

# as many owners as fit into one line
_MAX_OWNERS = 3


def warn_of_pending_placements(
    journal: Journal, session: Session, notify: Callable[[str], object], *, of_account: bool = False
) -> None:
    """Warn once about placements that an earlier session left unfinished; an unusable journal does not stop a search.

    Parameters
    ----------
    journal
        The record of placements.
    session
        The connection to the service whose placements are mentioned.
    notify
        Called with the notice if Python turns warnings into errors.
    of_account
        True requests the account, and mentions only its placements.
    """
    for notice in _pending_notices(journal, session, of_account=of_account):
        try:
            warn(notice.message, code=notice.code, hint=notice.hint)
        except ScenecartWarning:
            # an error would prevent connecting, and so calling settle()
            notify(notice)


def _pending_notices(journal: Journal, session: Session, *, of_account: bool) -> list[Notice]:
    try:
        pending = journal.placements(session.base_url, UNFINISHED)
    except JournalError as error:
        return [Notice(error.message, code="journal_unavailable", hint=error.hint)]
    if of_account and pending:
        pending = _of_account(pending, session)
    unanswered = [placement for placement in pending if placement.state in UNANSWERED]
    unpaid = [placement for placement in pending if placement.state == "unpaid"]
    notices = []
    if unanswered:
        count = len(unanswered)
        notices.append(
            Notice(
                f"{pluralize(count, 'placement')} {'has' if count == 1 else 'have'} an unknown outcome ({_owners(unanswered)}): "
                f"{'it' if count == 1 else 'they'} may have been ordered.",
                code="placements_unanswered",
                hint="client.settle() resolves those of this account; it may complete a purchase, but never buys twice. "
                "client.settle(send=False) only checks.",
            )
        )
    if unpaid:
        is_one, first = len(unpaid) == 1, unpaid[0]
        facts = f"{pluralize(first.captures, 'capture')}, {first.credits:,} credits, " if is_one else ""
        number = str(first.number) if is_one else "number"
        notices.append(
            Notice(
                f"{pluralize(len(unpaid), 'placement')} {'waits' if is_one else 'wait'} for payment ({facts}{_owners(unpaid)}), "
                f"and {'is' if is_one else 'are'} not ordered.",
                code="placements_unpaid",
                hint="Solve the payment problem, then place the same cart again, or put it away: "
                f"client.resolve({number}, nothing=True). client.placements() lists them.",
            )
        )
    return notices


def _of_account(placements: list[Placement], session: Session) -> list[Placement]:
    """Return the placements of the account in use, or all of them if the service does not state the account."""
    try:
        identity = operations.identity_of(session.userinfo())
    except ScenecartError:
        # the command fails with this error itself, or needs no service
        return placements
    if not identity.account:
        return placements
    return [one for one in placements if one.account in {identity.account, identity.subject, ""}]


def _owners(placements: list[Placement]) -> str:
    """Return the projects and accounts of placements; a service may not name the account."""
    owners = list(dict.fromkeys((placement.project, placement.account) for placement in placements))
    named = [
        f"project {clean_text(project, 80)}" + (f" of account {clean_text(account, 80)}" if account else "")
        for project, account in owners[:_MAX_OWNERS]
    ]
    rest = len(owners) - _MAX_OWNERS
    return ", ".join(named) + (f" and {pluralize(rest, 'other')}" if rest > 0 else "")
