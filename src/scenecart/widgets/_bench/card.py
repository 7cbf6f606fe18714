"""The current capture in the Workbench: its picture cut to the area, its properties, its price, and the button for the cart."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pandas as pd

from scenecart._captures.properties import (
    AREA_CLOUD,
    AREA_CLOUD_SOURCE,
    CLOUD_COVER,
    ESTIMATE,
    GSD,
    MASK,
    OFF_NADIR,
    PROVIDER,
    SUN_ELEVATION,
)
from scenecart._captures.times import acquired_texts
from scenecart._cart.owned import SHARE, WHOLE
from scenecart._util.text import clean_text
from scenecart.widgets._bench.part import Part, style_of
from scenecart.widgets._bench.pictures import PictureSender, picture_key, script_with_pictures
from scenecart.widgets._capture_text import day_texts
from scenecart.widgets._facets import COVERAGE, EXACT_PRICE, PAID_KM2
from scenecart.widgets._money import dollars

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

    from scenecart.client import Client
    from scenecart.widgets._jobs import Runner
    from scenecart.widgets._state import CaptureState

# titles of the sources of cloud over the area
_SOURCES = {PROVIDER: "provider", MASK: "delivered mask", ESTIMATE: "estimate"}
# per cent of the area of interest; what is missing is rounding
_ALL_OF_THE_AREA = 99.95
_PICTURE = (592, 428)
_UNKNOWN = "not known"
_TRAITS = ["current", "captures", "aoi", "selection", "revision"]


class CardPart(Part):
    """The card of the current capture, drawn by ``card.js``. What it shows is :func:`card_state`.

    Parameters
    ----------
    state
        The captures, which of them is current, and which are in the cart (the selection).
    client
        Fetches the picture.
    runner
        Makes it in the background.
    on_request
        Called with the kind and the fields of events that concern other parts: ``"compare"``, ``"done"`` and ``"take"`` (``side``).
    """

    _esm = script_with_pictures("card")
    _css = style_of("card")

    def __init__(
        self, state: CaptureState, client: Client, runner: Runner, on_request: Callable[[str, dict[str, Any]], object] | None = None
    ) -> None:
        self._captures, self._on_request = state, on_request
        self._order: Sequence[Hashable] | None = None
        self._compared: dict[str, Any] | None = None
        super().__init__("sc-card", **card_state(state))
        self._pictures = PictureSender(self, client, runner, self._captures_shown, _PICTURE)
        self.on_event(self._act)
        self._is_following = True
        state.observe(self._redraw, _TRAITS)

    def close(self) -> None:
        """Stop following the captures."""
        if self._is_following:
            self._is_following = False
            self._captures.unobserve(self._redraw, _TRAITS)
        super().close()

    def compare(self, compared: dict[str, Any] | None) -> None:
        """Show two captures that are compared in place of the current one, or None."""
        self._compared = compared
        self._redraw(None)

    def order_by(self, labels: Sequence[Hashable] | None) -> None:
        """Step through captures in the order of a list; None uses the order of the search result."""
        self._order = labels
        self._redraw(None)

    def _redraw(self, _: Any) -> None:
        self.state = {**card_state(self._captures, self._order), "compared": self._compared}

    def _captures_shown(self) -> tuple[Any, Any]:
        state = self._captures
        if self._compared is not None:
            ids = {side["id"] for side in self._compared["sides"]}
            return state.captures[state.captures["id"].isin(ids)], state.aoi
        labels = [] if state.current is None else [state.current]
        return state.captures.loc[labels], state.aoi

    def _act(self, kind: str, fields: dict[str, Any]) -> None:
        state = self._captures
        if kind == "pictures":
            self._pictures.request(fields.get("keys"))
        elif kind == "step":
            self._step(1 if fields.get("step") == 1 else -1)
        elif kind == "toggle" and state.current is not None:
            state.select([state.current], "toggle")
        elif self._on_request is not None:
            self._on_request(kind, fields)

    def _step(self, step: int) -> None:
        labels = _labels(self._captures, self._order)
        if labels:
            at = labels.index(self._captures.current) + step if self._captures.current in labels else 0
            self._captures.current = labels[min(max(at, 0), len(labels) - 1)]


def card_state(state: CaptureState, order: Sequence[Hashable] | None = None) -> dict[str, Any]:
    """Return what the page shows of the current capture, as JSON; an empty ``id`` if there is none."""
    labels = _labels(state, order)
    if state.current is None:
        return {"id": "", "count": len(labels)}
    captures = state.captures
    row = captures.loc[state.current]
    frame = captures.loc[[state.current]]
    (acquired,), (day,) = acquired_texts(frame), day_texts(frame)
    at = labels.index(state.current) if state.current in labels else None
    reason = row.get("not_orderable_reason")
    return {
        "id": clean_text(row["id"], 120),
        "count": len(labels),
        "position": "" if at is None else f"{at + 1:,} of {len(labels):,}",
        "has_previous": at is not None and at > 0,
        "has_next": at is not None and at < len(labels) - 1,
        "title": _title(acquired, day),
        "picture": picture_key(state.aoi, row),
        "tag": "whole capture · approximate" if state.aoi is None else "cut to my area · approximate",
        "facts": _facts(state, row),
        "price": _price(row),
        "owned": _owned_kind(row),
        "is_in_cart": state.current in state.selection,
        "problem": clean_text(reason, 200) if isinstance(reason, str) else "",
    }


def _labels(state: CaptureState, order: Sequence[Hashable] | None) -> list[Hashable]:
    return list(state.filtered.index) if order is None else list(order)


def _title(acquired: str, day: str) -> str:
    """Return when a capture was taken, as a title.

    Examples
    --------
    >>> _title("2024-05-15 00:06", "15 May 2024"), _title("2024-05-15 to 2024-05-17", "16 May 2024"), _title("", "")
    ('15 May 2024, 00:06 UTC', '2024-05-15 to 2024-05-17', 'Date not known')
    """
    _, _, clock = acquired.partition(" ")
    return f"{day}, {clock} UTC" if day and len(clock) == len("00:06") else acquired or "Date not known"


def _facts(state: CaptureState, row: pd.Series[Any]) -> list[list[str]]:
    """Return names, sources and values."""
    facts = []
    if state.aoi is not None:
        source = row.get(AREA_CLOUD_SOURCE)
        value = _text(row, AREA_CLOUD, "{:.1f} %")
        shown = f"≈ {value}" if source == ESTIMATE and value else value or _UNKNOWN
        facts.append(["Cloud over my area", _SOURCES.get(str(source), "") if value else "", shown])
    cloud = _text(row, CLOUD_COVER, "{:.1f} %")
    facts.append(["Cloud, whole scene", "provider" if cloud else "", cloud or _UNKNOWN])
    angles = [text for text in (_text(row, OFF_NADIR, "{:.1f}°"), _text(row, GSD, "{:.2f} m")) if text]
    facts.append(["Off-nadir · GSD", "", " · ".join(angles) or _UNKNOWN])
    facts.append(["Sun height", "", _text(row, SUN_ELEVATION, "{:.1f}°") or _UNKNOWN])
    everything = "it"
    if state.aoi is not None:
        share = state.values(COVERAGE)[state.captures.index.get_loc(state.current)]
        # rounded down: 100 % means all of it
        facts.append(["Covers my area", "", _UNKNOWN if math.isnan(share) else f"{math.floor(share * 10 + 1e-6) / 10:.1f} %"])
        everything = "what it covers of my area" if share < _ALL_OF_THE_AREA else "my area"
    facts.append(["Owned by us", "", _owned_text(row, everything)])
    return facts


def _price(row: pd.Series[Any]) -> dict[str, str] | None:
    price, km2 = _number(row, EXACT_PRICE), _number(row, PAID_KM2)
    return None if price is None else {"label": "" if km2 is None else f"{km2:,.2f} km² priced", "value": dollars(price)}


def _owned_kind(row: pd.Series[Any]) -> str:
    if SHARE not in row.index:
        return ""
    share = _number(row, SHARE)
    return "perhaps" if share is None else "all" if share >= WHOLE else "part" if share > 0 else ""


def _owned_text(row: pd.Series[Any], everything: str) -> str:
    kind = _owned_kind(row)
    if SHARE not in row.index:
        return _UNKNOWN
    share = _number(row, SHARE) or 0.0
    return {
        "": "no",
        "perhaps": "perhaps",
        "all": f"yes, all of {everything}",
        "part": f"{math.floor(100 * share):.0f} % of {everything}",
    }[kind]


def _text(row: pd.Series[Any], name: str, form: str) -> str:
    value = _number(row, name)
    return "" if value is None else form.format(value)


def _number(row: pd.Series[Any], name: str) -> float | None:
    value = float(pd.to_numeric(pd.Series([row.get(name)]), errors="coerce").iloc[0])
    return None if math.isnan(value) else value
