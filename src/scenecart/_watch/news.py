"""How many captures of a watch are new, in a few words: "3 new since Tuesday"."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from scenecart._watch.watch import clock_of, seen_at

if TYPE_CHECKING:
    from scenecart._watch.watch import Watch

_WEEK = timedelta(days=6)


@dataclass(frozen=True)
class News:
    """The news of a watch.

    Attributes
    ----------
    count : int
        How many captures are not marked as seen.
    since : datetime.datetime or None
        When captures were last marked as seen, in local time; None if never, or if the clock was set back since.
    now : datetime.datetime
        When the watch was searched, in local time.
    """

    count: int
    since: datetime | None
    now: datetime

    @property
    def text(self) -> str:
        """The news in words, such as "3 new since Tuesday", or "nothing new since 14:05"."""
        new = f"{self.count:,} new" if self.count else "nothing new"
        return new if self.since is None else f"{new} since {_when(self.since, self.now)}"


def count_news(watch: Watch) -> News:
    """Search a watch, and count what is new. It waits for the service: call it in a thread of its own, such as a widget's job.

    Raises
    ------
    ScenecartError
        As :meth:`Watch.new`.
    """
    count = len(watch.new())
    now, seen = datetime.fromtimestamp(clock_of(watch)).astimezone(), seen_at(watch)
    since = None if seen is None else datetime.fromtimestamp(seen).astimezone()
    return News(count, None if since is None or since > now else since, now)


def _when(moment: datetime, now: datetime) -> str:
    """Return a time as text: a time of today, a day of the week, or a date."""
    if moment.date() == now.date():
        return f"{moment:%H:%M}"
    if now.date() - moment.date() <= _WEEK:
        return f"{moment:%A}"
    return f"{moment.day} {moment:%B}" if moment.year == now.year else f"{moment:%Y-%m-%d}"
