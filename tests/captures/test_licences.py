"""The licences of hosts, their acceptance, and orders that need it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import scenecart
from _expect import raises
from _scripted_service import answer
from scenecart.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from _scripted_service import ScriptedService

LICENCE = "licence-aurora-1"


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    """Start a sandbox that refuses orders before licences are accepted."""
    with Sandbox(pace="instant", captures=3_000) as running:
        running.requires_licences = True
        yield running


def _estimate(client: scenecart.Client) -> scenecart.Estimate:
    return client.cart(client.search("aurora", collections="aurora-50cm", limit=1)).estimate()


def test_order_before_its_licence_is_accepted_buys_nothing(box: Sandbox, tmp_path: Path):
    """A refused order says that its licence is not accepted, and nothing is bought; after the acceptance it is placed once."""
    with box.client("analyst", home=tmp_path) as client:
        assert not client.licences().loc[LICENCE, "accepted"]
        estimate = _estimate(client)
        with raises(scenecart.PermissionDenied, "licence_not_accepted"):
            estimate.place()
        assert not box.orders()
        client.accept_licence(LICENCE)
        row = client.licences().loc[LICENCE]
        assert row["accepted"]
        assert row["accepted_at"].tzinfo is not None
        order = estimate.place()
        assert [one["id"] for one in box.orders()] == [order.id]


def test_licence_is_in_quotes_and_receipts(box: Sandbox, tmp_path: Path):
    """A quote has the text and whether it is accepted, for each host of the cart and no other; so does a receipt."""
    with box.client("other", home=tmp_path) as client:
        estimate = _estimate(client)
        quote = estimate.to_report(tmp_path / "quote.md").read_text("utf-8")
        text = client.licences().loc[LICENCE, "text"]
        assert text.split(";")[0] in quote
        assert "not accepted by the organization yet" in quote
        assert "OpenTerra" not in quote
        client.accept_licence(LICENCE)
        receipt = estimate.place().to_report(tmp_path / "receipt.html").read_text("utf-8")
        assert "accepted by the organization on " in receipt
        for name in ("quote.pdf", "quote.xlsx"):
            assert estimate.to_report(tmp_path / name).stat().st_size


def test_licence_unknown_is_refused_before_anything_is_sent(box: Sandbox, tmp_path: Path):
    """A document that the service does not list is refused with those that it lists."""
    with box.client("analyst", home=tmp_path) as client:
        with raises(scenecart.InvalidRequest, "licence_unknown") as caught:
            client.accept_licence("licence-aurora-2")
        assert LICENCE in str(caught.value.hint)


@pytest.mark.parametrize(
    ("document", "found"),
    [
        ({"content": [{"id": 7, "hostName": "a", "documents": [{"id": 8, "url": "https://a.example/l?sig=1"}]}]}, ["8"]),
        ([{"id": "e", "documents": [{"title": "no id"}, 5]}], []),
        ({"content": []}, []),
    ],
    ids=["other names", "odd members", "none"],
)
def test_licences_of_other_forms_are_read(
    service: ScriptedService, connect: Callable[..., Any], document: object, found: list[str]
):
    """Whatever the form of the list, what is stated is read; a signature in a link is left out."""
    service.put("/v1/op/eulas.list", answer(document))
    table = connect().licences()
    assert table.index.tolist() == found
    assert all("sig" not in url for url in table["url"])
    assert table["accepted"].isna().all()


def test_licences_in_documents_of_their_own_are_requested(service: ScriptedService, connect: Callable[..., Any]):
    """Documents that the list does not contain are requested."""
    service.put("/v1/op/eulas.list", answer({"content": [{"id": "e", "host": "a"}]}))
    service.put("/v1/op/eulas.documents.list", answer({"content": [{"id": "d", "text": "Use it.\nSay so."}]}))
    assert connect().licences().loc["d", ["host", "text"]].tolist() == ["a", "Use it.\nSay so."]


def test_licences_unreadable_are_an_error(service: ScriptedService, connect: Callable[..., Any]):
    """An answer that is no list of licences is an error of the service."""
    service.put("/v1/op/eulas.list", answer({"content": 5}))
    with raises(scenecart.ServiceError, "licences_unreadable"):
        connect().licences()
