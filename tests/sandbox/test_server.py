"""The sandbox in Python: starting, stopping and controlling it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from scenecart.sandbox import Sandbox, SandboxError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from _http_client import ServiceClient
    from conftest import Clock


def test_data_folder_keeps_state_after_restart(tmp_path: Path, small_items: str, sign_in: Callable[..., ServiceClient]):
    """With a data folder, orders, balances and sign-ins survive a restart."""
    with Sandbox(tmp_path / "box", items=small_items, pace="real") as first:
        client = sign_in(first)
        order = client.place("first", key="k").json()
        principals = {name: one["password"] for name, one in first.principals.items()}
    with Sandbox(tmp_path / "box", pace="real") as second:
        client = sign_in(second)
        assert client.call("orders.get", {"id": order["id"]}).json()["status"] == "processing"
        assert client.place("first", key="k").json() == order
        assert {name: one["password"] for name, one in second.principals.items()} == principals


@pytest.mark.parametrize(
    "options",
    [{"pace": "slow"}, {"items": "/nowhere/at/all"}, {"port": 70_000}, {"captures": 0}],
    ids=str,
)
def test_start_invalid_argument_is_refused(options: dict[str, Any]):
    """An invalid argument is an error that begins with its name and shows its value."""
    with pytest.raises(SandboxError) as caught:
        Sandbox(**options).start()
    ((name, value),) = options.items()
    assert str(caught.value).lower().startswith(name)
    assert str(value) in str(caught.value)


def test_start_data_folder_that_is_a_file_is_refused(tmp_path: Path):
    """A data folder that is a file is an error that names it."""
    (tmp_path / "box").write_text("a file")
    with pytest.raises(SandboxError, match=str(tmp_path / "box")):
        Sandbox(tmp_path / "box").start()


def test_advance_beyond_year_9000_is_refused(box: Sandbox, sign_in: Callable[..., ServiceClient]):
    """The clock cannot be advanced beyond the year 9000, and the sandbox continues."""
    client = sign_in(box)
    answers = {client.http.post("/_sandbox/advance", json={"seconds": 1e9}).status_code for _ in range(250)}
    assert answers == {200, 422}
    with pytest.raises(SandboxError):
        box.advance(1e9)
    assert sign_in(box).call("orders.list").status_code == 200


def test_orders_returns_the_database(box: Sandbox, clock: Clock, sign_in: Callable[..., ServiceClient]):
    """The orders of all organizations are listed with captures, geometry, price, key and state."""
    client = sign_in(box)
    placed = client.place("first", "far", key="k").json()
    clock.now += 1
    sign_in(box, "other").place("third", licenseType="extended")
    mine, other = box.orders()
    assert (mine["id"], mine["state"], mine["credits"], mine["key"]) == (placed["id"], "processing", placed["totalCredits"], "k")
    assert [(one["id"], one["geometry"]["type"]) for one in mine["captures"]] == [("first", "Polygon"), ("far", "Polygon")]
    assert (mine["project"], mine["license_type"], mine["created"]) == (client.project, "standard", clock.now - 1)
    assert (other["license_type"], other["key"], other["project"]) == ("extended", None, box.principals["other"]["project"])
    assert json.loads(json.dumps(box.orders())) == box.orders()


@pytest.mark.parametrize("names", ["awaitin", ["seed-orders", "awaitin"], "seed-orders, awaitin"])
def test_start_unknown_dialect_is_refused_with_nearest_name(names: Any):
    """An unknown dialect is an error with the nearest name."""
    with pytest.raises(SandboxError, match="'awaiting'"):
        Sandbox(dialect=names)


@pytest.mark.parametrize("names", [5, [5], "sse-stream:arrays", "seed-orders:first"])
def test_start_invalid_dialect_is_refused(names: Any):
    """A dialect that is not a text, or has no such variant, is an error that begins with the argument."""
    with pytest.raises(SandboxError, match=r"^dialect "):
        Sandbox(dialect=names)


def test_dialects_have_one_line_each():
    """Every dialect has a description of one line."""
    assert len(Sandbox.dialects) == 26
    assert all(text and "\n" not in text for text in Sandbox.dialects.values())
