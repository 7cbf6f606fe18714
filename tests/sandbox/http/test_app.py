"""Routes, request bodies and errors of the application."""

from __future__ import annotations

import contextlib
import socket
import sqlite3
from typing import TYPE_CHECKING, Any

import httpx
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from _http_client import ServiceClient
    from scenecart.sandbox import Sandbox


@pytest.mark.parametrize(
    ("content", "status"),
    [(b"{", 400), (b"[]", 400), (b'{"a": NaN}', 400), (b"[" * 100_000, 400), (b"\xff\xfe", 400), (b'"x"', 400)],
)
def test_body_that_is_not_json_object_is_400(box: Sandbox, sign_in: Callable[..., ServiceClient], content: bytes, status: int):
    """A body that is truncated, deeply nested or not an object is 400, and the server continues."""
    client = sign_in(box)
    assert client.http.post("/v1/op/orders.list", content=content).status_code == status
    assert client.call("orders.list").status_code == 200


def test_endless_body_is_413(box: Sandbox, sign_in: Callable[..., ServiceClient]):
    """A body above the limit is refused before it is read completely."""

    def endless() -> Iterator[bytes]:
        for _ in range(64):
            yield b" " * 2**20

    client = sign_in(box)
    with contextlib.suppress(httpx.WriteError):
        assert client.http.post("/v1/op/orders.list", content=endless()).status_code == 413
    assert client.call("orders.list").status_code == 200


def test_content_length_invalid_or_above_limit_is_refused_at_once(box: Sandbox, sign_in: Callable[..., ServiceClient]):
    """A Content-Length of 100 MB, or an invalid one, is refused without waiting for the body."""
    address = ("127.0.0.1", int(box.url.rsplit(":", 1)[1]))
    head = f"POST /v1/op/orders.list HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {box.token()}\r\n".encode()
    for length in (b"104857600", b"-1", b"1e3", b"99999999999999999999"):
        with socket.create_connection(address, timeout=10) as connection:
            connection.sendall(head + b"Content-Length: " + length + b"\r\n\r\n{}")
            assert connection.recv(200).split()[1] in {b"400", b"413"}
    assert sign_in(box).call("orders.list").status_code == 200


def test_unknown_method_is_405_and_unknown_path_404(box: Sandbox, sign_in: Callable[..., ServiceClient]):
    """An unknown method is 405, an unknown path or operation 404, each as a problem document."""
    client = sign_in(box)
    answers = [
        (client.http.request("BREW", "/v1/op/orders.list"), 405),
        (client.http.put("/v1/op/orders.list", json={}), 405),
        (client.http.get("/nothing"), 404),
        (client.call("orders.steal"), 404),
    ]
    for answer, status in answers:
        assert answer.status_code == status
        assert answer.json()["status"] == status
        assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("method", ["QUERY", "TRACE", "PATCH", "DELETE", "PROPFIND", "OPTIONS"])
def test_unsupported_method_is_405_with_allow_header(box: Sandbox, sign_in: Callable[..., ServiceClient], method: str):
    """An unsupported method is 405, and the header Allow lists the supported ones."""
    answer = sign_in(box).http.request(method, "/v1/op/orders.archive.place")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


def test_spending_operation_by_get_is_405(box: Sandbox, sign_in: Callable[..., ServiceClient]):
    """An operation that spends money cannot be called by GET, so no link or prefetch buys anything."""
    assert sign_in(box).http.get("/v1/op/orders.archive.place").status_code == 405


def test_operation_at_path_with_slashes_gives_same_response(box: Sandbox, sign_in: Callable[..., ServiceClient]):
    """Every operation also has a path with slashes."""
    client = sign_in(box)
    captures = client.captures_of("first")
    twin = client.http.post("/v1/orders/archive/estimate", json={"captures": captures})
    assert twin.json() == client.call("orders.archive.estimate", {"captures": captures}).json()


@pytest.mark.parametrize("operation", ["orders.list", "billing.credits.balance", "stac.search", "orders.list_assets"])
def test_read_operation_by_get_gives_same_response(box: Sandbox, sign_in: Callable[..., ServiceClient], operation: str):
    """A read by GET gives the same response as by POST; numbers and lists are text in the query."""
    client = sign_in(box)
    orders = [client.place("first").json()["id"] for _ in range(3)]
    body: dict[str, Any] = {"orders.list": {"size": 2, "page": 1, "orderIds": orders[:2]}, "stac.search": {"limit": 3}}.get(
        operation, {}
    )
    if operation == "orders.list_assets":
        body = {"order_id": orders[0]}
    query = {name: ",".join(value) if isinstance(value, list) else value for name, value in body.items()}
    by_post = client.call(operation, body)
    assert by_post.status_code == 200
    for path in (f"/v1/op/{operation}", f"/v1/{operation.replace('.', '/')}"):
        by_get = client.http.get(path, params=query)
        assert (by_get.status_code, by_get.json()) == (200, by_post.json())
    assert client.http.get("/v1/op/orders.list", params={"size": "many"}).status_code == 422


def test_disconnect_inside_body_is_not_logged(box: Sandbox, caplog: pytest.LogCaptureFixture):
    """A client that disconnects before its body is complete leaves nothing in the log, and the server continues."""
    address = ("127.0.0.1", int(box.url.rsplit(":", 1)[1]))
    head = f"POST /v1/op/orders.list HTTP/1.1\r\nHost: {address[0]}\r\nAuthorization: Bearer {box.token()}\r\n"
    connection = socket.create_connection(address, timeout=10)
    connection.sendall(f'{head}Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{{"size"'.encode())
    # after the first response the server waits for the body; during the others it notices the disconnect
    assert httpx.get(f"{box.url}/openapi.json").status_code == 200
    connection.close()
    for _ in range(20):
        assert httpx.get(f"{box.url}/openapi.json").status_code == 200
    assert caplog.text == ""


def test_half_closed_connection_is_not_logged(
    box: Sandbox, sign_in: Callable[..., ServiceClient], caplog: pytest.LogCaptureFixture
):
    """A client that closes its sending side inside the body leaves nothing in the log."""
    client = sign_in(box)
    head = f"POST /v1/op/orders.list HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: {client.http.headers['authorization']}\r\n"
    with socket.create_connection(("127.0.0.1", int(box.url.rsplit(":", 1)[1])), timeout=10) as connection:
        connection.sendall(f"{head}Content-Length: 100\r\n\r\n{{".encode())
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(200):
            pass
    assert client.call("orders.list").status_code == 200
    assert not [record for record in caplog.records if record.name == "scenecart.sandbox"]


def test_internal_error_is_logged_and_not_disclosed(
    box: Sandbox, sign_in: Callable[..., ServiceClient], caplog: pytest.LogCaptureFixture
):
    """An internal error is 500 without details; the log has them."""
    client = sign_in(box)
    with contextlib.closing(sqlite3.connect(box.data / "sandbox.sqlite")) as database:
        database.execute("ALTER TABLE claim RENAME TO precious_secret")
    answer = client.place("first", key="k")
    assert answer.status_code == 500
    assert "precious" not in answer.text
    assert "claim" not in answer.text
    assert "claim" in caplog.text
