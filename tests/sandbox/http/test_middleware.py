"""Host and origin checks, and injected faults."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import httpx
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from _http_client import ServiceClient
    from scenecart.sandbox import Sandbox


@pytest.mark.parametrize("host", ["example.com", "127.0.0.1.example.com", "10.0.0.1:80", ""])
def test_request_with_other_host_header_is_refused(box: Sandbox, host: str):
    """A request with another Host header is refused, so that no web page reaches the sandbox by DNS rebinding."""
    assert httpx.get(f"{box.url}/openapi.json", headers={"Host": host}).status_code in {400, 421}


def test_request_of_other_origin_is_refused(box: Sandbox, sign_in: Callable[..., ServiceClient]):
    """A request of another origin is refused, also with a valid token."""
    assert sign_in(box, Origin="https://example.com").call("orders.list").status_code == 403
    assert sign_in(box, Origin=box.url).call("orders.list").status_code == 200


@pytest.mark.parametrize("kind", ["drop-before", "drop-after", "cut"])
def test_connection_fault_drops_one_request(box: Sandbox, sign_in: Callable[..., ServiceClient], kind: str):
    """The connection closes before the work, after it, or inside the response; the next request succeeds."""
    client = sign_in(box)
    captures = client.captures_of("first")
    box.faults.add(kind, operation="orders.archive.place")
    body = {"projectId": client.project, "captures": captures}
    with pytest.raises(httpx.TransportError):
        client.call("orders.archive.place", body, key="k")
    taken = client.call("orders.list").json()["totalElements"]
    assert taken == (0 if kind == "drop-before" else 1)
    assert client.call("orders.archive.place", body, key="k").status_code == 202
    assert client.call("orders.list").json()["totalElements"] == 1


@pytest.mark.parametrize(("kind", "status"), [("429", 429), ("500", 500), ("502", 502), ("503", 503), ("expire-token", 401)])
def test_status_fault_affects_requested_number_of_requests(
    box: Sandbox, sign_in: Callable[..., ServiceClient], kind: str, status: int
):
    """The requested number of requests get the status, also when another process added the fault."""
    client = sign_in(box)
    fault = {"kind": kind, "times": 2, "operation": "orders.list", "retry_after": 7}
    assert client.http.post("/_sandbox/faults", json=fault).status_code == 200
    answers = [client.call("orders.list") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [status, status, 200]
    assert kind != "429" or answers[0].headers["retry-after"] == "7"


def test_garbage_and_empty_faults_replace_the_body(box: Sandbox, sign_in: Callable[..., ServiceClient]):
    """The response is an HTML page, or empty."""
    client = sign_in(box)
    box.faults.add("garbage")
    box.faults.add("empty")
    assert client.call("orders.list").text.startswith("<!doctype html>")
    assert client.call("orders.list").content == b""


def test_stall_fault_delays_the_response(box: Sandbox, sign_in: Callable[..., ServiceClient]):
    """The response of a stalled request is late."""
    client = sign_in(box)
    box.faults.add("stall", seconds=0.5, operation="orders.get")
    began = time.monotonic()
    assert client.call("orders.get", {"id": "x"}).status_code == 404
    assert time.monotonic() - began >= 0.5


def test_fault_header_affects_only_its_request(box: Sandbox, sign_in: Callable[..., ServiceClient]):
    """The header X-Sandbox-Fault affects only the request that has it; an invalid one is 400."""
    broken = sign_in(box, "analyst", **{"X-Sandbox-Fault": "429; retry_after=3"})
    answer = broken.call("orders.list")
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "3")
    assert sign_in(box).call("orders.list").status_code == 200
    for header in ("explode", "stall; minutes=3", "stall; seconds=x"):
        assert sign_in(box, "analyst", **{"X-Sandbox-Fault": header}).call("orders.list").status_code == 400
