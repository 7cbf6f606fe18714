"""Bars that show how far something is, in a terminal and in a notebook: one subscriber among others."""

from __future__ import annotations

import contextlib
import importlib.util
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TransferSpeedColumn,
)
from rich.theme import Theme

from scenecart.exceptions import InvalidQuery

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.progress import ProgressColumn


# in a notebook rich's dark red and green are as dark on a dark page
_PLAIN = Theme(dict.fromkeys(("progress.data.speed", "progress.download", "progress.elapsed"), "none"))


class Bar:
    """One line that tells what is done of something."""

    def __init__(self, progress: Progress, label: str, total: float | None) -> None:
        self._progress = progress
        self._task = progress.add_task(label, total=total)

    def show(self, done: float | None = None, *, total: float | None = None, label: str | None = None) -> None:
        """Show a new state; what is None stays as it was."""
        given: dict[str, Any] = {"completed": done, "total": total, "description": label}
        self._progress.update(self._task, **{name: value for name, value in given.items() if value is not None})

    def add(self, done: float) -> None:
        """Count on from where it was; safe from several threads."""
        self._progress.advance(self._task, done)

    def end(self) -> None:
        """Show that what had no known amount is over, and how much there was."""
        done = self._progress.tasks[self._task].completed
        # an amount of nothing is never reached
        self._progress.update(self._task, total=done, completed=done)

    def finish(self, label: str) -> None:
        """Show that it is over."""
        self._progress.update(self._task, description=label, completed=1, total=1)


@contextlib.contextmanager
def bar(label: str, *, total: float | None = None, unit: str = "count") -> Iterator[Bar]:
    """Show a bar while the block runs.

    Parameters
    ----------
    label
        What is going on.
    total
        How much there is to do; None shows that something moves.
    unit
        ``"count"``, ``"bytes"``, or ``"state"`` for something without an amount.
    """
    columns: dict[str, list[ProgressColumn]] = {
        "count": [MofNCompleteColumn()] if total is not None else [TextColumn("{task.completed:,.0f}")],
        "bytes": [DownloadColumn(), TransferSpeedColumn()],
        "state": [],
    }
    console = Console(file=sys.stderr) if not _in_notebook() else Console(theme=_PLAIN)
    progress = Progress(
        SpinnerColumn(finished_text="[green]✓[/]"),
        TextColumn("{task.description}", markup=False),
        # rich takes every notebook for 115 characters wide, and a line too long for its cell moves sideways
        BarColumn(bar_width=12 if _in_notebook() else 24),
        *columns[unit],
        TimeElapsedColumn(),
        console=console,
        disable=_in_notebook() and importlib.util.find_spec("ipywidgets") is None,
    )
    with progress:
        try:
            yield Bar(progress, label, total)
        finally:
            # in a notebook rich leaves the last state undrawn
            progress.refresh()


def _in_notebook() -> bool:
    return "ipykernel" in sys.modules


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


ProgressCallback = Callable[[SearchEvent], object]


class ProgressReporter:
    """Reports the progress of a search to a callback."""

    def __init__(self, progress: ProgressCallback | None, host: str, areas: int | None = None) -> None:
        self._progress = progress
        self._host = host
        self._areas = areas
        self._began = time.monotonic()
        self._captures = 0

    def emit(self, kind: str, captures: int | None = None, areas_done: int | None = None) -> None:
        """Say what happened."""
        self._captures = self._captures if captures is None else captures
        if self._progress is not None:
            seconds = time.monotonic() - self._began
            self._progress(SearchEvent(kind, self._host, self._captures, seconds, areas_done, self._areas))


@contextlib.contextmanager
def progress_callback(progress: Any, label: str) -> Iterator[ProgressCallback | None]:
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
