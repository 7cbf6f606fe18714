"""The folder of deliveries: a static STAC catalog that several orders and processes share."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pystac
import pytest

from _expect import warns
from _scripted_service import feature
from scenecart._delivery.catalog import DeliveryFolder
from scenecart._delivery.checksums import checksum_of
from scenecart._delivery.locks import FileLock
from scenecart._delivery.stac_item import ReceivedFile, asset_on_disk

URL = "https://service.example"


def item(name: str = "item", **properties: Any) -> dict[str, Any]:
    return {**feature(name, **properties), "stac_version": "1.0.0", "assets": {"visual": {"href": "x"}, "thumbnail": {"href": "y"}}}


def receive(folder: DeliveryFolder, served: dict[str, Any], *keys: str) -> Path:
    """Write files of an item, and record them; return its folder."""
    place = folder.reserve([served])[served["id"]]
    assets = {}
    for key in keys:
        path = place.path / f"{place.path.name}_{key}.tif"
        path.write_bytes(key.encode())
        file = ReceivedFile(key, path, len(key), checksum_of(path), "checksum")
        assets[key] = asset_on_disk(served["assets"][key], file, folder.item_of(served))
    folder.record(served, place, assets)
    folder.write_catalog()
    return place.path


def read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def test_folder_is_a_catalog_that_pystac_reads(tmp_path: Path):
    """Pystac reads the catalog, its items and the local files of their assets; the order is in each item."""
    receive(DeliveryFolder(tmp_path, "o-1", URL), item(), "visual")
    catalog = pystac.Catalog.from_file(str(tmp_path / "catalog.json"))
    (found,) = catalog.get_items()
    assert found.id == "item"
    assert found.properties["order:id"] == "o-1"
    assert [link.href for link in found.links if link.rel == "derived_from"] == [f"{URL}/v1/op/orders.get?id=o-1"]
    assert Path(found.assets["visual"].get_absolute_href()).read_bytes() == b"visual"


def test_folder_of_several_orders_is_one_catalog(tmp_path: Path):
    """Orders in one folder make one catalog; two of one capture have folders of their own, and a third run adds nothing."""
    first = receive(DeliveryFolder(tmp_path, "o-1", URL), item(**{"capture:id": "c"}), "visual")
    second = receive(DeliveryFolder(tmp_path, "o-2", URL), item(**{"capture:id": "c"}), "visual")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert receive(DeliveryFolder(tmp_path, "o-1", URL), item(**{"capture:id": "c"}), "visual") == first
    assert first != second
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
    assert len(list(pystac.Catalog.from_file(str(tmp_path / "catalog.json")).get_items())) == 2


def test_record_keeps_assets_of_earlier_downloads_that_are_still_there(tmp_path: Path):
    """An item has the assets of all downloads, in the service's order, without those whose files were removed."""
    folder = DeliveryFolder(tmp_path, "o-1", URL)
    place = receive(folder, item(), "thumbnail")
    receive(folder, item(), "visual")
    assert list(read(place / "item.json")["assets"]) == ["visual", "thumbnail"]
    (place / f"{place.name}_thumbnail.tif").unlink()
    receive(folder, item(), "visual")
    assert list(read(place / "item.json")["assets"]) == ["visual"]


def test_reserve_keeps_folders_of_the_first_version(tmp_path: Path):
    """An item that 0.1.0 downloaded keeps its folder and the names of its files; nothing in it is touched."""
    old = tmp_path / "item"
    old.mkdir()
    (old / "visual.tif").write_bytes(b"old")
    folder = DeliveryFolder(tmp_path, "o-1", URL)
    for _ in range(2):
        place = folder.reserve([item()])["item"]
        assert (place.path, place.is_plain) == (old, True)
        folder.record(item(), place, {})
    assert (old / "visual.tif").read_bytes() == b"old"


def test_write_catalog_keeps_the_rest_of_an_existing_catalog(tmp_path: Path):
    """Items are added to a catalog of the user's own; its fields and links stay. A file that is no catalog is left alone."""
    own = {"type": "Catalog", "stac_version": "1.0.0", "id": "mine", "description": "d", "links": [{"rel": "child", "href": "./a"}]}
    (tmp_path / "catalog.json").write_text(json.dumps(own), encoding="utf-8")
    place = receive(DeliveryFolder(tmp_path, "o-1", URL), item(), "visual")
    found = read(tmp_path / "catalog.json")
    assert (found["id"], found["links"][0]) == ("mine", {"rel": "child", "href": "./a"})
    assert found["links"][1]["href"] == f"./{place.name}/item.json"
    (tmp_path / "catalog.json").write_text("my notes", encoding="utf-8")
    with warns("catalog_not_written"):
        receive(DeliveryFolder(tmp_path, "o-1", URL), item("other"), "visual")
    assert (tmp_path / "catalog.json").read_text(encoding="utf-8") == "my notes"


def test_write_catalog_removes_links_of_folders_that_were_deleted(tmp_path: Path):
    """An item whose folder was deleted is not in the catalog any more."""
    folder = DeliveryFolder(tmp_path, "o-1", URL)
    gone = receive(folder, item("a"), "visual")
    for path in gone.iterdir():
        path.unlink()
    gone.rmdir()
    receive(folder, item("b"), "visual")
    assert [found.id for found in pystac.Catalog.from_file(str(tmp_path / "catalog.json")).get_items()] == ["b"]


def test_folder_of_many_threads_loses_no_item(tmp_path: Path):
    """Orders of many threads, each with captures of the same name, end as distinct items of one catalog."""

    def one(number: int) -> Path:
        return receive(DeliveryFolder(tmp_path, f"o-{number}", URL), item(f"item-{number}", **{"capture:id": "c"}), "visual")

    with ThreadPoolExecutor(8) as pool:
        places = list(pool.map(one, range(16)))
    assert len(set(places)) == 16
    found = list(pystac.Catalog.from_file(str(tmp_path / "catalog.json")).get_items())
    assert {entry.id for entry in found} == {f"item-{number}" for number in range(16)}


def test_discard_removes_only_an_empty_reservation(tmp_path: Path):
    """The folder of an item of which nothing arrived is removed, unless a part of a file is in it."""
    folder = DeliveryFolder(tmp_path, "o-1", URL)
    places = folder.reserve([item("a"), item("b")])
    (places["b"].path / "visual.tif.part").write_bytes(b"part")
    for place in places.values():
        folder.discard(place)
    assert [path.name for path in tmp_path.iterdir()] == [places["b"].path.name]


@pytest.mark.parametrize("broken", ["", "[]", "{", '{"id": 5, "properties": 5, "assets": []}'])
def test_reserve_ignores_broken_items_on_disk(tmp_path: Path, broken: str):
    """A broken item.json does not stop a download; its folder is left alone."""
    (tmp_path / "2024-03-05_item").mkdir()
    (tmp_path / "2024-03-05_item" / "item.json").write_text(broken, encoding="utf-8")
    place = receive(DeliveryFolder(tmp_path, "o-1", URL), item(), "visual")
    assert place.name != "2024-03-05_item"
    assert (tmp_path / "2024-03-05_item" / "item.json").read_text(encoding="utf-8") == broken


def test_locked_folder_is_waited_for(tmp_path: Path):
    """While another process holds the folder, nothing is written; then it goes on."""
    lock = FileLock(tmp_path / ".catalog.lock")
    assert lock.acquire()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(receive, DeliveryFolder(tmp_path, "o-1", URL), item(), "visual")
        assert not waiting.done()
        assert list(tmp_path.iterdir()) == [tmp_path / ".catalog.lock"]
        lock.release()
        assert waiting.result(30).is_dir()
