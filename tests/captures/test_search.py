"""Searching over real sockets: pages, streams, and everything a catalog may do wrong."""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import pandas as pd
import pytest
import shapely

import scenecart
from _scripted_service import Answer, Asked, ScriptedService, answer, feature, ndjson, page

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SEARCH, STREAM = "catalog.search", "catalog.search_stream"


@pytest.fixture
def client(service: ScriptedService) -> Iterator[scenecart.Client]:
    with scenecart.connect(base_url=service.url, token="t", sleep=lambda _: None) as connected:
        yield connected


def asked(service: ScriptedService, operation: str = SEARCH) -> dict[str, Any]:
    return service.requests(operation)[-1].json


def find(client: scenecart.Client, **criteria: Any) -> gpd.GeoDataFrame:
    return client.search("h", **{"collections": ["c"], "limit": 10, **criteria})


def test_a_search_is_a_plain_geodataframe(service: ScriptedService, client: scenecart.Client):
    """A search gives one row a capture, in EPSG:4326, with every property a column and times in UTC."""
    service.put(SEARCH, answer(page(feature("a", gsd=0.5), feature("b", **{"eo:cloud_cover": 12}))))
    captures = find(client)
    assert type(captures) is gpd.GeoDataFrame
    assert captures.crs.to_epsg() == 4326
    assert list(captures["id"]) == ["a", "b"]
    assert captures["host"].tolist() == ["h", "h"]
    assert captures["datetime"].iloc[0] == pd.Timestamp("2024-03-05T10:20:30Z")
    assert captures.loc[1, "eo:cloud_cover"] == 12
    assert pd.isna(captures.loc[0, "eo:cloud_cover"])
    assert captures["orderable"].all()


def test_what_is_asked_for_is_what_is_sent(service: ScriptedService, client: scenecart.Client):
    """Every argument reaches the service under its own name, and nothing else does."""
    service.put(SEARCH, answer(page()))
    find(client, ids="x", bbox=(1, 2, 3, 4), datetime="2024-03", query={"gsd": {"LTE": 0.5}}, max_cloud_cover=20)
    assert asked(service) == {
        "host_name": "h",
        "collections": ["c"],
        "ids": ["x"],
        "bbox": [1.0, 2.0, 3.0, 4.0],
        "datetime": "2024-03-01T00:00:00Z/2024-03-31T23:59:59Z",
        "query": {"gsd": {"lte": 0.5}, "eo:cloud_cover": {"lte": 20}},
        "limit": 10,
    }


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ("2024-03-05", "2024-03-05T00:00:00Z/2024-03-05T23:59:59Z"),
        ("2024-01/2024-06", "2024-01-01T00:00:00Z/2024-06-30T23:59:59Z"),
        ("2024-01-01/..", "2024-01-01T00:00:00Z/.."),
        (dt.datetime(2024, 3, 5, 12, tzinfo=dt.UTC), "2024-03-05T12:00:00Z"),
        ((dt.datetime(2024, 3, 5, tzinfo=dt.UTC), None), "2024-03-05T00:00:00Z/.."),
        (["2024-01-01", "2024-02-01"], "2024-01-01T00:00:00Z/2024-02-01T23:59:59Z"),
        (dt.date(2024, 3, 1), "2024-03-01T00:00:00Z/2024-03-01T23:59:59Z"),
        ((dt.date(2024, 3, 1), dt.date(2024, 3, 5)), "2024-03-01T00:00:00Z/2024-03-05T23:59:59Z"),
        ((None, dt.date(2024, 3, 5)), "../2024-03-05T23:59:59Z"),
        ([dt.date(2024, 3, 1), "2024-04"], "2024-03-01T00:00:00Z/2024-04-30T23:59:59Z"),
    ],
)
def test_datetime_takes_what_pystac_client_takes(service: ScriptedService, client: scenecart.Client, given: object, sent: str):
    """Months, days, ranges, open ends, datetimes and pairs of them are all understood."""
    service.put(SEARCH, answer(page()))
    find(client, datetime=given)
    assert asked(service)["datetime"] == sent


