"""Delivered items of an order, read from all pages of the service's list, in each form of the list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scenecart._api import operations
from scenecart._api.paging import announced_count, next_token
from scenecart._util.text import first_names, pluralize
from scenecart.exceptions import ServiceError, warn

if TYPE_CHECKING:
    from scenecart._api.http import Session

_LISTS = ("features", "items", "assets", "content", "results", "data")
_ASSET_KEYS = ("key", "asset_key", "id", "name", "title")
_CAPTURE_NAMES = ("capture:id", "capture_id", "scene_id")
_MAX_PAGES = 10_000
_MOST_NAMES = 5


@dataclass(frozen=True)
class Delivered:
    """An order that may have delivered items.

    Attributes
    ----------
    id : str
        Its id.
    captures : sequence of str
        The ids of the ordered captures; empty if they are not known.
    is_open : bool
        Whether it is still being processed.
    """

    id: str
    captures: Sequence[str] = ()
    is_open: bool = False


def fetch_items(session: Session, order_id: str, captures: Sequence[str] = (), *, is_open: bool = False) -> dict[str, Any]:
    """Return the items of an order as one feature collection, with assets by key and text ids.

    Parameters
    ----------
    session
        The connection to the service.
    order_id
        The order.
    captures
        The ids of the ordered captures; a warning names those without an item. Empty if unknown.
    is_open
        Whether the order is still being processed.

    Raises
    ------
    ServiceError
        If a response is not a list of items, or has fewer items than the service announces.
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
    _warn_of_missing(order_id, items, ignored, captures, is_open=is_open)
    return {**first, "type": "FeatureCollection", "features": items}


def capture_of(item: Mapping[str, Any]) -> str | None:
    """Return the id of the capture that an item shows, if the item states it.

    Examples
    --------
    >>> from scenecart._delivery.items import capture_of
    >>> capture_of({"id": "a_89cf19942b06", "properties": {"capture:id": "a"}})
    'a'
    """
    properties = item.get("properties")
    stated = [properties.get(name) for name in _CAPTURE_NAMES] if isinstance(properties, Mapping) else []
    return next((value for value in stated if isinstance(value, str) and value), None)


def missing_captures(items: Sequence[Mapping[str, Any]], captures: Sequence[str]) -> list[str]:
    """Return the ordered captures without a delivered item.

    An item belongs to the capture that it states, or with whose id its own id begins. An item without either may belong to any
    capture. The captures without an item are then returned only if there are more of them than such items.

    Examples
    --------
    >>> from scenecart._delivery.items import missing_captures
    >>> missing_captures([{"id": "a_89cf19942b06"}], ["a", "b"])
    ['b']
    >>> missing_captures([{"id": "x"}, {"id": "y"}], ["a", "b"])
    []
    """
    missing, unnamed = _compared(items, captures)
    return missing if len(missing) > unnamed else []


def _compared(items: Sequence[Mapping[str, Any]], captures: Sequence[str]) -> tuple[list[str], int]:
    """Return the captures that no item states, and the number of items that state no capture."""
    stated = {capture_of(item) for item in items}
    ids = [str(item["id"]) for item in items]
    missing = [name for name in captures if name not in stated and not any(_begins_with(item_id, name) for item_id in ids)]
    unstated = [str(item["id"]) for item in items if capture_of(item) is None]
    return missing, sum(not any(_begins_with(item_id, name) for name in captures) for item_id in unstated)


def _begins_with(item_id: str, capture: str) -> bool:
    return item_id.startswith(capture) and not item_id[len(capture) : len(capture) + 1].isalnum()


def _entries_of(document: Any) -> list[Any] | None:
    if isinstance(document, list):
        return document
    if isinstance(document, Mapping):
        return next((document[name] for name in _LISTS if isinstance(document.get(name), list)), None)
    return None


def _item_of(entry: Any) -> dict[str, Any] | None:
    """Return an entry as an item with a text id and its assets by key; None if the entry is not an item."""
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


def _warn_of_missing(order_id: str, items: list[dict[str, Any]], ignored: int, captures: Sequence[str], *, is_open: bool) -> None:
    if ignored:
        warn(
            f"Entries of the list of items of order {order_id} that are not items were skipped: {ignored:,}.",
            code="items_skipped",
            hint="Contact the service's support: files may be missing.",
        )
    missing, unnamed = _compared(items, captures)
    if len(missing) <= unnamed:
        return
    arrived = len(captures) - len(missing) + unnamed
    names = "" if unnamed else f" Not yet: {first_names(missing, _MOST_NAMES)}."
    warn(
        f"{arrived:,} of {pluralize(len(captures), 'capture')} of order {order_id} have arrived.{names}",
        code="items_fewer_than_captures",
        hint="The order is still being processed: download again later."
        if is_open
        else "Download again in a few minutes: the service may still be adding items.",
    )


def _error(message: str, *, code: str) -> ServiceError:
    return ServiceError(
        message,
        code=code,
        hint="Try again in a few minutes. If this persists, contact the service's support.",
        operation=operations.LIST_ASSETS.id,
    )
