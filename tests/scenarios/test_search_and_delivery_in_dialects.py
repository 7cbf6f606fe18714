"""Searches, payment errors, sign-in and deliveries at services that answer in other ways than documented."""

from __future__ import annotations

import itertools
import logging
from typing import TYPE_CHECKING, Any

import httpx
import pytest

import scenecart
from _expect import raises, warns
from _purchases import ESTIMATE, PLACE, PROJECT, captures, priced
from _scripted_service import TOKEN_PATH, Answer, ScriptedService, answer, feature, ndjson, page
from scenecart.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SEARCH, STREAM, ASSETS = "catalog.search", "catalog.search_stream", "orders.list_assets"
BBOX = (151.18, -33.99, 151.24, -33.94)
ALL = {"host": "aurora", "collections": ["aurora-50cm"], "bbox": BBOX, "datetime": "2024-01/2024-02"}


@pytest.fixture
def speak(tmp_path: Path) -> Iterator[Callable[..., tuple[Sandbox, scenecart.Client]]]:
    """Return a function that starts a sandbox in a dialect, and signs in."""
    started: list[Any] = []

    def start(dialect: str | None, principal: str = "analyst") -> tuple[Sandbox, scenecart.Client]:
        box = Sandbox(pace="instant", dialect=dialect).start()
        started.append(box)
        box.rate_limits = None
        options = {"sleep": lambda _: None, "say": lambda _: None}
        client = box.client(principal, home=tmp_path / str(len(started)), **options)
        started.append(client)
        return box, client

    yield start
    for one in reversed(started):
        one.close() if isinstance(one, scenecart.Client) else one.stop()


@pytest.fixture(scope="module")
def expected() -> list[str]:
    """Return the ids that a service without a dialect finds."""
    with Sandbox(pace="instant") as box, box.client("analyst", home=box.data / "journal") as client:
        ids = sorted(client.search(**ALL)["id"])
    assert len(ids) > 10
    return ids


@pytest.fixture
def client(service: ScriptedService, tmp_path: Path) -> Iterator[scenecart.Client]:
    """Return a client of the scripted service that does not wait between attempts."""
    with scenecart.connect(base_url=service.url, token="t", home=tmp_path / "c", sleep=lambda _: None) as connected:
        yield connected


@pytest.mark.parametrize("way", ["object", "link", "link-object"])
def test_next_page_in_each_form_is_read(speak: Callable[..., Any], expected: list[str], way: str):
    """A next page that is announced as an object or a link is requested, to the last."""
    _, client = speak(f"next-link:{way}")
    assert sorted(client.search(**ALL, page_size=4)["id"]) == expected


@pytest.mark.parametrize(("way", "code"), [("true", "next_page_unreadable"), ("matched", "results_missing")])
def test_next_page_that_cannot_be_requested_is_an_error(speak: Callable[..., Any], expected: list[str], way: str, code: str):
    """A page that says only that there is more is an error with what had arrived; the stream still has everything."""
    _, client = speak(f"next-link:{way}")
    with raises(scenecart.ServiceError, code) as caught:
        client.search(**ALL, page_size=4)
    assert len(caught.value.captures) == 4
    assert sorted(client.search(**ALL)["id"]) == expected
    with raises(scenecart.ServiceError, code):
        list(client.search_stream(**ALL, page_size=4))


def test_next_page_beyond_the_limit_is_not_an_error(speak: Callable[..., Any]):
    """A search whose limit is reached requests no next page, in any form of the announcement."""
    _, client = speak("next-link:true")
    assert len(client.search(**ALL, limit=5)) == 5


@pytest.mark.parametrize(
    "announcement",
    [
        {"next": True},
        {"next": {"page": {"number": 2}}},
        {"links": [{"rel": "next", "href": "/v1/op/catalog.search?page=2"}]},
        {"links": {"next": {"method": "POST"}}},
        {"numberMatched": 3},
        {"context": {"matched": 3, "returned": 2}},
        {"has_more": True},
        {"pagination": {"hasNext": True}},
    ],
)
@pytest.mark.parametrize("count", [2, 5_000], ids=["small", "large"])
def test_announced_captures_are_never_left_out(
    service: ScriptedService, client: scenecart.Client, announcement: dict[str, Any], count: int
):
    """Each announcement that is not understood is an error, also of a large page that is decoded in pieces."""
    note = "x" * (1_000 if count > 2 else 1)
    missing = {"numberMatched": count + 1, "context": {"matched": count + 1}}
    announcement = {name: missing.get(name, value) for name, value in announcement.items()}
    service.put(SEARCH, answer(page(*(feature(f"c{number}", note=note) for number in range(count)), **announcement)))
    with pytest.raises(scenecart.ServiceError) as caught:
        client.search("h", collections="c", page_size=500)
    assert caught.value.code in {"next_page_unreadable", "results_missing"}
    assert len(caught.value.captures) == count
    areas = {"here": (0, 10, 1, 11)}
    with warns("areas_failed"):
        found = client.search_many(areas, "h", collections="c", page_size=500)
    assert "incomplete" in found.attrs["errors"]["here"]
    assert len(found) in {0, count}


