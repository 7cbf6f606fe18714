"""Tests of STAC items and STAC GeoParquet files."""

from __future__ import annotations

import datetime as dt
import json
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dask_geopandas
import duckdb
import geopandas as gpd
import pandas as pd
import pyarrow.dataset as ds
import pyarrow.fs  # noqa: F401  # stac-geoparquet takes it for granted, and old versions of pyarrow do not load it
import pyarrow.parquet as pq
import pytest
import rustac
import shapely
import stac_geoparquet.arrow
from shapely.geometry import shape

import scenecart
from _expect import raises
from _footprints import ODD
from _scripted_service import page
from _stac_diff import differences
from _thorough import first_of
from scenecart import InvalidQuery, ScenecartError
from scenecart._captures import decode
from scenecart._captures.frame import to_frame
from scenecart._captures.parquet import Writer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from scenecart.sandbox import Sandbox

FOLDERS = sorted(path.name for path in (Path(__file__).resolve().parents[3] / "shared" / "data").glob("*/"))
CRITERIA: dict[str, Any] = {"collections": "aurora-50cm", "bbox": (150, -35, 153, -32), "datetime": "2024-01/2024-03"}


def test_search_to_parquet_writes_all_captures_by_month(client: scenecart.Client, tmp_path: Path):
    """The folder contains exactly the result of a search, by month, readable by geopandas, pyarrow and stac-geoparquet."""
    events: list[scenecart.SearchEvent] = []
    files = client.search_to_parquet(tmp_path / "found", "aurora", progress=events.append, **CRITERIA)
    found = client.search("aurora", **CRITERIA)
    assert [path.parent.name for path in files] == ["month=2024-01", "month=2024-02", "month=2024-03"]
    assert events[-1].captures == len(found)
    frames = [gpd.read_parquet(path) for path in files]
    assert sum(map(len, frames)) == len(found)
    for path, frame in zip(files, frames, strict=True):
        month = path.parent.name.removeprefix("month=")
        expected = found[found["datetime"].dt.strftime("%Y-%m") == month]
        assert set(frame["id"]) == set(expected["id"])
        assert frame.crs == "EPSG:4326"
    table = ds.dataset(tmp_path / "found", partitioning="hive", format="parquet").to_table()
    assert set(table.column("host").to_pylist()) == {"aurora"}
    items = [item for path in files for item in stac_geoparquet.arrow.stac_table_to_items(pq.read_table(path))]
    by_id = {item["id"]: item for item in items}
    for wanted in scenecart.to_items(found):
        got = by_id[wanted["id"]]
        assert got["assets"].keys() == wanted["assets"].keys()
        assert got["properties"]["gsd"] == wanted["properties"]["gsd"]
        assert shape(got["geometry"]).equals(shape(wanted["geometry"]))
    assert not list((tmp_path / "found").glob(".arriving*"))


def test_search_to_parquet_files_have_bounding_boxes(client: scenecart.Client, tmp_path: Path):
    """Each file is GeoParquet 1.1 with a bbox column, so readers skip rows elsewhere."""
    (path, *_) = client.search_to_parquet(tmp_path / "found", "aurora", partition="year", **CRITERIA)
    geo = json.loads(pq.read_schema(path).metadata[b"geo"])
    assert geo["version"].startswith("1.1")
    assert geo["columns"]["geometry"]["covering"]["bbox"]
    near = gpd.read_parquet(path, bbox=(151.1, -34.1, 151.3, -33.9))
    everything = gpd.read_parquet(path)
    assert 0 < len(near) < len(everything)


def test_search_to_parquet_failed_search_keeps_captures(client: scenecart.Client, box: Sandbox, tmp_path: Path):
    """A failed search raises its error, and the folder contains what had arrived."""
    box.faults.add("cut", times=9, operation="catalog.search_stream")
    with pytest.raises(ScenecartError):
        client.search_to_parquet(tmp_path / "found", "aurora", collections="aurora-50cm", bbox=(100, -60, 180, 60))
    kept = sum(len(gpd.read_parquet(path)) for path in (tmp_path / "found").rglob("*.parquet"))
    assert kept > 0
    assert not list((tmp_path / "found").glob(".arriving*"))