SQUARE = shapely.box(1, 2, 3, 4)


@pytest.mark.parametrize("form", ["path", "frame", "web mercator", "shape", "mapping", "feature", "bbox", "wkt", "ewkt"])
def test_an_area_is_taken_in_every_form(service: ScriptedService, client: scenecart.Client, form: str, tmp_path: Any):
    """A path, a frame in any CRS, a shape, GeoJSON, a bbox and WKT all send the same polygon."""
    frame = gpd.GeoDataFrame(geometry=[SQUARE], crs=4326)
    frame.to_file(tmp_path / "area.gpkg")
    mercator = frame.to_crs(3857)
    forms = {
        "path": tmp_path / "area.gpkg",
        "frame": frame,
        "web mercator": mercator,
        "shape": SQUARE,
        "mapping": SQUARE.__geo_interface__,
        "feature": json.loads(frame.to_json()),
        "bbox": [1, 2, 3, 4],
        "wkt": SQUARE.wkt,
        "ewkt": f"SRID=3857;{mercator.geometry.iloc[0].wkt}",
    }
    service.put(SEARCH, answer(page()))
    find(client, aoi=forms[form])
    sent = shapely.geometry.shape(asked(service)["intersects"])
    assert sent.symmetric_difference(SQUARE).area < 1e-9


BAD_INPUT: dict[str, tuple[dict[str, Any], type[Exception], str]] = {
    "neither collections nor ids": ({"collections": None}, scenecart.InvalidQuery, "collections, ids, or both"),
    "two places": ({"bbox": (0, 0, 1, 1), "aoi": SQUARE}, scenecart.InvalidQuery, "one of them"),
    "swapped": ({"bbox": (-33.9, 151.2, -33.8, 151.3)}, scenecart.InvalidArea, "swapped"),
    "swapped and falling": ({"bbox": (40, -100, 41, -101)}, scenecart.InvalidArea, "swapped"),
    "upside down": ({"bbox": (0, 5, 1, 2)}, scenecart.InvalidArea, "upside down"),
    "reversed": ({"bbox": (151.3, -34, 151.2, -33)}, scenecart.InvalidArea, "reversed"),
    "outside": ({"aoi": shapely.box(0, 100, 1, 101)}, scenecart.InvalidArea, "swapped"),
    "metres": ({"aoi": shapely.box(1e6, 2e6, 1.1e6, 2.1e6)}, scenecart.InvalidArea, "metres"),
    "bow-tie": ({"aoi": "POLYGON((0 0,1 1,1 0,0 1,0 0))"}, scenecart.InvalidArea, "Self-intersection"),
    "empty": ({"aoi": shapely.Polygon()}, scenecart.InvalidArea, "empty"),
    "a point": ({"aoi": shapely.Point(1, 2)}, scenecart.InvalidArea, "no area"),
    "no file": ({"aoi": "no-such-file.geojson"}, scenecart.InvalidArea, "no file"),
    "not a number": ({"bbox": (0, 0, float("nan"), 1)}, scenecart.InvalidArea, "no bbox"),
    "no time": ({"datetime": "next week"}, scenecart.InvalidQuery, "datetime"),
    "reversed time": ({"datetime": "2024-06/2024-01"}, scenecart.InvalidQuery, "reversed"),
    "days in reverse": ({"datetime": (dt.date(2024, 3, 5), dt.date(2024, 3, 1))}, scenecart.InvalidQuery, "reversed"),
    "no time at all": ({"datetime": ""}, scenecart.InvalidQuery, "datetime is empty"),
    "all times": ({"datetime": "../.."}, scenecart.InvalidQuery, "Leave it out"),
    "no name of an area": ({"aoi": ""}, scenecart.InvalidArea, "aoi is empty"),
    "a number for names": ({"collections": 5}, scenecart.InvalidQuery, "collections must be names"),
    "a number among names": ({"ids": ["a", 5]}, scenecart.InvalidQuery, "ids must be names"),
    "unknown operator": ({"query": {"gsd": {"lt e": 1}}}, scenecart.InvalidQuery, "lte"),
    "no operators": ({"query": {"gsd": 5}}, scenecart.InvalidQuery, "operators"),
    "cloud": ({"max_cloud_cover": 120}, scenecart.InvalidQuery, "0 to 100"),
    "limit": ({"limit": 0}, scenecart.InvalidQuery, "at least 1"),
}


