"""Every operation of the service: the scope it needs, what it takes, what it does, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from starlette.concurrency import iterate_in_threadpool
from starlette.responses import RedirectResponse, Response, StreamingResponse

from scenecart.sandbox._domain.delivery import replace_base
from scenecart.sandbox._domain.pricing import price
from scenecart.sandbox._http import schemas as take
from scenecart.sandbox._http.stac import StacApi, strict
from scenecart.sandbox._problem import Problem

if TYPE_CHECKING:
    from collections.abc import Callable

    from msgspec import Struct

    from scenecart.sandbox._domain.auth import Doorkeeper
    from scenecart.sandbox._domain.caller import Caller
    from scenecart.sandbox._domain.catalog import Catalog
    from scenecart.sandbox._domain.delivery import Delivery
    from scenecart.sandbox._domain.faults import Faults
    from scenecart.sandbox._domain.ledger import Ledger
    from scenecart.sandbox._domain.orders import Orders, Work
    from scenecart.sandbox._http.resources import Resources
    from scenecart.sandbox._http.stac import Source


@dataclass(frozen=True)
class Service:
    """Everything the routes need."""

    url: str
    doorkeeper: Doorkeeper
    catalog: Catalog
    ledger: Ledger
    orders: Orders
    resources: Resources
    delivery: Delivery
    delivered: Source
    archive: Source
    faults: Faults
    advance: Callable[[float], None]
    connections: dict[Any, Any]


@dataclass(frozen=True)
class Operation:
    """One operation; it reads, or it spends and takes a key."""

    scope: str
    takes: type[Struct]
    summary: str
    answers: str
    read: Callable[[Service, Caller, Any], Any] | None = None
    spend: Callable[[Service, Caller, Any], Work] | None = None
    status: int = 200
    media: str = "application/json"


def _search(service: Service, _caller: Caller, asked: take.CatalogSearch) -> Response:
    return Response(service.catalog.page(asked), media_type="application/json")


def _stream(service: Service, _caller: Caller, asked: take.CatalogSearch) -> Response:
    return StreamingResponse(iterate_in_threadpool(service.catalog.stream(asked)), media_type="application/x-ndjson")


def _image(kind: str) -> Callable[[Service, Caller, take.Image], Response]:
    def run(service: Service, _caller: Caller, asked: take.Image) -> Response:
        if service.catalog.capture(asked.host_name, None, asked.image_id) is None:
            raise Problem(404, "there is no such capture")
        return RedirectResponse(f"{service.url}/images/{asked.host_name}/{asked.image_id}/{kind}.png", 307)

    return run


def _estimate(service: Service, _caller: Caller, asked: take.ArchiveEstimate) -> dict[str, Any]:
    return price(service.catalog, service.orders.storage, asked.captures, by_date=bool(asked.splitByDate)).answer()


def _place(service: Service, caller: Caller, asked: take.ArchivePlace) -> Work:
    service.doorkeeper.count(caller, "places")
    return service.orders.placing(caller, asked)


def _orders(service: Service, caller: Caller, asked: take.OrdersList) -> dict[str, Any]:
    rows, counts = service.orders.page(caller, asked)
    return {"content": [service.orders.document(row) for row in rows], **counts}


def _stac(service: Service, caller: Caller, asked: take.StacSearch) -> Any:
    strict(asked)
    api = StacApi(service.delivered, service.url, "/stac")
    found, token, matched = service.delivered.page(caller, asked)
    answer = {
        "type": "FeatureCollection",
        "features": [api.linked(feature) for feature in found],
        "links": [] if token is None else [{"rel": "next", "href": f"{service.url}/v1/op/stac.search", "body": {"token": token}}],
        "numberMatched": matched,
        "numberReturned": len(found),
    }
    return replace_base(answer, service.url, asked.base_url)


OPERATIONS: dict[str, Operation] = {
    "catalog.search": Operation(
        "catalog:read", take.CatalogSearch, "Search a host's captures, a page at a time.", "FeatureCollection", _search
    ),
    "catalog.search_stream": Operation(
        "catalog:read",
        take.CatalogSearch,
        "Search a host's captures, a line each.",
        "Lines",
        _stream,
        media="application/x-ndjson",
    ),
    "catalog.image.quicklook": Operation(
        "catalog:read", take.Image, "Find a capture's quicklook.", "Redirect", _image("quicklook"), status=307
    ),
    "catalog.image.thumbnail": Operation(
        "catalog:read", take.Image, "Find a capture's thumbnail.", "Redirect", _image("thumbnail"), status=307
    ),
    "orders.archive.estimate": Operation(
        "orders:read", take.ArchiveEstimate, "Price captures; nothing is kept and no money moves.", "Estimate", _estimate
    ),
    "orders.archive.place": Operation("orders:write", take.ArchivePlace, "Buy captures.", "Order", spend=_place, status=202),
    "orders.get": Operation(
        "orders:read",
        take.OrderName,
        "Look at one order.",
        "Order",
        lambda s, c, asked: s.orders.document(s.orders.row(c, asked.name())),
    ),
    "orders.list": Operation("orders:read", take.OrdersList, "List orders, a page at a time.", "OrderPage", _orders),
    "orders.cancel": Operation(
        "orders:write",
        take.OrderName,
        "Cancel an order that can still be cancelled, and give its money back.",
        "Cancellation",
        spend=lambda s, c, asked: s.orders.cancelling(c, asked.name()),
    ),
    "orders.list_assets": Operation(
        "items:read",
        take.OrderName,
        "List what was delivered of an order.",
        "FeatureCollection",
        lambda s, c, asked: s.delivery.items(c, asked.name()),
    ),
    "items.get_stac": Operation(
        "items:read",
        take.ItemStac,
        "Look at one delivered item.",
        "Feature",
        lambda s, c, asked: s.delivery.item_of(c, asked.item_id, asked.base_url),
    ),
    "items.asset.download": Operation(
        "items:read",
        take.AssetDownload,
        "Get an address that opens one file for a while.",
        "Signed",
        lambda s, c, asked: s.delivery.signed(c, asked.item_id, asked.asset_id),
    ),
    "stac.search": Operation("items:read", take.StacSearch, "Search what was delivered.", "FeatureCollection", _stac),
    "provenance.get": Operation(
        "provenance:read",
        take.Provenance,
        "Tell where something came from, or what came of it.",
        "Lineage",
        lambda s, c, asked: s.delivery.provenance(c, asked),
    ),
    "billing.credits.balance": Operation(
        "billing:read", take.Nothing, "Tell the organization's money.", "Balance", lambda s, c, _: s.ledger.balance(c)
    ),
    "billing.credits.transactions": Operation(
        "billing:read",
        take.Transactions,
        "List the organization's ledger, the newest first.",
        "TransactionPage",
        lambda s, c, asked: s.ledger.transactions(c, asked),
    ),
}
