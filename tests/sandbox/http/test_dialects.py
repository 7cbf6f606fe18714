"""Choosing dialects, speaking several at once, and what they leave alone."""

from __future__ import annotations

import contextlib
import random
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from _ledger_check import reconcile
from scenecart.sandbox import Sandbox
from scenecart.sandbox._http.dialects import DIALECTS, choose, operation_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from _http_client import ServiceClient
    from conftest import Clock


@pytest.mark.parametrize(
    "names", ["awaiting,seed-orders", " seed-orders , awaiting,", ["awaiting", "seed-orders"], ("seed-orders,awaiting",)]
)
def test_choose_accepts_names_in_any_form_and_order(names: str | list[str]):
    """Names come as one text or several, with spaces, and always rewrite in the same order."""
    assert [(dialect.name, variant) for dialect, variant in choose(names)] == [("seed-orders", None), ("awaiting", None)]


@pytest.mark.parametrize("names", [None, "", [], ","])
def test_choose_nothing_is_no_dialect(names: str | list[str] | None):
    """Without names there is no dialect."""
    assert choose(names) == ()


def test_choose_reads_the_variant_of_a_name():
    """A variant follows the name after a colon."""
    assert [variant for _, variant in choose("sse-stream:null,one-based")] == [None, "null"]


@pytest.mark.parametrize(
    ("path", "operation"),
    [
        ("/v1/op/orders.get", "orders.get"),
        ("/v1/orders/archive/place", "orders.archive.place"),
        ("/v1/op/orders.steal", "*"),
        ("/v2/orders", "*"),
        ("/realms/public/protocol/openid-connect/token", "token"),
        ("/realms/public/protocol/openid-connect/auth/device", "*"),
        ("/files/a/visual.tif", None),
        ("/_sandbox/advance", None),
    ],
)
def test_operation_of_path_recognises_both_paths(path: str, operation: str | None):
    """An operation is recognised at both of its paths; resource routes and other pages are not operations."""
    assert operation_of(path) == operation


def test_dialects_combine(serve: Callable[..., Sandbox], sign_in: Callable[..., ServiceClient], clock: Clock):
    """Several dialects rewrite one response: ids, states, fields, pages and wrapping."""
    box = serve("snake-order:data", "bare-orders:integers", "awaiting:partial", "one-based", "cents", "seed-orders", "get-by-post")
    client = sign_in(box)
    order = client.place("first", key="k").json()["data"]
    assert (order["order_id"], order["status"], "captures" in order) == (1, "awaiting_data", False)
    assert order["groups"][0]["credits"] == str(box.orders()[0]["credits"] - 1)
    assert client.place("first", key="k").json()["data"] == order
    clock.now += 3_600
    for _ in range(600):
        page = client.call("orders.list", {"page": 1, "orderIds": "1", "status": "partial"}).json()
        if page["total"]:
            break
    assert [entry["status"] for entry in page["data"]] == ["partial"]
    assert client.http.get("/v1/op/orders.get?id=1&order_id=1").status_code == 400
    assert len(box.orders()) == 1


# a service that ignores keys buys as often as it is asked
BUYING_ONCE = [dialect for dialect in DIALECTS if dialect.policy.get("keeps_keys", True)]


def test_all_dialects_together_buy_once(serve: Callable[..., Sandbox], sign_in: Callable[..., ServiceClient], clock: Clock):
    """With every dialect that keeps keys the service takes an order once per key, delivers it, and never answers 5xx by mistake."""
    box = serve(*[dialect.name for dialect in BUYING_ONCE])
    client = sign_in(box)
    answers = [client.place(name, key=name) for name in ("first", "far", "third") * 2]
    assert {answer.status_code for answer in answers} <= {200, 202}
    clock.now += 3_000
    for operation, body in (
        ("orders.list", {"page": 1}),
        ("orders.get", {"order_id": box.orders()[0]["id"]}),
        ("orders.cancel", {"order_id": box.orders()[1]["id"]}),
        ("orders.list_assets", {"order_id": box.orders()[0]["id"]}),
        ("orders.archive.estimate", {"captures": client.captures_of("first")}),
        ("billing.credits.balance", {}),
        ("stac.search", {}),
    ):
        for _ in range(7):
            assert client.call(operation, body).status_code in {200, 204, 409}
    assert [order["key"] for order in box.orders()] == ["first", "far", "third"]


