"""Malformed responses of a service: each is one clear error or the complete result, in bounded memory and few calls."""

from __future__ import annotations

import contextlib
import json
import re
import tracemalloc
import zlib
from typing import TYPE_CHECKING, Any

import pytest

import scenecart
from _expect import raises, warns
from _purchases import ESTIMATE, GET, LIST, ORDER, PLACE, captures, keys, priced
from _scripted_service import TOKEN_PATH, Answer, RecordedRequest, ScriptedService, answer, feature, ndjson, page

if TYPE_CHECKING:
    from collections.abc import Callable

SEARCH, STREAM, SIGN = "catalog.search", "catalog.search_stream", "items.asset.download"


@pytest.fixture
def client(connect: Any) -> scenecart.Client:
    """Return a client of the scripted service."""
    client: scenecart.Client = connect()
    return client


def search(client: scenecart.Client, **criteria: Any) -> Any:
    """Search the host "h", by default for ten captures."""
    return client.search("h", **{"collections": ["c"], "limit": 10, **criteria})


def typed(body: bytes | str, status: int = 200, media_type: str = "application/geo+json") -> Answer:
    """Return a response of a media type."""
    return Answer(body if isinstance(body, bytes) else body.encode(), status, {"Content-Type": media_type})


ITEM = json.dumps(feature("a"))
UNREADABLE_PAGES = {
    "empty": typed(b""),
    "null": typed("null"),
    "a list": typed("[]"),
    "HTML": typed("<html>Sign in</html>", media_type="text/html"),
    "truncated": typed('{"type":"FeatureCollection","features":[{"ty'),
    "a feature": typed(ITEM),
    "no features": typed('{"type":"FeatureCollection"}'),
    "features null": typed('{"type":"FeatureCollection","features":null}'),
    "a catalog": typed('{"type":"Catalog","features":[]}'),
    "UTF-16": typed(json.dumps(page()).encode("utf-16")),
    "Latin-1": typed(json.dumps(page(feature("é")), ensure_ascii=False).encode("latin-1")),
    "Latin-1 beside no features": typed('{"type":"FeatureCollection","features":[],"title":"é"}'.encode("latin-1")),
    "no content": typed(b"", 204),
    "features twice": typed(f'{{"type":"FeatureCollection","features":[{ITEM}],"features":[]}}'),
    "NaN": typed('{"type":"FeatureCollection","features":[{"type":"Feature","id":"a","properties":{"gsd":NaN}}]}'),
    "infinity": typed('{"type":"FeatureCollection","features":[],"numberMatched":Infinity}'),
    "100,000 brackets": typed("[" * 100_000),
    "100,000 brackets in a property": typed('{"features":[{"type":"Feature","id":"a","properties":{"a":' + "[" * 100_000),
    "more behind it": typed('{"type":"FeatureCollection","features":[]} {}'),
}


@pytest.mark.parametrize("case", UNREADABLE_PAGES)
def test_unreadable_page_is_never_an_empty_result(service: ScriptedService, client: scenecart.Client, case: str):
    """A response that is not exactly a feature collection is an error with status and media type, never an empty result."""
    response = UNREADABLE_PAGES[case]
    service.put(SEARCH, response)
    with pytest.raises(scenecart.ServiceError) as caught:
        search(client)
    assert caught.value.code in {"response_empty", "response_not_json", "response_not_feature_collection"}
    assert caught.value.status == response.status
    assert f"status {response.status}, {response.headers['Content-Type']}" in caught.value.message
    assert len(str(caught.value)) < 500
    service.put(LIST, response)
    if case not in {"a list", "features twice", "no features", "features null", "a catalog", "a feature"}:
        with pytest.raises(scenecart.ServiceError):
            client.orders()


TWICE = f'{{"type":"FeatureCollection","features":[{ITEM}],"features":[]}}'


