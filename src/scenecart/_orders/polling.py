"""Polling: repeated requests with growing pauses, through outages of the service or the network."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Protocol

from scenecart._orders.notice import Notice
from scenecart._util.text import duration
from scenecart._util.validate import check_number, check_seconds
from scenecart.exceptions import AuthenticationError, ConnectionFailed, RateLimited, ScenecartError, ServiceError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

_POLL_SECONDS = (0.25, 15.0)
_POLL_GROWTH = 1.5
# the longest pause that a service can ask for
_MAX_PAUSE = 300.0
# a request near the end of the time may take so long, and with a timeout of zero the only one
_LEAST_CALL_SECONDS = 10.0
# refusals in a row that do not explain themselves, such as the pages of a gateway, before they are believed
_MOST_UNEXPLAINED = 8
# a gateway timed out, or the service is not ready: no information about the order
_TEMPORARY = frozenset({408, 421, 425, 499})


class Timing(Protocol):
    """A clock, functions to sleep and to limit calls by it, and a function to notify."""

    @property
    def clock(self) -> Callable[[], float]:
        """Seconds that only go forward."""
        ...

    @property
    def sleep(self) -> Callable[[float], None]:
        """Wait so many seconds."""
        ...

    @property
    def notify(self) -> Callable[[str], object]:
        """Show a line of text to the user."""
        ...

    def limited_to(self, seconds: float | None) -> AbstractContextManager[None]:
        """End calls of this thread after so many seconds."""
        ...


def pauses(poll: float | None) -> Iterator[float]:
    """Yield the seconds between polls: a fixed number, or by default growing ones with jitter."""
    least, most = _POLL_SECONDS
    pause = least if poll is None else max(0.05, poll)
    while True:
        yield pause
        if poll is None:
            pause = min(most, pause * _POLL_GROWTH) * random.uniform(0.9, 1.1)  # noqa: S311  # spreads polling


class Outage:
    """Failed polls in a row: which of them are tolerated, and the notices to the user.

    Parameters
    ----------
    clock
        Seconds that only go forward.
    notify
        Called with one notice when an outage begins, and with one when it ends.

    Attributes
    ----------
    error : ScenecartError or None
        Why the last poll failed; None if it succeeded.
    """

    def __init__(self, clock: Callable[[], float], notify: Callable[[Notice], object]) -> None:
        self.error: ScenecartError | None = None
        self._clock = clock
        self._notify = notify
        self._since = 0.0
        self._unexplained = 0

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return 0.0 if self.error is None else self._clock() - self._since

    def add(self, error: ScenecartError) -> float:
        """Record a failed poll, and return how many seconds the service asks to wait, at most five minutes.

        Raises
        ------
        ScenecartError
            The error itself, if polling again cannot help.
        """
        if not _is_temporary(error):
            self._unexplained += 1
            if _is_explained(error) or self._unexplained >= _MOST_UNEXPLAINED:
                raise error
        if self.error is None:
            self._since = self._clock()
            self._notify(
                Notice(
                    f"{error.message.removesuffix('.')}. Waiting continues until the service responds.",
                    code="waiting_through_outage",
                    hint="To stop waiting, interrupt it: orders are not affected.",
                )
            )
        self.error = error
        retry_after = error.retry_after if isinstance(error, RateLimited | ServiceError) else None
        return min(_MAX_PAUSE, retry_after or 0.0)

    def end(self) -> None:
        """Record a poll that succeeded."""
        if self.error is not None:
            self._notify(Notice(f"The service responds again after {duration(self.seconds)}.", code="outage_over"))
        self.error = None
        self._unexplained = 0


class Poll:
    """Repeated requests until something is done or the time is over.

    Parameters
    ----------
    timing
        The clock, and who is notified.
    timeout
        Most seconds in total; None for no limit.
    interval
        Seconds between two requests; None for growing ones.

    Attributes
    ----------
    outage : Outage
        Whether the last request failed.

    Raises
    ------
    InvalidRequest
        If a time is not a number of seconds.
    """

    def __init__(self, timing: Timing, timeout: float | None, interval: float | None) -> None:
        timeout = check_seconds(timeout, "timeout")
        # a pause that is too short, or negative, is made longer
        interval = check_number(interval, "poll", of="seconds")
        self.outage = Outage(timing.clock, timing.notify)
        self._timing = timing
        self._interval = interval
        self._deadline = None if timeout is None else timing.clock() + timeout

    def until(self, request: Callable[[], object], is_done: Callable[[], bool]) -> bool:
        """Call ``request``, then ``is_done``, until that returns True or the time is over, and return its last result.

        Raises
        ------
        ScenecartError
            If ``request`` fails in a way that a repetition cannot help.
        """
        for pause in pauses(self._interval):
            wanted = pause
            try:
                left = self._left
                with self._timing.limited_to(None if left is None else max(_LEAST_CALL_SECONDS, left)):
                    request()
            except ScenecartError as error:
                # the order continues whether or not it can be polled
                wanted = max(pause, self.outage.add(error))
            else:
                self.outage.end()
                if is_done():
                    return True
            left = self._left
            if left is not None and left <= 0:
                return False
            self._timing.sleep(wanted if left is None else min(wanted, left))
        return False

    @property
    def _left(self) -> float | None:
        """Seconds that are left; None for no limit."""
        return None if self._deadline is None else self._deadline - self._timing.clock()


def _is_temporary(error: ScenecartError) -> bool:
    return isinstance(error, ConnectionFailed | RateLimited | ServiceError) or error.status in _TEMPORARY


def _is_explained(error: ScenecartError) -> bool:
    """Return whether a refusal is surely the service's own: it gives a reason, or is about something else than a response."""
    if error.status is None or isinstance(error, AuthenticationError):
        return True
    return any((error.problem or {}).get(name) for name in ("type", "title", "detail"))