@pytest.mark.parametrize("case", BAD_INPUT)
def test_bad_input_is_refused_before_anything_is_sent(service: ScriptedService, client: scenecart.Client, case: str):
    """What cannot be searched is one clear error that says what to do, and no request leaves."""
    criteria, error, said = BAD_INPUT[case]
    with pytest.raises(error, match=said):
        find(client, **criteria)
    with pytest.raises(error):
        client.search_stream("h", **{"collections": ["c"], **criteria})
    assert service.asked == []


def test_a_share_of_cloud_is_told_to_be_per_cent(service: ScriptedService, client: scenecart.Client):
    """A cloud cover below one per cent is asked for as it is, with a warning: it may have been meant as a share."""
    service.put(SEARCH, answer(page()))
    with pytest.warns(scenecart.ScenecartWarning, match=r"0\.2 % at most\. Was 20 meant"):
        find(client, max_cloud_cover=0.2)
    assert asked(service)["query"] == {"eo:cloud_cover": {"lte": 0.2}}
    for plain in (0, 1, 20.5):
        find(client, max_cloud_cover=plain)


@pytest.mark.parametrize(
    ("criteria", "hint"),
    [
        ({"aoi": shapely.Polygon()}, "Give a polygon or a bbox"),
        ({"aoi": {"type": "FeatureCollection", "features": []}}, "No feature of it has a geometry"),
        ({"aoi": shapely.Point(1, 2)}, "Give a polygon or a bbox"),
        ({"aoi": "no-such-file.geojson"}, "it is looked for in /"),
        ({"aoi": "/no-such-file.geojson"}, "Check its name. An area is also WKT"),
        ({"datetime": "2024-06/2024-01"}, "The earlier one comes first"),
        ({"limit": "50,000"}, "without quotation marks or separators: 50000"),
    ],
)
def test_what_to_do_is_said_of_what_is_empty_reversed_missing_or_text(
    client: scenecart.Client, criteria: dict[str, Any], hint: str
):
    """An area without ground, dates in reverse, a file that is not there and a number as text are told with what to do."""
    with pytest.raises(scenecart.InvalidRequest) as told:
        find(client, **criteria)
    assert hint in told.value.hint


def test_a_search_that_finds_nothing_says_what_was_asked(service: ScriptedService, client: scenecart.Client):
    """An empty result tells in words whom, for what, when and where was asked; one that holds something is as it was."""
    service.put(SEARCH, answer(page()), answer(page(feature("a"))))
    criteria = {"bbox": (-33.9, 51.2, -33.8, 51.3), "datetime": "2024-03", "max_cloud_cover": 20}
    said = find(client, **criteria).attrs["query"]
    for part in ("collections c", "2024-03-01", "cloud_cover", "west -33.9 south 51.2 east -33.8 north 51.3", "longitude before"):
        assert part in said
    assert find(client, **criteria).attrs == {}


def test_an_unknown_host_is_not_found(client: scenecart.Client):
    """A host that does not exist is a NotFound, whether one page or all is asked for."""
    for limit in (5, None):
        with pytest.raises(scenecart.NotFound):
            find(client, limit=limit)


def test_no_limit_reads_the_stream(service: ScriptedService, client: scenecart.Client):
    """Without a limit, everything the stream holds arrives, with nothing asked of the pages."""
    service.put(STREAM, ndjson(*(feature(str(number)) for number in range(2_500))))
    captures = find(client, limit=None)
    assert captures["id"].tolist() == [str(number) for number in range(2_500)]
    assert service.requests(SEARCH) == []
    assert "limit" not in asked(service, STREAM)


