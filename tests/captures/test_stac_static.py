"""Static STAC catalogs: bounded walks over the web and over files."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

import scenecart
from _expect import raises, warns
from _scripted_service import Answer, answer, page
from _stac_api import catalog, item, link
from scenecart._captures import stac_static
from scenecart._captures.stac_static import Folder

if TYPE_CHECKING:
    from pathlib import Path

    from _scripted_service import RecordedRequest, ScriptedService


def write(path: Path, document: Any) -> Path:
    """Write a document."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def test_walk_reads_each_document_once(service: ScriptedService):
    """Links to itself, to the root and in circles are no end in themselves; each document is read once."""
    links = [link(rel, "/catalog.json") for rel in ("self", "root", "child")] + [link("child", "b.json"), link("item", "a.json")]
    service.put("/catalog.json", answer(catalog("root", *links)))
    service.put("/b.json", answer(catalog("b", link("child", "catalog.json"), link("item", "./a.json"), link("item", "a.json#x"))))
    service.put("/a.json", answer({key: value for key, value in item("a").items() if key != "collection"}))
    assert scenecart.search_stac(f"{service.url}/catalog.json")["id"].tolist() == ["a"]
    assert len(service.received) == 3


def test_walk_endless_catalog_is_an_error_with_captures(service: ScriptedService, monkeypatch: pytest.MonkeyPatch):
    """A catalog without end is an error after so many documents, with the items that came."""
    monkeypatch.setattr(stac_static, "MAX_DOCUMENTS", 20)

    def endless(request: RecordedRequest) -> Answer:
        number = len(service.received)
        return answer(catalog(f"c{number}", link("item", "a.json"), link("child", f"/c.json?{number}")))

    service.put("/c.json", endless)
    service.put("/a.json", answer(item("a")))
    with raises(scenecart.ServiceError, "stac_catalog_too_large") as caught:
        scenecart.search_stac(f"{service.url}/c.json")
    assert caught.value.captures["id"].tolist() == ["a"]
    assert len(service.received) <= 22
    assert len(scenecart.search_stac(f"{service.url}/c.json", limit=1)) == 1


def test_walk_unreadable_document_spoils_nothing(service: ScriptedService):
    """Documents that are missing or unreadable are counted in a warning; the others are in the result."""
    hrefs = ("gone.json", "html.json", "other.json", "a.json")
    service.put("/catalog.json", answer(catalog("root", *(link("item", href) for href in hrefs))))
    service.put("/html.json", Answer(b"<html>"))
    service.put("/other.json", answer({"type": "Topology"}))
    service.put("/a.json", answer(item("a")))
    with warns("stac_documents_unreadable") as caught:
        assert scenecart.search_stac(f"{service.url}/catalog.json")["id"].tolist() == ["a"]
    assert "3" in str(caught[0].message)
    service.put("/a.json", answer({}, 500))
    with raises(scenecart.ServiceError, "stac_search_failed"):
        scenecart.search_stac(f"{service.url}/catalog.json", retry=scenecart.Retry(attempts=1))


def test_walk_item_without_collection_is_of_the_collection_that_links_to_it(service: ScriptedService):
    """An item that names no collection is of the one that links to it, and old catalogs without a type are read."""
    old = {"stac_version": "0.9.0", "id": "old", "description": "", "extent": {}, "links": [link("item", "a.json")]}
    bare = {key: value for key, value in item("a").items() if key != "collection"}
    service.put("/catalog.json", answer({"stac_version": "0.9.0", "id": "r", "links": [link("child", "old.json")]}))
    service.put("/old.json", answer(old))
    service.put("/a.json", answer(bare))
    assert scenecart.search_stac(f"{service.url}/catalog.json", collections="old")["collection"].tolist() == ["old"]
    service.received.clear()
    assert scenecart.search_stac(f"{service.url}/catalog.json", collections="other").empty
    assert not service.requests("/a.json")


def test_walk_api_without_search_lists_items_of_collections(service: ScriptedService):
    """An API with collections but without search is walked: collections, their items, and next pages."""
    service.put("/", answer(catalog("api", link("data", "collections"), link("conformance", "conformance"))))
    collection = {"type": "Collection", "id": "c", "links": [link("items", "/collections/c/items")]}
    service.put("/collections", answer({"collections": [collection, {"type": "Collection", "id": "d", "links": []}]}))
    pages = answer(page(item("a"), links=[link("next", "/collections/c/items?page=2")])), answer(page(item("b")))
    service.put("/collections/c/items", *pages)
    assert scenecart.search_stac(f"{service.url}/", collections="c")["id"].tolist() == ["a", "b"]


def test_walk_of_files_stays_in_its_folder(tmp_path: Path, service: ScriptedService):
    """A local catalog is read by its path or its folder; links out of the folder, and to the web, are not followed."""
    write(tmp_path / "secret.json", item("secret"))
    root = tmp_path / "catalog"
    hrefs = ("../secret.json", (tmp_path / "secret.json").as_uri(), f"{service.url}/a.json", "\0", "sub/../../secret.json")
    write(root / "catalog.json", catalog("root", *(link("item", href) for href in hrefs), link("child", "./sub/catalog.json")))
    write(root / "sub" / "catalog.json", catalog("sub", link("item", "../a.json"), link("item", "gone.json")))
    write(root / "a.json", item("a"))
    for path in (root, root / "catalog.json", str(root)):
        with warns("stac_documents_unreadable", "stac_links_not_followed") as caught:
            assert scenecart.search_stac(path)["id"].tolist() == ["a"]
        assert "5" in str(caught[1].message)
    assert not service.received


@pytest.mark.parametrize("content", ["", "null", "[]", '{"a": 1}', "<html>", "[" * 100_000])
def test_walk_file_of_something_else_is_refused(tmp_path: Path, content: str):
    """A file that is no catalog and has no items is an error that does not name the machine's folders."""
    path = tmp_path / "x.json"
    path.write_text(content, encoding="utf-8")
    with raises(scenecart.ServiceError, "stac_api_invalid") as caught:
        scenecart.search_stac(path)
    assert str(tmp_path) not in str(caught.value)


def test_folder_unreadable_file_is_not_found(tmp_path: Path):
    """A file that vanished is reported by its name."""
    with raises(scenecart.NotFound, "stac_file_unreadable"):
        Folder(tmp_path / "catalog.json").read((tmp_path / "gone.json").as_uri())