WAYS_OF_STREAMS = ["sse", "array", "wrapped", "error", "no-content", "null", "empty"]


@pytest.mark.parametrize("way", WAYS_OF_STREAMS)
def test_stream_in_each_form_gives_every_capture(speak: Callable[..., Any], expected: list[str], way: str):
    """A stream in another form is read, or the pages are: each capture once, in frames, and for many areas."""
    _, client = speak(f"sse-stream:{way}")
    assert sorted(client.search(**ALL)["id"]) == expected
    assert sorted(name for frame in client.search_stream(**ALL) for name in frame["id"]) == expected
    host, criteria = ALL["host"], {name: value for name, value in ALL.items() if name not in {"host", "bbox"}}
    found = client.search_many({"harbour": BBOX}, host, **criteria)
    assert found.attrs.get("errors", {}) == {}
    assert sorted(found["id"]) == expected


FEATURES = [feature(name) for name in "abc"]
STREAMS: dict[str, Answer] = {
    "204": Answer(b"", 204),
    "null": answer(None),
    "empty JSON": Answer(b"", 200, {"Content-Type": "application/json"}),
    "HTML": Answer(b"<html>\n<p>Sign in</p>\n</html>\n", 200, {"Content-Type": "text/html"}),
    "an empty array": answer([]),
    "an unknown object": answer({"kind": "rows", "rows": [[1, 2]]}),
    "an unknown event": Answer(b"event: hello\ndata: {}\n\n", 200, {"Content-Type": "text/event-stream"}),
    "an error": ndjson({"type": "error", "message": "the archive does not answer"}),
    "an error after captures": ndjson(*FEATURES[:2], {"type": "error", "message": "the archive does not answer"}),
    "an error as an object": ndjson(FEATURES[0], {"error": {"code": "E7", "message": "the archive does not answer"}}),
    "an error event": Answer(b'event: error\ndata: {"message": "broken"}\n\n', 200, {"Content-Type": "text/event-stream"}),
    "an error event as text": Answer(b"event: error\ndata: broken\n\n", 200, {"Content-Type": "text/event-stream"}),
    "one page of several": ndjson(page(*FEATURES[:2], next="t")),
    "one page with a count": ndjson(page(*FEATURES[:2], numberMatched=3)),
    "fewer events than counted": Answer(
        b"event: feature\ndata: " + ndjson(FEATURES[0]).body + b'\nevent: complete\ndata: {"count": 3}\n\n',
        200,
        {"Content-Type": "text/event-stream"},
    ),
    "an indented collection": Answer(b'{\n "type": "FeatureCollection",\n "features": []\n}'),
}


@pytest.mark.parametrize("case", STREAMS)
def test_stream_that_is_not_understood_is_replaced_by_pages(service: ScriptedService, client: scenecart.Client, case: str):
    """A stream that is not understood is never "no imagery": the pages are read, and nothing is there twice."""
    service.put(STREAM, STREAMS[case])
    service.put(SEARCH, answer(page(*FEATURES[:1], next="t")), answer(page(*FEATURES[1:])))
    assert sorted(client.search("h", collections="c")["id"]) == ["a", "b", "c"]
    service.put(SEARCH, answer(page(*FEATURES)))
    assert sorted(client.search_many({"x": (0, 10, 1, 11)}, "h", collections="c")["id"]) == ["a", "b", "c"]
    service.put(SEARCH, answer({"detail": "no"}, 404))
    with pytest.raises(scenecart.ScenecartError) as caught:
        client.search("h", collections="c")
    assert caught.value.operation == STREAM


READABLE: dict[str, Answer] = {
    "events without names": Answer(b"".join(b"data: " + ndjson(one).body + b"\n" for one in FEATURES)),
    "events with comments": Answer(
        b": hello\nid: 1\nretry: 5\n" + b"".join(b"data:" + ndjson(one).body for one in FEATURES) + b"data: [DONE]\n\n"
    ),
    "an array in pieces": ndjson(FEATURES[:2], FEATURES[2:]),
    "wrapped lists": ndjson({"features": FEATURES[:2]}, {"items": FEATURES[2:]}),
    "wrapped collections": ndjson({"data": page(*FEATURES)}),
    "wrapped features": ndjson(*({"item": one} for one in FEATURES)),
}


