"""Pages of results: the token of the next page, and how many results the service announces."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

from scenecart._api.operations import whole_number
from scenecart.exceptions import ServiceError

_NEXT_TOKENS = ("next_token", "nextToken", "next_page_token", "nextPageToken", "next_cursor", "nextCursor")
_TOKENS = ("next", "token", *_NEXT_TOKENS, "cursor")
_FLAGS = ("has_more", "hasMore", "has_next", "hasNext")
_NESTED = ("pagination", "paging", "page_info", "pageInfo", "meta")
_TOTALS = (
    "numberMatched",
    "number_matched",
    "matched",
    "totalElements",
    "total",
    "totalCount",
    "total_count",
    "totalResults",
    "total_results",
)

MEMBERS = ("next", "links", *_NEXT_TOKENS, *_FLAGS, *_NESTED, *_TOTALS, "context")
"""Members of a page that may announce more results."""


def next_token(document: Mapping[str, Any], operation: str) -> str | None:
    """Return the token of the next page, in any of the forms the service uses; None on the last page.

    Raises
    ------
    ServiceError
        If a next page is announced, but not how to request it: without it, the result would be short.
    """
    announced = list(_announced(document))
    token = next((found for value in announced if (found := _token_of(value)) is not None), None)
    if token is None and announced:
        raise ServiceError(
            "The service announces another page of results, but not how to request it. The result is incomplete.",
            code="next_page_unreadable",
            hint="Narrow the search, such as by a smaller area or a shorter time, so that its result fits one page.",
            operation=operation,
        )
    return token


def is_announced(document: Mapping[str, Any]) -> bool:
    """Return whether a page announces another one in any form, understood or not."""
    return next(_announced(document), None) is not None


def check_count(document: Mapping[str, Any], count: int, operation: str) -> None:
    """Refuse a last page that announces more results than all pages had.

    Raises
    ------
    ServiceError
        If results are missing.
    """
    total = announced_count(document)
    if total is not None and total > count:
        raise ServiceError(
            f"The service announces {total:,} results, but returned {count:,} and no further page. The result is incomplete.",
            code="results_missing",
            hint="Narrow the search, such as by a smaller area or a shorter time, so that its result fits one page.",
            operation=operation,
        )


def announced_count(document: Mapping[str, Any]) -> int | None:
    """Return how many results all pages together have, or None if the service does not state it."""
    context = document.get("context")
    nested = [document.get(name) for name in _NESTED]
    for member in (document, context, *nested):
        if isinstance(member, Mapping):
            for name in _TOTALS:
                total = whole_number(member.get(name))
                if total is not None:
                    return total
    return None


def _announced(document: Mapping[str, Any]) -> Iterator[Any]:
    """Yield the members that may announce a next page, the service's own member first."""
    if document.get("next"):
        yield document["next"]
    yield from _next_links(document.get("links"))
    for member in (document, *(document.get(name) for name in _NESTED)):
        if isinstance(member, Mapping):
            yield from (member[name] for name in (*_NEXT_TOKENS, *_FLAGS) if member.get(name))
            if member is not document and member.get("next"):
                yield member["next"]


def _next_links(links: Any) -> Iterator[Any]:
    if isinstance(links, Mapping):
        if links.get("next"):
            yield links["next"]
        return
    for link in links if isinstance(links, list) else []:
        rel = link.get("rel") if isinstance(link, Mapping) else None
        if rel == "next" or (isinstance(rel, list) and "next" in rel):
            yield {name: value for name, value in link.items() if name in {"href", "body"}}


def _token_of(value: Any) -> str | None:
    """Return the token in what announces a page: the token itself, a URL, an object or a link."""
    if isinstance(value, Mapping):
        tokens = [_token_of(value.get(name)) for name in (*_TOKENS, "value", "body")]
        tokens += [_token_of_url(value.get(name)) for name in ("href", "url")]
        return next((token for token in tokens if token is not None), None)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str) or not value:
        return None
    if value.startswith(("http://", "https://")) or (value.startswith(("/", "?")) and "=" in value and "?" in value):
        return _token_of_url(value)
    return value


def _token_of_url(url: Any) -> str | None:
    try:
        query = parse_qs(urlsplit(url).query) if isinstance(url, str) else {}
    except ValueError:
        return None
    return next((query[name][0] for name in _TOKENS if query.get(name)), None)
