"""STAC APIs: of what was delivered, and of the catalog, so that any STAC tool opens them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote, urlencode

import shapely

from scenecart.sandbox._domain.catalog import instants, read_place, read_token
from scenecart.sandbox._domain.ledger import moment
from scenecart.sandbox._http.schemas import LARGEST_STAC_PAGE, StacSearch, read
from scenecart.sandbox._problem import Invalid, Problem

if TYPE_CHECKING:
    from scenecart.sandbox._data.storage import Storage
    from scenecart.sandbox._domain.caller import Caller
    from scenecart.sandbox._domain.catalog import Catalog
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
_INSTANT = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)")


class Source(Protocol):
    """What a STAC API is of."""

    title: str

    def collections(self, caller: Caller) -> list[dict[str, Any]]:
        """Return the caller's collections: id, description, bbox and interval of each."""

    def page(self, caller: Caller, asked: StacSearch) -> tuple[list[dict[str, Any]], str | None, int | None]:
        """Return one page of features, the token of the next, and how many there are if that is known."""


class StacApi:
    """One STAC API: landing page, conformance, collections, items, and search by GET and POST."""

    def __init__(self, source: Source, url: str, path: str) -> None:
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
            {**_link("child", f"{self.root}/collections/{quote(known['id'], safe='')}"), "title": known["id"]}
            for known in self.source.collections(caller)
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
            "collections": [self._collection(known) for known in self.source.collections(caller)],
            "links": [_link("self", f"{self.root}/collections"), _link("root", f"{self.root}/")],
        }

    def collection(self, caller: Caller, name: str) -> dict[str, Any]:
        """Return one collection."""
        for known in self.source.collections(caller):
            if known["id"] == name:
                return self._collection(known)
        raise Problem(404, "there is no such collection")

    def item(self, caller: Caller, collection: str, name: str) -> dict[str, Any]:
        """Return one item of a collection."""
        self.collection(caller, collection)
        found, _, _ = self.source.page(caller, StacSearch(collections=[collection], ids=[name], limit=1))
        if not found:
            raise Problem(404, "there is no such item")
        return self.linked(found[0])

    def items(self, caller: Caller, collection: str, query: dict[str, list[str]]) -> dict[str, Any]:
        """Return a page of a collection's items."""
        self.collection(caller, collection)
        asked = self._read({**query, "collections": [collection]}, from_query=True)
        given = {name: ",".join(values) for name, values in query.items()}
        return self._answer(caller, asked, f"/collections/{quote(collection, safe='')}/items", given)

    def search(self, caller: Caller, body: Any, *, from_query: bool) -> dict[str, Any]:
        """Answer a search with one page."""
        given = {name: ",".join(values) for name, values in body.items()} if from_query else None
        return self._answer(caller, self._read(body, from_query=from_query), "/search", given, body)

    def linked(self, feature: dict[str, Any]) -> dict[str, Any]:
        """Return an item with this API's links; those of other kinds stay."""
        collection = f"{self.root}/collections/{quote(str(feature.get('collection')), safe='')}"
        links = [
            {**_link("self", f"{collection}/items/{quote(str(feature.get('id')), safe='')}"), "type": _GEOJSON},
            _link("collection", collection),
            _link("parent", collection),
            _link("root", f"{self.root}/"),
        ]
        ours = {link["rel"] for link in links}
        kept = feature.get("links")
        others = [link for link in kept if isinstance(link, dict) and link.get("rel") not in ours] if isinstance(kept, list) else []
        return {"stac_version": "1.0.0", "assets": {}, **feature, "links": links + others}

    def _read(self, body: Any, *, from_query: bool) -> StacSearch:
        """Read a search; what is wrong with it is 400 here, as OGC API has it, and a page beyond the largest is the largest."""
        try:
            asked = read(StacSearch, {**body, **_at_most(body.get("limit"), from_query=from_query)}, from_query=from_query)
            strict(asked)
        except Invalid as invalid:
            raise Problem(400, invalid.sentence) from None
        return asked

    def _answer(  # who asked what, where, and how
        self, caller: Caller, asked: StacSearch, path: str, query: dict[str, str] | None, body: Any = None
    ) -> dict[str, Any]:
        try:
            found, token, matched = self.source.page(caller, asked)
        except Invalid as invalid:
            raise Problem(400, invalid.sentence) from None
        links = [_link("self", f"{self.root}{path}"), _link("root", f"{self.root}/")]
        if token is not None and query is not None:
            following = urlencode({**query, "token": token})
            links.append({**_link("next", f"{self.root}{path}?{following}"), "type": _GEOJSON, "method": "GET"})
        elif token is not None:
            more = {**body, "token": token}
            links.append({**_link("next", f"{self.root}{path}"), "type": _GEOJSON, "method": "POST", "body": more})
        answer = {
            "type": "FeatureCollection",
            "features": [self.linked(feature) for feature in found],
            "links": links,
            "numberReturned": len(found),
        }
        return answer if matched is None else {**answer, "numberMatched": matched}

    def _collection(self, known: dict[str, Any]) -> dict[str, Any]:
        where = f"{self.root}/collections/{quote(known['id'], safe='')}"
        return {
            "type": "Collection",
            "stac_version": "1.0.0",
            "id": known["id"],
            "title": known["id"],
            "description": known["description"],
            "license": "proprietary",
            "extent": {"spatial": {"bbox": [known["bbox"]]}, "temporal": {"interval": [known["interval"]]}},
            "links": [
                _link("self", where),
                _link("root", f"{self.root}/"),
                _link("parent", f"{self.root}/"),
                {**_link("items", f"{where}/items"), "type": _GEOJSON},
            ],
        }


