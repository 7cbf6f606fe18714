"""What nobody sane would send."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from _http_client import Wire
    from scenecart.sandbox import Sandbox

HOLLOW = [[151, -34], [151.4, -34], [151.4, -33.7], [151.1, -33.7], [511, -34], [151, -34]]
RING = [[0, 0], [0.1, 0], [0.1, 0.1], [0, 0.1], [0, 0]]
SQUARE = {"type": "Polygon", "coordinates": [RING]}
GEOMETRIES: list[Any] = [
    {},
    5,
    [1, 2],
    "POLYGON((0 0,1 1,1 0,0 0))",
    {"type": "Point", "coordinates": [0, 0]},
    {"type": "GeometryCollection", "geometries": [SQUARE]},
    {"type": "Feature", "geometry": SQUARE},
    {"type": "polygon", "coordinates": [RING]},
    {"type": ["Polygon"], "coordinates": [RING]},
    {"type": "Polygon", "coordinates": []},
    {"type": "Polygon", "coordinates": [[]]},
    {"type": "Polygon", "coordinates": [RING[:3]]},
    {"type": "Polygon", "coordinates": [RING[:-1]]},
    {"type": "Polygon", "coordinates": [[[*point, 5] for point in RING]]},
    {"type": "Polygon", "coordinates": [[[*point, 5, 6] for point in RING]]},
    {"type": "Polygon", "coordinates": [[["a", "b"]] * 5]},
    {"type": "Polygon", "coordinates": [[[None, None]] * 5]},
    {"type": "Polygon", "coordinates": [[[1e308, 1e308]] * 5]},
    {"type": "Polygon", "coordinates": [[[10**400, 0]] * 5]},
    {"type": "Polygon", "coordinates": [RING, RING]},
    {"type": "Polygon", "coordinates": {"a": 1}},
    {"type": "MultiPolygon", "coordinates": [[RING]]},
    {"type": "Polygon", "coordinates": [HOLLOW, HOLLOW]},
]
NAMES: list[Any] = ["", " ", "a" * 100_000, "../../x", "a/b", "\u202e", "x\0y", "%00", "é", None, 5, True, [], {}]
TIMES = ["2024-02-30", "../..", "/", "..", "2024-01-01T00:00:00+25:00", "9999-12-31T23:59:59Z", "x" * 10_000, "12024-01-01"]


@pytest.mark.parametrize("geometry", GEOMETRIES, ids=lambda one: str(one)[:40])
def test_an_odd_geometry_is_a_reason(box: Sandbox, wire: Callable[..., Wire], geometry: Any):
    """An odd geometry is a price or a reason when it is estimated, and an answer or a field when it is searched with."""
    caller = wire(box)
    priced = caller.op("orders.archive.estimate", {"captures": [{"id": "first", "geometry": geometry}]})
    assert priced.status_code == 200
    assert len(priced.json()["groups"]) + len(priced.json()["errors"]) == 1
    searched = caller.op("catalog.search", {"host_name": "archive", "collections": ["test"], "intersects": geometry})
    assert searched.status_code in {200, 422}
    assert caller.http.post("/stac/search", content=json.dumps({"intersects": geometry})).status_code in {200, 400}


@pytest.mark.parametrize("name", NAMES, ids=lambda one: repr(one)[:20])
def test_an_odd_name_names_nothing(box: Sandbox, wire: Callable[..., Wire], name: Any):
    """An odd id is nothing that exists, or no id at all; never a fault of the sandbox."""
    caller = wire(box)
    for operation, body in {
        "orders.get": {"order_id": name},
        "orders.list_assets": {"order_id": name},
        "items.get_stac": {"item_id": name},
        "items.asset.download": {"item_id": name, "asset_id": name},
        "provenance.get": {"entity_type": "order", "entity_id": name},
        "catalog.image.quicklook": {"host_name": "archive", "image_id": name},
    }.items():
        assert caller.op(operation, body).status_code in {404, 422}, operation
    assert caller.op("catalog.search", {"host_name": "archive", "ids": [name]}).status_code in {200, 422}
    priced = caller.op("orders.archive.estimate", {"captures": [{"id": name, "geometry": SQUARE}]})
    assert priced.json()["errors"]


@pytest.mark.parametrize("time", TIMES, ids=lambda one: one[:30])
def test_an_odd_time_is_a_field(box: Sandbox, wire: Callable[..., Wire], time: str):
    """A time that cannot be read is told as the field it is, in each API's own way."""
    caller = wire(box)
    asked = {"host_name": "archive", "collections": ["test"], "datetime": time}
    assert caller.op("catalog.search", asked).status_code in {200, 422}
    for root in ("/stac", "/v2/catalog"):
        assert caller.http.get(f"{root}/search", params={"datetime": time}).status_code in {200, 400}


