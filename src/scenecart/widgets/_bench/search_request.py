"""The search that the left column describes: host, collections, dates and area, as a value that can be saved and described."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from typing import Any

from scenecart._captures.stac_api import as_interval
from scenecart._geo.area import Area, as_area
from scenecart._util.text import clean_text
from scenecart.exceptions import InvalidRequest
from scenecart.widgets._facets import day_iso, day_of, day_text


@dataclass(frozen=True)
class SearchRequest:
    """What is searched for.

    Attributes
    ----------
    host : str
        The catalog host.
    collections : tuple of str
        Its collections.
    dates : tuple of str or None
        The first and the last day, in ISO 8601; None is the last half year in which the host has captures.
    area : Area or None
        The area of interest; None is what the map shows.
    area_name : str
        Its name, such as that of its file.
    how : str
        Where the area comes from: ``"drawn"``, ``"file"``, ``"typed"``, ``"place"``, ``"map view"`` or ``"given"`` (in Python).
    """

    host: str = ""
    collections: tuple[str, ...] = ()
    dates: tuple[str, str] | None = None
    area: Area | None = None
    area_name: str = ""
    how: str = ""

    @property
    def criteria(self) -> dict[str, Any]:
        """The arguments of ``client.search``, besides the host."""
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
    def from_json(cls, found: dict[str, Any]) -> SearchRequest:
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


def with_arguments(request: SearchRequest, host: str | None, criteria: dict[str, Any]) -> SearchRequest:
    """Return a search with the arguments of ``Workbench.search`` in place of its own.

    Raises
    ------
    InvalidRequest
        If the left column cannot show a criterion.
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
    return replace(request, **changes)


def _days_of(interval: Any) -> tuple[str, str]:
    """Return the first and the last day of a time range in any form that ``search`` accepts."""
    first, _, last = as_interval(interval).partition("/")
    today = dt.datetime.now(dt.UTC).date().isoformat()
    return "1970-01-01" if first in {"", ".."} else first[:10], today if last in {"", ".."} else last[:10]
