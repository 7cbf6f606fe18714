"""The queue of injected faults."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from scenecart.sandbox import Sandbox, SandboxError
from scenecart.sandbox._domain.faults import KINDS, Fault, Faults, parse_fault_header

if TYPE_CHECKING:
    from collections.abc import Callable

    from _http_client import ServiceClient


def test_add_unknown_kind_is_refused(box: Sandbox, sign_in: Callable[..., ServiceClient]):
    """An unknown kind of fault is an error at once, in Python and over HTTP."""
    with pytest.raises(SandboxError) as caught:
        box.faults.add("explode")
    assert all(kind in str(caught.value) for kind in KINDS)
    assert sign_in(box).http.post("/_sandbox/faults", json={"kind": "explode"}).status_code == 422


def test_next_for_removes_finished_faults(box: Sandbox, sign_in: Callable[..., ServiceClient]):
    """A fault affects the requested number of requests and then leaves the queue, which has a maximum length."""
    client = sign_in(box)
    for _ in range(3):
        box.faults.add("503", times=2, operation="orders.list")
    assert [client.call("orders.list").status_code for _ in range(7)] == [503] * 6 + [200]
    assert box.faults._queue == []
    for _ in range(10_000):
        box.faults.add("503", operation="nothing")
    with pytest.raises(SandboxError):
        box.faults.add("503", operation="nothing")


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, None),
        ("429; retry_after=3", Fault("429", 1, None, {"retry_after": "3"})),
        ("stall;seconds=0.5", Fault("stall", 1, None, {"seconds": "0.5"})),
    ],
)
def test_parse_fault_header_returns_kind_and_options(header: str | None, expected: Fault | None):
    """The header names a kind of fault and its options."""
    assert parse_fault_header(header) == expected


@pytest.mark.parametrize("header", ["explode", "stall; minutes=3", "stall; seconds=x", ""])
def test_parse_fault_header_invalid_is_refused(header: str):
    """An unknown kind or option is an error."""
    with pytest.raises(SandboxError):
        parse_fault_header(header)


def test_next_for_matches_the_operation():
    """A fault of one operation waits for a request of that operation."""
    faults = Faults()
    faults.add("503", operation="orders.get")
    assert faults.next_for("orders.list") is None
    assert faults.next_for("orders.get") == Fault("503", 0, "orders.get", {})


@pytest.mark.parametrize("kind", ["403", "404", "410"])
def test_fault_of_a_file_store_answers_with_its_status(box: Sandbox, sign_in: Callable[..., ServiceClient], kind: str):
    """The refusals of file stores can be injected like any failure."""
    client = sign_in(box)
    client.http.post("/_sandbox/faults", json={"kind": kind, "operation": "files"})
    assert client.http.get("/files/x").status_code == int(kind)


def test_next_for_a_share_affects_about_that_many_requests():
    """A fault with a share affects a random part of the matching requests, until it is used up."""
    faults = Faults()
    faults.add("503", times=1_000, operation="files", share=0.1)
    affected = sum(faults.next_for("files") is not None for _ in range(2_000))
    assert 150 <= affected <= 250
    faults.clear()
    faults.add("503", times=3, share=0.5)
    assert sum(faults.next_for("files") is not None for _ in range(100)) == 3