class Delivered:
    """The imagery delivered to the caller's organization: a collection for each project."""

    title = "Delivered imagery"

    def __init__(self, storage: Storage, delivery: Delivery) -> None:
        self._storage = storage
        self._delivery = delivery

    def collections(self, caller: Caller) -> list[dict[str, Any]]:
        """Return the organization's projects."""
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
                    "interval": [moment(times[0]), moment(times[-1])] if times else [None, None],
                }
            )
        return found

    def page(self, caller: Caller, asked: StacSearch) -> tuple[list[dict[str, Any]], str | None, int | None]:
        """Return a page of items, in the order in which they were delivered."""
        where, values = "organization = ?", [caller.organization]
        for names, column in ((asked.ids, "id"), (asked.collections, "'project-' || project")):
            if names is not None:
                where += f" AND {column} IN ({', '.join('?' * len(names))})"
                values += names
        times: list[float] = []
        if asked.datetime is not None:
            begin, end = instants(asked.datetime)
            where += " AND begins >= ? AND begins <= ?"
            times = [-1e18 if begin is None else begin, 1e18 if end is None else end]
        token = asked.token or asked.next
        if token is not None and not token.isdecimal():
            raise Invalid(("token", "not one of this service"))
        rows = self._storage.read.execute(
            f"SELECT number, shape FROM item WHERE {where} ORDER BY number",  # noqa: S608  # built from fixed parts
            [*values, *times],
        ).fetchall()
        shape = read_place(asked.bbox, asked.intersects)
        if shape is not None:
            rows = [row for row in rows if shapely.intersects(shape, shapely.from_wkb(row["shape"]))]
        matched = len(rows)
        rest = [row["number"] for row in rows if row["number"] > int((token or "0")[:18])]
        rest = rest[asked.page * asked.limit :]
        chosen = rest[: asked.limit]
        found = self._storage.read.execute(
            f"SELECT * FROM item WHERE number IN ({', '.join('?' * len(chosen))}) ORDER BY number",  # noqa: S608  # marks only
            chosen,
        )
        following = str(chosen[-1]) if len(rest) > asked.limit else None
        return [self._delivery.item(row) for row in found], following, matched


class Archive:
    """The catalog: a collection for each collection of each host."""

    title = "The catalog"

    def __init__(self, storage: Storage, catalog: Catalog) -> None:
        self._storage = storage
        self._catalog = catalog

    def collections(self, _caller: Caller) -> list[dict[str, Any]]:
        """Return every host's collections."""
        rows = self._storage.read.execute("SELECT * FROM product ORDER BY host, collection")
        return [
            {
                "id": row["collection"],
                "description": f"{row['captures']:,} captures of the host {row['host']}.",
                "bbox": [row["west"], row["south"], row["east"], row["north"]]
                if row["west"] is not None
                else [-180.0, -90.0, 180.0, 90.0],
                "interval": [None if row[name] is None else moment(row[name]) for name in ("first", "last")],
            }
            for row in rows
        ]

    def page(self, _caller: Caller, asked: StacSearch) -> tuple[list[dict[str, Any]], str | None, int | None]:
        """Return a page of captures, the newest first."""
        search = self._catalog.read_filters(asked)
        if asked.collections is not None:
            wanted = set(asked.collections)
            search.hosts = [host for host, known in self._catalog.hosts.items() if wanted & set(known)]
        if asked.collections == [] or asked.ids == []:
            search.hosts = []
        search.limit = asked.limit
        token = asked.token or asked.next
        search.after = None if token is None else read_token(token)
        found, following = self._catalog.find(search)
        return [self._catalog.feature(row) for row in found], following, None


def strict(asked: StacSearch) -> None:
    """Refuse what STAC's search refuses: times that are not RFC 3339."""
    if asked.datetime is None:
        return
    sides = asked.datetime.split("/")
    if len(sides) > 2 or not any(_INSTANT.fullmatch(side) for side in sides):  # noqa: PLR2004  # start and end
        raise Invalid(("datetime", "an RFC 3339 instant, or start/end"))
    if not all(_INSTANT.fullmatch(side) or (side in {"", ".."} and len(sides) > 1) for side in sides):
        raise Invalid(("datetime", "an RFC 3339 instant, or start/end"))


def _at_most(limit: Any, *, from_query: bool) -> dict[str, Any]:
    if from_query:
        return {"limit": [str(min(int(limit[-1][:9]), LARGEST_STAC_PAGE))]} if limit and limit[-1].isdecimal() else {}
    return {"limit": LARGEST_STAC_PAGE} if isinstance(limit, int) and limit > LARGEST_STAC_PAGE else {}


def _link(relation: str, href: str) -> dict[str, Any]:
    return {"rel": relation, "type": "application/json", "href": href, "title": _TITLES.get(relation, relation.capitalize())}
