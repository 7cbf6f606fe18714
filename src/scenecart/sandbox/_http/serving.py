"""The HTTP server (uvicorn) on a loopback port."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import threading
import time
from typing import TYPE_CHECKING, Any

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from scenecart.sandbox._http.app import application
from scenecart.sandbox._problem import Problem, SandboxError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scenecart.sandbox._http.operations import Service

_START_SECONDS = 30.0


def listen(port: int) -> socket.socket:
    """Bind a port of the loopback interface, which other machines cannot reach.

    Raises
    ------
    SandboxError
        If the port cannot be used.
    """
    # asyncio sets TCP_NODELAY only on sockets that were created with an explicit protocol
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
    except (OSError, OverflowError) as error:
        listener.close()
        raise SandboxError(f"Port {port} cannot be used: {error}. Use another port, or 0 for a free one.") from error
    return listener


@contextlib.contextmanager
def run_server(service: Service, listener: socket.socket) -> Iterator[None]:
    """Run the HTTP server in a thread until the block ends."""

    class Protocol(H11Protocol):
        """Registers each connection by the client's address, so that a fault can close it."""

        def send_400_response(self, msg: str) -> None:
            # invalid HTTP and URLs that are too long never reach the application
            problem = json.dumps(Problem(400, msg).document).encode()
            headers = [(b"content-type", b"application/problem+json"), (b"connection", b"close")]
            for event in (h11.Response(status_code=400, headers=headers), h11.Data(data=problem), h11.EndOfMessage()):
                self.transport.write(self.conn.send(event) or b"")
            self.transport.close()

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            service.connections[transport.get_extra_info("peername")] = transport

        def connection_lost(self, exc: Exception | None) -> None:
            service.connections.pop(self.transport.get_extra_info("peername"), None)
            super().connection_lost(exc)

    config = uvicorn.Config(
        application(service),
        http=Protocol,
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="critical",
        access_log=False,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=2,
        server_header=False,
        # the middleware states the sandbox's own time
        date_header=False,
    )
    server = uvicorn.Server(config)

    async def serve() -> None:
        await server.serve([listener])
        # those that did not end in its time would stay open with the loop
        for transport in list(service.connections.values()):
            transport.abort()
        await asyncio.sleep(0)

    thread = threading.Thread(target=lambda: asyncio.run(serve()), name="sandbox-server", daemon=True)
    thread.start()
    deadline = time.monotonic() + _START_SECONDS
    while not server.started:
        if not thread.is_alive() or time.monotonic() > deadline:
            raise SandboxError("The HTTP server of the sandbox did not start.")
        time.sleep(0.005)
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(10)