@pytest.mark.parametrize(
    "body", [TWICE.encode(), b"\xef\xbb\xbf" + TWICE.encode(), '{"features":[],"a":"é"}'.encode("latin-1")], ids=str
)
def test_unreadable_later_page_keeps_the_captures_before(service: ScriptedService, client: scenecart.Client, body: bytes):
    """A malformed page in the middle of a search ends it with an error that has the captures before it."""
    service.put(STREAM, answer({}, 404))
    service.put(SEARCH, answer(page(feature("first", gsd=1), next="t")), typed(body))
    with pytest.raises(scenecart.ServiceError) as caught:
        search(client, limit=None)
    assert caught.value.code in {"response_not_json", "response_not_feature_collection"}
    assert caught.value.captures["id"].tolist() == ["first"]


def bomb(megabytes: int) -> bytes:
    """Return so many MB of spaces, compressed to a thousandth."""
    compressor = zlib.compressobj(wbits=31)
    return b"".join([*(compressor.compress(b" " * 2**20) for _ in range(megabytes)), compressor.flush()])


@pytest.mark.parametrize("path", [SEARCH, LIST, TOKEN_PATH])
def test_response_that_decompresses_beyond_the_limit_is_an_error(service: ScriptedService, connect: Any, path: str):
    """A small body that decompresses to more than the limit is an error before it fills the memory, also at sign-in."""
    credentials = {"token": None, "api_key": "gpra_key"} if path == TOKEN_PATH else {}
    client = connect(limits=scenecart.Limits(answer_bytes=2**20), **credentials)
    service.put(path, Answer(bomb(64), 200, {"Content-Encoding": "gzip", "Content-Type": "application/json"}))
    with raises(scenecart.ServiceError, "response_too_large") as caught:
        client.orders() if path != SEARCH else search(client)
    assert "1,048,576 bytes" in caught.value.message


def test_stream_of_blank_lines_is_read_in_bounded_memory(service: ScriptedService, client: scenecart.Client):
    """Millions of blank lines take time but little memory, and the capture after them is read."""
    compressor = zlib.compressobj(wbits=31)
    blank = [compressor.compress(b"\n" * 2**20) for _ in range(16)]
    body = b"".join([*blank, compressor.compress(ITEM.encode()), compressor.flush()])
    service.put(STREAM, Answer(body, 200, {"Content-Encoding": "gzip"}))
    tracemalloc.start()
    try:
        assert search(client, limit=None)["id"].tolist() == ["a"]
        assert tracemalloc.get_traced_memory()[1] < 80 * 2**20
    finally:
        tracemalloc.stop()


def test_line_of_8_mb_is_read_and_an_endless_one_is_an_error(service: ScriptedService, client: scenecart.Client):
    """A long capture is read; a line longer than any capture is an error that has the captures before it."""
    service.put(STREAM, ndjson(feature("a"), feature("long", title="x" * 8_000_000), feature("b")))
    captures_found = search(client, limit=None)
    assert captures_found["id"].tolist() == ["a", "long", "b"]
    assert len(captures_found["title"][1]) == 8_000_000
    compressor = zlib.compressobj(1, wbits=31)
    parts = [ITEM.encode() + b"\n", *([b"x" * 2**20] * 66)]
    endless = [*(compressor.compress(part) for part in parts), compressor.flush()]
    service.put(STREAM, Answer(b"".join(endless), 200, {"Content-Encoding": "gzip"}))
    with raises(scenecart.ServiceError, "stream_line_too_long") as caught:
        search(client, limit=None)
    assert caught.value.captures["id"].tolist() == ["a"]


