"""The client: its own checks, its name, and what it gives to other modules."""

from __future__ import annotations

import copy
import inspect
import pickle
from typing import Any

import pytest

import scenecart
from _expect import raises, warns
from _purchases import LIST, ORDER, PLACE, captures
from _scripted_service import ScriptedService, answer
from _sessions import Clock
from scenecart._api.credentials import Credentials, Secret
from scenecart._captures.areas_parquet import AREAS_PER_FILE
from scenecart._orders.ownership import OWNED_SHARE


def test_order_that_waits_for_the_limit_of_a_minute_is_announced(service: ScriptedService, connect: Any):
    """One order more than the limit of a minute waits, and a notice says so."""
    clock, said = Clock(), list[Any]()
    limits = scenecart.Limits(places_per_minute=1)
    client = connect(limits=limits, clock=clock, sleep=clock.sleep, say=said.append)
    service.put(PLACE, answer({"id": "o-1", "status": "processing"}, 202), answer({"id": "o-2", "status": "processing"}, 202))
    orders = [client.cart(captures()).estimate().place(owned="buy", again=name) for name in (False, "more")]
    assert [order.id for order in orders] == ["o-1", "o-2"]
    assert "placing_limited" in [getattr(notice, "code", "") for notice in said]


@pytest.mark.parametrize("name", [PLACE, "Orders.Archive.PLACE"])
def test_call_placing_operation_is_refused(service: ScriptedService, connect: Any, name: str):
    """call() cannot place, in any spelling: only an estimate can be placed."""
    with raises(scenecart.ConfigurationError, "spending_by_call"):
        connect().call(name, {"captures": []})
    assert service.received == []


@pytest.mark.parametrize(
    "name",
    [
        "orders%2Earchive%2Eplace",
        "x/../orders.archive.place",
        "orders.archive.place ",
        "orders.archive.place?a=1",
        "",
        5,
        None,
    ],
)
def test_call_invalid_name_is_refused(service: ScriptedService, connect: Any, name: Any):
    """A name that a URL could read as another operation is refused."""
    with raises(scenecart.InvalidRequest, "not_an_operation"):
        connect().call(name, {"captures": []})
    assert service.received == []


def test_call_sends_the_body_and_the_key(service: ScriptedService, connect: Any):
    """call() sends the body and the idempotency key, and returns the decoded answer."""
    service.put("orders.tag", answer({"ok": True}))
    assert connect().call("orders.tag", {"id": "o-1"}, idempotency_key="k-1") == {"ok": True}
    (request,) = service.requests("orders.tag")
    assert (request.json, request.headers["idempotency-key"]) == ({"id": "o-1"}, "k-1")


def test_estimate_not_a_cart_is_refused(service: ScriptedService, connect: Any):
    """Only a cart can be estimated."""
    with raises(scenecart.InvalidCart, "not_a_cart"):
        connect().estimate(captures())
    assert service.received == []


@pytest.mark.parametrize("wrong", [0, -1, 2.5, "5", None])
def test_search_stream_batch_size_must_be_a_count(service: ScriptedService, connect: Any, wrong: Any):
    """A batch size below 1, or that is not a whole number, is refused at once."""
    with raises(scenecart.InvalidQuery, "not_a_count") as caught:
        connect().search_stream("h", collections="c", batch_size=wrong)
    assert caught.value.argument == "batch_size"
    assert service.received == []


@pytest.mark.parametrize(
    ("status", "nearest"), [("deliverd", "'delivered'"), ("BEING_PLACE", "'being_placed'"), ("5", "processing, delivered")]
)
def test_orders_unknown_status_warns(service: ScriptedService, connect: Any, status: str, nearest: str):
    """A misspelled status is sent, since the service may know more, with a warning that names the nearest."""
    service.put(LIST, answer([]))
    with warns("order_status_unknown") as caught:
        assert len(connect().orders(status=status)) == 0
    assert nearest in str(caught[0].message)
    assert service.requests(LIST)[0].json["status"] == status
    for known in ("delivered", "FULFILLED", "Being placed", "canceled"):
        connect().orders(status=known)


@pytest.mark.parametrize("name", ["status", "project", "name", "ids", "tags", "order_type"])
def test_orders_invalid_filter_is_refused(service: ScriptedService, connect: Any, name: str):
    """A filter that is not a string is refused before anything is sent."""
    with raises(scenecart.InvalidRequest, "order_filter_invalid") as caught:
        connect().orders(**{name: 5})
    assert caught.value.argument == name
    assert service.received == []


def test_orders_empty_ids_return_no_orders(service: ScriptedService, connect: Any):
    """An empty list of ids returns no orders, although the service would return all: a loop may cancel what it gets."""
    service.put(LIST, answer([ORDER]))
    found = connect().orders(ids=[])
    assert len(found) == 0
    assert "status" in found
    assert service.requests(LIST) == []


def test_defaults_in_signatures_are_those_of_the_parts():
    """What a signature states without loading the part is what the part takes."""
    assert inspect.signature(scenecart.Client).parameters["owned_share"].default == OWNED_SHARE
    assert inspect.signature(scenecart.Client.search_many_to_parquet).parameters["areas_per_file"].default == AREAS_PER_FILE


def test_client_copies_are_the_client(connect: Any):
    """Copies share the connection, and a client cannot be pickled, because it holds a sign-in."""
    client = connect()
    assert copy.copy(client) is client
    assert copy.deepcopy(client) is client
    with pytest.raises(TypeError, match="pickled"):
        pickle.dumps(client)


@pytest.mark.parametrize(
    ("sign_in", "expected"),
    [
        ({"source": "profile 'work'", "username": "kim", "password": Secret("p")}, "profile 'work'"),
        ({"source": "arguments", "username": "kim", "password": Secret("p")}, "kim"),
        ({"source": "arguments", "api_key": Secret("gpra_key")}, "API key"),
        ({"source": "environment variables", "token": Secret("t")}, "token"),
    ],
)
def test_repr_names_host_and_user(tmp_path: Any, sign_in: dict[str, Any], expected: str):
    """A client is displayed with its host and who is signed in, without a request and without a secret."""
    with scenecart.Client(Credentials("https://api.geopera.com", **sign_in), home=tmp_path) as client:
        assert repr(client) == f"Client(api.geopera.com, {expected})"


def test_repr_of_a_sandbox_client_names_the_principal():
    """A client of the sandbox is displayed with the principal."""
    with scenecart.connect("sandbox") as client:
        assert repr(client) == "Client(sandbox, analyst)"
        assert client.signed_in_by == "sandbox"


def test_order_id_is_taken_as_it_is_pasted(service: ScriptedService, connect: Any):
    """Blanks and line breaks in a copied id are left out, also in a list of ids."""
    client = connect()
    assert client.order(" o-\n 1 ").id == "o-1"
    service.put(LIST, answer([ORDER]))
    assert client.orders(ids=["o-1\n"]).index.tolist() == ["o-1"]
