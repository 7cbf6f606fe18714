"""Limits how many pictures are drawn at a time, and draws a picture once for all concurrent requests."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache, wraps
from typing import TYPE_CHECKING, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")
T = TypeVar("T")

_AT_ONCE = 2


def drawn_once(most: int) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Cache the last results of a function, and run it only in two dedicated threads.

    Drawing takes tens of megabytes, which the allocator keeps for each thread that has drawn. The files of a delivery are requested
    at the same time and drawn together: the first request draws them, and the others wait for it.

    Parameters
    ----------
    most
        How many results are kept.
    """

    def decorate(draw: Callable[P, T]) -> Callable[P, T]:
        kept = lru_cache(maxsize=most)(draw)

        @lru_cache(maxsize=1)
        def drawers(_process: int) -> list[ThreadPoolExecutor]:
            # a forked process does not have the threads of its parent
            return [ThreadPoolExecutor(1, "drawing") for _ in range(_AT_ONCE)]

        @wraps(draw)
        def drawn(*arguments: P.args, **keywords: P.kwargs) -> T:
            # the same arguments always use the same thread
            drawer = drawers(os.getpid())[hash((arguments, *sorted(keywords.items()))) % _AT_ONCE]
            return drawer.submit(kept, *arguments, **keywords).result()  # type: ignore[arg-type]  # lru_cache knows hashable ones only

        return drawn

    return decorate
