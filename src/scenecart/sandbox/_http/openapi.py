"""The OpenAPI document, generated from the request types and the table of operations."""

from __future__ import annotations

from typing import Any

import msgspec

from scenecart.sandbox._http import schemas
from scenecart.sandbox._http.middleware import REALM
from scenecart.sandbox._http.operations import OPERATIONS

_PROBLEMS = {
    "400": "The request cannot be read.",
    "401": "The token is missing, invalid or expired.",
    "403": "The caller lacks the scope.",
    "404": "It does not exist, or belongs to another organization.",
    "429": "Too many calls per minute.",
}
_SPEND_PROBLEMS = {
    "402": "The order cannot be paid.",
    "409": "The key was already used with another body, or the order can no longer change.",
}
_TEXT = {"type": "string"}
_NUMBER = {"type": "number"}
_INTEGER = {"type": "integer"}
_CREDITS = {"type": "integer", "minimum": 0}
_ANY: dict[str, Any] = {}


_CAPTURE = {
    "type": "object",
    "required": ["id", "geometry"],
    "properties": {"id": {"type": "string", "minLength": 1}, "geometry": {"type": "object", "required": ["type", "coordinates"]}},
}


def _object(required: dict[str, Any], **optional: Any) -> dict[str, Any]:
    return {"type": "object", "properties": {**required, **optional}, "required": list(required)}


