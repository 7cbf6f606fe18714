"""Many areas at once."""

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
from _scripted_service import ScriptedService, answer, feature, page
from scenecart import InvalidQuery

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Executor

    from scenecart.sandbox import Sandbox

SYDNEY, BOTANY, ROTTERDAM = (151.18, -33.99, 151.24, -33.94), (151.19, -33.98, 151.25, -33.95), (4.0, 51.9, 4.2, 51.97)
ASKED: dict[str, Any] = {"collections": "aurora-50cm", "datetime": "2024-03"}


def test_areas_are_searched_and_named(client: scenecart.Client):
    """Each area gives what a search of its own gives, under its name, in the areas' order; what came before is marked."""
    areas = gpd.GeoDataFrame(geometry=[shapely.box(*area) for area in (SYDNEY, ROTTERDAM, BOTANY)], crs=4326, index=["s", "r", "b"])
    found = client.search_many(areas.to_crs(3857), "aurora", **ASKED)
    assert list(dict.fromkeys(found["area"])) == ["s", "r", "b"]
    for label, area in (("s", SYDNEY), ("r", ROTTERDAM), ("b", BOTANY)):
        alone = client.search("aurora", aoi=area, **ASKED)
        assert set(found.loc[found["area"] == label, "id"]) == set(alone["id"])
    first = set(found.loc[found["area"] == "s", "id"])
    later = found[found["area"] == "b"]
    assert later["duplicate"].tolist() == [name in first for name in later["id"]]
    assert not found.loc[found["area"] == "s", "duplicate"].any()
    assert found.attrs["errors"] == {}


def test_properties_of_the_same_names_are_kept_beside(connect: Any, service: ScriptedService):
    """What a catalog itself calls area or duplicate is kept under a name beside, and is the property of that name in an item."""
    capture = feature("a", area=12.5, duplicate="of another")
    service.put("catalog.search", answer(page(capture)))
    client = connect()
    found = client.search_many({"Sydney": SYDNEY}, "host", collections="c", page_size=5)
    alone = client.search("host", aoi=SYDNEY, collections="c", page_size=5)
    assert found[["area", "duplicate"]].iloc[0].tolist() == ["Sydney", False]
    assert found[["properties:area", "properties:duplicate"]].iloc[0].tolist() == [12.5, "of another"]
    assert list(scenecart.to_items(found)) == list(scenecart.to_items(alone))


@contextmanager
def executor_of(kind: str) -> Iterator[Executor]:
    """Give two workers of a kind."""
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
def test_an_executor_builds_the_frames(client: scenecart.Client, kind: str):
    """Any executor gives the same frame; one of other processes is sent answers, never a sign-in."""
    areas = {"s": SYDNEY, "r": ROTTERDAM}
    plain = client.search_many(areas, "aurora", **ASKED)
    with executor_of(kind) as executor:
        found = client.search_many(areas, "aurora", executor=executor, **ASKED)
        few = client.search_many(areas, "aurora", executor=executor, limit=3, **ASKED)
    assert found.drop(columns="geometry").equals(plain.drop(columns="geometry"))
    assert found.geometry.geom_equals(plain.geometry).all()
    assert few.groupby("area").size().to_dict() == {"s": 3, "r": 3}


def test_one_area_that_fails_does_not_stop_the_others(client: scenecart.Client, box: Sandbox):
    """What goes wrong for one area is told under its name, and the others are there."""
    areas = [SYDNEY, "nowhere.geojson", (0, 0, 0, 0)]
    with pytest.warns(scenecart.ScenecartWarning, match="Area 1 could not be searched, and 1 other area: InvalidArea"):
        found = client.search_many(areas, "aurora", **ASKED)
    assert set(found["area"]) == {0}
    assert set(found.attrs["errors"]) == {1, 2}
    assert "InvalidArea" in found.attrs["errors"][1]
    box.faults.add("cut", times=9, operation="catalog.search_stream")
    with pytest.warns(scenecart.ScenecartWarning, match="Area 's' could not be searched: "):
        broken = client.search_many({"s": SYDNEY}, "aurora", **ASKED)
    assert set(broken.attrs["errors"]) == {"s"}


def test_the_rate_limit_holds_for_all_together(client: scenecart.Client, box: Sandbox):
    """However many areas are asked for at once, the service's limit is waited for and nothing fails."""
    box.faults.add("429", times=3, operation="catalog.search_stream", retry_after=0)
    found = client.search_many([SYDNEY] * 6, "aurora", at_once=6, **ASKED)
    assert found.attrs["errors"] == {}
    assert found["area"].nunique() == 6
    assert found["duplicate"].sum() == len(found) * 5 / 6


def test_progress_counts_areas(client: scenecart.Client):
    """A callable is told how many areas are done of how many, and how many captures that gave."""
    told: list[scenecart.SearchEvent] = []
    found = client.search_many([SYDNEY, ROTTERDAM], "aurora", progress=told.append, **ASKED)
    assert [(event.kind, event.areas_done) for event in told] == [("started", 0), ("area", 1), ("area", 2), ("finished", 2)]
    assert {event.areas for event in told} == {2}
    assert told[-1].captures == len(found)


@pytest.mark.parametrize(
    ("areas", "options", "says"),
    [
        ([], {}, "no area"),
        ("POINT(0 0)", {}, "areas is a"),
        ([SYDNEY], {"at_once": 0}, "at_once"),
        ([SYDNEY], {"executor": 3}, "executor"),
        ([SYDNEY], {"query": {"gsd": {"about": 1}}}, "unknown operator"),
    ],
)
def test_what_makes_no_sense_is_refused(client: scenecart.Client, areas: Any, options: Any, says: str):
    """Arguments that cannot be meant are errors before anything is sent."""
    with pytest.raises(InvalidQuery, match=says):
        client.search_many(areas, "aurora", **{**ASKED, **options})