@pytest.mark.parametrize(
    "sent",
    [
        b"POST /v1/op/orders.list HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: -1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: example.com\r\n\r\n",
        b"GET / HTTP/1.0\r\n\r\n",
        b"GET http://example.com/ HTTP/1.1\r\nHost: example.com\r\n\r\n",
    ],
)
def test_odd_http_is_refused(box: Sandbox, wire: Callable[..., Wire], sent: bytes):
    """A request that bends HTTP, or is for another host, is refused, and the next one is served."""
    with socket.create_connection(("127.0.0.1", int(box.url.rsplit(":", 1)[1])), timeout=10) as connection:
        connection.sendall(sent)
        assert connection.recv(200).split()[1] in {b"400", b"421"}
    assert wire(box).op("orders.list").status_code == 200


@pytest.mark.parametrize("method", ["QUERY", "TRACE", "PATCH", "DELETE", "PROPFIND", "OPTIONS"])
def test_other_methods_are_405(box: Sandbox, wire: Callable[..., Wire], method: str):
    """Any other method is 405 and told which ones there are."""
    answer = wire(box).http.request(method, "/v1/op/orders.archive.place")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


@pytest.mark.parametrize(
    "geometry",
    [
        {"type": "MultiPolygon", "coordinates": [[[]], [RING]]},
        {"type": "Polygon", "coordinates": [RING, []]},
        {"type": "GeometryCollection", "geometries": [SQUARE, {"type": "MultiPolygon", "coordinates": [[[]], [RING]]}]},
        {
            "type": "Polygon",
            "coordinates": [[[-180, -1], [170, 90], [-90, 1], [-170, 80], [-180, -1]], [[170, 0], [170, 0], [1, 1], [170, 0]]],
        },
    ],
)
def test_an_empty_part_ends_nothing(box: Sandbox, wire: Callable[..., Wire], geometry: Any):
    """A geometry with a part that holds no point, or that cannot be split, is a reason, and the sandbox goes on."""
    caller = wire(box)
    priced = caller.op("orders.archive.estimate", {"captures": [{"id": "first", "geometry": geometry}]})
    assert [error["id"] for error in priced.json()["errors"]] == ["first"]
    assert caller.op("orders.list").status_code == 200


@pytest.mark.parametrize("limit", [[], ["5"], [5], {}, "5", None, -1, 0.5])
@pytest.mark.parametrize("root", ["/stac", "/v2/catalog"])
def test_an_odd_limit_is_400(box: Sandbox, wire: Callable[..., Wire], root: str, limit: Any):
    """A STAC search whose limit is no number of items is 400, as OGC API has it."""
    assert wire(box).http.post(f"{root}/search", json={"limit": limit}).status_code == 400


def test_a_client_that_hangs_up_is_no_fault(box: Sandbox, wire: Callable[..., Wire], caplog: pytest.LogCaptureFixture):
    """A client that leaves in the middle of its body is not told about as an error of the sandbox."""
    caller = wire(box)
    head = f"POST /v1/op/orders.list HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: {caller.http.headers['authorization']}\r\n"
    with socket.create_connection(("127.0.0.1", int(box.url.rsplit(":", 1)[1])), timeout=10) as connection:
        connection.sendall(f"{head}Content-Length: 100\r\n\r\n{{".encode())
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(200):
            pass
    assert caller.op("orders.list").status_code == 200
    assert not [record for record in caplog.records if record.name == "scenecart.sandbox"]
