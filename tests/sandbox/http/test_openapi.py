"""The sandbox's own description, and the service's public one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from jsonschema import Draft202012Validator

if TYPE_CHECKING:
    from collections.abc import Callable

    from _http_client import Wire
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
    "orders.cancel",
    "orders.list_assets",
    "items.get_stac",
    "items.asset.download",
    "stac.search",
    "provenance.get",
    "billing.credits.balance",
    "billing.credits.transactions",
]


def fits(document: dict[str, Any], schema: Any, value: Any) -> None:
    """Check a value against a schema of a document."""
    Draft202012Validator({**schema, "components": document["components"]}).validate(value)


def asked(caller: Wire, order: str, item: str) -> dict[str, dict[str, Any]]:
    """Return a sensible request for every operation."""
    captures = caller.wanted("third")
    return {
        "catalog.search": {"host_name": "archive", "collections": ["test"], "limit": 3, "query": {"eo:cloud_cover": {"LTE": 50}}},
        "catalog.search_stream": {"host_name": "archive", "ids": ["first"]},
        "catalog.image.quicklook": {"host_name": "archive", "image_id": "first"},
        "catalog.image.thumbnail": {"host_name": "archive", "image_id": "first"},
        "orders.archive.estimate": {"captures": [*captures, {"id": "nothing"}], "splitByDate": True},
        "orders.archive.place": {"projectId": caller.project, "captures": captures},
        "orders.get": {"order_id": order},
        "orders.list": {"size": 5, "status": "delivered"},
        "orders.cancel": {"order_id": order},
        "orders.list_assets": {"order_id": order},
        "items.get_stac": {"item_id": item},
        "items.asset.download": {"item_id": item, "asset_id": "visual"},
        "stac.search": {"ids": [item], "limit": 1},
        "provenance.get": {"entity_type": "item", "entity_id": item, "direction": "both"},
        "billing.credits.balance": {},
        "billing.credits.transactions": {"limit": 2, "reason": "settle"},
    }


@pytest.fixture
def requests(box: Sandbox, clock: Clock, wire: Callable[..., Wire]) -> tuple[Wire, dict[str, dict[str, Any]]]:
    """Give a caller with a delivered order, and a request for every operation."""
    caller = wire(box)
    order = caller.place("first").json()["id"]
    clock.now += 3_600
    caller.wait(order, "delivered")
    item = caller.op("orders.list_assets", {"order_id": order}).json()["features"][0]["id"]
    return caller, asked(caller, order, item)


def test_the_document_names_every_operation_and_needs_no_token(box: Sandbox):
    """The document is served to everyone and names each operation with the scope it needs."""
    document = httpx.get(f"{box.url}/openapi.json").json()
    named = {path.removeprefix("/v1/op/") for path in document["paths"] if path.startswith("/v1/op/")}
    assert named == set(OPERATIONS)
    assert all(":" in document["paths"][f"/v1/op/{name}"]["post"]["x-required-scope"] for name in named)


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("whose", ["sandbox", "service"])
def test_requests_and_answers_fit(requests: Any, box: Sandbox, operation: str, whose: str):
    """What each operation takes and answers fits the sandbox's own document, and the service's public one."""
    caller, bodies = requests
    if whose == "service" and not REFERENCE.is_file():
        pytest.skip("the service's public document is not beside this checkout")
    document = json.loads(REFERENCE.read_text(encoding="utf-8")) if whose == "service" else caller.http.get("/openapi.json").json()
    described = document["paths"][f"/v1/op/{operation}"]["post"]
    fits(document, described["requestBody"]["content"]["application/json"]["schema"], bodies[operation])
    answer = caller.op(operation, bodies[operation])
    expected = 409 if operation == "orders.cancel" else None
    assert answer.status_code == expected or answer.is_success or answer.status_code == 307, answer.text
    content = described["responses"].get(str(answer.status_code), {}).get("content", {})
    schema = content.get("application/json", {}).get("schema")
    if schema and answer.content:
        fits(document, schema, answer.json())


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
def test_errors_fit_too(box: Sandbox, wire: Callable[..., Wire], operation: str, body: Any, status: int):
    """Errors have the form both documents give them."""
    caller = wire(box)
    answer = caller.op(operation, body)
    assert answer.status_code == status
    documents = [caller.http.get("/openapi.json").json()]
    if REFERENCE.is_file():
        documents.append(json.loads(REFERENCE.read_text(encoding="utf-8")))
    media = answer.headers["content-type"]
    for document in documents:
        content = document["paths"][f"/v1/op/{operation}"]["post"]["responses"][str(status)]["content"]
        fits(document, content[media]["schema"], answer.json())
