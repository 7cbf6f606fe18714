"""Polling: repeated requests with growing pauses."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Protocol

from scenecart._util.validate import check_number, check_seconds
from scenecart.exceptions import ConnectionFailed, RateLimited, ServiceError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_POLL_SECONDS = (0.25, 15.0)
_POLL_GROWTH = 1.5
MOST_FAILURES = 8


class Timing(Protocol):
    """A clock, and a way to sleep by it."""

    @property
    def clock(self) -> Callable[[], float]:
        """Seconds that only go forward."""
        ...

    @property
    def sleep(self) -> Callable[[float], None]:
        """Wait so many seconds."""
        ...


def pauses(poll: float | None) -> Iterator[float]:
    """Yield the seconds between polls: a fixed number, or by default growing ones with jitter."""
    least, most = _POLL_SECONDS
    pause = least if poll is None else max(0.05, poll)
    while True:
        yield pause
        if poll is None:
            pause = min(most, pause * _POLL_GROWTH) * random.uniform(0.9, 1.1)  # noqa: S311  # spreads polling


def poll_until(timing: Timing, is_done: Callable[[], bool], timeout: float | None, poll: float | None) -> bool:
    """Call ``is_done`` until it returns True or the time is over, and return its last result; a failed call is repeated.

    Raises
    ------
    InvalidRequest
        If a time is not a number of seconds.
    ScenecartError
        If ``is_done`` fails eight times in a row, or in a way that a repetition cannot help.
    """
    check_seconds(timeout, "timeout")
    # a pause that is too short, or negative, is made longer
    check_number(poll, "poll", of="seconds")
    deadline = None if timeout is None else timing.clock() + timeout
    failures = 0
    for pause in pauses(poll):
        wanted = pause
        try:
            if is_done():
                return True
            failures = 0
        except (ConnectionFailed, RateLimited, ServiceError) as error:
            # the order continues whether or not it can be polled
            failures += 1
            if failures >= MOST_FAILURES:
                raise
            wanted = max(pause, getattr(error, "retry_after", None) or 0.0)
        if deadline is not None and timing.clock() >= deadline:
            return False
        timing.sleep(wanted if deadline is None else min(wanted, max(0.0, deadline - timing.clock())))
    return False
