"""What is searched for: host, collections, dates and area, in a form that can be compared, kept and described."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from scenecart._captures.stac_api import as_interval
from scenecart._geo.area import Area, as_area
from scenecart._util.text import clean_text
from scenecart.exceptions import InvalidRequest, ScenecartError
from scenecart.widgets._bench.drawer import Relaxation
from scenecart.widgets._facets import day_iso, day_of, day_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from scenecart.client import Client

HALF_YEAR = 182
_SANDBOX_COLLECTION = "aurora-50cm"
# days before today at which windows without captures begin to be looked through, each twice as far back
_FARTHEST = 40 * 366
_PAGE = 500
_WIDER = (7, 30, 91, 366, 3_660)


@dataclass(frozen=True)
class Asked:
    """A search.

    Attributes
    ----------
    host : str
        The catalog host.
    collections : tuple of str
        Its collections.
    dates : tuple of str or None
        The first and the last day, in ISO 8601; None is the last half year in which the host has captures.
    area : Area or None
        Where; None is what the map shows.
    area_name : str
        Its name, such as that of its file.
    how : str
        Where it comes from: ``"drawn"``, ``"file"``, ``"typed"``, ``"place"`` or ``"map view"``.
    """

    host: str = ""
    collections: tuple[str, ...] = ()
    dates: tuple[str, str] | None = None
    area: Area | None = None
    area_name: str = ""
    how: str = ""

    @property
    def criteria(self) -> dict[str, Any]:
        """What ``client.search`` is called with, besides the host."""
        found: dict[str, Any] = {"collections": list(self.collections) or None}
        if self.dates is not None:
            found["datetime"] = f"{self.dates[0]}/{self.dates[1]}"
        if self.area is not None:
            found["aoi"] = self.area.geometry
        return found

    @property
    def area_text(self) -> str:
        """The area in words; empty without one."""
        if self.area is None:
            return ""
        size = f"{self.area.km2:,.2f} km²" if self.area.km2 < 1_000 else f"{self.area.km2:,.0f} km²"  # noqa: PLR2004  # as maps do
        return f"{clean_text(self.area_name, 40)} · {size}" if self.area_name else size

    @property
    def text(self) -> str:
        """The search in words."""
        where = self.area_text.replace(" · ", ", ")
        when = "" if self.dates is None else days_text(*self.dates)
        return " · ".join(part for part in (where, when, ", ".join(self.collections) or self.host) if part)

    def to_json(self) -> dict[str, Any]:
        """Return the search as JSON."""
        area = None if self.area is None else self.area.to_geojson()
        dates = None if self.dates is None else list(self.dates)
        named = {"host": self.host, "collections": list(self.collections), "area_name": self.area_name, "how": self.how}
        return {**named, "dates": dates, "area": area}

    @classmethod
    def from_json(cls, found: dict[str, Any]) -> Asked:
        """Return a search from JSON.

        Raises
        ------
        ValueError, TypeError, KeyError, ScenecartError
            If it is not one.
        """
        dates = found["dates"]
        area = found["area"]
        return cls(
            str(found["host"]),
            tuple(str(name) for name in found["collections"]),
            None if dates is None else (day_iso(day_of(str(dates[0]))), day_iso(day_of(str(dates[1])))),
            None if area is None else as_area(area),
            str(found["area_name"]),
            str(found["how"]),
        )


def days_text(first: str, last: str) -> str:
    """Return a range of days, with what both ends share written once.

    Examples
    --------
    >>> days_text("2024-03-14", "2024-03-26"), days_text("2024-03-14", "2024-04-02"), days_text("2023-12-01", "2024-01-31")
    ('14 – 26 Mar 2024', '14 Mar – 2 Apr 2024', '1 Dec 2023 – 31 Jan 2024')
    """
    end = day_text(day_of(last))
    day, month, year = day_text(day_of(first)).split()
    _, last_month, last_year = end.split()
    if year != last_year:
        return f"{day} {month} {year} – {end}"
    return f"{day} – {end}" if month == last_month else f"{day} {month} – {end}"


def last_half_year(client: Client, host: str, collections: Iterable[str], today: dt.date) -> tuple[str, str]:
    """Return the last half year in which a host has captures: the one that ends today, or an earlier one.

    Windows twice as long each are asked for one capture, then the half years of the window that has some. A host without
    captures gets the half year that ends today.
    """
    asked = Asked(host, tuple(collections))
    now = (today - dt.date(1970, 1, 1)).days
    back = HALF_YEAR
    if _newest(client, asked, now - HALF_YEAR, now) is not None:
        return day_iso(now - HALF_YEAR), day_iso(now)
    while back < _FARTHEST:
        if _newest(client, asked, now - 2 * back, now - back, limit=1) is not None:
            break
        back *= 2
    else:
        return day_iso(now - HALF_YEAR), day_iso(now)
    end = now - back
    while end > now - 2 * back:
        newest = _newest(client, asked, end - HALF_YEAR, end)
        if newest is not None:
            return day_iso(newest - HALF_YEAR), day_iso(newest)
        end -= HALF_YEAR
    return day_iso(now - 2 * back), day_iso(now - 2 * back + HALF_YEAR)


def _newest(client: Client, asked: Asked, first: int, last: int, limit: int = _PAGE) -> int | None:
    """Return the day of the newest capture of a page of results; None without any."""
    found = client.search(asked.host, **replace(asked, dates=(day_iso(first), day_iso(last))).criteria, limit=limit)
    if not len(found) or "datetime" not in found.columns:
        return None
    newest = found["datetime"].max()
    return last if newest is None or newest != newest else int(newest.timestamp() // 86_400)  # noqa: PLR0124  # NaT


def count_of(client: Client, asked: Asked) -> tuple[int, bool]:
    """Return how many captures a search finds, and whether there may be more: a page is counted."""
    found = client.search(asked.host, **asked.criteria, limit=_PAGE)
    return len(found), len(found) >= _PAGE


def limits_of(asked: Asked, collections: Iterable[str]) -> list[Relaxation]:
    """Return what a search that found nothing could do without: its dates, or its choice of collections."""
    limits = [Relaxation("dates", "The dates leave none over", "Widen the dates", asked.dates)]
    others = [name for name in collections if name not in asked.collections]
    limits += [
        Relaxation("collection", f"Another collection, {clean_text(name, 40)}", f"Add {clean_text(name, 40)}", name)
        for name in others[:4]
    ]
    return limits


def widened(client: Client, asked: Asked) -> tuple[tuple[str, str], int, bool] | None:
    """Return wider dates that find captures, as few days wider as helps, and how many they find; None if no dates help."""
    if asked.dates is None:
        return None
    first, last = (day_of(day) for day in asked.dates)
    for days in _WIDER:
        dates = day_iso(first - days), day_iso(last + days)
        found, is_least = count_of(client, replace(asked, dates=dates))
        if found:
            return dates, found, is_least
    return None


def relaxed(asked: Asked, limit: Relaxation) -> Asked:
    """Return a search without one of its limits."""
    if limit.kind == "dates":
        return replace(asked, dates=limit.value)
    return replace(asked, collections=(*asked.collections, str(limit.value)))


def try_each(
    client: Client, asked: Asked, limits: list[Relaxation], found: Callable[[int, Relaxation], object], is_over: Callable[[], bool]
) -> None:
    """Count what a search would find without each limit, and tell each count as soon as it is known."""
    for number, limit in enumerate(limits):
        if is_over():
            return
        try:
            if limit.kind == "dates":
                wider = widened(client, asked)
                if wider is None:
                    found(number, replace(limit, count=0))
                else:
                    dates, count, is_least = wider
                    found(number, replace(limit, label=f"Widen to {_short(dates)}", value=dates, count=count, is_least=is_least))
            else:
                count, is_least = count_of(client, replace(asked, collections=(str(limit.value),)))
                found(number, replace(limit, count=count, is_least=is_least))
        except ScenecartError:
            # a suggestion that cannot be counted is not made
            found(number, replace(limit, count=0))


def _short(dates: tuple[str, str]) -> str:
    return days_text(*dates).rsplit(" ", 1)[0] if dates[0][:4] == dates[1][:4] else days_text(*dates)


def asked_by(asked: Asked, host: str | None, criteria: dict[str, Any]) -> Asked:
    """Return a search with the arguments of a call in place of what was asked for.

    Raises
    ------
    InvalidRequest
        If a criterion has no place in the left column.
    InvalidQuery, InvalidArea
        If an argument is invalid.
    """
    given = {name: value for name, value in criteria.items() if value is not None}
    unknown = [name for name in given if name not in {"aoi", "bbox", "collections", "datetime"}]
    if unknown:
        raise InvalidRequest(
            f"Workbench.search has no {unknown[0]}.",
            argument=unknown[0],
            code="workbench_criterion_unknown",
            hint="Pass it to client.search, and show the result in a CaptureMap.",
        )
    changes: dict[str, Any] = {} if host is None else {"host": str(host).strip()}
    if "collections" in given:
        names = given["collections"]
        changes["collections"] = (names,) if isinstance(names, str) else tuple(names)
    area = given.get("aoi", given.get("bbox"))
    if area is not None:
        changes |= {"area": as_area(area), "area_name": "", "how": "given"}
    if "datetime" in given:
        changes["dates"] = _days_of(given["datetime"])
    return replace(asked, **changes)


def _days_of(interval: Any) -> tuple[str, str]:
    """Return the first and the last day of a time range in any form that ``search`` accepts."""
    first, _, last = as_interval(interval).partition("/")
    today = dt.datetime.now(dt.UTC).date().isoformat()
    return "1970-01-01" if first in {"", ".."} else first[:10], today if last in {"", ".."} else last[:10]


def first_collections(host: str, collections: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Return the collections to begin with: all of the host, and of the sandbox's first host the one with most captures."""
    known = tuple(collections.get(host, ()))
    return (_SANDBOX_COLLECTION,) if _SANDBOX_COLLECTION in known else known