def test_a_limit_cuts_the_stream(service: ScriptedService, client: scenecart.Client):
    """A limit beyond one page is kept exactly."""
    service.put(STREAM, ndjson(*(feature(str(number)) for number in range(2_500))))
    assert len(find(client, limit=2_100)) == 2_100


def test_frames_arrive_in_batches(service: ScriptedService, client: scenecart.Client):
    """A stream is handed out as frames of the size asked for."""
    service.put(STREAM, ndjson(*(feature(str(number)) for number in range(250))))
    frames = list(client.search_stream("h", collections=["c"], batch_size=100))
    assert [len(frame) for frame in frames] == [100, 100, 50]


def test_without_a_stream_the_pages_are_followed(service: ScriptedService, client: scenecart.Client):
    """A service without streams is read page by page, in each form of the next token."""
    service.put(STREAM, answer({"title": "Not Found"}, 404))
    service.put(
        SEARCH,
        answer(page(feature("1"), next="t1")),
        answer(page(feature("2"), links=[{"rel": "next", "body": {"next": "t2"}}])),
        answer(page(feature("3"), links=[{"rel": "next", "body": {"token": "t3"}}])),
        answer(page(feature("4"), links=[{"rel": "self"}, {"rel": "next", "href": "https://evil.example/x?next=t4"}])),
        answer(page(feature("5"), next=7)),
        answer(page(feature("6"), next=None, links=[])),
    )
    assert find(client, limit=None)["id"].tolist() == list("123456")
    assert [request.json.get("next") for request in service.requests(SEARCH)] == [None, "t1", "t2", "t3", "t4", "7"]


def test_a_repeated_page_ends_the_search(service: ScriptedService, client: scenecart.Client):
    """A token that comes again ends the search with a warning, and no capture stands there twice."""
    service.put(STREAM, answer({}, 405))
    service.put(SEARCH, answer(page(feature("1"), next="same")))
    with pytest.warns(scenecart.ScenecartWarning, match="repeated a page"):
        captures = find(client, limit=None)
    assert captures["id"].tolist() == ["1"]
    assert len(service.requests(SEARCH)) == 2


def test_a_page_that_fails_once_is_asked_again_alone(service: ScriptedService, client: scenecart.Client):
    """Page two is repeated after a 503; page one is not fetched again."""
    service.put(STREAM, answer({}, 405))
    service.put(SEARCH, answer(page(feature("1"), next="t")), answer({}, 503), answer(page(feature("2"))))
    assert find(client, limit=None)["id"].tolist() == ["1", "2"]
    assert [request.json.get("next") for request in service.requests(SEARCH)] == [None, "t", "t"]


def test_a_page_that_stays_lost_keeps_what_came(service: ScriptedService, client: scenecart.Client):
    """When a later page cannot be had, the error holds the captures that came."""
    service.put(STREAM, answer({}, 405))
    service.put(SEARCH, answer(page(feature("1"), next="t")), answer({}, 500))
    with pytest.raises(scenecart.ServiceError) as caught:
        find(client, limit=None)
    assert caught.value.captures["id"].tolist() == ["1"]
    assert "1 capture had arrived" in caught.value.__notes__[0]


ODD_STREAMS = {
    "a byte order mark": (b"\xef\xbb\xbf%a\n%b\n", ["a", "b"]),
    "CRLF": (b"%a\r\n%b\r\n", ["a", "b"]),
    "blank lines": (b"\n%a\n\n\n%b\n\n", ["a", "b"]),
    "no final newline": (b"%a\n%b", ["a", "b"]),
    "a collection as a line": (b'{"type":"FeatureCollection","features":[%a,%b]}\n', ["a", "b"]),
}


@pytest.mark.parametrize("case", ODD_STREAMS)
def test_a_stream_is_read_however_its_lines_end(service: ScriptedService, client: scenecart.Client, case: str):
    """Marks, line ends, blank lines and collections in a stream change nothing."""
    body, ids = ODD_STREAMS[case]
    for name in (b"a", b"b"):
        body = body.replace(b"%" + name, json.dumps(feature(name.decode())).encode())
    service.put(STREAM, Answer(body))
    assert find(client, limit=None)["id"].tolist() == ids


