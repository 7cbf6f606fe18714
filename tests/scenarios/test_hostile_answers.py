"""Answers as no service should give them: each is one clear error or the whole result, in bounded memory and few calls."""

from __future__ import annotations

import contextlib
import json
import tracemalloc
import zlib
from typing import TYPE_CHECKING, Any

import pytest

import scenecart
from _purchases import ESTIMATE, GET, LIST, ORDER, PLACE, captures, keys, priced
from _scripted_service import TOKEN_PATH, Answer, Asked, ScriptedService, answer, feature, ndjson, page

if TYPE_CHECKING:
    from collections.abc import Callable

SEARCH, STREAM, SIGN = "catalog.search", "catalog.search_stream", "items.asset.download"


@pytest.fixture
def client(connect: Any) -> scenecart.Client:
    made: scenecart.Client = connect()
    return made


def find(client: scenecart.Client, **criteria: Any) -> Any:
    return client.search("h", **{"collections": ["c"], "limit": 10, **criteria})


def typed(body: bytes | str, status: int = 200, kind: str = "application/geo+json") -> Answer:
    return Answer(body if isinstance(body, bytes) else body.encode(), status, {"Content-Type": kind})


ITEM = json.dumps(feature("a"))
NOTHING_TO_READ = {
    "empty": typed(b""),
    "null": typed("null"),
    "a list": typed("[]"),
    "HTML": typed("<html>Sign in</html>", kind="text/html"),
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


@pytest.mark.parametrize("case", NOTHING_TO_READ)
def test_what_cannot_be_read_is_never_no_imagery(service: ScriptedService, client: scenecart.Client, case: str):
    """An answer that is not exactly a feature collection is an error with its status and type, never an empty result."""
    sent = NOTHING_TO_READ[case]
    service.put(SEARCH, sent)
    with pytest.raises(scenecart.ServiceError) as caught:
        find(client)
    assert caught.value.status == sent.status
    assert f"status {sent.status}, {sent.headers['Content-Type']}" in caught.value.message
    assert len(str(caught.value)) < 500
    service.put(LIST, sent)
    if case not in {"a list", "features twice", "no features", "features null", "a catalog", "a feature"}:
        with pytest.raises(scenecart.ServiceError):
            client.orders()


TWICE = f'{{"type":"FeatureCollection","features":[{ITEM}],"features":[]}}'


@pytest.mark.parametrize(
    "body", [TWICE.encode(), b"\xef\xbb\xbf" + TWICE.encode(), '{"features":[],"a":"é"}'.encode("latin-1")], ids=str
)
def test_a_later_page_is_believed_no_more_than_the_first(service: ScriptedService, client: scenecart.Client, body: bytes):
    """A page in the middle of a search that hides its captures ends it with an error that keeps those that came."""
    service.put(STREAM, answer({}, 404))
    service.put(SEARCH, answer(page(feature("first", gsd=1), next="t")), typed(body))
    with pytest.raises(scenecart.ServiceError) as caught:
        find(client, limit=None)
    assert caught.value.captures["id"].tolist() == ["first"]


def bomb(megabytes: int) -> bytes:
    """Return so many MB of spaces, packed to a thousandth."""
    packer = zlib.compressobj(wbits=31)
    return b"".join([*(packer.compress(b" " * 2**20) for _ in range(megabytes)), packer.flush()])


@pytest.mark.parametrize("path", [SEARCH, LIST, TOKEN_PATH])
def test_a_small_body_cannot_unpack_to_a_huge_answer(service: ScriptedService, connect: Any, path: str):
    """An answer that unpacks to more than any answer is given up before it fills the memory, the sign-in's too."""
    credentials = {"token": None, "api_key": "gpra_key"} if path == TOKEN_PATH else {}
    client = connect(limits=scenecart.Limits(answer_bytes=2**20), **credentials)
    service.put(path, Answer(bomb(64), 200, {"Content-Encoding": "gzip", "Content-Type": "application/json"}))
    with pytest.raises(scenecart.ServiceError, match="more than 1,048,576 bytes"):
        client.orders() if path != SEARCH else find(client)


def test_a_stream_that_unpacks_to_blank_lines_is_read_bit_by_bit(service: ScriptedService, client: scenecart.Client):
    """Millions of blank lines from a small body cost time but no memory to speak of, and what stands behind them is read."""
    packer = zlib.compressobj(wbits=31)
    body = b"".join([*(packer.compress(b"\n" * 2**20) for _ in range(16)), packer.compress(ITEM.encode()), packer.flush()])
    service.put(STREAM, Answer(body, 200, {"Content-Encoding": "gzip"}))
    tracemalloc.start()
    try:
        assert find(client, limit=None)["id"].tolist() == ["a"]
        assert tracemalloc.get_traced_memory()[1] < 80 * 2**20
    finally:
        tracemalloc.stop()


def test_a_line_of_8_mb_is_read_and_one_without_end_is_not(service: ScriptedService, client: scenecart.Client):
    """A long capture is a capture; a line longer than any capture is an error that keeps what came."""
    service.put(STREAM, ndjson(feature("a"), feature("long", title="x" * 8_000_000), feature("b")))
    found = find(client, limit=None)
    assert found["id"].tolist() == ["a", "long", "b"]
    assert len(found["title"][1]) == 8_000_000
    packer = zlib.compressobj(1, wbits=31)
    endless = [packer.compress(ITEM.encode() + b"\n"), *(packer.compress(b"x" * 2**20) for _ in range(66)), packer.flush()]
    service.put(STREAM, Answer(b"".join(endless), 200, {"Content-Encoding": "gzip"}))
    with pytest.raises(scenecart.ServiceError, match="longer than 64 MiB") as caught:
        find(client, limit=None)
    assert caught.value.captures["id"].tolist() == ["a"]


LINE = ITEM.encode() + b"\n"
LINES: dict[str, tuple[bytes, list[str], str | None]] = {
    "CRLF and blank lines": (b"\r\n" + LINE.replace(b"\n", b"\r\n") + b"\r\n" + LINE.replace(b'"a"', b'"b"'), ["a", "b"], None),
    "an array": (LINE + b"[1, 2]\n" + LINE.replace(b'"a"', b'"b"'), ["a", "b"], "1 entries"),
    "unknown types": (LINE + b'{"type":"Progress"}\n{}\n"x"\n5\nnull\n', ["a"], "5 entries"),
    "a collection": (b'{"type":"FeatureCollection","features":[' + ITEM.encode() + b", 5]}\n", ["a"], "1 entries"),
    "a cut letter": (LINE + LINE.replace(b'"a"', '"é'.encode())[: LINE.index(b'"a"') + 2], ["a"], "ServiceError"),
    "Latin-1": (LINE + LINE.replace(b'"a"', b'"\xe9"'), ["a"], "ServiceError"),
    "HTML": (LINE + b"<html>\n", ["a"], "ServiceError"),
    "two captures on a line": (LINE + LINE.strip() + b"," + LINE, ["a"], "ServiceError"),
    "100,000 brackets": (LINE + b"[" * 100_000 + b"\n", ["a"], "ServiceError"),
    "a problem": (LINE + b'{"title":"x","status":503,"detail":"disk full"}\n', ["a"], "ServiceError"),
    "a broken collection": (LINE + b'{"type":"FeatureCollection","features":null}\n', ["a"], "ServiceError"),
}


@pytest.mark.parametrize("case", LINES)
def test_each_line_of_a_stream_is_a_capture_or_said(service: ScriptedService, client: scenecart.Client, case: str):
    """Odd lines are counted, broken ones are an error that keeps what came before them; none ends the stream silently."""
    body, ids, said = LINES[case]
    service.put(STREAM, Answer(body, 200, {"Content-Type": "application/x-ndjson"}))
    if said == "ServiceError":
        with pytest.raises(scenecart.ServiceError) as caught:
            find(client, limit=None)
        assert caught.value.captures["id"].tolist() == ids
        return
    with pytest.warns(scenecart.ScenecartWarning, match=said) if said else contextlib.nullcontext():
        assert find(client, limit=None)["id"].tolist() == ids


def test_a_line_that_holds_two_is_broken_wherever_it_stands(service: ScriptedService, client: scenecart.Client):
    """Two captures on one line are an error in the middle of a long stream too, where lines are read many at a time."""
    lines = [json.dumps(feature(f"c{number}")).encode() for number in range(2_500)]
    lines[2_200] += b"," + ITEM.encode()
    service.put(STREAM, Answer(b"\n".join(lines)))
    with pytest.raises(scenecart.ServiceError) as caught:
        find(client, limit=None)
    assert caught.value.captures["id"].tolist() == [f"c{number}" for number in range(2_200)]


def test_pages_without_end_end(service: ScriptedService, client: scenecart.Client):
    """A service that gives ever new tokens and nothing new is asked a bounded number of times, and the search says so."""
    service.put(STREAM, answer({}, 404))
    tokens = iter(range(10_000))
    service.put(SEARCH, lambda _: answer(page(feature("a"), next=f"t{next(tokens)}")))
    with pytest.warns(scenecart.ScenecartWarning, match="may be incomplete"):
        assert find(client, limit=None)["id"].tolist() == ["a"]
    assert len(service.requests(SEARCH)) <= 110


NEXT: dict[str, tuple[Any, type[Warning] | None]] = {
    "null": ({"next": None}, None),
    "empty": ({"next": ""}, None),
    "an object": ({"next": {"a": 1}}, None),
    "true": ({"next": True}, None),
    "links that are none": ({"links": [5, None, {"rel": "next"}, {"rel": "next", "href": 5}, {"rel": "next", "body": []}]}, None),
    "links that are text": ({"links": "next"}, None),
    "itself": ({"next": "same"}, scenecart.ScenecartWarning),
}


def test_what_is_wrong_far_down_in_an_answer_is_said_in_a_line(service: ScriptedService, client: scenecart.Client):
    """A number that no float holds, hundreds of levels down in an answer that is cut as well, is told in a sane length."""
    service.put("catalog.search_stream", answer({"title": "not here"}, 404))
    service.put("catalog.search", Answer(b'{"features":' + b"[" * 400 + b"1e999", 200, {"Content-Type": "application/json"}))
    with pytest.raises(scenecart.ServiceError) as caught:
        client.search("aurora", collections="c")
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize("case", NEXT)
def test_a_next_page_that_is_none_ends_the_search(service: ScriptedService, client: scenecart.Client, case: str):
    """Nothing but a token is followed, and a page that leads to itself ends the search with a warning."""
    more, warned = NEXT[case]
    service.put(STREAM, answer({}, 404))
    service.put(SEARCH, answer(page(feature("a"), **more)))
    with pytest.warns(warned) if warned else contextlib.nullcontext():
        assert find(client, limit=None)["id"].tolist() == ["a"]
    assert len(service.requests(SEARCH)) == (2 if warned else 1)


def test_a_next_page_on_another_host_is_asked_of_the_service(service: ScriptedService, client: scenecart.Client):
    """A link to another host lends its token alone: the request, and the bearer token with it, goes to the service."""
    with ScriptedService() as other:
        elsewhere = [{"rel": "next", "href": f"{other.url}/v1/op/catalog.search?next=t2"}]
        service.put(STREAM, answer({}, 404))
        service.put(SEARCH, answer(page(feature("a"), links=elsewhere)), answer(page(feature("a"), feature("b"))))
        assert find(client, limit=None)["id"].tolist() == ["a", "b"]
        assert [request.json.get("next") for request in service.requests(SEARCH)] == [None, "t2"]
        assert other.asked == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("place", ["the same place", "another port", "http elsewhere", "javascript:1", "http://[bad"])
def test_no_call_follows_a_redirect(service: ScriptedService, client: scenecart.Client, status: int, place: str):
    """A redirect of a read or a spend, to anywhere, is an error: nothing is sent there, and no spend is repeated."""
    with ScriptedService() as other:
        to = {"the same place": service.url + "/elsewhere", "another port": other.url + "/elsewhere"}.get(place, place)
        to = "http://example.com/" if place == "http elsewhere" else to
        for path in (SEARCH, PLACE):
            service.put(path, answer({}, status, Location=to))
        with pytest.raises(scenecart.ServiceError, match="redirect"):
            find(client)
        with pytest.raises(scenecart.PlacementUnknown):
            client.cart(captures()).estimate().place()
        assert service.requests("/elsewhere") == other.asked == []
        assert len(service.requests(PLACE)) == 1


ADDRESSES: list[Any] = [
    "javascript:alert(1)", "data:text/html,<b>", "file:///etc/passwd", "//example.com/x", "http://169.254.169.254/latest",
    "ftp://example.com/x", "http://[bad", "https://", "\ud800", "x" * 100_000, "", None, 5, True, ["x"],
]  # fmt: skip


@pytest.mark.parametrize("address", ADDRESSES, ids=lambda one: repr(one)[:30])
def test_an_address_that_is_none_is_never_fetched(service: ScriptedService, connect: Any, tmp_path: Any, address: Any):
    """Only http to this machine's own service and https lead anywhere, as a file's address, a redirect's or a picture's."""
    client = connect()
    service.put(GET, answer({**ORDER, "status": "delivered"}))
    service.put("orders.list_assets", answer(page({**feature("a"), "assets": {"v": {"href": address}}})))
    service.put(SIGN, answer({"url": address}))
    order = client.order("o-1")
    service.asked.clear()
    with pytest.raises(scenecart.ServiceError):
        order.download(tmp_path / "out", progress=False)
    assert {request.path for request in service.asked} == {"/v1/op/orders.list_assets", f"/v1/op/{SIGN}"}
    if isinstance(address, str) and address.isascii() and 0 < len(address) < 1_000:
        service.put(SIGN, answer({"url": f"{service.url}/file"}))
        for path in ("/file", "catalog.image.thumbnail"):
            service.put(path, Answer(b"", 302, {"Location": address}))
        with pytest.raises(scenecart.ServiceError):
            order.download(tmp_path / "out", progress=False)
        with pytest.raises(scenecart.ServiceError):
            client.quicklook({"host": "h", "id": "a"})
    assert not [path for path in tmp_path.rglob("*") if path.name.startswith("v")]


def test_searching_fetches_nothing_that_captures_point_to(service: ScriptedService, client: scenecart.Client):
    """Thumbnails and links of captures are shown as text: neither searching, showing, pricing nor reporting fetches them."""
    with ScriptedService() as other:
        assets = {"thumbnail": {"href": f"{other.url}/t.png"}, "overview": {"href": f"{service.url}/t.png"}}
        links = [{"rel": "self", "href": f"{other.url}/self"}]
        service.put(SEARCH, answer(page({**feature("a"), "assets": assets, "links": links})))
        service.put(ESTIMATE, answer(priced((["a"], 100))))
        found = find(client)
        shown = found._repr_html_() + client.cart(found).estimate()._repr_html_()
        assert scenecart.assets(found.iloc[0]) == assets
        assert "<img" not in shown
        assert other.asked == []
        assert service.requests("/t.png") == []


@pytest.mark.parametrize(
    "address", ["javascript:alert(1)", "data:text/html,x", "file:///x", "//x", "http://[bad", "\ud800", 5, None, ["x"]]
)
def test_nobody_is_sent_to_an_address_that_is_no_page(service: ScriptedService, client: scenecart.Client, address: Any):
    """A bank's page is offered only where its address is one of the web."""
    service.put(PLACE, answer({"client_secret": "pi_secret", "challenge_url": address}, 402))
    with pytest.raises(scenecart.AuthenticationRequired) as caught:
        client.cart(captures()).estimate().place()
    assert caught.value.challenge_url is None


WORDS = "<script>alert(1)</script>"
PROBLEMS: dict[str, Callable[[int], Answer]] = {
    "text": lambda status: answer({"title": "T", "detail": "what happened"}, status),
    "no title": lambda status: answer({"detail": "what happened"}, status),
    "a list": lambda status: answer({"detail": [{"loc": ["body", "x"], "msg": "what happened"}]}, status),
    "an object": lambda status: answer({"detail": {"message": "what happened"}}, status),
    "absent": lambda status: answer({}, status),
    "a number": lambda status: answer({"title": 5, "detail": 5}, status),
    "another status inside": lambda status: answer({"status": 200, "detail": "what happened"}, status),
    "HTML": lambda status: typed(f"<html>{WORDS}</html>" * 1_000, status, "text/html"),
    "a JSON list": lambda status: answer([1, 2], status),
    "null": lambda status: answer(None, status),
    "very long": lambda status: answer({"detail": "what happened " * 100_000}, status),
    "very many fields": lambda status: answer(
        {"detail": [{"loc": ["x"] * 1_000, "msg": "what happened " * 1_000}] * 1_000}, status
    ),
    "control characters": lambda status: answer({"detail": "what\x1b[2J\r\n\u202ehappened\ud800"}, status),
}


@pytest.mark.parametrize("case", PROBLEMS)
@pytest.mark.parametrize(
    ("status", "error"), [(400, scenecart.BadRequest), (422, scenecart.InvalidRequest), (502, scenecart.ServiceError)]
)
def test_a_problem_in_any_shape_is_the_error_of_its_status(
    service: ScriptedService, client: scenecart.Client, case: str, status: int, error: type[scenecart.ScenecartError]
):
    """Whatever the body says, the HTTP status decides the error, and its text is one clean line of a sane length."""
    service.put("some.read", PROBLEMS[case](status))
    with pytest.raises(scenecart.ScenecartError) as caught:
        client.call("some.read")
    assert type(caught.value) is error
    assert caught.value.status == status
    assert len(caught.value.message) < 700
    assert caught.value.message.isprintable()
    assert "<html" not in str(caught.value)
    if case in {"text", "no title", "a list", "an object", "another status inside"}:
        assert "what happened" in caught.value.message


@pytest.mark.parametrize(
    "header", ["abc", "-5", "999999999", "9" * 400, "1e3", "", "Thu, 01 Jan 1970 00:00:00 GMT", "Thu, 99 Foo 99999"]
)
def test_no_header_makes_a_client_wait_for_long(service: ScriptedService, connect: Any, header: str):
    """However long a service asks to wait, nobody waits longer than a minute, and a few tries end it."""
    slept: list[float] = []
    service.put("orders.list", answer({}, 429, Retry_After=header))
    with pytest.raises(scenecart.RateLimited):
        connect(sleep=slept.append).orders()
    assert 1 <= len(service.requests("orders.list")) <= 5
    assert all(seconds >= 0 for seconds in slept)
    assert sum(slept) <= 60


def test_stopping_a_wait_stops_at_once(service: ScriptedService, connect: Any):
    """KeyboardInterrupt in the middle of a wait ends the call, with no other request."""

    def stop(_: float) -> None:
        raise KeyboardInterrupt

    service.put("orders.list", answer({}, 503))
    with pytest.raises(KeyboardInterrupt):
        connect(sleep=stop).orders()
    assert len(service.requests("orders.list")) == 1


def test_another_id_for_the_same_key_does_not_replace_the_order(service: ScriptedService, connect: Any):
    """When a session that was slower gets another order for one key, the order that was written down first stays."""
    second = connect().cart(captures()).estimate()

    def race(request: Asked) -> Answer:
        service.put(PLACE, answer(ORDER, 202))
        second.place()
        return answer({**ORDER, "id": "o-other"}, 202)

    service.put(PLACE, race)
    client = connect()
    client.cart(captures()).estimate().place()
    assert client.placements()["order_id"].tolist() == ["o-1"]
    assert len(set(keys(service))) == 1
    assert client.cart(captures()).estimate().place().id == "o-1"


def test_a_group_below_nothing_is_no_price(service: ScriptedService, client: scenecart.Client):
    """A group that costs less than nothing is refused, also where the total would be what it says."""
    service.put(ESTIMATE, answer(priced((["a"], 400), (["b"], -100))))
    with pytest.raises(scenecart.UntrustedEstimate):
        client.cart(captures()).estimate()


def test_an_estimate_that_refuses_everything_is_not_placed(service: ScriptedService, client: scenecart.Client):
    """Where nothing has a price there is nothing to place, and nothing left to price."""
    service.put(ESTIMATE, answer(priced(errors=[{"id": "a", "detail": "sold"}, {"id": "b", "detail": "sold"}])))
    estimate = client.cart(captures()).estimate()
    assert estimate.total_credits == 0
    with pytest.raises(scenecart.EstimateIncomplete):
        estimate.place()
    with pytest.raises(scenecart.InvalidCart, match="Nothing in this cart can be priced"):
        estimate.priced_cart()
    assert service.requests(PLACE) == []


def test_an_order_that_goes_back_is_shown_as_it_is(service: ScriptedService, client: scenecart.Client):
    """An order that was delivered and is processing again is what the service says it is, and is waited for again."""
    service.put(GET, answer({**ORDER, "status": "Delivered"}), answer(ORDER), answer({**ORDER, "status": "delivered"}))
    order = client.order("o-1")
    assert order.is_finished
    assert order.refresh().status == "processing"
    assert not order.is_finished
    assert order.wait(progress=False).status == "delivered"


@pytest.mark.parametrize("poll", [0, -5, 1e-9])
def test_waiting_never_asks_without_a_pause(service: ScriptedService, connect: Any, poll: float):
    """However short the pause that is asked for, there is one between two looks."""
    slept: list[float] = []
    service.put(GET, *[answer(ORDER)] * 4, answer({**ORDER, "status": "delivered"}))
    connect(sleep=slept.append).order("o-1").wait(poll=poll, progress=False)
    assert len(slept) == 3
    assert min(slept) >= 0.05
