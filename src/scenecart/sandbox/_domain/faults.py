"""Faults on demand: the next so many matching requests go wrong in a chosen way."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any

from scenecart.sandbox._problem import SandboxError

KINDS = ("drop-before", "drop-after", "stall", "429", "500", "502", "503", "cut", "garbage", "empty", "expire-token")
_MOST_WAITING = 10_000


@dataclass
class Fault:
    """One way to go wrong, so many times."""

    kind: str
    times: int
    operation: str | None
    options: dict[str, Any] = field(default_factory=dict)


class Faults:
    """What is to go wrong next."""

    def __init__(self) -> None:
        self._waiting: list[Fault] = []
        self._lock = threading.Lock()

    def add(self, kind: str, times: int = 1, operation: str | None = None, **options: Any) -> None:
        """Let the next matching requests go wrong.

        Parameters
        ----------
        kind
            ``drop-before`` and ``drop-after`` hang up before or after the work is done; ``stall`` waits ``seconds`` first;
            ``429`` with ``retry_after``; ``500``, ``502``, ``503``; ``cut`` ends in the middle of the body; ``garbage`` and
            ``empty`` answer 200 with an HTML page or nothing; ``expire-token`` answers 401 once.
        times
            How often.
        operation
            The operation's id, ``"token"`` for the sign-in, ``"files"`` for downloads; None for any.
        **options
            ``seconds``, ``retry_after``.
        """
        if kind not in KINDS:
            raise SandboxError(f"There is no fault {kind!r}; there are {', '.join(KINDS)}.")
        with self._lock:
            if len(self._waiting) >= _MOST_WAITING:
                raise SandboxError(f"{_MOST_WAITING:,} faults wait already; clear them first.")
            self._waiting.append(Fault(kind, times, operation, options))

    def clear(self) -> None:
        """Let nothing more go wrong."""
        with self._lock:
            self._waiting.clear()

    def take(self, operation: str) -> Fault | None:
        """Return what is to go wrong with this request."""
        with self._lock:
            for fault in self._waiting:
                if fault.operation in {None, operation}:
                    fault.times -= 1
                    if fault.times <= 0:
                        self._waiting.remove(fault)
                    return fault
        return None


def fault_of(header: str | None) -> Fault | None:
    """Read what a request asks to go wrong with itself: a kind, then options such as ``stall; seconds=2``.

    Raises
    ------
    SandboxError
        If there is no such fault.
    """
    if header is None:
        return None
    kind, *options = (part.strip() for part in header.split(";"))
    if kind not in KINDS:
        raise SandboxError(f"There is no fault {kind[:40]!r}; there are {', '.join(KINDS)}.")
    found: dict[str, Any] = {}
    for option in options:
        name, _, value = option.partition("=")
        if name not in {"seconds", "retry_after"} or not value.replace(".", "", 1).isdecimal():
            raise SandboxError("The options of a fault are seconds=… and retry_after=….")
        found[name] = value
    return Fault(kind, 1, None, found)