def test_search_to_parquet_non_empty_folder_is_refused(client: scenecart.Client, tmp_path: Path):
    """A folder with files is left alone, and an unknown partition is refused, before anything is sent."""
    (tmp_path / "notes.txt").write_text("mine")
    with raises(InvalidQuery, "directory_not_empty"):
        client.search_to_parquet(tmp_path, "aurora", **CRITERIA)
    with raises(InvalidQuery, "not_a_choice"):
        client.search_to_parquet(tmp_path / "new", "aurora", partition="week", **CRITERIA)
    assert [path.name for path in tmp_path.iterdir() if path.name != "home"] == ["notes.txt"]


def documents_in(folder: Path) -> dict[str, dict[str, Any]]:
    """Return the real captures in a folder by id."""
    found: dict[str, dict[str, Any]] = {}
    for path in sorted(folder.rglob("*json")):
        for document in json.loads(_as_page(path))["features"]:
            if isinstance(document.get("id"), str):
                found[document["id"]] = document
    return found


def frame_of(documents: Iterable[dict[str, Any]]) -> gpd.GeoDataFrame:
    """Return a frame of captures."""
    features, _, _ = decode.read_page(json.dumps(page(*documents)).encode(), "a file")
    return to_frame(features, host="archive")


# differences of captures that are not STAC items: assets in a list, and no version or bbox
NOT_ITEMS = ("/assets", "/stac_version", "/bbox")
# foreign members: a table has one column for each name, and items read from it have them as properties
FOREIGN = (
    "/description",
    "/title",
    "/_",
    "/properties/description",
    "/properties/title",
    "/properties/_",
    "/properties/collection",
    "/properties/properties:collection",
)


@pytest.mark.parametrize("folder", FOLDERS or ["none"])
def test_to_items_of_real_captures_equals_the_originals(shared_data: Path, folder: str):
    """Items of a frame equal the captures it was built from, to the last member."""
    originals = documents_in(shared_data / folder)
    ignored = NOT_ITEMS if folder.startswith("planet") else ()
    for item in scenecart.to_items(frame_of(originals.values())):
        found = differences(originals[item["id"]], item)
        assert [difference for difference in found if not difference[0].startswith(ignored)] == []


@pytest.mark.parametrize("folder", first_of(FOLDERS, 4) or ["none"])
def test_writer_files_of_real_captures_equal_the_originals(shared_data: Path, tmp_path: Path, folder: str):
    """Readers of STAC GeoParquet get the captures it was written from; mixed types of a column come as text."""
    originals = documents_in(shared_data / folder)
    writer = Writer(tmp_path / "found", "archive", "year")
    writer.add(frame_of(originals.values()))
    files = writer.finish()
    for document in originals.values():
        if (document.get("geometry") or {}).get("type") == "MultiPolygon":
            # empty parts are not written
            document["geometry"]["coordinates"] = [part for part in document["geometry"]["coordinates"] if part]
    ignored = (*FOREIGN, "/properties/foreign_members:", *(NOT_ITEMS if folder.startswith("planet") else ()))
    for item in (item for path in files for item in read_by_stac_geoparquet(path)):
        for where, was, now in differences(originals[item["id"]], item):
            assert where.startswith(ignored) or now in [json.dumps(was), str(was)], where
    read = {item["id"]: item for path in files for item in read_by_rustac(path)}
    assert sorted(read) == sorted(originals)
    for name, item in read.items():
        if originals[name].get("geometry") and item["geometry"]:
            assert shape(item["geometry"]).equals(shapely.force_2d(shape(originals[name]["geometry"])))


def read_by_stac_geoparquet(path: Path) -> list[dict[str, Any]]:
    """Return the items of a file, read by stac-geoparquet."""
    if path.suffix == ".ndjson":
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    # some versions of pyarrow add columns from the folder names
    return list(stac_geoparquet.arrow.stac_table_to_items(pq.read_table(path, partitioning=None)))


def read_by_rustac(path: Path) -> list[dict[str, Any]]:
    """Return the items of a file, read by rustac."""
    found: list[dict[str, Any]] = rustac.read_sync(str(path))["features"]
    return found