def test_line_separators_inside_text_split_nothing(service: ScriptedService, client: scenecart.Client):
    """U+2028, U+2029 and U+0085 inside a text do not end a line."""
    title = "a\u2028b\u2029c\u0085d"
    line = json.dumps(feature("a", title=title), ensure_ascii=False).encode() + b"\n"
    service.put(STREAM, Answer(line))
    assert find(client, limit=None)["title"].tolist() == [title]


def test_what_is_no_capture_is_counted_and_said(service: ScriptedService, client: scenecart.Client):
    """Entries that are no captures are left out with a warning that counts them."""
    service.put(STREAM, ndjson(feature("a"), None, 5, "x", {"type": "Progress"}, feature("b")))
    with pytest.warns(scenecart.ScenecartWarning, match="4 entries"):
        captures = find(client, limit=None)
    assert captures["id"].tolist() == ["a", "b"]
    service.put(SEARCH, answer(page(feature("a"), None, 5, "x", feature("b"))))
    with pytest.warns(scenecart.ScenecartWarning, match="3 entries"):
        assert len(find(client)) == 2


BROKEN_STREAMS = {
    "cut inside a line": lambda lines: Answer(lines[:-40]),
    "cut by the connection": lambda lines: Answer(lines[:-40], promised=len(lines)),
    "cut between lines": lambda lines: Answer(lines, promised=len(lines) + 500),
    "HTML": lambda lines: Answer(lines + b"<html>\n"),
    "a problem": lambda lines: Answer(lines + b'{"type":"x","title":"Broken","status":500,"detail":"disk full"}\n'),
}


@pytest.mark.parametrize("case", BROKEN_STREAMS)
def test_a_broken_stream_is_an_error_that_keeps_what_came(service: ScriptedService, client: scenecart.Client, case: str):
    """A stream that ends early is never a short result: it raises, with what came in the error."""
    lines = ndjson(*(feature(str(number)) for number in range(3_000))).body
    service.put(STREAM, BROKEN_STREAMS[case](lines))
    with pytest.raises((scenecart.ServiceError, scenecart.ConnectionFailed)) as caught:
        find(client, limit=None)
    kept = caught.value.captures["id"].tolist()
    assert kept == [str(number) for number in range(len(kept))]
    assert len(kept) >= 2_000


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, scenecart.AuthenticationError),
        (403, scenecart.PermissionDenied),
        (410, scenecart.Gone),
        (429, scenecart.RateLimited),
        (503, scenecart.ServiceError),
        ("503", scenecart.ServiceError),
        (200, scenecart.ServiceError),
    ],
)
def test_a_problem_in_a_stream_is_the_error_of_its_status(
    service: ScriptedService, connect: Callable[..., scenecart.Client], status: Any, kind: type[scenecart.ScenecartError]
):
    """What breaks a stream off is raised as what it is, with what had come, and without a token that the service repeats."""
    problem = {"type": "x", "title": "Broken", "status": status, "detail": "so says very-private-token"}
    service.put(STREAM, Answer(ndjson(feature("a")).body + json.dumps(problem).encode() + b"\n"))
    with pytest.raises(scenecart.ScenecartError) as caught:
        find(connect(token="very-private-token"), limit=None)
    assert type(caught.value) is kind
    assert caught.value.captures["id"].tolist() == ["a"]
    assert "so says [secure]" in str(caught.value)
    assert "very-private" not in repr(vars(caught.value))


NO_COLLECTIONS = {
    "HTML": Answer(b"<html>", 200, {"Content-Type": "text/html"}),
    "nothing": Answer(b""),
    "cut": Answer(b'{"type": "FeatureCollection", "features": [{"ty'),
    "null": answer(None),
    "a list": answer([]),
    "no features": answer({"type": "FeatureCollection"}),
    "features null": answer({"type": "FeatureCollection", "features": None}),
}


