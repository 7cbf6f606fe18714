"""A real HTTP server on loopback with scripted responses, down to the bytes."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Callable

TOKEN_PATH = "/realms/public/protocol/openid-connect/token"


@dataclass(frozen=True)
class RecordedRequest:
    """A request that the server received."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Answer:
    """A scripted response; ``promised`` is a wrong Content-Length, and ``None`` as body closes the connection."""

    body: bytes | None = b"{}"
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    promised: int | None = None


def answer(document: Any, status: int = 200, **headers: str) -> Answer:
    """Return a JSON response; headers are keywords with underscores for hyphens. A problem states its status."""
    if status >= 400 and isinstance(document, dict) and {"title", "detail"} & set(document):
        document = {"status": status, **document}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(json.dumps(document).encode(), status, {"Content-Type": "application/json", **named})


class Stall:
    """An answer that does not come: put it as a response. With ``interrupt``, it sends the test an interrupt (Ctrl+C) first.

    Release it at the end: the test proves that nobody waited for it by ``released``, which is then True.
    """

    def __init__(self, *, interrupt: bool = False) -> None:
        self.interrupt = interrupt
        self.begun = threading.Event()
        self.released: list[bool] = []
        self._end = threading.Event()
        self._over = threading.Event()

    def __call__(self, _: RecordedRequest) -> Answer:
        self.begun.set()
        if self.interrupt:
            os.kill(os.getpid(), signal.SIGINT)
        self.released.append(self._end.wait(40))
        self._over.set()
        return Answer(None)

    def release(self) -> bool:
        """End it, and return whether it was still stalling."""
        self._end.set()
        return self._over.wait(30) and all(self.released)


class ScriptedService:
    """A server that answers each path with the test's responses in order, repeating the last; a response may be a function.

    A server that is started again after it was stopped gets the ``port`` that it had.
    """

    def __init__(self, port: int = 0) -> None:
        self.received: list[RecordedRequest] = []
        self._answers: dict[str, Any] = {}
        self._lock = threading.Lock()
        service = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # each answer is two packets, and the second would wait 40 ms for the receipt of the first
            disable_nagle_algorithm = True

            def log_message(self, *_: object) -> None:
                """Log nothing."""

            def _serve(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                headers = {name.lower(): value for name, value in self.headers.items()}
                request = RecordedRequest(self.command, self.path, headers, self.rfile.read(length))
                reply = service._reply(request)
                if reply.body is None:
                    self.connection.shutdown(socket.SHUT_RDWR)
                    self.close_connection = True
                    return
                self.send_response(reply.status)
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(reply.body) if reply.promised is None else reply.promised))
                self.end_headers()
                self.wfile.write(reply.body)
                if reply.promised is not None:
                    self.close_connection = True

            do_GET = _serve  # noqa: N815  # named by the standard library
            do_POST = _serve  # noqa: N815  # likewise

        class Server(ThreadingHTTPServer):
            def handle_error(self, *_: object) -> None:
                """Ignore clients that close the connection, as tests do."""

        self._server = Server(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    @property
    def port(self) -> int:
        return self._server.server_address[1]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def put(self, path: str, *answers: Answer | Callable[[RecordedRequest], Answer]) -> None:
        """Set the responses of a path, or of an operation by its id."""
        self._answers[path if path.startswith("/") else f"/v1/op/{path}"] = list(answers)

    def requests(self, path: str) -> list[RecordedRequest]:
        """Return the requests received so far for a path, or for an operation by its id."""
        wanted = path if path.startswith("/") else f"/v1/op/{path}"
        with self._lock:
            return [request for request in self.received if request.path.split("?")[0] == wanted]

    def _reply(self, request: RecordedRequest) -> Answer:
        with self._lock:
            self.received.append(request)
            path = request.path.split("?")[0]
            answers = self._answers.get(path)
            if not answers:
                return answer({"title": "Not Found", "status": 404, "detail": "no such thing"}, 404)
            reply = answers.pop(0) if len(answers) > 1 else answers[0]
        return reply(request) if callable(reply) else reply

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)


def feature(name: Any = "a", west: float = 0.0, **properties: Any) -> dict[str, Any]:
    """Return a STAC feature of a capture, 0.1 degree square."""
    east, south, north = west + 0.1, 10.0, 10.1
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {
        "type": "Feature",
        "id": name,
        "collection": "c",
        "geometry": {"type": "Polygon", "coordinates": [ring]},
        "properties": {"datetime": "2024-03-05T10:20:30Z", **properties},
        "assets": {},
        "links": [],
    }


def page(*features: Any, **more: Any) -> dict[str, Any]:
    """Return a page of search results."""
    return {"type": "FeatureCollection", "features": list(features), **more}


def part_of_file(request: RecordedRequest, content: bytes, **headers: str) -> Answer:
    """Return the range of a file that a request is for."""
    first, last = map(int, re.findall(r"\d+", request.headers["range"]))
    part = content[first : last + 1]
    stated = {"Content-Range": f"bytes {first}-{first + len(part) - 1}/{len(content)}", "ETag": '"one"', **headers}
    return Answer(part, 206, stated)


def ndjson(*documents: Any) -> Answer:
    """Return a response of newline-delimited JSON."""
    body = b"".join(json.dumps(document).encode() + b"\n" for document in documents)
    return Answer(body, 200, {"Content-Type": "application/x-ndjson"})
