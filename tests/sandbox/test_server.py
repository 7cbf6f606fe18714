"""The server itself: who may reach it, what goes wrong on demand, and what survives."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import httpx
import psutil
import pytest

from scenecart.sandbox import Sandbox, SandboxError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from _http_client import Wire


@pytest.mark.parametrize("host", ["example.com", "127.0.0.1.example.com", "10.0.0.1:80", ""])
def test_other_names_are_refused(box: Sandbox, host: str):
    """A request for another host's name is refused, so that a web page cannot reach the sandbox through DNS."""
    assert httpx.get(f"{box.url}/openapi.json", headers={"Host": host}).status_code in {400, 421}


def test_other_origins_are_refused(box: Sandbox, wire: Callable[..., Wire]):
    """A web page of another origin is refused even with a token."""
    assert wire(box, Origin="https://example.com").op("orders.list").status_code == 403
    assert wire(box, Origin=box.url).op("orders.list").status_code == 200


def test_it_listens_on_loopback_alone(box: Sandbox):
    """Nothing listens on this machine's other addresses."""
    port = int(box.url.rsplit(":", 1)[1])
    with socket.socket() as other:
        other.settimeout(2)
        # another address of the loopback network stands for any other address
        assert other.connect_ex(("127.0.0.2", port)) != 0


@pytest.mark.parametrize(
    ("content", "status"),
    [(b"{", 400), (b"[]", 400), (b'{"a": NaN}', 400), (b"[" * 100_000, 400), (b"\xff\xfe", 400), (b'"x"', 400)],
)
def test_a_body_that_is_no_json_object_is_400(box: Sandbox, wire: Callable[..., Wire], content: bytes, status: int):
    """A body that is cut, nested without end, or no object is 400, and the server goes on."""
    caller = wire(box)
    assert caller.http.post("/v1/op/orders.list", content=content).status_code == status
    assert caller.op("orders.list").status_code == 200


def test_a_body_without_end_is_refused(box: Sandbox, wire: Callable[..., Wire]):
    """A body beyond the limit is refused before it is read to its end."""

    def endless() -> Iterator[bytes]:
        for _ in range(64):
            yield b" " * 2**20

    caller = wire(box)
    with contextlib.suppress(httpx.WriteError):
        assert caller.http.post("/v1/op/orders.list", content=endless()).status_code == 413
    assert caller.op("orders.list").status_code == 200


def test_unknown_methods_and_paths(box: Sandbox, wire: Callable[..., Wire]):
    """An unknown method is 405, an unknown path or operation 404, each as a problem document."""
    caller = wire(box)
    answers = [
        (caller.http.request("BREW", "/v1/op/orders.list"), 405),
        (caller.http.put("/v1/op/orders.list", json={}), 405),
        (caller.http.get("/nothing"), 404),
        (caller.op("orders.steal"), 404),
    ]
    for answer, status in answers:
        assert answer.status_code == status
        assert answer.json()["status"] == status
        assert answer.headers["content-type"] == "application/problem+json"


def test_a_client_that_stalls_hurts_nobody(box: Sandbox, wire: Callable[..., Wire]):
    """Connections that send half a request do not keep others from being served."""
    address = ("127.0.0.1", int(box.url.rsplit(":", 1)[1]))
    with contextlib.ExitStack() as stack:
        for _ in range(50):
            stalled = stack.enter_context(socket.create_connection(address))
            stalled.sendall(b"POST /v1/op/orders.list HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 99\r\n\r\n{")
        assert wire(box).op("orders.list").status_code == 200


@pytest.mark.parametrize("kind", ["drop-before", "drop-after", "cut"])
def test_a_connection_can_break(box: Sandbox, wire: Callable[..., Wire], kind: str):
    """On demand the connection breaks before the work, after it, or inside the answer; then all is well again."""
    caller = wire(box)
    captures = caller.wanted("first")
    box.faults.add(kind, operation="orders.archive.place")
    body = {"projectId": caller.project, "captures": captures}
    with pytest.raises(httpx.TransportError):
        caller.op("orders.archive.place", body, key="k")
    taken = caller.op("orders.list").json()["totalElements"]
    assert taken == (0 if kind == "drop-before" else 1)
    assert caller.op("orders.archive.place", body, key="k").status_code == 202
    assert caller.op("orders.list").json()["totalElements"] == 1


