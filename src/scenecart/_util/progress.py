"""Progress bars in terminals and notebooks, and the progress events of a search."""

from __future__ import annotations

import contextlib
import importlib.util
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scenecart._util.validate import shown_value
from scenecart.exceptions import InvalidQuery

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console
    from rich.progress import Progress, ProgressColumn

_STYLES = ("progress.data.speed", "progress.download", "progress.elapsed")


class Bar:
    """One progress bar."""

    def __init__(self, progress: Progress, label: str, total: float | None) -> None:
        self._progress = progress
        self._task = progress.add_task(label, total=total)

    def show(self, done: float | None = None, *, total: float | None = None, label: str | None = None) -> None:
        """Update the bar; None leaves a value unchanged."""
        changes: dict[str, Any] = {"completed": done, "total": total, "description": label}
        self._progress.update(self._task, **{name: value for name, value in changes.items() if value is not None})

    def add(self, done: float) -> None:
        """Add to the amount done; thread-safe."""
        self._progress.advance(self._task, done)

    def end(self) -> None:
        """Complete a bar of unknown total with the amount reached."""
        done = self._progress.tasks[self._task].completed
        # rich never completes a bar whose total is None
        self._progress.update(self._task, total=done, completed=done)

    def finish(self, label: str) -> None:
        """Complete the bar with a final label."""
        self._progress.update(self._task, description=label, completed=1, total=1)


@contextlib.contextmanager
def bar(label: str, *, total: float | None = None, unit: str = "count") -> Iterator[Bar]:
    """Show a bar while the block runs.

    Parameters
    ----------
    label
        The text before the bar.
    total
        The amount to do; None if it is not known.
    unit
        ``"count"``, ``"bytes"``, or ``"state"`` for a task without an amount.
    """
    from rich import progress as rich  # noqa: PLC0415  # loading it takes a tenth of a first search, which shows no bar

    columns: dict[str, list[ProgressColumn]] = {
        "count": [rich.MofNCompleteColumn()] if total is not None else [rich.TextColumn("{task.completed:,.0f}")],
        "bytes": [rich.DownloadColumn(), rich.TransferSpeedColumn()],
        "state": [],
    }
    progress = rich.Progress(
        rich.SpinnerColumn(finished_text="[green]✓[/]"),
        rich.TextColumn("{task.description}", markup=False),
        # rich assumes notebooks to be 115 characters wide; a longer line scrolls sideways
        rich.BarColumn(bar_width=12 if _in_notebook() else 24),
        *columns[unit],
        rich.TimeElapsedColumn(),
        console=_console(),
        disable=_in_notebook() and importlib.util.find_spec("ipywidgets") is None,
    )
    with progress:
        try:
            yield Bar(progress, label, total)
        finally:
            # rich does not draw the last state in a notebook
            progress.refresh()


def _console() -> Console:
    from rich.console import Console  # noqa: PLC0415  # as above
    from rich.theme import Theme  # noqa: PLC0415  # as above

    if not _in_notebook():
        return Console(file=sys.stderr, emoji=False)
    # rich's dark red and green are hard to read on a dark notebook
    return Console(theme=Theme(dict.fromkeys(_STYLES, "none")), emoji=False)


def _in_notebook() -> bool:
    return "ipykernel" in sys.modules


@dataclass(frozen=True)
class SearchEvent:
    """An event in the progress of a search.

    Attributes
    ----------
    kind : str
        ``"started"``, ``"arrived"`` (some captures), ``"restarted"`` (the connection was lost; no capture is returned twice),
        ``"area"`` (one of many areas is done) or ``"finished"``.
    host : str
        The catalog host that is searched.
    captures : int
        Captures found so far.
    seconds : float
        Seconds since the search began.
    areas_done, areas : int or None
        Areas done, and in total, in a search of many areas.

    Examples
    --------
    >>> events = []
    >>> client = connect("sandbox")
    >>> captures = client.search("openterra", collections="openterra-10m", limit=5, progress=events.append)
    >>> [(event.kind, event.captures) for event in events]
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
        """Report an event; values that are None stay as they were."""
        self._captures = self._captures if captures is None else captures
        if self._progress is not None:
            seconds = time.monotonic() - self._began
            self._progress(SearchEvent(kind, self._host, self._captures, seconds, areas_done, self._areas))


@contextlib.contextmanager
def progress_callback(progress: Any, label: str) -> Iterator[ProgressCallback | None]:
    """Yield the callback of a search: a progress bar for True, a callable as it is, None for False.

    Raises
    ------
    InvalidQuery
        If it is anything else.
    """
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
        raise InvalidQuery(
            f"must be True, False or a callable, got {shown_value(progress)}.", argument="progress", code="progress_invalid"
        )


SearchEvent.__module__ = "scenecart"
