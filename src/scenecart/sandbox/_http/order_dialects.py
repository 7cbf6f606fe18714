"""Dialects of orders: their fields, ids, states, amounts, filters and lists."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from scenecart.sandbox._http.exchange import (
    ORDER_OPERATIONS,
    Dialect,
    Reply,
    as_number,
    problem,
    replace_values,
    rewrite_each_order,
)
from scenecart.sandbox._http.resources import aoi_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from scenecart.sandbox._http.exchange import ActiveDialect, Exchange
    from scenecart.sandbox._http.operations import Service

_GUIDE_FIELDS = ("id", "status", "orderType", "billingMode", "currency", "totalAud", "totalCredits", "groups")
_LIST_FILTERS = ("status", "orderIds", "dataProductIds", "tags")
_PAGE_SIZE = 3
_SURPLUS = 2


def _seed(_dialect: ActiveDialect, exchange: Exchange, order: dict[str, Any]) -> dict[str, Any]:
    if exchange.operation == "orders.archive.place":
        return {name: order[name] for name in _GUIDE_FIELDS if name in order}
    return {name: value for name, value in order.items() if name != "captures"}


def _up42(_dialect: ActiveDialect, exchange: Exchange, order: dict[str, Any]) -> dict[str, Any]:
    row = exchange.service.orders.row(order["id"])
    return order if row is None else exchange.service.resources.document(row, row["organization"])


def _bare(dialect: ActiveDialect, exchange: Exchange, order: dict[str, Any]) -> dict[str, Any]:
    variant = dialect.variant_of_order(exchange.service, str(order["id"]))
    if variant == "integers":
        return order
    changed = {name: value for name, value in order.items() if name not in {"captures", "groups"}}
    if "captures" in order and variant == "objects":
        changed["captures"] = [_capture_id_only(entry) for entry in order["captures"]]
    if "groups" in order:
        changed["groups"] = [_bare_group(group, variant) for group in order["groups"]]
    return changed


def _bare_group(group: dict[str, Any], variant: str) -> dict[str, Any]:
    if variant == "objects":
        return {**group, "captures": [{"captureId": name} for name in group["captures"]]}
    return {name: value for name, value in group.items() if name != "captures"}


def _integer_ids(dialect: ActiveDialect, service: Service) -> dict[str, int]:
    """Return the numbers of the orders that have integer ids."""
    return {name: number for number, name in service.orders.numbered_ids() if dialect.variant_of_order(service, name) == "integers"}


def _read_integer_ids(dialect: ActiveDialect, exchange: Exchange) -> None:
    """Replace integer ids in a request by the ids that the service knows."""
    names = {number: name for name, number in _integer_ids(dialect, exchange.service).items()}

    def known(value: Any) -> Any:
        return names.get(as_number(value) or 0, value)

    for field in ("id", "order_id", "entity_id"):
        if field in exchange.body:
            exchange.body[field] = known(exchange.body[field])
    ids = exchange.body.get("orderIds")
    if isinstance(ids, list):
        exchange.body["orderIds"] = [known(value) for value in ids]
    elif isinstance(ids, str | int):
        exchange.body["orderIds"] = ",".join(str(known(value)) for value in str(ids).split(","))


def _write_integer_ids(dialect: ActiveDialect, exchange: Exchange, reply: Reply) -> Reply:
    if not reply.is_success:
        return reply
    return reply.with_document(replace_values(reply.document, _integer_ids(dialect, exchange.service)))


def _bare_then_integers(dialect: ActiveDialect, exchange: Exchange, reply: Reply) -> Reply:
    return _write_integer_ids(dialect, exchange, rewrite_each_order(_bare)(dialect, exchange, reply))


def _refuse_lists(_dialect: ActiveDialect, exchange: Exchange, reply: Reply) -> Reply:
    wrong = [name for name in _LIST_FILTERS if isinstance(exchange.body.get(name), list)]
    if exchange.method == "GET" or not wrong or not reply.is_success:
        return reply
    detail = [{"loc": ["body", name], "msg": "Input should be a valid string", "type": "string_type"} for name in wrong]
    return reply.with_document({"detail": detail}, 422)


# for each variant: the words for delivered and failed
_FINAL_WORDS = {
    "completed": ("completed", "rejected"),
    "succeeded": ("succeeded", "expired"),
    "partial": ("partial", "rejected"),
}
_NATIVE_STATES = {
    "awaiting_data": "processing",
    "completed": "delivered",
    "succeeded": "delivered",
    "partial": "delivered",
    "rejected": "failed",
    "expired": "failed",
    "refunded": "cancelled",
}


def _awaiting(dialect: ActiveDialect, exchange: Exchange, order: dict[str, Any]) -> dict[str, Any]:
    delivered, failed = _FINAL_WORDS[dialect.variant_of_order(exchange.service, str(order.get("id") or order.get("orderId")))]
    words = {"processing": "awaiting_data", "delivered": delivered, "failed": failed, "cancelled": "refunded"}
    return {**order, "status": words.get(order["status"], order["status"])}


def _read_states(_dialect: ActiveDialect, exchange: Exchange) -> None:
    states = exchange.body.get("status")
    if isinstance(states, list):
        exchange.body["status"] = [_NATIVE_STATES.get(str(state).lower(), state) for state in states]
    elif isinstance(states, str):
        exchange.body["status"] = ",".join(_NATIVE_STATES.get(state.lower(), state) for state in states.split(","))


def _snake(dialect: ActiveDialect, exchange: Exchange, reply: Reply) -> Reply:
    if not reply.is_success:
        return reply
    document = reply.document
    variant = dialect.variant_of_call(dialect.count_call(exchange.operation))
    if exchange.operation != "orders.list":
        order = _snake_order(document)
        return reply.with_document({variant: [order] if variant == "results" else order})
    counts = {_snake_name(name): value for name, value in document.items() if name != "content"}
    wrapper = "orders" if variant == "order" else variant
    return reply.with_document({wrapper: [_snake_order(order) for order in document["content"]], **counts})


def _snake_order(order: dict[str, Any]) -> dict[str, Any]:
    changed = {_snake_name(name): value for name, value in order.items()}
    changed["order_id"] = changed.pop("id")
    if isinstance(changed.get("groups"), list):
        changed["groups"] = [
            _text_amounts({_snake_name(name): value for name, value in group.items()}) for group in changed["groups"]
        ]
    return _text_amounts(changed)


def _text_amounts(document: dict[str, Any]) -> dict[str, Any]:
    for name in ("credits", "total_credits", "aud", "total_aud"):
        if name in document:
            document[name] = f"{document[name]:.2f}" if name.endswith("aud") else str(document[name])
    return document


def _snake_name(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name).lower()


def _cents(_dialect: ActiveDialect, _exchange: Exchange, order: dict[str, Any]) -> dict[str, Any]:
    return {**order, "groups": _round_each_group(order["groups"])} if isinstance(order.get("groups"), list) else order


def _round_each_group(groups: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Round every second group down by one credit, so that the groups do not add up to the total."""
    return [
        {**group, "credits": group["credits"] - 1, "aud": (group["credits"] - 1) / 100}
        if number % 2 == 0 and group.get("credits")
        else group
        for number, group in enumerate(groups)
    ]


