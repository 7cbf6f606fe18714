"""Whether the items of a STAC API match the search: not every API applies all filters."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely
from shapely.geometry import shape

from scenecart._captures.features import Slots, properties_of
from scenecart._captures.footprints import intersect_each
from scenecart._captures.properties import DATETIME, END_DATETIME, START_DATETIME
from scenecart._captures.times import instant
from scenecart._geo.area import as_geometry
from scenecart._util.text import pluralize
from scenecart._util.validate import is_number
from scenecart.exceptions import warn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from shapely.geometry.base import BaseGeometry

    from scenecart._captures.decode import Batch
    from scenecart._captures.features import Feature
    from scenecart._captures.query import Query

# APIs compute in single precision, or in other units than degrees
_TOLERANCE_DEGREES = 1e-6
_WHOLE_SECOND = dt.timedelta(seconds=1)


class Checks:
    """Checks items against a search, and counts those that do not match.

    An item without the property is kept if the API promises the condition, because the API may not return all properties; otherwise
    it does not match. A footprint that is missing or cannot be read is not compared.

    Parameters
    ----------
    query
        The search.
    promised
        Whether the API promises to filter by conditions on properties.
    is_static
        Whether the items are from a file or a catalog of files, which promise nothing.
    """

    def __init__(self, query: Query, *, promised: bool, is_static: bool = False) -> None:
        body = query.body
        self._ids, self._collections = (frozenset(body.get(name, ())) for name in ("ids", "collections"))
        self._interval = _interval(body.get("datetime"))
        self._conditions: Mapping[str, Mapping[str, Any]] = body.get("query", {})
        self._area = _area(body)
        self._promised = promised
        self._is_static = is_static
        self._total = 0
        self._unmatched: Counter[str] = Counter()

    def matching(self, batches: Iterable[Batch]) -> Iterator[Batch]:
        """Yield batches without the items that do not match."""
        for features, skipped in batches:
            self._total += len(features)
            yield self._matching(features), skipped

    def report(self, host: str) -> None:
        """Warn of items that were left out. There is no warning for files, which are always filtered here."""
        left_out = sum(self._unmatched.values())
        if not left_out or self._is_static:
            return
        names = ", ".join(sorted(self._unmatched))
        items = f"{left_out:,} of {pluralize(self._total, 'item')}"
        if not self._promised and not self._unmatched.keys().isdisjoint(self._conditions):
            warn(
                f"{host} does not promise to filter by properties, so they were filtered here: {items} did not match ({names}).",
                code="stac_filtered_here",
            )
        else:
            warn(
                f"{host} returned items that do not match the search by {names}. They were left out: {items}.",
                code="stac_unmatched_items",
            )

    def _matching(self, features: list[Feature]) -> list[Feature]:
        tests: list[tuple[str, Callable[[Feature], bool]]] = []
        if self._ids:
            tests.append(("ids", lambda feature: feature.id in self._ids))
        if self._collections:
            tests.append(
                (
                    "collections",
                    self._is_in_collection,
                )
            )
        if self._interval is not None:
            tests.append((DATETIME, self._is_in_time))
        tests += [(name, self._condition(name)) for name in self._conditions]
        kept = features
        for reason, test in tests:
            before = len(kept)
            kept = [feature for feature in kept if test(feature)]
            self._unmatched[reason] += before - len(kept)
        if self._area is not None and kept:
            before = len(kept)
            kept = [feature for feature, is_there in zip(kept, intersect_each(kept, self._area), strict=True) if is_there]
            self._unmatched["area"] += before - len(kept)
        self._unmatched = +self._unmatched
        return kept

    def _is_in_collection(self, feature: Feature) -> bool:
        is_unstated = feature.collection is None and not self._is_static
        return is_unstated or feature.collection in self._collections

    def _is_in_time(self, feature: Feature) -> bool:
        begin, end = self._interval or (None, None)
        moment, first, last = (_time(_value(feature, name)) for name in (DATETIME, START_DATETIME, END_DATETIME))
        spans = [span for span in ((moment, moment), (first or moment, last or moment)) if None not in span]
        if not spans:
            return not self._is_static
        return any((end is None or start < end) and (begin is None or stop >= begin) for start, stop in spans)  # type: ignore[operator]  # none of a span is None

    def _condition(self, name: str) -> Callable[[Feature], bool]:
        conditions = self._conditions[name]

        def test(feature: Feature) -> bool:
            value = _value(feature, name)
            if value is None:
                return self._promised
            return all(_holds(value, operator, wanted, default=self._promised) for operator, wanted in conditions.items())

        return test


def _value(feature: Feature, name: str) -> Any:
    """Return a property by its name, with or without the prefix ``properties.``, or a member of the item."""
    properties = feature.properties
    bare = name.removeprefix("properties.")
    if isinstance(properties, Slots):
        kind: Any = type(properties)
        if bare not in kind.names:
            return getattr(feature, bare, None) if bare in {"id", "collection"} else None
        if bare not in kind.nested:
            return getattr(properties, f"slot{kind.names.index(bare)}")
    found = properties_of(properties)
    return found.get(bare) if bare in found or bare not in {"id", "collection"} else getattr(feature, bare)


def _holds(value: Any, operator: str, wanted: Any, *, default: bool) -> bool:
    if operator == "in":
        return value in wanted if isinstance(wanted, list | tuple | set | frozenset) else default
    if operator in {"eq", "neq"}:
        return bool(value == wanted) is (operator == "eq")
    if is_number(value) and is_number(wanted):
        left, right = value, wanted
    elif isinstance(value, str) and isinstance(wanted, str):
        left, right = _comparable(value, wanted)
    else:
        # the API may compare them in its own way
        return default
    return bool({"lt": left < right, "lte": left <= right, "gt": left > right, "gte": left >= right}[operator])


def _comparable(value: str, wanted: str) -> tuple[Any, Any]:
    """Return two texts as times if both are times."""
    times = _time(value), _time(wanted)
    return (value, wanted) if None in times else times


def _interval(text: str | None) -> tuple[dt.datetime | None, dt.datetime | None] | None:
    """Return the first instant of a STAC interval, and the first one after it."""
    if text is None:
        return None
    first, slash, last = text.partition("/")
    end = _time(last if slash else first)
    if end is not None:
        # an end such as 23:59:59 means the whole second
        end += _WHOLE_SECOND if not end.microsecond else dt.timedelta(microseconds=1)
    return _time(first), end


def _time(value: Any) -> dt.datetime | None:
    """Return a time of an item or of an interval; a time without a zone is read as UTC."""
    if not isinstance(value, str):
        return None
    text = value.strip()
    try:
        moment = dt.datetime.fromisoformat(text)
        return moment.replace(tzinfo=dt.UTC) if moment.tzinfo is None else moment.astimezone(dt.UTC)
    except (ValueError, OverflowError):
        pass
    try:
        # slower, and reads the second 60; of other texts pandas would make a guess
        return instant(text).to_pydatetime(warn=False) if text[:4].isdigit() else None
    except (ValueError, OverflowError):
        return None


def _area(body: Mapping[str, Any]) -> BaseGeometry | None:
    if "bbox" in body:
        area = as_geometry(body["bbox"], argument="bbox")
    elif "intersects" in body:
        area = shape(body["intersects"])
    else:
        return None
    around: BaseGeometry = shapely.buffer(area, _TOLERANCE_DEGREES)
    return around


def sorted_rows(columns: Sequence[tuple[Sequence[Any], bool]], count: int) -> list[int]:
    """Return the rows in the order of some columns, each with whether it descends; missing values are last.

    Examples
    --------
    >>> from scenecart._captures.stac_checks import sorted_rows
    >>> sorted_rows([([3, None, 1], False)], 3), sorted_rows([([3, None, 1], True)], 3)
    ([2, 0, 1], [0, 2, 1])
    """
    rows = list(range(count))
    for values, descends in reversed(columns):
        present = [row for row in rows if not _is_missing(values[row])]
        missing = [row for row in rows if _is_missing(values[row])]
        try:
            present.sort(key=lambda row: values[row], reverse=descends)
        except TypeError:
            present.sort(key=lambda row: str(values[row]), reverse=descends)
        rows = present + missing
    return rows


def _is_missing(value: Any) -> bool:
    return value is None or bool(np.isscalar(value) and value != value)  # noqa: PLR0124  # NaN and NaT
