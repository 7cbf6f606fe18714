"""Tests of searches over real sockets: pages, streams, and catalogs that misbehave."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import pandas as pd
import pytest
import shapely

import scenecart
from _expect import raises, warns
from _scripted_service import Answer, RecordedRequest, ScriptedService, answer, feature, ndjson, page

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SEARCH, STREAM = "catalog.search", "catalog.search_stream"


@pytest.fixture
def client(service: ScriptedService) -> Iterator[scenecart.Client]:
    """Give a client that does not wait between attempts."""
    with scenecart.connect(base_url=service.url, token="t", sleep=lambda _: None) as connected:
        yield connected


def last_body(service: ScriptedService, operation: str = SEARCH) -> dict[str, Any]:
    return service.requests(operation)[-1].json


def find(client: scenecart.Client, **criteria: Any) -> gpd.GeoDataFrame:
    return client.search("h", **{"collections": ["c"], "limit": 10, **criteria})


def test_search_returns_plain_geodataframe(service: ScriptedService, client: scenecart.Client):
    """A search gives one row for each capture, in EPSG:4326, with every property a column and times in UTC."""
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


def test_search_without_results_describes_the_query(service: ScriptedService, client: scenecart.Client):
    """An empty result says in attrs["query"] which host, time and area were searched; other results have no attrs."""
    service.put(SEARCH, answer(page()), answer(page(feature("a"))))
    criteria = {"bbox": (-33.9, 51.2, -33.8, 51.3), "datetime": "2024-03", "max_cloud_cover": 20}
    description = find(client, **criteria).attrs["query"]
    for part in ("host h", "collections c", "2024-03-01", "cloud_cover", "west -33.9 south 51.2 east -33.8 north 51.3"):
        assert part in description
    assert find(client, **criteria).attrs == {}


def test_search_unknown_host_is_not_found(client: scenecart.Client):
    """An unknown host raises NotFound, whether one page or everything is requested."""
    for limit in (5, None):
        with pytest.raises(scenecart.NotFound):
            find(client, limit=limit)


def test_search_without_limit_reads_the_stream(service: ScriptedService, client: scenecart.Client):
    """Without a limit, all captures of the stream arrive, and no page is requested."""
    service.put(STREAM, ndjson(*(feature(str(number)) for number in range(2_500))))
    captures = find(client, limit=None)
    assert captures["id"].tolist() == [str(number) for number in range(2_500)]
    assert service.requests(SEARCH) == []
    assert "limit" not in last_body(service, STREAM)


def test_search_limit_above_a_page_cuts_the_stream(service: ScriptedService, client: scenecart.Client):
    """A limit beyond one page is kept exactly."""
    service.put(STREAM, ndjson(*(feature(str(number)) for number in range(2_500))))
    assert len(find(client, limit=2_100)) == 2_100


def test_search_stream_yields_frames_of_batch_size(service: ScriptedService, client: scenecart.Client):
    """A stream is yielded as frames of the requested size."""
    service.put(STREAM, ndjson(*(feature(str(number)) for number in range(250))))
    frames = list(client.search_stream("h", collections=["c"], batch_size=100))
    assert [len(frame) for frame in frames] == [100, 100, 50]


def test_search_without_stream_follows_pages(service: ScriptedService, client: scenecart.Client):
    """A service without streams is read page by page, with each form of the next token."""
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


def test_search_repeated_page_ends_with_warning(service: ScriptedService, client: scenecart.Client):
    """A repeated token ends the search with a warning, and no capture is in the result twice."""
    service.put(STREAM, answer({}, 405))
    service.put(SEARCH, answer(page(feature("1"), next="same")))
    with warns("page_repeated"):
        captures = find(client, limit=None)
    assert captures["id"].tolist() == ["1"]
    assert len(service.requests(SEARCH)) == 2


@pytest.mark.parametrize("limits", [{"limit": None}, {"limit": 3, "page_size": 1}], ids=["no stream", "page size"])
def test_search_failed_page_is_requested_again(service: ScriptedService, client: scenecart.Client, limits: dict[str, Any]):
    """A page that fails once is requested again, and the pages before it are not."""
    service.put(STREAM, answer({}, 405))
    service.put(
        SEARCH,
        answer(page(feature("a"), next="2")),
        answer(page(feature("b"), next="3")),
        answer({"title": "Busy", "status": 503}, 503),
        answer(page(feature("c"))),
    )
    assert find(client, **limits)["id"].tolist() == ["a", "b", "c"]
    assert [request.json.get("next") for request in service.requests(SEARCH)] == [None, "2", "3", "3"]


def test_search_failed_page_error_contains_captures(service: ScriptedService, client: scenecart.Client):
    """When a later page cannot be fetched, the error contains the captures that had arrived, and a note counts them."""
    service.put(STREAM, answer({}, 405))
    service.put(SEARCH, answer(page(feature("1"), next="t")), answer({}, 500))
    with pytest.raises(scenecart.ServiceError) as caught:
        find(client, limit=None)
    assert caught.value.captures["id"].tolist() == ["1"]
    assert "1 capture " in caught.value.__notes__[0]


STREAM_FORMS = {
    "a byte order mark": (b"\xef\xbb\xbf%a\n%b\n", ["a", "b"]),
    "CRLF": (b"%a\r\n%b\r\n", ["a", "b"]),
    "blank lines": (b"\n%a\n\n\n%b\n\n", ["a", "b"]),
    "no final newline": (b"%a\n%b", ["a", "b"]),
    "a collection as a line": (b'{"type":"FeatureCollection","features":[%a,%b]}\n', ["a", "b"]),
}


@pytest.mark.parametrize("case", STREAM_FORMS)
def test_search_stream_any_line_ending_gives_same_captures(service: ScriptedService, client: scenecart.Client, case: str):
    """Byte order marks, line endings, blank lines and collections in a stream do not change the result."""
    body, ids = STREAM_FORMS[case]
    for name in (b"a", b"b"):
        body = body.replace(b"%" + name, json.dumps(feature(name.decode())).encode())
    service.put(STREAM, Answer(body))
    assert find(client, limit=None)["id"].tolist() == ids


def test_search_stream_unicode_line_separators_do_not_split(service: ScriptedService, client: scenecart.Client):
    """U+2028, U+2029 and U+0085 in a string do not end a line."""
    title = "a\u2028b\u2029c\u0085d"
    line = json.dumps(feature("a", title=title), ensure_ascii=False).encode() + b"\n"
    service.put(STREAM, Answer(line))
    assert find(client, limit=None)["title"].tolist() == [title]


def test_search_entries_not_features_are_skipped_with_warning(service: ScriptedService, client: scenecart.Client):
    """Entries that are not captures are skipped, with one warning that counts them."""
    service.put(STREAM, ndjson(feature("a"), None, 5, "x", {"type": "Progress"}, feature("b")))
    with warns("entries_skipped") as caught:
        captures = find(client, limit=None)
    assert "4" in str(caught[0].message)
    assert captures["id"].tolist() == ["a", "b"]
    service.put(SEARCH, answer(page(feature("a"), None, 5, "x", feature("b"))))
    with warns("entries_skipped") as caught:
        assert len(find(client)) == 2
    assert "3" in str(caught[0].message)


BROKEN_STREAMS = {
    "cut inside a line": lambda lines: Answer(lines[:-40]),
    "cut by the connection": lambda lines: Answer(lines[:-40], promised=len(lines)),
    "cut between lines": lambda lines: Answer(lines, promised=len(lines) + 500),
    "HTML": lambda lines: Answer(lines + b"<html>\n"),
    "a problem": lambda lines: Answer(lines + b'{"type":"x","title":"Broken","status":500,"detail":"disk full"}\n'),
}


@pytest.mark.parametrize("case", BROKEN_STREAMS)
def test_search_broken_stream_error_contains_captures(service: ScriptedService, client: scenecart.Client, case: str):
    """A stream that ends early is never a short result: it raises, and the error contains what had arrived."""
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
def test_search_problem_in_stream_raises_error_of_its_status(
    service: ScriptedService, connect: Callable[..., scenecart.Client], status: Any, kind: type[scenecart.ScenecartError]
):
    """A problem document in a stream raises the error of its status, with the captures before it and without a repeated token."""
    problem = {"type": "x", "title": "Broken", "status": status, "detail": "so says very-private-token"}
    service.put(STREAM, Answer(ndjson(feature("a")).body + json.dumps(problem).encode() + b"\n"))
    with pytest.raises(scenecart.ScenecartError) as caught:
        find(connect(token="very-private-token"), limit=None)
    assert type(caught.value) is kind
    assert caught.value.captures["id"].tolist() == ["a"]
    assert "so says [secure]" in str(caught.value)
    assert "very-private" not in repr(vars(caught.value))


INVALID_RESPONSES = {
    "HTML": Answer(b"<html>", 200, {"Content-Type": "text/html"}),
    "nothing": Answer(b""),
    "cut": Answer(b'{"type": "FeatureCollection", "features": [{"ty'),
    "null": answer(None),
    "a list": answer([]),
    "no features": answer({"type": "FeatureCollection"}),
    "features null": answer({"type": "FeatureCollection", "features": None}),
}


@pytest.mark.parametrize("case", INVALID_RESPONSES)
def test_search_response_not_geojson_raises(service: ScriptedService, client: scenecart.Client, case: str):
    """A response that is not a feature collection is an error, not an empty result."""
    service.put(SEARCH, INVALID_RESPONSES[case])
    with pytest.raises(scenecart.ServiceError):
        find(client)


@pytest.mark.parametrize("kind", [{}, {"Content-Type": "text/html"}], ids=["no type", "HTML"])
def test_search_empty_stream_is_confirmed_by_pages(service: ScriptedService, client: scenecart.Client, kind: dict[str, str]):
    """An empty stream, of any type, is an error unless the pages show that there is no imagery."""
    service.put(STREAM, Answer(b"", 200, kind))
    with raises(scenecart.ServiceError, "response_empty"):
        find(client, limit=None)
    with raises(scenecart.ServiceError, "response_empty"):
        list(client.search_stream("h", collections=["c"]))
    service.put(STREAM, Answer(b"", 200, {"Content-Type": "application/x-ndjson"}))
    with raises(scenecart.ServiceError, "stream_empty"):
        find(client, limit=None)
    service.put(SEARCH, answer(page()))
    assert len(find(client, limit=None)) == 0
    service.put(STREAM, Answer(b"", 200, kind))
    assert len(find(client, limit=None)) == 0


def test_search_empty_result_has_columns(service: ScriptedService, client: scenecart.Client):
    """An empty result is a frame without rows that can be filtered like any other."""
    service.put(SEARCH, answer(page()))
    captures = find(client)
    assert len(captures) == 0
    assert captures.crs.to_epsg() == 4326
    assert {"id", "collection", "host", "datetime", "geometry", "orderable"} <= set(captures.columns)


def test_search_progress_calls_back_or_shows_a_bar(
    service: ScriptedService, client: scenecart.Client, capsys: pytest.CaptureFixture[str]
):
    """A callable gets the count so far and the end; True shows a bar on stderr only, which ends."""
    service.put(STREAM, ndjson(*(feature(str(number)) for number in range(4_500))))
    events: list[scenecart.SearchEvent] = []
    find(client, limit=None, progress=events.append)
    counts = [event.captures for event in events]
    assert (counts[0], counts[-1]) == (0, 4_500)
    assert counts == sorted(counts)
    assert [events[0].kind, events[-1].kind] == ["started", "finished"]
    assert {event.host for event in events} == {"h"}
    with pytest.raises(scenecart.InvalidQuery) as caught:
        find(client, progress="yes")
    assert caught.value.argument == "progress"
    find(client, limit=None, progress=True)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "✓ Searching h" in shown.err


def test_search_stream_closed_early_sends_nothing_more(service: ScriptedService, client: scenecart.Client):
    """Closing a stream early closes its connection."""

    def endless(request: RecordedRequest) -> Answer:
        return ndjson(*(feature(str(number)) for number in range(5_000)))

    service.put(STREAM, endless)
    frames = client.search_stream("h", collections=["c"], batch_size=10)
    assert len(next(frames)) == 10
    frames.close()
    assert len(service.requests(STREAM)) == 1


def truncated(*documents: Any) -> Answer:
    """Return a stream that ends before its declared length."""
    stream = ndjson(*documents)
    assert stream.body is not None
    return Answer(stream.body, 200, stream.headers, promised=len(stream.body) + 100)


def test_search_broken_stream_restarts_without_duplicates(service: ScriptedService, client: scenecart.Client):
    """A broken stream is restarted and completed, in any order, and each capture is in the result once."""
    features = [feature(f"c{number}", west=number / 100) for number in range(300)]
    twins = [*features, features[5]]
    service.put(STREAM, truncated(*twins[:200], features[5]), truncated(*reversed(twins[50:280])), ndjson(*twins))
    events: list[scenecart.SearchEvent] = []
    found = find(client, limit=None, progress=events.append)
    assert sorted(found["id"]) == sorted([one["id"] for one in features])
    assert len(service.requests(STREAM)) == 3
    assert [event.kind for event in events].count("restarted") == 2


def test_search_truncated_line_restarts_stream(service: ScriptedService, client: scenecart.Client):
    """A stream that ends inside a line without a connection error is restarted too."""
    stream = ndjson(*(feature(f"c{number}") for number in range(50)))
    assert stream.body is not None
    service.put(STREAM, Answer(stream.body[:-40], 200, stream.headers), stream)
    assert find(client, limit=None)["id"].tolist() == [f"c{number}" for number in range(50)]


def test_search_stream_broken_every_time_raises(service: ScriptedService, client: scenecart.Client):
    """After a few attempts the error is raised, with everything that arrived, once each."""
    service.put(STREAM, truncated(*(feature(f"c{number}") for number in range(70))))
    with pytest.raises(scenecart.ConnectionFailed) as caught:
        find(client, limit=None)
    assert caught.value.captures is not None
    assert caught.value.captures["id"].tolist() == [f"c{number}" for number in range(70)]
    assert 1 < len(service.requests(STREAM)) < 10


@pytest.mark.parametrize("returns", [True, False])
def test_search_interrupted_returns_captures_if_requested(service: ScriptedService, client: scenecart.Client, returns: bool):  # noqa: FBT001  # a case
    """KeyboardInterrupt goes on as it is, or with return_on_interrupt gives the captures so far and says that it does."""
    service.put(STREAM, ndjson(*(feature(f"c{number}") for number in range(3_000))))

    def stop(event: scenecart.SearchEvent) -> None:
        if event.kind == "arrived" and event.captures >= 1_000:
            raise KeyboardInterrupt

    if not returns:
        with pytest.raises(KeyboardInterrupt):
            find(client, limit=None, progress=stop)
        return
    with warns("search_interrupted"):
        found = find(client, limit=None, progress=stop, return_on_interrupt=True)
    assert 1_000 <= len(found) < 3_000
    assert found["id"].tolist() == [f"c{number}" for number in range(len(found))]


def test_search_page_size_does_not_change_the_limit(service: ScriptedService, client: scenecart.Client):
    """page_size says how many to request at a time, limit how many in all."""
    pages = [page(*(feature(f"{letter}{number}") for number in range(40)), next=letter) for letter in "abc"]
    service.put(SEARCH, *(answer(one) for one in pages), answer(page()))
    found = find(client, limit=100, page_size=40)
    assert len(found) == 100
    assert [request.json["limit"] for request in service.requests(SEARCH)] == [40, 40, 40]
    assert not service.requests(STREAM)


def test_search_large_area_is_applied_exactly(service: ScriptedService, client: scenecart.Client):
    """A large area is sent simplified; captures that intersect only the simplified one are dropped."""
    coast = shapely.Point(10, 10).buffer(2, quad_segs=2_000)
    bay = shapely.Point(12, 10).buffer(0.4, quad_segs=2_000)
    area = coast.difference(bay)
    service.put(SEARCH, answer(page(feature("bay", west=11.8), feature("inside", west=9.0), feature("beyond", west=30.0))))
    found = find(client, aoi=area)
    sent = shapely.geometry.shape(last_body(service)["intersects"])
    assert shapely.get_num_coordinates(area) > 8_000
    assert shapely.get_num_coordinates(sent) <= 500
    assert sent.covers(area)
    assert sent.area < area.area * 1.1
    assert found["id"].tolist() == ["inside"]


def capture(name: Any, west: float = 10.0) -> dict[str, Any]:
    """Return a feature, without its id if the name is None."""
    return {**feature(str(name), west=west), "id": name}


@pytest.mark.parametrize("is_paged", [False, True], ids=["stream", "pages"])
def test_search_repeated_and_unnamed_captures_are_alike_by_stream_and_pages(
    service: ScriptedService,
    client: scenecart.Client,
    is_paged: bool,  # noqa: FBT001  # a case
):
    """A repeated capture is in the result once; captures without an id, or with another footprint, are all kept."""
    sent = [capture("a"), capture("a"), capture(None), capture("b"), capture(None), capture("a", west=20.0)]
    service.put(STREAM, answer({}, 405) if is_paged else ndjson(*sent))
    for limit in (None, 600):
        service.put(SEARCH, answer(page(*sent[:3], next="2")), answer(page(sent[0], *sent[3:], numberMatched=6)))
        assert find(client, limit=limit)["id"].fillna("").tolist() == ["a", "", "b", "", "a"]


UNREADABLE = {
    "204": Answer(b"", 204),
    "an empty body": Answer(b"", 200, {"Content-Type": "application/x-ndjson"}),
    "null": Answer(b"null", 200, {"Content-Type": "application/json"}),
    "an empty array": Answer(b"[]", 200, {"Content-Type": "application/json"}),
    "an array on a line": Answer(b"[1, 2]\n[]\n", 200, {"Content-Type": "application/x-ndjson"}),
}


@pytest.mark.parametrize("case", UNREADABLE)
@pytest.mark.parametrize("executor", [False, True], ids=["here", "executor"])
def test_search_unreadable_answer_is_an_error_by_stream_as_by_pages(
    service: ScriptedService,
    client: scenecart.Client,
    case: str,
    executor: bool,  # noqa: FBT001  # a case
):
    """A response that cannot be read is never taken for no imagery; the error states its status and content type."""
    reply = UNREADABLE[case]
    service.put(STREAM, reply)
    service.put(SEARCH, reply)
    with pytest.raises(scenecart.ServiceError) as by_pages:
        find(client)
    if executor:
        with ThreadPoolExecutor(1) as threads, warns("areas_failed"):
            found = client.search_many([(10, 10, 11, 11)], "h", collections=["c"], executor=threads)
        assert by_pages.value.message in found.attrs["errors"][0]
        return
    with pytest.raises(scenecart.ServiceError) as by_stream:
        find(client, limit=None)
    assert (by_stream.value.code, by_stream.value.message) == (by_pages.value.code, by_pages.value.message)
    assert f"status {reply.status}, {reply.headers.get('Content-Type', 'no content type')}" in by_stream.value.message


@pytest.mark.parametrize(
    "sent",
    [
        [{"type": "summary", "count": 3}],
        [{"numberMatched": 3}],
        [{"links": [{"rel": "next", "href": "http://127.0.0.1/?token=2"}]}],
        [{"type": "FeatureCollection", "features": [], "numberMatched": 3}],
    ],
)
def test_search_stream_announcing_more_than_it_has_is_read_by_pages(
    service: ScriptedService, client: scenecart.Client, sent: list[Any]
):
    """A stream that announces more than it has is not the result: the pages are, and if there are none it is an error."""
    service.put(STREAM, ndjson(feature("a"), *sent))
    service.put(SEARCH, answer(page(feature("a"), feature("b"), feature("c"), numberMatched=3)))
    assert sorted(find(client, limit=None)["id"]) == ["a", "b", "c"]
    service.put(SEARCH, answer({}, 405))
    with raises(scenecart.ServiceError, "stream_aborted") as caught:
        find(client, limit=None)
    assert caught.value.captures["id"].tolist() == ["a"]
    assert "status 200" in str(caught.value)


def test_search_pages_announcing_more_than_came_are_an_error(service: ScriptedService, client: scenecart.Client):
    """A result that is shorter than announced is an error, also when captures of earlier pages were repeated."""
    service.put(STREAM, answer({}, 405))
    service.put(SEARCH, answer(page(feature("a"), feature("b"), next="2")), answer(page(feature("b"), feature("c"), total_count=4)))
    with raises(scenecart.ServiceError, "results_missing") as caught:
        find(client, limit=None)
    assert caught.value.captures["id"].tolist() == ["a", "b", "c"]


@pytest.mark.parametrize("kind", ["stream", "pages"])
def test_search_many_broken_response_names_the_provider_and_keeps_captures(
    service: ScriptedService, client: scenecart.Client, kind: str
):
    """A response that breaks off gives an error with the provider's name, and the captures that had arrived."""
    sent = [feature(f"c{number}") for number in range(40)]
    service.put(STREAM, Answer((ndjson(*sent).body or b"") + b"<html>") if kind == "stream" else answer({}, 405))
    for options in ({}, {"executor": ThreadPoolExecutor(1)}):
        service.put(SEARCH, answer({}, 404) if kind == "stream" else answer(page(*sent, next="2")), answer([]))
        with warns("areas_failed") as caught:
            found = client.search_many({"bay": (10, 10, 11, 11)}, "h", collections=["c"], **options)
        assert "'h'" in str(caught[0].message)
        assert "'h'" in found.attrs["errors"]["bay"]
        assert found["id"].tolist() == [one["id"] for one in sent]
        for executor in options.values():
            executor.shutdown()


