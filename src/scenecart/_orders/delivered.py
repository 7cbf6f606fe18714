"""Captures of orders, from the organization's delivered items, where the service does not state them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from scenecart._api import operations
from scenecart._api.order_states import ENDED
from scenecart._orders.listing import Ground, Holding
from scenecart.exceptions import AuthenticationError, ScenecartError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from scenecart._api.http import Session
    from scenecart._orders.listing import Listing

# the name of the sandbox; another service may ignore or refuse the condition, and what it returns is compared either way
_CAPTURE_PROPERTY = "capture:id"
_MOST_ITEMS = 500


def delivered_holdings(session: Session, listing: Listing, captures: Collection[str]) -> list[Holding]:
    """Return what delivered items show of orders without captures: for each, those of the captures that were delivered of it.

    An order may hold more than that, so this shows what may be owned, and never that something was not ordered.

    Parameters
    ----------
    session
        The connection to the service.
    listing
        The list of orders.
    captures
        Ids of the captures in question.
    """
    unstated = {one.record.id: one for one in listing.holdings if not one.grounds and one.record.phase != ENDED}
    if not unstated or not captures:
        return []
    body = {"query": {_CAPTURE_PROPERTY: {"in": sorted(captures)}}, "limit": _MOST_ITEMS}
    try:
        document = session.call(operations.SEARCH_ITEMS, body)
    except AuthenticationError:
        raise
    except ScenecartError:
        # a service without such a search
        return []
    found: dict[str, set[str]] = defaultdict(set)
    for texts in _texts_of_items(document):
        for order_id in texts & unstated.keys():
            found[order_id] |= texts & set(captures)
    return [
        Holding(unstated[name].record, tuple(Ground((None, None, one), None) for one in sorted(ids)), unstated[name].created)
        for name, ids in found.items()
        if ids
    ]


def _texts_of_items(document: Any) -> Iterator[set[str]]:
    """Yield the id and the texts among the properties of each item."""
    features = document.get("features") if isinstance(document, Mapping) else None
    for item in features if isinstance(features, list) else []:
        if isinstance(item, Mapping):
            properties = item.get("properties")
            values = properties.values() if isinstance(properties, Mapping) else ()
            yield {value for value in (item.get("id"), *values) if isinstance(value, str)}
