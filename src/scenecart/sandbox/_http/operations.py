"""The operations of the service: scope, request type, function and response of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from starlette.concurrency import iterate_in_threadpool
from starlette.responses import RedirectResponse, Response, StreamingResponse

from scenecart.sandbox._domain.catalog import parse_query
from scenecart.sandbox._domain.delivery import replace_base
from scenecart.sandbox._domain.pricing import price_captures
from scenecart.sandbox._http import schemas
from scenecart.sandbox._http.stac import StacApi, check_rfc3339, parse_filter
from scenecart.sandbox._problem import Problem

if TYPE_CHECKING:
    from collections.abc import Callable

    from msgspec import Struct

    from scenecart.sandbox._domain.auth import Authenticator
    from scenecart.sandbox._domain.caller import Caller
    from scenecart.sandbox._domain.catalog import Catalog
    from scenecart.sandbox._domain.delivery import Delivery
    from scenecart.sandbox._domain.faults import Faults
    from scenecart.sandbox._domain.ledger import Ledger
    from scenecart.sandbox._domain.orders import Orders, Transaction
    from scenecart.sandbox._domain.registry import Registry
    from scenecart.sandbox._http.exchange import Dialect
    from scenecart.sandbox._http.resources import Resources
    from scenecart.sandbox._http.stac import DeliverySource, ItemSource


@dataclass(frozen=True)
class Service:
    """The parts of the service that the routes use."""

    url: str
    authenticator: Authenticator
    catalog: Catalog
    ledger: Ledger
    registry: Registry
    orders: Orders
    resources: Resources
    delivery: Delivery
    delivery_source: DeliverySource
    catalog_source: ItemSource
    faults: Faults
    advance: Callable[[float], None]
    now: Callable[[], float]
    connections: dict[Any, Any]
    dialects: tuple[tuple[Dialect, str | None], ...]


@dataclass(frozen=True)
class Operation:
    """One operation: ``read``, ``change`` what costs nothing, or ``spend`` with an optional idempotency key."""

    scope: str
    request_type: type[Struct]
    summary: str
    response_schema: str
    read: Callable[[Service, Caller, Any], Any] | None = None
    change: Callable[[Service, Caller, Any], Any] | None = None
    spend: Callable[[Service, Caller, Any], Transaction] | None = None
    status: int = 200
    media: str = "application/json"
    # whether the service's own document describes the fields of the response
    is_typed: bool = False
    shares: bool = False

    @property
    def side_effect(self) -> str:
        """What a call changes, in the service's words."""
        if self.spend is not None:
            return "external_spend"
        if self.change is not None:
            return "compute"
        return "share_export" if self.shares else "read"


def _search(service: Service, _caller: Caller, request: schemas.CatalogSearch) -> Response:
    return Response(service.catalog.search_page(request), media_type="application/json")


def _stream(service: Service, _caller: Caller, request: schemas.CatalogSearch) -> Response:
    return StreamingResponse(iterate_in_threadpool(service.catalog.stream(request)), media_type="application/x-ndjson")


def _image(kind: str) -> Callable[[Service, Caller, schemas.Image], Response]:
    def run(service: Service, _caller: Caller, request: schemas.Image) -> Response:
        row = service.catalog.find_capture(request.host_name, None, request.image_id)
        if row is None:
            raise Problem(404, "there is no such capture")
        return RedirectResponse(service.catalog.image_url(row, kind), 307)

    return run


def _estimate(service: Service, _caller: Caller, request: schemas.ArchiveEstimate) -> dict[str, Any]:
    return price_captures(service.catalog, service.orders.storage, request.captures, by_date=bool(request.splitByDate)).document()


def _place(service: Service, caller: Caller, request: schemas.ArchivePlace) -> Transaction:
    service.authenticator.check_rate_limit(caller, "places")
    return service.orders.prepare_placement(caller, request)


def _orders(service: Service, caller: Caller, request: schemas.OrdersList) -> dict[str, Any]:
    rows, counts = service.orders.page(caller, request)
    return {"content": [service.orders.document(row) for row in rows], **counts}


def _update(service: Service, caller: Caller, request: schemas.OrderUpdate) -> dict[str, Any]:
    change = schemas.OrderChange(tags=request.tags, displayName=request.displayName)
    service.orders.update(caller, request.order_id, change)
    return service.orders.document(service.orders.find(caller, request.order_id))


def _items(service: Service, caller: Caller, request: schemas.ItemsSearch) -> Any:
    search = schemas.StacSearch(bbox=request.bbox, datetime=request.datetime, collections=request.collections, limit=request.limit)
    check_rfc3339(search)
    conditions = parse_query(request.query)
    # everything that is delivered is a satellite capture
    found, matched = (
        service.delivery_source.part(caller, search, conditions, request.offset)
        if request.type in {None, "satellite_capture"}
        else ([], 0)
    )
    api = StacApi(service.delivery_source, service.url, "/stac")
    answer = {
        "type": "FeatureCollection",
        "features": [api.with_links(feature) for feature in found],
        "numberMatched": matched,
        "numberReturned": len(found),
    }
    return replace_base(answer, service.url, request.base_url)


def _stac(service: Service, caller: Caller, request: schemas.OwnItemsSearch) -> Any:
    check_rfc3339(request)
    api = StacApi(service.delivery_source, service.url, "/stac")
    found, token, matched = service.delivery_source.page(caller, request, parse_filter(request.filter))
    answer = {
        "type": "FeatureCollection",
        "features": [api.with_links(feature) for feature in found],
        "links": [] if token is None else [{"rel": "next", "href": f"{service.url}/v1/op/stac.search", "body": {"token": token}}],
        "numberMatched": matched,
        "numberReturned": len(found),
    }
    return replace_base(answer, service.url, request.base_url)


