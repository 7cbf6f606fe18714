"""Two dates compared on the map of the Workbench: which captures can be chosen, and which two are shown."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pandas as pd

from scenecart._captures.properties import AREA_CLOUD, CLOUD_COVER, ESTIMATE, GSD, OFF_NADIR, SUN_ELEVATION
from scenecart._captures.properties import AREA_CLOUD_SOURCE as CLOUD_SOURCE
from scenecart._util.text import clean_text
from scenecart.widgets._bench.pictures import picture_key
from scenecart.widgets._capture_text import day_texts
from scenecart.widgets._facets import EXACT_PRICE
from scenecart.widgets._money import dollars

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scenecart.widgets._state import CaptureState

_LEAST = 2
_FACTS = (
    (AREA_CLOUD, "Cloud, area", "{:.1f} %"),
    (CLOUD_COVER, "Cloud, scene", "{:.1f} %"),
    (OFF_NADIR, "Off-nadir", "{:.1f}°"),
    (GSD, "GSD", "{:.2f} m"),
    (SUN_ELEVATION, "Sun height", "{:.1f}°"),
)


class Swipe:
    """Which captures are compared, by their rows; ``shown`` is None, or the rows of A and B.

    Parameters
    ----------
    state
        The captures.
    """

    def __init__(self, state: CaptureState) -> None:
        self._state = state
        self._rows: list[int] = []
        self._captures: Any = None
        self.shown: tuple[int, int] | None = None

    @property
    def captures(self) -> Any:
        """The captures to choose from, in order of time."""
        return self._state.captures.iloc[self._rows]

    @property
    def is_stale(self) -> bool:
        """Whether the compared captures have been replaced by others."""
        return self.shown is not None and self._state.rows != self._captures

    def open(self, rows: Sequence[int], a: int, b: int) -> bool:
        """Compare two of several rows, given by their positions; False if there are fewer than two."""
        if len(rows) < _LEAST:
            return False
        self._rows, self._captures = [int(row) for row in rows], self._state.rows
        self.shown = self._rows[a], self._rows[b]
        return True

    def show(self, a: Any, b: Any) -> None:
        """Show two other rows; invalid ones are ignored."""
        if self.shown is not None and a in self._rows and b in self._rows and a != b:
            self.shown = int(a), int(b)

    def close(self) -> None:
        """End the comparison."""
        self.shown, self._rows = None, []

    def map_state(self) -> dict[str, Any] | None:
        """Return what the map shows; None if nothing is compared."""
        if self.shown is None:
            return None
        captures, area = self.captures, self._state.aoi
        days = day_texts(captures)
        years = {day.rpartition(" ")[2] for day in days}
        dates = [
            {"row": row, "text": day or "date not known", "short": day.rpartition(" ")[0] if len(years) == 1 else day, "key": key}
            for row, day, key in zip(self._rows, days, (picture_key(area, one) for one in captures.to_dict("records")), strict=True)
        ]
        return {"a": self.shown[0], "b": self.shown[1], "dates": dates}

    def card_state(self) -> dict[str, Any] | None:
        """Return what the card shows of both; None if nothing is compared."""
        if self.shown is None:
            return None
        state = self._state
        frame = state.captures.iloc[list(self.shown)]
        cart, labels = set(state.selection), list(frame.index)
        sides = [
            {
                "day": day or "date not known",
                "picture": picture_key(state.aoi, record),
                "id": clean_text(record["id"], 120),
                "is_in_cart": label in cart,
            }
            for day, record, label in zip(day_texts(frame), frame.to_dict("records"), labels, strict=True)
        ]
        rows = [[title, *(_fact(one, name, form) for _, one in frame.iterrows())] for name, title, form in _FACTS if name in frame]
        if EXACT_PRICE in frame:
            rows.append(["Price", *(_price(one) for _, one in frame.iterrows())])
        return {"sides": sides, "rows": rows}

    def footer_text(self) -> str:
        """Return the message for the footer."""
        if self.shown is None:
            return ""
        first, second = day_texts(self._state.captures.iloc[list(self.shown)])
        return f"Comparing {first or 'one capture'} with {second or 'another'}."


def _fact(capture: pd.Series[Any], name: str, form: str) -> str:
    value = _number(capture[name])
    if math.isnan(value):
        return "–"
    return f"≈ {form.format(value)}" if name == AREA_CLOUD and capture.get(CLOUD_SOURCE) == ESTIMATE else form.format(value)


def _price(capture: pd.Series[Any]) -> str:
    value = _number(capture[EXACT_PRICE])
    return "–" if math.isnan(value) else dollars(value)


def _number(value: Any) -> float:
    return float(pd.to_numeric(pd.Series([value]), errors="coerce").iloc[0])
