"""STAC APIs of the delivered items and of the catalog."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote, urlencode

import shapely

from scenecart.sandbox._data.times import to_rfc3339
from scenecart.sandbox._domain.catalog import parse_area, parse_condition, parse_interval, parse_page_token
from scenecart.sandbox._http.schemas import LARGEST_STAC_PAGE, StacSearch, parse
from scenecart.sandbox._problem import Invalid, Problem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scenecart.sandbox._data.storage import Storage
    from scenecart.sandbox._domain.caller import Caller
    from scenecart.sandbox._domain.catalog import Catalog, Condition
    from scenecart.sandbox._domain.delivery import Delivery

CONFORMS = [
    "https://api.stacspec.org/v1.0.0/core",
    "https://api.stacspec.org/v1.0.0/collections",
    "https://api.stacspec.org/v1.0.0/ogcapi-features",
    "https://api.stacspec.org/v1.0.0/item-search",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/geojson",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/oas30",
]
_GEOJSON = "application/geo+json"
_TITLES = {
    "self": "This document",
    "root": "Landing page",
    "data": "Collections",
    "service-desc": "OpenAPI",
    "service-doc": "About",
}
# RFC 3339, section 5.6
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)")
_CQL2_OPERATORS = {"=": "eq", "<>": "neq", "<": "lt", "<=": "lte", ">": "gt", ">=": "gte", "in": "in"}
_MOST_CONDITIONS = 100
_DATETIME_MESSAGE = "must be an RFC 3339 time, or start/end"


class ItemSource(Protocol):
    """The items that a STAC API serves."""

    title: str

    def collections(self, caller: Caller) -> list[dict[str, Any]]:
        """Return the caller's collections, each with id, description, bbox and interval."""

    def page(self, caller: Caller, request: StacSearch) -> tuple[list[dict[str, Any]], str | None, int | None]:
        """Return one page of items, the token of the next page, and the total if it is known."""


