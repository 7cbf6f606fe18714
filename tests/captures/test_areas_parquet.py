"""Searches of many areas to partitioned GeoParquet: files, clusters, failures, and running again."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import pytest
import shapely

import scenecart
from _expect import raises, warns
from _scripted_service import RecordedRequest, ScriptedService, answer, feature, ndjson, page

if TYPE_CHECKING:
    from pathlib import Path

    from _scripted_service import Answer

STREAM = "catalog.search_stream"
# three areas in a row, each half covered by a capture of its own
AREAS = {f"a{number}": (10.0 * number, 0.0, 10.0 * number + 2.0, 1.0) for number in range(3)}


def of_area(request: RecordedRequest) -> Answer:
    """Answer a search with one capture over the western half of the area, and one over all of it that is cloudier."""
    west = round(shapely.geometry.shape(request.json["intersects"]).bounds[0])
    half, whole = (feature(f"{name}-{west}", **{"eo:cloud_cover": cloud}) for name, cloud in (("half", 1), ("whole", 40)))
    half["geometry"] = shapely.geometry.mapping(shapely.box(west, 0, west + 1, 1))
    whole["geometry"] = shapely.geometry.mapping(shapely.box(west, 0, west + 2, 1))
    return ndjson(half, whole)


@pytest.fixture
def client(service: ScriptedService, connect: Any) -> scenecart.Client:
    service.put(STREAM, of_area)
    return connect()


def search(client: scenecart.Client, directory: Path, areas: Any = None, **options: Any) -> list[gpd.GeoDataFrame]:
    """Search, and read the two tables with geopandas."""
    files = client.search_many_to_parquet(directory, AREAS if areas is None else areas, "h", collections="c", **options)
    assert all(path.is_file() for path in files)
    return [gpd.read_parquet(directory / name) for name in ("captures", "areas")]


def test_files_have_coverage_and_cloud_of_each_area(client: scenecart.Client, tmp_path: Path):
    """Each capture has its share of the area, and each area what covers it and how cloudy it is, in two tables."""
    captures, areas = search(client, tmp_path / "found", areas_per_file=2)
    assert len(list((tmp_path / "found" / "captures").iterdir())) == 2
    assert (len(captures), captures.crs.to_epsg(), areas.crs.to_epsg()) == (6, 4326, 4326)
    one = captures[captures["area"] == "a1"].set_index("id")
    assert one["covers"].round(3).to_dict() == {"half-10": 0.5, "whole-10": 1.0}
    # told for captures that are inside the area
    assert one["aoi:cloud_cover"].to_dict() == {"half-10": 1.0, "whole-10": 40.0}
    assert str(captures["datetime"].dtype) == "datetime64[us, UTC]"
    row = areas.set_index("area").loc["a1"]
    assert (row["captures"], round(row["covered"], 6), row["whole_captures"], row["least_cloud"]) == (2, 1.0, 1, 40.0)
    assert areas["error"].isna().all()


def test_workers_of_another_process_build_the_same_files(client: scenecart.Client, tmp_path: Path):
    """An executor of processes gives the same bytes as none: its tasks need no connection."""
    search(client, tmp_path / "own", areas_per_file=2)
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as executor:
        search(client, tmp_path / "other", areas_per_file=2, executor=executor)
    for path in sorted((tmp_path / "own").rglob("*.parquet")):
        assert path.read_bytes() == (tmp_path / "other" / path.relative_to(tmp_path / "own")).read_bytes()


def test_search_again_requests_only_what_failed(service: ScriptedService, client: scenecart.Client, tmp_path: Path):
    """An area that failed is in the table with its error, and the next run searches only its group."""
    broken = True

    def some(request: RecordedRequest) -> Answer:
        found = of_area(request)
        return answer({}, 404) if broken and b"whole-10" in (found.body or b"") else found

    service.put(STREAM, some)
    with warns("areas_failed"):
        _, areas = search(client, tmp_path / "found", areas_per_file=1)
    assert areas.set_index("area")["error"].notna().to_dict() == {"a0": False, "a1": True, "a2": False}
    assert areas.set_index("area").loc["a1", "covered"] != 0
    broken = False
    before = len(service.requests(STREAM))
    captures, areas = search(client, tmp_path / "found", areas_per_file=1)
    assert len(service.requests(STREAM)) - before == 1
    assert (len(captures), areas["error"].isna().all()) == (6, True)
    search(client, tmp_path / "found", areas_per_file=1)
    assert len(service.requests(STREAM)) - before == 1


def test_search_that_is_interrupted_goes_on(client: scenecart.Client, tmp_path: Path):
    """After an interrupt the complete groups are kept, and the next run has the others."""
    seen = []

    def interrupt(event: scenecart.SearchEvent) -> None:
        seen.append(event.areas_done)
        if event.kind == "area" and event.areas_done == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        search(client, tmp_path / "found", areas_per_file=1, progress=interrupt)
    captures, areas = search(client, tmp_path / "found", areas_per_file=1, progress=lambda event: seen.append(event.areas_done))
    assert (len(captures), len(areas), seen[-1]) == (6, 3, 3)


def test_area_that_cannot_be_used_is_an_error_of_its_own(client: scenecart.Client, tmp_path: Path):
    """An invalid area is a row with its error, once and for all, and the others are searched."""
    with warns("areas_failed"):
        captures, areas = search(client, tmp_path / "found", {**AREAS, "line": shapely.LineString([(0, 0), (1, 1)])})
    assert (len(captures), areas.set_index("area").loc["line", "captures"]) == (6, 0)
    assert areas.set_index("area").loc["line", "error"].startswith("InvalidArea")


def test_areas_without_captures_fit_the_same_table(service: ScriptedService, client: scenecart.Client, tmp_path: Path):
    """Groups with and without captures have the same columns and types, so that any reader takes the folder."""
    service.put(STREAM, lambda request: of_area(request) if request.json["intersects"]["coordinates"][0][0][0] < 5 else ndjson())
    # an empty stream proves nothing, and a page does
    service.put("catalog.search", answer(page()))
    captures, areas = search(client, tmp_path / "found", areas_per_file=1)
    assert (len(captures), areas["captures"].sum(), (areas["covered"] == 0).sum()) == (2, 2, 2)
    kinds = {str(gpd.read_parquet(path).dtypes.to_dict()) for path in (tmp_path / "found" / "captures").iterdir()}
    assert len(kinds) == 1


@pytest.mark.parametrize(
    ("areas", "options", "code"),
    [
        ({}, {}, "areas_empty"),
        (5, {}, "areas_invalid"),
        (gpd.GeoSeries([shapely.box(0, 0, 1, 1)] * 2, index=["x", "x"], crs=4326), {}, "areas_repeated"),
        (AREAS, {"at_once": 0}, "not_a_count"),
        (AREAS, {"areas_per_file": 0}, "not_a_count"),
        (AREAS, {"executor": 5}, "executor_invalid"),
        (AREAS, {"max_cloud_cover": 200}, "not_a_number"),
    ],
)
def test_invalid_argument_sends_nothing(
    service: ScriptedService, client: scenecart.Client, tmp_path: Path, areas: Any, *, options: Any, code: str
):
    """Arguments are checked before anything is sent or written."""
    with raises(scenecart.InvalidQuery, code):
        search(client, tmp_path / "found", areas, **options)
    assert service.requests(STREAM) == []


def test_folder_of_something_else_is_refused(client: scenecart.Client, tmp_path: Path):
    """A folder with other files, or of a search of other areas, is not touched."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    with raises(scenecart.InvalidQuery, "directory_not_empty"):
        search(client, tmp_path / "mine")
    search(client, tmp_path / "found")
    with raises(scenecart.InvalidQuery, "directory_of_another_search"):
        search(client, tmp_path / "found", {"other": (0, 0, 1, 1)})
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["notes.txt"]


def test_refused_sign_in_ends_the_search(service: ScriptedService, client: scenecart.Client, tmp_path: Path):
    """A refused account is one error, not one for each area."""
    service.put(STREAM, answer({}, 403))
    with pytest.raises(scenecart.PermissionDenied):
        search(client, tmp_path / "found")
