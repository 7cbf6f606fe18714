"""Searching the catalog: pages, streams, spatial index and property filters."""

from __future__ import annotations

import base64
import json
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import msgspec
import shapely

from scenecart.sandbox._data import synthetic
from scenecart.sandbox._data.geometry import InvalidGeometry, bounding_boxes, parse_geometry
from scenecart.sandbox._data.times import parse_time
from scenecart.sandbox._problem import Invalid, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shapely.geometry.base import BaseGeometry

    from scenecart.sandbox._data.storage import Storage
    from scenecart.sandbox._http.schemas import CatalogSearch

_PAGE, _BATCH = 100, 1_000
# above this number of boxes, reading in time order until the page is full is faster than sorting all matches
_MOST_BOXES = 6_000
_OPERATORS = {"lt": "<", "lte": "<=", "gt": ">", "gte": ">=", "eq": "=", "neq": "!="}
_NUMBERS_PER_POSITION = 2
# the others' pictures are north-up in degrees, with transparent pixels around the footprint
_LAYOUTS = {"aurora-50cm": "frame", "aurora-30cm": "frame", "lumen-spot": "frame", "openterra-10m": "utm"}
_MOST_CONDITIONS = 100
_encode = msgspec.json.Encoder().encode


@dataclass
class Search:
    """A validated search as SQL conditions and a shape."""

    hosts: list[str]
    where: str = "host = ?"
    values: list[Any] = field(default_factory=list)
    shape: BaseGeometry | None = None
    limit: int | None = None
    after: tuple[float, int] | None = None


