"""One thread at a time changes what widgets show: the kernel's own, where people click, or one that a job ends in."""

from __future__ import annotations

import functools
import threading
from typing import TYPE_CHECKING, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")
T = TypeVar("T")

# one for all, since panels change each other: two locks would sooner or later be taken in two orders
LOCK = threading.RLock()


def in_turn(act: Callable[P, T]) -> Callable[P, T]:
    """Let a function have what it reads and changes to itself until it is over."""

    @functools.wraps(act)
    def alone(*arguments: P.args, **keywords: P.kwargs) -> T:
        with LOCK:
            return act(*arguments, **keywords)

    return alone
