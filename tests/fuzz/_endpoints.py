"""Fuzzing of every endpoint of the sandbox over real sockets; errors are problem documents, and the service never ends."""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode, urlsplit

from fuzz import _mutate
from fuzz._engine import Place
from fuzz._requests import CONTROL, FORMS, HEADERS, METHODS, REALM, REQUESTS, Request
from scenecart.sandbox._http.middleware import INJECTED

if TYPE_CHECKING:
    from collections.abc import Iterator
    from random import Random

_START_SECONDS = 300.0
_ANSWER_SECONDS = 45.0
_RESET_EVERY = 400
_MAX_KNOWN = 50
_USERS = ("analyst", "analyst", "analyst", "card", "secure", "enterprise", "broke", "declined", "other")
_FAULTS = ("429; retry_after=1", "500", "502", "503", "stall; seconds=0.001", "expire-token", "empty", "garbage", "x", "stall; x=1")
_DROPS = ("drop-before", "drop-after", "cut")


class Endpoints:
    """An input is a request as JSON (method, path, headers, body), or ``raw``, a newline, and bytes to send unchanged.

    Placeholders stand for values of the running sandbox: ``<token:analyst>``, ``<order>``, ``<item>``.
    """

    @contextlib.contextmanager
    def around(self) -> Iterator[Place]:
        """Run a sandbox with a delivered order in a separate process."""
        with tempfile.TemporaryDirectory(prefix="scenecart-fuzz-") as folder:
            ready = Path(folder, "ready.json")
            command = [sys.executable, "-m", "scenecart.cli", "sandbox", "--port", "0", "--data", f"{folder}/data", "--captures"]
            options = ["2000", "--pace", "demo", "--ready-file", str(ready)]
            with subprocess.Popen([*command, *options], stdout=subprocess.DEVNULL) as process:
                try:
                    given = _wait_until_ready(process, ready)
                    with contextlib.closing(_Service(given)) as service:
                        service.reset()
                        service.deliver()
                    yield Place({**given, "known": service.known}, (process.pid,), Path(folder, "data"))
                    assert process.poll() is None, "the sandbox ended"
                finally:
                    process.terminate()
                    process.wait(60)

    def open(self, place: Place) -> None:
        """Connect."""
        self._service = _Service(place.given)
        self._checked = 0

    def close(self) -> None:
        """Close the connection."""
        self._service.close()

    def make(self, pick: Random) -> bytes:
        """Generate a request."""
        request = pick.choice(REQUESTS) if pick.randrange(12) else pick.choice(CONTROL + FORMS)
        method, path, headers = request.method, request.path, {"Authorization": f"Bearer <token:{pick.choice(_USERS)}>"}
        if pick.randrange(10) == 0:
            headers |= dict(pick.choices(HEADERS, k=pick.randrange(1, 3)))
        if "place" in request.path or "cancel" in request.path:
            headers |= {"Idempotency-Key": str(uuid.UUID(int=pick.getrandbits(128)))} if pick.randrange(3) else {}
        if pick.randrange(300) == 0:
            headers["X-Sandbox-Fault"] = pick.choice((*_FAULTS, *_DROPS))
        method = pick.choice(METHODS) if pick.randrange(25) == 0 else method
        path = _mutated_path(pick, path) if pick.randrange(8) == 0 else path
        body = _body(pick, request, headers)
        if request.path.startswith("/v1/op/") and pick.randrange(6) == 0:
            if pick.randrange(2):
                path = path.replace("/v1/op/", "/v1/").replace(".", "/")
            elif request.body is not None:
                method, path, body = "GET", f"{path}?{_query(pick, request.body)}", None
        if pick.randrange(60) == 0:
            return b"raw\n" + _mutate.data(
                pick, _request_bytes(method, path, headers, body), b"Transfer-Encoding: chunked\r\nContent-Length: 9"
            )
        text = None if body is None else body.decode("latin-1")
        return json.dumps({"method": method, "path": path, "headers": headers, "body": text}).encode()

    def check(self, data: bytes) -> str:
        """Send the request, and check the response."""
        self._checked += 1
        if self._checked % _RESET_EVERY == 0:
            self._service.reset()
        if data.startswith(b"raw\n"):
            return self._service.send_raw(data.removeprefix(b"raw\n"))
        request = json.loads(data)
        body = None if request["body"] is None else request["body"].encode("latin-1")
        return self._service.send(request["method"], request["path"], request["headers"], body)


