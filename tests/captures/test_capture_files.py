"""Tests of files of captures: what is written is read back, and what is not a captures file is refused."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import pandas as pd
import pyarrow.fs  # noqa: F401  # stac-geoparquet takes it for granted, and old versions of pyarrow do not load it
import pytest
import shapely
import stac_geoparquet.arrow

import scenecart
from _expect import raises
from _stac_diff import differences
from scenecart import InvalidQuery, InvalidRequest
from scenecart._captures.capture_files import checked_captures

if TYPE_CHECKING:
    from pathlib import Path

SUFFIXES = [".parquet", ".geojson", ".json", ".ndjson", ".gpkg"]
CRITERIA: dict[str, Any] = {"collections": "aurora-50cm", "bbox": (150, -35, 153, -32), "datetime": "2024-01/2024-02"}


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_read_captures_of_a_search_are_the_same_items_and_cart(client: scenecart.Client, tmp_path: Path, suffix: str):
    """A search that was exported and read back has the same items, the same times and the same cart."""
    found = client.search("aurora", **CRITERIA)
    read = scenecart.read_captures(scenecart.export(found, tmp_path / f"found{suffix}"))
    assert read.crs == "EPSG:4326"
    assert read["id"].tolist() == found["id"].tolist()
    assert read["datetime"].tolist() == found["datetime"].dt.floor("ms").tolist()
    items = zip(scenecart.to_items(found), scenecart.to_items(read), strict=True)
    assert [difference for was, now in items for difference in differences(was, now)] == []
    assert read["host"].tolist() == found["host"].tolist()
    assert client.cart(read.head(3)).fingerprint == client.cart(found.head(3)).fingerprint


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize(
    "ids",
    [
        ["2024-03-05", "2024-03-06"],
        ["2024/03/05", "2024/03/06"],
        ["2024-03-05T10:00:00", "2024-03-06T10:00:00Z"],
        ["12:30:15", "12:30:16"],
        ["20240305", "20240306"],
        ["true", "1e5"],
    ],
)
def test_read_captures_ids_like_dates_stay_text(tmp_path: Path, ids: list[str], suffix: str):
    """Ids and properties that look like dates, times or numbers are text in every format, as they were."""
    frame = gpd.GeoDataFrame({"id": ids, "code": ids}, geometry=[shapely.box(0, 0, 1, 1)] * 2, crs=4326)
    read = scenecart.read_captures(scenecart.export(frame, tmp_path / f"found{suffix}"))
    assert read["id"].tolist() == read["code"].tolist() == ids


def test_read_captures_of_other_tools(client: scenecart.Client, tmp_path: Path):
    """STAC GeoParquet of other tools, item collections, lists of items and files of GDAL are captures."""
    found = client.search("aurora", limit=3, **CRITERIA)
    items = list(scenecart.to_items(found))
    stac_geoparquet.arrow.to_parquet(stac_geoparquet.arrow.parse_stac_items_to_arrow(items), tmp_path / "a.parquet")
    (tmp_path / "b.json").write_text(json.dumps({"type": "FeatureCollection", "features": items}))
    (tmp_path / "c.json").write_text(json.dumps(items))
    (tmp_path / "d.ndjson").write_text("\r\n".join(map(json.dumps, items)))
    found[["id", "geometry"]].to_file(tmp_path / "e.fgb")
    for path in sorted(tmp_path.glob("?.*")):
        read = scenecart.read_captures(path)
        assert sorted(read["id"]) == sorted(found["id"]), path.name
        again = {item["id"]: item for item in scenecart.to_items(read)}
        assert path.suffix == ".fgb" or not [difference for item in items for difference in differences(item, again[item["id"]])]


def test_read_captures_unusable_file_is_refused(tmp_path: Path):
    """A missing, damaged or other file is refused with a reason."""
    with raises(InvalidRequest, "file_missing"):
        scenecart.read_captures(tmp_path / "nowhere.parquet")
    for name, content in {
        "a.parquet": b"\0",
        "a.geojson": b"{",
        "b.geojson": b'{"features": [5]}',
        "c.json": b"5",
        "a.ndjson": b"{}\n",
        "a.gpkg": b"\0",
        "a.csv": b"id,gsd\na,0.5\n",
    }.items():
        (tmp_path / name).write_bytes(content)
        with raises(InvalidRequest, "captures_unreadable"):
            scenecart.read_captures(tmp_path / name)
    gpd.GeoDataFrame(geometry=[shapely.box(0, 0, 1, 1)], crs=4326).to_file(tmp_path / "harbour.geojson")
    with raises(InvalidRequest, "not_a_captures_file"):
        scenecart.read_captures(tmp_path / "harbour.geojson")


def test_checked_captures_are_in_degrees_with_names_of_text():
    """Another CRS is converted, another geometry column renamed, and names are text; a name that exists twice is refused."""
    frame = gpd.GeoDataFrame({"id": ["a"], 5: [1]}, geometry=[shapely.box(0, 0, 1, 1)], crs=4326).rename_geometry("shape")
    checked = checked_captures(frame.to_crs(3857))
    assert checked.columns.tolist() == ["id", "5", "geometry"]
    assert checked.crs == "EPSG:4326"
    assert frame.columns.tolist() == ["id", 5, "shape"]
    with raises(InvalidRequest, "column_repeated"):
        checked_captures(frame.assign(**{"5": 2}))
    with raises(InvalidRequest, "column_repeated"):
        checked_captures(frame.assign(geometry="text"))
    for value in (None, 5, pd.DataFrame({"id": ["a"]}), frame.drop(columns="shape")):
        with raises(InvalidQuery, "captures_invalid"):
            checked_captures(value)