class StacApi:
    """One STAC API: landing page, conformance, collections, items, and search by GET and POST."""

    def __init__(self, source: ItemSource, url: str, path: str) -> None:
        self.source = source
        self._url = url
        self.path = path
        self.root = f"{url}{path}"

    def landing(self, caller: Caller) -> dict[str, Any]:
        """Return the landing page."""
        links = [
            _link("self", f"{self.root}/"),
            _link("root", f"{self.root}/"),
            _link("conformance", f"{self.root}/conformance"),
            _link("data", f"{self.root}/collections"),
            {**_link("service-desc", f"{self._url}/openapi.json"), "type": "application/vnd.oai.openapi+json;version=3.1"},
            {**_link("service-doc", f"{self._url}/"), "type": "text/html"},
            {**_link("search", f"{self.root}/search"), "type": _GEOJSON, "method": "GET"},
            {**_link("search", f"{self.root}/search"), "type": _GEOJSON, "method": "POST"},
        ]
        links += [
            {**_link("child", f"{self.root}/collections/{quote(summary['id'], safe='')}"), "title": summary["id"]}
            for summary in self.source.collections(caller)
        ]
        return {
            "type": "Catalog",
            "stac_version": "1.0.0",
            "id": "sandbox",
            "title": self.source.title,
            "description": f"{self.source.title}, served by the sandbox.",
            "conformsTo": CONFORMS,
            "links": links,
        }

    def collections(self, caller: Caller) -> dict[str, Any]:
        """Return all collections."""
        return {
            "collections": [self._collection(summary) for summary in self.source.collections(caller)],
            "links": [_link("self", f"{self.root}/collections"), _link("root", f"{self.root}/")],
        }

    def collection(self, caller: Caller, name: str) -> dict[str, Any]:
        """Return one collection."""
        for summary in self.source.collections(caller):
            if summary["id"] == name:
                return self._collection(summary)
        raise Problem(404, "there is no such collection")

    def item(self, caller: Caller, collection: str, name: str) -> dict[str, Any]:
        """Return one item of a collection."""
        self.collection(caller, collection)
        found, _, _ = self.source.page(caller, StacSearch(collections=[collection], ids=[name], limit=1))
        if not found:
            raise Problem(404, "there is no such item")
        return self.with_links(found[0])

    def items(self, caller: Caller, collection: str, query: dict[str, list[str]]) -> dict[str, Any]:
        """Return a page of a collection's items."""
        self.collection(caller, collection)
        request = self._parse({**query, "collections": [collection]}, from_query=True)
        given = {name: ",".join(values) for name, values in query.items()}
        return self._item_page(caller, request, f"/collections/{quote(collection, safe='')}/items", given)

    def search(self, caller: Caller, body: Any, *, from_query: bool) -> dict[str, Any]:
        """Return one page of a search."""
        given = {name: ",".join(values) for name, values in body.items()} if from_query else None
        return self._item_page(caller, self._parse(body, from_query=from_query), "/search", given, body)

    def with_links(self, feature: dict[str, Any]) -> dict[str, Any]:
        """Return an item with the links of this API; links with other relations stay."""
        collection = f"{self.root}/collections/{quote(str(feature.get('collection')), safe='')}"
        name = feature.get("id")
        # an item without a usable id cannot be requested
        own = [{**_link("self", f"{collection}/items/{quote(name, safe='')}"), "type": _GEOJSON}] if isinstance(name, str) else []
        links = [
            *own,
            _link("collection", collection),
            _link("parent", collection),
            _link("root", f"{self.root}/"),
        ]
        own_relations = {"self", *(link["rel"] for link in links)}
        existing = feature.get("links")
        if isinstance(existing, list):
            links += [link for link in existing if _is_absolute(link) and link.get("rel") not in own_relations]
        return {"stac_version": "1.0.0", "assets": {}, **feature, "links": links}

    def _parse(self, body: Any, *, from_query: bool) -> StacSearch:
        """Parse a search as OGC API requires: errors are 400, and a limit above the maximum is the maximum."""
        try:
            request = parse(StacSearch, {**body, **_capped_limit(body.get("limit"), from_query=from_query)}, from_query=from_query)
            check_rfc3339(request)
        except Invalid as invalid:
            raise Problem(400, invalid.summary) from None
        return request

    def _item_page(
        self, caller: Caller, request: StacSearch, path: str, query: dict[str, str] | None, body: Any = None
    ) -> dict[str, Any]:
        try:
            found, token, matched = self.source.page(caller, request)
        except Invalid as invalid:
            raise Problem(400, invalid.summary) from None
        links = [_link("self", f"{self.root}{path}"), _link("root", f"{self.root}/")]
        if token is not None and query is not None:
            next_query = urlencode({**query, "token": token})
            links.append({**_link("next", f"{self.root}{path}?{next_query}"), "type": _GEOJSON, "method": "GET"})
        elif token is not None:
            next_body = {**body, "token": token}
            links.append({**_link("next", f"{self.root}{path}"), "type": _GEOJSON, "method": "POST", "body": next_body})
        answer = {
            "type": "FeatureCollection",
            "features": [self.with_links(feature) for feature in found],
            "links": links,
            "numberReturned": len(found),
        }
        return answer if matched is None else {**answer, "numberMatched": matched}

    def _collection(self, summary: dict[str, Any]) -> dict[str, Any]:
        where = f"{self.root}/collections/{quote(summary['id'], safe='')}"
        return {
            "type": "Collection",
            "stac_version": "1.0.0",
            "id": summary["id"],
            "title": summary["id"],
            "description": summary["description"],
            "license": "proprietary",
            "extent": {"spatial": {"bbox": [summary["bbox"]]}, "temporal": {"interval": [summary["interval"]]}},
            "links": [
                _link("self", where),
                _link("root", f"{self.root}/"),
                _link("parent", f"{self.root}/"),
                {**_link("items", f"{where}/items"), "type": _GEOJSON},
            ],
        }