LINE = ITEM.encode() + b"\n"
# the stream, the ids of its captures, and the number of skipped entries or the code of the error
LINES: dict[str, tuple[bytes, list[str], int | str]] = {
    "CRLF and blank lines": (b"\r\n" + LINE.replace(b"\n", b"\r\n") + b"\r\n" + LINE.replace(b'"a"', b'"b"'), ["a", "b"], 0),
    "an array": (LINE + b"[1, 2]\n" + LINE.replace(b'"a"', b'"b"'), ["a", "b"], 2),
    "unknown types": (LINE + b'{"type":"Progress"}\n{}\n"x"\n5\nnull\n', ["a"], 5),
    "a collection": (b'{"type":"FeatureCollection","features":[' + ITEM.encode() + b", 5]}\n", ["a"], 1),
    "a cut letter": (LINE + LINE.replace(b'"a"', '"é'.encode())[: LINE.index(b'"a"') + 2], ["a"], "stream_line_not_json"),
    "Latin-1": (LINE + LINE.replace(b'"a"', b'"\xe9"'), ["a"], "stream_line_not_json"),
    "HTML": (LINE + b"<html>\n", ["a"], "stream_line_not_json"),
    "two captures on a line": (LINE + LINE.strip() + b"," + LINE, ["a"], "stream_line_not_json"),
    "100,000 brackets": (LINE + b"[" * 100_000 + b"\n", ["a"], "stream_line_not_json"),
    "a problem": (LINE + b'{"title":"x","status":503,"detail":"disk full"}\n', ["a"], "service_failed"),
    "a broken collection": (LINE + b'{"type":"FeatureCollection","features":null}\n', ["a"], "response_not_feature_collection"),
}


@pytest.mark.parametrize("case", LINES)
def test_each_line_of_a_stream_is_a_capture_or_reported(service: ScriptedService, client: scenecart.Client, case: str):
    """Unknown lines are counted, and broken ones are an error that has the captures before; no line ends the stream unnoticed."""
    body, ids, outcome = LINES[case]
    service.put(STREAM, Answer(body, 200, {"Content-Type": "application/x-ndjson"}))
    if isinstance(outcome, str):
        with raises(scenecart.ServiceError, outcome) as caught:
            search(client, limit=None)
        assert caught.value.captures["id"].tolist() == ids
        return
    if outcome == 0:
        assert search(client, limit=None)["id"].tolist() == ids
        return
    with warns("entries_skipped") as caught_warnings:
        assert search(client, limit=None)["id"].tolist() == ids
    assert re.findall(r"\d+", str(caught_warnings[0].message)) == [str(outcome)]


def test_line_of_two_captures_is_an_error_in_a_long_stream(service: ScriptedService, client: scenecart.Client):
    """Two captures on one line are an error also in a long stream, whose lines are decoded together."""
    lines = [json.dumps(feature(f"c{number}")).encode() for number in range(2_500)]
    lines[2_200] += b"," + ITEM.encode()
    service.put(STREAM, Answer(b"\n".join(lines)))
    with raises(scenecart.ServiceError, "stream_line_not_json") as caught:
        search(client, limit=None)
    assert caught.value.captures["id"].tolist() == [f"c{number}" for number in range(2_200)]


def test_endless_pages_without_new_captures_end(service: ScriptedService, client: scenecart.Client):
    """A service that returns new tokens but no new captures is called a limited number of times, with a warning."""
    service.put(STREAM, answer({}, 404))
    tokens = iter(range(10_000))
    service.put(SEARCH, lambda _: answer(page(feature("a"), next=f"t{next(tokens)}")))
    with warns("page_repeated"):
        assert search(client, limit=None)["id"].tolist() == ["a"]
    assert len(service.requests(SEARCH)) <= 110


NEXT: dict[str, dict[str, Any]] = {
    "null": {"next": None},
    "empty": {"next": ""},
    "an object": {"next": {"a": 1}},
    "true": {"next": True},
    "malformed links": {"links": [5, None, {"rel": "next"}, {"rel": "next", "href": 5}, {"rel": "next", "body": []}]},
    "links that are text": {"links": "next"},
    "itself": {"next": "same"},
}


def test_message_about_a_deeply_nested_error_is_short(service: ScriptedService, client: scenecart.Client):
    """The message is short for a number beyond any float, hundreds of levels deep in a truncated response."""
    service.put(STREAM, answer({"title": "not here"}, 404))
    service.put(SEARCH, Answer(b'{"features":' + b"[" * 400 + b"1e999", 200, {"Content-Type": "application/json"}))
    with raises(scenecart.ServiceError, "response_not_json") as caught:
        client.search("aurora", collections="c")
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize("case", NEXT)
def test_malformed_next_page_ends_the_search(service: ScriptedService, client: scenecart.Client, case: str):
    """Only a token leads to a next page; another announcement is an error, and a page that leads to itself a warning."""
    service.put(STREAM, answer({}, 404))
    service.put(SEARCH, answer(page(feature("a"), **NEXT[case])))
    is_loop = case == "itself"
    if case in {"an object", "true", "malformed links"}:
        with raises(scenecart.ServiceError, "next_page_unreadable") as caught:
            search(client, limit=None)
        assert caught.value.captures["id"].tolist() == ["a"]
        return
    with warns("page_repeated") if is_loop else contextlib.nullcontext():
        assert search(client, limit=None)["id"].tolist() == ["a"]
    assert len(service.requests(SEARCH)) == (2 if is_loop else 1)


