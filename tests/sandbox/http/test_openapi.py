"""The OpenAPI document of the sandbox, and the public one of the service."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from jsonschema import Draft202012Validator

if TYPE_CHECKING:
    from collections.abc import Callable

    from _http_client import ServiceClient
    from conftest import Clock
    from scenecart.sandbox import Sandbox

REFERENCE = Path(__file__).resolve().parents[4] / "shared" / "reference" / "geopera-openapi-2.1.0.json"
OPERATIONS = [
    "catalog.search",
    "catalog.search_stream",
    "catalog.image.quicklook",
    "catalog.image.thumbnail",
    "orders.archive.estimate",
    "orders.archive.place",
    "orders.get",
    "orders.list",
    "orders.update",
    "orders.cancel",
    "orders.list_assets",
    "items.get_stac",
    "items.search_org",
    "items.asset.download",
    "stac.search",
    "provenance.get",
    "billing.credits.balance",
    "billing.credits.transactions",
    "catalog.vendors.list",
    "catalog.sources.list",
    "eulas.list",
    "eulas.documents.list",
    "eulas.document.accept",
    "organizations.commitments.list",
    "billing.invoices.list",
]


def assert_valid(document: dict[str, Any], schema: Any, value: Any) -> None:
    """Validate a value against a schema of a document."""
    Draft202012Validator({**schema, "components": document["components"]}).validate(value)


def request_bodies(client: ServiceClient, order: str, item: str) -> dict[str, dict[str, Any]]:
    """Return a valid request for every operation."""
    captures = client.captures_of("third")
    return {
        "catalog.search": {"host_name": "archive", "collections": ["test"], "limit": 3, "query": {"eo:cloud_cover": {"LTE": 50}}},
        "catalog.search_stream": {"host_name": "archive", "ids": ["first"]},
        "catalog.image.quicklook": {"host_name": "archive", "image_id": "first"},
        "catalog.image.thumbnail": {"host_name": "archive", "image_id": "first"},
        "orders.archive.estimate": {"captures": [*captures, {"id": "nothing"}], "splitByDate": True},
        "orders.archive.place": {"projectId": client.project, "captures": captures},
        "orders.get": {"order_id": order},
        "orders.list": {"size": 5, "status": "delivered"},
        "orders.update": {"order_id": order, "tags": ["harbour"]},
        "orders.cancel": {"order_id": order},
        "orders.list_assets": {"order_id": order},
        "items.get_stac": {"item_id": item},
        "items.search_org": {"query": {"capture:id": {"eq": "first"}}, "type": "satellite_capture", "offset": 0},
        "items.asset.download": {"item_id": item, "asset_id": "visual"},
        "stac.search": {"limit": 1, "filter": {"op": "=", "args": [{"property": "capture:id"}, "first"]}},
        "provenance.get": {"entity_type": "item", "entity_id": item, "direction": "both"},
        "billing.credits.balance": {},
        "billing.credits.transactions": {"limit": 2, "reason": "settle"},
        "catalog.vendors.list": {},
        "catalog.sources.list": {"data_type": "optical"},
        "eulas.list": {"term": "archive", "size": 5},
        "eulas.documents.list": {"eula_id": "eula-archive"},
        "eulas.document.accept": {"eula_id": "eula-archive", "document_id": "licence-archive-1"},
        "organizations.commitments.list": {"include_line_items": False},
        "billing.invoices.list": {"limit": 5},
    }


@pytest.fixture
def requests(box: Sandbox, clock: Clock, sign_in: Callable[..., ServiceClient]) -> tuple[ServiceClient, dict[str, dict[str, Any]]]:
    """Return a client with a delivered order, and a request for every operation."""
    client = sign_in(box)
    order = client.place("first").json()["id"]
    clock.now += 3_600
    client.wait(order, "delivered")
    item = client.call("orders.list_assets", {"order_id": order}).json()["features"][0]["id"]
    return client, request_bodies(client, order, item)


def test_document_lists_every_operation_without_token(box: Sandbox):
    """The document is public and lists each operation with its scope."""
    document = httpx.get(f"{box.url}/openapi.json").json()
    named = {path.removeprefix("/v1/op/") for path in document["paths"] if path.startswith("/v1/op/")}
    assert named == set(OPERATIONS)
    assert all(":" in document["paths"][f"/v1/op/{name}"]["post"]["x-required-scope"] for name in named)


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("whose", ["sandbox", "service"])
def test_requests_and_responses_match_both_documents(requests: Any, box: Sandbox, operation: str, whose: str):
    """Request and response of each operation match the sandbox's own document and the service's public one."""
    client, bodies = requests
    if whose == "service" and not REFERENCE.is_file():
        pytest.skip("the service's public document is not beside this checkout")
    document = json.loads(REFERENCE.read_text(encoding="utf-8")) if whose == "service" else client.http.get("/openapi.json").json()
    described = document["paths"][f"/v1/op/{operation}"]["post"]
    assert_valid(document, described["requestBody"]["content"]["application/json"]["schema"], bodies[operation])
    answer = client.call(operation, bodies[operation])
    expected = 409 if operation == "orders.cancel" else None
    assert answer.status_code == expected or answer.is_success or answer.status_code == 307, answer.text
    content = described["responses"].get(str(answer.status_code), {}).get("content", {})
    schema = content.get("application/json", {}).get("schema")
    if schema and answer.content:
        assert_valid(document, schema, answer.json())


@pytest.mark.parametrize(
    ("operation", "body", "status"),
    [
        ("catalog.search", {"host_name": 3}, 422),
        ("orders.get", {"order_id": "nothing"}, 404),
        ("catalog.search", {"host_name": "nothing", "ids": ["a"]}, 404),
        ("orders.archive.place", {"projectId": "nothing", "captures": [{}]}, 404),
        ("stac.search", {"filter": {"op": "="}}, 422),
    ],
)
def test_errors_match_both_documents(box: Sandbox, sign_in: Callable[..., ServiceClient], operation: str, body: Any, status: int):
    """Errors match the schemas of both documents."""
    client = sign_in(box)
    answer = client.call(operation, body)
    assert answer.status_code == status
    documents = [client.http.get("/openapi.json").json()]
    if REFERENCE.is_file():
        documents.append(json.loads(REFERENCE.read_text(encoding="utf-8")))
    media = answer.headers["content-type"]
    for document in documents:
        content = document["paths"][f"/v1/op/{operation}"]["post"]["responses"][str(status)]["content"]
        assert_valid(document, content[media]["schema"], answer.json())


def test_document_says_what_each_call_changes_and_returns(box: Sandbox):
    """Every operation has the members that the official MCP server reads: what it changes, and what it returns."""
    paths = httpx.get(f"{box.url}/openapi.json").json()["paths"]
    found = {name: paths[f"/v1/op/{name}"]["post"] for name in OPERATIONS}
    effects = {name: one["x-side-effect"] for name, one in found.items() if one["x-side-effect"] != "read"}
    assert effects == {
        "orders.archive.place": "external_spend",
        "orders.update": "compute",
        "orders.cancel": "external_spend",
        "items.asset.download": "share_export",
        "eulas.document.accept": "compute",
    }
    assert {name for name, one in found.items() if not one["x-raw-response"]} == {
        "catalog.search",
        "orders.archive.estimate",
        "orders.archive.place",
        "orders.update",
        "orders.cancel",
        "items.search_org",
        "provenance.get",
        "catalog.sources.list",
    }
    media = {name: one["x-output-media-type"] for name, one in found.items() if "x-output-media-type" in one}
    assert media == {"catalog.search_stream": "application/x-ndjson"}
    assert paths["/v2/orders"]["post"]["x-side-effect"] == "external_spend"