@pytest.mark.parametrize("case", READABLE)
def test_stream_that_can_be_read_needs_no_pages(service: ScriptedService, client: scenecart.Client, case: str):
    """Events, arrays and wrapped features are read from the stream, without requests for pages."""
    service.put(STREAM, READABLE[case])
    assert client.search("h", collections="c")["id"].tolist() == ["a", "b", "c"]
    assert service.requests(SEARCH) == []


def test_refusal_in_a_stream_is_not_replaced(service: ScriptedService, client: scenecart.Client):
    """A problem document in a stream that says why is the error, and no page is requested."""
    service.put(STREAM, ndjson({"title": "Forbidden", "status": 403, "detail": "requires scope catalog:read"}))
    with raises(scenecart.PermissionDenied, "scope_missing"):
        client.search("h", collections="c")
    assert service.requests(SEARCH) == []


@pytest.mark.parametrize("way", ["nested", "clientSecret", "payment_intent_client_secret"])
def test_secret_of_a_payment_is_hidden_in_each_form(speak: Callable[..., Any], caplog: pytest.LogCaptureFixture, way: str):
    """The secret of a 402 opens the payment, and is readable in no error, document or log."""
    caplog.set_level(logging.DEBUG)
    box, client = speak(f"problem-errors:{way}", "secure")
    found = client.search("aurora", collections="aurora-50cm", limit=1)
    estimate = client.cart(found).estimate()
    with raises(scenecart.AuthenticationRequired, "payment_authentication_required") as caught:
        estimate.place()
    error = caught.value
    assert error.client_secret is not None
    secret = error.client_secret.reveal()
    assert error.challenge_url
    for text in (str(error), repr(error), repr(error.problem), error.hint or "", repr(vars(error)), caplog.text):
        assert secret not in text
    box.complete_challenge(secret)
    assert estimate.place().id
    assert len(client.orders()) == 1


@pytest.mark.parametrize(
    ("principal", "kind", "code"),
    [
        ("broke", scenecart.InsufficientCredits, "insufficient_credits"),
        ("declined", scenecart.CardDeclined, "card_declined"),
    ],
)
def test_payment_problem_in_other_words_has_its_kind(
    speak: Callable[..., Any], principal: str, kind: type[scenecart.PaymentRequired], code: str
):
    """A 402 in other words is the same kind of problem, and the same key buys once after it is solved."""
    box, client = speak("problem-errors", principal)
    estimate = client.cart(client.search("aurora", collections="aurora-50cm", limit=1)).estimate()
    with raises(kind, code):
        estimate.place()
    box.top_up(principal, 5_000_000) if principal == "broke" else box.attach_card(principal)
    assert estimate.place().id
    assert len(client.orders()) == 1


def test_invalid_fields_of_a_problem_are_kept(speak: Callable[..., Any]):
    """A 422 with a list of errors names each field."""
    _, client = speak("problem-errors")
    with raises(scenecart.InvalidRequest, "request_rejected") as caught:
        client.call("catalog.search", {"host_name": "aurora", "limit": "many", "collections": 5})
    assert len(caught.value.fields) >= 1
    assert all(name and message for name, message in caught.value.fields)
    assert caught.value.fields[0][0] in str(caught.value)


@pytest.mark.parametrize("way", ["400", "401", "422"])
def test_api_key_that_cannot_be_exchanged_is_sent_as_it_is(speak: Callable[..., Any], expected: list[str], way: str):
    """If a key cannot be exchanged, it is sent as it is, and searches and estimates succeed."""
    _, client = speak(f"direct-keys:{way}", "robot")
    assert sorted(client.search(**ALL)["id"]) == expected
    assert client.cart(client.search(**ALL, limit=1)).estimate().total_credits > 0


@pytest.mark.parametrize("status", [400, 401, 422])
def test_api_key_that_is_refused_in_both_ways_is_the_error(service: ScriptedService, tmp_path: Path, status: int):
    """A revoked key is one clear error, whichever way the service refuses it."""
    service.put(TOKEN_PATH, answer({"error": "unauthorized_client"}, status))
    service.put(SEARCH, answer({"title": "Unauthorized", "detail": "unknown key gpra_private-key"}, 401))
    with (
        scenecart.connect(base_url=service.url, api_key="gpra_private-key", home=tmp_path) as client,
        raises(scenecart.AuthenticationError, "api_key_refused") as caught,
    ):
        client.search("h", collections="c", limit=5)
    assert "private-key" not in str(caught.value) + repr(vars(caught.value))


