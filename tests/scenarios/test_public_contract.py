"""Every request body of a full workflow, validated against the service's public OpenAPI document."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import jsonschema
import pytest

from scenecart.sandbox import Sandbox

if TYPE_CHECKING:
    import scenecart

DOCUMENT = Path(__file__).resolve().parents[3] / "shared" / "reference" / "geopera-openapi-2.1.0.json"
HARBOUR = (151.18, -33.99, 151.24, -33.94)


class Recorder(httpx.BaseTransport):
    """Sends requests over the network, and records each operation with its body or query."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str, Any]] = []
        self._network = httpx.HTTPTransport()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Record a request, and send it."""
        request.read()
        name = request.url.path.removeprefix("/v1/op/")
        if name != request.url.path:
            body = dict(request.url.params) if request.method == "GET" else json.loads(request.content)
            self.requests.append((request.method, name, body))
        return self._network.handle_request(request)

    def close(self) -> None:
        """Close the connections."""
        self._network.close()


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    """Return the public OpenAPI document, or skip."""
    if not DOCUMENT.is_file():
        pytest.skip("the service's public OpenAPI document, ../shared/reference, is not on this machine")
    loaded: dict[str, Any] = json.loads(DOCUMENT.read_text(encoding="utf-8"))
    return loaded


@pytest.fixture(scope="module")
def recorded(document: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, str, Any]]:
    """Return the requests of a full workflow."""
    folder = tmp_path_factory.mktemp("contract")
    recorder = Recorder()
    with Sandbox(pace="instant") as box:
        box.rate_limits = None
        options: dict[str, Any] = {"sleep": lambda _: None, "say": lambda _: None, "transport": recorder}
        with box.client("analyst", home=folder / "home", **options) as client:
            _work(client, folder)
    return recorder.requests


def _work(client: scenecart.Client, folder: Path) -> None:
    """Search in each way, price, buy, follow, list, receive and cancel."""
    criteria: dict[str, Any] = {"collections": ["aurora-50cm"], "datetime": "2024-01/2024-02"}
    found = client.search("aurora", aoi=HARBOUR, **criteria)
    client.search("aurora", bbox=HARBOUR, page_size=5, **criteria)
    client.search("aurora", ids=found["id"].tolist()[:1])
    client.search_many({"harbour": HARBOUR}, "aurora", **criteria)
    client.quicklook(found.iloc[0])
    client.balance()
    client.call("billing.credits.transactions", {"limit": 5})
    estimate = client.cart(found.head(2), aoi=HARBOUR).estimate()
    order = estimate.place().wait(timeout=60, progress=False)
    assert client.order(order.id).status == "delivered"
    client.orders(status="delivered", project=client.project, ids=[order.id], order_type="archive", limit=5)
    order.items()
    order.lineage()
    order.download(folder / "out", progress=False)
    client.settle()


def _schema(document: dict[str, Any], name: str) -> dict[str, Any]:
    """Return the schema of an operation's body."""
    body = document["paths"][f"/v1/op/{name}"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    return {**body, "components": document["components"]}


USED = [
    "billing.credits.balance",
    "billing.credits.transactions",
    "catalog.image.thumbnail",
    "catalog.search",
    "catalog.search_stream",
    "items.asset.download",
    "orders.archive.estimate",
    "orders.archive.place",
    "orders.get",
    "orders.list",
    "orders.list_assets",
    "provenance.get",
]


# the document says one text; the library sends a list first, and asks otherwise where it is refused
TEXTS_SENT_AS_LISTS = {"orders.list": ("orderIds", "tags")}


def test_workflow_calls_documented_operations_only(recorded: list[tuple[str, str, Any]], document: dict[str, Any]):
    """Each operation that the library calls is in the public document, and the workflow calls all that it should."""
    names = {name for _, name, _ in recorded}
    assert {name for name in names if f"/v1/op/{name}" not in document["paths"]} == set()
    assert names == set(USED)


@pytest.mark.parametrize("name", USED)
def test_request_body_is_valid_by_the_public_document(recorded: list[tuple[str, str, Any]], document: dict[str, Any], name: str):
    """Each request body has the fields and types of the public document; a query has its field names."""
    schema = _schema(document, name)
    bodies = [(method, body) for method, called, body in recorded if called == name]
    assert bodies
    for method, body in bodies:
        if method == "GET":
            required = document["components"]["schemas"]["OrderGetInput"]["required"]
            assert set(required) <= body.keys()
        else:
            lists = {
                field: ",".join(body[field]) for field in TEXTS_SENT_AS_LISTS.get(name, ()) if isinstance(body.get(field), list)
            }
            jsonschema.validate({**body, **lists}, schema)
            # the document of this operation describes any object
            properties = _properties(document, schema)
            assert not properties or body.keys() <= properties | {"id"}


def _properties(document: dict[str, Any], schema: dict[str, Any]) -> set[str]:
    reference = str(schema.get("$ref", "")).rpartition("/")[2]
    return set(document["components"]["schemas"][reference].get("properties", {})) if reference else set()


def test_place_body_has_the_documented_fields(recorded: list[tuple[str, str, Any]]):
    """The order's body, which the document leaves open, has the fields of the ordering guide."""
    ((_, _, body),) = [one for one in recorded if one[1] == "orders.archive.place"]
    assert body.keys() == {"projectId", "captures", "licenseType", "splitByDate"}
    assert all({"id", "geometry"} <= capture.keys() for capture in body["captures"])
    assert (isinstance(body["projectId"], str), isinstance(body["splitByDate"], bool)) == (True, True)