@pytest.mark.parametrize(("kind", "status"), [("429", 429), ("500", 500), ("502", 502), ("503", 503), ("expire-token", 401)])
def test_a_status_can_be_asked_for(box: Sandbox, wire: Callable[..., Wire], kind: str, status: int):
    """On demand the next so many requests get a status, also asked for by another process."""
    caller = wire(box)
    asked = {"kind": kind, "times": 2, "operation": "orders.list", "retry_after": 7}
    assert caller.http.post("/_sandbox/faults", json=asked).status_code == 200
    answers = [caller.op("orders.list") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [status, status, 200]
    assert kind != "429" or answers[0].headers["retry-after"] == "7"


def test_garbage_and_nothing_can_be_asked_for(box: Sandbox, wire: Callable[..., Wire]):
    """On demand an answer is an HTML page, or empty."""
    caller = wire(box)
    box.faults.add("garbage")
    box.faults.add("empty")
    assert caller.op("orders.list").text.startswith("<!doctype html>")
    assert caller.op("orders.list").content == b""


def test_an_answer_can_be_late(box: Sandbox, wire: Callable[..., Wire]):
    """On demand an answer comes late, and others do not wait for it."""
    caller = wire(box)
    box.faults.add("stall", seconds=0.5, operation="orders.get")
    began = time.monotonic()
    assert caller.op("orders.get", {"id": "x"}).status_code == 404
    assert time.monotonic() - began >= 0.5


def test_a_request_can_ask_for_its_own_fault(box: Sandbox, wire: Callable[..., Wire]):
    """A header lets the request that bears it go wrong, and no other."""
    broken = wire(box, "analyst", **{"X-Sandbox-Fault": "429; retry_after=3"})
    answer = broken.op("orders.list")
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "3")
    assert wire(box).op("orders.list").status_code == 200
    for header in ("explode", "stall; minutes=3", "stall; seconds=x"):
        assert wire(box, "analyst", **{"X-Sandbox-Fault": header}).op("orders.list").status_code == 400


def test_another_process_can_turn_the_clock_and_the_settings(box: Sandbox, wire: Callable[..., Wire]):
    """Time, limits and the life of tokens can be set over loopback; other origins cannot."""
    caller = wire(box)
    order = caller.place("first").json()["id"]
    assert httpx.post(f"{box.url}/_sandbox/advance", json={"seconds": 3_600}).status_code == 200
    caller.wait(order, "delivered")
    settings = {"token_seconds": 5, "calls_a_minute": 2}
    assert httpx.post(f"{box.url}/_sandbox/settings", json=settings).status_code == 200
    assert box.token_seconds == 5
    assert [caller.op("orders.list").status_code for _ in range(3)][-1] == 429
    stranger = httpx.post(f"{box.url}/_sandbox/top-up", json={}, headers={"Origin": "https://example.com"})
    assert stranger.status_code == 403
    assert httpx.post(f"{box.url}/_sandbox/advance", json={"seconds": -1}).status_code == 422


@pytest.mark.parametrize("operation", ["orders.list", "billing.credits.balance", "stac.search", "orders.list_assets"])
def test_reads_also_take_get(box: Sandbox, wire: Callable[..., Wire], operation: str):
    """A read called by GET, at its operation or at its path, says the same as by POST; numbers and lists come as text."""
    caller = wire(box)
    orders = [caller.place("first").json()["id"] for _ in range(3)]
    body: dict[str, Any] = {"orders.list": {"size": 2, "page": 1, "orderIds": orders[:2]}, "stac.search": {"limit": 3}}.get(
        operation, {}
    )
    if operation == "orders.list_assets":
        body = {"order_id": orders[0]}
    query = {name: ",".join(value) if isinstance(value, list) else value for name, value in body.items()}
    by_post = caller.op(operation, body)
    assert by_post.status_code == 200
    for path in (f"/v1/op/{operation}", f"/v1/{operation.replace('.', '/')}"):
        by_get = caller.http.get(path, params=query)
        assert (by_get.status_code, by_get.json()) == (200, by_post.json())
    assert caller.http.get("/v1/op/orders.list", params={"size": "many"}).status_code == 422