def test_next_page_on_another_host_is_requested_from_the_service(service: ScriptedService, client: scenecart.Client):
    """Only the token of a link to another host is used: the request, with the bearer token, goes to the service."""
    with ScriptedService() as other:
        elsewhere = [{"rel": "next", "href": f"{other.url}/v1/op/catalog.search?next=t2"}]
        service.put(STREAM, answer({}, 404))
        service.put(SEARCH, answer(page(feature("a"), links=elsewhere)), answer(page(feature("a"), feature("b"))))
        assert search(client, limit=None)["id"].tolist() == ["a", "b"]
        assert [request.json.get("next") for request in service.requests(SEARCH)] == [None, "t2"]
        assert other.received == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("place", ["the same place", "another port", "http elsewhere", "javascript:1", "http://[bad"])
def test_redirect_of_a_call_is_not_followed(service: ScriptedService, client: scenecart.Client, status: int, place: str):
    """A redirect of a read or a purchase is an error: nothing is sent to its target, and no purchase is sent twice."""
    with ScriptedService() as other:
        to = {"the same place": service.url + "/elsewhere", "another port": other.url + "/elsewhere"}.get(place, place)
        to = "http://example.com/" if place == "http elsewhere" else to
        for path in (SEARCH, PLACE):
            service.put(path, answer({}, status, Location=to))
        with pytest.raises(scenecart.ServiceError) as caught:
            search(client)
        assert caught.value.code in {"unexpected_redirect", "redirect_url_invalid"}
        with raises(scenecart.PlacementUnknown, "placement_unknown"):
            client.cart(captures()).estimate().place()
        assert service.requests("/elsewhere") == other.received == []
        assert len(service.requests(PLACE)) == 1


UNSAFE_URLS: list[Any] = [
    "javascript:alert(1)", "data:text/html,<b>", "file:///etc/passwd", "//example.com/x", "http://169.254.169.254/latest",
    "ftp://example.com/x", "http://[bad", "https://", "\ud800", "x" * 100_000, "", None, 5, True, ["x"],
]  # fmt: skip


def code_of(error: BaseException) -> str:
    """Return the code of an error, or of what made a download fail."""
    return str(getattr(error.__cause__ or error, "code", ""))


@pytest.mark.parametrize("url", UNSAFE_URLS, ids=lambda one: repr(one)[:30])
def test_unsafe_url_is_never_fetched(service: ScriptedService, connect: Any, tmp_path: Any, url: Any):
    """Only https, and http to a service on this computer, is fetched: as the URL of a file, a redirect or an image."""
    client = connect()
    service.put(GET, answer({**ORDER, "status": "delivered"}))
    service.put("orders.list_assets", answer(page({**feature("a"), "assets": {"v": {"href": url}}}, feature("b"))))
    service.put(SIGN, answer({"url": url}))
    order = client.order("o-1")
    service.received.clear()
    with pytest.raises(scenecart.DownloadError) as caught:
        order.download(tmp_path / "out", progress=False)
    assert code_of(caught.value) in {"download_url_invalid", "download_url_unsafe", "download_url_missing"}
    assert {request.path for request in service.received} == {"/v1/op/orders.list_assets", f"/v1/op/{SIGN}"}
    if isinstance(url, str) and url.isascii() and 0 < len(url) < 1_000:
        service.put(SIGN, answer({"url": f"{service.url}/file"}))
        for path in ("/file", "catalog.image.thumbnail"):
            service.put(path, Answer(b"", 302, {"Location": url}))
        for fetch in (lambda: order.download(tmp_path / "out", progress=False), lambda: client.quicklook({"host": "h", "id": "a"})):
            with pytest.raises((scenecart.DownloadError, scenecart.ServiceError)) as caught:
                fetch()
            assert code_of(caught.value) in {"download_url_invalid", "download_url_unsafe", "redirect_url_invalid"}
    assert not [path for path in tmp_path.rglob("*") if path.name.startswith("v")]


