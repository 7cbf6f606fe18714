"""Price lines: what each price group consists of, with dates and ids, for pages and reports."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from scenecart._util.text import clean_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime
    from decimal import Decimal

    from scenecart._api.schemas import PriceGroup

_IDS_IN_LINE = 4


@dataclass(frozen=True)
class PriceLine:
    """A price group in words.

    Attributes
    ----------
    number : int
        The number of the line, from 1.
    names : tuple of str
        The first ids of its captures, in the order of the captures.
    more : int
        How many further captures it has.
    days : str
        The date of its captures (UTC), or the first and the last; empty if they are not known.
    km2 : float or None
        The km² that are priced, as the service measured them.
    """

    number: int
    names: tuple[str, ...]
    more: int
    days: str
    km2: float | None
    credits: int
    aud: Decimal

    @property
    def captures(self) -> str:
        """The ids in one text."""
        return ", ".join([*self.names, *([f"and {self.more:,} more"] if self.more else [])])


def price_lines(groups: Iterable[PriceGroup], acquired: Mapping[str, datetime | None]) -> list[PriceLine]:
    """Return the price lines of groups, in the order of the captures.

    Parameters
    ----------
    groups
        Price groups of the service.
    acquired
        Acquisition times by capture, in the order of the captures; those that are missing are unknown.
    """
    places = {name: place for place, name in enumerate(acquired)}
    return [
        PriceLine(
            number=number,
            names=tuple(clean_text(name, 120) for name in _ordered(group.ids, places)[:_IDS_IN_LINE]),
            more=max(0, len(group.ids) - _IDS_IN_LINE),
            days=_days([time for name in group.ids if (time := acquired.get(name)) is not None]),
            km2=group.aoi_km2,
            credits=group.credits,
            aud=group.aud,
        )
        for number, group in enumerate(ordered_groups(groups, places), 1)
    ]


def ordered_groups(groups: Iterable[PriceGroup], places: Mapping[str, int]) -> list[PriceGroup]:
    """Return price groups in the order of their first captures, by the places of the captures."""
    return sorted(groups, key=lambda group: min((places.get(name, len(places)) for name in group.ids), default=0))


def priced_km2(groups: Iterable[PriceGroup]) -> float | None:
    """Return the area of all price groups in km², as the service measures it; None if it does not state each, or without groups."""
    sizes = [group.aoi_km2 for group in groups]
    stated = [size for size in sizes if size is not None]
    return sum(stated) if stated and len(stated) == len(sizes) else None


def _ordered(names: Sequence[str], places: Mapping[str, int]) -> list[str]:
    return sorted(names, key=lambda name: places.get(name, len(places)))


def _days(times: Sequence[datetime]) -> str:
    if not times:
        return ""
    first, last = f"{min(times):%Y-%m-%d}", f"{max(times):%Y-%m-%d}"
    return first if first == last else f"{first} to {last}"
