"""What a catalog can be asked: every argument checked, and written as the request has it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from shapely.geometry import shape

from scenecart._api import operations
from scenecart._captures.stac_api import interval
from scenecart._geo.area import as_area, as_geometry
from scenecart._geo.geometry import around_world_bounds, geojson, simplified
from scenecart.exceptions import InvalidQuery, warn

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

OPERATORS = frozenset({"lt", "lte", "gt", "gte", "eq", "neq", "in"})
_MOST_VERTICES = 500
_NUMBER_HINT = "Write it as a number, without quotation marks or separators: 50000."
_SHOWN = 5
_SIDES = ("west", "south", "east", "north")


@dataclass(frozen=True)
class Query:
    """A checked search.

    Attributes
    ----------
    host, body
        Whom to ask, and what.
    limit
        How many captures are wanted in all; None wants all.
    page_size
        How many are asked for at a time; None leaves it to the reader, which prefers a stream.
    exact
        The place asked for, where the request holds a simpler one around it.
    """

    host: str
    body: Mapping[str, Any]
    limit: int | None = None
    page_size: int | None = None
    exact: BaseGeometry | None = None

    @property
    def description(self) -> str:
        """What was asked, in words: whom, for what, when and where."""
        body = self.body
        parts = [f"{name} {_listed(body[name])}" for name in ("collections", "ids") if name in body]
        if "datetime" in body:
            parts.append(f"times {body['datetime']}")
        if "query" in body:
            parts.append(f"conditions {json.dumps(body['query'], default=str)}")
        edges = body.get("bbox")
        if edges is None and "intersects" in body:
            edges = around_world_bounds(self.exact or shape(body["intersects"]))
        if edges is not None:
            ends = " ".join(f"{side} {edge:g}" for side, edge in zip(_SIDES, edges, strict=True))
            parts.append(f"area {ends} (longitude before latitude)")
        return f"host {self.host}; {'; '.join(parts)}"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else "")


def build_query(  # one keyword for each thing a catalog can be asked
    host: str,
    *,
    aoi: Any = None,
    bbox: Any = None,
    intersects: Any = None,
    collections: str | Sequence[str] | None = None,
    ids: str | Sequence[str] | None = None,
    datetime: Any = None,
    query: Mapping[str, Any] | None = None,
    max_cloud_cover: float | None = None,
    limit: int | None = None,
    page_size: int | None = None,
) -> Query:
    """Check everything that can be checked before a request leaves.

    Raises
    ------
    InvalidQuery, InvalidArea
        Which argument cannot be used, and what it should look like.
    """
    if not isinstance(host, str) or not host.strip():
        raise InvalidQuery("host must be the name of a catalog host, as text.")
    criteria, exact = build_criteria(
        aoi=aoi,
        bbox=bbox,
        intersects=intersects,
        collections=collections,
        ids=ids,
        datetime=datetime,
        query=query,
        max_cloud_cover=max_cloud_cover,
    )
    check_count(limit, "limit")
    check_count(page_size, "page_size", operations.PAGE_LIMIT)
    if not criteria.keys() & {"collections", "ids"}:
        raise InvalidQuery("A search needs collections, ids, or both.", hint='Pass collections=["…"].')
    return Query(host, operations.search_body(host, criteria), limit, page_size, exact)


def build_criteria(
    *, aoi: Any, bbox: Any, intersects: Any, collections: Any, ids: Any, datetime: Any, query: Any, max_cloud_cover: Any
) -> tuple[dict[str, Any], BaseGeometry | None]:
    """Check what every catalog can be asked; return it as the request has it, and the place where that holds a simpler one."""
    named = {"collections": _names(collections, "collections"), "ids": _names(ids, "ids")}
    criteria: dict[str, Any] = {name: names for name, names in named.items() if names}
    place, exact = _place(aoi, bbox, intersects)
    criteria |= place
    if datetime is not None:
        criteria["datetime"] = interval(datetime)
    conditions = _conditions(query, max_cloud_cover)
    if conditions:
        criteria["query"] = conditions
    return criteria, exact


def check_count(value: Any, name: str, most: int | None = None) -> None:
    """Refuse what is no count from 1 on; None stands for no limit.

    Raises
    ------
    InvalidQuery
        If it is none, or more than ``most``.
    """
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int) or value < 1 or (most is not None and value > most):
        wanted = "of at least 1" if most is None else f"from 1 to {most}"
        raise InvalidQuery(f"{name} must be a whole number {wanted}, not {value!r}.", hint=number_hint(value))


def number_hint(value: Any) -> str | None:
    """Return how a number is written, where a text was given for one."""
    return _NUMBER_HINT if isinstance(value, str) else None


def warn_of_fraction(most: float, name: str = "max_cloud_cover") -> None:
    """Warn of a percentage that may be meant as a share."""
    if 0 < most < 1:
        warn(f"{name} is in per cent: this asks for {most:g} % at most. Was {100 * most:g} meant?")


def _names(value: str | Sequence[str] | None, what: str) -> list[str]:
    if value is None:
        return []
    names = [value] if isinstance(value, str) else list(value) if isinstance(value, Iterable) else [value]
    if not all(isinstance(name, str) and name for name in names):
        raise InvalidQuery(f"{what} must be names, as text.")
    return names


def _place(aoi: Any, bbox: Any, intersects: Any) -> tuple[dict[str, Any], BaseGeometry | None]:
    given = [name for name, value in (("aoi", aoi), ("bbox", bbox), ("intersects", intersects)) if value is not None]
    if len(given) > 1:
        raise InvalidQuery("Give aoi, bbox or intersects: one of them.")
    if bbox is not None:
        return {"bbox": list(around_world_bounds(as_geometry(bbox, name="bbox")))}, None
    if aoi is None and intersects is None:
        return {}, None
    geometry = as_geometry(intersects) if aoi is None else as_area(aoi).geometry
    around = simplified(geometry, _MOST_VERTICES)
    return {"intersects": geojson(around)}, None if around is geometry else geometry


def _conditions(query: Mapping[str, Any] | None, max_cloud_cover: float | None) -> dict[str, dict[str, Any]]:
    conditions: dict[str, dict[str, Any]] = {}
    if query is not None and not isinstance(query, Mapping):
        raise InvalidQuery("query must map a property to operators.", hint='{"gsd": {"lte": 0.5}}')
    for name, tests in (query or {}).items():
        if not isinstance(tests, Mapping) or not tests:
            raise InvalidQuery(f"query[{name!r}] must map operators to values.", hint='{"gsd": {"lte": 0.5}}')
        for operator in tests:
            if not isinstance(operator, str) or operator.lower() not in OPERATORS:
                near = get_close_matches(str(operator).lower(), OPERATORS, n=1)
                hint = f"Did you mean {near[0]!r}?" if near else f"The operators are {', '.join(sorted(OPERATORS))}."
                raise InvalidQuery(f"query[{name!r}] has an unknown operator {operator!r}.", hint=hint)
        conditions[str(name)] = {operator.lower(): value for operator, value in tests.items()}
        if len(conditions[str(name)]) < len(tests):
            raise InvalidQuery(f"query[{name!r}] has an operator twice, in lower and upper case.")
    if max_cloud_cover is not None:
        percent = isinstance(max_cloud_cover, int | float) and not isinstance(max_cloud_cover, bool)
        if not percent or not 0 <= max_cloud_cover <= 100:  # noqa: PLR2004  # per cent
            raise InvalidQuery(f"max_cloud_cover is a percentage from 0 to 100, not {max_cloud_cover!r}.")
        warn_of_fraction(max_cloud_cover)
        if "lte" in conditions.get(operations.CLOUD, {}):
            raise InvalidQuery(f"Give max_cloud_cover or query[{operations.CLOUD!r}], not both.")
        conditions.setdefault(operations.CLOUD, {})["lte"] = max_cloud_cover
    return conditions
