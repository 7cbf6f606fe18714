"""Sending a placement: one request at a time, each recorded before it leaves, until a response proves the outcome."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import TYPE_CHECKING

from scenecart._api import operations
from scenecart._api.error_documents import without_secrets
from scenecart._api.http import Retries
from scenecart._api.retry import SPEND_STATUSES
from scenecart._orders.evidence import Evidence, Proof, evidence_of
from scenecart._orders.journal import LIMITED, NOT_SENT, REFUSED, REPLAYED, UNPAID
from scenecart._orders.matching import QUIET_SECONDS
from scenecart._orders.purchase import PURCHASE_KEY
from scenecart.exceptions import AuthenticationError, ConnectionFailed, InvalidRequest, JournalError, ScenecartError

if TYPE_CHECKING:
    from collections.abc import Callable

    from scenecart._api.http import Session
    from scenecart._api.replies import Reply
    from scenecart._orders.journal import Journal, Placement
    from scenecart._orders.matching import OrderMatcher

# another process may be placing with the same key: seconds between requests until its order is there
_CONFLICT_PAUSES = (1.0, 2.0, 4.0, 8.0)
# other computers may have had so many keys of this purchase refused, and each refusal may be stored
_MOST_STORED_REFUSALS = 4
_LOST = "It is not known whether the order was placed. Call client.settle(), or place it again: the same key is used."
# how a response ends the request that it answers, and the state of the placement if no other is open; the rest leaves it open
_ENDS = {
    Proof.UNPAID: (UNPAID, "unpaid"),
    Proof.REFUSED: (REFUSED, "refused"),
    Proof.LIMITED: (LIMITED, "intended"),
    Proof.NOT_SENT: (NOT_SENT, "intended"),
}


@dataclass(frozen=True)
class Outcome:
    """How sending ended.

    Attributes
    ----------
    placement : Placement
        The placement in its present state; if that is "placed", its order is known.
    evidence : Evidence
        What the last response proves.
    error : ScenecartError or None
        The error of the last response.
    reply : Reply or None
        The last response, if one arrived.
    is_stale : bool
        Whether nothing more was sent because the list of orders that was read, or the key, is too old.
    not_recorded : JournalError or None
        Why the journal does not hold the outcome; the placement then stays sent, which is the safer mistake.
    is_repeated_refusal : bool
        Whether the service gave the same refusal before, word for word.
    """

    placement: Placement
    evidence: Evidence = field(default_factory=lambda: Evidence(Proof.NOTHING))
    error: ScenecartError | None = None
    reply: Reply | None = None
    is_stale: bool = False
    not_recorded: JournalError | None = None
    is_repeated_refusal: bool = False


@dataclass(frozen=True)
class Submission:
    """A placement to send, and the conditions.

    Attributes
    ----------
    owner : str
        The session's piece of work.
    price : tuple of int and str
        Credits and dollars that were agreed to.
    may_send : callable
        Returns whether the list of orders that was read is still fresh; checked immediately before each request leaves.
    new_key : bool
        Whether the user asked for a new key.
    detail : str or None
        What the journal notes if it is placed.
    key : callable or None
        Returns the key after so many were given up; None gives up none.
    """

    owner: str
    price: tuple[int, str]
    may_send: Callable[[], bool]
    new_key: bool = False
    detail: str | None = None
    key: Callable[[int], str] | None = None


@dataclass
class _Sending:
    """One placement while it is sent: its present state, what is left to send, and the last response."""

    placement: Placement
    submission: Submission
    last: Outcome | None = None
    is_recording: bool = False


class PlacementSender:
    """Sends placements at one service.

    Parameters
    ----------
    session
        The connection to the service.
    journal
        The record of placements.
    matcher
        Knows how long a key may be sent.
    now
        Returns the Unix time, in seconds.
    """

    def __init__(self, session: Session, journal: Journal, matcher: OrderMatcher, now: Callable[[], float]) -> None:
        self._session = session
        self._journal = journal
        self._matcher = matcher
        self._now = now

    def send(self, placement: Placement, submission: Submission) -> Outcome:
        """Send a placement until a response proves its outcome, or no retry is left.

        Raises
        ------
        JournalError
            If the first request cannot be recorded; then nothing was sent.
        """
        sending = _Sending(placement, submission)
        attempts = _Attempts(self._session)
        try:
            while True:
                try:
                    outcome = self._next(sending, first=placement)
                except JournalError:
                    if sending.last is None:
                        raise
                    return sending.last
                if outcome.is_stale or outcome.placement.state == "placed" or not attempts.may_continue(outcome):
                    return outcome
                sending.last = outcome
        except ScenecartError:
            raise
        except BaseException as error:
            # before the first request is recorded, nothing can have been ordered; an interrupted recording may have been one
            if sending.placement.open_tries or sending.is_recording:
                error.add_note(_LOST)
            raise

    def _next(self, sending: _Sending, first: Placement) -> Outcome:
        """Send one request within the rate limits; all waiting is done before the request is recorded."""
        submission = sending.submission
        with self._session.placing_permit() as permit:
            try:
                self._session.sign_in()
            except ScenecartError as error:
                return Outcome(sending.placement, Evidence(Proof.NOT_SENT), error)
            placement = sending.placement
            # checked before every request: the computer may have slept since the last one
            if not submission.may_send() or (placement.open_tries and not self._matcher.is_recent(placement)):
                return replace(sending.last or Outcome(placement), is_stale=True)
            let_go = self._let_go(placement, submission)
            sending.is_recording = True
            sending.placement = placement = self._journal.begin(
                placement, submission.owner, price=submission.price, let_go=let_go, clock_ahead=self._session.clock_ahead
            )
            sending.is_recording = False
            if placement.state == "placed":
                return Outcome(placement)
            permit.is_used = True
            outcome = self._recorded(self._attempt(placement), first, submission.detail)
        sending.placement = outcome.placement
        # the user asked for one new key, not for one in each retry
        sending.submission = replace(submission, new_key=False)
        return outcome

    def _attempt(self, placement: Placement) -> Outcome:
        """Send a placement once, and evaluate the response."""
        try:
            reply = self._session.send_once(operations.PLACE, placement.body, placement.key, path=placement.path)
        except ConnectionFailed as error:
            return Outcome(placement, Evidence(Proof.NOTHING if error.was_sent else Proof.NOT_SENT), error)
        except InvalidRequest as error:
            # a closed client
            return Outcome(placement, Evidence(Proof.NOT_SENT), error)
        except ScenecartError as error:
            return Outcome(placement, error=error)
        return Outcome(placement, evidence_of(reply, placement), reply.error, reply)

    def _recorded(self, outcome: Outcome, first: Placement, detail_if_placed: str | None) -> Outcome:
        """Record at once what the response proves of the request that it answers, and of no other."""
        placement, evidence, error = outcome.placement, outcome.evidence, outcome.error
        detail = error.message if error is not None else evidence.mismatch or "the answer contained no order id"
        ends = _ENDS.get(evidence.proof)
        try:
            if evidence.record is not None:
                answer = None if outcome.reply is None else without_secrets(outcome.reply.document)
                placed = self._journal.place(placement, evidence.record.id, answer=answer, detail=detail_if_placed)
                return replace(outcome, placement=placed)
            if ends is None:
                is_conflict = evidence.proof is Proof.KEY_IN_USE
                return replace(outcome, placement=self._journal.leave_open(placement, detail, is_conflict=is_conflict))
            how, state = ends
            is_refusal = state in {"refused", "unpaid"}
            is_same = is_refusal and not evidence.is_repeated and first.last_outcome == how and first.detail == detail
            how = REPLAYED if is_refusal and evidence.is_repeated else how
            current = self._journal.end_try(placement, how, state, detail)
            return replace(outcome, placement=current, is_repeated_refusal=is_same)
        except JournalError as failure:
            is_certain = ends is not None and placement.open_tries <= 1
            state = ends[1] if ends is not None and is_certain else "unknown"
            return replace(outcome, placement=replace(placement, state=state), not_recorded=failure)

    def _let_go(self, placement: Placement, submission: Submission) -> tuple[int, str] | None:
        """Return the next key, if the service only repeats a stored refusal to this one, or the user asked for a new key."""
        if placement.open_tries or placement.key_form != PURCHASE_KEY or submission.key is None:
            return None
        left = placement.last_left
        is_repeated = placement.last_outcome == REPLAYED and left is not None and 0 <= self._now() - left < QUIET_SECONDS
        if not (is_repeated or submission.new_key):
            return None
        let_go = placement.let_go + 1
        return let_go, submission.key(let_go)


class _Attempts:
    """Decides whether a placement is sent once more, and waits before that."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._retries = Retries(session)
        self._pauses = list(_CONFLICT_PAUSES)
        self._stored_refusals = 0
        self._may_renew = True

    def may_continue(self, outcome: Outcome) -> bool:
        """Return whether the same key is sent again, after a pause."""
        proof, reply = outcome.evidence.proof, outcome.reply
        if outcome.evidence.is_repeated and proof in {Proof.REFUSED, Proof.UNPAID} and not outcome.placement.open_tries:
            # the answer to an earlier request, perhaps of a colleague: the next key is sent, which has no stored answer
            self._stored_refusals += 1
            return outcome.not_recorded is None and self._stored_refusals <= _MOST_STORED_REFUSALS
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
