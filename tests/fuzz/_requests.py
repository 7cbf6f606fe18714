"""One valid request for every endpoint of the sandbox, as a seed for mutations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fuzz import _mutate

REALM = "/realms/public/protocol/openid-connect"


@dataclass(frozen=True)
class Request:
    """A request; the body of a ``form`` is form fields, and one that ``spends`` may create an order."""

    method: str
    path: str
    body: dict[str, Any] | None = None
    form: bool = False
    spends: bool = False


_SEARCH = {
    "host_name": "aurora",
    "collections": ["aurora-50cm"],
    "bbox": [151.1, -34.0, 151.4, -33.7],
    "datetime": "2024-01-01T00:00:00Z/2024-06-30T00:00:00Z",
    "query": {"eo:cloud_cover": {"lte": 60}, "gsd": {"in": [0.5, 0.3]}},
    "limit": 3,
}
_HARBOUR = {
    "type": "Polygon",
    "coordinates": [[[151.1, -34.0], [151.4, -34.0], [151.4, -33.7], [151.1, -33.7], [151.1, -34.0]]],
}
_ESTIMATE = {"captures": ["<capture>", {"id": "nothing", "geometry": _mutate.SQUARE, "host_name": "aurora"}], "splitByDate": True}
_PLACE = {"projectId": "<project>", "captures": ["<capture>"], "licenseType": "standard", "displayName": "é", "tags": ["a"]}
_FEATURES = {
    "type": "FeatureCollection",
    "features": [{"type": "Feature", "properties": {"id": "x"}, "geometry": _HARBOUR}, {"type": "Feature", "geometry": None}],
}
_BATCH = {"dataProduct": "aurora-50cm", "displayName": "n", "params": {"id": "x"}, "featureCollection": _FEATURES, "tags": ["t"]}
_STAC = {"collections": ["aurora-50cm"], "bbox": [151, -34, 152, -33], "datetime": "../2025-01-01T00:00:00Z", "limit": 2}
_OPERATIONS: dict[str, dict[str, Any]] = {
    "catalog.search": _SEARCH,
    "catalog.search_stream": {**_SEARCH, "intersects": _HARBOUR, "bbox": None},
    "catalog.image.quicklook": {"host_name": "aurora", "image_id": "nothing"},
    "catalog.image.thumbnail": {"host_name": "aurora", "image_id": "nothing"},
    "orders.archive.estimate": _ESTIMATE,
    "orders.archive.place": _PLACE,
    "orders.get": {"order_id": "<order>"},
    "orders.list": {"size": 3, "page": 0, "status": ["delivered", "failed"], "tags": "a", "sort": "createdAt,asc"},
    "orders.update": {"order_id": "<order>", "tags": ["harbour"]},
    "orders.cancel": {"order_id": "<order>"},
    "orders.list_assets": {"order_id": "<order>"},
    "items.get_stac": {"item_id": "<item>", "base_url": "https://example.com"},
    "items.asset.download": {"item_id": "<item>", "asset_id": "visual"},
    "items.search_org": {"query": {"capture:id": {"in": ["a", "b"]}}, "bbox": [151, -34, 152, -33], "limit": 2, "offset": 0},
    "stac.search": {**_STAC, "ids": ["<item>"], "filter": {"op": "=", "args": [{"property": "capture:id"}, "a"]}},
    "provenance.get": {"entity_type": "item", "entity_id": "<item>", "direction": "both", "max_depth": 3},
    "billing.credits.balance": {},
    "billing.credits.transactions": {"limit": 3, "offset": 0, "reason": "settle"},
    "billing.invoices.list": {"limit": 3},
    "catalog.vendors.list": {},
    "catalog.sources.list": {"data_type": "optical", "scope": "global", "country": None},
    "eulas.list": {"term": "a", "page": 0, "size": 3, "sort": "createdAt,desc"},
    "eulas.documents.list": {"eula_id": "<licence>", "page": 0, "size": 3},
    "eulas.document.accept": {"eula_id": "<licence>", "document_id": "<document>", "is_accepted": True},
    "organizations.commitments.list": {"commitment_id": "x", "include_line_items": True},
}
_RESOURCES = (
    Request("GET", "/v2/orders?workspaceId=<project>&size=2&page=0&status=FULFILLED"),
    Request("POST", "/v2/orders?workspaceId=<project>", _BATCH, spends=True),
    Request("POST", "/v2/orders/estimate", _BATCH),
    Request("GET", "/v2/orders/<order>"),
    Request("PATCH", "/v2/orders/<order>", {"tags": ["evening"], "budgetId": None}),
    Request("POST", "/v2/orders/<order>/cancellation", spends=True),
    Request("GET", "/v2/collections"),
    Request("GET", "/v2/assets/<item>/visual"),
    Request("POST", "/v2/assets/<item>/visual/download-url"),
    Request("GET", "<file>"),
    Request("GET", "/files/a/b.tif?expires=9999999999&signature=x"),
    Request("GET", "/images/aurora/nothing/quicklook.png"),
    Request("GET", "/openapi.json"),
    Request("GET", "/"),
)
_STAC_ROOTS = {"/stac": "<scene>", "/v2/assets/stac": "<scene>", "/v2/catalog": "aurora-50cm"}
_STAC_ROUTES = tuple(
    request
    for root, scene in _STAC_ROOTS.items()
    for request in (
        Request("GET", f"{root}/"),
        Request("GET", f"{root}/conformance"),
        Request("GET", f"{root}/collections"),
        Request("GET", f"{root}/collections/{scene}"),
        Request("GET", f"{root}/collections/{scene}/items?limit=2&bbox=151,-34,152,-33&datetime=2024-03-01T00:00:00Z/.."),
        Request("GET", f"{root}/collections/{scene}/items/<item>"),
        Request("GET", f"{root}/search?collections={scene}&limit=2&token=<next>"),
        Request("POST", f"{root}/search", {**_STAC, "collections": [scene]}),
    )
)
# all requests with a token; operations are listed twice because they are the main interface
REQUESTS = (
    *(Request("POST", f"/v1/op/{name}", body, spends="place" in name or "cancel" in name) for name, body in _OPERATIONS.items()),
    *(Request("POST", f"/v1/op/{name}", body) for name, body in _OPERATIONS.items() if "place" not in name),
    *_RESOURCES,
    *_STAC_ROUTES,
)
CONTROL = (
    Request("POST", "/_sandbox/faults", {"kind": "503", "times": 1, "operation": "nothing", "seconds": 0, "retry_after": 1}),
    Request("DELETE", "/_sandbox/faults"),
    Request("POST", "/_sandbox/top-up", {"principal": "broke", "credits": 1}),
    Request("POST", "/_sandbox/auto-top-up", {"principal": "declined", "credits": 1_000}),
    Request("POST", "/_sandbox/card", {"principal": "declined", "card": "declined"}),
    Request("POST", "/_sandbox/challenge", {"client_secret": "<secret>", "accept": True}),
    Request("POST", "/_sandbox/device", {"user_code": "<user_code>", "principal": "analyst"}),
    Request("POST", "/_sandbox/advance", {"seconds": 1}),
    Request("POST", "/_sandbox/prices", {"factor": 1}),
    Request(
        "POST",
        "/_sandbox/settings",
        {"token_seconds": 1_000_000, "calls_a_minute": 10**9, "places_a_minute": 10**9, "list_lag_seconds": 0},
    ),
)
_DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
FORMS = (
    Request("POST", f"{REALM}/token", {"grant_type": "password", "username": "<username>", "password": "<password>"}, form=True),
    Request("POST", f"{REALM}/token", {"grant_type": "client_credentials", "client_secret": "<api_key:robot>"}, form=True),
    Request("POST", f"{REALM}/token", {"grant_type": "refresh_token", "refresh_token": "<refresh>"}, form=True),
    Request("POST", f"{REALM}/token", {"grant_type": _DEVICE_GRANT, "device_code": "<device>", "code_verifier": "v"}, form=True),
    Request("POST", f"{REALM}/auth/device", {"client_id": "c", "code_challenge": "x", "code_challenge_method": "S256"}, form=True),
    Request("POST", f"{REALM}/logout", {"refresh_token": "<refresh>"}, form=True),
    Request("GET", f"{REALM}/userinfo"),
    Request("GET", "/device?user_code=<user_code>"),
    Request("POST", "/device", {"user_code": "<user_code>", "principal": "analyst", "decision": "approve"}, form=True),
    Request("GET", "/challenge/<secret>"),
    Request("POST", "/challenge/<secret>", {"decision": "complete"}, form=True),
)
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "QUERY", "get", "X")
HEADERS = (
    ("Authorization", ""),
    ("Authorization", "Bearer "),
    ("Authorization", "Bearer a.b.c"),
    ("Authorization", "Bearer eyJhbGciOiJub25lIn0.e30."),
    ("Authorization", "Basic YTpi"),
    ("Authorization", "Bearer <api_key:robot>"),
    ("Authorization", "bearer <token:other>"),
    ("X-API-Key", "<api_key:robot>"),
    ("X-API-Key", "gpra_é"),
    ("Idempotency-Key", ""),
    ("Idempotency-Key", "same"),
    ("Idempotency-Key", "x" * 256),
    ("Idempotency-Key", "é\x7f"),
    ("Host", "evil.example"),
    ("Host", ""),
    ("Host", "localhost:1"),
    ("Origin", "https://evil.example"),
    ("Origin", "http://["),
    ("Origin", "null"),
    ("Content-Type", "text/plain; charset=utf-16"),
    ("Content-Type", "multipart/form-data"),
    ("Content-Encoding", "gzip"),
    ("Accept", "application/vnd.oai.openapi+json"),
    ("Range", "bytes=5-2"),
    ("Range", "bytes=0-,1-x"),
    ("If-None-Match", "*"),
    ("If-Range", "Wed, 99 Foo"),
    ("Expect", "100-continue"),
    ("Cookie", "a=b; =;"),
)
