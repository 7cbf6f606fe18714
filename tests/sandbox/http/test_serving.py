"""The HTTP server on loopback."""

from __future__ import annotations

import contextlib
import socket
from typing import TYPE_CHECKING

import httpx
import pytest

from scenecart.sandbox import Sandbox, SandboxError

if TYPE_CHECKING:
    from collections.abc import Callable

    from _http_client import ServiceClient


def test_server_listens_only_on_loopback(box: Sandbox):
    """The server does not listen on other addresses of this machine."""
    port = int(box.url.rsplit(":", 1)[1])
    with socket.socket() as other:
        other.settimeout(2)
        # another address of the loopback network stands for any other address
        assert other.connect_ex(("127.0.0.2", port)) != 0


def test_listen_port_in_use_is_refused(box: Sandbox, small_items: str):
    """A port that is in use is an error that names it, and the other server continues."""
    port = int(box.url.rsplit(":", 1)[1])
    with pytest.raises(SandboxError, match=f"Port {port} cannot be used"):
        Sandbox(items=small_items, port=port).start()
    assert httpx.get(f"{box.url}/openapi.json").status_code == 200


def test_stalled_connections_do_not_block_others(box: Sandbox, sign_in: Callable[..., ServiceClient]):
    """Connections that send half a request do not block other requests."""
    address = ("127.0.0.1", int(box.url.rsplit(":", 1)[1]))
    with contextlib.ExitStack() as stack:
        for _ in range(50):
            stalled = stack.enter_context(socket.create_connection(address))
            stalled.sendall(b"POST /v1/op/orders.list HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 99\r\n\r\n{")
        assert sign_in(box).call("orders.list").status_code == 200


def test_server_that_stops_closes_connections_in_use(small_items: str, sign_in: Callable[..., ServiceClient]):
    """A request that is still being sent when the server stops is cut off: no connection outlives the server."""
    with Sandbox(items=small_items) as box:
        headers = f"Host: 127.0.0.1\r\nAuthorization: {sign_in(box).http.headers['Authorization']}\r\nContent-Length: 99\r\n\r\n"
        unfinished = socket.create_connection(("127.0.0.1", int(box.url.rsplit(":", 1)[1])), timeout=30)
        unfinished.sendall(f"POST /v1/op/orders.list HTTP/1.1\r\n{headers}{{".encode())
        # the server has read it once it has answered another request
        assert httpx.get(f"{box.url}/openapi.json").status_code == 200
    with unfinished:
        assert unfinished.recv(1) == b""


def test_invalid_http_is_answered_with_problem(box: Sandbox):
    """Bytes that are not HTTP, and a URL that is too long, are answered with a problem document."""
    address = ("127.0.0.1", int(box.url.rsplit(":", 1)[1]))
    for sent in (b"\x00\x01\x02 what\r\n\r\n", b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\n"):
        with socket.create_connection(address, timeout=10) as connection:
            connection.sendall(sent)
            answer = connection.recv(4_096)
        assert answer.startswith(b"HTTP/1.1 400")
        assert b"application/problem+json" in answer


@pytest.mark.parametrize(
    "sent",
    [
        b"POST /v1/op/orders.list HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: -1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: example.com\r\n\r\n",
        b"GET / HTTP/1.0\r\n\r\n",
        b"GET http://example.com/ HTTP/1.1\r\nHost: example.com\r\n\r\n",
    ],
)
def test_malformed_request_is_refused(box: Sandbox, sign_in: Callable[..., ServiceClient], sent: bytes):
    """A malformed request, or one for another host, is refused, and the next one succeeds."""
    with socket.create_connection(("127.0.0.1", int(box.url.rsplit(":", 1)[1])), timeout=10) as connection:
        connection.sendall(sent)
        assert connection.recv(200).split()[1] in {b"400", b"421"}
    assert sign_in(box).call("orders.list").status_code == 200
