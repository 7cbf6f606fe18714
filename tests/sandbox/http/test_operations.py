"""The operations of the service."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from _ledger_check import reconcile
from scenecart.sandbox._http.operations import OPERATIONS

if TYPE_CHECKING:
    from collections.abc import Callable

    from _http_client import ServiceClient
    from conftest import Clock
    from scenecart.sandbox import Sandbox

AURORA: dict[str, Any] = {"host_name": "aurora", "collections": ["aurora-50cm"]}
RING = [[0, 0], [0.1, 0], [0.1, 0.1], [0, 0.1], [0, 0]]
SQUARE = {"type": "Polygon", "coordinates": [RING]}
NAMES: list[Any] = ["", " ", "a" * 100_000, "../../x", "a/b", "\u202e", "x\0y", "%00", "é", None, 5, True, [], {}]


@pytest.mark.parametrize(
    ("host", "collection", "quicklook"),
    [
        ("aurora", "aurora-50cm", "JPEG"),
        ("openterra", "openterra-10m", "JPEG"),
        ("lumen", "lumen-spot", "JPEG"),
        ("aurora", "aurora-legacy", "PNG"),
    ],
)
def test_image_operations_redirect_to_images(
    shared_box: Sandbox, sign_in: Callable[..., ServiceClient], host: str, collection: str, quicklook: str
):
    """Quicklook and thumbnail of a capture are images of 1,024 and 256 pixels, by their links and by their operations."""
    client = sign_in(shared_box)
    one = client.search(host_name=host, collections=[collection], limit=1)[0]
    for kind, side, form in (("quicklook", 1_024, quicklook), ("thumbnail", 256, "PNG")):
        asset = one["assets"][kind]
        answer = client.http.get(asset["href"])
        with Image.open(io.BytesIO(answer.content)) as picture:
            assert (max(picture.size), picture.format) == (side, form)
        assert answer.headers["content-type"] == asset["type"] == f"image/{form.lower()}"
        redirected = client.call(f"catalog.image.{kind}", {"host_name": host, "image_id": one["id"]})
        assert redirected.status_code == 307
        assert redirected.headers["location"] == asset["href"]


def test_image_of_a_capture_of_a_file_follows_its_footprint(box: Sandbox, sign_in: Callable[..., ServiceClient]):
    """A capture of a file has images too; one without a valid footprint has none, nor have unknown kinds of images."""
    client = sign_in(box)
    for name, suffix, status in (("first", "png", 200), ("crossed", "png", 404), ("unknown", "png", 404), ("first", "gif", 404)):
        assert client.http.get(f"/images/archive/{name}/quicklook.{suffix}").status_code == status
    assert client.http.get("/images/archive/first/map.png").status_code == 404


@pytest.mark.parametrize("name", NAMES, ids=lambda one: repr(one)[:20])
def test_malformed_id_is_404_or_422(box: Sandbox, sign_in: Callable[..., ServiceClient], name: Any):
    """A malformed id is 404 or 422, never an internal error."""
    client = sign_in(box)
    for operation, body in {
        "orders.get": {"order_id": name},
        "orders.list_assets": {"order_id": name},
        "items.get_stac": {"item_id": name},
        "items.asset.download": {"item_id": name, "asset_id": name},
        "provenance.get": {"entity_type": "order", "entity_id": name},
        "catalog.image.quicklook": {"host_name": "archive", "image_id": name},
    }.items():
        assert client.call(operation, body).status_code in {404, 422}, operation
    assert client.call("catalog.search", {"host_name": "archive", "ids": [name]}).status_code in {200, 422}
    priced = client.call("orders.archive.estimate", {"captures": [{"id": name, "geometry": SQUARE}]})
    assert priced.json()["errors"]


def test_operation_reads_changes_or_spends():
    """Every operation has exactly one function, and only those that change or spend need a scope to write."""
    for name, operation in OPERATIONS.items():
        functions = [operation.read, operation.change, operation.spend]
        assert sum(function is not None for function in functions) == 1, name
        assert operation.scope.endswith(":write") == (operation.read is None), name


@pytest.fixture
def delivered(box: Sandbox, clock: Clock, sign_in: Callable[..., ServiceClient]) -> ServiceClient:
    """Return a client with two delivered orders: of two captures, and, delivered before it, of one of them again."""
    client = sign_in(box)
    ids = [client.place(*names).json()["id"] for names in (("first", "far"), ("first",))]
    clock.now += 3_600
    for order in ids:
        client.wait(order, "delivered")
    return client


def captures_in(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [feature["properties"]["capture:id"] for feature in answer.json()["features"]]


def test_items_search_org_finds_owned_items_by_capture(
    delivered: ServiceClient, box: Sandbox, sign_in: Callable[..., ServiceClient]
):
    """What the organization owns is found by capture id, area and time, in parts; another organization finds nothing."""
    operation = "items.search_org"
    assert captures_in(delivered.call(operation)) == ["first", "first", "far"]
    by_capture = delivered.call(operation, {"query": {"capture:id": {"eq": "first"}}})
    assert captures_in(by_capture) == ["first", "first"]
    assert by_capture.json()["numberMatched"] == 2
    orders = {order["id"] for order in box.orders()}
    assert {item["properties"]["order:id"] for item in by_capture.json()["features"]} == orders
    several = {"query": {"capture:id": {"in": ["far", "third"]}, "eo:cloud_cover": {"lte": 5}}}
    assert captures_in(delivered.call(operation, several)) == ["far"]
    assert captures_in(delivered.call(operation, {"bbox": [39, 59, 41, 61]})) == ["far"]
    assert captures_in(delivered.call(operation, {"datetime": "2024-03-01T00:00:00Z/2024-03-31T00:00:00Z"})) == ["first", "first"]
    parts = [delivered.call(operation, {"limit": 2, "offset": offset}) for offset in (0, 2, 4)]
    assert [captures_in(part) for part in parts] == [["first", "first"], ["far"], []]
    assert {part.json()["numberMatched"] for part in parts} == {3}
    assert captures_in(delivered.call(operation, {"type": "derived_raster"})) == []
    by_get = delivered.http.get("/v1/items/search_org", params={"query": '{"capture:id": {"eq": "far"}}'})
    assert captures_in(by_get) == ["far"]
    assert captures_in(sign_in(box, "other").call(operation)) == []


def test_stac_search_filters_owned_items_by_capture(delivered: ServiceClient):
    """The organization's STAC search understands comparisons in CQL2 JSON, and follows pages within them."""
    first = {"op": "=", "args": [{"property": "capture:id"}, "first"]}
    assert captures_in(delivered.call("stac.search", {"filter": first})) == ["first", "first"]
    page = delivered.call("stac.search", {"filter": first, "limit": 1, "filter-lang": "cql2-json"})
    token = page.json()["links"][0]["body"]["token"]
    assert captures_in(delivered.call("stac.search", {"filter": first, "limit": 1, "token": token})) == ["first"]
    either = {"op": "in", "args": [{"property": "capture:id"}, ["far", "third"]]}
    clear = {"op": "<=", "args": [{"property": "eo:cloud_cover"}, 5]}
    assert captures_in(delivered.call("stac.search", {"filter": {"op": "and", "args": [either, clear]}})) == ["far"]


