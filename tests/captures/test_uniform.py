"""Tests of items that are made to fit a table, and read back as they were."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import pyarrow.fs  # noqa: F401  # stac-geoparquet takes it for granted, and old versions of pyarrow do not load it
import pyarrow.parquet as pq
import pytest
import rustac
import shapely
import stac_geoparquet.arrow

import scenecart
from _stac_diff import differences
from scenecart._captures.capture_files import read_captures
from scenecart._captures.decode import read_page
from scenecart._captures.frame import to_frame
from scenecart._captures.parquet import Writer

if TYPE_CHECKING:
    from pathlib import Path


def item(name: Any, number: int, properties: dict[str, Any], **members: Any) -> dict[str, Any]:
    """Return a STAC item of one square degree."""
    shape = shapely.geometry.mapping(shapely.box(number, 0, number + 1, 1))
    geometry = {**shape, "coordinates": json.loads(json.dumps(shape["coordinates"]))}
    head = {"type": "Feature", "stac_version": "1.0.0", "stac_extensions": [], "id": name, "collection": "c"}
    assets = {"visual": {"href": "https://example.com/a.tif"}}
    properties = {"datetime": "2024-03-05T10:00:00Z", **properties}
    bbox = [float(number), 0.0, number + 1.0, 1.0]
    return {**head, "geometry": geometry, "bbox": bbox, "properties": properties, "assets": assets, "links": [], **members}


DEEP: Any = "end"
for _ in range(40):
    DEEP = {"in": [DEEP]}

MIXED: dict[str, list[dict[str, Any]]] = {
    "a list, a text": [{"x": ["msi"]}, {"x": "msi"}],
    "a number, a text": [{"x": 1}, {"x": "2"}],
    "a number, true": [{"x": 1}, {"x": True}],
    "an object, a text": [{"x": {"a": "1"}}, {"x": "a 1"}],
    "text that is JSON": [{"x": "[1]"}, {"x": [1]}],
    "text that is a number, beside a number": [{"x": "5"}, {"x": 5}],
    "empty objects": [{"x": {}}, {"x": {}}],
    "an empty object within one": [{"x": {"y": {}}}, {"x": {"y": {}}}],
    "lists of numbers and of texts": [{"x": [1, 2]}, {"x": ["B1"]}],
    "objects of different members": [{"x": {"a": 1}}, {"x": {"b": 2}}],
    "deep nesting": [{"x": DEEP}, {"x": 1}],
    "deep nesting alone": [{"x": DEEP}, {}],
    "unreadable dates": [{"datetime": "2024-02-30"}, {"datetime": "<b>", "created": 5, "unpublished": "soon"}],
    "a range and no datetime": [
        {"datetime": None, "start_datetime": "2024-01-01T00:00:00Z", "end_datetime": "9999-12-31T00:00:00Z"},
        {},
    ],
    "names of members": [{"id": "other", "type": "x", "bbox": 5, "links": "y", "collection": 7}, {"geometry": "z"}],
    "large integers": [{"x": 2**63}, {"x": 1}],
    "letters outside Unicode": [{"x": "a\ud800b"}, {"x": "c"}],
    "formulas and control characters": [{"x": "=1+1;\x00\u202e"}, {"x": "'"}],
}


def originals(name: str) -> list[dict[str, Any]]:
    """Return two items with these properties."""
    return [item(chr(97 + number), number, properties) for number, properties in enumerate(MIXED[name])]


def frame_of(items: list[dict[str, Any]]) -> gpd.GeoDataFrame:
    """Return the items as a search returns them."""
    features, _, _ = read_page(json.dumps({"type": "FeatureCollection", "features": items}).encode(), "a file")
    return to_frame(features, host="archive")


def all_differences(items: list[dict[str, Any]], frame: gpd.GeoDataFrame) -> list[Any]:
    """Return the differences of items from those of a frame."""
    found = {one["id"]: one for one in scenecart.to_items(frame)}
    assert sorted(map(str, found)) == sorted(str(one["id"]) for one in items)
    return [difference for one in items for difference in differences(one, found[one["id"]])]


@pytest.mark.parametrize("name", MIXED)
def test_writer_mixed_values_are_read_back(tmp_path: Path, name: str):
    """Files of any mix of values are read by geopandas, stac-geoparquet and rustac, and give exactly the items back."""
    items = originals(name)
    writer = Writer(tmp_path / "found", "archive", "year")
    writer.add(frame_of(items))
    frames = []
    for path in writer.finish():
        assert path.suffix == ".parquet"
        assert len(gpd.read_parquet(path))
        frames.append(read_captures(path))
        assert list(stac_geoparquet.arrow.stac_table_to_items(pq.read_table(path, partitioning=None)))
        assert rustac.read_sync(str(path))["features"]
    found = {one["id"]: one for frame in frames for one in scenecart.to_items(frame)}
    assert [difference for one in items for difference in differences(one, found[one["id"]])] == []


@pytest.mark.parametrize("suffix", [".parquet", ".geojson", ".ndjson", ".gpkg"])
@pytest.mark.parametrize("name", MIXED)
def test_export_mixed_values_are_read_back(tmp_path: Path, name: str, suffix: str):
    """An exported file of any mix of values gives exactly the items back, also in a file of a name without letters."""
    items = originals(name)
    path = scenecart.export(frame_of(items), tmp_path / f"1{suffix}")
    assert all_differences(items, read_captures(path)) == []


def test_writer_mixed_members_are_read_back(tmp_path: Path):
    """Assets and links of mixed types, empty assets and foreign members are read back as they were."""
    items = [
        item("a", 0, {}, assets={"x": {"href": "a", "gsd": 1}, "y": {}}, links=[{"rel": "self", "n": 1}], note=5),
        item("b", 1, {}, assets={"x": {"href": "b", "gsd": "2"}}, links=[{"rel": "self", "n": ["2"]}]),
        item("c", 2, {}, assets={}, links=[{}]),
    ]
    writer = Writer(tmp_path / "found", "archive", "year")
    writer.add(frame_of(items))
    (path,) = writer.finish()
    assert all_differences(items, read_captures(path)) == []


def test_writer_foreign_members_with_names_of_columns_are_read_back(tmp_path: Path):
    """Foreign members named like a property, a column of scenecart or a time are read back beside it."""
    items = [
        item("a", 0, {"gsd": 10, "note": 1}, gsd="ten", host="x", created="soon"),
        item("b", 1, {"gsd": 20, "note": 2}, note="other", orderable=5, foreign_members={"x": 1}),
    ]
    writer = Writer(tmp_path / "found", "archive", "year")
    writer.add(frame_of(items))
    (path,) = writer.finish()
    assert path.suffix == ".parquet"
    assert all_differences(items, read_captures(path)) == []


def test_writer_ids_of_mixed_types_are_written_as_items(tmp_path: Path):
    """Captures that no table holds, because their ids are numbers and texts, are written as items, and none is lost."""
    items = [item("a", 0, {}), item(5, 1, {})]
    writer = Writer(tmp_path / "found", "../archive", "year")
    writer.add(frame_of(items))
    (path,) = writer.finish()
    assert path.suffix == ".ndjson"
    assert path.resolve().is_relative_to(tmp_path / "found")
    assert all_differences(items, read_captures(path)) == []
