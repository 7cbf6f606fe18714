"""Tests of searches of many areas."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import pytest
import shapely
from dask.distributed import Client as DaskClient
from dask.distributed import LocalCluster

import scenecart
from _expect import raises, warns
from _scripted_service import ScriptedService, answer, feature, page
from scenecart import InvalidQuery

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Executor

    from scenecart.sandbox import Sandbox

SYDNEY, BOTANY, ROTTERDAM = (151.18, -33.99, 151.24, -33.94), (151.19, -33.98, 151.25, -33.95), (4.0, 51.9, 4.2, 51.97)
CRITERIA: dict[str, Any] = {"collections": "aurora-50cm", "datetime": "2024-03"}


def test_search_many_labels_areas_and_marks_duplicates(client: scenecart.Client):
    """Each area has the result of its own search, under its name, in the order of the areas; repeated captures are marked."""
    areas = gpd.GeoDataFrame(geometry=[shapely.box(*area) for area in (SYDNEY, ROTTERDAM, BOTANY)], crs=4326, index=["s", "r", "b"])
    found = client.search_many(areas.to_crs(3857), "aurora", **CRITERIA)
    assert list(dict.fromkeys(found["area"])) == ["s", "r", "b"]
    for label, area in (("s", SYDNEY), ("r", ROTTERDAM), ("b", BOTANY)):
        single = client.search("aurora", aoi=area, **CRITERIA)
        assert set(found.loc[found["area"] == label, "id"]) == set(single["id"])
    first = set(found.loc[found["area"] == "s", "id"])
    later = found[found["area"] == "b"]
    assert later["duplicate"].tolist() == [name in first for name in later["id"]]
    assert not found.loc[found["area"] == "s", "duplicate"].any()
    assert found.attrs["errors"] == {}


def test_search_many_properties_named_like_its_columns_are_kept(connect: Any, service: ScriptedService):
    """A catalog property called area or duplicate is kept under a prefixed name, and under its own name in items."""
    capture = feature("a", area=12.5, duplicate="of another")
    service.put("catalog.search", answer(page(capture)))
    client = connect()
    found = client.search_many({"Sydney": SYDNEY}, "host", collections="c", page_size=5)
    single = client.search("host", aoi=SYDNEY, collections="c", page_size=5)
    assert found[["area", "duplicate"]].iloc[0].tolist() == ["Sydney", False]
    assert found[["properties:area", "properties:duplicate"]].iloc[0].tolist() == [12.5, "of another"]
    assert list(scenecart.to_items(found)) == list(scenecart.to_items(single))


@contextmanager
def executor_of(kind: str) -> Iterator[Executor]:
    """Give an executor of this kind, with two workers."""
    if kind == "a dask cluster":
        with (
            LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, host="127.0.0.1") as cluster,
            DaskClient(cluster) as dask,
        ):
            yield dask.get_executor()
        return
    with ThreadPoolExecutor(2) if kind == "threads" else ProcessPoolExecutor(2, mp_context=get_context("spawn")) as executor:
        yield executor


@pytest.mark.parametrize("kind", ["threads", "processes", "a dask cluster"])
def test_search_many_executor_gives_same_frame(client: scenecart.Client, kind: str):
    """Any executor gives the same frame; another process gets responses, never a sign-in."""
    areas = {"s": SYDNEY, "r": ROTTERDAM}
    plain = client.search_many(areas, "aurora", **CRITERIA)
    with executor_of(kind) as executor:
        found = client.search_many(areas, "aurora", executor=executor, **CRITERIA)
        few = client.search_many(areas, "aurora", executor=executor, limit=3, **CRITERIA)
    assert found.drop(columns="geometry").equals(plain.drop(columns="geometry"))
    assert found.geometry.geom_equals(plain.geometry).all()
    assert few.groupby("area").size().to_dict() == {"s": 3, "r": 3}


def test_search_many_failed_area_does_not_stop_the_others(client: scenecart.Client, box: Sandbox):
    """The error of an area is kept under its name, with a warning, and the other areas are in the result."""
    areas = [SYDNEY, "nowhere.geojson", (0, 0, 0, 0)]
    with warns("areas_failed") as caught:
        found = client.search_many(areas, "aurora", **CRITERIA)
    for part in ("area 1 ", "1 other area", "InvalidArea"):
        assert part in str(caught[0].message)
    assert set(found["area"]) == {0}
    assert set(found.attrs["errors"]) == {1, 2}
    assert "InvalidArea" in found.attrs["errors"][1]
    box.faults.add("cut", times=9, operation="catalog.search_stream")
    with warns("areas_failed"):
        broken = client.search_many({"s": SYDNEY}, "aurora", **CRITERIA)
    assert set(broken.attrs["errors"]) == {"s"}


def test_search_many_waits_for_the_rate_limit(client: scenecart.Client, box: Sandbox):
    """However many areas are searched at once, the rate limit of the service is kept and nothing fails."""
    box.faults.add("429", times=3, operation="catalog.search_stream", retry_after=0)
    found = client.search_many([SYDNEY] * 6, "aurora", at_once=6, **CRITERIA)
    assert found.attrs["errors"] == {}
    assert found["area"].nunique() == 6
    assert found["duplicate"].sum() == len(found) * 5 / 6


def test_search_many_progress_counts_areas(client: scenecart.Client):
    """A callable gets the number of areas done, of all areas, and of captures."""
    events: list[scenecart.SearchEvent] = []
    found = client.search_many([SYDNEY, ROTTERDAM], "aurora", progress=events.append, **CRITERIA)
    assert [(event.kind, event.areas_done) for event in events] == [("started", 0), ("area", 1), ("area", 2), ("finished", 2)]
    assert {event.areas for event in events} == {2}
    assert events[-1].captures == len(found)


@pytest.mark.parametrize(
    ("areas", "options", "code"),
    [
        ([], {}, "areas_empty"),
        ("POINT(0 0)", {}, "areas_invalid"),
        ([SYDNEY], {"at_once": 0}, "not_a_count"),
        ([SYDNEY], {"at_once": None}, "not_a_count"),
        ([SYDNEY], {"executor": 3}, "executor_invalid"),
        ([SYDNEY], {"query": {"gsd": {"about": 1}}}, "query_operator_unknown"),
    ],
)
def test_search_many_invalid_argument_is_refused(client: scenecart.Client, areas: Any, options: Any, code: str):
    """Invalid arguments are refused before anything is sent."""
    with raises(InvalidQuery, code):
        client.search_many(areas, "aurora", **{**CRITERIA, **options})
