"""Orders as resources: the routes of clients that know the service by its STAC and UP42 convention."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

from scenecart.sandbox._domain.ledger import moment
from scenecart.sandbox._domain.orders import Draft
from scenecart.sandbox._domain.pricing import price
from scenecart.sandbox._http.schemas import ArchivePlace, BatchOrder, read
from scenecart.sandbox._problem import Invalid, Problem

if TYPE_CHECKING:
    import sqlite3

    from scenecart.sandbox._data.storage import Storage
    from scenecart.sandbox._domain.caller import Caller
    from scenecart.sandbox._domain.catalog import Catalog
    from scenecart.sandbox._domain.orders import Orders, Work
    from scenecart.sandbox._domain.pricing import Prices

_UNIT = "SQ_KM"
_ENDED = {"delivered": "FULFILLED", "failed": "FAILED_PERMANENTLY", "cancelled": "CANCELED"}


class Resources:
    """Orders in the other convention: one order for each feature, told apart by its index."""

    def __init__(self, storage: Storage, catalog: Catalog, orders: Orders) -> None:
        self._storage = storage
        self._catalog = catalog
        self._orders = orders

    def estimate(self, body: Any) -> dict[str, Any]:
        """Price each feature for itself."""
        results, errors = [], []
        for index, prices in enumerate(self._prices(read(BatchOrder, body))):
            if prices.errors:
                errors.append(_error(index, prices))
            else:
                size = sum(group["aoi_km2"] for group in prices.groups)
                results.append({"index": index, "credits": prices.credits, "size": size, "unit": _UNIT})
        summary = {
            "totalCredits": sum(entry["credits"] for entry in results),
            "totalSize": round(sum(entry["size"] for entry in results), 6),
            "unit": _UNIT,
        }
        return {"summary": summary, "results": results, "errors": errors}

    def placing(self, caller: Caller, body: Any, workspace: str | None) -> Work:
        """Check and price in either form; what is returned writes the orders down, all of them or none."""
        if "captures" in body:
            return self._orders.placing(caller, read(ArchivePlace, {"projectId": workspace, **body} if workspace else body))
        asked = read(BatchOrder, body)
        project = self._orders.project(caller, workspace or caller.project)
        priced = list(enumerate(self._prices(asked)))
        drafts = [
            (index, Draft(project, prices, "standard", False, asked.displayName, asked.tags or [], asked.dataProduct))  # noqa: FBT003  # not split by date
            for index, prices in priced
            if not prices.errors
        ]
        errors = [_error(index, prices) for index, prices in priced if prices.errors]

        def work(database: sqlite3.Connection, request: str) -> dict[str, Any]:
            placed = [
                {"index": index, "id": self._orders.write(database, caller, draft, f"{request}/{index}")["id"]}
                for index, draft in drafts
            ]
            return {"results": placed, "errors": errors}

        return work

    def glossary(self) -> dict[str, Any]:
        """Return every collection with its host and its one data product."""
        content = [
            {
                "name": collection,
                "title": collection,
                "description": f"Captures of the host {host}.",
                "type": "ARCHIVE",
                "integrations": ["PRICE_ESTIMATION_AVAILABLE", "SEARCH_AVAILABLE", "QUICKLOOK_AVAILABLE", "THUMBNAIL_AVAILABLE"],
                "providers": [{"name": host, "title": host, "description": "", "roles": ["PRODUCER", "HOST"]}],
                "dataProducts": [
                    {"name": "standard", "title": collection, "description": "", "id": product_id(host, collection), "eulaId": None}
                ],
                "metadata": None,
            }
            for host, collections in self._catalog.hosts.items()
            for collection in collections
        ]
        return {"content": content, "totalElements": len(content), "totalPages": 1}

    def document(self, row: Any, caller: Caller) -> dict[str, Any]:
        """Return an order with the names and states of this convention."""
        captures = json.loads(row["captures"])
        shapes = [capture["geometry"] for capture in captures]
        status = _ENDED.get(row["status"]) or ("CREATED" if self._orders.is_cancellable(row) else "BEING_FULFILLED")
        document = {
            "id": row["id"],
            "displayName": row["display_name"],
            "status": status,
            "workspaceId": row["project"],
            "accountId": caller.organization,
            "type": "ARCHIVE",
            "dataProductId": row["data_product"],
            "tags": json.loads(row["tags"]),
            "credits": row["credits"],
            "createdAt": moment(row["created"]),
            "updatedAt": moment(row["updated"]),
            "orderDetails": {
                "aoi": shapes[0] if len(shapes) == 1 else {"type": "GeometryCollection", "geometries": shapes},
                "imageId": captures[0]["id"] if len(captures) == 1 else None,
            },
        }
        if row["reason"] is not None:
            document["failureReason"] = row["reason"]
        return document

    def _prices(self, asked: BatchOrder) -> list[Prices]:
        """Price every feature: the capture its parameters name, over the ground it draws."""
        collections = self._collections(asked.dataProduct)
        features = asked.featureCollection.get("features")
        if asked.featureCollection.get("type") != "FeatureCollection" or not isinstance(features, list) or not features:
            raise Invalid(("featureCollection", "a GeoJSON FeatureCollection with at least one feature"))
        found = []
        for feature in features:
            known = feature if isinstance(feature, dict) else {}
            own = known.get("properties")
            own = own if isinstance(own, dict) else {}
            name = own.get("id") or asked.params.get("id") or asked.params.get("imageId") or known.get("id")
            capture = {"id": name, "geometry": known.get("geometry"), **collections}
            found.append(price(self._catalog, self._storage, [capture], by_date=False))
        return found

    def _collections(self, product: str) -> dict[str, str]:
        """Return the host and collection a data product stands for: the collection's name, or its id in the glossary."""
        for host, collections in self._catalog.hosts.items():
            for collection in collections:
                if product in {collection, product_id(host, collection)}:
                    return {"host_name": host, "collection": collection}
        raise Problem(404, "there is no such data product")


def product_id(host: str, collection: str) -> str:
    """Return the id of a collection's one data product; always the same."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"scenecart-sandbox/{host}/{collection}"))


def _error(index: int, prices: Prices) -> dict[str, Any]:
    return {"index": index, "message": "the order cannot be priced", "details": prices.errors[0]["detail"]}