def _cents_of_estimate(dialect: ActiveDialect, exchange: Exchange, reply: Reply) -> Reply:
    if not reply.is_success:
        return reply
    document = reply.document
    requested = [capture.get("id") if isinstance(capture, dict) else None for capture in exchange.body.get("captures", [])]
    errors = []
    for number, entry in enumerate(document["errors"]):
        name, reason = entry["id"], entry["detail"]
        variant = dialect.variant_of_call(number)
        if variant == "index":
            errors.append({"index": requested.index(name) if name in requested else None, "message": reason})
        else:
            errors.append({"capture_id" if variant == "capture_id" else "captureId": name, "reason": reason})
    return reply.with_document({**document, "groups": _round_each_group(document["groups"]), "errors": errors})


def _read_page(_dialect: ActiveDialect, exchange: Exchange) -> None:
    page, size = as_number(exchange.body.get("page")), as_number(exchange.body.get("size", _PAGE_SIZE))
    exchange.notes["page"] = page
    if page is not None:
        exchange.body["page"] = max(page, 1) - 1
    if size is not None:
        exchange.body["size"] = min(size, _PAGE_SIZE)


def _write_page(dialect: ActiveDialect, exchange: Exchange, reply: Reply) -> Reply:
    variant = dialect.variant()
    if variant == "refused" and exchange.notes.get("page") == 0:
        return problem(422, "page must be at least 1")
    if not reply.is_success:
        return reply
    document = reply.document
    content, total = document["content"], document["totalElements"]
    if variant == "repeated":
        name = repr(sorted((name, str(value)) for name, value in exchange.body.items() if name != "page"))
        if content:
            dialect.store(name, content)
        content = content or (dialect.stored(name, []) if total else [])
    return reply.with_document({"content": content, "total": total + _SURPLUS if variant == "inflated" else total})