class DeliverySource:
    """The items delivered to the caller's organization, one collection per project."""

    title = "DeliverySource imagery"

    def __init__(self, storage: Storage, delivery: Delivery) -> None:
        self._storage = storage
        self._delivery = delivery

    def collections(self, caller: Caller) -> list[dict[str, Any]]:
        """Return one collection for each project of the organization."""
        projects = self._storage.read.execute("SELECT id FROM project WHERE organization = ?", (caller.organization,)).fetchall()
        found = []
        for project in projects:
            rows = self._storage.read.execute("SELECT begins, shape FROM item WHERE project = ?", (project["id"],)).fetchall()
            shapes = shapely.from_wkb([row["shape"] for row in rows])
            times = sorted(row["begins"] for row in rows)
            bounds = [float(number) for number in shapely.total_bounds(shapes)] if rows else [-180.0, -90.0, 180.0, 90.0]
            found.append(
                {
                    "id": f"project-{project['id']}",
                    "description": "Imagery delivered to this project.",
                    "bbox": bounds,
                    "interval": [to_rfc3339(times[0]), to_rfc3339(times[-1])] if times else [None, None],
                }
            )
        return found

    def page(
        self, caller: Caller, request: StacSearch, conditions: Sequence[Condition] = ()
    ) -> tuple[list[dict[str, Any]], str | None, int | None]:
        """Return a page of items in order of delivery."""
        token = request.token or request.next
        if token is not None and not token.isdecimal():
            raise Invalid(("token", "must be a token of this service"))
        matching = self._matching(caller, request, conditions)
        rest = [number for number in matching if number > int((token or "0")[:18])]
        rest = rest[request.page * request.limit :]
        chosen = rest[: request.limit]
        following = str(chosen[-1]) if len(rest) > request.limit else None
        return self._items(chosen), following, len(matching)

    def part(
        self, caller: Caller, request: StacSearch, conditions: Sequence[Condition], offset: int
    ) -> tuple[list[dict[str, Any]], int]:
        """Return the items from an offset on, in order of delivery, and the number of all matching items."""
        matching = self._matching(caller, request, conditions)
        return self._items(matching[offset : offset + request.limit]), len(matching)

    def _matching(self, caller: Caller, request: StacSearch, conditions: Sequence[Condition]) -> list[int]:
        """Return the numbers of all items that match."""
        where = "organization = ?"
        values: list[Any] = [caller.organization]
        for names, column in ((request.ids, "id"), (request.collections, "'project-' || project")):
            if names is not None:
                where += f" AND {column} IN ({', '.join('?' * len(names))})"
                values += names
        if request.datetime is not None:
            begin, end = parse_interval(request.datetime)
            where += " AND begins >= ? AND begins <= ?"
            values += [-1e18 if begin is None else begin, 1e18 if end is None else end]
        for condition in conditions:
            where += f" AND json_extract(body, ?) {condition.comparison}"
            values += [condition.json_path, *condition.values]
        rows = self._storage.read.execute(
            f"SELECT number, shape FROM item WHERE {where} ORDER BY number",  # noqa: S608  # built from fixed parts
            values,
        ).fetchall()
        shape = parse_area(request.bbox, request.intersects)
        if shape is not None:
            rows = [row for row in rows if shapely.intersects(shape, shapely.from_wkb(row["shape"]))]
        return [row["number"] for row in rows]

    def _items(self, numbers: Sequence[int]) -> list[dict[str, Any]]:
        found = self._storage.read.execute(
            f"SELECT * FROM item WHERE number IN ({', '.join('?' * len(numbers))}) ORDER BY number",  # noqa: S608  # only placeholders
            numbers,
        ).fetchall()
        return self._delivery.list_stac(found)