def _list(of: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": of}


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


_OBJECT_OR_NULL = {"type": ["object", "null"]}
_STATUS = {"enum": ["processing", "delivered", "failed", "cancelled"]}
_UP42_STATUS = {"enum": ["CREATED", "BEING_FULFILLED", "FULFILLED", "FAILED_PERMANENTLY", "CANCELED"]}
_LINKS = _list(_object({"rel": _TEXT, "href": _TEXT}))
_INDEXED_ERROR = _object({"index": _INTEGER, "message": _TEXT, "details": _TEXT})

RESPONSES: dict[str, dict[str, Any]] = {
    "Feature": _object({"type": {"const": "Feature"}, "geometry": _OBJECT_OR_NULL, "properties": _OBJECT_OR_NULL}),
    "FeatureCollection": _object(
        {"type": {"const": "FeatureCollection"}, "features": _list(_ref("Feature"))},
        links=_LINKS,
        next=_TEXT,
        numberMatched=_INTEGER,
        numberReturned=_INTEGER,
    ),
    "Lines": {"type": "string", "description": "One Feature per line."},
    "Group": _object({"captures": _list(_TEXT), "aoi_km2": _NUMBER, "credits": _CREDITS, "aud": _NUMBER}),
    "Estimate": _object(
        {
            "groups": _list(_ref("Group")),
            "errors": _list(_object({"id": {"type": ["string", "null"]}, "detail": _TEXT})),
            "total_aud": _NUMBER,
            "total_credits": _CREDITS,
        }
    ),
    "Order": _object(
        {
            "id": _TEXT,
            "status": _STATUS,
            "orderType": {"const": "archive"},
            "billingMode": {"enum": ["credit", "card", "enterprise"]},
            "currency": {"const": "AUD"},
            "totalAud": _NUMBER,
            "totalCredits": _CREDITS,
            "groups": _list(_ref("Group")),
            "projectId": _TEXT,
            "licenseType": {"enum": list(schemas.LICENSES)},
            "captures": _list(_TEXT),
            "createdAt": _TEXT,
            "updatedAt": _TEXT,
        },
        displayName=_TEXT,
        tags=_list(_TEXT),
        failureReason=_TEXT,
    ),
    "OrderPage": _object({"content": _list(_ref("Order")), "totalElements": _INTEGER, "totalPages": _INTEGER}),
    "Cancellation": _object(
        {"orderId": _TEXT, "status": {"const": "cancelled"}}, refundedCredits=_CREDITS, releasedCredits=_CREDITS
    ),
    "Signed": _object({"url": _TEXT, "expires_at": _TEXT}),
    "Lineage": _object(
        {
            "root": _object({"entity_type": _TEXT, "entity_id": _TEXT}),
            "direction": {"enum": ["up", "down", "both"]},
            "nodes": _list(_object({"entity_type": _TEXT, "entity_id": _TEXT, "depth": _INTEGER})),
            "edges": _list(
                _object(
                    {"depth": _INTEGER, "src_type": _TEXT, "src_id": _TEXT, "dst_type": _TEXT, "dst_id": _TEXT, "relation": _TEXT}
                )
            ),
        }
    ),
    "Balance": _object(
        {
            "balance_credits": _CREDITS,
            "reserved_credits": _CREDITS,
            "spent_credits": _CREDITS,
            "balance_aud": _NUMBER,
            "currency": {"const": "AUD"},
            "billing_mode": {"enum": ["credit", "card", "enterprise"]},
        }
    ),
    "TransactionPage": _object(
        {"transactions": _list({"type": "object"}), "total": _INTEGER, "limit": _INTEGER, "offset": _INTEGER}
    ),
    "Vendors": _object({"vendors": _list(_object({"host_name": _TEXT, "title": _TEXT})), "total": _INTEGER}),
    "Sources": _object(
        {
            "sources": _list(
                _object(
                    {
                        "id": _TEXT,
                        "title": _TEXT,
                        "description": _TEXT,
                        "access_model": _TEXT,
                        "scope": _TEXT,
                        "countries": _list(_TEXT),
                        "attribution": _TEXT,
                        "license": _TEXT,
                        "collections": _list(
                            _object(
                                {
                                    "id": _TEXT,
                                    "title": _TEXT,
                                    "data_type": _TEXT,
                                    "render_strategy": _TEXT,
                                    "access_model": _TEXT,
                                },
                                gsd={"type": ["number", "null"]},
                            )
                        ),
                    }
                )
            )
        }
    ),
    "EulaPage": _object({"content": _list({"type": "object"}), "totalElements": _INTEGER, "totalPages": _INTEGER}),
    "EulaDocument": _object({"id": _TEXT, "title": _TEXT, "text": _TEXT, "isAccepted": {"type": "boolean"}}),
    "CommitmentList": _object({"commitments": _list({"type": "object"}), "total": _INTEGER}),
    "InvoiceList": _object({"invoices": _list({"type": "object"}), "total": _INTEGER}),
    "BatchEstimate": _object(
        {
            "summary": _object({"totalCredits": _CREDITS, "totalSize": _NUMBER, "unit": {"const": "SQ_KM"}}),
            "results": _list(_object({"index": _INTEGER, "credits": _CREDITS, "size": _NUMBER, "unit": {"const": "SQ_KM"}})),
            "errors": _list(_INDEXED_ERROR),
        }
    ),
    "BatchPlacement": _object({"results": _list(_object({"index": _INTEGER, "id": _TEXT})), "errors": _list(_INDEXED_ERROR)}),
    "Up42Order": _object(
        {
            "id": _TEXT,
            "displayName": _TEXT,
            "status": _UP42_STATUS,
            "workspaceId": _TEXT,
            "accountId": _TEXT,
            "type": {"const": "ARCHIVE"},
            "dataProductId": {"type": ["string", "null"]},
            "tags": _list(_TEXT),
            "credits": _CREDITS,
            "createdAt": _TEXT,
            "updatedAt": _TEXT,
            "orderDetails": _object({"aoi": {"type": "object"}, "imageId": {"type": ["string", "null"]}}),
        },
        failureReason=_TEXT,
    ),
    "Up42OrderPage": _object({"content": _list(_ref("Up42Order")), "totalElements": _INTEGER, "totalPages": _INTEGER}),
    "Problem": _object({"title": _TEXT, "status": _INTEGER, "detail": _TEXT}, type=_TEXT),
    "ValidationError": _object({"loc": _list({"type": ["string", "integer"]}), "msg": _TEXT, "type": _TEXT}),
    "HTTPValidationError": _object({"detail": _list(_ref("ValidationError"))}),
}


def describe(url: str) -> dict[str, Any]:
    """Return the OpenAPI document."""
    request_types = {operation.request_type for operation in OPERATIONS.values()} | {schemas.BatchOrder, schemas.OrderChange}
    _, components = msgspec.json.schema_components(list(request_types), ref_template="#/components/schemas/{name}")
    components["ArchivePlace"]["properties"]["captures"]["items"] = _CAPTURE
    components["OrderId"]["anyOf"] = [{"required": [name], "properties": {name: {"type": "string"}}} for name in ("order_id", "id")]
    components["CatalogSearch"]["anyOf"] = [
        {"required": [name], "properties": {name: {"type": "array", "minItems": 1}}} for name in ("collections", "ids")
    ]
    grant = {"tokenUrl": f"{url}{REALM}/token", "scopes": {}}
    paths = {f"/v1/op/{name}": _operation(name) for name in OPERATIONS}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "scenecart sandbox",
            "version": "2",
            "description": "A simulation of the ordering service. Each operation also has a path with slashes instead of dots.",
        },
        "servers": [{"url": url}],
        "paths": {**paths, **_resources()},
        "components": {
            "schemas": {**components, **RESPONSES},
            "securitySchemes": {
                "HTTPBearer": {"type": "http", "scheme": "bearer"},
                "APIKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
                "OAuth": {"type": "oauth2", "flows": {"clientCredentials": grant, "password": grant}},
            },
        },
    }