def _thin_cancellation(dialect: ActiveDialect, exchange: Exchange, reply: Reply) -> Reply:
    if not reply.is_success:
        return reply
    document = reply.document
    variant = dialect.variant_of_order(exchange.service, exchange.order_id)
    if variant == "partial":
        returned = {name: value // 2 if name.endswith("Credits") else value for name, value in document.items()}
        return reply.with_document({**returned, "message": "part of the price is not refunded"})
    if variant == "no-content":
        return Reply(204)
    thin = reply.with_document({name: document[name] for name in ("orderId", "status")})
    return replace(thin, is_lost=variant == "lost")


def _forget_key(dialect: ActiveDialect, exchange: Exchange) -> None:
    """Ignore the key of a cancellation whose response will be lost, so that the second request is a second cancellation."""
    if dialect.variant_of_order(exchange.service, exchange.order_id) == "lost":
        exchange.headers.pop("idempotency-key", None)


def _refuse_get(dialect: ActiveDialect, exchange: Exchange, reply: Reply) -> Reply:
    if exchange.method != "GET" or not reply.is_success:
        return reply
    return problem(int(dialect.variant_of_call(dialect.count_call("get"))), "this operation cannot be called like this")


def _with_bought_geometry(_dialect: ActiveDialect, exchange: Exchange, order: dict[str, Any]) -> dict[str, Any]:
    """Name each capture with host, collection and the geometry that was bought."""
    return _with_geometry(exchange.service, order, lambda capture: capture["geometry"])


def _with_footprints(_dialect: ActiveDialect, exchange: Exchange, order: dict[str, Any]) -> dict[str, Any]:
    """Name each capture with its whole footprint, not with the part that was bought."""
    catalog = exchange.service.catalog

    def footprint(capture: dict[str, Any]) -> Any:
        row = catalog.find_capture(capture["host_name"], capture["collection"], capture["id"])
        return capture["geometry"] if row is None else catalog.feature(row)["geometry"]

    return _with_geometry(exchange.service, order, footprint)


def _with_geometry(service: Service, order: dict[str, Any], geometry_of: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
    """Return an order whose captures have a geometry, wherever it names them."""
    row = service.orders.row(order["id"])
    if row is None:
        return order
    captures = [{**capture, "geometry": geometry_of(capture)} for capture in json.loads(row["captures"])]
    changed = {**order, "captures": captures} if "captures" in order else order
    if "orderDetails" not in order:
        return changed
    return {**changed, "orderDetails": {**order["orderDetails"], "aoi": aoi_of(captures)}}


def _capture_id_only(entry: Any) -> dict[str, Any]:
    """Return the entry of a capture whose id is named captureId."""
    if not isinstance(entry, dict):
        return {"captureId": entry}
    return {"captureId": entry["id"], **{name: value for name, value in entry.items() if name != "id"}}


_ID_OPERATIONS = (*ORDER_OPERATIONS, "orders.cancel", "orders.list_assets", "provenance.get")
_OPERATIONS_WITH_ORDER_IDS = ("orders.cancel", "orders.list_assets", "items.get_stac", "items.search_org", "stac.search",
                             "provenance.get", "billing.credits.transactions")  # fmt: skip

SEED = Dialect(
    "seed-orders",
    "An order names its captures only in its groups, as in the ordering guide.",
    replies=dict.fromkeys(ORDER_OPERATIONS, rewrite_each_order(_seed)),
)
UP42 = Dialect(
    "up42-orders",
    "Orders are read in the form of UP42: displayName, orderDetails, states such as FULFILLED, no captures.",
    replies=dict.fromkeys(("orders.get", "orders.list"), rewrite_each_order(_up42)),
)
BARE = Dialect(
    "bare-orders",
    "An order names no captures, or as objects with captureId, or has an integer as id; orders take turns.",
    ("none", "objects", "integers"),
    dict.fromkeys(_ID_OPERATIONS, _read_integer_ids),
    {
        **dict.fromkeys(_OPERATIONS_WITH_ORDER_IDS, _write_integer_ids),
        **dict.fromkeys(ORDER_OPERATIONS, _bare_then_integers),
    },
)
TEXT_FILTERS = Dialect(
    "text-filters",
    "Filters of orders.list must be text; a list is 422.",
    replies={"orders.list": _refuse_lists},
)
BOUGHT_GROUND = Dialect(
    "bought-ground",
    "An order names each capture with host, collection and the geometry that was bought.",
    replies=dict.fromkeys(ORDER_OPERATIONS, rewrite_each_order(_with_bought_geometry)),
)
WHOLE_FOOTPRINTS = Dialect(
    "whole-footprints",
    "An order names each capture with its whole footprint as geometry, not with the part that was bought.",
    replies=dict.fromkeys(ORDER_OPERATIONS, rewrite_each_order(_with_footprints)),
)
OWN_ORDERS = Dialect("own-orders", "A list of orders has only those that the caller placed.", policy={"lists_own_orders": True})
AWAITING = Dialect(
    "awaiting",
    "Other names of states: awaiting_data, then completed, succeeded, partial, rejected, expired or refunded; orders take turns.",
    tuple(_FINAL_WORDS),
    {"orders.list": _read_states},
    dict.fromkeys((*ORDER_OPERATIONS, "orders.cancel"), rewrite_each_order(_awaiting)),
)
SNAKE = Dialect(
    "snake-order",
    "Orders have names such as order_id and total_credits, amounts as text, and are wrapped; calls take turns.",
    ("data", "order", "results"),
    replies=dict.fromkeys(ORDER_OPERATIONS, _snake),
)
CENTS = Dialect(
    "cents",
    "Prices of groups are rounded and do not add up to the total; errors of an estimate have other names, and take turns.",
    ("capture_id", "captureId", "index"),
    replies={"orders.archive.estimate": _cents_of_estimate, **dict.fromkeys(ORDER_OPERATIONS, rewrite_each_order(_cents))},
)
GET_BY_POST = Dialect(
    "get-by-post",
    "orders.get answers a GET with an error, and works only by POST; calls take turns.",
    ("400", "404", "422", "501"),
    replies={"orders.get": _refuse_get},
)
ONE_BASED = Dialect(
    "one-based",
    f"Pages of orders begin at 1 and have at most {_PAGE_SIZE} orders; page 0 is page 1.",
    ("clamped", "repeated", "inflated", "refused"),
    {"orders.list": _read_page},
    {"orders.list": _write_page},
)
CANCEL_THIN = Dialect(
    "cancel-thin",
    "A cancellation answers only id and state, 204, a partial refund, or nothing and then 409 for a second try; orders take turns.",
    ("thin", "no-content", "partial", "lost"),
    {"orders.cancel": _forget_key},
    {"orders.cancel": _thin_cancellation},
)
