"""Watches: what is new since last time, over real sockets, with clocks, colleagues and catalogs that misbehave."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import pytest
import shapely

import scenecart
from _expect import raises, warns
from _purchases import Clock, captures
from _scripted_service import Answer, RecordedRequest, ScriptedService, answer, feature, ndjson, page

if TYPE_CHECKING:
    from pathlib import Path

STREAM = "catalog.search_stream"
# a watch asks for captures, and nothing that buys, estimates or lists orders
# a search, and the hosts that the service lists
READS = {STREAM, "catalog.sources.list", "catalog.vendors.list"}
LISTED = [{"id": "harbour", "collections": ["tanks-50cm", {"id": "tanks-1m"}]}]


def catalog(service: ScriptedService, *features: Any) -> None:
    service.put(STREAM, ndjson(*features))


def ids(frame: gpd.GeoDataFrame) -> list[str]:
    return sorted(frame["id"])


@pytest.fixture
def watch(service: ScriptedService, connect: Any) -> scenecart.Watch:
    catalog(service, feature("a"), feature("b"))
    return connect().watch("harbour", "h", collections="c", bbox=(0, 0, 3, 3))


def test_new_returns_captures_until_they_are_seen(service: ScriptedService, watch: scenecart.Watch, connect: Any):
    """Every capture is new the first time; what is seen is not new again, also for another session; only the rest is."""
    assert ids(watch.new()) == ["a", "b"]
    # a crash here loses nothing
    assert ids(connect().watch("harbour").new()) == ["a", "b"]
    assert watch.seen() == 2
    catalog(service, feature("a"), feature("b"), feature("c"))
    again = connect().watch("harbour")
    news = again.new()
    assert (type(news), news["news"].tolist(), ids(news)) == (gpd.GeoDataFrame, ["new"], ["c"])
    assert news.index.tolist() == [0]
    assert {request.path.rpartition("/")[2] for request in service.received} == READS


def test_seen_does_not_mark_what_arrived_meanwhile(service: ScriptedService, watch: scenecart.Watch):
    """seen() marks what the last new() returned, not what the catalog got since."""
    watch.new()
    catalog(service, feature("a"), feature("b"), feature("late"))
    watch.seen()
    assert ids(watch.new()) == ["late"]


def test_seen_takes_some_of_the_captures(watch: scenecart.Watch):
    """Rows of new() can be marked alone, twice too."""
    news = watch.new()
    assert watch.seen(news[news["id"] == "b"]) == 1
    assert watch.seen(news[news["id"] == "b"]) == 1
    assert ids(watch.new()) == ["a"]


def test_seen_before_new_is_refused(watch: scenecart.Watch):
    """Without a search there is nothing to mark; what is no frame of captures is refused."""
    with raises(scenecart.InvalidRequest, "watch_not_searched"):
        watch.seen()
    with raises(scenecart.InvalidQuery, "captures_invalid"):
        watch.seen(["a"])  # type: ignore[arg-type]  # the point


def test_new_tells_captures_of_hosts_and_collections_apart(service: ScriptedService, watch: scenecart.Watch):
    """The same id in another collection is another capture."""
    watch.new()
    watch.seen()
    catalog(service, feature("a") | {"collection": "other"}, feature("b"))
    assert ids(watch.new()) == ["a"]


def test_new_updated_captures_come_on_request(service: ScriptedService, watch: scenecart.Watch):
    """A capture that the catalog updated since is no news, unless it is asked for."""
    catalog(service, feature("a", created="2024-03-06T00:00:00Z"), feature("b", updated="2024-03-06T00:00:00Z"))
    watch.new()
    watch.seen()
    catalog(service, feature("a", created="2024-03-06T00:00:00Z"), feature("b", updated="2024-04-01T00:00:00Z"))
    assert len(watch.new()) == 0
    updated = watch.new(updated=True)
    assert (ids(updated), updated["news"].tolist()) == (["b"], ["updated"])
    watch.seen()
    assert len(watch.new(updated=True)) == 0


def test_new_with_the_clock_set_back_is_the_same(service: ScriptedService, connect: Any):
    """What is new does not depend on a clock: set back by a year, nothing is lost and nothing comes twice."""
    clock = Clock()
    watch = connect(wall=clock).watch("harbour", "h", collections="c")
    catalog(service, feature("a"))
    watch.new()
    watch.seen()
    clock.now -= 365 * 86_400
    catalog(service, feature("a"), feature("b", datetime="2019-01-01T00:00:00Z"))
    assert ids(watch.new()) == ["b"]
    watch.seen()
    assert len(watch.new()) == 0


def test_new_that_fails_marks_nothing(service: ScriptedService, watch: scenecart.Watch):
    """If the search breaks off, nothing counts as searched or seen."""
    service.put(STREAM, answer({}, 500))
    service.put("catalog.search", answer({}, 500))
    with pytest.raises(scenecart.ServiceError):
        watch.new()
    with raises(scenecart.InvalidRequest, "watch_not_searched"):
        watch.seen()
    catalog(service, feature("a"), feature("b"))
    assert ids(watch.new()) == ["a", "b"]


def test_new_capture_without_an_id_is_left_out(service: ScriptedService, watch: scenecart.Watch):
    """A capture without an id would be new each time, so it is left out with a warning."""
    catalog(service, feature("a"), feature(None))
    with warns("watch_captures_without_id"):
        assert ids(watch.new()) == ["a"]


def test_watch_with_the_same_search_is_the_saved_one(watch: scenecart.Watch, connect: Any):
    """Running a cell again returns the watch with all it has seen, however the search is written."""
    watch.new()
    watch.seen()
    again = connect().watch(" harbour ", "h", collections=["c"], bbox=[0.0, 0.0, 3.0, 3.0])
    assert (again.name, again.created, len(again.new())) == ("harbour", watch.created, 0)


def test_watch_of_a_colleague_with_the_same_name_is_refused(watch: scenecart.Watch, connect: Any):
    """Another search under a name that is taken is refused with what differs, and the first one stays."""
    with raises(scenecart.InvalidRequest, "watch_name_taken") as caught:
        connect().watch("harbour", "other", collections="c", max_cloud_cover=20)
    for part in ("host", "bbox", "max_cloud_cover"):
        assert part in caught.value.message
    assert "collections" not in caught.value.message
    assert connect().watch("harbour").host == watch.host == "h"


def test_watch_of_another_service_may_have_the_same_name(watch: scenecart.Watch, connect: Any, tmp_path: Path):
    """Names are separate for each service."""
    with scenecart.connect(base_url="http://127.0.0.1:9", token="t", home=tmp_path / "home") as other:
        assert other.watch("harbour", "else", collections="x").host == "else"
        assert other.watches().index.tolist() == ["harbour"]


def test_watch_by_an_unknown_name_suggests_the_nearest(watch: scenecart.Watch, connect: Any):
    """A misspelled name is an error with the nearest name."""
    with raises(scenecart.NotFound, "watch_not_found") as caught:
        connect().watch("harbor")
    assert f"'{watch.name}'" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("wrong", "code", "hint"),
    [
        ({"host": "harbours", "collections": "tanks-50cm"}, "host_not_found", "'harbour'"),
        ({"host": "harbour", "collections": ["tanks-50cm", "tank-1m"]}, "collection_unknown", "'tanks-1m'"),
    ],
)
def test_watch_of_what_does_not_exist_is_not_saved(
    service: ScriptedService, connect: Any, wrong: dict[str, Any], code: str, hint: str
):
    """A host or collection that is neither listed nor found is an error with the nearest one, and nothing is saved."""
    service.put("catalog.sources.list", answer({"sources": LISTED}))
    client = connect()
    client.watch("right", "harbour", collections=["tanks-50cm", "tanks-1m"])
    assert service.requests(STREAM) == service.requests("catalog.search") == []
    for operation in (STREAM, "catalog.search"):
        service.put(operation, answer({"title": "not found", "detail": "no such collection"}, 404))
    with raises(scenecart.NotFound, code) as caught:
        client.watch("wrong", **wrong)
    assert hint in str(caught.value.hint)
    assert client.watches().index.tolist() == ["right"]


def test_watch_of_a_collection_that_is_found_but_not_listed_is_saved(service: ScriptedService, connect: Any):
    """The list of the service may lack what its catalog has."""
    service.put("catalog.sources.list", answer({"sources": LISTED}))
    service.put("catalog.search", answer(page(feature(), numberMatched=1)))
    client = connect()
    client.watch("new", "harbour", collections="tanks-30cm")
    assert client.watches().index.tolist() == ["new"]


@pytest.mark.parametrize(
    ("name", "criteria", "code"),
    [
        ("", {"host": "h", "collections": "c"}, "not_a_string"),
        (5, {"host": "h", "collections": "c"}, "not_a_string"),
        ("x", {"host": "", "collections": "c"}, "not_a_string"),
        ("x", {"collections": "c"}, "not_a_string"),
        ("x", {"host": "h"}, "collections_missing"),
        ("x", {"host": "h", "collections": "c", "max_cloud_cover": 120}, "not_a_number"),
        ("x", {"host": "h", "collections": "c", "query": {"gsd": {"lte": {1, 2}}}}, "query_not_json"),
    ],
)
def test_watch_with_invalid_arguments_is_not_saved(connect: Any, name: Any, criteria: Any, code: str):
    """Invalid arguments are refused before anything is saved or sent."""
    client = connect()
    with pytest.raises(scenecart.InvalidRequest) as caught:
        client.watch(name, **criteria)
    assert caught.value.code == code
    assert len(client.watches()) == 0


def test_watch_keeps_the_area_of_a_file(connect: Any, tmp_path: Path):
    """The area of a file is read once: the watch works when the file is gone."""
    area = tmp_path / "area.geojson"
    gpd.GeoDataFrame(geometry=captures("a").geometry).to_file(area)
    client = connect()
    client.watch("area", "h", collections="c", aoi=area, datetime="2024-03")
    area.unlink()
    criteria = client.watch("area").criteria
    assert criteria["aoi"]["type"] == "Polygon"
    assert criteria["datetime"].startswith("2024-03-01T00:00:00")


def test_watch_removed_meanwhile_is_an_error(service: ScriptedService, watch: scenecart.Watch, connect: Any):
    """A watch that a colleague removed is not found, also if one of the same name was saved since; removing twice is no error."""
    watch.new()
    connect().watch("harbour").remove()
    with raises(scenecart.NotFound, "watch_removed"):
        watch.seen()
    connect().watch("harbour", "h", collections="c", bbox=(0, 0, 3, 3))
    with raises(scenecart.NotFound, "watch_removed"):
        watch.seen()
    with raises(scenecart.NotFound, "watch_removed"):
        watch.new()
    watch.remove()
    assert connect().watches().index.tolist() == ["harbour"]


def test_watches_lists_what_is_saved_by_whom(watch: scenecart.Watch, connect: Any):
    """The table has each watch with its search, its times and its person."""
    client = connect()
    assert client.watches()["looked"].isna().all()
    watch.new()
    watch.seen()
    row = client.watches().loc["harbour"]
    assert (row["host"], row["criteria"]["collections"]) == ("h", ["c"])
    assert row["created"] <= row["looked"] <= row["seen"]
    assert " on " in row["person"]


def test_watch_in_a_file_that_cannot_be_used_is_an_error(connect: Any, tmp_path: Path):
    """A damaged file is an error that names it; searches and orders go on without it."""
    (tmp_path / "home").mkdir(exist_ok=True)
    (tmp_path / "home" / "watches.sqlite").write_bytes(b"x" * 4096)
    client = connect()
    with raises(scenecart.WatchError, "watches_damaged"):
        client.watches()
    assert len(client.placements()) == 0


def of_area(request: RecordedRequest) -> Answer:
    """Answer a search with one capture of the area, named by its west, and one that is in every area."""
    west = round(shapely.geometry.shape(request.json["intersects"]).bounds[0])
    return answer({}, 404) if west == 20 else ndjson(feature(f"of-{west}", west=west), feature("everywhere", west=west))


def test_watch_of_many_areas_knows_each_capture_of_each_area(service: ScriptedService, connect: Any):
    """A capture is news of each area that it is found for, an area that failed loses nothing, and threads may build the frames."""
    service.put(STREAM, of_area)
    areas = {"west": (0, 0, 1, 1), "east": (10, 0, 11, 1), "broken": (20, 0, 21, 1)}
    watch = connect().watch("fields", "h", collections="c", areas=areas)
    with warns("areas_failed"):
        news = watch.new()
    assert sorted(zip(news["area"], news["id"], strict=True)) == [
        ("east", "everywhere"),
        ("east", "of-10"),
        ("west", "everywhere"),
        ("west", "of-0"),
    ]
    assert (list(news.attrs["errors"]), news["duplicate"].sum()) == (["broken"], 1)
    watch.seen(news[news["area"] == "west"])
    with warns("areas_failed"), ThreadPoolExecutor(1) as executor:
        again = connect().watch("fields").new(executor=executor)
    assert ids(again) == ["everywhere", "of-10"]
    service.put(STREAM, lambda _: ndjson(feature("late", west=20)))
    assert sorted(watch.new()["area"]) == ["broken", "east", "west"]


@pytest.mark.parametrize(
    ("criteria", "code"),
    [
        ({"areas": {}}, "watch_areas_invalid"),
        ({"areas": [(0, 0, 1, 1)], "aoi": (0, 0, 1, 1)}, "watch_areas_ambiguous"),
        ({"areas": 5}, "areas_invalid"),
    ],
)
def test_watch_with_invalid_areas_is_not_saved(connect: Any, criteria: Any, code: str):
    """Areas without names of their own, beside another area, or that are none are refused."""
    client = connect()
    with pytest.raises(scenecart.InvalidRequest) as caught:
        client.watch("x", "h", collections="c", **criteria)
    assert caught.value.code == code
    assert len(client.watches()) == 0