class Catalog:
    """The captures of all hosts."""

    def __init__(self, storage: Storage, url: str) -> None:
        self._storage = storage
        self.url = url
        self.price_factor = 1.0
        self.hosts: dict[str, list[str]] = {}
        for row in storage.read.execute("SELECT host, collection FROM product ORDER BY host, collection"):
            self.hosts.setdefault(row["host"], []).append(row["collection"])

    def search_page(self, request: CatalogSearch) -> bytes:
        """Return one page of a search as JSON."""
        found, token = self.find_page(self._parse_search(request, default_limit=_PAGE))
        answer: dict[str, Any] = {
            "type": "FeatureCollection",
            "features": [self.feature(row) for row in found],
            "numberReturned": len(found),
            "links": [],
        }
        if token is not None:
            answer["next"] = token
            link = {"rel": "next", "method": "POST", "href": f"{self.url}/v1/op/catalog.search", "body": {"next": token}}
            answer["links"] = [link]
        return _encode(answer)

    def find_page(self, search: Search) -> tuple[list[Any], str | None]:
        """Return one page of rows and the token of the next page, None on the last."""
        limit = search.limit or _PAGE
        found = self._next_rows(search, limit + 1)
        if len(found) <= limit:
            return found, None
        last = found[limit - 1]
        token = base64.urlsafe_b64encode(json.dumps([last["begins"], last["number"]]).encode()).decode()
        return found[:limit], token

    def stream(self, request: CatalogSearch) -> Iterator[bytes]:
        """Return all results as NDJSON; the request is validated before the first line."""
        return self._stream(self._parse_search(request, default_limit=None))

    def find_capture(self, host: str | None, collection: str | None, name: str) -> Any:
        """Return the row of a capture, or None."""
        return self._storage.read.execute(
            "SELECT * FROM capture WHERE id = ? AND (? IS NULL OR host = ?) AND (? IS NULL OR collection = ?) LIMIT 1",
            (name, host, host, collection, collection),
        ).fetchone()

    def feature(self, row: Any) -> dict[str, Any]:
        """Return a capture as a STAC item; a generated capture has asset URLs of this server."""
        if row["body"] is not None:
            item: dict[str, Any] = msgspec.json.decode(row["body"])
            return item
        feature = synthetic.feature(row)
        thumbnail, quicklook = self.image_url(row, "thumbnail"), self.image_url(row, "quicklook")
        kind = "image/png" if quicklook.endswith(".png") else "image/jpeg"
        feature["assets"] = {
            "thumbnail": {"href": thumbnail, "type": "image/png", "roles": ["thumbnail"]},
            "quicklook": {"href": quicklook, "type": kind, "roles": ["overview"]},
        }
        feature["links"] = []
        return feature

    def image_url(self, row: Any, kind: str) -> str:
        """Return the URL of a thumbnail or quicklook; a quicklook with transparent pixels is a PNG, any other a JPEG."""
        is_png = kind == "thumbnail" or self.layout(row) == "degrees"
        return f"{self.url}/images/{quote(row['host'])}/{quote(row['id'], safe='')}/{kind}.{'png' if is_png else 'jpg'}"

    @staticmethod
    def layout(row: Any) -> str:
        """Return the layout of the pictures of a capture; see ``imagery.quicklook``."""
        return _LAYOUTS.get(row["collection"], "degrees")

    @staticmethod
    def properties(row: Any) -> dict[str, Any]:
        """Return a capture's properties."""
        feature = synthetic.feature(row) if row["body"] is None else msgspec.json.decode(row["body"])
        found = feature.get("properties")
        return found if isinstance(found, dict) else {}

    def _stream(self, search: Search) -> Iterator[bytes]:
        left = search.limit
        while left is None or left > 0:
            size = _BATCH if left is None else min(_BATCH, left)
            rows = self._next_rows(search, size)
            if rows:
                yield b"".join(_encode(self.feature(row)) + b"\n" for row in rows)
            if len(rows) < size:
                return
            search.after = rows[-1]["begins"], rows[-1]["number"]
            left = None if left is None else left - len(rows)

    def _next_rows(self, search: Search, count: int) -> list[Any]:
        """Return the next rows in a stable order: newest first, then by number."""
        if len(search.hosts) == 1:
            return self._next_rows_of_host(search.hosts[0], search, count)
        rows = [row for host in search.hosts for row in self._next_rows_of_host(host, search, count)]
        return sorted(rows, key=lambda row: (-row["begins"], row["number"]))[:count]

    def _next_rows_of_host(self, host: str, search: Search, count: int) -> list[Any]:
        kept: list[Any] = []
        after = search.after
        table, condition, condition_values = self._spatial_condition(search.shape)
        if search.shape is not None:
            shapely.prepare(search.shape)
        while len(kept) < count:
            where, values = search.where + condition, [host, *search.values, *condition_values]
            if after is not None:
                where += " AND begins <= ? AND (begins < ? OR number > ?)"
                values += [after[0], *after]
            size = max(100, count - len(kept))
            rows = self._storage.read.execute(
                f"SELECT * FROM {table} WHERE {where} ORDER BY begins DESC, number LIMIT {size}",  # noqa: S608  # built from fixed parts
                values,
            ).fetchall()
            if search.shape is None:
                kept += rows
            else:
                shapes = shapely.from_wkb([row["shape"] for row in rows])
                kept += [row for row, intersects in zip(rows, shapely.intersects(search.shape, shapes), strict=True) if intersects]
            if len(rows) < size:
                break
            after = rows[-1]["begins"], rows[-1]["number"]
        return kept[:count]

    def _spatial_condition(self, shape: BaseGeometry | None) -> tuple[str, str, list[float]]:
        """Return table, condition and values that select captures whose box intersects the shape's boxes."""
        if shape is None:
            return "capture", "", []
        sides = bounding_boxes(shape)
        # the R-tree stores 32-bit floats, rounded outwards
        overlap = " OR ".join(["(east >= ? AND west <= ? AND north >= ? AND south <= ?)"] * len(sides))
        values = [number for west, south, east, north in sides for number in (west, east, south, north)]
        (count,) = self._storage.read.execute(
            f"SELECT count(*) FROM (SELECT 1 FROM capture_box WHERE {overlap} LIMIT {_MOST_BOXES})",  # noqa: S608  # only placeholders
            values,
        ).fetchone()
        if count < _MOST_BOXES:
            inside = f"SELECT number / 2 FROM capture_box WHERE {overlap}"  # noqa: S608  # only placeholders
            return "capture NOT INDEXED", f" AND number IN ({inside})", values
        beside = "iif(west > east, east >= ? OR west <= ?, east >= ? AND west <= ?)"
        overlap = " OR ".join([f"({beside} AND north >= ? AND south <= ?)"] * len(sides))
        values = [number for west, south, east, north in sides for number in (west, east, west, east, south, north)]
        return "capture", f" AND ({overlap})", values

    def _parse_search(self, request: CatalogSearch, *, default_limit: int | None) -> Search:
        if request.host_name not in self.hosts:
            raise Problem(404, f"unknown host {request.host_name[:80]!r}; the hosts are {', '.join(self.hosts)}")
        if not (request.collections or request.ids):
            raise Invalid(("collections", "collections or ids are required"))
        for name in request.collections or []:
            if name not in self.hosts[request.host_name]:
                known = ", ".join(self.hosts[request.host_name])
                raise Invalid(("collections", f"{request.host_name} has no collection {name[:80]!r}; its collections are {known}"))
        search = self.parse_filters(request)
        search.hosts = [request.host_name]
        search.limit = request.limit or default_limit
        search.after = None if request.next is None else parse_page_token(request.next)
        return search

    def parse_filters(self, request: Any) -> Search:
        """Parse the filters that the catalog's own search and the STAC search share."""
        search = Search(list(self.hosts))
        for column, names in (("collection", request.collections), ("id", request.ids)):
            if names:
                search.where += f" AND {column} IN ({', '.join('?' * len(names))})"
                search.values += names
        search.shape = parse_area(request.bbox, request.intersects)
        _add_time_condition(request.datetime, search)
        _add_property_conditions(request.query, search)
        return search


def parse_area(bbox: list[float] | None, intersects: dict[str, Any] | None) -> BaseGeometry | None:
    """Return the area of a search, or None for no spatial filter."""
    if bbox is not None and intersects is not None:
        raise Invalid(("bbox", "use either bbox or intersects, not both"))
    if bbox is not None:
        return parse_bbox(bbox)
    if intersects is None:
        return None
    try:
        return parse_geometry(intersects)
    except InvalidGeometry as why:
        raise Invalid(("intersects", str(why))) from None


