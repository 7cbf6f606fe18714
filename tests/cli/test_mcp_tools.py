"""The tools of an agent: what they do, which requests they send, and the files that they may touch."""

from __future__ import annotations

import json
import urllib.request
from typing import TYPE_CHECKING, Any

import httpx
import pytest

import scenecart
from _expect import raises, warns
from _purchases import PLACE, PLACED, captures
from scenecart._api import operations
from scenecart.cli._mcp_server import NAMES
from scenecart.cli._mcp_tools import Tools
from scenecart.client import make_read_only

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from _scripted_service import ScriptedService
    from scenecart.sandbox import Sandbox

CANCEL = "orders.cancel"
AREA = [151.16, -34.0, 151.26, -33.9]
SEARCH: dict[str, Any] = {"collections": ["aurora-50cm"], "aoi": AREA, "datetime": "2024-01/2024-03", "limit": 8}


class Recorder(httpx.HTTPTransport):
    """A transport that keeps the names of the operations that were requested."""

    def __init__(self) -> None:
        super().__init__()
        self.operations: list[str] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.startswith("/v1/op/"):
            self.operations.append(request.url.path.rpartition("/")[2])
        return super().handle_request(request)


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def tools(box: Sandbox, tmp_path: Path, recorder: Recorder) -> Iterator[Tools]:
    """Return the tools of an agent at the sandbox, whose client only reads."""
    with box.client("analyst", home=tmp_path / "home", transport=recorder) as client:
        make_read_only(client)
        (tmp_path / "agent").mkdir()
        yield Tools(client, tmp_path / "agent")


def side_effects(box: Sandbox) -> dict[str, str]:
    """Return what each operation changes, as the catalog of operations of the service states it."""
    with urllib.request.urlopen(f"{box.url}/openapi.json", timeout=30) as response:  # noqa: S310  # the test's own server
        paths = json.load(response)["paths"]
    methods = [(path, method) for path, one in paths.items() if path.startswith("/v1/op/") for method in one.values()]
    return {path.rpartition("/")[2]: method["x-side-effect"] for path, method in methods if isinstance(method, dict)}


def test_every_tool_requests_operations_without_side_effects(box: Sandbox, tools: Tools, recorder: Recorder):
    """Each tool is called, and what it requests only reads by the service's own catalog: nothing is bought, changed or charged."""
    with box.client("analyst", home=box.data / "buyer") as buyer:
        bought = buyer.search("openterra", collections="openterra-10m", datetime="2023-07", limit=1)
        order = buyer.cart(bought).estimate().place(owned="buy")
        before = (len(box.orders()), buyer.balance()["balance_credits"])
        found = tools.search("aurora", **SEARCH)
        calls: dict[str, Any] = {
            "search": found,
            "estimate": tools.estimate(found["file"], ids=[found["shown"][0]["id"]], aoi=AREA),
            "cover": tools.cover(found["file"], AREA, min_coverage=0.01),
            "report": tools.report("cover.cart.parquet", save_as="quote.md"),
            "owned": tools.owned(),
            "orders": tools.orders(limit=5),
            "items": tools.items(order.id),
        }
        assert set(calls) == set(NAMES)
        assert (len(box.orders()), buyer.balance()["balance_credits"]) == before
    effects = side_effects(box)
    assert {effects[name] for name in recorder.operations} == {"read"}
    assert effects[PLACE] == "external_spend"
    assert not any(operations.spends(name) for name in recorder.operations)
    assert calls["estimate"]["total_credits"] > 0
    assert calls["items"]["items"][0]["assets"]
    assert order.id in [one["id"] for one in calls["orders"]["orders"]]
    assert json.dumps(calls)


def test_estimate_of_owned_captures_names_their_orders(box: Sandbox, tools: Tools, tmp_path: Path):
    """A price lists the captures that the organization owns already, with the order of a colleague."""
    found = tools.search("openterra", collections=["openterra-10m"], datetime="2023-06", limit=2)
    bought = scenecart.read_captures(tmp_path / "agent" / found["file"]).head(1)
    with box.client("analyst", home=tmp_path / "colleague") as colleague:
        order = colleague.cart(bought).estimate().place(owned="buy")
    with warns("captures_owned"):
        price = tools.estimate(found["file"])
    owned = {one["id"]: one["orders"] for one in price["owned"]}
    assert owned == {bought["id"].iloc[0]: [order.id]}