def deliver(client: scenecart.Client, count: int = 3) -> scenecart.Order:
    """Return a delivered order of some captures."""
    found = client.search("openterra", collections="openterra-10m", limit=count)
    return client.cart(found).estimate().place().wait(timeout=60, progress=False)


@pytest.mark.parametrize("way", ["pages", "list", "integers", "bare"])
def test_items_in_each_form_are_delivered_completely(speak: Callable[..., Any], tmp_path: Path, way: str):
    """Items in pages, with assets as a list, with integer ids or as a bare list: no file is missing."""
    _, client = speak(f"paged-assets:{way}")
    order = deliver(client)
    items = order.items()
    assert (len(items), set(items["provenance"])) == (3, {"verified"})
    paths = order.download(tmp_path / "out", progress=False)
    assert len(paths) == 12
    assert all(path.stat().st_size for path in paths)
    assert len(order.item_collection()) == 3


def test_items_that_arrive_later_are_warned_of(speak: Callable[..., Any], tmp_path: Path):
    """If fewer items than captures are listed, a warning says so; later all are there."""
    _, client = speak("paged-assets:late")
    order = deliver(client)
    with warns("items_fewer_than_captures"):
        assert len(order.items()) == 2
    assert len(order.items()) == 3
    assert len(order.download(tmp_path / "out", progress=False)) == 12


@pytest.fixture
def delivered(service: ScriptedService, client: scenecart.Client) -> scenecart.Order:
    """Return a delivered order of two captures."""
    service.put("orders.get", answer({"id": "o", "status": "delivered", "captures": ["a", "b"]}))
    service.put("provenance.get", answer({}, 404))
    return client.order("o")


def test_items_download_warns_of_missing_files(service: ScriptedService, delivered: scenecart.Order, tmp_path: Path):
    """A download, too, says when the list has fewer items than captures, or entries that are not items."""
    service.put(ASSETS, answer(page(feature("a"))))
    with warns("items_fewer_than_captures"):
        delivered.download(tmp_path / "out", progress=False)
    service.put(ASSETS, answer(page(feature("a"), feature("b"), {"file": "c.tif"}, None)))
    with warns("items_skipped") as caught:
        delivered.download(tmp_path / "out", progress=False)
    assert "2" in str(caught[0].message)


@pytest.mark.parametrize(
    ("answers", "code"),
    [
        ([page(feature("a"), next=True)], "next_page_unreadable"),
        ([page(feature("a"), numberMatched=2)], "items_missing"),
        ([{"content": [feature("a")], "totalElements": 2}], "items_missing"),
        ([page(feature("a"), next="t")], "items_page_repeated"),
        ([page(feature("a"), next="t"), page(next="u")], "items_page_repeated"),
        ([None], "items_invalid"),
        ([{"url": "https://x.example/a.zip"}], "items_invalid"),
    ],
)
def test_items_that_cannot_be_listed_are_an_error(
    service: ScriptedService, delivered: scenecart.Order, answers: list[Any], code: str
):
    """Items that are announced and do not arrive are an error."""
    service.put(ASSETS, *map(answer, answers))
    with raises(scenecart.ServiceError, code):
        delivered.items()


@pytest.mark.parametrize("name", ["features", "items", "content", "data"])
def test_items_under_each_name_are_read(service: ScriptedService, delivered: scenecart.Order, name: str):
    """The list of items has several names, and its next page several forms; an item on two pages is there once."""
    pages = [
        {name: [feature("a")], "next": {"token": "t"}},
        {name: [feature("a"), {**feature("b"), "id": 7}], "links": [{"rel": "next", "body": {"token": "u"}}]},
        {name: [feature("c")]},
    ]
    service.put(ASSETS, *map(answer, pages))
    assert delivered.items()["id"].tolist() == ["a", "7", "c"]
    assert [request.json.get("next") for request in service.requests(ASSETS)] == [None, "t", "u"]


@pytest.mark.parametrize(
    ("way", "provenance"),
    [
        ("422", "unknown"),
        ("405", "unknown"),
        ("500", "unknown"),
        ("no-edges", "unknown"),
        ("uuids", "unknown"),
        ("upper-case", "verified"),
        ("job", "verified"),
    ],
)
def test_items_without_a_provenance_record_are_returned(speak: Callable[..., Any], way: str, provenance: str):
    """Items are returned for any record, and are "missing" only if the record contradicts the order."""
    _, client = speak(f"no-provenance:{way}")
    assert deliver(client).items()["provenance"].tolist() == [provenance] * 3


