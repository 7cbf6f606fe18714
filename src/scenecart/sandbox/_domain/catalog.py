"""The catalog: what is in it, and every way to search it."""

from __future__ import annotations

import base64
import json
import math
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec
import shapely

from scenecart.sandbox._data import synthetic
from scenecart.sandbox._data.geometry import Unusable, boxes, read_shape
from scenecart.sandbox._problem import Invalid, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shapely.geometry.base import BaseGeometry

    from scenecart.sandbox._data.storage import Storage
    from scenecart.sandbox._http.schemas import CatalogSearch

_PAGE, _BATCH = 100, 1_000
# with more captures than this in a box, reading by time until the page is full is quicker than sorting them
_FEW = 6_000
_OPERATORS = {"lt": "<", "lte": "<=", "gt": ">", "gte": ">=", "eq": "=", "neq": "!="}
_NUMBERS_PER_POSITION = 2
_MOST_TESTS = 100
_encode = msgspec.json.Encoder().encode


@dataclass
class Search:
    """A checked search."""

    hosts: list[str]
    where: str = "host = ?"
    values: list[Any] = field(default_factory=list)
    shape: BaseGeometry | None = None
    limit: int | None = None
    after: tuple[float, int] | None = None


class Catalog:
    """The captures of every host."""

    def __init__(self, storage: Storage, url: str) -> None:
        self._storage = storage
        self.url = url
        self.price_factor = 1.0
        self.hosts: dict[str, list[str]] = {}
        for row in storage.read.execute("SELECT host, collection FROM product ORDER BY host, collection"):
            self.hosts.setdefault(row["host"], []).append(row["collection"])

    def page(self, asked: CatalogSearch) -> bytes:
        """Answer a search with one page."""
        found, token = self.find(self._read(asked, default_limit=_PAGE))
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

    def find(self, search: Search) -> tuple[list[Any], str | None]:
        """Return one page of captures and, unless it is the last, the token of the next."""
        limit = search.limit or _PAGE
        found = self._found(search, limit + 1)
        if len(found) <= limit:
            return found, None
        last = found[limit - 1]
        token = base64.urlsafe_b64encode(json.dumps([last["begins"], last["number"]]).encode()).decode()
        return found[:limit], token

    def stream(self, asked: CatalogSearch) -> Iterator[bytes]:
        """Answer a search with all it finds, a line a capture. The search is checked before the first line."""
        return self._stream(self._read(asked, default_limit=None))

    def capture(self, host: str | None, collection: str | None, name: str) -> Any:
        """Return one capture's row, or None."""
        return self._storage.read.execute(
            "SELECT * FROM capture WHERE id = ? AND (? IS NULL OR host = ?) AND (? IS NULL OR collection = ?) LIMIT 1",
            (name, host, host, collection, collection),
        ).fetchone()

    def feature(self, row: Any) -> dict[str, Any]:
        """Return a capture as it is answered; the invented ones get their links here, since addresses change."""
        if row["body"] is not None:
            real: dict[str, Any] = msgspec.json.decode(row["body"])
            return real
        feature = synthetic.feature(row)
        where = f"{self.url}/images/{row['host']}/{row['id']}"
        feature["assets"] = {
            "thumbnail": {"href": f"{where}/thumbnail.png", "type": "image/png", "roles": ["thumbnail"]},
            "quicklook": {"href": f"{where}/quicklook.png", "type": "image/png", "roles": ["overview"]},
        }
        feature["links"] = []
        return feature

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
            found = self._found(search, size)
            if found:
                yield b"".join(_encode(self.feature(row)) + b"\n" for row in found)
            if len(found) < size:
                return
            search.after = found[-1]["begins"], found[-1]["number"]
            left = None if left is None else left - len(found)

    def _found(self, search: Search, count: int) -> list[Any]:
        """Return the next captures in the one stable order: newest first, then by number."""
        if len(search.hosts) == 1:
            return self._found_of(search.hosts[0], search, count)
        rows = [row for host in search.hosts for row in self._found_of(host, search, count)]
        return sorted(rows, key=lambda row: (-row["begins"], row["number"]))[:count]

    def _found_of(self, host: str, search: Search, count: int) -> list[Any]:
        kept: list[Any] = []
        after = search.after
        table, place, place_values = self._place(search.shape)
        if search.shape is not None:
            shapely.prepare(search.shape)
        while len(kept) < count:
            where, values = search.where + place, [host, *search.values, *place_values]
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
                kept += [row for row, meets in zip(rows, shapely.intersects(search.shape, shapes), strict=True) if meets]
            if len(rows) < size:
                break
            after = rows[-1]["begins"], rows[-1]["number"]
        return kept[:count]

    def _place(self, shape: BaseGeometry | None) -> tuple[str, str, list[float]]:
        """Return where to read, and the condition that leaves captures whose box meets the shape's; exact shapes decide later."""
        if shape is None:
            return "capture", "", []
        sides = boxes(shape)
        # the index rounds to 32 bits, outwards
        overlap = " OR ".join(["(east >= ? AND west <= ? AND north >= ? AND south <= ?)"] * len(sides))
        values = [number for west, south, east, north in sides for number in (west, east, south, north)]
        (many,) = self._storage.read.execute(
            f"SELECT count(*) FROM (SELECT 1 FROM capture_box WHERE {overlap} LIMIT {_FEW})",  # noqa: S608  # marks only
            values,
        ).fetchone()
        if many < _FEW:
            inside = f"SELECT number / 2 FROM capture_box WHERE {overlap}"  # noqa: S608  # marks only
            return "capture NOT INDEXED", f" AND number IN ({inside})", values
        beside = "iif(west > east, east >= ? OR west <= ?, east >= ? AND west <= ?)"
        overlap = " OR ".join([f"({beside} AND north >= ? AND south <= ?)"] * len(sides))
        values = [number for west, south, east, north in sides for number in (west, east, west, east, south, north)]
        return "capture", f" AND ({overlap})", values

    def _read(self, asked: CatalogSearch, *, default_limit: int | None) -> Search:
        if asked.host_name not in self.hosts:
            raise Problem(404, f"there is no host {asked.host_name[:80]!r}; there are {', '.join(self.hosts)}")
        if not (asked.collections or asked.ids):
            raise Invalid(("collections", "collections or ids are needed"))
        for name in asked.collections or []:
            if name not in self.hosts[asked.host_name]:
                known = ", ".join(self.hosts[asked.host_name])
                raise Invalid(("collections", f"{asked.host_name} has no {name[:80]!r}; it has {known}"))
        search = self.read_filters(asked)
        search.hosts = [asked.host_name]
        search.limit = asked.limit or default_limit
        search.after = None if asked.next is None else read_token(asked.next)
        return search

    def read_filters(self, asked: Any) -> Search:
        """Return the part of a search that every way of asking shares."""
        search = Search(list(self.hosts))
        for column, names in (("collection", asked.collections), ("id", asked.ids)):
            if names:
                search.where += f" AND {column} IN ({', '.join('?' * len(names))})"
                search.values += names
        search.shape = read_place(asked.bbox, asked.intersects)
        _read_time(asked.datetime, search)
        _read_query(asked.query, search)
        return search


