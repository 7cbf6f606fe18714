"""The dialect of an intermediary that mixes up responses."""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from scenecart.sandbox._http.exchange import ORDER_OPERATIONS, Dialect

if TYPE_CHECKING:
    from scenecart.sandbox._http.exchange import ActiveDialect, Exchange, Reply
    from scenecart.sandbox._http.operations import Service

# every third response of an operation is wrong
_EVERY = 3
_OPERATIONS = (*ORDER_OPERATIONS, "orders.cancel", "orders.list_assets")
_FOREIGN = "-of-another-user"


def _mix_up(dialect: ActiveDialect, exchange: Exchange, reply: Reply) -> Reply:
    if not reply.is_success:
        return reply
    operation = exchange.operation
    number = dialect.count_call(operation)
    first: Reply = dialect.stored(operation, reply)
    if number % _EVERY != _EVERY - 1:
        return reply
    variant = dialect.variant_of_call(number // _EVERY)
    if variant == "cached":
        return replace(first, status=200, headers={**first.headers, "Age": "300"})
    return reply.with_document(_other(exchange.service, operation, reply.document, variant))


def _other(service: Service, operation: str, document: dict[str, Any], variant: str) -> dict[str, Any]:
    if operation == "orders.list":
        content = document["content"]
        wrong = content[:1] if variant == "another-order" else content
        return {**document, "content": [_foreign_order(order) for order in wrong] + content[len(wrong) :]}
    if operation == "orders.list_assets":
        return {**document, "features": [_foreign_item(item) for item in document["features"]]}
    if operation == "orders.cancel":
        return {**document, "orderId": _foreign_id(document["orderId"])}
    return (_another_order(service, document["id"]) if variant == "another-order" else None) or _foreign_order(document)


def _another_order(service: Service, order_id: str) -> dict[str, Any] | None:
    """Return the last order of the same organization that is another one, or None."""
    own = service.orders.row(order_id)
    others = [one["id"] for one in service.orders.records() if one["organization"] == own["organization"] and one["id"] != order_id]
    return service.orders.document(service.orders.row(others[-1])) if others else None


def _foreign_order(order: dict[str, Any]) -> dict[str, Any]:
    """Return an order that another user could have: other ids, the same form."""
    return {
        **order,
        "id": _foreign_id(order["id"]),
        "projectId": _foreign_id(order["projectId"]),
        "captures": [name + _FOREIGN for name in order["captures"]],
        "groups": [{**group, "captures": [name + _FOREIGN for name in group["captures"]]} for group in order["groups"]],
    }


def _foreign_item(item: dict[str, Any]) -> dict[str, Any]:
    properties = item["properties"]
    wrong = {"order:id": _foreign_id(properties["order:id"]), "capture:id": properties["capture:id"] + _FOREIGN}
    return {**item, "id": item["id"] + _FOREIGN, "properties": {**properties, **wrong}}


def _foreign_id(name: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"another user/{name}"))


WRONG_ORDER = Dialect(
    "wrong-order",
    "Every third response about orders is of another order, of another user, or the first one from a cache; variants take turns.",
    ("another-order", "another-user", "cached"),
    replies=dict.fromkeys(_OPERATIONS, _mix_up),
)
