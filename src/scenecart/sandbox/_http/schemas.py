"""What requests carry: read, checked field by field, and described for the OpenAPI document by the same types."""

from __future__ import annotations

from types import UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta, Struct

from scenecart.sandbox._problem import Invalid, Problem

LARGEST_PAGE = 500
LARGEST_STAC_PAGE = 10_000
MOST_IN_ADDRESS = 100
_LONGEST_TEXT = 2_000

Shaped = TypeVar("Shaped", bound=Struct)
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
        description="A property to operators: lt, lte, gt, gte, eq, neq with a value, in with a list.",
        extra_json_schema={"additionalProperties": {"type": "object"}},
    ),
]
Interval = Annotated[str, Meta(description="An instant, or start/end of which one may be `..`.")]
Names = Annotated[list[str], Meta(max_length=10_000)]
License = Literal["standard", "extended", "internal"]
LICENSES = get_args(License)


class Nothing(Struct):
    """A body with nothing in it."""


class CatalogSearch(Struct):
    """A search of one host's captures."""

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
    """A capture's picture."""

    host_name: Text
    image_id: Text


class ArchiveEstimate(Struct):
    """Captures to be priced."""

    captures: Annotated[list[dict[str, Any]], Meta(max_length=10_000)]
    splitByDate: bool | None = None  # noqa: N815  # the service's name


class ArchivePlace(Struct):
    """Captures to be bought."""

    projectId: Text  # noqa: N815  # the service's name
    captures: Annotated[list[dict[str, Any]], Meta(min_length=1, max_length=10_000)]
    licenseType: License = "standard"  # noqa: N815  # the service's name
    splitByDate: bool | None = None  # noqa: N815  # the service's name
    displayName: str | None = None  # noqa: N815  # the service's name
    tags: list[str] | None = None


class BatchOrder(Struct):
    """Orders of one data product, one for each feature."""

    dataProduct: Text  # noqa: N815  # the service's name
    displayName: str  # noqa: N815  # the service's name
    params: dict[str, Any]
    featureCollection: dict[str, Any]  # noqa: N815  # the service's name
    tags: list[str] | None = None
    budgetId: str | None = None  # noqa: N815  # the service's name


class OrderChange(Struct):
    """What may be changed of an order."""

    tags: list[str] | None = None
    budgetId: str | None = None  # noqa: N815  # the service's name


class OrderName(Struct):
    """One order, under either name the service takes."""

    id: Text | None = None
    order_id: Text | None = None

    def name(self) -> str:
        """Return the order's id."""
        found = self.order_id or self.id
        if not found:
            raise Invalid(("order_id", "the order's id"))
        return found


class OrdersList(Struct):
    """Which orders, and which page of them."""

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
    # what this API does not offer is refused, rather than passed over
    query: None = None
    sortby: None = None
    filter: None = None
    filter_lang: str | None = None


class Provenance(Struct):
    """Where something came from, or what came of it."""

    entity_type: Literal["item", "order", "capture"]
    entity_id: Text
    direction: Literal["up", "down", "both"] = "up"
    max_depth: Annotated[int, Meta(ge=1, le=50)] = 20


class Transactions(Struct):
    """A page of the credit ledger."""

    limit: Annotated[int, Meta(ge=1, le=LARGEST_PAGE)] = 50
    offset: Annotated[int, Meta(ge=0, le=1_000_000_000)] = 0
    reason: str | None = None


def read(kind: type[Shaped], body: Any, *, from_query: bool = False) -> Shaped:
    """Return a body as what it should be.

    Parameters
    ----------
    kind
        What it should be.
    body
        A JSON object; with ``from_query`` names to lists of texts.
    from_query
        Whether it stood in an address, where everything is text.

    Raises
    ------
    Invalid
        With every field that is wrong.
    """
    if from_query:
        body = _from_texts(kind, body)
    try:
        return msgspec.convert(body, kind, strict=not from_query)
    except msgspec.ValidationError as error:
        raise Invalid(*(_each_fault(kind, body, strict=not from_query) or [("", str(error))])) from None


def _each_fault(kind: type[Struct], body: Any, *, strict: bool) -> list[tuple[str, str]]:
    if not isinstance(body, dict):
        return []
    found = []
    for field in msgspec.structs.fields(kind):
        name = field.encode_name
        if name not in body:
            if field.required:
                found.append((name, "this field is needed"))
            continue
        try:
            msgspec.convert(body[name], field.type, strict=strict)
        except msgspec.ValidationError as error:
            message, _, where = str(error).partition(" - at `$")
            inside = where.removesuffix("`").replace("[", ".").replace("]", "").strip(".")
            found.append((f"{name}.{inside}" if inside else name, message.replace("`", "")))
    return found


def _from_texts(kind: type[Struct], query: dict[str, list[str]]) -> dict[str, Any]:
    hints = get_type_hints(kind)
    kinds = {field.encode_name: _inside(hints[field.name]) for field in msgspec.structs.fields(kind)}
    return {name: _value(name, values, kinds.get(name, set())) for name, values in query.items()}


def _inside(hint: Any) -> set[Any]:
    """Return the plain types a hint is made of."""
    if get_origin(hint) in {Union, UnionType}:
        return {plain for part in get_args(hint) for plain in _inside(part)}
    plain = get_origin(hint) or hint
    # a list of objects stands in an address as one JSON text
    return {dict} if plain is list and get_args(hint)[0] not in {str, float} else {plain}


def _value(name: str, values: list[str], kinds: set[Any]) -> Any:
    if values[-1] == "null" and str not in kinds:
        raise Invalid((name, "leave it out rather than say null"))
    if dict in kinds:
        try:
            return msgspec.json.decode(values[-1])
        except msgspec.DecodeError:
            raise Problem(400, "the query holds something that is not JSON") from None
    if list in kinds:
        parts = [part for value in values for part in value.split(",")]
        if len(parts) > MOST_IN_ADDRESS:
            raise Invalid((name, f"an address holds at most {MOST_IN_ADDRESS}; send more in a body"))
        return parts
    return values[-1]