def test_what_is_no_http_is_told_so(box: Sandbox):
    """Bytes that are no HTTP, and an address without end, are answered with a problem document."""
    address = ("127.0.0.1", int(box.url.rsplit(":", 1)[1]))
    for sent in (b"\x00\x01\x02 what\r\n\r\n", b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\n"):
        with socket.create_connection(address, timeout=10) as connection:
            connection.sendall(sent)
            answer = connection.recv(4_096)
        assert answer.startswith(b"HTTP/1.1 400")
        assert b"application/problem+json" in answer


def test_a_caller_who_hangs_up_is_no_error_of_the_sandbox(box: Sandbox, caplog: pytest.LogCaptureFixture):
    """A caller who is gone before the whole request arrived leaves nothing in the log, and the server goes on."""
    address = ("127.0.0.1", int(box.url.rsplit(":", 1)[1]))
    head = f"POST /v1/op/orders.list HTTP/1.1\r\nHost: {address[0]}\r\nAuthorization: Bearer {box.token()}\r\n"
    connection = socket.create_connection(address, timeout=10)
    connection.sendall(f'{head}Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{{"size"'.encode())
    # one answer shows that it waits for the rest, the others that it has seen the end
    assert httpx.get(f"{box.url}/openapi.json").status_code == 200
    connection.close()
    for _ in range(20):
        assert httpx.get(f"{box.url}/openapi.json").status_code == 200
    assert caplog.text == ""


def test_threads_that_end_leave_nothing_open(box: Sandbox):
    """Hundreds of threads that asked something and ended do not use up the files a process may open."""

    def held() -> int:
        return sum(file.path.startswith(str(box.data)) for file in psutil.Process().open_files())

    def ask_in_threads() -> None:
        for _ in range(30):
            thread = threading.Thread(target=box.token)
            thread.start()
            thread.join(30)

    ask_in_threads()
    before = held()
    ask_in_threads()
    # a thread of the service's own may have come meanwhile
    assert held() < before + 30


def test_an_unexpected_error_tells_nothing(box: Sandbox, wire: Callable[..., Wire], caplog: pytest.LogCaptureFixture):
    """When the sandbox itself fails, the answer is 500 without a word of what happened; the log has it."""
    caller = wire(box)
    with contextlib.closing(sqlite3.connect(box.data / "sandbox.sqlite")) as database:
        database.execute("ALTER TABLE claim RENAME TO precious_secret")
    answer = caller.place("first", key="k")
    assert answer.status_code == 500
    assert "precious" not in answer.text
    assert "claim" not in answer.text
    assert "claim" in caplog.text


def test_an_unknown_fault_is_refused(box: Sandbox, wire: Callable[..., Wire]):
    """A fault that does not exist is an error at once, in Python and over HTTP."""
    with pytest.raises(SandboxError, match="drop-before"):
        box.faults.add("explode")
    assert wire(box).http.post("/_sandbox/faults", json={"kind": "explode"}).status_code == 422


def test_faults_that_have_happened_are_forgotten(box: Sandbox, wire: Callable[..., Wire]):
    """A fault happens as often as it was asked to, and then takes no place; only so many can wait."""
    caller = wire(box)
    for _ in range(3):
        box.faults.add("503", times=2, operation="orders.list")
    assert [caller.op("orders.list").status_code for _ in range(7)] == [503] * 6 + [200]
    assert box.faults._waiting == []
    for _ in range(10_000):
        box.faults.add("503", operation="nothing")
    with pytest.raises(SandboxError, match="faults wait already"):
        box.faults.add("503", operation="nothing")


def test_threads_that_have_ended_leave_no_connection(box: Sandbox):
    """However many threads have come and gone, the database is open for those that are there, and the last one."""
    storage = box._running().doorkeeper._storage
    for _ in range(20):
        thread = threading.Thread(target=lambda: storage.setting("signing-secret"))
        thread.start()
        thread.join()
    assert sum(not thread.is_alive() for thread in storage._opened) == 1


def test_time_ends_with_the_calendar(box: Sandbox, wire: Callable[..., Wire]):
    """Time passes as far as a calendar goes; beyond that is refused, and the sandbox goes on."""
    caller = wire(box)
    answers = {caller.http.post("/_sandbox/advance", json={"seconds": 1e9}).status_code for _ in range(250)}
    assert answers == {200, 422}
    with pytest.raises(SandboxError, match="year 9000"):
        box.advance(1e9)
    assert wire(box).op("orders.list").status_code == 200


def test_state_survives_a_restart(tmp_path: Path, small_items: str, wire: Callable[..., Wire]):
    """With a data folder orders, balances and sign-ins are there again after a restart."""
    with Sandbox(tmp_path / "box", items=small_items, pace="real") as first:
        caller = wire(first)
        order = caller.place("first", key="k").json()
        principals = {name: one["password"] for name, one in first.principals.items()}
    with Sandbox(tmp_path / "box", pace="real") as second:
        caller = wire(second)
        assert caller.op("orders.get", {"id": order["id"]}).json()["status"] == "processing"
        assert caller.place("first", key="k").json() == order
        assert {name: one["password"] for name, one in second.principals.items()} == principals


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"pace": "slow"}, "There is no pace 'slow'"),
        ({"items": "/nowhere/at/all"}, "There are no items at"),
        ({"port": 70_000}, "Port 70000 cannot be used"),
        ({"captures": 0}, "between 1 and"),
    ],
)
def test_what_it_cannot_do_it_says(options: Any, says: str):
    """A sandbox that cannot be started as asked says why."""
    with pytest.raises(SandboxError, match=says):
        Sandbox(**options).start()


