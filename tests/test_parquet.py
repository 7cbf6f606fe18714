"""Results larger than memory."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
import stac_geoparquet.arrow
from shapely.geometry import shape

import scenecart
from scenecart import InvalidQuery, ScenecartError, _features, _frames
from scenecart.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDERS = sorted(path.name for path in (Path(__file__).resolve().parents[2] / "shared" / "data").glob("*/"))
ASKED: dict[str, Any] = {"collections": "aurora-50cm", "bbox": (150, -35, 153, -32), "datetime": "2024-01/2024-03"}


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    """Give a sandbox that allows any number of calls."""
    with Sandbox(pace="instant") as running:
        running.rate_limits = None
        yield running


@pytest.fixture
def client(box: Sandbox, tmp_path: Path) -> Iterator[scenecart.Client]:
    """Give the analyst's client."""
    box.faults.clear()
    with box.client("analyst", home=tmp_path / "home") as made:
        yield made


def test_everything_found_stands_in_partitions(client: scenecart.Client, tmp_path: Path):
    """The folder holds exactly what a search gives, by month, and geopandas, pyarrow and stac-geoparquet read it."""
    told: list[int] = []
    files = client.search_to_parquet(tmp_path / "found", "aurora", progress=told.append, **ASKED)
    found = client.search("aurora", **ASKED)
    assert [path.parent.name for path in files] == ["month=2024-01", "month=2024-02", "month=2024-03"]
    assert told[-1] == len(found)
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
    box.faults.add("cut", operation="catalog.search_stream")
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


@pytest.mark.parametrize("folder", FOLDERS or ["none"])
def test_real_captures_come_back_as_they_were(shared_data: Path, tmp_path: Path, folder: str):
    """Real items of every folder become a frame, STAC GeoParquet, and items again, with ids, ground, assets and properties."""
    originals = {}
    for path in sorted((shared_data / folder).rglob("*json")):
        features, _, _ = _features.read_page(_as_page(path), "a file")
        originals |= {feature.id: feature for feature in features if isinstance(feature.id, str)}
    if not originals:
        pytest.skip("no items with ids in this folder")
    frame = _frames.to_frame(list(originals.values()), host="archive")
    from scenecart._parquet import Writer  # noqa: PLC0415  # used here alone

    writer = Writer(tmp_path / "found", "archive", "year")
    writer.add(frame)
    files = writer.finish()
    items = [
        item
        for path in files
        for item in (
            map(json.loads, path.read_text(encoding="utf-8").splitlines())
            if path.suffix == ".ndjson"
            else stac_geoparquet.arrow.stac_table_to_items(pq.read_table(path))
        )
    ]
    assert sorted(item["id"] for item in items) == sorted(originals)
    for item in items:
        row = frame[frame["id"] == item["id"]].iloc[0]
        assert set(item["assets"]) == set(scenecart.assets(row))
        if row.geometry is not None and item.get("geometry"):
            assert shape(item["geometry"]).equals(row.geometry)


def _as_page(path: Path) -> bytes:
    content = path.read_bytes()
    if path.suffix in {".ndjson", ".jsonl"}:
        return b'{"type":"FeatureCollection","features":[' + b",".join(filter(None, content.split(b"\n"))) + b"]}"
    document = json.loads(content)
    features = document if isinstance(document, list) else document.get("features", [document])
    return json.dumps({"type": "FeatureCollection", "features": [one for one in features if one.get("type") == "Feature"]}).encode()