@pytest.mark.parametrize("dialect", [dialect.name for dialect in DIALECTS])
def test_dialect_keeps_errors_of_the_service(serve: Callable[..., Sandbox], sign_in: Callable[..., ServiceClient], dialect: str):
    """A missing token, an unknown order and an unreadable body have the usual status in every dialect."""
    box = serve(dialect)
    client = sign_in(box)
    for operation in ("orders.get", "orders.list", "orders.archive.place", "orders.cancel", "orders.list_assets", "catalog.search"):
        assert sign_in(box, None).call(operation, {"id": "x"}).status_code == 401
        for content in (b"{", b"[]", b'{"a": NaN}', b'{"order_id": "\\ud800"}'):
            assert client.http.post(f"/v1/op/{operation}", content=content).status_code == 400
    for operation in ("orders.get", "orders.cancel", "orders.list_assets"):
        assert client.call(operation, {"order_id": "12"}).status_code == 404
    assert client.call("orders.steal").status_code == 404
    assert client.http.post("/v1/op/orders.list", content=b" " * (33 * 2**20)).status_code == 413


@pytest.mark.parametrize("dialect", [dialect.name for dialect in DIALECTS])
def test_fail_next_order_works_in_every_dialect(
    serve: Callable[..., Sandbox], sign_in: Callable[..., ServiceClient], clock: Clock, dialect: str
):
    """In every dialect the next order is taken as usual, and fails with the reason when it is due; the one after it does not."""
    box = serve(dialect)
    client = sign_in(box)
    box.fail_next_order("clouds in the archive")
    assert [client.place(name, key=name).status_code for name in ("first", "far")] == [202, 202]
    assert [order["state"] for order in box.orders()] == ["processing"] * 2
    clock.now += 3_600
    for _ in range(2_000):
        if "processing" not in {order["state"] for order in box.orders()}:
            break
        time.sleep(0.01)
    assert [(order["state"], order["reason"]) for order in box.orders()] == [
        ("failed", "clouds in the archive"),
        ("delivered", None),
    ]
    assert reconcile(box) == 2


def test_faults_apply_to_rewritten_responses(serve: Callable[..., Sandbox], sign_in: Callable[..., ServiceClient]):
    """A fault affects what leaves, and the dialect continues after it."""
    box = serve("snake-order:data")
    client = sign_in(box)
    box.faults.add("503")
    assert client.call("orders.list").status_code == 503
    assert set(client.call("orders.list").json()) == {"data", "total_elements", "total_pages"}


def test_without_dialect_nothing_is_rewritten(box: Sandbox, sign_in: Callable[..., ServiceClient]):
    """Without a dialect an order has its captures, and a list its number of pages."""
    client = sign_in(box)
    assert client.place("first").json()["captures"] == ["first"]
    assert set(client.call("orders.list").json()) == {"content", "totalElements", "totalPages"}


def test_documentation_lists_every_dialect_with_its_variants():
    """The table of the documentation has the dialects that exist, each with its variants."""
    page = (Path(__file__).resolve().parents[3] / "docs" / "sandbox.md").read_text(encoding="utf-8")
    rows = [row.split(" | ") for row in page[page.index("## Dialects") :].splitlines() if row.startswith("| `")]
    table = {row[0].strip("| `"): tuple(re.findall(r"`([^`]+)`", row[2])) for row in rows}
    assert table == {dialect.name: dialect.variants for dialect in DIALECTS}
    assert list(table) == list(Sandbox.dialects)


@pytest.mark.parametrize("seed", range(12))
def test_random_dialects_buy_once(serve: Callable[..., Sandbox], sign_in: Callable[..., ServiceClient], clock: Clock, seed: int):
    """In any combination a key buys once, the ledger is balanced, and only the named failures are answered."""
    pick = random.Random(seed)  # noqa: S311  # a combination, not a secret
    chosen = pick.sample(BUYING_ONCE, pick.randint(2, 7))
    variants = [pick.choice(["", *dialect.variants]) for dialect in chosen]
    names = [f"{dialect.name}:{variant}" if variant else dialect.name for dialect, variant in zip(chosen, variants, strict=True)]
    box = serve(*names)
    client = sign_in(box)
    for name in ("first", "far", "third") * 2:
        assert client.place(name, key=name).status_code in {200, 202}
    truth = box.orders()
    assert [order["key"] for order in truth] == ["first", "far", "third"]
    with contextlib.suppress(httpx.TransportError):
        assert client.call("orders.cancel", {"order_id": truth[0]["id"]}).status_code in {200, 204}
    clock.now += 3_600
    for _ in range(2_000):
        if [order["state"] for order in box.orders()] == ["cancelled", "delivered", "delivered"]:
            break
        time.sleep(0.01)
    for operation, allowed in (
        ("orders.list", {200}),
        ("orders.get", {200}),
        ("orders.list_assets", {200}),
        ("provenance.get", {200, 405, 422, 500}),
    ):
        body = {"order_id": truth[1]["id"], "entity_type": "order", "entity_id": truth[1]["id"], "page": 1}
        for _ in range(4):
            assert client.call(operation, body).status_code in allowed, (names, operation)
    assert reconcile(box) == 3
