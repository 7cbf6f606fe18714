"""The operations of the service."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from scenecart.sandbox._http.operations import OPERATIONS

if TYPE_CHECKING:
    from collections.abc import Callable

    from _http_client import ServiceClient
    from scenecart.sandbox import Sandbox

AURORA: dict[str, Any] = {"host_name": "aurora", "collections": ["aurora-50cm"]}
RING = [[0, 0], [0.1, 0], [0.1, 0.1], [0, 0.1], [0, 0]]
SQUARE = {"type": "Polygon", "coordinates": [RING]}
NAMES: list[Any] = ["", " ", "a" * 100_000, "../../x", "a/b", "\u202e", "x\0y", "%00", "é", None, 5, True, [], {}]


def test_image_operations_redirect_to_png(shared_box: Sandbox, sign_in: Callable[..., ServiceClient]):
    """Quicklook and thumbnail of a capture are PNG images, by their links and by their operations."""
    client = sign_in(shared_box)
    one = client.search(**AURORA, limit=1)[0]
    for kind in ("quicklook", "thumbnail"):
        assert client.http.get(one["assets"][kind]["href"]).content.startswith(b"\x89PNG")
        redirected = client.call(f"catalog.image.{kind}", {"host_name": "aurora", "image_id": one["id"]})
        assert redirected.status_code == 307
        assert redirected.headers["location"] == one["assets"][kind]["href"]


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


def test_operation_either_reads_or_spends():
    """Every operation has exactly one function, and only those that spend need `orders:write`."""
    for name, operation in OPERATIONS.items():
        assert (operation.read is None) != (operation.spend is None), name
        assert (operation.scope == "orders:write") == (operation.spend is not None), name
