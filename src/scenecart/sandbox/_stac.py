"""Delivered items as a plain STAC API, so that any STAC tool opens them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import shapely

from scenecart.sandbox._catalog import box_of, instants
from scenecart.sandbox._problem import Invalid, Problem
from scenecart.sandbox._shapes import Unusable, read_shape

if TYPE_CHECKING:
    from scenecart.sandbox._auth import Caller
    from scenecart.sandbox._delivery import Delivery
    from scenecart.sandbox._storage import Storage

_CONFORMS = [
    "https://api.stacspec.org/v1.0.0/core",
    "https://api.stacspec.org/v1.0.0/collections",
    "https://api.stacspec.org/v1.0.0/ogcapi-features",
    "https://api.stacspec.org/v1.0.0/item-search",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/geojson",
]
_PAGE, _LARGEST_PAGE = 10, 10_000


class StacApi:
    """The STAC API of one organization's delivered items."""

    def __init__(self, storage: Storage, delivery: Delivery, url: str) -> None:
        self._storage = storage
        self._delivery = delivery
        self.root = f"{url}/stac"

    def landing(self) -> dict[str, Any]:
        """Return the landing page."""
        links = [
            _link("self", f"{self.root}/"),
            _link("root", f"{self.root}/"),
            _link("conformance", f"{self.root}/conformance"),
            _link("data", f"{self.root}/collections"),
            {**_link("search", f"{self.root}/search"), "type": "application/geo+json", "method": "GET"},
            {**_link("search", f"{self.root}/search"), "type": "application/geo+json", "method": "POST"},
        ]
        return {
            "type": "Catalog",
            "stac_version": "1.0.0",
            "id": "sandbox",
            "title": "Delivered imagery",
            "description": "Imagery delivered to your projects by the sandbox.",
            "conformsTo": _CONFORMS,
            "links": links,
        }

    def conformance(self) -> dict[str, Any]:
        """Return what the API conforms to."""
        return {"conformsTo": _CONFORMS}

    def collections(self, caller: Caller) -> dict[str, Any]:
        """Return the organization's projects as collections."""
        rows = self._storage.read.execute("SELECT id FROM project WHERE organization = ?", (caller.organization,))
        found = [self._collection(caller, row["id"]) for row in rows]
        return {
            "collections": found,
            "links": [_link("self", f"{self.root}/collections"), _link("root", f"{self.root}/")],
        }

    def collection(self, caller: Caller, name: str) -> dict[str, Any]:
        """Return one collection."""
        project = name.removeprefix("project-")
        found = self._storage.read.execute(
            "SELECT id FROM project WHERE id = ? AND organization = ?", (project, caller.organization)
        ).fetchone()
        if found is None or name != f"project-{project}":
            raise Problem(404, "there is no such collection")
        return self._collection(caller, project)

    def item(self, caller: Caller, collection: str, name: str) -> dict[str, Any]:
        """Return one item of a collection."""
        self.collection(caller, collection)
        return self._delivery.item_of(caller, {"item_id": name})

    def search(self, caller: Caller, body: dict[str, Any], *, path: str = "/search", method: str = "POST") -> dict[str, Any]:
        """Answer a search with one page."""
        where, values = "organization = ?", [caller.organization]
        for name, column in (("ids", "id"), ("collections", "'project-' || project")):
            wanted = body.get(name)
            if wanted is not None:
                if not isinstance(wanted, list):
                    raise Invalid((name, "a list of names"))
                where += f" AND {column} IN ({', '.join('?' * len(wanted))})"
                values += [str(entry) for entry in wanted]
        if body.get("datetime") is not None:
            begin, end = instants(body["datetime"])
            where += " AND begins >= ? AND begins <= ?"
            values += [begin if begin is not None else -1e18, end if end is not None else 1e18]  # type: ignore[list-item]  # SQLite takes any
        limit, after = self._limit(body), self._after(body)
        rows = self._storage.read.execute(
            f"SELECT * FROM item WHERE {where} AND number > ? ORDER BY number",  # noqa: S608  # built from fixed parts
            [*values, after],
        ).fetchall()
        shape = self._shape(body)
        if shape is not None:
            rows = [row for row in rows if shapely.intersects(shape, shapely.from_wkb(row["shape"]))]
        links = [_link("self", f"{self.root}{path}"), _link("root", f"{self.root}/")]
        if len(rows) > limit:
            links.append(self._next(body, str(rows[limit - 1]["number"]), path, method))
        return {
            "type": "FeatureCollection",
            "features": [self._delivery.item(row) for row in rows[:limit]],
            "links": links,
            "numberMatched": len(rows) if after == 0 else None,
            "numberReturned": min(limit, len(rows)),
        }

    def _next(self, body: dict[str, Any], token: str, path: str, method: str) -> dict[str, Any]:
        following = {**{name: value for name, value in body.items() if value is not None}, "token": token}
        if method == "POST":
            return {
                **_link("next", f"{self.root}{path}"),
                "type": "application/geo+json",
                "method": "POST",
                "body": following,
            }
        flat = {
            name: ",".join(map(str, value)) if isinstance(value, list) else json.dumps(value) if isinstance(value, dict) else value
            for name, value in following.items()
        }
        return {
            **_link("next", f"{self.root}{path}?{urlencode(flat)}"),
            "type": "application/geo+json",
            "method": "GET",
        }

    @staticmethod
    def _limit(body: dict[str, Any]) -> int:
        limit = body.get("limit", _PAGE)
        if isinstance(limit, bool) or not isinstance(limit, int) or not 1 <= limit <= _LARGEST_PAGE:
            raise Problem(400, f"limit is a whole number from 1 to {_LARGEST_PAGE}")
        return limit

    @staticmethod
    def _after(body: dict[str, Any]) -> int:
        token = body.get("token", body.get("next", "0"))
        if not isinstance(token, str) or not token.isdigit():
            raise Problem(400, "the token is not one of this service")
        return int(token)

    @staticmethod
    def _shape(body: dict[str, Any]) -> Any:
        if body.get("bbox") is not None and body.get("intersects") is not None:
            raise Problem(400, "bbox and intersects exclude each other")
        if body.get("bbox") is not None:
            return box_of(body["bbox"])
        if body.get("intersects") is not None:
            try:
                return read_shape(body["intersects"])
            except Unusable as why:
                raise Problem(400, str(why)) from None
        return None

    def _collection(self, caller: Caller, project: str) -> dict[str, Any]:
        rows = self._storage.read.execute(
            "SELECT begins, shape FROM item WHERE project = ? AND organization = ?", (project, caller.organization)
        ).fetchall()
        bounds = [float(n) for n in shapely.total_bounds(shapely.from_wkb([row["shape"] for row in rows]))] if rows else None
        times = sorted(row["begins"] for row in rows)
        interval = [_moment(times[0]), _moment(times[-1])] if times else [None, None]
        where = f"{self.root}/collections/{quote(f'project-{project}')}"
        return {
            "type": "Collection",
            "stac_version": "1.0.0",
            "id": f"project-{project}",
            "description": "Imagery delivered to this project.",
            "license": "proprietary",
            "extent": {
                "spatial": {"bbox": [bounds or [-180.0, -90.0, 180.0, 90.0]]},
                "temporal": {"interval": [interval]},
            },
            "links": [
                _link("self", where),
                _link("root", f"{self.root}/"),
                _link("parent", f"{self.root}/"),
                {**_link("items", f"{where}/items"), "type": "application/geo+json"},
            ],
        }


def query_to_body(query: dict[str, str]) -> dict[str, Any]:
    """Turn the query of a GET search into the body of a POST search."""
    body: dict[str, Any] = dict(query)
    try:
        for name in ("ids", "collections"):
            if name in body:
                body[name] = body[name].split(",")
        if "bbox" in body:
            body["bbox"] = [float(number) for number in body["bbox"].split(",")]
        if "limit" in body:
            body["limit"] = int(body["limit"])
        if "intersects" in body:
            body["intersects"] = json.loads(body["intersects"])
    except ValueError:
        raise Problem(400, "the query cannot be read") from None
    return body


def _link(relation: str, href: str) -> dict[str, Any]:
    return {"rel": relation, "type": "application/json", "href": href}


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
