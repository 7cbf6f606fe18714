"""Searches of STAC APIs, static catalogs and files of items."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

import scenecart
from _expect import raises, warns
from _scripted_service import Answer, ScriptedService, answer, page
from _stac_api import ALL, CORE, ITEM_SEARCH, catalog, item, landing, link, next_by_post
from scenecart import AuthenticationError, ConnectionFailed, InvalidArea, InvalidQuery, InvalidRequest, ServiceError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from _scripted_service import RecordedRequest
    from scenecart.sandbox import Sandbox

SYDNEY = (151.18, -33.99, 151.24, -33.94)
ONCE = scenecart.Retry(attempts=1)
QUICK = scenecart.Retry(base=0.0)


@pytest.fixture
def other() -> Iterator[ScriptedService]:
    """Start a second server, which is another origin."""
    with ScriptedService() as running:
        yield running


def search_sandbox(box: Sandbox, **criteria: Any) -> Any:
    """Search the sandbox's catalog as a STAC API."""
    headers = {"Authorization": f"Bearer {box.token('analyst')}"}
    return scenecart.search_stac(f"{box.url}/v2/catalog/", headers=headers, **criteria)


def test_search_stac_has_the_columns_of_a_service_search(box: Sandbox, tmp_path: Path):
    """The result of a STAC API has the columns of the service's own, and both can be concatenated."""
    with box.client("analyst", home=tmp_path) as client:
        ours = client.search("openterra", collections="openterra-10m", aoi=SYDNEY, datetime="2024-03")
    theirs = search_sandbox(box, collections="openterra-10m", aoi=SYDNEY, datetime="2024-03", host="open")
    assert theirs["id"].tolist() == ours["id"].tolist()
    assert theirs["datetime"].tolist() == ours["datetime"].tolist()
    assert theirs.geometry.geom_equals(ours.geometry).all()
    assert set(ours.columns) <= set(theirs.columns)
    both = pd.concat([ours, theirs], ignore_index=True)
    assert both["host"].value_counts().to_dict() == {"openterra": len(ours), "open": len(ours)}
    assert scenecart.filter(both, cloud_cover=30)["eo:cloud_cover"].max() <= 30


def test_search_stac_follows_pages_up_to_the_limit(box: Sandbox):
    """More than one page is followed, the limit is kept, and progress is reported."""
    events: list[scenecart.SearchEvent] = []
    found = search_sandbox(box, bbox=(150, -35, 153, -32), datetime="2024-03", limit=25, progress=events.append)
    assert len(found) == found["id"].nunique() == 25
    assert (events[0].kind, events[-1].kind, events[-1].captures) == ("started", "finished", 25)
    assert len(search_sandbox(box, bbox=(150, -35, 153, -32), datetime="2024-03", limit=25, page_size=10)) == 25
    nothing = search_sandbox(box, ids=["nothing"])
    assert nothing.empty
    assert "ids nothing" in nothing.attrs["query"]


def test_search_stac_filter_sortby_and_fields_are_sent(service: ScriptedService):
    """CQL2 as text and as JSON, an order and a choice of fields are sent in the forms of STAC APIs."""
    url = landing(service)
    service.put("/search", answer(page(item("a"))))
    expression = {"op": "<=", "args": [{"property": "eo:cloud_cover"}, 30]}
    scenecart.search_stac(url, filter=expression, sortby="-properties.datetime", fields=["id", "geometry"])
    assert service.received[-1].json == {
        "filter": expression,
        "filter-lang": "cql2-json",
        "sortby": [{"field": "properties.datetime", "direction": "desc"}],
        "fields": {"include": ["id", "geometry"], "exclude": []},
    }
    scenecart.search_stac(url, filter="gsd < 1", sortby=["id", "-gsd"])
    assert service.received[-1].path == "/search?filter=gsd+%3C+1&filter-lang=cql2-text&sortby=%2Bid%2C-gsd"


