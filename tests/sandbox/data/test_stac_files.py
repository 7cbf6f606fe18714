"""Real STAC as the catalog: what public catalogs published is kept as it is."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from scenecart.sandbox import Sandbox, SandboxError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from _http_client import Wire

FOLDERS = ["antimeridian", "api-items-planetary-computer", "api-pages-pystac-client", "ext-order", "ext-projection", "ext-sar",
           "ext-view", "odc-stac", "pgstac-naip", "planet-disaster", "planet-native", "stac-api-spec", "stac-geoparquet",
           "stactools-landsat", "stactools-sentinel1", "stactools-sentinel2"]  # fmt: skip


def features(path: Path) -> list[Any]:
    """Read every feature below a folder, plainly."""
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
def test_every_real_capture_is_listed_and_answers_when_priced(shared_data: Path, folder: str, wire: Callable[..., Wire]):
    """Each real capture is listed as it was published, and is priced or refused with a reason."""
    published = features(shared_data / folder)
    with Sandbox(items=shared_data / folder, pace="instant") as box:
        box.rate_limits = None
        caller = wire(box)
        listed = caller.stream(host_name="archive", collections=box.hosts["archive"])
        assert len(listed) == len(published)
        for field in ("geometry", "properties"):
            assert sorted(json.dumps(one.get(field), sort_keys=True) for one in listed) == sorted(
                json.dumps(one.get(field), sort_keys=True) for one in published
            )
        found = caller.op(
            "orders.archive.estimate", {"captures": [{"id": one.get("id"), "geometry": one.get("geometry")} for one in listed]}
        ).json()
    priced = [name for group in found["groups"] for name in group["captures"]]
    assert len(priced) + len(found["errors"]) == len(listed)
    assert all(error["detail"] for error in found["errors"])
    assert priced


def test_items_come_in_every_form(tmp_path: Path, small_items: str, wire: Callable[..., Wire]):
    """NDJSON, an ItemCollection, a list, single items in a folder, and GeoParquet give the same catalog."""
    import geopandas as gpd  # noqa: PLC0415  # used here alone

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
            return [one["id"] for one in wire(box).stream(host_name="archive", collections=box.hosts["archive"])]

    expected = names(small_items)
    assert len(expected) == 6
    for form in ("collection.json", "list.json", "bom.jsonl", "folder", "items.parquet"):
        assert names(tmp_path / form) == expected, form


def test_stac_geoparquet_gives_items_back_as_they_were(tmp_path: Path, shared_data: Path, wire: Callable[..., Wire]):
    """Real items written as STAC GeoParquet are listed with the same assets and properties as from JSON."""
    import pyarrow.parquet as pq  # noqa: PLC0415  # used here alone
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
            return {one["id"]: one for one in wire(box).stream(host_name="archive", collections=box.hosts["archive"])}

    as_json, as_table = listed(folder), listed(tmp_path / "items.parquet")
    assert as_table.keys() == as_json.keys()
    for name, item in as_json.items():
        assert as_table[name]["assets"] == item["assets"]
        assert as_table[name]["geometry"] == item["geometry"]
        same = {key for key, value in item["properties"].items() if isinstance(value, int | float | list)}
        assert {key: as_table[name]["properties"][key] for key in same} == {key: item["properties"][key] for key in same}


@pytest.mark.parametrize("suffix", [".parquet", ".geojson", ".cart.parquet"])
def test_what_a_search_or_a_cart_was_written_to_is_read_back(tmp_path: Path, suffix: str):
    """Captures that scenecart wrote are a catalog again, with their ids, collections, properties and assets."""
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


def test_an_item_whose_name_is_no_unicode_is_listed(tmp_path: Path, wire: Callable[..., Wire]):
    """A lone surrogate in an id or a collection stops no item; a question mark stands in its place."""
    shape = {"type": "Point", "coordinates": [0, 0]}
    item = {"type": "Feature", "id": "\ud800", "collection": "\udfff", "geometry": shape, "properties": {"datetime": None}}
    (tmp_path / "odd.json").write_text(json.dumps(item))
    with Sandbox(items=tmp_path / "odd.json", pace="instant") as box:
        assert wire(box).stream(host_name="archive", collections=box.hosts["archive"]) == [{**item, "id": "?", "collection": "?"}]


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
def test_items_that_cannot_be_read_are_told_in_a_line(tmp_path: Path, name: str, content: str | None):
    """Whatever is given in the place of items, the sandbox says in one line that it cannot be read, or what it takes."""
    import pyarrow as pa  # noqa: PLC0415  # used here alone
    import pyarrow.parquet as pq  # noqa: PLC0415  # likewise

    path = tmp_path / name
    if content is None:
        half = {"assets": [{"a": 1}], "stac_version": ["1.0.0"], "geometry": [b"none"], "bbox": [{"one": 1.0}]}
        pq.write_table(pa.table(half), path)
    else:
        path.write_text(content, encoding="utf-8")
    with pytest.raises(SandboxError) as told:
        Sandbox(items=path).start()
    assert str(path) in str(told.value)
    assert "\n" not in str(told.value)


def test_a_table_that_is_none_is_refused(tmp_path: Path):
    """A file that only looks like GeoParquet is an error that names it."""
    (tmp_path / "items.parquet").write_bytes(b"PAR1 and nothing more")
    with pytest.raises(SandboxError, match="GeoParquet"):
        Sandbox(items=tmp_path / "items.parquet").start()


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"type": "FeatureCollection", "features": []}'])
def test_a_file_without_items_is_refused(tmp_path: Path, content: str):
    """A file that holds no items is an error that says what is taken."""
    path = tmp_path / "empty.json"
    path.write_text(content)
    with pytest.raises(SandboxError, match="no STAC items"):
        Sandbox(items=path).start()


def test_a_broken_line_is_not_passed_over(tmp_path: Path, small_items: str):
    """A line that is no JSON stops the start and says which line it is: captures are never lost silently."""
    path = tmp_path / "broken.ndjson"
    with open(small_items, encoding="utf-8") as lines:  # noqa: PTH123  # a fixture's path is text
        path.write_text(lines.read() + '\n{"type": "Feature", "id')
    with pytest.raises(SandboxError, match="line 7"):
        Sandbox(items=path).start()
