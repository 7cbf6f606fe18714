"""The hosts of the catalog and their collections."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import scenecart
from _expect import raises
from _scripted_service import answer

if TYPE_CHECKING:
    from collections.abc import Callable

    from _scripted_service import ScriptedService


def test_hosts_and_collections_are_tables(client: scenecart.Client):
    """Hosts have titles, licences and collections; a collection has its resolution, sensors, extent and prices."""
    hosts = client.hosts()
    assert hosts.loc["aurora", "collections"] == ["aurora-30cm", "aurora-50cm", "aurora-legacy"]
    assert hosts["licence"].notna().all()
    found = client.collections("aurora")
    row = found.loc["aurora-50cm"]
    assert (row["gsd"], row["sensors"], row["credits_per_km2"]) == (0.5, ["Aurora-1", "Aurora-2"], 1_250)
    assert row["start"] < row["end"]
    assert found.crs.to_epsg() == 4326
    assert found.geometry.notna().all()


def test_host_unknown_is_refused_with_the_nearest(client: scenecart.Client):
    """A wrong host or collection is refused, and the nearest right name is in the hint."""
    with raises(scenecart.InvalidQuery, "host_unknown") as caught:
        client.collections("auroa")
    assert "'aurora'" in str(caught.value.hint)
    with raises(scenecart.NotFound, "host_not_found") as of_search:
        client.search("auroa", collections="aurora-50cm")
    assert "'aurora'" in str(of_search.value.hint)


@pytest.mark.parametrize(
    ("document", "names"),
    [
        (
            {"sources": [{"id": "a", "collections": ["b", {"id": "c", "gsd": "x", "extent": 5}, 7, {}]}, None, {"title": "t"}]},
            ["a"],
        ),
        ([{"host_name": "a"}], ["a"]),
        ({"content": []}, []),
    ],
    ids=["odd members", "a bare list", "none"],
)
def test_hosts_of_other_forms_are_read(service: ScriptedService, connect: Callable[..., Any], document: object, names: list[str]):
    """Whatever the form of the registry, names are read, and what is not stated is missing."""
    service.put("/v1/op/catalog.sources.list", answer(document))
    client = connect()
    assert client.hosts().index.tolist() == names
    for name in names:
        assert client.collections(name)["gsd"].isna().all()
    assert len(service.received) == 1


def test_hosts_not_offered_are_the_vendors(service: ScriptedService, connect: Callable[..., Any]):
    """A service without a registry is asked for the names of its vendors; one with neither is an error."""
    service.put("/v1/op/catalog.sources.list", answer({"title": "no", "detail": "no"}, 404))
    service.put("/v1/op/catalog.vendors.list", answer({"vendors": [{"host_name": "a"}]}))
    assert connect().hosts().index.tolist() == ["a"]
    service.put("/v1/op/catalog.vendors.list", answer({"oops": 1}))
    with raises(scenecart.ServiceError, "hosts_unreadable"):
        connect().hosts()