def test_items_records_of_changing_form_give_no_false_missing(speak: Callable[..., Any]):
    """A service whose records change their form with each call gives no false "missing"."""
    _, client = speak("no-provenance")
    order = deliver(client)
    found = list(itertools.chain.from_iterable(order.items()["provenance"] for _ in range(8)))
    assert "missing" not in found


@pytest.mark.parametrize("dialect", [None, "next-link,sse-stream,problem-errors,direct-keys,paged-assets,no-provenance"])
def test_all_dialects_at_once_lose_nothing(speak: Callable[..., Any], expected: list[str], tmp_path: Path, dialect: str | None):
    """From search to delivery in all of these dialects: each capture, one order, each file."""
    _, client = speak(dialect)
    for _ in range(7):
        assert sorted(client.search(**ALL)["id"]) == expected
    order = deliver(client)
    assert len(client.orders()) == 1
    assert len(order.download(tmp_path / "out", progress=False)) == 12


def test_call_refuses_what_the_service_says_spends(speak: Callable[..., Any]):
    """call() refuses every operation whose description says that it spends, before anything is sent."""
    box, client = speak(None)
    paths = httpx.get(f"{box.url}/openapi.json").json()["paths"]
    spending = [
        path.removeprefix("/v1/op/")
        for path, methods in paths.items()
        if path.startswith("/v1/op/") and methods["post"]["x-side-effect"] == "external_spend"
    ]
    assert {PLACE, "orders.cancel"} <= set(spending)
    for name in [*spending, "billing.topup", "processing.create_and_dispatch"]:
        with raises(scenecart.ConfigurationError, "spending_by_call"):
            client.call(name, {})


BIG = 10**5_000
LONE = "x" + chr(0xD800)


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"max_credits": -1}, "not_a_count"),
        ({"max_credits": -BIG}, "not_a_count"),
        ({"max_credits": float("inf")}, "not_a_count"),
        ({"max_credits": "5"}, "not_a_count"),
        ({"project": LONE}, "not_unicode"),
        ({"project": 10**20}, "not_a_project"),
        ({"project": BIG}, "not_a_project"),
        ({"license_type": LONE}, "not_unicode"),
        ({"license_type": 10**20}, "not_a_string"),
        ({"license_type": BIG}, "not_a_string"),
        ({"license_type": None}, "not_a_string"),
    ],
    ids=[
        "negative", "huge negative", "infinite", "text", "lone surrogate", "integer", "huge integer", "license surrogate",
        "license integer", "license huge", "license None",
    ],
)  # fmt: skip
def test_bad_argument_of_a_purchase_is_refused_before_anything_is_written(
    service: ScriptedService, client: scenecart.Client, given: dict[str, Any], code: str
):
    """A bad argument is one clear error: nothing is sent, nothing is in the journal, and nothing was ordered."""
    service.put(ESTIMATE, answer(priced((["a", "b"], 300))))
    estimate = client.cart(captures()).estimate()
    with raises(scenecart.InvalidRequest, code) as caught:
        estimate.place(**{"project": PROJECT, **given})
    assert caught.value.message.endswith("Nothing was ordered.")
    assert caught.value.argument in given
    assert service.requests(PLACE) == []
    assert len(client.placements()) == 0


@pytest.mark.parametrize("name", [LONE, 10**20, BIG, 5, 1.5, None, "", True], ids=lambda value: type(value).__name__)
def test_capture_without_usable_id_is_not_ordered(client: scenecart.Client, name: Any):
    """A capture whose id cannot be sent is refused when the cart is made."""
    found = captures()
    found["id"] = found["id"].astype(object)
    found.at[0, "id"] = name
    with raises(scenecart.InvalidCart, "captures_not_orderable"):
        client.cart(found)


def test_any_limit_above_the_price_is_accepted(service: ScriptedService, client: scenecart.Client):
    """A limit of any size is only compared with the price."""
    service.put(ESTIMATE, answer(priced((["a", "b"], 300))))
    service.put(PLACE, answer({"id": "o-1", "status": "processing", "captures": ["a", "b"]}, 202))
    service.put("orders.list", answer([]))
    assert client.cart(captures()).estimate().place(PROJECT, max_credits=BIG).id == "o-1"
