"""Pages of a STAC API: the request of the next page, and the end of a search."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from scenecart._api.paging import announced_count, is_announced
from scenecart._captures.repeats import Repeats
from scenecart._captures.stac_api import SearchRequest
from scenecart._util.json import NotJson, dumps, loads
from scenecart._util.text import clean_text
from scenecart.exceptions import ScenecartError, ServiceError, warn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from scenecart._api.web import Document, Web
    from scenecart._captures.decode import Batch, Page, Reader

    Modifier = Callable[[Any], Any]

_MAX_PAGES_WITHOUT_NEW = 100


def read_pages(
    web: Web,
    first: SearchRequest,
    instead: Callable[[SearchRequest, int | None], SearchRequest | None],
    reader: Reader,
    modifier: Modifier | None,
) -> Iterator[Batch]:
    """Yield the items of a search while they arrive, each once.

    Parameters
    ----------
    first
        The first request.
    instead
        Returns another request in place of the first, which the API refused with a status; None if there is none.
    modifier
        Changes each page, for example signs the addresses of its assets.

    Raises
    ------
    ScenecartError
        If a page cannot be read, or announces another one that cannot be requested.
    """
    repeats = Repeats()
    requested: set[bytes] = set()
    request, document = _read_first(web, first, instead)
    pages_without_new = count = 0
    while True:
        requested.add(request.key)
        page = read_items(document, reader, modifier)
        repeats.start_page()
        before = len(repeats)
        for features, skipped in page.batches():
            count += len(features) + skipped - repeats.from_earlier_pages(features)
            yield repeats.fresh(features), skipped
        pages_without_new = pages_without_new + 1 if len(repeats) == before else 0
        following = next_request(web, page.paging, request, document)
        if following is None:
            _check_count(web, page.paging, document.matched, count)
            return
        if following.key in requested or pages_without_new >= _MAX_PAGES_WITHOUT_NEW:
            warn(
                f"{web.host} repeated a page, so the search ended there. The result may be incomplete.",
                code="stac_page_repeated",
            )
            return
        request = following
        document = _read(web, request)


def read_items(document: Document, reader: Reader, modifier: Modifier | None) -> Page:
    """Decode a page of items, after the modifier has changed it.

    Raises
    ------
    ServiceError
        If the document is not a collection of items, or the modifier fails.
    """
    try:
        return reader.page(modified(document.body, modifier), "the STAC search")
    except ServiceError as error:
        raise document.unreadable(error.message, code=error.code) from error


def modified(body: bytes, modifier: Modifier | None) -> bytes:
    """Return the JSON of items after the caller's modifier has changed it.

    Raises
    ------
    ServiceError
        If the modifier fails.
    """
    if modifier is None:
        return body
    try:
        document = loads(body)
    except NotJson:
        # the reader raises its error
        return body
    try:
        result = modifier(document)
        return dumps(result if isinstance(result, Mapping) else document)
    except ScenecartError:
        raise
    except Exception as error:
        raise ServiceError(
            f"The modifier failed: {type(error).__name__}: {clean_text(str(error), 200)}",
            code="stac_modifier_failed",
            hint="It gets a dict, a page of items or one item, and changes it in place.",
        ) from error


def next_request(web: Web, paging: Mapping[str, Any], request: SearchRequest, document: Document) -> SearchRequest | None:
    """Return the request of the next page, or None on the last.

    Raises
    ------
    ServiceError
        If a next page is announced, but not how to request it.
    """
    link = next((link for link in _links(paging) if _is_next(link)), None)
    if link is None and not is_announced(paging):
        return None
    href = paging.get("next") if link is None else link.get("href")
    # a token without its parameter cannot be sent
    is_token = link is None and not (isinstance(href, str) and href.startswith(("http://", "https://", "/", "?")))
    url = None if is_token else web.resolve(document.url, href)
    if url is None:
        raise ServiceError(
            f"{web.host} announces another page that cannot be requested. The result is incomplete.",
            code="stac_next_page_invalid",
            hint="Search for less at a time, so that the result fits one page: page_size=…, or a shorter time.",
        )
    link = link or {}
    method = "POST" if str(link.get("method") or "GET").upper() == "POST" else "GET"
    headers = link.get("headers") if isinstance(link.get("headers"), Mapping) else None
    if method == "GET":
        return SearchRequest(url, headers=headers)
    body = link.get("body") if isinstance(link.get("body"), Mapping) else None
    is_merged = bool(link.get("merge")) or body is None
    return SearchRequest(url, "POST", {**((request.body or {}) if is_merged else {}), **(body or {})}, headers)


def _read_first(
    web: Web, request: SearchRequest, instead: Callable[[SearchRequest, int | None], SearchRequest | None]
) -> tuple[SearchRequest, Document]:
    while True:
        try:
            return request, _read(web, request)
        except ScenecartError as error:
            other = instead(request, error.status)
            if other is None:
                raise
            request = other


def _read(web: Web, request: SearchRequest) -> Document:
    return web.read(request.url, method=request.method, body=request.body, headers=request.headers)


def _links(paging: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    links = paging.get("links")
    return [link for link in links if isinstance(link, Mapping)] if isinstance(links, list) else []


def _is_next(link: Mapping[str, Any]) -> bool:
    rel = link.get("rel")
    return rel == "next" or (isinstance(rel, list) and "next" in rel)


def _check_count(web: Web, paging: Mapping[str, Any], matched: int | None, count: int) -> None:
    """Warn if the API counts more results than it returned; some count by estimate, so this is no error."""
    in_body = announced_count(paging)
    total = matched if in_body is None else in_body
    if total is not None and total > count:
        warn(
            f"{web.host} announces {total:,} items, but returned {count:,}. The result may be incomplete.",
            code="stac_results_missing",
        )
