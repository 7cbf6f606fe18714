"""Dialects of deliveries: lists of delivered items, and their provenance."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from scenecart.sandbox._http.exchange import Dialect, as_number, problem, replace_values

if TYPE_CHECKING:
    from scenecart.sandbox._http.exchange import ActiveDialect, Exchange, Reply

_PAGE_SIZE = 1


def _list_assets(dialect: ActiveDialect, exchange: Exchange, reply: Reply) -> Reply:
    if not reply.is_success:
        return reply
    document = reply.document
    features = document["features"]
    order_id = exchange.order_id
    variant = dialect.variant_of_order(exchange.service, order_id)
    if variant == "pages":
        return reply.with_document(_page(exchange, document))
    if variant == "late" and features and dialect.count_call(order_id) == 0:
        return reply.with_document({**document, "features": features[:-1]})
    if variant == "list":
        listed = [{**item, "assets": [{"id": name, **asset} for name, asset in item["assets"].items()]} for item in features]
        return reply.with_document({**document, "features": listed})
    return reply.with_document(features) if variant == "bare" else reply


def _page(exchange: Exchange, document: dict[str, Any]) -> dict[str, Any]:
    """Return one page of items; the token of a page is the number of its first item."""
    features = document["features"]
    first = next((number for name in ("next", "token") if (number := as_number(exchange.body.get(name))) is not None), 0)
    found = {**document, "features": features[first : first + _PAGE_SIZE], "numberMatched": len(features)}
    if first + _PAGE_SIZE < len(features):
        token = str(first + _PAGE_SIZE)
        href = f"{exchange.service.url}/v1/op/orders.list_assets"
        body = {"order_id": exchange.order_id, "next": token}
        found |= {"next": token, "links": [{"rel": "next", "method": "POST", "href": href, "body": body}]}
    return found


def _integer_items(dialect: ActiveDialect, exchange: Exchange) -> dict[str, int]:
    """Return the numbers of the items that have integer ids."""
    service = exchange.service
    return {
        name: number
        for number, name, order in service.delivery.numbered_ids()
        if dialect.variant_of_order(service, order) == "integers"
    }


def _read_integer_ids(dialect: ActiveDialect, exchange: Exchange) -> None:
    names = {number: name for name, number in _integer_items(dialect, exchange).items()}
    for field in ("item_id", "entity_id"):
        if field in exchange.body:
            exchange.body[field] = names.get(as_number(exchange.body[field]) or 0, exchange.body[field])


def _write_integer_ids(dialect: ActiveDialect, exchange: Exchange, reply: Reply) -> Reply:
    return reply.with_document(replace_values(reply.document, _integer_items(dialect, exchange))) if reply.is_success else reply


def _list_then_integers(dialect: ActiveDialect, exchange: Exchange, reply: Reply) -> Reply:
    return _write_integer_ids(dialect, exchange, _list_assets(dialect, exchange, reply))


def _provenance(dialect: ActiveDialect, _exchange: Exchange, reply: Reply) -> Reply:
    if not reply.is_success:
        return reply
    variant = dialect.variant_of_call(dialect.count_call("provenance"))
    if as_number(variant) is not None:
        return problem(int(variant), "the provenance is not available")
    document = reply.document
    if variant == "no-edges":
        return reply.with_document({**document, "edges": []})
    return reply.with_document({"uuids": _with_uuids, "upper-case": _in_upper_case, "job": _with_job}[variant](document))


def _with_uuids(document: dict[str, Any]) -> dict[str, Any]:
    """Give items and captures ids of the graph instead of their own."""
    names = {
        node["entity_id"]: str(uuid.uuid5(uuid.NAMESPACE_URL, f"{node['entity_type']}/{node['entity_id']}"))
        for node in document["nodes"]
        if node["entity_type"] != "order"
    }
    return {**document, **{name: replace_values(document[name], names) for name in ("nodes", "edges")}}


def _in_upper_case(document: dict[str, Any]) -> dict[str, Any]:
    names = {name: name.upper() for name in ("item", "order", "capture", "derived_from")}
    return {**document, **{name: replace_values(document[name], names) for name in ("root", "nodes", "edges")}}


def _with_job(document: dict[str, Any]) -> dict[str, Any]:
    """Put a processing job between each item and its order."""
    nodes, edges = list(document["nodes"]), []
    for edge in document["edges"]:
        if (edge["src_type"], edge["dst_type"]) != ("item", "order"):
            edges.append(edge)
            continue
        job = str(uuid.uuid5(uuid.NAMESPACE_URL, f"job/{edge['src_id']}"))
        nodes.append({"entity_type": "processing_job", "entity_id": job, "depth": edge["depth"]})
        edges += [
            {**edge, "dst_type": "processing_job", "dst_id": job},
            {**edge, "src_type": "processing_job", "src_id": job, "depth": edge["depth"] + 1},
        ]
    return {**document, "nodes": nodes, "edges": edges}


PAGED_ASSETS = Dialect(
    "paged-assets",
    "orders.list_assets answers one item per page, lacks an item at first, has assets as a list, integer ids, or is a bare list;"
    " orders take turns.",
    ("pages", "late", "list", "integers", "bare"),
    dict.fromkeys(("items.get_stac", "items.asset.download", "provenance.get"), _read_integer_ids),
    {
        **dict.fromkeys(("items.get_stac", "items.search_org", "stac.search", "provenance.get"), _write_integer_ids),
        "orders.list_assets": _list_then_integers,
    },
)
NO_PROVENANCE = Dialect(
    "no-provenance",
    "provenance.get answers an error, no edges, other ids, types in upper case, or a job between item and order; calls take turns.",
    ("422", "405", "500", "no-edges", "uuids", "upper-case", "job"),
    replies={"provenance.get": _provenance},
)