def test_search_to_parquet_duckdb_and_dask_read_the_folder(client: scenecart.Client, tmp_path: Path):
    """DuckDB and dask-geopandas read the folder: all rows, the months from the folder names, and the bounds."""
    client.search_to_parquet(tmp_path / "found", "aurora", **CRITERIA)
    found = client.search("aurora", **CRITERIA)
    table = duckdb.read_parquet(f"{tmp_path}/found/**/*.parquet", hive_partitioning=True)
    rows = table.aggregate("month, count(*), min(bbox.xmin)").order("month").fetchall()
    months = found["datetime"].dt.strftime("%Y-%m")
    assert [(month, count) for month, count, _ in rows] == list(months.value_counts().sort_index().items())
    assert min(west for _, _, west in rows) == pytest.approx(found.total_bounds[0])
    lazy = dask_geopandas.read_parquet(str(tmp_path / "found" / "host=aurora"))
    assert lazy.npartitions == 3
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # raised by dask itself
        assert set(lazy.compute(scheduler="synchronous")["id"]) == set(found["id"])
    assert lazy.crs == found.crs


def _as_page(path: Path) -> bytes:
    content = path.read_bytes()
    if path.suffix in {".ndjson", ".jsonl"}:
        return b'{"type":"FeatureCollection","features":[' + b",".join(filter(None, content.split(b"\n"))) + b"]}"
    document = json.loads(content)
    features = document if isinstance(document, list) else document.get("features", [document])
    return json.dumps({"type": "FeatureCollection", "features": [one for one in features if one.get("type") == "Feature"]}).encode()


@pytest.mark.parametrize("odd", ODD)
def test_odd_footprint_spoils_no_export(tmp_path: Path, odd: str):
    """One footprint without a place on the globe is written as far as JSON can, and the others are written."""
    good = [shapely.box(x, 0, x + 1, 1) for x in range(3)]
    times = pd.to_datetime(["2024-03-05"] * 4, utc=True)
    captures = gpd.GeoDataFrame({"id": list("abco"), "datetime": times}, geometry=[*good, ODD[odd]], crs=4326)
    items = json.loads(json.dumps(list(scenecart.to_items(captures)), allow_nan=False))
    assert [item["id"] for item in items] == list("abco")
    assert items[0]["bbox"] == [0, 0, 1, 1]
    assert "[[]]" not in json.dumps(items)
    writer = Writer(tmp_path / "found", "archive", "year")
    writer.add(captures)
    found: list[str] = []
    for path in writer.finish():
        is_table = path.suffix == ".parquet"
        lines = [] if is_table else path.read_text().splitlines()
        found += gpd.read_parquet(path)["id"].tolist() if is_table else [json.loads(line)["id"] for line in lines]
    assert sorted(found) == list("abco")


def test_to_items_mixed_heights_are_those_of_the_catalog():
    """A corner without a height has two numbers, and the others have three."""
    captures = gpd.GeoDataFrame({"id": ["a"]}, geometry=[ODD["mixed heights"]], crs=4326)
    (item,) = scenecart.to_items(captures)
    assert [list(point) for point in item["geometry"]["coordinates"][0]] == [[0, 0, 5], [1, 0], [1, 1, 5], [0, 0, 5]]


def test_to_items_days_are_written_as_times():
    """A column of dates, as spreadsheets have them, becomes RFC 3339 times; a missing one stays null."""
    days = pd.Series([dt.date(2024, 1, 10), None], dtype=object)
    captures = gpd.GeoDataFrame({"id": ["a", "b"], "datetime": days}, geometry=[shapely.box(0, 0, 1, 1)] * 2, crs=4326)
    assert [item["properties"]["datetime"] for item in scenecart.to_items(captures)] == ["2024-01-10T00:00:00Z", None]


def test_to_items_numbers_that_json_lacks_are_null():
    """NaN and infinity inside lists and objects never reach JSON."""
    values = [{"a": float("nan"), "b": [1.5, float("inf")]}]
    captures = gpd.GeoDataFrame({"id": ["a"], "proj:transform": values}, geometry=[shapely.box(0, 0, 1, 1)], crs=4326)
    (item,) = scenecart.to_items(captures)
    assert item["properties"]["proj:transform"] == {"b": [1.5, None]}
