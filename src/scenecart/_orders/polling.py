"""Looking again and again, ever more rarely, until there is nothing more to wait for."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Protocol

from scenecart.exceptions import ConnectionFailed, InvalidRequest, RateLimited, ServiceError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_POLL_SECONDS = (0.25, 15.0)
_POLL_GROWTH = 1.5
MOST_FAILURES = 8


class Timing(Protocol):
    """Whoever has a clock, and can sleep."""

    @property
    def clock(self) -> Callable[[], float]:
        """Seconds that only go forward."""
        ...

    @property
    def sleep(self) -> Callable[[float], None]:
        """Wait so many seconds."""
        ...


def pauses(poll: float | None) -> Iterator[float]:
    """Give the seconds between looks: what was asked for, or ever longer ones that keep out of step."""
    least, most = _POLL_SECONDS
    pause = least if poll is None else max(0.05, poll)
    while True:
        yield pause
        if poll is None:
            pause = min(most, pause * _POLL_GROWTH) * random.uniform(0.9, 1.1)  # noqa: S311  # spreads polling


def poll_until(desk: Timing, look: Callable[[], bool], timeout: float | None, poll: float | None) -> bool:
    """Look until there is nothing more to wait for, or the time is over; tell which. A failed look is tried again.

    Raises
    ------
    InvalidRequest
        If a time is no number of seconds.
    """
    # a pause that is too short is made longer
    for name, seconds, least in (("timeout", timeout, 0), ("poll", poll, -float("inf"))):
        is_number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
        if seconds is not None and not (is_number and seconds >= least):
            raise InvalidRequest(f"{name} is a number of seconds from 0 on, not {seconds!r}.")
    deadline = None if timeout is None else desk.clock() + timeout
    failures = 0
    for pause in pauses(poll):
        asked = pause
        try:
            if look():
                return True
            failures = 0
        except (ConnectionFailed, RateLimited, ServiceError) as error:
            # the order goes on whether or not somebody can look
            failures += 1
            if failures >= MOST_FAILURES:
                raise
            asked = max(pause, getattr(error, "retry_after", None) or 0.0)
        if deadline is not None and desk.clock() >= deadline:
            return False
        desk.sleep(asked if deadline is None else min(asked, max(0.0, deadline - desk.clock())))
    return False
