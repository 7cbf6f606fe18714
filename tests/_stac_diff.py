"""Differences between two STAC items, each with its JSON path."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Iterator


def differences(left: Any, right: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Yield the path and both values of each difference; null and empty equal absent, and times are compared as instants."""
    if _is_empty(left) or _is_empty(right):
        if not _is_empty(left) or not _is_empty(right):
            yield path, left, right
    elif isinstance(left, dict) and isinstance(right, dict):
        for name in left.keys() | right.keys():
            yield from differences(left.get(name), right.get(name), f"{path}/{name}")
    elif isinstance(left, list | tuple) and isinstance(right, list | tuple) and len(left) == len(right):
        for number, (one, other) in enumerate(zip(left, right, strict=True)):
            yield from differences(one, other, f"{path}/{number}")
    elif not _are_equal(left, right):
        yield path, left, right


def _is_empty(value: Any) -> bool:
    return value is None or value == {} or (isinstance(value, list | tuple) and all(map(_is_empty, value)))


def _are_equal(left: Any, right: Any) -> bool:
    if isinstance(left, int | float) and isinstance(right, int | float):
        return isinstance(left, bool) == isinstance(right, bool) and math.isclose(left, right, rel_tol=1e-12)
    if isinstance(left, str) and isinstance(right, str) and left != right:
        moments = pd.to_datetime(pd.Series([left, right], dtype=object), format="ISO8601", utc=True, errors="coerce").dt.floor("us")
        return bool(moments.notna().all() and moments[0] == moments[1])
    return bool(left == right)
