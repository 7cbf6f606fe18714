"""Contents of a comparison of carts: prices, figures, shared and exclusive captures."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from statistics import median
from typing import TYPE_CHECKING, Any

import shapely

from scenecart._geo.geometry import geodesic_km2, polygonal, union
from scenecart._util import html
from scenecart.exceptions import InvalidRequest
from scenecart.report._model import contents_of, safe_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from decimal import Decimal

    from shapely.geometry.base import BaseGeometry

    from scenecart.report._model import CaptureLine, Contents

_MAX_CARTS = 12
_DASH = "–"
_KINDS = {"quote": "estimate", "order": "order", "cart": "cart, not priced"}


@dataclass(frozen=True)
class ComparedCart:
    """One of the compared carts.

    Attributes
    ----------
    aud_per_km2 : decimal.Decimal or None
        The service's total divided by the service's km², if it reports both.
    cloud : tuple of float or None
        Minimum, median and maximum cloud cover in percent.
    dates : tuple of datetime or None
        First and last acquisition time.
    coverage : float or None
        The share of the common area that is covered, in percent.
    """

    name: str
    contents: Contents
    aud_per_km2: Decimal | None
    cloud: tuple[float, float, float] | None
    dates: tuple[datetime, datetime] | None
    coverage: float | None


@dataclass(frozen=True)
class Comparison:
    """Several carts, and the captures that they have in common or alone.

    Attributes
    ----------
    common_km2 : float or None
        The common area of all carts in km²; None if one has no area, or they have none in common.
    shared : tuple of CaptureLine
        Captures in all carts.
    exclusive : tuple of (str, tuple of CaptureLine)
        Captures in one cart only, by its name.
    partly_shared : tuple of (str, tuple of CaptureLine)
        Captures in several carts but not in all, by their names.
    """

    title: str
    sides: tuple[ComparedCart, ...]
    common_km2: float | None
    shared: tuple[CaptureLine, ...]
    exclusive: tuple[tuple[str, tuple[CaptureLine, ...]], ...]
    partly_shared: tuple[tuple[str, tuple[CaptureLine, ...]], ...]

    @property
    def stamp(self) -> datetime:
        """The latest time stamp of the carts."""
        return max(side.contents.stamp for side in self.sides)

    @property
    def price_note(self) -> str:
        """The source of the figures."""
        note = (
            "All amounts are from the service's estimates and orders; scenecart computed none of them. "
            "A$ per km² is the service's total divided by the area priced; it is missing where captures of several dates "
            "have one price, because their area may count once. "
            "Of the area covered, overlaps count once. "
        )
        if self.common_km2 is not None:
            note += (
                f"The common area of all carts has {html.km2(self.common_km2)} km²; "
                "the share covered is computed on the WGS84 ellipsoid. "
            )
        return f"{note}100 credits are 1 Australian dollar."

    @property
    def sections(self) -> tuple[tuple[str, tuple[CaptureLine, ...]], ...]:
        """Captures with a heading: in all carts, in some, in one only."""
        everywhere = "In both" if len(self.sides) == 2 else "In all"  # noqa: PLR2004  # "both" is for two
        return (
            (everywhere, self.shared),
            *((f"In {name} only", lines) for name, lines in self.partly_shared),
            *((f"Only in {name}", lines) for name, lines in self.exclusive),
        )

    def rows(self) -> list[tuple[str, str, list[Any]]]:
        """Return the rows of figures: label, style of the values, and a value or None for each cart."""
        sides = self.sides
        contents = [side.contents for side in sides]
        marked = {side.name for side in self.marked}
        rows: list[tuple[str, str, list[Any]]] = [
            ("Total, A$", "money", [one.total_aud for one in contents]),
            ("Total, credits", "count", [one.total_credits for one in contents]),
            ("A$ per km²", "money", [side.aud_per_km2 for side in sides]),
            ("Type", "text", [_KINDS[one.kind] for one in contents]),
            ("Priced or placed (UTC)", "time", [one.time for one in contents]),
            ("Captures", "count", [len(one.lines) for one in contents]),
            ("Captures without a price", "count", [len(one.unpriced) if one.kind == "quote" else None for one in contents]),
            ("Area priced, km²", "km2", [one.priced_km2 for one in contents]),
            ("Area covered, km²", "km2", [one.area_km2 for one in contents]),
            ("Area of interest, km²", "km2", [None if one.area is None else one.area.km2 for one in contents]),
            ("Owned", "text", [side.contents.owned or ("none" if side.name in marked else None) for side in sides]),
        ]
        if self.common_km2 is not None:
            rows.append(("Common area covered, %", "one", [side.coverage for side in sides]))
        rows += [
            ("First capture", "day", [None if side.dates is None else side.dates[0] for side in sides]),
            ("Last capture", "day", [None if side.dates is None else side.dates[1] for side in sides]),
            *(
                (f"Cloud %, {name}", "one", [None if side.cloud is None else side.cloud[place] for side in sides])
                for place, name in enumerate(("minimum", "median", "maximum"))
            ),
            ("Options", "text", [one.options for one in contents]),
            ("Cart", "text", [None if one.fingerprint is None else one.fingerprint[:10] for one in contents]),
        ]
        return [row for row in rows if any(value is not None for value in row[2])]

    @property
    def marked(self) -> tuple[ComparedCart, ...]:
        """The carts, without orders, whose captures are marked with the share that is owned already."""
        return tuple(
            side for side in self.sides
            if side.contents.kind != "order" and any(line.owned is not None for line in side.contents.lines)
        )  # fmt: skip

    def capture_rows(self, absent: str) -> list[tuple[Any, ...]]:
        """Return a row for each capture: its properties, for each cart ``yes`` or the text for absent, and what is owned.

        The owned share has a column for each cart in :attr:`marked`: from 0 to 1, or ``may be``.
        """
        holders = [{line.key for line in side.contents.lines} for side in self.sides]
        owned = [{line.key: line.owned for line in side.contents.lines} for side in self.marked]
        return [
            (line.id, line.host, line.collection, line.acquired, line.cloud, line.off_nadir, line.gsd,
             *("yes" if line.key in held else absent for held in holders),
             *(_owned(shares.get(line.key)) for shares in owned))
            for _, captures in self.sections
            for line in captures
        ]  # fmt: skip


def _owned(share: float | None) -> float | str | None:
    """Return a share for a table: rounded, ``may be`` if it is unknown, None for a capture that is not in the cart."""
    return share if share is None else "may be" if math.isnan(share) else round(share, 4)


def format_value(value: Any, style: str) -> str:
    """Return a value of a comparison as text."""
    if value is None:
        return _DASH
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}" if style == "time" else f"{value:%Y-%m-%d}"
    formats = {"money": "{:,.2f}", "count": "{:,}", "one": "{:.1f}"}
    return html.km2(value) if style == "km2" else formats.get(style, "{}").format(value)


def comparison_of(subjects: Any, title: str | None = None) -> Comparison:
    """Return the comparison of estimates, orders and carts.

    Raises
    ------
    InvalidRequest
        If there are fewer than two subjects, too many, or one is something else.
    """
    named = _named(subjects)
    contents = [contents_of(subject) for _, subject in named]
    area = _common([one.area.geometry if one.area is not None else None for one in contents])
    sides = tuple(_side(name, one, area) for (name, _), one in zip(named, contents, strict=True))
    return Comparison(
        title=safe_text(title, 200) or "Comparison of carts",
        sides=sides,
        common_km2=None if area is None else geodesic_km2(area),
        **_by_holder(sides),
    )


def _named(subjects: Any) -> list[tuple[str, Any]]:
    if isinstance(subjects, Mapping):
        named = [(safe_text(str(name), 40) or _letter(place), subject) for place, (name, subject) in enumerate(subjects.items())]
    elif isinstance(subjects, list | tuple):
        named = [(_letter(place), subject) for place, subject in enumerate(subjects)]
    else:
        raise InvalidRequest(
            f"must be a list or a mapping of carts, got {type(subjects).__name__}.",
            argument="subjects",
            code="comparison_subjects_invalid",
            hint="Pass [first, second] or {name: first, other_name: second}.",
        )
    if not 1 < len(named) <= _MAX_CARTS:
        raise InvalidRequest(
            f"must have 2 to {_MAX_CARTS} carts, got {len(named)}.", argument="subjects", code="comparison_size_invalid"
        )
    if len({name for name, _ in named}) < len(named):
        raise InvalidRequest(
            "Two compared carts have the same name.",
            code="comparison_names_equal",
            hint="Use names that differ in their first 40 characters.",
        )
    return named


def _letter(place: int) -> str:
    return chr(ord("A") + place % 26)


def _common(areas: Sequence[BaseGeometry | None]) -> BaseGeometry | None:
    known = [area for area in areas if area is not None]
    if len(known) < len(areas):
        return None
    common = polygonal(shapely.intersection_all(known))
    return None if common.is_empty else common


def _side(name: str, contents: Contents, area: BaseGeometry | None) -> ComparedCart:
    clouds = [line.cloud for line in contents.lines if line.cloud is not None]
    acquired = [line.acquired for line in contents.lines if line.acquired is not None]
    coverage = None
    if area is not None and len(contents.clipped):
        coverage = 100 * min(1.0, geodesic_km2(polygonal(shapely.intersection(union(contents.clipped), area))) / geodesic_km2(area))
    return ComparedCart(
        name=name,
        contents=contents,
        aud_per_km2=_per_km2(contents),
        cloud=(min(clouds), median(clouds), max(clouds)) if clouds else None,
        dates=(min(acquired), max(acquired)) if acquired else None,
        coverage=coverage,
    )


def _per_km2(contents: Contents) -> Decimal | None:
    """Return the price per km²; None if it is not known, or if captures of several dates have one price."""
    dated = {(line.group, line.acquired.date()) for line in contents.lines if line.group is not None and line.acquired is not None}
    if len(dated) > len({group for group, _ in dated}):
        return None
    km2 = contents.priced_km2
    if contents.total_aud is None or km2 is None or km2 <= 0:
        return None
    return contents.total_aud / type(contents.total_aud)(str(km2))


def _by_holder(sides: Sequence[ComparedCart]) -> dict[str, Any]:
    """Return the captures grouped by the carts that have them."""
    lines: dict[tuple[str, str], CaptureLine] = {}
    holders: dict[tuple[str, str], list[int]] = {}
    for place, side in enumerate(sides):
        for line in side.contents.lines:
            lines.setdefault(line.key, line)
            if place not in holders.setdefault(line.key, []):
                holders[line.key].append(place)
    parts: dict[tuple[int, ...], list[CaptureLine]] = {}
    for key, places in holders.items():
        parts.setdefault(tuple(places), []).append(lines[key])
    exclusive = tuple((side.name, _sorted(parts.get((place,), []))) for place, side in enumerate(sides))
    partly_shared = tuple(
        (_joined(sides[place].name for place in places), _sorted(held))
        for places, held in sorted(parts.items())
        if 1 < len(places) < len(sides)
    )
    return {"shared": _sorted(parts.get(tuple(range(len(sides))), [])), "exclusive": exclusive, "partly_shared": partly_shared}


def _sorted(lines: Iterable[CaptureLine]) -> tuple[CaptureLine, ...]:
    return tuple(sorted(lines, key=lambda line: (line.acquired_text, line.key)))


def _joined(names: Iterable[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} and {last}"
