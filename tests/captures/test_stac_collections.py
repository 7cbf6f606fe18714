"""The collections of STAC APIs and catalogs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

import scenecart
from _expect import raises, warns
from _scripted_service import Answer, answer
from _stac_api import CORE, catalog, landing, link

if TYPE_CHECKING:
    from _scripted_service import ScriptedService
    from scenecart.sandbox import Sandbox

QUERYABLES = {"properties": {"gsd": {"type": "number"}, "platform": {"enum": ["a"]}}}


def collection(name: str, **more: Any) -> dict[str, Any]:
    """Return a STAC collection."""
    extent = {
        "spatial": {"bbox": [[1, 2, 3, 4]]},
        "temporal": {"interval": [["2024-01-01T00:00:00Z", None]]},
    }
    return {**catalog(name), "type": "Collection", "license": "CC-BY-4.0", "title": name.upper(), "extent": extent, **more}


def test_collections_of_an_api_have_extent_and_queryables(service: ScriptedService):
    """Each collection is a row, over all pages, with its extent and by what it can be searched."""
    url = landing(service)
    service.put(
        "/collections",
        answer({"collections": [collection("a"), None], "links": [link("next", "/collections?page=2")]}),
        answer({"collections": [collection("b/c", extent=None), collection("d", links=[link(REL, "/queryables")])]}),
    )
    service.put("/collections/a/queryables", answer(QUERYABLES))
    service.put("/queryables", answer({"properties": {}}))
    found = scenecart.collections(url)
    assert found["id"].tolist() == ["a", "b/c", "d"]
    first = found.iloc[0]
    assert (first["title"], first["license"], first["bbox"]) == ("A", "CC-BY-4.0", [1, 2, 3, 4])
    assert first["start"] == pd.Timestamp("2024-01-01", tz="UTC")
    assert pd.isna(first["end"])
    assert found["queryables"].tolist() == [QUERYABLES["properties"], None, {}]
    assert [request.path for request in service.received if "b%2Fc" in request.path] == ["/collections/b%2Fc/queryables"]


REL = "http://www.opengis.net/def/rel/ogc/1.0/queryables"


def test_collections_queryables_are_not_requested_without_need(service: ScriptedService):
    """Without the filter extension, or without queryables, there is one request for all collections."""
    url = landing(service, conforms=[CORE])
    service.put("/collections", answer({"collections": [collection("a")]}))
    assert scenecart.collections(url)["queryables"].tolist() == [None]
    landing(service)
    assert scenecart.collections(url, queryables=False)["queryables"].tolist() == [None]
    assert len(service.received) == 4


def test_collections_of_a_catalog_are_those_it_links_to(service: ScriptedService):
    """A static catalog has the collections below it, and no items are read."""
    service.put("/catalog.json", answer(catalog("root", link("child", "c.json"), link("item", "a.json"))))
    service.put(
        "/c.json", answer(collection("c", links=[link("item", "b.json")], extent={"spatial": {"bbox": [[1, 2, 0, 3, 4, 9]]}}))
    )
    found = scenecart.collections(f"{service.url}/catalog.json")
    assert (found["id"].tolist(), found["bbox"].tolist()) == (["c"], [[1, 2, 3, 4]])
    assert len(service.received) == 2


def test_collections_of_the_sandbox_are_listed(box: Sandbox):
    """The sandbox's own catalog lists what can be searched."""
    found = scenecart.collections(f"{box.url}/v2/catalog/", headers={"Authorization": f"Bearer {box.token('analyst')}"})
    assert "openterra-10m" in set(found["id"])


@pytest.mark.parametrize("reply", [answer([]), answer({}), Answer(b"<html>"), answer({"collections": None})])
def test_collections_unreadable_list_is_an_error(service: ScriptedService, reply: Answer):
    """A response that lists no collections is an error, not an empty table."""
    url = landing(service)
    service.put("/collections", reply)
    with pytest.raises(scenecart.ServiceError):
        scenecart.collections(url)
    with raises(scenecart.InvalidRequest, "not_a_bool"):
        scenecart.collections(url, queryables="no")  # type: ignore[arg-type]  # on purpose


def test_collections_endless_pages_end_with_a_warning(service: ScriptedService):
    """A page of collections that leads to itself is the last."""
    url = landing(service)
    service.put("/collections", answer({"collections": [collection("a")], "links": [link("next", "/collections")]}))
    with warns("stac_page_repeated"):
        assert len(scenecart.collections(url, queryables=False)) == 1
