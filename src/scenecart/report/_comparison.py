"""Several carts beside each other: what each costs and holds, what all have, and what one alone has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from statistics import median
from typing import TYPE_CHECKING, Any

import shapely

from scenecart._geo.geometry import geodesic_km2, polygonal, union
from scenecart._util import html
from scenecart.exceptions import InvalidRequest
from scenecart.report._model import contents_of, shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from decimal import Decimal

    from shapely.geometry.base import BaseGeometry

    from scenecart.report._model import CaptureLine, Contents

_MOST = 12
_NONE = "–"
_KINDS = {"quote": "quote", "order": "order", "cart": "cart, not priced"}


@dataclass(frozen=True)
class Side:
    """One of the carts that are compared.

    Attributes
    ----------
    aud_per_km2 : decimal.Decimal or None
        The service's total by the service's own km², where it tells both.
    coverage : float or None
        How much of the area that all have in common is covered, in per cent.
    """

    name: str
    contents: Contents
    aud_per_km2: Decimal | None
    cloud: tuple[float, float, float] | None
    dates: tuple[datetime, datetime] | None
    coverage: float | None


@dataclass(frozen=True)
class Comparison:
    """Carts beside each other, and who has which capture.

    Attributes
    ----------
    common_km2 : float or None
        The area that all carts have in common, in km²; None where one has no area, or they share none.
    shared : tuple of CaptureLine
        What is in all of them.
    alone : tuple of (str, tuple of CaptureLine)
        What is in one only, by name.
    some : tuple of (str, tuple of CaptureLine)
        What is in several but not in all, by their names.
    """

    title: str
    sides: tuple[Side, ...]
    common_km2: float | None
    shared: tuple[CaptureLine, ...]
    alone: tuple[tuple[str, tuple[CaptureLine, ...]], ...]
    some: tuple[tuple[str, tuple[CaptureLine, ...]], ...]

    @property
    def stamp(self) -> datetime:
        """The newest time of what is compared."""
        return max(side.contents.stamp for side in self.sides)

    @property
    def how(self) -> str:
        """How the figures came about."""
        told = "Every amount is the service's own answer to an estimate or its record of an order; none was computed here. "
        quotient = "The price of a km² is a quotient of the service's own figures: its total by the km² it priced. "
        covered = ""
        if self.common_km2 is not None:
            common = f"The area that all have in common has {html.km2(self.common_km2)} km²; "
            covered = f"{common}how much of it the captures cover is computed on the WGS84 ellipsoid. "
        return f"{told}{quotient}{covered}100 credits are one Australian dollar."

    @property
    def sections(self) -> tuple[tuple[str, tuple[CaptureLine, ...]], ...]:
        """The lists of captures: in all, in some, in one only."""
        everywhere = "In both" if len(self.sides) == 2 else "In all"  # noqa: PLR2004  # two are both
        return (
            (everywhere, self.shared),
            *((f"In {name} only", lines) for name, lines in self.some),
            *((f"Only in {name}", lines) for name, lines in self.alone),
        )

    def rows(self) -> list[tuple[str, str, list[Any]]]:
        """Return what is compared: what it is called, how a figure of it is written, and a value for each cart, or None."""
        sides = self.sides
        of = [side.contents for side in sides]
        rows: list[tuple[str, str, list[Any]]] = [
            ("Total, A$", "money", [one.total_aud for one in of]),
            ("Total, credits", "whole", [one.total_credits for one in of]),
            ("A$ per km²", "money", [side.aud_per_km2 for side in sides]),
            ("What it is", "text", [_KINDS[one.kind] for one in of]),
            ("Priced or placed (UTC)", "time", [one.made_at for one in of]),
            ("Captures", "whole", [len(one.lines) for one in of]),
            ("Captures without a price", "whole", [len(one.refused) if one.kind == "quote" else None for one in of]),
            ("Ground covered, km²", "km2", [one.area_km2 for one in of]),
            ("Area of interest, km²", "km2", [None if one.area is None else one.area.km2 for one in of]),
        ]
        if self.common_km2 is not None:
            rows.append(("Common area covered, %", "one", [side.coverage for side in sides]))
        rows += [
            ("First capture", "day", [None if side.dates is None else side.dates[0] for side in sides]),
            ("Last capture", "day", [None if side.dates is None else side.dates[1] for side in sides]),
            *(
                (f"Cloud %, {what}", "one", [None if side.cloud is None else side.cloud[place] for side in sides])
                for place, what in enumerate(("least", "median", "most"))
            ),
            ("Options", "text", [one.options for one in of]),
            ("Cart", "text", [None if one.fingerprint is None else one.fingerprint[:10] for one in of]),
        ]
        return [row for row in rows if any(value is not None for value in row[2])]


def written(value: Any, look: str) -> str:
    """Write a value of a comparison."""
    if value is None:
        return _NONE
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}" if look == "time" else f"{value:%Y-%m-%d}"
    looks = {"money": "{:,.2f}", "whole": "{:,}", "one": "{:.1f}"}
    return html.km2(value) if look == "km2" else looks.get(look, "{}").format(value)


def comparison_of(subjects: Any, title: str | None = None) -> Comparison:
    """Put estimates, orders and carts beside each other.

    Raises
    ------
    InvalidRequest
        If they are fewer than two, too many, or something else.
    """
    named = _named(subjects)
    contents = [contents_of(subject) for _, subject in named]
    area = _common([one.area.geometry if one.area is not None else None for one in contents])
    sides = tuple(_side(name, one, area) for (name, _), one in zip(named, contents, strict=True))
    return Comparison(
        title=shown(title, 200) or "Comparison of carts",
        sides=sides,
        common_km2=None if area is None else geodesic_km2(area),
        **_parted(sides),
    )


def _named(subjects: Any) -> list[tuple[str, Any]]:
    if isinstance(subjects, Mapping):
        named = [(shown(str(name), 40) or _letter(place), subject) for place, (name, subject) in enumerate(subjects.items())]
    elif isinstance(subjects, list | tuple):
        named = [(_letter(place), subject) for place, subject in enumerate(subjects)]
    else:
        raise InvalidRequest(
            f"A comparison is made of a list or a mapping, not of {type(subjects).__name__}.",
            hint='compare_report([first, second], "compared.html"), or {"cheap": first, "clear": second}.',
        )
    if not 1 < len(named) <= _MOST:
        raise InvalidRequest(f"A comparison is made of 2 to {_MOST} carts, not of {len(named)}.")
    if len({name for name, _ in named}) < len(named):
        raise InvalidRequest("Two carts of the comparison have the same name.", hint="Names differ within their first 40 letters.")
    return named


def _letter(place: int) -> str:
    return chr(ord("A") + place % 26)


def _common(areas: Sequence[BaseGeometry | None]) -> BaseGeometry | None:
    there = [area for area in areas if area is not None]
    if len(there) < len(areas):
        return None
    shared = polygonal(shapely.intersection_all(there))
    return None if shared.is_empty else shared


def _side(name: str, contents: Contents, area: BaseGeometry | None) -> Side:
    clouds = [line.cloud for line in contents.lines if line.cloud is not None]
    taken = [line.taken for line in contents.lines if line.taken is not None]
    coverage = None
    if area is not None and len(contents.bought):
        coverage = 100 * min(1.0, geodesic_km2(polygonal(shapely.intersection(union(contents.bought), area))) / geodesic_km2(area))
    return Side(
        name=name,
        contents=contents,
        aud_per_km2=_per_km2(contents),
        cloud=(min(clouds), median(clouds), max(clouds)) if clouds else None,
        dates=(min(taken), max(taken)) if taken else None,
        coverage=coverage,
    )


def _per_km2(contents: Contents) -> Decimal | None:
    measured = [group.aoi_km2 for group in contents.groups]
    if contents.total_aud is None or not measured or any(km2 is None for km2 in measured):
        return None
    total = type(contents.total_aud)(str(sum(km2 for km2 in measured if km2 is not None)))
    return contents.total_aud / total if total > 0 else None


def _parted(sides: Sequence[Side]) -> dict[str, Any]:
    """Tell the captures apart by who has them."""
    lines: dict[tuple[str, str], CaptureLine] = {}
    owners: dict[tuple[str, str], list[int]] = {}
    for place, side in enumerate(sides):
        for line in side.contents.lines:
            lines.setdefault(line.key, line)
            if place not in owners.setdefault(line.key, []):
                owners[line.key].append(place)
    parts: dict[tuple[int, ...], list[CaptureLine]] = {}
    for key, places in owners.items():
        parts.setdefault(tuple(places), []).append(lines[key])
    alone = tuple((side.name, _sorted(parts.get((place,), []))) for place, side in enumerate(sides))
    some = tuple(
        (_and(sides[place].name for place in places), _sorted(held))
        for places, held in sorted(parts.items())
        if 1 < len(places) < len(sides)
    )
    return {"shared": _sorted(parts.get(tuple(range(len(sides))), [])), "alone": alone, "some": some}


def _sorted(lines: Iterable[CaptureLine]) -> tuple[CaptureLine, ...]:
    return tuple(sorted(lines, key=lambda line: (line.acquired, line.key)))


def _and(names: Iterable[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} and {last}"
