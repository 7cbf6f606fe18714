"""Calls in worker threads that end within a second of an interrupt."""

from __future__ import annotations

import queue
import threading
import time
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

T = TypeVar("T")
R = TypeVar("R")

# how long an interrupted call waits for its threads
_GRACE_SECONDS = 0.5


def map_in_threads(
    function: Callable[[T], R], items: Iterable[T], workers: int, *, cancel: Callable[[], object], name: str = "scenecart"
) -> list[R]:
    """Call a function for each item in worker threads, and return the results in the order of the items.

    The threads of ``concurrent.futures`` are waited for when the program ends, even while they are blocked by a server that
    does not answer. These are not.

    Parameters
    ----------
    function
        What to call. After its first exception, no further call begins.
    items
        Its arguments.
    workers
        Calls at the same time.
    cancel
        Called once after an exception or an interrupt (Ctrl+C), in the thread that waits: makes the running calls end. Threads
        that have not ended half a second later are left behind.
    name
        The threads' name.

    Raises
    ------
    BaseException
        The first exception of a call, or the interrupt.

    Examples
    --------
    >>> from scenecart._util.threads import map_in_threads
    >>> map_in_threads(str.upper, ["a", "b"], 2, cancel=lambda: None)
    ['A', 'B']
    """
    pool = _Pool(function, list(items))
    threads = [
        threading.Thread(target=pool.work, name=f"{name}_{number}", daemon=True)
        for number in range(max(1, min(workers, len(pool.items))))
    ]
    try:
        for thread in threads:
            thread.start()
        pool.wait(len(threads))
    except BaseException:
        pool.is_stopped.set()
        cancel()
        until = time.monotonic() + _GRACE_SECONDS
        for thread in threads:
            if thread.ident is not None:
                thread.join(max(0.0, until - time.monotonic()))
        raise
    return [pool.results[number] for number in range(len(pool.items))]


class _Pool(Generic[T, R]):
    """The calls of some threads, their results, and the first error."""

    def __init__(self, function: Callable[[T], R], items: list[T]) -> None:
        self.items = items
        self.results: dict[int, R] = {}
        self.is_stopped = threading.Event()
        self._function = function
        self._numbers = iter(range(len(items)))
        self._lock = threading.Lock()
        self._ended: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()

    def work(self) -> None:
        """Call the function for one item after the other, in a worker thread."""
        try:
            while not self.is_stopped.is_set():
                with self._lock:
                    number = next(self._numbers, None)
                if number is None:
                    break
                self.results[number] = self._function(self.items[number])
        except BaseException as error:  # noqa: BLE001  # raised in the thread that waits
            self._ended.put(error)
        else:
            self._ended.put(None)

    def wait(self, threads: int) -> None:
        """Wait until so many threads have ended; raise the first error at once."""
        for _ in range(threads):
            error = self._ended.get()
            if error is not None:
                raise error
