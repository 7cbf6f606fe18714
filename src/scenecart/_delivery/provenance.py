"""Provenance of delivered items: whether the service's records link each item to its order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scenecart._api import operations
from scenecart.exceptions import ConnectionFailed, ScenecartError, warn

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from scenecart._api.http import Session
    from scenecart._api.operations import Edge

_MAX_ITEM_LOOKUPS = 50
_SERVER_ERROR = 500
_Node = tuple[str, str]


def fetch_edges(session: Session, kind: str, name: str) -> list[Edge]:
    """Return the edges of the provenance graph of an entity.

    Raises
    ------
    ScenecartError
        If the service has no graph, or an unreadable one.
    """
    return operations.parse_lineage(session.call(operations.PROVENANCE, operations.lineage_body(kind, name)))


def provenance_of(session: Session, order_id: str, item_ids: Sequence[str]) -> list[str]:
    """Return "verified", "missing" or "unknown" for each item.

    "missing" requires proof: a record that links the item to something else, or a record of the order with other items but without
    this one. If the service has no records, or names items differently, the result is "unknown".
    """
    edges: list[Edge] = []
    is_available = True
    try:
        edges += fetch_edges(session, "order", order_id)
    except ScenecartError as error:
        is_available = not _is_lasting(error)
    linked, named = _items_of(edges, order_id)
    names_items = not linked.isdisjoint(item_ids)
    answered: set[str] = set()
    # the record of an order may be incomplete
    for name in [name for name in item_ids if is_available and name not in linked][:_MAX_ITEM_LOOKUPS]:
        try:
            edges += fetch_edges(session, "item", name)
        except ScenecartError as error:
            if error.status != operations.NOT_FOUND:
                break
        answered.add(name)
    linked, named = _items_of(edges, order_id)
    missing = answered if names_items else answered & named
    found = ["verified" if name in linked else "missing" if name in missing else "unknown" for name in item_ids]
    if "missing" in found:
        warn(
            f"{found.count('missing')} of {len(found)} delivered items have no record that links them to order "
            f"{order_id}; see the column 'provenance'.",
            code="provenance_missing",
            hint="Contact the service's support before you use these items.",
        )
    return found


def _is_lasting(error: ScenecartError) -> bool:
    """Return whether a request for the record of an item would fail in the same way; some services have only records of items."""
    return isinstance(error, ConnectionFailed) or error.status is None or error.status >= _SERVER_ERROR or error.status in _REFUSED


_REFUSED = frozenset({200, 401, 403, 405, 429})


def _items_of(edges: Iterable[Edge], order_id: str) -> tuple[set[str], set[str]]:
    """Return the items that edges link to an order, directly or through other entities, and all items that occur in the edges."""
    sources: dict[_Node, set[_Node]] = {}
    results: dict[_Node, set[_Node]] = {}
    for edge in edges:
        entity, source = (edge.entity, edge.entity_id), (edge.source, edge.source_id)
        sources.setdefault(entity, set()).add(source)
        # the same relation, recorded in the opposite direction
        results.setdefault(source, set()).add(entity)
    order = ("order", order_id)
    linked = _reachable(order, sources) | _reachable(order, results)
    named = sources.keys() | results.keys()
    return {name for kind, name in linked if kind == "item"}, {name for kind, name in named if kind == "item"}


def _reachable(start: _Node, following: dict[_Node, set[_Node]]) -> set[_Node]:
    """Return every node that is reachable from a node in one direction: items of one capture may be of different orders."""
    found: set[_Node] = set()
    waiting = [start]
    while waiting:
        new = following.get(waiting.pop(), set()) - found
        found |= new
        waiting += new
    return found
