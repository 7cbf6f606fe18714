"""Calls in worker threads that end within a second of an interrupt."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Generic, TypeVar

from scenecart.exceptions import ScenecartWarning, issue, keep_warnings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from types import TracebackType
    from typing import Self

T = TypeVar("T")
R = TypeVar("R")

# how long an interrupted call waits for its threads
_GRACE_SECONDS = 0.5


@contextlib.contextmanager
def thread_pool(workers: int, name: str) -> Iterator[ThreadPoolExecutor]:
    """Give a pool of threads whose warnings are issued by the thread that waits for them.

    Examples
    --------
    >>> from scenecart._util.threads import thread_pool
    >>> with thread_pool(2, "scenecart") as threads:
    ...     list(threads.map(abs, [-1, 2]))
    [1, 2]
    """
    with _ThreadWarnings() as kept, ThreadPoolExecutor(workers, thread_name_prefix=name, initializer=kept.keep) as pool:
        yield pool


class _ThreadWarnings:
    """Keeps the warnings of worker threads, and issues them in the thread that waits for these. A context around the threads.

    Python's warning filters belong to the process. pandas and shapely change them for a moment and put them back; if two threads do
    so at once, they can stay changed, and every later warning of the program is lost. At the end of the context they are as before.
    """

    def __init__(self) -> None:
        self._kept: list[ScenecartWarning] = []
        self._filters = warnings.catch_warnings()

    def __enter__(self) -> Self:
        self._filters.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self._filters.__exit__(kind, error, traceback)
        # a warning that is an error must not hide another error
        with contextlib.suppress(*([] if error is None else [ScenecartWarning])):
            for one in self._kept:
                issue(one)

    def keep(self) -> None:
        """Keep the warnings of the current thread, from now on."""
        keep_warnings(self._kept)


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
    with _ThreadWarnings() as kept:
        pool = _Pool(function, list(items), kept)
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

    def __init__(self, function: Callable[[T], R], items: list[T], kept: _ThreadWarnings) -> None:
        self._kept = kept
        self.items = items
        self.results: dict[int, R] = {}
        self.is_stopped = threading.Event()
        self._function = function
        self._numbers = iter(range(len(items)))
        self._lock = threading.Lock()
        self._ended: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()

    def work(self) -> None:
        """Call the function for one item after the other, in a worker thread."""
        self._kept.keep()
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
