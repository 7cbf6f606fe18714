"""Request types: they validate requests and describe them in the OpenAPI document."""

from __future__ import annotations

from types import UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta, Struct

from scenecart.sandbox._problem import Invalid, Problem

LARGEST_PAGE = 500
LARGEST_STAC_PAGE = 10_000
LARGEST_ITEMS_PAGE = 1_000
MOST_IN_QUERY = 100
_LONGEST_TEXT = 2_000

RequestType = TypeVar("RequestType", bound=Struct)
Text = Annotated[str, Meta(min_length=1, max_length=_LONGEST_TEXT)]
Page = Annotated[int, Meta(ge=0, le=1_000_000)]
Size = Annotated[int, Meta(ge=1, le=LARGEST_PAGE)]
Geometry = Annotated[
    dict[str, Any],
    Meta(description="A GeoJSON geometry.", extra_json_schema={"type": "object", "required": ["type"]}),
]
Bbox = Annotated[
    list[float],
    Meta(description="West, south, east, north in degrees.", extra_json_schema={"minItems": 4, "maxItems": 6}),
]
Query = Annotated[
    dict[str, Any],
    Meta(
        description="Properties and their conditions: lt, lte, gt, gte, eq, neq with a value, or in with a list.",
        extra_json_schema={"additionalProperties": {"type": "object"}},
    ),
]
Interval = Annotated[str, Meta(description="A time, or start/end where one end may be `..`.")]
Names = Annotated[list[str], Meta(max_length=10_000)]
License = Literal["standard", "extended", "internal"]
LICENSES = get_args(License)
ItemType = Literal[
    "satellite_capture", "derived_raster", "derived_vector", "clip", "user_raster", "user_vector", "external_reference"
]


class NoParameters(Struct):
    """An empty body."""


class CatalogSearch(Struct):
    """A search of the captures of one host."""

    host_name: Text
    collections: Names | None = None
    ids: Names | None = None
    bbox: Bbox | None = None
    intersects: Geometry | None = None
    datetime: Interval | None = None
    query: Query | None = None
    limit: Size | None = None
    next: str | None = None
    full_catalog: bool | None = None


class Image(Struct):
    """A quicklook or thumbnail of a capture."""

    host_name: Text
    image_id: Text


class ArchiveEstimate(Struct):
    """Captures to price."""

    captures: Annotated[list[dict[str, Any]], Meta(max_length=10_000)]
    splitByDate: bool | None = None  # noqa: N815  # the service's name


class ArchivePlace(Struct):
    """Captures to order."""

    projectId: Text  # noqa: N815  # the service's name
    captures: Annotated[list[dict[str, Any]], Meta(min_length=1, max_length=10_000)]
    licenseType: License = "standard"  # noqa: N815  # the service's name
    splitByDate: bool | None = None  # noqa: N815  # the service's name
    displayName: str | None = None  # noqa: N815  # the service's name
    tags: list[str] | None = None


class BatchOrder(Struct):
    """A batch of orders of one data product, one order for each feature."""

    dataProduct: Text  # noqa: N815  # the service's name
    displayName: str  # noqa: N815  # the service's name
    params: dict[str, Any]
    featureCollection: dict[str, Any]  # noqa: N815  # the service's name
    tags: list[str] | None = None
    budgetId: str | None = None  # noqa: N815  # the service's name


class OrderChange(Struct):
    """The fields of an order that can be changed."""

    tags: list[str] | None = None
    budgetId: str | None = None  # noqa: N815  # the service's name
    displayName: str | None = None  # noqa: N815  # the service's name


class OrderUpdate(Struct):
    """The new tags and name of an order; null leaves them."""

    order_id: Text
    tags: list[str] | None = None
    displayName: str | None = None  # noqa: N815  # the service's name


class OrderId(Struct):
    """The id of an order, in either of the two fields that the service accepts."""

    id: Text | None = None
    order_id: Text | None = None

    def value(self) -> str:
        """Return the order's id."""
        found = self.order_id or self.id
        if not found:
            raise Invalid(("order_id", "this field is required"))
        return found


class OrdersList(Struct):
    """Filters and page of a list of orders."""

    workspaceId: str | None = None  # noqa: N815  # the service's name
    projectId: str | None = None  # noqa: N815  # the service's name
    status: str | list[str] | None = None
    type: str | None = None
    subStatus: str | None = None  # noqa: N815  # the service's name
    orderIds: str | list[str] | None = None  # noqa: N815  # the service's name
    dataProductIds: str | list[str] | None = None  # noqa: N815  # the service's name
    displayName: str | None = None  # noqa: N815  # the service's name
    tags: str | list[str] | None = None
    size: Size = 20
    page: Page = 0
    sort: Annotated[str, Meta(pattern=r"^(createdAt|updatedAt|status|type|displayName)(,(asc|desc))?$")] = "createdAt,desc"


class ItemStac(Struct):
    """One delivered item."""

    item_id: Text
    base_url: str | None = None


class AssetDownload(Struct):
    """One file of a delivered item."""

    item_id: Text
    asset_id: Text


