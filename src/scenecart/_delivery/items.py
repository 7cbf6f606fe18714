"""Delivered items of an order, from all pages and in each form of the service."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from scenecart._api import operations
from scenecart._api.paging import announced_count, next_token
from scenecart._util.text import pluralize
from scenecart.exceptions import ServiceError, warn

if TYPE_CHECKING:
    from scenecart._api.http import Session

_LISTS = ("features", "items", "assets", "content", "results", "data")
_ASSET_KEYS = ("key", "asset_key", "id", "name", "title")
_MAX_PAGES = 10_000


def fetch_items(session: Session, order_id: str, captures: int = 0) -> dict[str, Any]:
    """Return the items of an order as one feature collection, with assets by key and text ids.

    Parameters
    ----------
    session
        The connection to the service.
    order_id
        The order.
    captures
        How many captures were ordered; fewer items cause a warning. 0 if unknown.

    Raises
    ------
    ServiceError
        If a response is not a list of items, or items that are announced did not arrive.
    """
    items: list[dict[str, Any]] = []
    known: set[str] = set()
    tokens: set[str] = set()
    received = ignored = 0
    token: str | None = None
    first: Mapping[str, Any] = {}
    for number in range(_MAX_PAGES):
        document = session.call(operations.LIST_ASSETS, operations.assets_body(order_id, token))
        entries = _entries_of(document)
        if entries is None:
            raise _error(f"The service returned an invalid list of items for order {order_id}.", code="items_invalid")
        paging = document if isinstance(document, Mapping) else {}
        first = paging if number == 0 else first
        received += len(entries)
        read = [_item_of(entry) for entry in entries]
        ignored += read.count(None)
        # a repeated page has no new items
        new = [item for item in read if item is not None and item["id"] not in known]
        items += new
        known.update(item["id"] for item in new)
        token = next_token(paging, operations.LIST_ASSETS.id)
        if token is None:
            _check_complete(order_id, paging, received)
            break
        if token in tokens or not new:
            raise _error(
                f"The service repeats a page of the items of order {order_id}. Items are missing.", code="items_page_repeated"
            )
        tokens.add(token)
    _warn_of_missing(order_id, len(items), ignored, captures)
    return {**first, "type": "FeatureCollection", "features": items}


def _entries_of(document: Any) -> list[Any] | None:
    if isinstance(document, list):
        return document
    if isinstance(document, Mapping):
        return next((document[name] for name in _LISTS if isinstance(document.get(name), list)), None)
    return None


def _item_of(entry: Any) -> dict[str, Any] | None:
    """Return an item with a text id and its assets by key; None if it is not an item."""
    if not isinstance(entry, Mapping):
        return None
    name = entry.get("id")
    if isinstance(name, int) and not isinstance(name, bool):
        name = str(name)
    if not isinstance(name, str) or not name:
        return None
    assets = entry.get("assets")
    return {**entry, "id": name, **({"assets": _assets_by_key(assets)} if isinstance(assets, list) else {})}


def _assets_by_key(assets: list[Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for number, asset in enumerate(assets, 1):
        if isinstance(asset, Mapping):
            keys = (asset.get(name) for name in _ASSET_KEYS)
            key = next((str(key) for key in keys if isinstance(key, str | int) and key != "" and not isinstance(key, bool)), None)
            key = key or f"asset-{number}"
            found[key if key not in found else f"{key}-{number}"] = dict(asset)
    return found


def _check_complete(order_id: str, paging: Mapping[str, Any], received: int) -> None:
    total = announced_count(paging)
    if total is not None and total > received:
        raise _error(
            f"The service announces {pluralize(total, 'item')} of order {order_id}, but returned {received:,}.",
            code="items_missing",
        )


def _warn_of_missing(order_id: str, items: int, ignored: int, captures: int) -> None:
    if ignored:
        warn(
            f"Entries of the list of items of order {order_id} that are not items were skipped: {ignored:,}.",
            code="items_skipped",
            hint="Contact the service's support: files may be missing.",
        )
    if items < captures:
        warn(
            f"The service lists {pluralize(items, 'item')} for the {pluralize(captures, 'capture')} of order {order_id}. "
            "Items may be missing.",
            code="items_fewer_than_captures",
            hint="Request them again in a few minutes: the service may still be adding items.",
        )


def _error(message: str, *, code: str) -> ServiceError:
    return ServiceError(
        message,
        code=code,
        hint="Try again in a few minutes. If this persists, contact the service's support.",
        operation=operations.LIST_ASSETS.id,
    )
