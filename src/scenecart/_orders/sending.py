"""Sending a placement: one request at a time, each recorded before it leaves, until a response proves the outcome."""

from __future__ import annotations

from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING

from scenecart._api import operations
from scenecart._api.http import Retries
from scenecart._api.retry import SPEND_STATUSES
from scenecart._orders.evidence import Evidence, Proof, weigh
from scenecart.exceptions import AuthenticationError, ConnectionFailed, InvalidRequest, JournalError, ScenecartError

if TYPE_CHECKING:
    from scenecart._api.http import Reply, Session
    from scenecart._orders.journal import Journal, Placement
    from scenecart._orders.matching import OrderMatcher

# another process may be placing with the same key: seconds between requests until its order is there
_CONFLICT_PAUSES = (1.0, 2.0, 4.0, 8.0)


@dataclass(frozen=True)
class Outcome:
    """How sending ended.

    Attributes
    ----------
    placement : Placement
        The placement as it was sent last; where its state is "placed" or "refused", another process ended it.
    evidence : Evidence
        What the last response proves.
    error : ScenecartError or None
        The error of the last response.
    reply : Reply or None
        The last response, if one arrived.
    has_expired : bool
        Whether nothing more was sent because the key is too old.
    """

    placement: Placement
    evidence: Evidence = field(default_factory=lambda: Evidence(Proof.NOTHING))
    error: ScenecartError | None = None
    reply: Reply | None = None
    has_expired: bool = False


class PlacementSender:
    """Sends placements at one service.

    Parameters
    ----------
    session
        The connection to the service.
    journal
        The record of placements.
    matcher
        What knows how long a key may be sent.
    """

    def __init__(self, session: Session, journal: Journal, matcher: OrderMatcher) -> None:
        self._session = session
        self._journal = journal
        self._matcher = matcher

    def send(self, placement: Placement, price: tuple[int, str]) -> Outcome:
        """Send a placement until a response proves its outcome, or no retry is left.

        Raises
        ------
        JournalError
            If the first request cannot be recorded; then nothing was sent.
        """
        attempts = _Attempts(self._session)
        outcome: Outcome | None = None
        while True:
            # judged before every request: the computer may have slept since the one before
            if placement.sends and self._matcher.key_has_expired(placement):
                return Outcome(placement, has_expired=True)
            try:
                placement = self._journal.mark_sent(placement, *price)
            except JournalError:
                if outcome is None:
                    raise
                return outcome
            if placement.state in {"placed", "refused"}:
                return Outcome(placement)
            outcome = self._attempt(placement)
            placement = self._note(outcome)
            if not attempts.may_continue(outcome):
                return outcome

    def _attempt(self, placement: Placement) -> Outcome:
        """Send a placement once, and weigh the response."""
        try:
            self._session.sign_in()
        except ScenecartError as error:
            return Outcome(placement, Evidence(Proof.NOT_SENT), error)
        try:
            reply = self._session.send_once(operations.PLACE, placement.body, placement.key)
        except ConnectionFailed as error:
            return Outcome(placement, Evidence(Proof.NOTHING if error.was_sent else Proof.NOT_SENT), error)
        except InvalidRequest as error:
            # a closed client
            return Outcome(placement, Evidence(Proof.NOT_SENT), error)
        except ScenecartError as error:
            return Outcome(placement, error=error)
        return Outcome(placement, weigh(reply, placement), reply.error, reply)

    def _note(self, outcome: Outcome) -> Placement:
        """Record a request that was certainly not carried out, so that a later refusal is not mistaken for a lost answer."""
        placement, proof = outcome.placement, outcome.evidence.proof
        is_token_refused = proof is Proof.REFUSED and outcome.reply is not None and outcome.reply.status == HTTPStatus.UNAUTHORIZED
        if proof not in {Proof.NOT_SENT, Proof.LIMITED} and not is_token_refused:
            return placement
        try:
            return self._journal.mark_unsent(placement, outcome.error.message if outcome.error is not None else "not sent")
        except JournalError:
            # it stays sent, which is the safer mistake
            return placement


class _Attempts:
    """What decides whether a placement is sent once more, and waits before it is."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._retries = Retries(session)
        self._pauses = list(_CONFLICT_PAUSES)
        self._may_renew = True

    def may_continue(self, outcome: Outcome) -> bool:
        """Return whether the same key is sent again, after a pause."""
        proof, reply = outcome.evidence.proof, outcome.reply
        if proof is Proof.REFUSED:
            return reply is not None and reply.status == HTTPStatus.UNAUTHORIZED and self._has_new_token(reply)
        if proof is Proof.KEY_IN_USE:
            if self._pauses:
                self._session.sleep(self._pauses.pop(0))
                return True
            return False
        if proof in {Proof.NOT_SENT, Proof.LIMITED}:
            is_lasting = isinstance(outcome.error, InvalidRequest | AuthenticationError)
            return not is_lasting and self._retries.pause(outcome.error)
        is_temporary = isinstance(outcome.error, ConnectionFailed) if reply is None else reply.status in SPEND_STATUSES
        return proof is Proof.NOTHING and is_temporary and self._retries.pause(outcome.error)

    def _has_new_token(self, refused: Reply) -> bool:
        may_renew, self._may_renew = self._may_renew, False
        try:
            return may_renew and self._session.renew_sign_in(refused)
        except ScenecartError:
            # the refusal is what the user reads
            return False