def test_urls_of_captures_are_not_fetched(service: ScriptedService, client: scenecart.Client):
    """Searching, displaying and pricing captures fetch neither their thumbnails nor their links."""
    with ScriptedService() as other:
        assets = {"thumbnail": {"href": f"{other.url}/t.png"}, "overview": {"href": f"{service.url}/t.png"}}
        links = [{"rel": "self", "href": f"{other.url}/self"}]
        service.put(SEARCH, answer(page({**feature("a"), "assets": assets, "links": links})))
        service.put(ESTIMATE, answer(priced((["a"], 100))))
        captures_found = search(client)
        html = captures_found._repr_html_() + client.cart(captures_found).estimate()._repr_html_()
        assert scenecart.assets(captures_found.iloc[0]) == assets
        assert "<img" not in html
        assert other.received == []
        assert service.requests("/t.png") == []


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "data:text/html,x", "file:///x", "//x", "http://[bad", "\ud800", 5, None, ["x"]]
)
def test_unsafe_url_of_payment_confirmation_is_dropped(service: ScriptedService, client: scenecart.Client, url: Any):
    """The page that confirms a payment is offered only if its URL is http or https."""
    service.put(PLACE, answer({"client_secret": "pi_secret", "challenge_url": url}, 402))
    with raises(scenecart.AuthenticationRequired, "payment_authentication_required") as caught:
        client.cart(captures()).estimate().place()
    assert caught.value.challenge_url is None


SCRIPT = "<script>alert(1)</script>"
PROBLEMS: dict[str, Callable[[int], Answer]] = {
    "text": lambda status: answer({"title": "T", "detail": "what happened"}, status),
    "no title": lambda status: answer({"detail": "what happened"}, status),
    "a list": lambda status: answer({"detail": [{"loc": ["body", "x"], "msg": "what happened"}]}, status),
    "an object": lambda status: answer({"detail": {"message": "what happened"}}, status),
    "absent": lambda status: answer({}, status),
    "a number": lambda status: answer({"title": 5, "detail": 5}, status),
    "another status inside": lambda status: answer({"status": 200, "detail": "what happened"}, status),
    "HTML": lambda status: typed(f"<html>{SCRIPT}</html>" * 1_000, status, "text/html"),
    "a JSON list": lambda status: answer([1, 2], status),
    "null": lambda status: answer(None, status),
    "very long": lambda status: answer({"detail": "what happened " * 100_000}, status),
    "very many fields": lambda status: answer(
        {"detail": [{"loc": ["x"] * 1_000, "msg": "what happened " * 1_000}] * 1_000}, status
    ),
    "control characters": lambda status: answer({"detail": "what\x1b[2J\r\n\u202ehappened\ud800"}, status),
}


ERRORS: dict[int, tuple[type[scenecart.ScenecartError], str]] = {
    400: (scenecart.BadRequest, "bad_request"),
    422: (scenecart.InvalidRequest, "request_rejected"),
    502: (scenecart.ServiceError, "service_failed"),
}


@pytest.mark.parametrize("case", PROBLEMS)
@pytest.mark.parametrize("status", ERRORS)
def test_error_document_in_any_format_is_the_error_of_its_status(
    service: ScriptedService, client: scenecart.Client, case: str, status: int
):
    """The HTTP status decides the error, for any body, and the message is one short line without control characters."""
    service.put("some.read", PROBLEMS[case](status))
    with raises(*ERRORS[status]) as caught:
        client.call("some.read")
    assert caught.value.status == status
    assert len(caught.value.message) < 700
    assert caught.value.message.isprintable()
    assert "<html" not in str(caught.value)
    if case in {"text", "no title", "a list", "an object", "another status inside"}:
        assert "what happened" in caught.value.message


