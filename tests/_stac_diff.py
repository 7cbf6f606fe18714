"""Two STAC items compared, each difference named by where it is."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Iterator


def differences(left: Any, right: Any, where: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Yield where two documents differ, and how; what is null or empty is as if absent, and an instant is the same in any form."""
    if _is_nothing(left) or _is_nothing(right):
        if not _is_nothing(left) or not _is_nothing(right):
            yield where, left, right
    elif isinstance(left, dict) and isinstance(right, dict):
        for name in left.keys() | right.keys():
            yield from differences(left.get(name), right.get(name), f"{where}/{name}")
    elif isinstance(left, list | tuple) and isinstance(right, list | tuple) and len(left) == len(right):
        for number, (one, other) in enumerate(zip(left, right, strict=True)):
            yield from differences(one, other, f"{where}/{number}")
    elif not _are_alike(left, right):
        yield where, left, right


def _is_nothing(value: Any) -> bool:
    return value is None or value == {} or (isinstance(value, list | tuple) and all(map(_is_nothing, value)))


def _are_alike(left: Any, right: Any) -> bool:
    if isinstance(left, int | float) and isinstance(right, int | float):
        return isinstance(left, bool) == isinstance(right, bool) and math.isclose(left, right, rel_tol=1e-12)
    if isinstance(left, str) and isinstance(right, str) and left != right:
        moments = pd.to_datetime(pd.Series([left, right]), format="ISO8601", utc=True, errors="coerce").dt.floor("us")
        return bool(moments.notna().all() and moments[0] == moments[1])
    return bool(left == right)
