"""The catalog: what is in it, and every way to search it."""

from __future__ import annotations

import base64
import json
import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import shapely

from scenecart.sandbox import _items, _orbits
from scenecart.sandbox._problem import Invalid, Problem
from scenecart.sandbox._shapes import Unusable, boxes, read_shape

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from shapely.geometry.base import BaseGeometry

    from scenecart.sandbox._storage import Storage

_PAGE, _LARGEST_PAGE, _BATCH = 100, 500, 1_000
_OPERATORS = {"lt": "<", "lte": "<=", "gt": ">", "gte": ">=", "eq": "=", "neq": "!="}
_NUMBERS_PER_POSITION = 4


@dataclass
class Search:
    """A checked search."""

    host: str
    where: str
    values: list[Any]
    shape: BaseGeometry | None = None
    limit: int | None = None
    after: tuple[float, int] | None = None


class Catalog:
    """The captures of every host."""

    def __init__(self, storage: Storage, url: str) -> None:
        self._storage = storage
        self.url = url

    @property
    def hosts(self) -> dict[str, list[str]]:
        """Every host with its collections."""
        found: dict[str, list[str]] = {}
        for row in self._storage.read.execute("SELECT host, collection FROM product ORDER BY host, collection"):
            found.setdefault(row["host"], []).append(row["collection"])
        return found

    def fill(self, seed: int, items: Path | None) -> None:
        """Fill an empty catalog: with real items where given, else with what the invented satellites took."""
        with self._storage.write() as database:
            if items is None:
                database.executemany(
                    "INSERT INTO product VALUES (?, ?, ?, ?, ?, ?, ?)",
                    [
                        (
                            p.host,
                            p.collection,
                            p.credits_per_km2,
                            p.least_km2,
                            p.least_credits,
                            p.unites_one_date,
                            p.retired,
                        )
                        for p in _orbits.PRODUCTS
                    ],
                )
                rows: Iterator[_items.Row] = _orbits.generate(seed)
            else:
                rows = _items.load(items)
            captures: list[tuple[Any, ...]] = []
            extents: list[tuple[Any, ...]] = []
            for number, (host, collection, name, begins, ends, cloud, shape, feature) in enumerate(rows, 1):
                wkb = None if shape is None else shapely.to_wkb(shape)
                text = json.dumps(feature, separators=(",", ":"))
                captures.append((number, host, collection, name, begins, ends, cloud, wkb, text))
                extents += [(2 * number + side, w, e, s, n) for side, (w, s, e, n) in enumerate(boxes(shape) if shape else [])]
            database.executemany("INSERT INTO capture VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", captures)
            database.executemany("INSERT INTO capture_box VALUES (?, ?, ?, ?, ?)", extents)
            database.execute("CREATE INDEX capture_time ON capture (host, begins DESC, number)")
            database.execute("CREATE INDEX capture_id ON capture (id)")
            if items is not None:
                collections = sorted({(row[1], row[2]) for row in captures})
                database.executemany("INSERT INTO product VALUES (?, ?, 20, 0.01, 500, 1, 0)", collections)
            database.execute("INSERT INTO setting VALUES ('catalog', 'filled')")

    def page(self, body: Any) -> dict[str, Any]:
        """Answer a search with one page."""
        search = self._read(body, default_limit=_PAGE)
        limit = search.limit or _PAGE
        found = self._found(search, limit + 1)
        token = None
        if len(found) > limit:
            found = found[:limit]
            last = found[-1]
            token = base64.urlsafe_b64encode(json.dumps([last["begins"], last["number"]]).encode()).decode()
        features = [self.feature(row) for row in found]
        answer: dict[str, Any] = {"type": "FeatureCollection", "features": features, "numberReturned": len(features)}
        if token is not None:
            answer["next"] = token
            answer["links"] = [
                {"rel": "next", "method": "POST", "href": f"{self.url}/v1/op/catalog.search", "body": {"next": token}}
            ]
        return answer

    def stream(self, body: Any) -> Iterator[bytes]:
        """Answer a search with all it finds, a line a capture. The search is checked before the first line."""
        return self._stream(self._read(body, default_limit=None))

    def capture(self, host: str | None, collection: str | None, name: str) -> Any:
        """Return one capture's row, or None."""
        return self._storage.read.execute(
            "SELECT * FROM capture WHERE id = ? AND (? IS NULL OR host = ?) AND (? IS NULL OR collection = ?) LIMIT 1",
            (name, host, host, collection, collection),
        ).fetchone()

    def feature(self, row: Any) -> dict[str, Any]:
        """Return a capture as it is answered; the generated ones get their links here, since addresses change."""
        feature: dict[str, Any] = json.loads(row["body"])
        if "assets" not in feature and row["host"] != _items.HOST:
            where = f"{self.url}/images/{row['host']}/{row['id']}"
            feature["assets"] = {
                "thumbnail": {"href": f"{where}/thumbnail.png", "type": "image/png", "roles": ["thumbnail"]},
                "quicklook": {"href": f"{where}/quicklook.png", "type": "image/png", "roles": ["overview"]},
            }
            feature["links"] = []
        return feature

    def _stream(self, search: Search) -> Iterator[bytes]:
        left = search.limit
        while left is None or left > 0:
            size = _BATCH if left is None else min(_BATCH, left)
            found = self._found(search, size)
            if found:
                yield b"".join(json.dumps(self.feature(row), separators=(",", ":")).encode() + b"\n" for row in found)
            if len(found) < size:
                return
            search.after = found[-1]["begins"], found[-1]["number"]
            left = None if left is None else left - len(found)

    def _found(self, search: Search, count: int) -> list[Any]:
        """Return the next captures in the one stable order: newest first, then by number."""
        kept: list[Any] = []
        after = search.after
        prepared = search.shape
        if prepared is not None:
            shapely.prepare(prepared)
        while len(kept) < count:
            where, values = search.where, list(search.values)
            if after is not None:
                where += " AND (begins < ? OR (begins = ? AND number > ?))"
                values += [after[0], after[0], after[1]]
            size = max(200, 2 * (count - len(kept)))
            rows = self._storage.read.execute(
                f"SELECT * FROM capture WHERE {where} ORDER BY begins DESC, number LIMIT {size}",  # noqa: S608  # built from fixed parts
                values,
            ).fetchall()
            if prepared is None:
                kept += rows
            else:
                shapes = shapely.from_wkb([row["shape"] for row in rows])
                kept += [row for row, meets in zip(rows, shapely.intersects(prepared, shapes), strict=True) if meets]
            if len(rows) < size:
                break
            after = rows[-1]["begins"], rows[-1]["number"]
        return kept[:count]

    def _read(self, body: Any, *, default_limit: int | None) -> Search:
        if not isinstance(body, dict):
            raise Invalid(("", "a search is an object"))
        host = body.get("host_name")
        if not isinstance(host, str) or not host:
            raise Invalid(("host_name", "a host is needed"))
        hosts = self.hosts
        if host not in hosts:
            raise Problem(404, f"there is no host {host[:80]!r}; there are {', '.join(hosts)}")
        search = Search(host, "host = ?", [host], limit=default_limit)
        self._read_names(body, search, hosts[host])
        _read_place(body, search)
        _read_time(body, search)
        _read_query(body, search)
        limit = body.get("limit")
        if limit is not None:
            if isinstance(limit, bool) or not isinstance(limit, int) or not 1 <= limit <= _LARGEST_PAGE:
                raise Invalid(("limit", f"a whole number from 1 to {_LARGEST_PAGE}"))
            search.limit = limit
        token = body.get("next")
        if token is not None:
            search.after = _read_token(token)
        return search

    @staticmethod
    def _read_names(body: dict[str, Any], search: Search, known: list[str]) -> None:
        given = {name: body.get(name) for name in ("collections", "ids")}
        for name, values in given.items():
            if values is None:
                continue
            if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
                raise Invalid((name, "a list of names"))
            unknown = [value for value in values if name == "collections" and value not in known]
            if unknown:
                raise Invalid((name, f"{search.host} has no {unknown[0][:80]!r}; it has {', '.join(known)}"))
            if values:
                marks = ", ".join("?" * len(values))
                search.where += f" AND {'collection' if name == 'collections' else 'id'} IN ({marks})"
                search.values += values
        if not (given["collections"] or given["ids"]):
            raise Invalid(("collections", "collections or ids are needed"))