def _operation(name: str) -> dict[str, Any]:
    operation = OPERATIONS[name]
    spends = operation.spend is not None
    described = {
        "operationId": name,
        "summary": operation.summary,
        "x-required-scope": operation.scope,
        **_extensions(operation.side_effect, is_raw=not operation.is_typed, media=operation.media),
        "security": [{"HTTPBearer": []}, {"APIKey": []}],
        "requestBody": _body(
            {"$ref": f"#/components/schemas/{operation.request_type.__name__}"}, required=_is_body_required(operation.request_type)
        ),
        "responses": _responses(operation.status, operation.response_schema, operation.media, spends=spends),
    }
    if spends:
        return {"post": {**described, "parameters": [_KEY]}}
    if operation.read is None:
        return {"post": described}
    by_get = {**described, "operationId": f"{name}.get", "parameters": _parameters(operation.request_type)}
    del by_get["requestBody"]
    return {"get": by_get, "post": described}


def _extensions(side_effect: str, *, is_raw: bool = False, media: str = "application/json") -> dict[str, Any]:
    """Return the members for what a call changes and what it returns, named as in the service's document."""
    found: dict[str, Any] = {"x-side-effect": side_effect, "x-raw-response": is_raw}
    return found if media == "application/json" else {**found, "x-output-media-type": media}


def _parameters(kind: type[msgspec.Struct]) -> list[dict[str, Any]]:
    """Describe the query parameters of a read: lists separated by commas, objects as JSON."""
    if kind is schemas.OrderId:
        return [{**_parameter("order_id", {"type": "string", "minLength": 1}), "required": True}]
    schema = msgspec.json.schema_components([kind])[1][kind.__name__]
    found = []
    for name, described in schema["properties"].items():
        options = [option for option in described.get("anyOf", [described]) if option.get("type") != "null"]
        if not options:
            continue
        plain = next((option for option in options if option.get("type") not in {"array", "object"}), options[0])
        one: dict[str, Any] = {"name": name, "in": "query", "required": name in schema["required"]}
        if plain.get("type") == "object" or plain.get("items", {}).get("type") == "object":
            found.append({**one, "content": {"application/json": {"schema": plain}}})
        elif plain.get("type") == "array":
            found.append({**one, "schema": {**plain, "maxItems": schemas.MOST_IN_QUERY}, "style": "form", "explode": False})
        else:
            found.append({**one, "schema": plain})
    return found


_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "minLength": 1, "maxLength": 255},
    "description": "The same key with the same body within 24 hours returns the same response without a second order.",
}


