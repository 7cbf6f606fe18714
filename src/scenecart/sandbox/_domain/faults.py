"""Injected faults: the next matching requests fail as requested."""

from __future__ import annotations

import random
import threading
from dataclasses import dataclass, field
from typing import Any

from scenecart.sandbox._problem import SandboxError

KINDS = ("drop-before", "drop-after", "stall", "403", "404", "410", "429", "500", "502", "503", "cut", "garbage", "empty",
         "expire-token")  # fmt: skip
_MOST_QUEUED = 10_000


@dataclass
class Fault:
    """A kind of fault, and how many requests it still affects."""

    kind: str
    times: int
    operation: str | None
    options: dict[str, Any] = field(default_factory=dict)


class Faults:
    """The queue of faults for the next requests."""

    def __init__(self) -> None:
        self._queue: list[Fault] = []
        self._lock = threading.Lock()
        self._random = random.Random(5)  # noqa: S311  # the same faults in every run

    def add(self, kind: str, times: int = 1, operation: str | None = None, **options: Any) -> None:
        """Make the next matching requests fail.

        Parameters
        ----------
        kind
            ``drop-before`` and ``drop-after`` close the connection before or after the request is processed; ``stall`` waits
            ``seconds`` first; ``429`` with ``retry_after``; ``403``, ``404``, ``410``, ``500``, ``502``, ``503``; ``cut`` closes
            the connection in the middle of the body; ``garbage`` and ``empty`` answer 200 with an HTML page or without a body;
            ``expire-token`` answers 401.
        times
            Number of requests.
        operation
            Operation id, ``"token"`` for the token endpoint, ``"files"`` for downloads; None for any request.
        **options
            ``seconds``, ``retry_after``; ``share``: the probability from 0 to 1 that a matching request is affected (default 1).

        Raises
        ------
        SandboxError
            If the kind is unknown, or 10,000 faults are in the queue.
        """
        _check_kind(kind)
        with self._lock:
            if len(self._queue) >= _MOST_QUEUED:
                raise SandboxError(f"{_MOST_QUEUED:,} faults are in the queue. Clear them first.")
            self._queue.append(Fault(kind, times, operation, options))

    def clear(self) -> None:
        """Remove all faults from the queue."""
        with self._lock:
            self._queue.clear()

    def next_for(self, operation: str) -> Fault | None:
        """Return the fault for a request of an operation, or None."""
        with self._lock:
            for fault in self._queue:
                if fault.operation in {None, operation} and self._random.random() < float(fault.options.get("share", 1)):
                    fault.times -= 1
                    if fault.times <= 0:
                        self._queue.remove(fault)
                    return fault
        return None


def parse_fault_header(header: str | None) -> Fault | None:
    """Parse the header X-Sandbox-Fault: a kind, then options such as ``stall; seconds=2``.

    Raises
    ------
    SandboxError
        If the kind or an option is not valid.
    """
    if header is None:
        return None
    kind, *options = (part.strip() for part in header.split(";"))
    _check_kind(kind)
    values: dict[str, Any] = {}
    for option in options:
        name, _, value = option.partition("=")
        if name not in {"seconds", "retry_after"} or not value.replace(".", "", 1).isdecimal():
            raise SandboxError(f"fault options must be seconds=N or retry_after=N, got {option!r:.40}.")
        values[name] = value
    return Fault(kind, 1, None, values)


def _check_kind(kind: str) -> None:
    if kind not in KINDS:
        raise SandboxError(f"kind must be one of {', '.join(KINDS)}, got {kind!r:.40}.")