@pytest.mark.parametrize("case", NO_COLLECTIONS)
def test_no_feature_collection_is_never_no_imagery(service: ScriptedService, client: scenecart.Client, case: str):
    """An answer that is no feature collection is an error, not an empty result."""
    service.put(SEARCH, NO_COLLECTIONS[case])
    with pytest.raises(scenecart.ServiceError):
        find(client)


@pytest.mark.parametrize("kind", [{}, {"Content-Type": "text/html"}], ids=["no type", "HTML"])
def test_an_empty_answer_is_no_stream_without_captures(service: ScriptedService, client: scenecart.Client, kind: dict[str, str]):
    """Where a proxy answers nothing at all, a search by stream is an error; an empty stream that says it is one has no captures."""
    service.put(STREAM, Answer(b"", 200, kind))
    with pytest.raises(scenecart.ServiceError, match="an empty body"):
        find(client, limit=None)
    with pytest.raises(scenecart.ServiceError, match="an empty body"):
        list(client.search_stream("h", collections=["c"]))
    service.put(STREAM, Answer(b"", 200, {"Content-Type": "application/x-ndjson"}))
    assert len(find(client, limit=None)) == 0


def test_an_empty_result_has_its_columns(service: ScriptedService, client: scenecart.Client):
    """No captures is a frame without rows that can be filtered like any other."""
    service.put(SEARCH, answer(page()))
    captures = find(client)
    assert len(captures) == 0
    assert captures.crs.to_epsg() == 4326
    assert {"id", "collection", "host", "datetime", "geometry", "orderable"} <= set(captures.columns)


def test_progress_is_told(service: ScriptedService, client: scenecart.Client, capsys: pytest.CaptureFixture[str]):
    """A callable is told the count so far and when it is over, and True shows a bar on the error stream only, which ends."""
    service.put(STREAM, ndjson(*(feature(str(number)) for number in range(4_500))))
    told: list[scenecart.SearchEvent] = []
    find(client, limit=None, progress=told.append)
    counts = [event.captures for event in told]
    assert (counts[0], counts[-1]) == (0, 4_500)
    assert counts == sorted(counts)
    assert [told[0].kind, told[-1].kind] == ["started", "finished"]
    assert {event.host for event in told} == {"h"}
    with pytest.raises(scenecart.InvalidQuery, match="progress"):
        find(client, progress="yes")
    find(client, limit=None, progress=True)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "✓ Searching h" in shown.err


def test_an_interrupted_search_asks_for_nothing_more(service: ScriptedService, client: scenecart.Client):
    """Leaving a stream early closes it."""

    def endless(request: Asked) -> Answer:
        return ndjson(*(feature(str(number)) for number in range(5_000)))

    service.put(STREAM, endless)
    frames = client.search_stream("h", collections=["c"], batch_size=10)
    assert len(next(frames)) == 10
    frames.close()
    assert len(service.requests(STREAM)) == 1


def cut(*documents: Any) -> Answer:
    """Return a stream that promises more than it holds."""
    whole = ndjson(*documents)
    assert whole.body is not None
    return Answer(whole.body, 200, whole.headers, promised=len(whole.body) + 100)


def test_a_broken_stream_is_begun_again_and_gives_nothing_twice(service: ScriptedService, client: scenecart.Client):
    """When the connection breaks, the rest comes from a second try, whatever its order; what came twice by itself stays twice."""
    features = [feature(f"c{number}", west=number / 100) for number in range(300)]
    twins = [*features, features[5]]
    service.put(STREAM, cut(*twins[:200], features[5]), cut(*reversed(twins[50:280])), ndjson(*twins))
    told: list[scenecart.SearchEvent] = []
    found = find(client, limit=None, progress=told.append)
    assert sorted(found["id"]) == sorted([one["id"] for one in twins])
    assert len(service.requests(STREAM)) == 3
    assert [event.kind for event in told].count("restarted") == 2


