"""Progress of a search: events for a callback, or a bar."""

from __future__ import annotations

from typing import Any

import pytest

import scenecart
from _expect import raises
from scenecart._util.progress import ProgressReporter, bar, progress_callback


def test_reporter_counts_captures_and_areas():
    """Events have the captures so far; an event without captures leaves their number unchanged."""
    events: list[scenecart.SearchEvent] = []
    reporter = ProgressReporter(events.append, "aurora", areas=2)
    reporter.emit("started")
    reporter.emit("arrived", 5)
    reporter.emit("area", areas_done=1)
    reporter.emit("finished")
    assert [(event.kind, event.captures, event.areas_done, event.areas) for event in events] == [
        ("started", 0, None, 2), ("arrived", 5, None, 2), ("area", 5, 1, 2), ("finished", 5, None, 2),
    ]  # fmt: skip
    assert {event.host for event in events} == {"aurora"}
    seconds = [event.seconds for event in events]
    assert seconds == sorted(seconds)
    assert seconds[0] >= 0


def test_reporter_without_a_callback_ignores_events():
    """Without a callback, reporting an event does nothing."""
    ProgressReporter(None, "aurora").emit("started")


@pytest.mark.parametrize("progress", [None, False])
def test_progress_false_has_no_callback(progress: Any):
    """Without progress there is nothing to call."""
    with progress_callback(progress, "Searching") as callback:
        assert callback is None


def test_progress_callable_is_used_as_it_is():
    """A callable gets the events itself."""
    with progress_callback(print, "Searching") as callback:
        assert callback is print


def test_progress_true_shows_a_bar(capsys: pytest.CaptureFixture[str]):
    """A bar says what is done, and how many captures were found, on standard error."""
    with progress_callback(True, "Searching aurora") as callback:  # noqa: FBT003  # as users pass it
        callback(scenecart.SearchEvent("arrived", "aurora", 1_234, 0.1))
        callback(scenecart.SearchEvent("restarted", "aurora", 1_234, 0.1))
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "Searching aurora" in shown.err
    assert "1,234" in shown.err


@pytest.mark.parametrize("progress", [1, "yes", []])
def test_progress_neither_bool_nor_callable_is_refused(progress: Any):
    """What can neither be called nor is True or False is refused."""
    with raises(scenecart.InvalidQuery, "progress_invalid") as caught, progress_callback(progress, "Searching"):
        pass
    assert caught.value.argument == "progress"


@pytest.mark.parametrize(("unit", "total"), [("count", 3.0), ("count", None), ("bytes", 10.0), ("state", None)])
def test_bar_shows_every_unit(capsys: pytest.CaptureFixture[str], unit: str, total: float | None):
    """A bar counts, measures bytes, or shows a state; a label is never markup."""
    with bar("[bold]Order", total=total, unit=unit) as shown:
        shown.show(1, label="[bold]Order o-1")
        shown.add(1)
        shown.end()
        shown.finish("[bold]done")
    assert "[bold]done" in capsys.readouterr().err