@pytest.mark.parametrize("name", ["filter", "sortby", "fields"])
def test_search_stac_extension_not_promised_is_said(service: ScriptedService, name: str):
    """A filter that the API does not offer is refused; an order or a choice of fields comes with a warning."""
    url = landing(service, conforms=[CORE, ITEM_SEARCH])
    service.put("/search", answer(page(item("a"))))
    if name == "filter":
        with raises(InvalidQuery, "stac_extension_missing"):
            scenecart.search_stac(url, filter="gsd < 1")
        assert not service.requests("/search")
    else:
        with warns("stac_extension_not_promised"):
            scenecart.search_stac(url, **{name: "id"})
    landing(service)
    assert len(scenecart.search_stac(url, **{name: "id"})) == 1


def test_search_stac_conformance_document_counts(service: ScriptedService):
    """If the landing page has no conformance classes, those of the conformance document count."""
    links = [link("search", "search"), link("conformance", "conformance")]
    service.put("/", answer(catalog("api", *links)))
    service.put("/search", answer(page(item("a", gsd=1), item("b"))))
    service.put("/conformance", answer({"conformsTo": ALL}))
    assert len(scenecart.search_stac(f"{service.url}/", query={"gsd": {"lte": 1}})) == 2
    service.put("/conformance", answer({}, 404))
    with warns("stac_filtered_here"):
        assert len(scenecart.search_stac(f"{service.url}/", query={"gsd": {"lte": 1}})) == 1


@pytest.mark.parametrize("href", ["ftp://example.com/search", "http://[", "https://user:password@example.com/search"])
def test_search_stac_search_link_that_cannot_be_requested_is_an_error(service: ScriptedService, href: str):
    """A landing page whose search endpoint is no web address is an error, not an empty result."""
    service.put("/", answer(catalog("api", link("search", href), type=None)))
    with raises(ServiceError, "stac_api_invalid"):
        scenecart.search_stac(f"{service.url}/")
    service.put("/", answer(catalog("api", link("search", href), link("search", "search"), type=None)))
    service.put("/search", answer(page(item("a"))))
    assert len(scenecart.search_stac(f"{service.url}/")) == 1


def test_search_stac_conditions_reach_apis_without_query(service: ScriptedService):
    """Without the query extension, conditions are sent as CQL2; an API that refuses them gets the search without."""
    url = landing(service, conforms=[CORE, ITEM_SEARCH, f"{ITEM_SEARCH}#filter"])
    service.put("/search", answer(page(item("a"))))
    expression = {"op": "=", "args": [{"property": "platform"}, "x"]}
    assert len(scenecart.search_stac(url, max_cloud_cover=20, filter=expression)) == 1
    cloud = {"op": "<=", "args": [{"property": "eo:cloud_cover"}, 20]}
    assert service.received[-1].json == {"filter": {"op": "and", "args": [expression, cloud]}, "filter-lang": "cql2-json"}
    with warns("stac_filtered_here"):
        assert scenecart.search_stac(url, max_cloud_cover=20, filter="platform = 'x'").empty
    landing(service, conforms=[CORE, ITEM_SEARCH])

    def reply(request: RecordedRequest) -> Answer:
        return answer({"detail": "unknown"}, 400) if "query" in request.json else answer(page(item("a", gsd=1), item("b", gsd=2)))

    service.put("/search", reply)
    with warns("stac_filtered_here"):
        assert scenecart.search_stac(url, query={"gsd": {"lte": 1}}, collections="c")["id"].tolist() == ["a"]
    assert service.received[-1].json == {"collections": ["c"]}


def test_search_stac_page_size_that_the_api_refuses_is_left_to_it(service: ScriptedService):
    """A page size that the caller did not choose, and the API refuses, is left to the API; a refusal of the rest is an error."""
    url = landing(service)
    refusal = answer({"detail": "limit must be at most 100"}, 400)
    service.put("/search", lambda request: refusal if "limit" in request.json else answer(page(item("a"))))
    assert len(scenecart.search_stac(url, limit=300)) == 1
    with raises(scenecart.BadRequest, "stac_request_rejected"):
        scenecart.search_stac(url, limit=300, page_size=300)
    service.put("/search", refusal)
    with raises(scenecart.BadRequest, "stac_request_rejected"):
        scenecart.search_stac(url, limit=300)