def test_a_line_cut_in_the_middle_is_a_broken_stream(service: ScriptedService, client: scenecart.Client):
    """A stream that ends inside a line without an error of the connection is begun again too."""
    whole = ndjson(*(feature(f"c{number}") for number in range(50)))
    assert whole.body is not None
    service.put(STREAM, Answer(whole.body[:-40], 200, whole.headers), whole)
    assert find(client, limit=None)["id"].tolist() == [f"c{number}" for number in range(50)]


def test_a_stream_that_never_ends_well_says_so(service: ScriptedService, client: scenecart.Client):
    """After a few tries the error comes, with everything that arrived, once each."""
    service.put(STREAM, cut(*(feature(f"c{number}") for number in range(70))))
    with pytest.raises(scenecart.ConnectionFailed) as error:
        find(client, limit=None)
    assert error.value.captures is not None
    assert error.value.captures["id"].tolist() == [f"c{number}" for number in range(70)]
    assert 1 < len(service.requests(STREAM)) < 10


@pytest.mark.parametrize("asked", [True, False])
def test_stopping_a_search_returns_what_came_if_asked(service: ScriptedService, client: scenecart.Client, asked: bool):  # noqa: FBT001  # a case
    """KeyboardInterrupt goes on as it is, or with return_on_interrupt gives the captures so far and says that it does."""
    service.put(STREAM, ndjson(*(feature(f"c{number}") for number in range(3_000))))

    def stop(event: scenecart.SearchEvent) -> None:
        if event.kind == "arrived" and event.captures >= 1_000:
            raise KeyboardInterrupt

    if not asked:
        with pytest.raises(KeyboardInterrupt):
            find(client, limit=None, progress=stop)
        return
    with pytest.warns(scenecart.ScenecartWarning, match="stopped"):
        found = find(client, limit=None, progress=stop, return_on_interrupt=True)
    assert 1_000 <= len(found) < 3_000
    assert found["id"].tolist() == [f"c{number}" for number in range(len(found))]


def test_the_page_s_size_is_apart_from_the_limit(service: ScriptedService, client: scenecart.Client):
    """page_size says how many to ask for at a time, limit how many in all."""
    pages = [page(*(feature(f"{letter}{number}") for number in range(40)), next=letter) for letter in "abc"]
    service.put(SEARCH, *(answer(one) for one in pages), answer(page()))
    found = find(client, limit=100, page_size=40)
    assert len(found) == 100
    assert [request.json["limit"] for request in service.requests(SEARCH)] == [40, 40, 40]
    assert not service.requests(STREAM)
    with pytest.raises(scenecart.InvalidQuery, match="from 1 to 500"):
        find(client, page_size=501)


def test_a_large_area_is_asked_for_simply_and_applied_exactly(service: ScriptedService, client: scenecart.Client):
    """Thousands of vertices become a few hundred around them in the request; what only touches the simple shape is left out."""
    coast = shapely.Point(10, 10).buffer(2, quad_segs=2_000)
    bay = shapely.Point(12, 10).buffer(0.4, quad_segs=2_000)
    area = coast.difference(bay)
    service.put(SEARCH, answer(page(feature("bay", west=11.8), feature("inside", west=9.0), feature("beyond", west=30.0))))
    found = find(client, aoi=area)
    sent = shapely.geometry.shape(asked(service)["intersects"])
    assert shapely.get_num_coordinates(area) > 8_000
    assert shapely.get_num_coordinates(sent) <= 500
    assert sent.covers(area)
    assert sent.area < area.area * 1.1
    assert found["id"].tolist() == ["inside"]


def test_page_three_is_tried_again_alone(service: ScriptedService, client: scenecart.Client):
    """A page that fails once is asked for again, and the pages before it are not."""
    service.put(
        SEARCH,
        answer(page(feature("a"), next="2")),
        answer(page(feature("b"), next="3")),
        answer({"title": "Busy", "status": 503}, 503),
        answer(page(feature("c"))),
    )
    assert find(client, limit=3, page_size=1)["id"].tolist() == ["a", "b", "c"]
    assert [request.json.get("next") for request in service.requests(SEARCH)] == [None, "2", "3", "3"]