OPERATIONS: dict[str, Operation] = {
    "catalog.search": Operation(
        "catalog:read",
        schemas.CatalogSearch,
        "Search the captures of a host, page by page.",
        "FeatureCollection",
        _search,
        is_typed=True,
    ),
    "catalog.search_stream": Operation(
        "catalog:read",
        schemas.CatalogSearch,
        "Search the captures of a host, one line for each.",
        "Lines",
        _stream,
        media="application/x-ndjson",
    ),
    "catalog.image.quicklook": Operation(
        "catalog:read", schemas.Image, "Get the quicklook of a capture.", "Redirect", _image("quicklook"), status=307
    ),
    "catalog.image.thumbnail": Operation(
        "catalog:read", schemas.Image, "Get the thumbnail of a capture.", "Redirect", _image("thumbnail"), status=307
    ),
    "orders.archive.estimate": Operation(
        "orders:read", schemas.ArchiveEstimate, "Price captures without ordering them.", "Estimate", _estimate, is_typed=True
    ),
    "orders.archive.place": Operation(
        "orders:write", schemas.ArchivePlace, "Order captures.", "Order", spend=_place, status=202, is_typed=True
    ),
    "orders.get": Operation(
        "orders:read",
        schemas.OrderId,
        "Get an order.",
        "Order",
        lambda s, c, request: s.orders.document(s.orders.find(c, request.value())),
    ),
    "orders.list": Operation("orders:read", schemas.OrdersList, "List orders, page by page.", "OrderPage", _orders),
    "orders.update": Operation(
        "orders:write", schemas.OrderUpdate, "Change an order's tags.", "Order", change=_update, is_typed=True
    ),
    "orders.cancel": Operation(
        "orders:write",
        schemas.OrderId,
        "Cancel an order and return its credits.",
        "Cancellation",
        spend=lambda s, c, request: s.orders.prepare_cancellation(c, request.value()),
        is_typed=True,
    ),
    "orders.list_assets": Operation(
        "items:read",
        schemas.OrderId,
        "List the delivered items of an order.",
        "FeatureCollection",
        lambda s, c, request: s.delivery.order_items(c, request.value()),
    ),
    "items.get_stac": Operation(
        "items:read",
        schemas.ItemStac,
        "Get a delivered item.",
        "Feature",
        lambda s, c, request: s.delivery.find_item(c, request.item_id, request.base_url),
    ),
    "items.asset.download": Operation(
        "items:read",
        schemas.AssetDownload,
        "Get a signed URL of a file, valid for 15 minutes.",
        "Signed",
        lambda s, c, request: s.delivery.sign_download(c, request.item_id, request.asset_id),
        shares=True,
    ),
    "items.search_org": Operation(
        "items:read",
        schemas.ItemsSearch,
        "Search the delivered items of all projects.",
        "FeatureCollection",
        _items,
        is_typed=True,
    ),
    "stac.search": Operation("items:read", schemas.OwnItemsSearch, "Search the delivered items.", "FeatureCollection", _stac),
    "provenance.get": Operation(
        "provenance:read",
        schemas.Provenance,
        "Get the provenance of an item, an order or a capture.",
        "Lineage",
        lambda s, c, request: s.delivery.provenance(c, request),
        is_typed=True,
    ),
    "billing.credits.balance": Operation(
        "billing:read", schemas.NoParameters, "Get the organization's balance.", "Balance", lambda s, c, _: s.ledger.balance(c)
    ),
    "billing.credits.transactions": Operation(
        "billing:read",
        schemas.Transactions,
        "List the organization's transactions, newest first.",
        "TransactionPage",
        lambda s, c, request: s.ledger.transactions(c, request),
    ),
    "catalog.vendors.list": Operation(
        "catalog:read", schemas.NoParameters, "List the hosts of the catalog.", "Vendors", lambda s, _, __: s.registry.vendors()
    ),
    "catalog.sources.list": Operation(
        "catalog:read",
        schemas.SourcesList,
        "List the hosts of the catalog with their collections.",
        "Sources",
        lambda s, _, request: s.registry.sources(request.data_type, request.scope, request.country),
        is_typed=True,
    ),
    "eulas.list": Operation(
        "eulas:read",
        schemas.EulasList,
        "List licences, each with whether the organization accepted it.",
        "EulaPage",
        lambda s, c, request: s.registry.eulas(c, request.term, request.page, request.size),
    ),
    "eulas.documents.list": Operation(
        "eulas:read",
        schemas.EulaDocuments,
        "List the documents of a licence.",
        "EulaPage",
        lambda s, c, request: s.registry.eula_documents(c, request.eula_id),
    ),
    "eulas.document.accept": Operation(
        "eulas:write",
        schemas.EulaAcceptance,
        "Record that the organization accepts a document of a licence.",
        "EulaDocument",
        change=lambda s, c, request: s.registry.accept_document(
            c, request.eula_id, request.document_id, is_accepted=request.is_accepted
        ),
    ),
    "organizations.commitments.list": Operation(
        "orders:read",
        schemas.Commitments,
        "List the organization's minimum commitments.",
        "CommitmentList",
        lambda s, c, _: s.registry.commitments(c),
    ),
    "billing.invoices.list": Operation(
        "billing:read",
        schemas.Invoices,
        "List the organization's invoices, newest first.",
        "InvoiceList",
        lambda s, c, request: s.registry.invoices(c, request.limit),
    ),
}