class _Service:
    """A keep-alive connection to the sandbox, and the known ids in it."""

    def __init__(self, given: dict[str, Any]) -> None:
        self._given = given
        self._at = urlsplit(given["url"])
        self._tokens = {name: str(one["token"]) for name, one in given["principals"].items()}
        self.known: dict[str, list[str]] = dict(given.get("known") or {"order": [], "item": [], "secret": [], "file": []})
        self._uses = 0
        self._connection = self._connect()

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def send(self, method: str, path: str, headers: dict[str, str], body: bytes | None) -> str:
        """Send one request and check its response."""
        before, self._before = getattr(self, "_before", None), (method, path, headers, body)
        path, sent = self._fill(path), {name: self._fill(value) for name, value in headers.items()}
        body = None if body is None else self._fill(body.decode("latin-1")).encode("latin-1")
        try:
            status, answered, content = self._send(method, path, sent, body)
        except (http.client.HTTPException, OSError) as error:
            self.close()
            self._connection = self._connect()
            if headers.get("X-Sandbox-Fault") in _DROPS:
                return "dropped by fault"
            raise AssertionError(f"no answer to {method} {path[:80]}: {error!r} {before!r}") from error
        if headers.get("X-Sandbox-Fault") in _DROPS:
            # a response without a body is complete before the connection is aborted
            self.close()
            self._connection = self._connect()
        if headers.get("X-Sandbox-Fault") is not None and status in {200, 500, 502, 503}:
            return "failed by fault"
        outcome = _check_response(method, path, status, answered, content)
        self._learn(path, status, content)
        if status == http.HTTPStatus.UNAUTHORIZED:
            self._sign_in(headers.get("Authorization", ""))
        return outcome

    def send_raw(self, content: bytes) -> str:
        """Send bytes on a new connection; any response must be HTTP and no internal error."""
        with socket.create_connection((self._at.hostname or "", self._at.port or 0), timeout=_ANSWER_SECONDS) as line:
            with contextlib.suppress(ConnectionError, BrokenPipeError):
                line.sendall(self._fill(content.decode("latin-1")).encode("latin-1"))
                line.shutdown(socket.SHUT_WR)
            answer = b""
            with contextlib.suppress(ConnectionError):
                while part := line.recv(65_536):
                    answer += part
        if not answer:
            return "raw: nothing"
        found = re.match(rb"HTTP/1\.1 (\d{3}) ", answer)
        assert found is not None, f"not HTTP: {answer[:80]!r}"
        assert int(found[1]) < 500 or INJECTED.encode() in answer, answer[:400]
        return f"raw: {found[1].decode()}"

    def reset(self) -> None:
        """Reset rate limits, token lifetime and faults, so that they do not affect all further requests."""
        endless = {"token_seconds": 10**6, "calls_a_minute": 10**9, "places_a_minute": 10**9}
        for method, path, body in (
            ("DELETE", "/_sandbox/faults", None),
            ("POST", "/_sandbox/settings", json.dumps(endless).encode()),
        ):
            status, _, _ = self._send(method, path, {}, body)
            assert status == http.HTTPStatus.OK, f"{path} answered {status}"
        status, _, content = self._send("GET", "/openapi.json", {}, None)
        assert status == http.HTTPStatus.OK
        assert json.loads(content)["openapi"]

    def deliver(self) -> None:
        """Place two orders, and wait until the first is delivered."""
        for name in ("analyst", "card"):
            token = {"Authorization": f"Bearer {self._tokens[name]}"}
            wanted = {"host_name": "aurora", "collections": ["aurora-50cm"], "limit": 2}
            found = json.loads(self._send("POST", "/v1/op/catalog.search", token, json.dumps(wanted).encode())[2])["features"]
            self.known["capture"] = [json.dumps({"id": one["id"], "geometry": one["geometry"]}) for one in found]
            project = self._given["principals"][name]["project"]
            order = {"projectId": project, "captures": [json.loads(one) for one in self.known["capture"]]}
            status, _, content = self._send("POST", "/v1/op/orders.archive.place", token, json.dumps(order).encode())
            assert status == http.HTTPStatus.ACCEPTED, content
            self.known["order"].append(json.loads(content)["id"])
            deadline = time.monotonic() + _START_SECONDS
            while time.monotonic() < deadline and name == "analyst" and not self.known["item"]:
                time.sleep(0.2)
                _, _, content = self._send("GET", f"/v1/op/orders.list_assets?order_id={self.known['order'][0]}", token, None)
                self._learn("/v1/op/orders.list_assets", 200, content)
        assert self.known["item"], "nothing was delivered"
        token = {"Authorization": f"Bearer {self._tokens['analyst']}"}
        asset = json.dumps({"item_id": self.known["item"][0], "asset_id": "visual"}).encode()
        self._learn("/v1/op/items.asset.download", 200, self._send("POST", "/v1/op/items.asset.download", token, asset)[2])
        assert self.known["file"], "nothing can be opened"

    def _connect(self) -> http.client.HTTPConnection:
        connection = http.client.HTTPConnection(self._at.hostname or "", self._at.port, timeout=_ANSWER_SECONDS)
        connection.connect()
        return connection

    def _send(self, method: str, path: str, headers: dict[str, str], body: bytes | None) -> tuple[int, Any, bytes]:
        connection = self._connection
        connection.putrequest(method, path, skip_host="Host" in headers, skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name, value.encode("latin-1", "replace"))
        if body is not None:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        answer = connection.getresponse()
        content = answer.read()
        if answer.will_close:
            connection.close()
            connection.connect()
        return answer.status, answer.headers, content

    def _fill(self, text: str) -> str:
        """Replace placeholders by values of this sandbox."""
        return re.sub(r"<([a-z_]+)(?::([a-z]+))?>", self._replacement, text) if "<" in text else text

    def _replacement(self, name: re.Match[str]) -> str:
        kind, who = name.groups()
        principal = self._given["principals"].get(who or "analyst", {})
        if kind == "token":
            return self._tokens.get(who, "x")
        if kind in {"api_key", "project", "username", "password"}:
            return str(principal.get(kind))
        self._uses += 1
        known = self.known.get(kind) or ["00000000-0000-4000-8000-000000000000"]
        return known[self._uses % len(known)]

    def _learn(self, path: str, status: int, content: bytes) -> None:
        """Keep the newest ids, so that later requests use existing ones."""
        if status >= 400 or not path.startswith(("/v1/", "/v2/orders", "/realms")):
            return
        for kind, pattern in _LEARNED.items():
            for found in re.findall(pattern, content[:20_000])[:3]:
                self.known.setdefault(kind, []).append(found.decode())
                del self.known[kind][:-_MAX_KNOWN]

    def _sign_in(self, used: str) -> None:
        """Get a new token after a 401, as every client does."""
        found = re.fullmatch(r"Bearer <token:([a-z]+)>", used)
        if found is not None:
            one = self._given["principals"][found[1]]
            fields = {"grant_type": "password", "client_id": "geopera", "username": one["username"], "password": one["password"]}
            _, _, content = self._send("POST", f"{REALM}/token", {}, urlencode(fields).encode())
            with contextlib.suppress(ValueError, KeyError, TypeError):
                self._tokens[found[1]] = json.loads(content)["access_token"]


