"""What a search tells of how it goes, and to whom."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from scenecart._errors import InvalidQuery
from scenecart._progress import bar


@dataclass(frozen=True)
class SearchEvent:
    """What a search tells whoever follows its progress.

    Attributes
    ----------
    kind : str
        ``"started"``, ``"arrived"`` (some captures), ``"restarted"`` (the connection was lost; nothing is given twice),
        ``"area"`` (one of many areas is done) or ``"finished"``.
    host : str
        Who is searched.
    captures : int
        Captures so far.
    seconds : float
        Since the search began.
    areas_done, areas : int or None
        Of a search of many areas.

    Examples
    --------
    >>> told = []
    >>> client = connect("sandbox")
    >>> captures = client.search("openterra", collections="openterra-10m", limit=5, progress=told.append)
    >>> [(event.kind, event.captures) for event in told]
    [('started', 0), ('arrived', 5), ('finished', 5)]
    """

    kind: str
    host: str
    captures: int
    seconds: float
    areas_done: int | None = None
    areas: int | None = None


Progress = Callable[[SearchEvent], object]


class Teller:
    """Tells how a search goes."""

    def __init__(self, progress: Progress | None, host: str, areas: int | None = None) -> None:
        self._progress = progress
        self._host = host
        self._areas = areas
        self._began = time.monotonic()
        self._captures = 0

    def tell(self, kind: str, captures: int | None = None, areas_done: int | None = None) -> None:
        """Say what happened."""
        self._captures = self._captures if captures is None else captures
        if self._progress is not None:
            seconds = time.monotonic() - self._began
            self._progress(SearchEvent(kind, self._host, self._captures, seconds, areas_done, self._areas))


@contextlib.contextmanager
def told(progress: Any, label: str) -> Iterator[Progress | None]:
    """Give what is to be told how a search goes: a bar for True, a callable as it is."""
    if progress is None or isinstance(progress, bool):
        if not progress:
            yield None
            return
        with bar(label, unit="count") as shown:
            yield lambda event: shown.show(event.captures, label=f"{label}, again" if event.kind == "restarted" else None)
            shown.end()
    elif callable(progress):
        yield progress
    else:
        raise InvalidQuery("progress is True, False or something to call.")


SearchEvent.__module__ = "scenecart"