def test_covers_is_the_share_of_the_area(service: ScriptedService, client: scenecart.Client):
    """With an area, each capture has the share of it that it covers; without one, or with a box, there is no such column."""
    parts = [shapely.box(0, 0, 2, 2), shapely.box(0, 0, 0.5, 1), shapely.box(0.75, 0, 3, 1)]
    found = [{**feature(f"c{row}"), "geometry": shapely.geometry.mapping(part)} for row, part in enumerate(parts)]
    service.put(SEARCH, answer(page(*found)))
    assert find(client, aoi=(0, 0, 1, 1))["covers"].tolist() == pytest.approx([1.0, 0.5, 0.25], abs=1e-6)
    assert "covers" not in find(client, bbox=(0, 0, 1, 1)).columns
    assert "covers" not in find(client).columns


def test_catalogs_own_covers_gets_a_prefix(service: ScriptedService, client: scenecart.Client):
    """A property named covers is kept beside the share, and is the one that is written into items."""
    service.put(SEARCH, answer(page(feature("a", covers="sea"))))
    captures = find(client, aoi=tuple(shapely.box(-180, -80, 180, 80).bounds))
    assert captures["properties:covers"].tolist() == ["sea"]
    assert 0 < captures["covers"].iloc[0] < 1
    assert next(scenecart.to_items(captures))["properties"]["covers"] == "sea"
    assert find(client)["covers"].tolist() == ["sea"]