@pytest.mark.parametrize(
    ("url", "kind", "code"),
    [
        ("{box}/openapi.json", ServiceError, "stac_api_invalid"),
        ("http://127.0.0.1:9/?key=secret", ConnectionFailed, "service_unreachable"),
        ("{box}/v2/catalog/", AuthenticationError, "stac_sign_in_required"),
        ("{box}/nowhere", scenecart.NotFound, "stac_document_missing"),
    ],
)
def test_search_stac_failing_api_is_named_without_secrets(box: Sandbox, url: str, kind: type[scenecart.ScenecartError], code: str):
    """An API that is none, cannot be reached, or refuses the sign-in is an error that names the host and no key of the URL."""
    with raises(kind, code) as caught:
        scenecart.search_stac(url.format(box=box.url), collections="a", retry=ONCE)
    assert "127.0.0.1" in str(caught.value)
    assert "secret" not in str(caught.value)
    assert caught.value.captures is not None
    assert caught.value.captures.empty


@pytest.mark.parametrize("fault", [answer({}, 500), answer({}, 503), answer({}, 429, Retry_After="0"), Answer(None)])
def test_search_stac_failed_page_is_requested_again(service: ScriptedService, fault: Answer):
    """A page that fails once is requested again, and those before it are not; one that fails each time is an error."""
    url = landing(service)
    service.put("/search", answer(page(item("a"), links=next_by_post(service, 2))), fault, answer(page(item("b"))))
    assert scenecart.search_stac(url, retry=QUICK)["id"].tolist() == ["a", "b"]
    assert len(service.requests("/search")) == 3
    service.put("/search", answer(page(item("a"), links=next_by_post(service, 2))), fault)
    with pytest.raises(scenecart.ScenecartError) as caught:
        scenecart.search_stac(url, retry=QUICK)
    assert caught.value.captures["id"].tolist() == ["a"]


def test_search_stac_silent_api_ends_by_its_timeout(service: ScriptedService):
    """An API that takes the request and does not answer is an error after the time limit, without another request."""
    url = landing(service)
    done = threading.Event()

    def silent(_: object) -> Answer:
        done.wait(30)
        return answer(page(item("b")))

    service.put("/search", answer(page(item("a"), links=next_by_post(service, 2))), silent)
    with raises(scenecart.RequestTimeout, "request_timed_out") as caught:
        scenecart.search_stac(url, limits=scenecart.Limits(read=0.5))
    done.set()
    assert caught.value.captures["id"].tolist() == ["a"]
    assert len(service.requests("/search")) == 2


def test_search_stac_headers_go_to_their_own_origin_only(service: ScriptedService, other: ScriptedService):
    """A next page, a redirect and a search endpoint of another origin get no header of the caller, nor one of the API's links."""
    url = landing(service)
    secret = {"Authorization": "Bearer very-secret", "X-API-Key": "key"}
    leaking = [link("next", f"{other.url}/search", headers={"Authorization": "Bearer very-secret", "X-Page": "2"})]
    other.put("/search", answer(page(item("b"), links=[link("next", f"{service.url}/last", headers={"X-Page": "3"})])))
    service.put("/search", answer(page(item("a"), links=leaking)))
    service.put("/last", Answer(b"", 307, {"Location": f"{other.url}/moved"}))
    other.put("/moved", answer(page(item("c", 1.0))))
    assert scenecart.search_stac(url, headers=secret)["id"].tolist() == ["a", "b", "c"]
    for request in other.received:
        assert not request.headers.keys() & {"authorization", "x-api-key", "x-page"}
    assert all(request.headers["authorization"] == "Bearer very-secret" for request in service.received)
    assert service.received[-1].headers["x-page"] == "3"