def _read_place(body: dict[str, Any], search: Search) -> None:
    bbox, intersects = body.get("bbox"), body.get("intersects")
    if bbox is not None and intersects is not None:
        raise Invalid(("bbox", "bbox and intersects exclude each other"))
    if bbox is not None:
        search.shape = box_of(bbox)
    elif intersects is not None:
        try:
            search.shape = read_shape(intersects)
        except Unusable as why:
            raise Invalid(("intersects", str(why))) from None
    if search.shape is not None:
        sides = boxes(search.shape)
        overlap = " OR ".join(["(east >= ? AND west <= ? AND north >= ? AND south <= ?)"] * len(sides))
        # the index rounds to 32 bits, outwards; the exact shapes decide afterwards
        search.where += f" AND number IN (SELECT number / 2 FROM capture_box WHERE {overlap})"  # noqa: S608  # marks only
        for west, south, east, north in sides:
            search.values += [west, east, south, north]


def box_of(bbox: Any) -> BaseGeometry:
    """Read a bbox; west greater than east crosses the antimeridian."""
    usable = isinstance(bbox, list) and len(bbox) == _NUMBERS_PER_POSITION
    usable = usable and all(isinstance(n, int | float) and not isinstance(n, bool) and math.isfinite(n) for n in bbox)
    if not usable:
        raise Invalid(("bbox", "four numbers: west, south, east, north"))
    west, south, east, north = (float(number) for number in bbox)
    if not (-180 <= west <= 180 and -180 <= east <= 180 and -90 <= south <= north <= 90):  # noqa: PLR2004  # the world
        raise Invalid(("bbox", "west, south, east, north within the world, south below north"))
    if west > east:
        return shapely.MultiPolygon([shapely.box(west, south, 180, north), shapely.box(-180, south, east, north)])
    return shapely.box(west, south, east, north)