class StacSearch(Struct, rename={"filter_lang": "filter-lang"}):
    """A STAC search."""

    base_url: str = ""
    collections: Names | None = None
    ids: Names | None = None
    bbox: Bbox | None = None
    intersects: Geometry | None = None
    datetime: Interval | None = None
    limit: Annotated[int, Meta(ge=1, le=LARGEST_STAC_PAGE)] = 10
    page: Page = 0
    token: str | None = None
    next: str | None = None
    # extensions that this API does not have: refused instead of ignored
    query: None = None
    sortby: None = None
    filter: None = None
    filter_lang: str | None = None


class OwnItemsSearch(StacSearch, rename={"filter_lang": "filter-lang"}):
    """A STAC search of the organization's items, which understands a part of CQL2."""

    filter: dict[str, Any] | None = None  # type: ignore[assignment]  # only this search has filters


class ItemsSearch(Struct):
    """A search of all items of the organization."""

    bbox: Bbox | None = None
    datetime: Interval | None = None
    limit: Annotated[int, Meta(ge=1, le=LARGEST_ITEMS_PAGE)] = 100
    offset: Annotated[int, Meta(ge=0, le=1_000_000_000)] = 0
    collections: Names | None = None
    type: ItemType | None = None
    query: Query | None = None
    base_url: str | None = None
    # refused instead of ignored, as in a STAC search
    sortby: None = None
    format: None = None


class Provenance(Struct):
    """A query for the provenance of an item, an order or a capture."""

    entity_type: Literal["item", "order", "capture"]
    entity_id: Text
    direction: Literal["up", "down", "both"] = "up"
    max_depth: Annotated[int, Meta(ge=1, le=50)] = 20


class Transactions(Struct):
    """A page of the organization's ledger."""

    limit: Annotated[int, Meta(ge=1, le=LARGEST_PAGE)] = 50
    offset: Annotated[int, Meta(ge=0, le=1_000_000_000)] = 0
    reason: str | None = None


class SourcesList(Struct):
    """Filters of the registry of hosts."""

    data_type: str | None = None
    scope: str | None = None
    country: str | None = None


class EulasList(Struct):
    """A page of licences."""

    term: str | None = None
    page: Page = 0
    size: Size = 20
    sort: str = "createdAt,desc"


class EulaDocuments(Struct):
    """A page of the documents of a licence."""

    eula_id: Text
    page: Page = 0
    size: Size = 20
    sort: str = "createdAt,desc"


class EulaAcceptance(Struct):
    """Whether the organization accepts a document of a licence."""

    eula_id: Text
    document_id: Text
    is_accepted: bool = True


class Commitments(Struct):
    """A query for minimum commitments."""

    commitment_id: str | None = None
    include_line_items: bool = False


class Invoices(Struct):
    """How many invoices to list."""

    limit: Size = 50


def parse(kind: type[RequestType], body: Any, *, from_query: bool = False) -> RequestType:
    """Convert a request to its type.

    Parameters
    ----------
    kind
        The request type.
    body
        A JSON object; with ``from_query`` a dict of lists of strings.
    from_query
        Whether the body comes from the query of a URL, where every value is text.

    Raises
    ------
    Invalid
        With an entry for every invalid field.
    """
    if from_query:
        body = _from_query(kind, body)
    try:
        return msgspec.convert(body, kind, strict=not from_query)
    except msgspec.ValidationError as error:
        raise Invalid(*(_invalid_fields(kind, body, strict=not from_query) or [("", str(error))])) from None


def _invalid_fields(kind: type[Struct], body: Any, *, strict: bool) -> list[tuple[str, str]]:
    if not isinstance(body, dict):
        return []
    found = []
    for field in msgspec.structs.fields(kind):
        name = field.encode_name
        if name not in body:
            if field.required:
                found.append((name, "this field is required"))
            continue
        try:
            msgspec.convert(body[name], field.type, strict=strict)
        except msgspec.ValidationError as error:
            message, _, where = str(error).partition(" - at `$")
            inside = where.removesuffix("`").replace("[", ".").replace("]", "").strip(".")
            found.append((f"{name}.{inside}" if inside else name, message.replace("`", "")))
    return found


def _from_query(kind: type[Struct], query: dict[str, list[str]]) -> dict[str, Any]:
    hints = get_type_hints(kind)
    kinds = {field.encode_name: _plain_types(hints[field.name]) for field in msgspec.structs.fields(kind)}
    return {name: _query_value(name, values, kinds.get(name, set())) for name, values in query.items()}


def _plain_types(hint: Any) -> set[Any]:
    """Return the types in a type hint, without Union and Annotated."""
    if get_origin(hint) in {Union, UnionType}:
        return {plain for part in get_args(hint) for plain in _plain_types(part)}
    plain = get_origin(hint) or hint
    # in a query, a list of objects is one JSON text
    return {dict} if plain is list and get_args(hint)[0] not in {str, float} else {plain}


def _query_value(name: str, values: list[str], kinds: set[Any]) -> Any:
    if values[-1] == "null" and str not in kinds:
        raise Invalid((name, "must not be null; leave it out"))
    if dict in kinds:
        try:
            return msgspec.json.decode(values[-1])
        except msgspec.DecodeError:
            raise Problem(400, f"the query parameter {name} is not valid JSON") from None
    if list in kinds:
        parts = [part for value in values for part in value.split(",")]
        if len(parts) > MOST_IN_QUERY:
            raise Invalid((name, f"must have at most {MOST_IN_QUERY} values in a query; use POST for more"))
        return parts
    return values[-1]
