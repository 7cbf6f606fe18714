"""Dialects of idempotency keys, over plain HTTP."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from _ledger_check import reconcile

if TYPE_CHECKING:
    from collections.abc import Callable

    from _http_client import ServiceClient
    from conftest import Clock
    from scenecart.sandbox import Sandbox


def test_short_keys_are_kept_for_one_hour(serve: Callable[..., Sandbox], sign_in: Callable[..., ServiceClient], clock: Clock):
    """A key gives the same order for an hour, and a second order after it."""
    box = serve("short-keys")
    client = sign_in(box)
    ids = []
    for seconds in (0, 3_599, 1):
        clock.now += seconds
        ids.append(client.place("first", key="k").json()["id"])
    assert ids[0] == ids[1] != ids[2]
    assert [order["key"] for order in box.orders()] == ["k", "k"]


@pytest.mark.parametrize("variant", ["header", "silent"])
def test_stored_refusals_are_repeated(
    serve: Callable[..., Sandbox], sign_in: Callable[..., ServiceClient], clock: Clock, variant: str
):
    """A refusal is repeated byte for byte for a day although its cause is gone, with a header or without; another key buys."""
    box = serve(f"stored-refusals:{variant}")
    client = sign_in(box, "broke")
    client.project = box.principals["broke"]["project"] or ""
    refused = client.place("first", key="k")
    assert (refused.status_code, "idempotent-replayed" in refused.headers) == (402, False)
    box.top_up("broke", 10**7)
    for _ in range(2):
        repeated = client.place("first", key="k")
        assert (repeated.status_code, repeated.content) == (402, refused.content)
        assert repeated.headers["content-type"] == refused.headers["content-type"]
        assert repeated.headers.get("idempotent-replayed") == ("true" if variant == "header" else None)
    assert client.place("far", key="k").status_code == 409
    assert box.orders() == []
    order = client.place("first", key="l")
    again = client.place("first", key="l")
    assert (again.status_code, again.content) == (202, order.content)
    assert "idempotent-replayed" not in again.headers
    clock.now += 24 * 3_600
    client.http.headers["Authorization"] = f"Bearer {box.token('broke')}"
    assert client.place("first", key="k").status_code == 202
    assert len(box.orders()) == 2
    assert reconcile(box) == 2


@pytest.mark.parametrize(
    ("principal", "change", "status"),
    [
        ("robot", {}, 403),
        ("analyst", {"projectId": "nothing"}, 404),
        ("analyst", {"licenseType": "pirate"}, 422),
        ("secure", {}, 402),
    ],
)
def test_stored_refusals_of_every_kind(
    serve: Callable[..., Sandbox],
    sign_in: Callable[..., ServiceClient],
    principal: str,
    change: dict[str, Any],
    status: int,
):
    """A missing scope, an unknown project, an invalid field and a payment to confirm are stored, for the whole organization."""
    box = serve("stored-refusals")
    client = sign_in(box, principal)
    colleague = sign_in(box) if principal == "robot" else client
    for one in (client, colleague):
        one.project = box.principals[principal]["project"] or ""
    refused = client.place("first", key="k", **change)
    assert refused.status_code == status
    if principal == "secure":
        box.complete_challenge(refused.json()["client_secret"])
    repeated = colleague.place("first", key="k", **change)
    assert (repeated.status_code, repeated.json(), repeated.headers["idempotent-replayed"]) == (status, refused.json(), "true")
    assert box.orders() == []


def test_stored_refusals_store_no_rate_limit(serve: Callable[..., Sandbox], sign_in: Callable[..., ServiceClient]):
    """A 429 is not stored: the same key buys when the minute is over."""
    box = serve("stored-refusals")
    client = sign_in(box)
    box.rate_limits = {"calls": 1_000, "places": 0}
    assert client.place("first", key="k").status_code == 429
    box.rate_limits = None
    assert client.place("first", key="k").status_code == 202


def test_stored_refusals_repeat_a_cancellation_that_was_too_early_or_late(
    serve: Callable[..., Sandbox], sign_in: Callable[..., ServiceClient], clock: Clock
):
    """A 409 of a cancellation is repeated for its key; an order that exists is not affected by refusals."""
    box = serve("stored-refusals")
    client = sign_in(box)
    order = client.place("first", key="k").json()["id"]
    clock.now += 500
    answers = [client.call("orders.cancel", {"id": order}, key="c") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [409, 409]
    assert answers[1].headers["idempotent-replayed"] == "true"
    assert client.place("first", key="k").json()["id"] == order


def test_stored_refusals_concurrent_requests_agree(serve: Callable[..., Sandbox], sign_in: Callable[..., ServiceClient]):
    """Requests at once with one key get one answer: all the refusal, and no order behind it."""
    box = serve("stored-refusals")
    client = sign_in(box, "broke")
    body = {"projectId": box.principals["broke"]["project"], "captures": client.captures_of("first")}
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: client.call("orders.archive.place", body, key="k"), range(16)))
    assert {answer.status_code for answer in answers} == {402}
    assert box.orders() == []


def test_keys_per_user_are_not_shared(serve: Callable[..., Sandbox], sign_in: Callable[..., ServiceClient]):
    """Two principals of one organization with one key make two orders, each of them once."""
    box = serve("keys-per-user")
    analyst, delegate = sign_in(box), sign_in(box, "delegate")
    ids = [client.place("first", key="k").json()["id"] for client in (analyst, delegate) * 2]
    assert ids[:2] == ids[2:]
    assert [(order["id"], order["placed_by"]) for order in box.orders()] == [(ids[0], "analyst"), (ids[1], "delegate")]
    assert delegate.place("far", key="k").status_code == 409


def test_without_dialect_keys_are_shared_by_the_organization(box: Sandbox, sign_in: Callable[..., ServiceClient]):
    """Two principals of one organization with one key make one order."""
    ids = {sign_in(box, name).place("first", key="k").json()["id"] for name in ("analyst", "delegate")}
    assert [order["id"] for order in box.orders()] == list(ids)


def test_no_keys_buys_as_often_as_it_is_asked(serve: Callable[..., Sandbox], sign_in: Callable[..., ServiceClient]):
    """Keys are ignored: each request is an order, also with another body, and the record keeps the key that was sent."""
    box = serve("no-keys")
    client = sign_in(box)
    answers = [client.place(name, key="k") for name in ("first", "first", "far")]
    assert [answer.status_code for answer in answers] == [202] * 3
    assert [order["key"] for order in box.orders()] == ["k"] * 3
    order = box.orders()[0]["id"]
    assert [client.call("orders.cancel", {"id": order}, key="c").status_code for _ in range(2)] == [200, 409]
    assert reconcile(box) == 3