_LEARNED = {
    "order": rb'"(?:orderId|id)":"([0-9a-f]{8}-[0-9a-f-]{27})","(?:status|displayName)"',
    "item": rb'"id":"([^"]+)","collection":"project-',
    "scene": rb'"collection":"(project-[^"]+)"',
    "secret": rb'"client_secret":"([^"]+)"',
    "device": rb'"device_code":"([^"]+)"',
    "user_code": rb'"user_code":"([^"]+)"',
    "refresh": rb'"refresh_token":"([^"]+)"',
    "file": rb'"url":"http://[^/]+(/files/[^"]+)"',
    "licence": rb'"id":"([^"]+)","name":"[^"]*","host_name"',
    "document": rb'"id":"([^"]+)","title":"[^"]*","text"',
    "next": rb'"next":"([^"]+)"',
}


def _check_response(method: str, path: str, status: int, headers: Any, content: bytes) -> str:
    """Check a response; return its status."""
    media = headers.get_content_type() if "Content-Type" in headers else ""
    about = f"{method} {path[:200]} answered {status} {media} {content[:300]!r}"
    injected = status >= 500 and INJECTED.encode() in content
    assert status < 500 or injected, about
    if status < 400 or method == "HEAD":
        if media in {"application/json", "application/geo+json"} and method != "HEAD":
            json.loads(content)
        elif media == "application/x-ndjson":
            assert all(json.loads(line)["type"] == "Feature" for line in content.split(b"\n") if line), about
        return str(status)
    if media == "text/html":
        # the HTML pages
        assert path.startswith(("/device", "/challenge/")), about
        return str(status)
    document = json.loads(content)
    if media == "application/problem+json":
        assert document["status"] == status, about
        assert all(isinstance(document[name], str) for name in ("title", "detail")), about
    elif "error" in document:
        assert path.startswith(REALM), about
        assert isinstance(document["error_description"], str), about
    else:
        assert (status, media) == (422, "application/json"), about
        assert all(isinstance(one["msg"], str) and isinstance(one["loc"], list) for one in document["detail"]), about
    return str(status)


