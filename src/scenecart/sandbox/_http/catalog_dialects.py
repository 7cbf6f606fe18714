"""Dialects of the catalog: how a next page is announced, and how results are streamed."""

from __future__ import annotations

import json
from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from scenecart.sandbox._http.exchange import Dialect, Reply
from scenecart.sandbox._http.schemas import CatalogSearch, parse

if TYPE_CHECKING:
    from scenecart.sandbox._http.exchange import ActiveDialect, Exchange


def _announce_next(dialect: ActiveDialect, exchange: Exchange, reply: Reply) -> Reply:
    if not reply.is_success:
        return reply
    document = reply.document
    token = document.pop("next", None)
    if token is None:
        return reply
    variant = dialect.variant_of_call(dialect.count_call("next"))
    href = f"/v1/op/catalog.search?next={token}"
    links: Any = []
    if variant == "object":
        document["next"] = {"token": token}
    elif variant == "true":
        document["next"] = True
    elif variant == "link":
        links = [{"rel": "next", "method": "GET", "href": href}]
    elif variant == "link-object":
        links = {"next": {"href": href}}
    else:
        document["numberMatched"] = _count(exchange)
    return reply.with_document({**document, "links": links})


def _count(exchange: Exchange) -> int:
    """Return how many captures the search has on all its pages."""
    criteria = {name: value for name, value in exchange.body.items() if name not in {"next", "limit"}}
    if exchange.method == "GET":
        request = parse(CatalogSearch, {name: [value] for name, value in criteria.items()}, from_query=True)
    else:
        request = parse(CatalogSearch, criteria)
    return sum(block.count(b"\n") for block in exchange.service.catalog.stream(request))


def _stream(dialect: ActiveDialect, _exchange: Exchange, reply: Reply) -> Reply:
    if reply.status != HTTPStatus.OK:
        return reply
    features = [json.loads(line) for line in reply.content.split(b"\n") if line]
    variant = dialect.variant_of_call(dialect.count_call("stream"))
    if variant == "no-content":
        return Reply(204)
    if variant == "array":
        return reply.with_document(features, media="application/json")
    lines = {
        "sse": [_event("feature", feature) for feature in features] + [_event("complete", {"count": len(features)})],
        "wrapped": [_line({"type": "result", "feature": feature}) for feature in features],
        # the archive fails after the first half
        "error": [_line(feature) for feature in features[: len(features) // 2]]
        + [_line({"type": "error", "detail": "the archive does not answer"})],
        "null": ["null"],
        "empty": [],
    }[variant]
    media = "text/event-stream" if variant == "sse" else "application/json" if variant == "null" else reply.media
    return replace(reply, content="".join(lines).encode("utf-8", "surrogatepass"), media=media)


def _line(document: Any) -> str:
    return json.dumps(document, ensure_ascii=False) + "\n"


def _event(name: str, document: Any) -> str:
    return f"event: {name}\ndata: {json.dumps(document, ensure_ascii=False)}\n\n"


NEXT_LINK = Dialect(
    "next-link",
    "catalog.search announces the next page as an object, a link, true, or only by a larger numberMatched; calls take turns.",
    ("object", "link", "link-object", "true", "matched"),
    replies={"catalog.search": _announce_next},
)
STREAM = Dialect(
    "sse-stream",
    "catalog.search_stream answers with server-sent events, one array, wrapped features, an error line, 204, null or nothing;"
    " calls take turns.",
    ("sse", "array", "wrapped", "error", "no-content", "null", "empty"),
    replies={"catalog.search_stream": _stream},
)