def test_a_port_in_use_is_said(box: Sandbox, small_items: str):
    """A port that somebody else listens on is an error that names it, and the one who listens goes on."""
    port = int(box.url.rsplit(":", 1)[1])
    with pytest.raises(SandboxError, match=f"Port {port} cannot be used"):
        Sandbox(items=small_items, port=port).start()
    assert httpx.get(f"{box.url}/openapi.json").status_code == 200


def test_a_length_that_is_promised_is_refused_at_once(box: Sandbox, wire: Callable[..., Wire]):
    """A body that says it is 100 MB, or of no length at all, is refused without waiting for it."""
    address = ("127.0.0.1", int(box.url.rsplit(":", 1)[1]))
    head = f"POST /v1/op/orders.list HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {box.token()}\r\n".encode()
    for length in (b"104857600", b"-1", b"1e3", b"99999999999999999999"):
        with socket.create_connection(address, timeout=10) as connection:
            connection.sendall(head + b"Content-Length: " + length + b"\r\n\r\n{}")
            assert connection.recv(200).split()[1] in {b"400", b"413"}
    assert wire(box).op("orders.list").status_code == 200


def test_a_foreign_database_is_not_touched(tmp_path: Path):
    """A file that is no database of the sandbox is refused and left as it is."""
    (tmp_path / "sandbox.sqlite").write_bytes(b"precious")
    with pytest.raises(SandboxError, match="cannot be used"):
        Sandbox(tmp_path).start()
    assert (tmp_path / "sandbox.sqlite").read_bytes() == b"precious"


def test_a_ready_file_that_cannot_be_written_is_told(tmp_path: Path, small_items: str):
    """A ready file in a folder that is not there is one line, and the sandbox does not run on without it."""
    ready = str(tmp_path / "nowhere" / "ready.json")
    command = [sys.executable, "-m", "scenecart.cli", "sandbox", "--port", "0", "--items", small_items, "--ready-file", ready]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert done.stderr == f"scenecart: The ready file {ready} cannot be written: No such file or directory.\n"


@pytest.mark.skipif(os.name == "nt", reason="signals of another kind")
def test_the_command_writes_a_ready_file_and_stops_when_told(tmp_path: Path, small_items: str):
    """`scenecart sandbox` writes its ready file in one step once it answers, for its owner alone, and ends on SIGTERM."""
    ready = tmp_path / "ready.json"
    command = [sys.executable, "-m", "scenecart.cli", "sandbox", "--port", "0", "--items", small_items]
    process = subprocess.Popen([*command, "--ready-file", str(ready), "--pace", "instant"], stdout=subprocess.PIPE, text=True)
    try:
        deadline = time.monotonic() + 30
        while not ready.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        found = json.loads(ready.read_text())
        assert set(found) == {"url", "stac_url", "hosts", "principals"}
        assert found["hosts"] == {"archive": ["test"]}
        analyst = found["principals"]["analyst"]
        assert set(analyst) == {"token", "api_key", "username", "password", "project"}
        answer = httpx.get(found["stac_url"], headers={"Authorization": f"Bearer {analyst['token']}"})
        assert answer.json()["type"] == "Catalog"
        assert ready.stat().st_mode & 0o077 == 0
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=20)
        assert output.startswith(f"Reading its catalog from {small_items} …\nThe sandbox answers at {found['url']}, ")
        assert process.returncode == 0
        for name in ("username", "password", "project"):
            assert f"\nexport SCENECART_{name.upper()}={analyst[name]}\n" in output
        assert f"broke, card, declined, enterprise, other, robot, secure, and everyone's tokens, are in {ready}." in output
        assert not [who for who in found["principals"].values() if who["token"] in output]
        assert max(map(len, output.splitlines())) < 200
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()