def _body(pick: Random, request: Request, headers: dict[str, str]) -> bytes | None:
    if request.form:
        headers["Content-Type"] = "application/x-www-form-urlencoded"
        given = dict(request.body or {})
        if pick.randrange(3):
            given = _mutate.document(pick, given, 1)
        text = b"x=" + b"[" * 5_000
        with contextlib.suppress(RecursionError):
            text = urlencode(given if isinstance(given, dict) else {"x": 5}, errors="replace").encode()
        return _mutate.data(pick, text) if pick.randrange(4) == 0 else text
    if request.body is None:
        return None if pick.randrange(10) else _mutate.data(pick, b'{"a":1}')
    given = json.loads(json.dumps(request.body))
    # requests that spend are nearly always mutated, so that the sandbox does not fill with orders
    if pick.randrange(10 if request.spends else 4):
        given = _mutate.document(pick, given)
    if request.path == "/_sandbox/faults" and isinstance(given, dict):
        # a fault for an operation that no request calls
        given["operation"] = "nothing"
    text = _mutate.encode(pick, given)
    text = _mutate.data(pick, text, text) if pick.randrange(6) == 0 and request.path != "/_sandbox/faults" else text
    # known captures are JSON themselves
    return re.sub(rb'"(<capture>)"', rb"\1", text)


def _query(pick: Random, body: dict[str, Any]) -> str:
    """Encode a body as a query."""
    changed = _mutate.document(pick, json.loads(json.dumps(body)), 1)
    if not isinstance(changed, dict):
        return "x"
    pairs = {}
    with contextlib.suppress(RecursionError):
        pairs = {name: value if isinstance(value, str) else json.dumps(value) for name, value in changed.items()}
    return urlencode({name: value for name, value in pairs.items() if len(value) < 2_000}, errors="replace")


def _mutated_path(pick: Random, path: str) -> str:
    """Mutate a path, and quote it for a request line."""
    changed = _mutate.data(pick, path.encode())[:4_000].decode("latin-1")
    return quote(changed, safe="/?&=%<>:._-~,") if changed.startswith("/") else "/" + quote(changed, safe="/?&=%<>:._-")


def _request_bytes(method: str, path: str, headers: dict[str, str], body: bytes | None) -> bytes:
    """Return the bytes of a request."""
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", *(f"{name}: {value}" for name, value in headers.items())]
    length = [] if body is None else [f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, *length, "Connection: close", "", ""]).encode("latin-1", "replace") + (body or b"")


def _wait_until_ready(process: subprocess.Popen[bytes], ready: Path) -> dict[str, Any]:
    deadline = time.monotonic() + _START_SECONDS
    while not ready.is_file():
        assert process.poll() is None, "the sandbox did not start"
        assert time.monotonic() < deadline, "the sandbox did not start in time"
        time.sleep(0.05)
    found: dict[str, Any] = json.loads(ready.read_text("utf-8"))
    return found
