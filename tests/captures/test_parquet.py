"""Results larger than memory."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dask_geopandas
import duckdb
import geopandas as gpd
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
import rustac
import shapely
import stac_geoparquet.arrow
from shapely.geometry import shape

import scenecart
from _scripted_service import page
from _stac_diff import differences
from scenecart import InvalidQuery, ScenecartError
from scenecart._captures import decode
from scenecart._captures.frame import to_frame
from scenecart._captures.parquet import Writer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from scenecart.sandbox import Sandbox

FOLDERS = sorted(path.name for path in (Path(__file__).resolve().parents[3] / "shared" / "data").glob("*/"))
ASKED: dict[str, Any] = {"collections": "aurora-50cm", "bbox": (150, -35, 153, -32), "datetime": "2024-01/2024-03"}


def test_everything_found_stands_in_partitions(client: scenecart.Client, tmp_path: Path):
    """The folder holds exactly what a search gives, by month, and geopandas, pyarrow and stac-geoparquet read it."""
    told: list[scenecart.SearchEvent] = []
    files = client.search_to_parquet(tmp_path / "found", "aurora", progress=told.append, **ASKED)
    found = client.search("aurora", **ASKED)
    assert [path.parent.name for path in files] == ["month=2024-01", "month=2024-02", "month=2024-03"]
    assert told[-1].captures == len(found)
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


def test_the_files_are_geoparquet_1_1_with_boxes(client: scenecart.Client, tmp_path: Path):
    """Each file names its version and its column of boxes, so that readers skip what is elsewhere; near rows are near."""
    (path, *_) = client.search_to_parquet(tmp_path / "found", "aurora", partition="year", **ASKED)
    geo = json.loads(pq.read_schema(path).metadata[b"geo"])
    assert geo["version"].startswith("1.1")
    assert geo["columns"]["geometry"]["covering"]["bbox"]
    near = gpd.read_parquet(path, bbox=(151.1, -34.1, 151.3, -33.9))
    everything = gpd.read_parquet(path)
    assert 0 < len(near) < len(everything)


def test_what_had_arrived_is_kept_when_the_search_breaks(client: scenecart.Client, box: Sandbox, tmp_path: Path):
    """A search that breaks raises its error, and the folder holds what had arrived."""
    box.faults.add("cut", times=9, operation="catalog.search_stream")
    with pytest.raises(ScenecartError):
        client.search_to_parquet(tmp_path / "found", "aurora", collections="aurora-50cm", bbox=(100, -60, 180, 60))
    kept = sum(len(gpd.read_parquet(path)) for path in (tmp_path / "found").rglob("*.parquet"))
    assert kept > 0
    assert not list((tmp_path / "found").glob(".arriving*"))


def test_a_folder_that_holds_something_is_not_touched(client: scenecart.Client, tmp_path: Path):
    """Results are never mixed with what was there, and an unknown partition is refused before anything is sent."""
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(InvalidQuery, match="not an empty folder"):
        client.search_to_parquet(tmp_path, "aurora", **ASKED)
    with pytest.raises(InvalidQuery, match="partition is one of"):
        client.search_to_parquet(tmp_path / "new", "aurora", partition="week", **ASKED)
    assert [path.name for path in tmp_path.iterdir() if path.name != "home"] == ["notes.txt"]


def documents_in(folder: Path) -> dict[str, dict[str, Any]]:
    """Return the captures of a folder of real answers that have an id, by it."""
    found: dict[str, dict[str, Any]] = {}
    for path in sorted(folder.rglob("*json")):
        for document in json.loads(_as_page(path))["features"]:
            if isinstance(document.get("id"), str):
                found[document["id"]] = document
    return found


def frame_of(documents: Iterable[dict[str, Any]]) -> gpd.GeoDataFrame:
    features, _, _ = decode.read_page(json.dumps(page(*documents)).encode(), "a file")
    return to_frame(features, host="archive")


# what is no STAC item: assets in a list, and no version or box
NO_ITEMS = ("/assets", "/stac_version", "/bbox")
# members of no standard: a table has one column a name, and items that come from it have them as properties
NO_ROOM = (
    "/description",
    "/title",
    "/_",
    "/properties/description",
    "/properties/title",
    "/properties/_",
    "/properties/collection",
)


@pytest.mark.parametrize("folder", FOLDERS or ["none"])
def test_real_captures_come_back_from_a_frame_as_they_were(shared_data: Path, folder: str):
    """Items made from a frame are the captures it was made of, to the last member."""
    originals = documents_in(shared_data / folder)
    left_out = NO_ITEMS if folder.startswith("planet") else ()
    for item in scenecart.to_items(frame_of(originals.values())):
        found = differences(originals[item["id"]], item)
        assert [one for one in found if not one[0].startswith(left_out)] == []


@pytest.mark.parametrize("folder", FOLDERS or ["none"])
def test_real_captures_come_back_from_files_as_they_were(shared_data: Path, tmp_path: Path, folder: str):
    """STAC GeoParquet gives its readers the captures it was written from; values of many kinds in one column come as text."""
    originals = documents_in(shared_data / folder)
    writer = Writer(tmp_path / "found", "archive", "year")
    writer.add(frame_of(originals.values()))
    files = writer.finish()
    for document in originals.values():
        if (document.get("geometry") or {}).get("type") == "MultiPolygon":
            # a part without points is none
            document["geometry"]["coordinates"] = [part for part in document["geometry"]["coordinates"] if part]
    left_out = (*NO_ROOM, *(NO_ITEMS if folder.startswith("planet") else ()))
    for item in (item for path in files for item in read_by_stac_geoparquet(path)):
        for where, was, now in differences(originals[item["id"]], item):
            assert where.startswith(left_out) or now in [json.dumps(was), str(was)], where
    read = {item["id"]: item for path in files for item in read_by_rustac(path)}
    assert sorted(read) == sorted(originals)
    for name, item in read.items():
        if originals[name].get("geometry") and item["geometry"]:
            assert shape(item["geometry"]).equals(shapely.force_2d(shape(originals[name]["geometry"])))


def read_by_stac_geoparquet(path: Path) -> list[dict[str, Any]]:
    if path.suffix == ".ndjson":
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    # some versions of pyarrow add what the folders' names say
    return list(stac_geoparquet.arrow.stac_table_to_items(pq.read_table(path, partitioning=None)))


def read_by_rustac(path: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = rustac.read_sync(str(path))["features"]
    return found


def test_databases_and_clusters_read_the_files(client: scenecart.Client, tmp_path: Path):
    """DuckDB and dask-geopandas read the folder: as many rows, the months from the folders' names, the ground where it is."""
    client.search_to_parquet(tmp_path / "found", "aurora", **ASKED)
    found = client.search("aurora", **ASKED)
    table = duckdb.read_parquet(f"{tmp_path}/found/**/*.parquet", hive_partitioning=True)
    rows = table.aggregate("month, count(*), min(bbox.xmin)").order("month").fetchall()
    months = found["datetime"].dt.strftime("%Y-%m")
    assert [(month, count) for month, count, _ in rows] == list(months.value_counts().sort_index().items())
    assert min(west for _, _, west in rows) == pytest.approx(found.total_bounds[0])
    lazy = dask_geopandas.read_parquet(str(tmp_path / "found" / "host=aurora"))
    assert lazy.npartitions == 3
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of dask's own way with pandas
        assert set(lazy.compute(scheduler="synchronous")["id"]) == set(found["id"])
    assert lazy.crs == found.crs


def _as_page(path: Path) -> bytes:
    content = path.read_bytes()
    if path.suffix in {".ndjson", ".jsonl"}:
        return b'{"type":"FeatureCollection","features":[' + b",".join(filter(None, content.split(b"\n"))) + b"]}"
    document = json.loads(content)
    features = document if isinstance(document, list) else document.get("features", [document])
    return json.dumps({"type": "FeatureCollection", "features": [one for one in features if one.get("type") == "Feature"]}).encode()
