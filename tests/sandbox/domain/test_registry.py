"""What the sandbox tells of its hosts, licences, commitments and invoices."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from _http_client import ServiceClient
    from conftest import Clock
    from scenecart.sandbox import Sandbox


def test_sources_have_the_collections_of_each_host(box: Sandbox, sign_in: Callable[..., ServiceClient]):
    """The registry lists each host with its collections, and filters by kind of data."""
    client = sign_in(box)
    (source,) = client.call("catalog.sources.list").json()["sources"]
    assert (source["id"], [one["id"] for one in source["collections"]]) == ("archive", box.hosts["archive"])
    assert client.call("catalog.sources.list", {"data_type": "sar"}).json()["sources"] == []
    assert [one["host_name"] for one in client.call("catalog.vendors.list").json()["vendors"]] == ["archive"]


def test_acceptance_of_a_licence_belongs_to_the_organization(box: Sandbox, sign_in: Callable[..., ServiceClient]):
    """A licence that one organization accepted is still open for another, and can be withdrawn."""
    client, other = sign_in(box), sign_in(box, "other")
    accept = {"eula_id": "eula-archive", "document_id": "licence-archive-1"}
    assert client.call("eulas.document.accept", accept).json()["isAccepted"] is True
    assert [one.call("eulas.list").json()["content"][0]["isAccepted"] for one in (client, other)] == [True, False]
    assert client.call("eulas.document.accept", {**accept, "is_accepted": False}).json()["isAccepted"] is False
    assert client.call("eulas.document.accept", {**accept, "document_id": "other"}).status_code == 404
    assert client.call("eulas.documents.list", {"eula_id": "other"}).status_code == 404


def test_commitments_and_invoices_are_those_of_invoiced_organizations(
    box: Sandbox, clock: Clock, sign_in: Callable[..., ServiceClient]
):
    """An organization that is invoiced sees its commitment and a month's invoice; one with credits sees neither."""
    client = sign_in(box, "enterprise")
    order = client.place("first").json()
    clock.now += 3_600
    client.wait(order["id"], "delivered")
    (commitment,) = client.call("organizations.commitments.list").json()["commitments"]
    (invoice,) = client.call("billing.invoices.list").json()["invoices"]
    assert commitment["used_credits"] == invoice["credits"] == order["totalCredits"]
    assert sign_in(box).call("billing.invoices.list").json()["total"] == 0
    assert sign_in(box).call("organizations.commitments.list").json()["total"] == 0


def test_update_changes_tags_and_name(box: Sandbox, sign_in: Callable[..., ServiceClient]):
    """Tags and name of an order are changed one by one; what is null stays."""
    client = sign_in(box)
    order = client.place("first").json()["id"]
    client.call("orders.update", {"order_id": order, "tags": ["a"]})
    document = client.call("orders.update", {"order_id": order, "displayName": "Harbour"}).json()
    assert (document["tags"], document["displayName"]) == (["a"], "Harbour")
