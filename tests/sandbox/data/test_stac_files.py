"""Real STAC items as the catalog, unchanged."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from _stac_diff import differences
from scenecart.sandbox import Sandbox, SandboxError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from _http_client import ServiceClient

FOLDERS = ["antimeridian", "api-items-planetary-computer", "api-pages-pystac-client", "ext-order", "ext-projection", "ext-sar",
           "ext-view", "odc-stac", "pgstac-naip", "planet-disaster", "planet-native", "stac-api-spec", "stac-geoparquet",
           "stactools-landsat", "stactools-sentinel1", "stactools-sentinel2"]  # fmt: skip


def read_features(path: Path) -> list[Any]:
    """Read every feature in a folder."""
    found: list[Any] = []

    def inside(document: Any) -> None:
        if isinstance(document, list):
            for entry in document:
                inside(entry)
        elif isinstance(document, dict) and isinstance(document.get("features"), list):
            inside(document["features"])
        elif isinstance(document, dict) and document.get("type") == "Feature":
            found.append(document)

    for file in sorted(path.rglob("*")):
        if file.suffix in {".json", ".geojson"}:
            inside(json.loads(file.read_text("utf-8-sig")))
        elif file.suffix == ".ndjson":
            for line in file.read_text().split("\n"):
                inside(json.loads(line) if line else None)
    return found


@pytest.mark.parametrize("folder", FOLDERS)
def test_load_real_items_are_listed_unchanged_and_priced_or_refused(
    shared_data: Path, folder: str, sign_in: Callable[..., ServiceClient]
):
    """Each real item is listed as it was published, and has a price or a reason."""
    published = read_features(shared_data / folder)
    with Sandbox(items=shared_data / folder, pace="instant") as box:
        box.rate_limits = None
        client = sign_in(box)
        listed = client.stream(host_name="archive", collections=box.hosts["archive"])
        assert len(listed) == len(published)
        for field in ("geometry", "properties"):
            assert sorted(json.dumps(one.get(field), sort_keys=True) for one in listed) == sorted(
                json.dumps(one.get(field), sort_keys=True) for one in published
            )
        found = client.call(
            "orders.archive.estimate", {"captures": [{"id": one.get("id"), "geometry": one.get("geometry")} for one in listed]}
        ).json()
    priced = [name for group in found["groups"] for name in group["captures"]]
    assert len(priced) + len(found["errors"]) == len(listed)
    assert all(error["detail"] for error in found["errors"])
    assert priced


def test_load_all_formats_give_the_same_catalog(tmp_path: Path, small_items: str, sign_in: Callable[..., ServiceClient]):
    """NDJSON, an ItemCollection, a list, single items in a folder, and GeoParquet give the same catalog."""
    import geopandas as gpd  # noqa: PLC0415  # only this test needs it

    with open(small_items, encoding="utf-8") as lines:  # noqa: PTH123  # a fixture's path is text
        items = [json.loads(line) for line in lines]
    (tmp_path / "collection.json").write_text(json.dumps({"type": "FeatureCollection", "features": items}))
    (tmp_path / "list.json").write_text(json.dumps(items))
    (tmp_path / "bom.jsonl").write_bytes(b"\xef\xbb\xbf" + "\r\n\r\n".join(map(json.dumps, items)).encode())
    folder = tmp_path / "folder" / "deep"
    folder.mkdir(parents=True)
    (folder / "notes.txt").write_text("not an item")
    for item in items:
        (folder / f"{item['id']}.json").write_text(json.dumps(item))
    flat = [{**item["properties"], "id": item["id"], "collection": item["collection"]} for item in items]
    shapes = gpd.GeoDataFrame.from_features(items, crs=4326).geometry
    gpd.GeoDataFrame(flat, geometry=shapes, crs=4326).to_parquet(tmp_path / "items.parquet")

    def names(path: object) -> list[str]:
        with Sandbox(items=str(path), pace="instant") as box:
            return [one["id"] for one in sign_in(box).stream(host_name="archive", collections=box.hosts["archive"])]

    expected = names(small_items)
    assert len(expected) == 6
    for form in ("collection.json", "list.json", "bom.jsonl", "folder", "items.parquet"):
        assert names(tmp_path / form) == expected, form


def test_load_stac_geoparquet_equals_json(tmp_path: Path, shared_data: Path, sign_in: Callable[..., ServiceClient]):
    """Real items written as STAC GeoParquet have the same assets and properties as from JSON."""
    import pyarrow.parquet as pq  # noqa: PLC0415  # only this test needs it
    from stac_geoparquet.arrow import parse_stac_items_to_arrow  # noqa: PLC0415  # likewise

    folder = tmp_path / "items"
    folder.mkdir()
    kinds: dict[str, list[Any]] = {}
    for path in sorted((shared_data / "stac-geoparquet").glob("*.json")):
        found = json.loads(path.read_text(encoding="utf-8"))
        for one in found if isinstance(found, list) else [found]:
            if one.get("geometry"):
                kinds.setdefault(one["collection"], []).append(one)
    items = max(kinds.values(), key=len)
    (folder / "items.json").write_text(json.dumps(items))
    pq.write_table(parse_stac_items_to_arrow(items).read_all(), tmp_path / "items.parquet")

    def listed(path: Path) -> dict[str, Any]:
        with Sandbox(items=path, pace="instant") as box:
            return {one["id"]: one for one in sign_in(box).stream(host_name="archive", collections=box.hosts["archive"])}

    as_json, as_table = listed(folder), listed(tmp_path / "items.parquet")
    assert as_table.keys() == as_json.keys()
    for name, item in as_json.items():
        assert as_table[name]["assets"] == item["assets"]
        assert as_table[name]["geometry"] == item["geometry"]
        same = {key for key, value in item["properties"].items() if isinstance(value, int | float | list)}
        assert {key: as_table[name]["properties"][key] for key in same} == {key: item["properties"][key] for key in same}


@pytest.mark.parametrize("suffix", [".parquet", ".geojson", ".cart.parquet"])
def test_load_saved_search_and_cart_round_trips(tmp_path: Path, suffix: str):
    """Captures that scenecart saved load with their ids, collections, properties and assets."""
    path = tmp_path / f"found{suffix}"
    with Sandbox(captures=1_000, pace="instant") as box, box.client(home=tmp_path / "home") as client:
        found = client.search("aurora", collections="aurora-50cm", limit=5)
        if suffix == ".cart.parquet":
            client.cart(found).save(path)
        elif suffix == ".parquet":
            found.to_parquet(path)
        else:
            path.write_text(found.to_json(default=str, drop_id=True), encoding="utf-8")
    with Sandbox(items=path, pace="instant") as box, box.client(home=tmp_path / "home") as client:
        assert box.hosts == {"archive": ["aurora-50cm"]}
        listed = client.search("archive", collections="aurora-50cm")
    listed, found = (frame.sort_values("id", ignore_index=True) for frame in (listed, found))
    assert listed["geometry"].tolist() == found["geometry"].tolist()
    for name in set(found.columns) - {"host", "geometry"}:
        assert listed[name].tolist() == found[name].tolist(), name
    assert set(listed.columns) == set(found.columns)


@pytest.mark.parametrize("suffix", [".parquet", ".geojson", ".ndjson", ".json"])
def test_load_exported_search_of_mixed_kinds(tmp_path: Path, suffix: str, sign_in: Callable[..., ServiceClient]):
    """A file that scenecart exported, or wrote while searching, loads as the items that were searched."""
    import scenecart  # noqa: PLC0415  # only this test and the one above need it

    def listed(path: Path) -> dict[str, Any]:
        with Sandbox(items=path, pace="instant") as box:
            found = sign_in(box).stream(host_name="archive", collections=box.hosts["archive"])
        return {one["id"]: {name: value for name, value in one.items() if name != "bbox"} for one in found}

    ring = [[1, 0], [2, 0], [2, 1], [1, 0]]
    head = {"type": "Feature", "stac_version": "1.0.0", "stac_extensions": [], "collection": "c", "links": []}
    head |= {"geometry": {"type": "Polygon", "coordinates": [ring]}, "assets": {"a": {"href": "x"}}}
    mixed = [{"x": ["a"], "y": {}, "id": "other"}, {"x": "5", "y": {"z": {}}, "created": "soon"}, {"x": 5}]
    times = {"datetime": "2024-03-05T10:00:00Z"}
    items = [{**head, "id": str(number), "properties": {**times, **properties}} for number, properties in enumerate(mixed)]
    (tmp_path / "items.json").write_text(json.dumps(items))
    with Sandbox(items=tmp_path / "items.json", pace="instant") as box, box.client(home=tmp_path / "home") as client:
        path = scenecart.export(client.search("archive", collections="c"), tmp_path / f"found{suffix}")
        files = client.search_to_parquet(tmp_path / "found", "archive", collections="c")
    original = listed(tmp_path / "items.json")
    assert len(original) == 3
    assert len(files) == 1
    for found in (listed(path), listed(tmp_path / "found")):
        # the file of lines names the host of each item beside it
        for one in found.values():
            assert one["properties"].pop("scenecart:host", "archive") == "archive"
        assert list(differences(original, found)) == []


def test_load_lone_surrogate_becomes_question_mark(tmp_path: Path, sign_in: Callable[..., ServiceClient]):
    """A lone surrogate in an id or a collection becomes a question mark."""
    shape = {"type": "Point", "coordinates": [0, 0]}
    item = {"type": "Feature", "id": "\ud800", "collection": "\udfff", "geometry": shape, "properties": {"datetime": None}}
    (tmp_path / "surrogate.json").write_text(json.dumps(item))
    with Sandbox(items=tmp_path / "surrogate.json", pace="instant") as box:
        assert sign_in(box).stream(host_name="archive", collections=box.hosts["archive"]) == [
            {**item, "id": "?", "collection": "?"}
        ]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("deep.json", "[" * 100_000),
        ("table.parquet", None),
        ("NOISE.PARQUET", "PAR1 and nothing more"),
        ("notes.csv", "id,geometry"),
        ("number.json", '{"type": "Feature", "id": "a", "properties": {"gsd": NaN}}'),
    ],
)
def test_load_unreadable_file_is_refused_in_one_line(tmp_path: Path, name: str, content: str | None):
    """A file that cannot be read as items is an error of one line that names it."""
    import pyarrow as pa  # noqa: PLC0415  # only this test needs it
    import pyarrow.parquet as pq  # noqa: PLC0415  # likewise

    path = tmp_path / name
    if content is None:
        half = {"assets": [{"a": 1}], "stac_version": ["1.0.0"], "geometry": [b"none"], "bbox": [{"one": 1.0}]}
        pq.write_table(pa.table(half), path)
    else:
        path.write_text(content, encoding="utf-8")
    with pytest.raises(SandboxError) as caught:
        Sandbox(items=path).start()
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_load_invalid_parquet_is_refused(tmp_path: Path):
    """A file that only looks like GeoParquet is an error that names it."""
    (tmp_path / "items.parquet").write_bytes(b"PAR1 and nothing more")
    with pytest.raises(SandboxError, match=r"items\.parquet"):
        Sandbox(items=tmp_path / "items.parquet").start()


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"type": "FeatureCollection", "features": []}'])
def test_load_file_without_items_is_refused(tmp_path: Path, content: str):
    """A file without items is an error that names it."""
    path = tmp_path / "empty.json"
    path.write_text(content)
    with pytest.raises(SandboxError, match=r"empty\.json"):
        Sandbox(items=path).start()


def test_load_invalid_line_is_refused_with_its_number(tmp_path: Path, small_items: str):
    """An invalid line is an error with its number, so that no capture is lost unnoticed."""
    path = tmp_path / "broken.ndjson"
    with open(small_items, encoding="utf-8") as lines:  # noqa: PTH123  # a fixture's path is text
        path.write_text(lines.read() + '\n{"type": "Feature", "id')
    with pytest.raises(SandboxError, match="line 7"):
        Sandbox(items=path).start()