def _is_body_required(kind: type[msgspec.Struct]) -> bool:
    return kind is schemas.OrderId or any(field.required for field in msgspec.structs.fields(kind))


def _body(schema: dict[str, Any], *, required: bool) -> dict[str, Any]:
    return {"required": required, "content": {"application/json": {"schema": schema}}}


def _responses(status: int, response_schema: str, media: str = "application/json", *, spends: bool = False) -> dict[str, Any]:
    found: dict[str, Any] = {str(status): {"description": "Success."}}
    if response_schema == "Redirect":
        found[str(status)]["headers"] = {"Location": {"schema": _TEXT}}
    else:
        found[str(status)]["content"] = {media: {"schema": _ref(response_schema)}}
    for code, text in {**_PROBLEMS, **(_SPEND_PROBLEMS if spends else {})}.items():
        found[code] = {"description": text, "content": {"application/problem+json": {"schema": _ref("Problem")}}}
    invalid = {media: {"schema": _ref(name)} for media, name in _INVALID.items()}
    found["422"] = {"description": "The request is not valid.", "content": invalid}
    return found


_INVALID = {"application/json": "HTTPValidationError", "application/problem+json": "Problem"}


def _parameter(name: str, schema: dict[str, Any], where: str = "query") -> dict[str, Any]:
    return {"name": name, "in": where, "required": where == "path", "schema": schema}


def _resources() -> dict[str, Any]:
    """Describe the routes of the UP42 convention."""
    order = _parameter("order", {"type": "string", "format": "uuid"}, "path")
    workspace = _parameter("workspaceId", _TEXT)
    page = {"type": "integer", "minimum": 0, "maximum": 1_000_000}
    size = {"type": "integer", "minimum": 1, "maximum": schemas.LARGEST_PAGE}
    filters = [_parameter(name, _TEXT) for name in ("status", "displayName", "orderIds", "tags", "type")]
    batch = {"$ref": "#/components/schemas/BatchOrder"}
    either = {"anyOf": [batch, {"$ref": "#/components/schemas/ArchivePlace"}]}
    placed = {"anyOf": [_ref("BatchPlacement"), _ref("Order")]}
    place = _route("place_order", "Order captures, with a body of either convention.", "orders:write", 202, "Order", spends=True)
    place["responses"]["202"]["content"]["application/json"]["schema"] = placed
    return {
        "/v2/orders": {
            "get": {
                **_route("list_orders", "List orders.", "orders:read", 200, "Up42OrderPage"),
                "parameters": [workspace, _parameter("page", page), _parameter("size", size), *filters],
            },
            "post": {**place, "parameters": [workspace, _KEY], "requestBody": _body(either, required=True)},
        },
        "/v2/orders/estimate": {
            "post": {
                **_route("estimate_order", "Price features.", "orders:read", 200, "BatchEstimate"),
                "requestBody": _body(batch, required=True),
            }
        },
        "/v2/orders/{order}": {
            "parameters": [order],
            "get": _route("get_order", "Get an order.", "orders:read", 200, "Up42Order"),
            "patch": {
                **_route("change_order", "Change an order's tags.", "orders:write", 200, "Up42Order"),
                "requestBody": _body({"$ref": "#/components/schemas/OrderChange"}, required=False),
            },
        },
        "/v2/orders/{order}/cancellation": {
            "parameters": [order, _KEY],
            "post": _route("cancel_order", "Cancel an order.", "orders:write", 200, "Cancellation", spends=True),
        },
    }


def _route(name: str, summary: str, scope: str, status: int, response_schema: str, *, spends: bool = False) -> dict[str, Any]:
    return {
        "operationId": name,
        "summary": summary,
        "x-required-scope": scope,
        **_extensions("external_spend" if spends else "read" if scope.endswith(":read") else "compute"),
        "security": [{"HTTPBearer": []}, {"APIKey": []}],
        "responses": _responses(status, response_schema, spends=spends),
    }