@pytest.mark.parametrize(
    "header", ["abc", "-5", "999999999", "9" * 400, "1e3", "", "Thu, 01 Jan 1970 00:00:00 GMT", "Thu, 99 Foo 99999"]
)
def test_retry_after_of_any_kind_waits_at_most_a_minute(service: ScriptedService, connect: Any, header: str):
    """The waits for any Retry-After header are a minute in total at most, and there are at most five attempts."""
    slept: list[float] = []
    service.put("orders.list", answer({}, 429, Retry_After=header))
    with raises(scenecart.RateLimited, "rate_limited"):
        connect(sleep=slept.append).orders()
    assert 1 <= len(service.requests("orders.list")) <= 5
    assert all(seconds >= 0 for seconds in slept)
    assert sum(slept) <= 60


def test_interrupted_wait_ends_the_call(service: ScriptedService, connect: Any):
    """KeyboardInterrupt during a wait ends the call, without another request."""

    def stop(_: float) -> None:
        raise KeyboardInterrupt

    service.put("orders.list", answer({}, 503))
    with pytest.raises(KeyboardInterrupt):
        connect(sleep=stop).orders()
    assert len(service.requests("orders.list")) == 1


def test_second_order_id_for_a_key_does_not_replace_the_first(
    service: ScriptedService, connect: Any, monkeypatch: pytest.MonkeyPatch
):
    """If a session that took minutes gets another order id for the same key, the journal keeps the first one."""
    monkeypatch.setattr("scenecart._orders.placement._WAIT_SECONDS", 0.1)
    second = connect().cart(captures()).estimate()

    def race(request: RecordedRequest) -> Answer:
        service.put(PLACE, answer(ORDER, 202))
        second.place()
        return answer({**ORDER, "id": "o-other"}, 202)

    service.put(PLACE, race)
    client = connect()
    client.cart(captures()).estimate().place()
    assert client.placements()["order_id"].tolist() == ["o-1"]
    assert len(set(keys(service))) == 1
    assert client.cart(captures()).estimate().place().id == "o-1"


def test_negative_price_of_a_group_is_refused(service: ScriptedService, client: scenecart.Client):
    """An estimate with a negative price is refused, also if its total adds up."""
    service.put(ESTIMATE, answer(priced((["a"], 400), (["b"], -100))))
    with raises(scenecart.UntrustedEstimate, "estimate_inconsistent"):
        client.cart(captures()).estimate()


def test_estimate_without_any_price_is_not_placed(service: ScriptedService, client: scenecart.Client):
    """An estimate without any price cannot be placed, and there is no cart of its priced captures."""
    service.put(ESTIMATE, answer(priced(errors=[{"id": "a", "detail": "sold"}, {"id": "b", "detail": "sold"}])))
    estimate = client.cart(captures()).estimate()
    assert estimate.total_credits == 0
    with raises(scenecart.EstimateIncomplete, "estimate_incomplete"):
        estimate.place()
    with raises(scenecart.InvalidCart, "cart_without_prices"):
        estimate.priced_cart()
    assert service.requests(PLACE) == []


def test_order_that_is_processed_again_is_not_finished(service: ScriptedService, client: scenecart.Client):
    """An order that was delivered and is processing again has the status of the service, and can be waited for again."""
    service.put(GET, answer({**ORDER, "status": "Delivered"}), answer(ORDER), answer({**ORDER, "status": "delivered"}))
    order = client.order("o-1")
    assert order.is_finished
    assert order.refresh().status == "processing"
    assert not order.is_finished
    assert order.wait(progress=False).status == "delivered"


@pytest.mark.parametrize("poll", [0, -5, 1e-9])
def test_waiting_pauses_between_requests(service: ScriptedService, connect: Any, poll: float):
    """There is a pause between two requests for any polling interval."""
    slept: list[float] = []
    service.put(GET, *[answer(ORDER)] * 4, answer({**ORDER, "status": "delivered"}))
    connect(sleep=slept.append).order("o-1").wait(poll=poll, progress=False)
    assert len(slept) == 3
    assert min(slept) >= 0.05