def read_place(bbox: list[float] | None, intersects: dict[str, Any] | None) -> BaseGeometry | None:
    """Return the shape a search looks in, or None for everywhere."""
    if bbox is not None and intersects is not None:
        raise Invalid(("bbox", "bbox and intersects exclude each other"))
    if bbox is not None:
        return box_of(bbox)
    if intersects is None:
        return None
    try:
        return read_shape(intersects)
    except Unusable as why:
        raise Invalid(("intersects", str(why))) from None


def box_of(bbox: list[float]) -> BaseGeometry:
    """Read a bbox; west greater than east crosses the antimeridian."""
    if len(bbox) not in {2 * _NUMBERS_PER_POSITION, 3 * _NUMBERS_PER_POSITION} or not all(map(math.isfinite, bbox)):
        raise Invalid(("bbox", "four numbers: west, south, east, north"))
    # of six the third and the last are heights
    west, south, east, north = bbox if len(bbox) == 2 * _NUMBERS_PER_POSITION else (*bbox[:2], *bbox[3:5])
    if not (-180 <= west <= 180 and -180 <= east <= 180 and -90 <= south <= north <= 90):  # noqa: PLR2004  # the world
        raise Invalid(("bbox", "west, south, east, north within the world, south below north"))
    if west > east:
        return shapely.MultiPolygon([shapely.box(west, south, 180, north), shapely.box(-180, south, east, north)])
    return shapely.box(west, south, east, north)


def _read_time(value: str | None, search: Search) -> None:
    if value is None:
        return
    begin, end = instants(value)
    if begin is not None:
        search.where += " AND ends >= ?"
        search.values.append(begin)
    if end is not None:
        search.where += " AND begins <= ?"
        search.values.append(end)


def instants(value: str) -> tuple[float | None, float | None]:
    """Read an instant or a range, either end of which may be open; seconds since 1970."""
    first, slash, last = value.partition("/")
    begin = _instant(first)
    end = _instant(last) if slash else begin
    if begin is not None and end is not None and begin > end:
        raise Invalid(("datetime", "the start is after the end"))
    return begin, end


def _instant(text: str) -> float | None:
    if text in {"", ".."}:
        return None
    try:
        moment = datetime.fromisoformat(text.upper().replace(" ", "T"))
    except ValueError:
        raise Invalid(("datetime", "an instant such as 2024-03-05T10:20:30Z, or start/end")) from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _read_query(query: dict[str, Any] | None, search: Search) -> None:
    if sum(len(tests) for tests in (query or {}).values() if isinstance(tests, dict)) > _MOST_TESTS:
        raise Invalid(("query", f"at most {_MOST_TESTS} conditions"))
    for name, tests in (query or {}).items():
        if not isinstance(tests, dict) or '"' in name or "\0" in name:
            raise Invalid((f"query.{name}", "an object of operator to value"))
        # a real capture is asked itself, an invented one its columns
        column = f"iif(body IS NULL, {synthetic.PROPERTIES.get(name, 'NULL')}, json_extract(body, ?))"
        if name == "eo:cloud_cover":
            column = "cloud"
        for operator, value in tests.items():
            values = value if isinstance(value, list) else [value]
            if operator.lower() not in {*_OPERATORS, "in"} or isinstance(value, list) != (operator.lower() == "in"):
                raise Invalid((f"query.{name}.{operator}", "lt, lte, gt, gte, eq, neq with a value, in with a list"))
            if not all(isinstance(entry, str | int | float) for entry in values) or not _fit(values):
                raise Invalid((f"query.{name}.{operator}", "text or a number"))
            if column != "cloud":
                search.values.append(f'$.properties."{name}"')
            sign = _OPERATORS.get(operator.lower())
            search.where += f" AND {column} " + (f"{sign} ?" if sign else f"IN ({', '.join('?' * len(values))})")
            search.values += values


def _fit(values: list[Any]) -> bool:
    """Tell whether SQLite's numbers hold them."""
    return all(abs(value) < 2**63 for value in values if isinstance(value, int))


def read_token(token: str) -> tuple[float, int]:
    """Read where a page ended."""
    try:
        begins, number = json.loads(base64.urlsafe_b64decode(token))
        return float(begins), int(number)
    except (ValueError, TypeError, OverflowError):
        raise Invalid(("next", "not a token of this service")) from None