@pytest.mark.parametrize(
    "expression",
    [
        {},
        {"op": "="},
        {"op": "like", "args": [{"property": "capture:id"}, "f%"]},
        {"op": "=", "args": [{"property": 5}, "first"]},
        {"op": "=", "args": ["first", {"property": "capture:id"}]},
        {"op": "=", "args": [{"property": 'a"b'}, "first"]},
        {"op": "=", "args": [{"property": "capture:id"}, None]},
        {"op": "in", "args": [{"property": "capture:id"}, "first"]},
        {"op": "and", "args": [{"op": "and", "args": []}]},
        {"op": "and", "args": ["first"]},
        {"op": [], "args": {}},
    ],
    ids=repr,
)
def test_stac_search_other_filter_is_422(box: Sandbox, sign_in: Callable[..., ServiceClient], expression: Any):
    """A filter that is not understood is refused, never ignored; the STAC APIs have no filters at all."""
    client = sign_in(box)
    assert client.call("stac.search", {"filter": expression}).status_code == 422
    assert client.http.post("/stac/search", json={"filter": expression}).status_code == 400


@pytest.mark.parametrize(
    "body",
    [{"limit": 0}, {"limit": 1_001}, {"offset": -1}, {"type": "photo"}, {"sortby": [{"field": "datetime"}]}, {"format": "csv"},
     {"query": {"capture:id": "first"}}, {"query": {"capture:id": {"like": "f"}}}, {"query": {'a"b': {"eq": 1}}}],
    ids=repr,
)  # fmt: skip
def test_items_search_org_invalid_request_is_422(box: Sandbox, sign_in: Callable[..., ServiceClient], body: Any):
    """A search of the organization's items that is not understood is refused."""
    assert sign_in(box).call("items.search_org", body).status_code == 422


def test_orders_update_changes_tags(box: Sandbox, sign_in: Callable[..., ServiceClient]):
    """Tags of an order are changed or left; the order is found by them, and costs nothing more."""
    client = sign_in(box)
    order = client.place("first", tags=["old"]).json()
    changed = client.call("orders.update", {"order_id": order["id"], "tags": ["harbour", "2024"]})
    assert (changed.status_code, changed.json()["tags"]) == (200, ["harbour", "2024"])
    assert client.call("orders.update", {"order_id": order["id"]}).json()["tags"] == ["harbour", "2024"]
    assert client.http.post("/v1/orders/update", json={"order_id": order["id"], "tags": []}).json()["tags"] == []
    client.call("orders.update", {"order_id": order["id"], "tags": ["kept"]})
    assert client.call("orders.list", {"tags": "kept"}).json()["totalElements"] == 1
    assert changed.json()["totalCredits"] == order["totalCredits"]
    assert reconcile(box) == 1


def test_orders_update_is_refused_where_it_must_be(box: Sandbox, sign_in: Callable[..., ServiceClient]):
    """Tags are changed only by POST, with the scope to write, in the own organization, and as a list of text."""
    client = sign_in(box)
    body = {"order_id": client.place("first").json()["id"], "tags": ["mine"]}
    assert sign_in(box, "robot").call("orders.update", body).status_code == 403
    assert sign_in(box, "other").call("orders.update", body).status_code == 404
    assert client.http.get("/v1/op/orders.update", params={"order_id": body["order_id"]}).status_code == 405
    for wrong in ({"tags": ["mine"]}, {**body, "tags": "mine"}, {**body, "tags": [5]}):
        assert client.call("orders.update", wrong).status_code == 422
    assert client.call("orders.get", {"id": body["order_id"]}).json()["tags"] == []
