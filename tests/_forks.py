"""Processes forked while threads of this one work."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_THREADS = 2
_MOST_SECONDS = 20


@contextlib.contextmanager
def working(use: Callable[[int], object]) -> Iterator[None]:
    """Call a function over and over in two threads, with the number of the thread."""
    is_over = threading.Event()

    def work(number: int) -> None:
        while not is_over.is_set():
            use(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(_THREADS)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        is_over.set()
        for thread in threads:
            thread.join(_MOST_SECONDS)


def in_forks(action: Callable[[], bool], count: int) -> list[bool]:
    """Fork so many times, and return what the action returned in each; one that hangs is ended after 20 seconds."""
    results = []
    for _ in range(count):
        child = os.fork()
        if child == 0:
            code = 1
            try:
                # a handler in Python is not called while SQLite hangs
                signal.signal(signal.SIGALRM, signal.SIG_DFL)
                signal.alarm(_MOST_SECONDS)
                code = 0 if action() else 1
            finally:
                os._exit(code)
        results.append(os.waitpid(child, 0)[1] == 0)
        if not results[-1]:
            break
    return results