class CatalogSource:
    """The captures of the catalog, with the collections of all hosts."""

    title = "The catalog"

    def __init__(self, storage: Storage, catalog: Catalog) -> None:
        self._storage = storage
        self._catalog = catalog

    def collections(self, _caller: Caller) -> list[dict[str, Any]]:
        """Return the collections of all hosts."""
        rows = self._storage.read.execute("SELECT * FROM product ORDER BY host, collection")
        return [
            {
                "id": row["collection"],
                "description": f"{row['captures']:,} captures of the host {row['host']}.",
                "bbox": [row["west"], row["south"], row["east"], row["north"]]
                if row["west"] is not None
                else [-180.0, -90.0, 180.0, 90.0],
                "interval": [None if row[name] is None else to_rfc3339(row[name]) for name in ("first", "last")],
            }
            for row in rows
        ]

    def page(self, _caller: Caller, request: StacSearch) -> tuple[list[dict[str, Any]], str | None, int | None]:
        """Return a page of captures, newest first."""
        search = self._catalog.parse_filters(request)
        if request.collections is not None:
            wanted = set(request.collections)
            search.hosts = [host for host, collections in self._catalog.hosts.items() if wanted & set(collections)]
        if request.collections == [] or request.ids == []:
            search.hosts = []
        search.limit = request.limit
        token = request.token or request.next
        search.after = None if token is None else parse_page_token(token)
        found, following = self._catalog.find_page(search)
        return [self._in_collection(row) for row in found], following, None

    def _in_collection(self, row: Any) -> dict[str, Any]:
        """Return a capture as an item of the collection under which it is listed."""
        feature = self._catalog.feature(row)
        return feature if feature.get("collection") == row["collection"] else {**feature, "collection": row["collection"]}


def parse_filter(expression: dict[str, Any] | None) -> list[Condition]:
    """Parse a filter in CQL2 JSON: comparisons of a property with a value, ``in``, and ``and`` of these.

    Raises
    ------
    Invalid
        If the filter is any other expression.
    """
    if expression is None:
        return []
    operator, arguments = expression.get("op"), expression.get("args")
    if operator == "and" and isinstance(arguments, list) and len(arguments) <= _MOST_CONDITIONS:
        parts = [parse_filter(part) for part in arguments if isinstance(part, dict) and part.get("op") != "and"]
        if len(parts) == len(arguments):
            return [condition for part in parts for condition in part]
    sign = _CQL2_OPERATORS.get(operator) if isinstance(operator, str) else None
    if sign is not None and isinstance(arguments, list) and len(arguments) == 2:  # noqa: PLR2004  # a property and a value
        name = arguments[0].get("property") if isinstance(arguments[0], dict) else None
        if isinstance(name, str):
            return [parse_condition(name, sign, arguments[1], "filter")]
    known = ", ".join(_CQL2_OPERATORS)
    raise Invalid(("filter", f"must compare a property with a value ({known}), or be an and of such comparisons"))


def check_rfc3339(request: StacSearch) -> None:
    """Raise an error for a datetime that is not RFC 3339, as STAC requires."""
    if request.datetime is None:
        return
    sides = request.datetime.split("/")
    if len(sides) > 2 or not any(_RFC3339.fullmatch(side) for side in sides):  # noqa: PLR2004  # start and end
        raise Invalid(("datetime", _DATETIME_MESSAGE))
    if not all(_RFC3339.fullmatch(side) or (side in {"", ".."} and len(sides) > 1) for side in sides):
        raise Invalid(("datetime", _DATETIME_MESSAGE))


def _capped_limit(limit: Any, *, from_query: bool) -> dict[str, Any]:
    if from_query:
        return {"limit": [str(min(int(limit[-1][:9]), LARGEST_STAC_PAGE))]} if limit and limit[-1].isdecimal() else {}
    return {"limit": LARGEST_STAC_PAGE} if isinstance(limit, int) and limit > LARGEST_STAC_PAGE else {}


def _is_absolute(link: Any) -> bool:
    """Return whether a link is absolute; a relative link refers to files beside the item."""
    return isinstance(link, dict) and isinstance(link.get("href"), str) and "://" in link["href"]


def _link(relation: str, href: str) -> dict[str, Any]:
    return {"rel": relation, "type": "application/json", "href": href, "title": _TITLES.get(relation, relation.capitalize())}
