"""Checks of captures that go into a cart: what identifies them, and why some cannot be ordered."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from scenecart._captures.frame import CRS
from scenecart._geo.geometry import clip_each, reasons_unusable
from scenecart._util.text import clean_text, first_names
from scenecart._util.validate import is_unicode
from scenecart.exceptions import InvalidCart

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shapely.geometry.base import BaseGeometry

    from scenecart._geo.area import Area

# host, collection and id of a capture; host and collection are None where they are not stated
CaptureKey = tuple[str | None, str | None, str]

_IDS_IN_MESSAGE = 5
_LEAVE_OUT = "Leave them out: captures[~captures.id.isin(error.ids)]."


def checked_frame(captures: Any) -> gpd.GeoDataFrame:
    """Return captures in EPSG:4326 with their footprints in the column ``geometry``.

    Raises
    ------
    InvalidCart
        If ``captures`` is not a GeoDataFrame of captures, or is empty.
    """
    if isinstance(captures, pd.Series) and "id" in captures.index and "geometry" in captures.index:
        raise InvalidCart(
            "must be a GeoDataFrame, got a single row.",
            code="captures_single_row",
            argument="captures",
            hint="Use a slice: captures.iloc[[0]].",
        )
    if not isinstance(captures, gpd.GeoDataFrame):
        raise InvalidCart(
            f"must be a GeoDataFrame of captures, got {type(captures).__name__}.",
            code="captures_not_a_frame",
            argument="captures",
            hint="Pass rows of client.search(…).",
        )
    if "id" not in captures.columns or captures.active_geometry_name is None:
        missing = "geometry" if "id" in captures.columns else "id"
        raise InvalidCart(
            f"must have a column {missing!r}.",
            code="captures_column_missing",
            argument="captures",
            hint="Pass rows of client.search(…).",
        )
    if len(captures) == 0:
        raise InvalidCart(
            "The cart is empty: no captures were selected.", code="cart_empty", hint="Loosen the filters, or search again."
        )
    frame = captures if captures.active_geometry_name == "geometry" else captures.rename_geometry("geometry")
    if frame.crs is None:
        return frame.set_crs(CRS)
    return frame if frame.crs == CRS else frame.to_crs(CRS)


def orderable_captures(captures: gpd.GeoDataFrame, area: Area | None) -> gpd.GeoDataFrame:
    """Check that captures can be ordered, and return them without duplicates.

    Raises
    ------
    InvalidCart
        If the captures are empty, if one of them cannot be ordered or is outside the area, or if two have the same id but
        different footprints.
    """
    if len(captures) == 0:
        raise InvalidCart("The cart would be empty.", code="cart_would_be_empty", hint="Keep at least one capture.")
    _refuse_unusable(captures)
    if area is not None:
        outside = captures["id"][shapely.is_empty(clip_each(captures.geometry.to_numpy(), area.geometry))]
        if len(outside):
            names = [str(name) for name in outside]
            error = InvalidCart(
                f"Captures outside the area of interest: {joined_ids(names)}.", code="captures_outside_area", hint=_LEAVE_OUT
            )
            raise with_ids(error, names)
    is_first: list[bool] = []
    twice: dict[str, None] = {}
    footprints: dict[tuple[str | None, str | None, str], BaseGeometry] = {}
    for key, footprint in zip(keys_of(captures), captures.geometry, strict=True):
        is_first.append(key not in footprints)
        if is_first[-1]:
            footprints[key] = footprint
        elif not footprints[key].equals(footprint):
            twice[key[2]] = None
    if twice:
        error = InvalidCart(
            f"Captures in the cart twice with different footprints: {joined_ids(list(twice))}.",
            code="captures_conflict",
            hint=_LEAVE_OUT,
        )
        raise with_ids(error, list(twice))
    return captures[np.array(is_first)].reset_index(drop=True)


def reasons_not_orderable(captures: gpd.GeoDataFrame) -> list[str | None]:
    """Return for each capture why it cannot be ordered, from the search or its id and footprint; None if it can."""
    from_search = captures["not_orderable_reason"] if "not_orderable_reason" in captures.columns else [None] * len(captures)
    from_footprint = reasons_unusable(captures.geometry.to_numpy())
    return [_reason_not_orderable(*row) for row in zip(captures["id"], from_footprint, from_search, strict=True)]


def _reason_not_orderable(name: Any, from_footprint: str | None, from_search: Any) -> str | None:
    if isinstance(from_search, str):
        return from_search
    return from_footprint if isinstance(name, str) and name.strip() and is_unicode(name) else "it has no usable id"


def _refuse_unusable(captures: gpd.GeoDataFrame) -> None:
    reasons: Counter[str] = Counter()
    ids: list[str] = []
    for name, reason in zip(captures["id"], reasons_not_orderable(captures), strict=True):
        if reason is not None:
            reasons[reason] += 1
            ids.append(clean_text(name, 80) or "without id")
    if reasons:
        reason, count = reasons.most_common(1)[0]
        others = f", and {reasons.total() - count} for other reasons" if len(reasons) > 1 else ""
        error = InvalidCart(
            f"{reasons.total()} of {len(captures)} captures cannot be ordered: {joined_ids(ids)} ({reason}{others}).",
            code="captures_not_orderable",
            hint="Leave them out: captures[captures.orderable].",
        )
        raise with_ids(error, ids)


def keys_of(captures: gpd.GeoDataFrame) -> list[CaptureKey]:
    """Return what identifies each capture: its host, collection and id."""
    return list(zip(texts_of(captures, "host"), texts_of(captures, "collection"), captures["id"], strict=True))


def is_same_capture(first: CaptureKey, second: CaptureKey) -> bool | None:
    """Return whether two keys are of the same capture; None if one of them does not state its host or collection.

    Examples
    --------
    >>> from scenecart._cart.checks import is_same_capture
    >>> is_same_capture(("h", "c", "a"), ("h", "c", "a")), is_same_capture(("h", "c", "a"), (None, None, "a"))
    (True, None)
    """
    if first[2] != second[2]:
        return False
    is_certain = True
    for ours, theirs in zip(first[:2], second[:2], strict=True):
        if ours is None or theirs is None:
            is_certain = is_certain and ours is theirs
        elif ours != theirs:
            return False
    return True if is_certain else None


def texts_of(captures: gpd.GeoDataFrame, column: str) -> list[str | None]:
    """Return the strings of a column; None if the value is not a string or the column does not exist."""
    if column not in captures.columns:
        return [None] * len(captures)
    return [value if isinstance(value, str) else None for value in captures[column]]


def with_ids(error: InvalidCart, ids: Sequence[str]) -> InvalidCart:
    """Return an error with the ids of the captures it is about."""
    error.ids = list(ids)
    return error


def joined_ids(ids: Sequence[str]) -> str:
    """Return ids as a message lists them: the first five, and the number of the others."""
    return first_names(ids, _IDS_IN_MESSAGE)