def _read_time(body: dict[str, Any], search: Search) -> None:
    value = body.get("datetime")
    if value is None:
        return
    begin, end = instants(value)
    if begin is not None:
        search.where += " AND ends >= ?"
        search.values.append(begin)
    if end is not None:
        search.where += " AND begins <= ?"
        search.values.append(end)


def instants(value: Any) -> tuple[float | None, float | None]:
    """Read an instant or a range, either end of which may be open; seconds since 1970."""
    if not isinstance(value, str):
        raise Invalid(("datetime", "an instant, or start/end"))
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


def _read_query(body: dict[str, Any], search: Search) -> None:
    query = body.get("query")
    if query is None:
        return
    if not isinstance(query, dict):
        raise Invalid(("query", "an object of property to operators"))
    for name, tests in query.items():
        if not isinstance(tests, dict) or '"' in name or "\0" in name:
            raise Invalid((f"query.{name}", "an object of operator to value"))
        column = "cloud" if name == "eo:cloud_cover" else "json_extract(body, ?)"
        for operator, value in tests.items():
            values = value if isinstance(value, list) else [value]
            if operator.lower() not in {*_OPERATORS, "in"} or isinstance(value, list) != (operator.lower() == "in"):
                raise Invalid((f"query.{name}.{operator}", "lt, lte, gt, gte, eq, neq with a value, in with a list"))
            if not all(isinstance(entry, str | int | float) for entry in values):
                raise Invalid((f"query.{name}.{operator}", "text or a number"))
            if column != "cloud":
                search.values.append(f'$.properties."{name}"')
            sign = _OPERATORS.get(operator.lower())
            search.where += f" AND {column} " + (f"{sign} ?" if sign else f"IN ({', '.join('?' * len(values))})")
            search.values += values


def _read_token(token: Any) -> tuple[float, int]:
    try:
        begins, number = json.loads(base64.urlsafe_b64decode(token))
        return float(begins), int(number)
    except (ValueError, TypeError):
        raise Invalid(("next", "not a token of this service")) from None
