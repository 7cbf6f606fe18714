"""Orders as REST resources, in the convention of UP42 clients."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

from scenecart.sandbox._data.times import to_rfc3339
from scenecart.sandbox._domain.orders import PricedOrder, RequestKey
from scenecart.sandbox._domain.pricing import price_captures
from scenecart.sandbox._http.schemas import ArchivePlace, BatchOrder, parse
from scenecart.sandbox._problem import Invalid, Problem

if TYPE_CHECKING:
    import sqlite3

    from scenecart.sandbox._data.storage import Storage
    from scenecart.sandbox._domain.caller import Caller
    from scenecart.sandbox._domain.catalog import Catalog
    from scenecart.sandbox._domain.orders import Orders, Transaction
    from scenecart.sandbox._domain.pricing import Quote

_UNIT = "SQ_KM"
_FINAL_STATES = {"delivered": "FULFILLED", "failed": "FAILED_PERMANENTLY", "cancelled": "CANCELED"}


class Resources:
    """Batches of orders in the UP42 convention: one order for each feature."""

    def __init__(self, storage: Storage, catalog: Catalog, orders: Orders) -> None:
        self._storage = storage
        self._catalog = catalog
        self._orders = orders

    def estimate(self, body: Any) -> dict[str, Any]:
        """Price each feature separately."""
        results, errors = [], []
        for index, quote in enumerate(self._quotes(parse(BatchOrder, body))):
            if quote.errors:
                errors.append(_error(index, quote))
            else:
                size = sum(group["aoi_km2"] for group in quote.groups)
                results.append({"index": index, "credits": quote.credits, "size": size, "unit": _UNIT})
        summary = {
            "totalCredits": sum(entry["credits"] for entry in results),
            "totalSize": round(sum(entry["size"] for entry in results), 6),
            "unit": _UNIT,
        }
        return {"summary": summary, "results": results, "errors": errors}

    def prepare_placement(self, caller: Caller, body: Any, workspace: str | None) -> Transaction:
        """Validate and price a body of either convention; return the transaction that inserts all its orders."""
        if "captures" in body:
            return self._orders.prepare_placement(
                caller, parse(ArchivePlace, {"projectId": workspace, **body} if workspace else body)
            )
        batch = parse(BatchOrder, body)
        project = self._orders.find_project(caller, workspace or caller.project)
        quotes = list(enumerate(self._quotes(batch)))
        orders = [
            (index, PricedOrder(project, quote, "standard", False, batch.displayName, batch.tags or [], batch.dataProduct))  # noqa: FBT003  # split_by_date
            for index, quote in quotes
            if not quote.errors
        ]
        errors = [_error(index, quote) for index, quote in quotes if quote.errors]

        def insert(database: sqlite3.Connection, request_key: RequestKey) -> dict[str, Any]:
            results = []
            for index, order in orders:
                one = RequestKey(f"{request_key.fingerprint}/{index}", request_key.key)
                results.append({"index": index, "id": self._orders.insert(database, caller, order, one)["id"]})
            return {"results": results, "errors": errors}

        return insert

    def collections(self) -> dict[str, Any]:
        """Return all collections with their host and data product."""
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

    def document(self, row: Any, organization: str) -> dict[str, Any]:
        """Return an order as JSON, with the field names and states of this convention."""
        captures = json.loads(row["captures"])
        status = _FINAL_STATES.get(row["status"]) or ("CREATED" if self._orders.is_cancellable(row) else "BEING_FULFILLED")
        document = {
            "id": row["id"],
            "displayName": row["display_name"],
            "status": status,
            "workspaceId": row["project"],
            "accountId": organization,
            "type": "ARCHIVE",
            "dataProductId": row["data_product"],
            "tags": json.loads(row["tags"]),
            "credits": row["credits"],
            "createdAt": to_rfc3339(row["created"]),
            "updatedAt": to_rfc3339(row["updated"]),
            "orderDetails": {
                "aoi": aoi_of(captures),
                "imageId": captures[0]["id"] if len(captures) == 1 else None,
            },
        }
        if row["reason"] is not None:
            document["failureReason"] = row["reason"]
        return document

    def _quotes(self, batch: BatchOrder) -> list[Quote]:
        """Price each feature: the capture that its properties or the parameters name, within its geometry."""
        collection = self._find_collection(batch.dataProduct)
        features = batch.featureCollection.get("features")
        if batch.featureCollection.get("type") != "FeatureCollection" or not isinstance(features, list) or not features:
            raise Invalid(("featureCollection", "must be a GeoJSON FeatureCollection with at least one feature"))
        quotes = []
        for feature in features:
            members = feature if isinstance(feature, dict) else {}
            properties = members.get("properties")
            properties = properties if isinstance(properties, dict) else {}
            name = properties.get("id") or batch.params.get("id") or batch.params.get("imageId") or members.get("id")
            capture = {"id": name, "geometry": members.get("geometry"), **collection}
            quotes.append(price_captures(self._catalog, self._storage, [capture], by_date=False))
        return quotes

    def _find_collection(self, product: str) -> dict[str, str]:
        """Return host and collection of a data product, given by collection name or by product id."""
        for host, collections in self._catalog.hosts.items():
            for collection in collections:
                if product in {collection, product_id(host, collection)}:
                    return {"host_name": host, "collection": collection}
        raise Problem(404, "there is no such data product")


def aoi_of(captures: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the geometry of an order's captures."""
    geometries = [capture["geometry"] for capture in captures]
    return geometries[0] if len(geometries) == 1 else {"type": "GeometryCollection", "geometries": geometries}


def product_id(host: str, collection: str) -> str:
    """Return the id of a collection's data product, the same in every sandbox."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"scenecart-sandbox/{host}/{collection}"))


def _error(index: int, quote: Quote) -> dict[str, Any]:
    return {"index": index, "message": "the order cannot be priced", "details": quote.errors[0]["detail"]}