def parse_bbox(bbox: list[float]) -> BaseGeometry:
    """Parse a bbox; west greater than east crosses the antimeridian."""
    if len(bbox) not in {2 * _NUMBERS_PER_POSITION, 3 * _NUMBERS_PER_POSITION} or not all(map(math.isfinite, bbox)):
        raise Invalid(("bbox", "must be four numbers: west, south, east, north"))
    # in a bbox of six numbers the third and the sixth are heights
    west, south, east, north = bbox if len(bbox) == 2 * _NUMBERS_PER_POSITION else (*bbox[:2], *bbox[3:5])
    if not (-180 <= west <= 180 and -180 <= east <= 180 and -90 <= south <= north <= 90):  # noqa: PLR2004  # the world
        raise Invalid(("bbox", "must have longitudes within ±180, latitudes within ±90, and south at most north"))
    if west > east:
        return shapely.MultiPolygon([shapely.box(west, south, 180, north), shapely.box(-180, south, east, north)])
    return shapely.box(west, south, east, north)


def _add_time_condition(value: str | None, search: Search) -> None:
    if value is None:
        return
    begin, end = parse_interval(value)
    if begin is not None:
        search.where += " AND ends >= ?"
        search.values.append(begin)
    if end is not None:
        search.where += " AND begins <= ?"
        search.values.append(end)


def parse_interval(value: str) -> tuple[float | None, float | None]:
    """Parse a time or an interval with an optional open end, as Unix time in seconds."""
    first, slash, last = value.partition("/")
    begin = _parse_time(first)
    end = _parse_time(last) if slash else begin
    if begin is not None and end is not None and begin > end:
        raise Invalid(("datetime", "must start before it ends"))
    return begin, end


def _parse_time(text: str) -> float | None:
    if text in {"", ".."}:
        return None
    try:
        return parse_time(text.upper().replace(" ", "T"))
    except ValueError:
        raise Invalid(("datetime", "must be a time such as 2024-03-05T10:20:30Z, or start/end")) from None


def _add_property_conditions(query: dict[str, Any] | None, search: Search) -> None:
    for condition in parse_query(query):
        name = condition.name
        # conditions on an item from a file apply to its JSON, those on a generated capture to its columns
        column = f"iif(body IS NULL, {synthetic.PROPERTIES.get(name, 'NULL')}, json_extract(body, ?))"
        if name == "eo:cloud_cover":
            column = "cloud"
        else:
            search.values.append(condition.json_path)
        search.where += f" AND {column} {condition.comparison}"
        search.values += condition.values


@dataclass(frozen=True)
class Condition:
    """A condition on a property of an item: an SQL comparison without its left side, and its values."""

    name: str
    comparison: str
    values: list[Any]

    @property
    def json_path(self) -> str:
        """The JSON path of the property in an item."""
        return f'$.properties."{self.name}"'


def parse_query(query: dict[str, Any] | None) -> list[Condition]:
    """Parse the query of a search: properties, each with operators and their values.

    Raises
    ------
    Invalid
        With the property and operator that cannot be used.
    """
    if sum(len(conditions) for conditions in (query or {}).values() if isinstance(conditions, dict)) > _MOST_CONDITIONS:
        raise Invalid(("query", f"must have at most {_MOST_CONDITIONS} conditions"))
    found = []
    for name, conditions in (query or {}).items():
        if not isinstance(conditions, dict):
            raise Invalid((f"query.{name}", "must be an object of operators and values"))
        found += [parse_condition(name, operator, value, "query") for operator, value in conditions.items()]
    return found


def parse_condition(name: str, operator: str, value: Any, field_name: str) -> Condition:
    """Parse one condition on a property: an operator with a value, or ``in`` with a list."""
    if '"' in name or "\0" in name:
        raise Invalid((f"{field_name}.{name}", "must be the name of a property"))
    where = f"{field_name}.{name}.{operator}"
    values = value if isinstance(value, list) else [value]
    if operator.lower() not in {*_OPERATORS, "in"} or isinstance(value, list) != (operator.lower() == "in"):
        raise Invalid((where, "must be lt, lte, gt, gte, eq or neq with a value, or in with a list"))
    if not all(isinstance(entry, str | int | float) for entry in values) or not _fits_int64(values):
        raise Invalid((where, "must be text or a number"))
    sign = _OPERATORS.get(operator.lower())
    return Condition(name, f"{sign} ?" if sign else f"IN ({', '.join('?' * len(values))})", values)


def _fits_int64(values: list[Any]) -> bool:
    """Return whether all integers fit SQLite's 64 bits."""
    return all(abs(value) < 2**63 for value in values if isinstance(value, int))


def parse_page_token(token: str) -> tuple[float, int]:
    """Parse a page token: the time and number of the last capture of the page before."""
    try:
        begins, number = json.loads(base64.urlsafe_b64decode(token))
        return float(begins), int(number)
    except (ValueError, TypeError, OverflowError):
        raise Invalid(("next", "must be a token of this service")) from None