def test_search_stac_error_shows_no_header(service: ScriptedService):
    """An API that repeats the headers in its error does not make them appear in ours."""
    url = landing(service)
    service.put("/search", answer({"title": "No", "detail": "Bearer very-secret of ?key=in-the-url"}, 400))
    with raises(scenecart.BadRequest, "stac_request_rejected") as caught:
        scenecart.search_stac(f"{url}?key=in-the-url", headers={"Authorization": "Bearer very-secret"})
    for text in (str(caught.value), repr(vars(caught.value))):
        assert "very-secret" not in text
        assert "in-the-url" not in text


def test_search_stac_catalog_is_walked_and_filtered_here(service: ScriptedService):
    """A static catalog is walked; its items are checked, sorted and limited here."""
    service.put("/catalog.json", answer(catalog("root", link("child", "c/collection.json"), link("item", "x.json"))))
    service.put(
        "/c/collection.json", answer({**catalog("c", link("item", "./a.json"), link("item", "b.json")), "type": "Collection"})
    )
    service.put("/c/a.json", answer(item("a", gsd=2, **{"eo:cloud_cover": 5})))
    service.put("/c/b.json", answer(item("b", gsd=1, **{"eo:cloud_cover": 90})))
    service.put("/x.json", answer({**item("x", 50.0, gsd=3), "collection": "d"}))
    url = f"{service.url}/catalog.json"
    assert scenecart.search_stac(url)["id"].tolist() == ["a", "b", "x"]
    assert scenecart.search_stac(url, sortby="gsd", limit=2)["id"].tolist() == ["b", "a"]
    assert scenecart.search_stac(url, sortby=["-collection", "-id"])["id"].tolist() == ["x", "b", "a"]
    assert scenecart.search_stac(url, sortby="nothing")["id"].tolist() == ["a", "b", "x"]
    assert scenecart.search_stac(url, max_cloud_cover=20, collections="c")["id"].tolist() == ["a"]
    assert scenecart.search_stac(url, bbox=(49, 9, 51, 11), datetime="2024")["id"].tolist() == ["x"]
    for argument in ("filter", "fields"):
        with raises(InvalidQuery, "stac_files_extension"):
            scenecart.search_stac(url, **{argument: "id"})


def test_search_stac_file_of_items_is_read(tmp_path: Path):
    """A local file of items is searched by its path, and named by it; nothing is requested."""
    path = tmp_path / "items.json"
    path.write_text(json.dumps(page(item("a"), item("b", 30.0), item("a"))), encoding="utf-8")
    found = scenecart.search_stac(path)
    assert found["id"].tolist() == ["a", "b"]
    assert found["host"].tolist() == ["items.json"] * 2
    mine = scenecart.search_stac(str(path), bbox=(29, 9, 31, 11), host="mine")
    assert (mine["id"].tolist(), mine["host"].tolist()) == (["b"], ["mine"])

    def sign(document: dict[str, Any]) -> None:
        document["features"][0]["properties"]["signed"] = True

    assert scenecart.search_stac(path, modifier=sign, limit=1)["signed"].tolist() == [True]


def test_search_stac_invalid_argument_is_refused(tmp_path: Path):
    """Invalid arguments are refused before anything is sent."""
    for url in ("catalog.json", "ftp://example.com", tmp_path, 5, None, "https://user:password@example.com", "https://"):
        with raises(InvalidRequest, "stac_url_invalid") as caught:
            scenecart.search_stac(url)  # type: ignore[arg-type]  # on purpose
        assert "password" not in str(caught.value)
    with raises(InvalidQuery, "not_a_count"):
        scenecart.search_stac("http://127.0.0.1:9/", limit=0)
    with raises(InvalidArea, "area_file_missing"):
        scenecart.search_stac("http://127.0.0.1:9/", aoi="nowhere.geojson")
    with raises(InvalidQuery, "stac_argument_invalid"):
        scenecart.search_stac("http://127.0.0.1:9/", sortby=5)  # type: ignore[arg-type]  # on purpose
    with raises(InvalidQuery, "stac_modifier_invalid"):
        scenecart.search_stac("http://127.0.0.1:9/", modifier=5)  # type: ignore[arg-type]  # on purpose