def test_result_of_an_agent_is_a_cart_that_a_person_can_place(box: Sandbox, tools: Tools, tmp_path: Path):
    """The cart file that the agent leaves is placed by a person at the price of the agent's estimate."""
    found = tools.search("openterra", collections=["openterra-10m"], datetime="2023-08", limit=1)
    price = tools.estimate(found["file"])
    assert price["cart_file"] in price["to_place"]
    with box.client("analyst", home=tmp_path / "person") as person:
        order = scenecart.load_cart(tmp_path / "agent" / price["cart_file"], person).estimate().place(owned="buy")
    assert order.total_credits == price["total_credits"]


@pytest.mark.parametrize("act", ["place", "cancel", "call", "settle"])
def test_client_that_only_reads_sends_nothing_that_changes(service: ScriptedService, connect: Any, act: str):
    """Even from Python, a client that was made read-only places, cancels and changes nothing: the request is never sent."""
    client = connect()
    order, price = client.order("o-1"), client.cart(captures()).estimate()
    for operation in (PLACE, CANCEL, "orders.tag"):
        service.put(operation, PLACED)
    make_read_only(client)
    acts = {
        "place": lambda: price.place(owned="buy"),
        "cancel": order.cancel,
        "call": lambda: client.call("orders.tag", {"id": "o-1"}),
        "settle": client.settle,
    }
    with raises(scenecart.ConfigurationError, "session_read_only"):
        acts[act]()
    assert len(client.placements()) == 0
    sent = {request.path.rpartition("/")[2] for request in service.received}
    assert sent.isdisjoint({PLACE, CANCEL, "orders.tag"})


@pytest.mark.parametrize("name", ["../a.parquet", "/etc/passwd", "a/b.parquet", ".hidden.parquet", "", "x" * 100, "link.parquet"])
def test_file_outside_of_the_folder_is_refused(tools: Tools, tmp_path: Path, name: str):
    """No tool reads or writes a file outside of the agent's folder, by a path or a link."""
    (tmp_path / "agent" / "link.parquet").symlink_to(tmp_path / "outside.parquet")
    for call in (lambda: tools.estimate(name), lambda: tools.search("aurora", collections=["aurora-50cm"], save_as=name)):
        with raises(scenecart.InvalidRequest, "file_outside_folder"):
            call()
    with raises(scenecart.InvalidRequest, "file_outside_folder"):
        tools.owned(aoi=name)


def test_file_of_an_agent_is_never_replaced(tools: Tools, tmp_path: Path):
    """A file that is there, which a person may have read, is not written again; other kinds of files are not written."""
    (tmp_path / "agent" / "a.cart.parquet").write_text("approved")
    with raises(scenecart.InvalidRequest, "file_exists"):
        tools.search("aurora", collections=["aurora-50cm"], save_as="a.cart.parquet")
    with raises(scenecart.InvalidRequest, "file_suffix_unsupported"):
        tools.search("aurora", collections=["aurora-50cm"], save_as="run.sh")
    with raises(scenecart.InvalidRequest, "file_missing"):
        tools.report("b.cart.parquet")
    assert (tmp_path / "agent" / "a.cart.parquet").read_text() == "approved"


def test_estimate_of_a_cart_or_of_unknown_ids_says_what_is_wrong(tools: Tools):
    """A saved cart has its own area, and ids must be in the file."""
    found = tools.search("openterra", collections=["openterra-10m"], datetime="2023-09", limit=2)
    with raises(scenecart.InvalidRequest, "ids_not_in_file"):
        tools.estimate(found["file"], ids=["nobody"])
    saved = tools.estimate(found["file"])["cart_file"]
    with raises(scenecart.InvalidRequest, "saved_cart_fixed"):
        tools.estimate(saved, aoi=AREA, save_as="again.parquet")


def test_search_without_results_writes_no_file(tools: Tools, tmp_path: Path):
    """An empty search has no file, and says what was searched."""
    found = tools.search("aurora", collections=["aurora-50cm"], datetime="1999")
    assert (found["captures"], found["file"]) == (0, None)
    assert "aurora" in found["searched"]
    assert not (tmp_path / "agent" / "found.parquet").exists()
