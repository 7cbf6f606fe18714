"""Validated searches as request bodies of a catalog."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from shapely.geometry import shape

from scenecart._api import operations
from scenecart._captures.properties import CLOUD_COVER, GSD, OFF_NADIR, SUN_ELEVATION
from scenecart._captures.stac_api import as_interval
from scenecart._geo.area import as_area, as_geometry
from scenecart._geo.geometry import around_world_bounds, geojson, simplified
from scenecart._util.validate import check_count, check_number, check_text, shown_value
from scenecart.exceptions import InvalidQuery, warn

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

    from scenecart._geo.area import Area

OPERATORS = frozenset({"lt", "lte", "gt", "gte", "eq", "neq", "in"})
_MAX_VERTICES = 500
_MAX_LISTED = 5
_SIDES = ("west", "south", "east", "north")
# names that are misspelled often; a catalog may have any others
_COMMON = (
    CLOUD_COVER,
    GSD,
    OFF_NADIR,
    SUN_ELEVATION,
    "constellation",
    "platform",
    "view:azimuth",
    "view:incidence_angle",
    "view:sun_azimuth",
)
_NEARLY = 0.9
_QUERY_HINT = 'For example: {"gsd": {"lte": 0.5}}'


@dataclass(frozen=True, kw_only=True)
class SearchCriteria:
    """The search criteria as given by the caller; see :meth:`Client.search`."""

    aoi: Any = None
    bbox: Any = None
    intersects: Any = None
    collections: str | Sequence[str] | None = None
    ids: str | Sequence[str] | None = None
    datetime: Any = None
    query: Mapping[str, Any] | None = None
    max_cloud_cover: float | None = None
    limit: int | None = None
    page_size: int | None = None


@dataclass(frozen=True)
class Query:
    """A validated search.

    Attributes
    ----------
    host, body
        The catalog host, and the request body.
    limit
        Maximum number of captures to return; None returns all.
    page_size
        How many captures to request at a time; None prefers the service's stream.
    exact_geometry
        The search geometry, if the request body contains a simplified one around it.
    area
        The area of interest, for the column ``covers`` of the result; None without one.
    """

    host: str
    body: Mapping[str, Any]
    limit: int | None = None
    page_size: int | None = None
    exact_geometry: BaseGeometry | None = None
    area: Area | None = None

    @property
    def description(self) -> str:
        """The search as text: host, collections, time, conditions and area."""
        body = self.body
        parts = [f"{name} {_listed(body[name])}" for name in ("collections", "ids") if name in body]
        if "datetime" in body:
            parts.append(f"times {body['datetime']}")
        if "query" in body:
            parts.append(f"conditions {json.dumps(body['query'], default=str)}")
        bounds = body.get("bbox")
        if bounds is None and "intersects" in body:
            bounds = around_world_bounds(self.exact_geometry or shape(body["intersects"]))
        if bounds is not None:
            sides = " ".join(f"{side} {edge:g}" for side, edge in zip(_SIDES, bounds, strict=True))
            parts.append(f"area {sides} (longitude before latitude)")
        return f"host {self.host}; {'; '.join(parts)}"


def build_query(host: str, criteria: SearchCriteria) -> Query:
    """Check a search of the service before anything is sent.

    Raises
    ------
    InvalidQuery, InvalidArea
        If an argument is invalid; the error names it.
    """
    check_text(host, "host", kind=InvalidQuery)
    body, limit, exact_geometry, area = _request_body(criteria)
    page_size = check_count(criteria.page_size, "page_size", most=operations.PAGE_LIMIT, kind=InvalidQuery)
    if not body.keys() & {"collections", "ids"}:
        raise InvalidQuery(
            "A search needs collections, ids, or both.", code="collections_missing", hint='Pass collections=["…"] or ids=["…"].'
        )
    return Query(host, operations.search_body(host, body), limit, page_size, exact_geometry, area)


def build_stac_query(host: str, criteria: SearchCriteria) -> Query:
    """Check a search of a STAC API, which needs no collections and has a page limit of its own; as :func:`build_query`."""
    body, limit, exact_geometry, area = _request_body(criteria)
    page_size = check_count(criteria.page_size, "page_size", kind=InvalidQuery)
    return Query(host, body, limit, page_size, exact_geometry, area)


def warn_of_fraction(percentage: float, argument: str = "max_cloud_cover") -> None:
    """Warn of a percentage below 1, which may be meant as a fraction."""
    if 0 < percentage < 1:
        warn(
            f"is a percentage: {percentage:g} means {percentage:g} %, not {100 * percentage:g} %.",
            argument=argument,
            code="cloud_cover_below_one_percent",
            hint=f"For {100 * percentage:g} %, use {100 * percentage:g}.",
        )


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:_MAX_LISTED]) + (f" and {len(names) - _MAX_LISTED:,} more" if len(names) > _MAX_LISTED else "")


def _request_body(criteria: SearchCriteria) -> tuple[dict[str, Any], int | None, BaseGeometry | None, Area | None]:
    """Return the request body, the limit, the exact geometry if the body contains a simplified one, and the area of interest."""
    names = {"collections": _names(criteria.collections, "collections"), "ids": _names(criteria.ids, "ids")}
    body: dict[str, Any] = {argument: values for argument, values in names.items() if values}
    place, exact_geometry, area = _search_area(criteria)
    body |= place
    if criteria.datetime is not None:
        body["datetime"] = as_interval(criteria.datetime)
    conditions = _conditions(criteria.query, criteria.max_cloud_cover)
    if conditions:
        body["query"] = conditions
    return body, check_count(criteria.limit, "limit", kind=InvalidQuery), exact_geometry, area


def _names(value: str | Sequence[str] | None, argument: str) -> list[str]:
    if value is None:
        return []
    names = [value] if isinstance(value, str) else list(value) if isinstance(value, Iterable) else [value]
    if not all(isinstance(name, str) and name for name in names):
        raise InvalidQuery(
            f"must be a non-empty string or a list of such strings, got {shown_value(value)}.",
            code="names_invalid",
            argument=argument,
        )
    return names


def _search_area(criteria: SearchCriteria) -> tuple[dict[str, Any], BaseGeometry | None, Area | None]:
    given = [name for name in ("aoi", "bbox", "intersects") if getattr(criteria, name) is not None]
    if len(given) > 1:
        raise InvalidQuery(
            f"A search takes one area, got {' and '.join(given)}.",
            code="area_ambiguous",
            hint="Use one of aoi, bbox and intersects.",
        )
    if criteria.bbox is not None:
        return {"bbox": list(around_world_bounds(as_geometry(criteria.bbox, argument="bbox")))}, None, None
    if not given:
        return {}, None, None
    area = None if criteria.aoi is None else as_area(criteria.aoi)
    exact = as_geometry(criteria.intersects) if area is None else area.geometry
    around = simplified(exact, _MAX_VERTICES)
    return {"intersects": geojson(around)}, None if around is exact else exact, area


def _conditions(query: Any, max_cloud_cover: float | None) -> dict[str, dict[str, Any]]:
    if query is not None and not isinstance(query, Mapping):
        raise InvalidQuery(
            f"must map properties to operators, got {shown_value(query)}.", code="query_invalid", argument="query", hint=_QUERY_HINT
        )
    conditions = {str(name): _operators(name, operators) for name, operators in (query or {}).items()}
    for name in conditions:
        near = [] if name in _COMMON else get_close_matches(name, _COMMON, n=1, cutoff=_NEARLY)
        if near:
            warn(
                f"The property {name!r} of the query is not a common one: captures without it do not match.",
                code="query_property_unusual",
                hint=f"Did you mean {near[0]!r}?",
            )
    max_cloud_cover = check_number(max_cloud_cover, "max_cloud_cover", least=0, most=100, kind=InvalidQuery)
    if max_cloud_cover is not None:
        warn_of_fraction(max_cloud_cover)
        if "lte" in conditions.get(CLOUD_COVER, {}):
            raise InvalidQuery(
                f"cannot be combined with 'lte' of {CLOUD_COVER!r} in query.",
                code="cloud_cover_ambiguous",
                argument="max_cloud_cover",
                hint="Use one of the two.",
            )
        conditions.setdefault(CLOUD_COVER, {})["lte"] = max_cloud_cover
    return conditions


def _operators(name: Any, operators: Any) -> dict[str, Any]:
    """Return the conditions on one property, with operators in lower case."""
    argument = f"query[{name!r}]"
    if not isinstance(operators, Mapping) or not operators:
        raise InvalidQuery(
            f"must map operators to values, got {shown_value(operators)}.",
            code="query_operators_missing",
            argument=argument,
            hint=_QUERY_HINT,
        )
    for operator in operators:
        if not isinstance(operator, str) or operator.lower() not in OPERATORS:
            near = get_close_matches(str(operator).lower(), OPERATORS, n=1)
            raise InvalidQuery(
                f"has an unknown operator {shown_value(operator)}.",
                code="query_operator_unknown",
                argument=argument,
                hint=f"Did you mean {near[0]!r}?" if near else f"The operators are {', '.join(sorted(OPERATORS))}.",
            )
    lower = {operator.lower(): value for operator, value in operators.items()}
    if len(lower) < len(operators):
        raise InvalidQuery(
            "has the same operator twice, in lower and upper case.", code="query_operator_repeated", argument=argument
        )
    return lower
