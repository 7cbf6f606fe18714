"""Captures, estimates and orders, to and from the service's JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from scenecart._api.fields import credits_of, first, id_text, named, text_of, unwrapped
from scenecart._api.operations import ESTIMATE, LIST_ORDERS, dollars, whole_number
from scenecart._api.order_states import DELIVERED, ENDED, UNKNOWN, is_cancelled, order_state, phase_of
from scenecart._util.text import clean_text, pluralize
from scenecart._util.validate import is_unicode, shown_value
from scenecart.exceptions import InvalidRequest, ServiceError, UntrustedEstimate


@dataclass(frozen=True)
class CaptureOrder:
    """One capture of an estimate or order, with the geometry to clip it to."""

    id: str
    geometry: Mapping[str, Any]
    host: str | None = None
    collection: str | None = None

    def to_wire(self) -> dict[str, Any]:
        """Return the service's JSON object."""
        record: dict[str, Any] = {"id": self.id, "geometry": self.geometry}
        if self.host is not None:
            record["host_name"] = self.host
        if self.collection is not None:
            record["collection"] = self.collection
        return record


def estimate_body(captures: list[CaptureOrder], *, split_by_date: bool) -> dict[str, Any]:
    """Build the request for an estimate."""
    return {"captures": [capture.to_wire() for capture in captures], "splitByDate": split_by_date}


def place_body(captures: list[CaptureOrder], *, project: str, license_type: str, split_by_date: bool) -> dict[str, Any]:
    """Build the request that places an order."""
    return {
        "projectId": project,
        "captures": [capture.to_wire() for capture in captures],
        "licenseType": license_type,
        "splitByDate": split_by_date,
    }


def purchased_captures(document: Mapping[str, Any]) -> list[CaptureOrder | None]:
    """Return the captures of a stored purchase request or an order; None for each without a geometry."""
    entries = document.get("captures")
    return [_purchased_capture(entry) for entry in entries] if isinstance(entries, list) else []


def _purchased_capture(entry: Any) -> CaptureOrder | None:
    if not isinstance(entry, Mapping) or not isinstance(entry.get("geometry"), Mapping):
        return None
    host, collection = (value if isinstance(value, str) else None for value in (entry.get("host_name"), entry.get("collection")))
    return CaptureOrder(str(entry.get("id")), entry["geometry"], host, collection)


def purchased_ids(placed: Mapping[str, Any]) -> list[str]:
    """Return the ids of the captures of a stored purchase request."""
    return [str(capture["id"]) for capture in placed["captures"]]


def is_split_by_date(placed: Mapping[str, Any]) -> bool | None:
    """Return whether a stored purchase request has one group per acquisition date; None if it does not state it."""
    split = placed.get("splitByDate")
    return split if isinstance(split, bool) else None


def reestimate_body(placed: Mapping[str, Any]) -> dict[str, Any]:
    """Build the estimate request for a stored purchase request."""
    return {"captures": placed["captures"], "splitByDate": placed.get("splitByDate", False)}


@dataclass(frozen=True)
class PriceGroup:
    """Captures with one common price: ids, area in km², price in credits and Australian dollars."""

    ids: tuple[str, ...]
    aoi_km2: float | None
    credits: int
    aud: Decimal


@dataclass(frozen=True)
class PriceList:
    """The service's price for a cart, checked for consistency.

    Attributes
    ----------
    is_rounded : bool
        Whether the groups differ from the total, each by at most a cent.
    raw : Mapping
        The response.
    """

    groups: tuple[PriceGroup, ...]
    errors: tuple[tuple[str, str], ...]
    total_credits: int
    total_aud: Decimal
    is_rounded: bool = False
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False)


def parse_estimate(document: Any, requested: list[str]) -> PriceList:
    """Read an estimate, and refuse an inconsistent one.

    Raises
    ------
    UntrustedEstimate
        If an amount is not a non-negative number, totals do not add up, a requested capture is neither priced nor refused, or
        another capture is priced.
    """
    document = unwrapped(document, "groups")
    fields = named(document)
    if not isinstance(fields.get("groups"), list):
        raise _inconsistent("it has no groups")
    errors = fields.get("errors") or []
    if not isinstance(errors, list):
        raise _inconsistent("its errors are not a list")
    groups = tuple(_parse_group(group) for group in fields["groups"])
    total_credits, total_aud = whole_number(fields.get("totalcredits")), dollars(fields.get("totalaud"))
    if total_credits is None or total_credits < 0 or total_aud is None or total_aud < 0:
        raise _inconsistent("its totals are not valid amounts")
    surplus_credits = sum(group.credits for group in groups) - total_credits
    surplus_aud = sum((group.aud for group in groups), Decimal(0)) - total_aud
    # a service may round each group: a cent a group is rounding, more is a contradiction
    if abs(surplus_credits) > len(groups):
        raise _inconsistent("its groups do not add up to the total credits")
    if abs(surplus_aud) > len(groups) * _CENT:
        raise _inconsistent("its groups do not add up to the total dollars")
    refused = _refused_captures(errors, requested, {name for group in groups for name in group.ids})
    _check_every_capture(groups, refused, requested)
    return PriceList(groups, refused, total_credits, total_aud, bool(surplus_credits or surplus_aud), document)


def _check_every_capture(groups: tuple[PriceGroup, ...], refused: tuple[tuple[str, str], ...], requested: list[str]) -> None:
    listed = Counter([name for group in groups for name in group.ids] + [name for name, _ in refused])
    expected = Counter(requested)
    missing, surplus = expected - listed, listed - expected
    if missing:
        raise _inconsistent(f"{pluralize(missing.total(), 'capture')} missing ({clean_text(min(missing), 80)})")
    if surplus:
        name = min(surplus)
        reason = "it lists a capture more than once" if name in expected else "it lists a capture that was not requested"
        raise _inconsistent(f"{reason} ({clean_text(name, 80)})")


def _parse_group(group: Any, read_credits: Callable[[Any], int | None] = whole_number) -> PriceGroup:
    if not isinstance(group, Mapping):
        raise _inconsistent("a group is not an object")
    fields = named(group)
    ids = fields.get("captures")
    price, aud = read_credits(fields.get("credits")), dollars(fields.get("aud"))
    if not isinstance(ids, list) or not ids:
        raise _inconsistent("a group has no captures")
    if price is None or price < 0 or aud is None or aud < 0:
        raise _inconsistent("the price of a group is not a valid amount")
    area = fields.get("aoikm2")
    is_area = isinstance(area, int | float) and not isinstance(area, bool)
    return PriceGroup(_capture_ids(ids), float(area) if is_area else None, price, aud)  # type: ignore[arg-type]  # is_area says so


def _capture_id(entry: Any) -> str | None:
    """Return the id of a capture, from any of the fields that services use for it."""
    if isinstance(entry, Mapping):
        fields = named(entry)
        return next((name for name in map(_capture_id, map(fields.get, _CAPTURE_ID_FIELDS)) if name is not None), None)
    return id_text(entry)


def _capture_ids(entries: list[Any]) -> tuple[str, ...]:
    return tuple("None" if name is None else name for name in map(_capture_id, entries))


def _refused_captures(errors: list[Any], requested: list[str], priced: set[str]) -> tuple[tuple[str, str], ...]:
    """Return the captures without a price, each with the service's reason."""
    refused: list[tuple[str | None, str]] = []
    for entry in errors:
        if not isinstance(entry, Mapping):
            raise _inconsistent("an error is not an object")
        fields = named(entry)
        name, index = _capture_id(entry), whole_number(fields.get("index"))
        if name is None and index is not None and 0 <= index < len(requested):
            name = requested[index]
        refused.append((name, _reason(fields) or "no reason given"))
    nameless = [reason for name, reason in refused if name is None]
    rest = [name for name in requested if name not in priced and name not in {known for known, _ in refused}]
    if len(nameless) == len(rest) == 1:
        return tuple((rest[0] if name is None else name, reason) for name, reason in refused)
    if nameless:
        raise _inconsistent(f"{pluralize(len(nameless), 'error')} without a capture ({clean_text(nameless[0], 200)})")
    return tuple((name, reason) for name, reason in refused if name is not None)


def _reason(fields: Mapping[str, Any]) -> str | None:
    """Return the text of a reason, also from inside an object or a list."""
    for name in ("detail", "message", "reason", "error", "msg", "details", "title"):
        value = fields.get(name)
        value = value[0] if isinstance(value, list) and value else value
        text = _reason(named(value)) if isinstance(value, Mapping) else text_of(value)
        if text:
            return text
    return None


def _inconsistent(reason: str) -> UntrustedEstimate:
    return UntrustedEstimate(
        f"The service returned an inconsistent estimate: {reason}. Nothing was ordered.",
        code="estimate_inconsistent",
        hint="Estimate again. If it fails again, contact the service's support.",
        operation=ESTIMATE.id,
    )


_CENT = Decimal("0.01")
_CAPTURE_ID_FIELDS = ("id", "captureid", "capture", "imageid", "sceneid")


@dataclass(frozen=True)
class OrderRecord:
    """An order as the service describes it.

    Attributes
    ----------
    captures : tuple of str
        The ids of its captures; empty if the service does not name them.
    name, tags, reference, person : str or None, or tuple of str
        Its labels, of the service or of this machine, and who placed it.
    has_assets : bool
        Whether the service listed delivered files of it, which proves the delivery if its state is unknown.
    raw : Mapping
        The order's document.
    """

    id: str
    state: str
    sub_status: str | None = None
    order_type: str | None = None
    billing_mode: str | None = None
    currency: str | None = None
    total_credits: int | None = None
    total_aud: Decimal | None = None
    project: str | None = None
    license_type: str | None = None
    name: str | None = None
    tags: tuple[str, ...] = ()
    reference: str | None = None
    person: str | None = None
    created: str | None = None
    updated: str | None = None
    reason: str | None = None
    captures: tuple[str, ...] = ()
    groups: tuple[PriceGroup, ...] = ()
    has_assets: bool = False
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def phase(self) -> str:
        """``"open"``, ``"delivered"``, ``"ended"`` without delivery, or ``"unknown"``."""
        phase = phase_of(self.state)
        return DELIVERED if phase == UNKNOWN and self.has_assets else phase

    @property
    def is_cancelled(self) -> bool:
        """Whether it ended because it was cancelled or refunded."""
        return is_cancelled(self.state)

    def matches(self, state: str) -> bool:
        """Return whether it is in a state, under any of the names that services use."""
        wanted = phase_of(state)
        return self.phase == wanted and (wanted != ENDED or self.is_cancelled == is_cancelled(state))

    def with_assets(self) -> OrderRecord:
        """Return the same order, with the proof that something was delivered."""
        return replace(self, has_assets=True)


def parse_order(document: Any) -> OrderRecord | None:
    """Read an order, in any spelling and any wrapper; None if the document has no order id."""
    document = unwrapped(document, "id", "orderid")
    fields = named(document)
    name = id_text(fields.get("id")) or id_text(fields.get("orderid"))
    if name is None or not is_unicode(name):
        return None
    return OrderRecord(
        id=name,
        state=order_state(first(fields, "status", "state")),
        sub_status=text_of(first(fields, "substatus", "statusdetail", "statusdetails", "statusmessage")),
        order_type=text_of(first(fields, "ordertype", "type")),
        billing_mode=text_of(fields.get("billingmode")),
        currency=text_of(fields.get("currency")),
        total_credits=credits_of(first(fields, "totalcredits", "credits")),
        total_aud=dollars(first(fields, "totalaud", "aud")),
        project=id_text(first(fields, "projectid", "workspaceid")),
        license_type=text_of(fields.get("licensetype")),
        name=text_of(fields.get("displayname")),
        tags=_texts(fields.get("tags")),
        person=text_of(first(fields, "placedbyname", "createdbyname", "placedby", "createdby", "orderedby")),
        created=text_of(first(fields, "createdat", "created")),
        updated=text_of(first(fields, "updatedat", "updated")),
        reason=text_of(first(fields, "failurereason", "reason", "statusreason")),
        captures=_order_captures(fields),
        groups=_groups_if_valid(fields.get("groups")),
        raw=document,
    )


def _texts(values: Any) -> tuple[str, ...]:
    texts = [text_of(value) for value in values] if isinstance(values, list) else []
    return tuple(text for text in texts if text)


def _order_captures(fields: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the ids of an order's captures from wherever it names all of them; empty if it does not."""
    details = named(fields.get("orderdetails"))
    groups = fields.get("groups")
    in_groups = [named(group).get("captures") for group in groups] if isinstance(groups, list) else []
    is_complete = all(isinstance(part, list) for part in in_groups)
    grouped = [entry for part in in_groups if isinstance(part, list) for entry in part] if is_complete else []
    one = first(fields, "captureid") or first(details, "captureid", "imageid")
    for entries in (
        first(fields, "captures", "captureids"),
        grouped,
        first(details, "captures", "captureids", "imageids"),
        [one] if one is not None else None,
    ):
        if isinstance(entries, list) and entries:
            ids = [_capture_id(entry) for entry in entries]
            # a list that is only partly understood proves nothing
            if None not in ids:
                return tuple(name for name in ids if name is not None)
    return ()


def _groups_if_valid(groups: Any) -> tuple[PriceGroup, ...]:
    try:
        return tuple(_parse_group(group, credits_of) for group in groups) if isinstance(groups, list) else ()
    except UntrustedEstimate:
        return ()


@dataclass(frozen=True)
class OrderPage:
    """One page of orders.

    Attributes
    ----------
    orders : list of OrderRecord
        The orders that can be read.
    unreadable : int
        How many entries cannot be read.
    pages, total : int or None
        The number of pages and of orders, if the service states it.
    is_total_certain : bool
        Whether ``total`` cannot be the number of entries of this page.
    """

    orders: list[OrderRecord]
    unreadable: int = 0
    pages: int | None = None
    total: int | None = None
    is_total_certain: bool = False


def order_page(document: Any) -> OrderPage:
    """Read one page of orders in any of its formats.

    Raises
    ------
    ServiceError
        If the response is not a list of orders.
    """
    entries: Any = document
    fields = outer = named(document)
    if fields:
        entries = _page_entries(fields)
        if isinstance(entries, Mapping):
            fields = named(entries)
            entries = _page_entries(fields)
    if not isinstance(entries, list):
        raise ServiceError(
            "The service returned an unreadable list of orders.", code="order_list_unreadable", operation=LIST_ORDERS.id
        )
    orders = [order for order in map(parse_order, entries) if order is not None]
    counts = {**outer, **fields}
    total = credits_of(first(counts, "totalelements", *_TOTALS))
    is_certain = total is not None and (total > len(entries) or (total == len(entries) and "totalelements" in counts))
    return OrderPage(orders, len(entries) - len(orders), credits_of(counts.get("totalpages")), total, is_certain)


_TOTALS = ("total", "totalcount", "numbermatched", "totalresults")


def _page_entries(fields: Mapping[str, Any]) -> Any:
    names = ("content", "orders", "items", "data", "results")
    return next((fields[name] for name in names if isinstance(fields.get(name), list | Mapping)), None)


def order_filters(
    *,
    status: str | None = None,
    project: str | None = None,
    name: str | None = None,
    ids: Sequence[str] | None = None,
    tags: str | Sequence[str] | None = None,
    order_type: str | None = None,
) -> dict[str, Any]:
    """Build the filters of a list of orders; None leaves a filter out.

    Raises
    ------
    InvalidRequest
        If a filter is neither a string nor several.
    """
    filters = {"status": status, "project": project, "name": name, "ids": ids, "tags": tags, "order_type": order_type}
    for argument, value in filters.items():
        if value is not None and not isinstance(value, Iterable):
            raise InvalidRequest(
                f"must be a string or a list of strings, got {shown_value(value)}.",
                code="order_filter_invalid",
                argument=argument,
            )
    return {
        _FILTER_FIELDS.get(argument, argument): value if isinstance(value, str) else list(value)
        for argument, value in filters.items()
        if value is not None
    }


STATUS_FILTER, PROJECT_FILTER, IDS_FILTER, TAGS_FILTER = "status", "workspaceId", "orderIds", "tags"
_FILTER_FIELDS = {"project": PROJECT_FILTER, "name": "displayName", "ids": IDS_FILTER, "order_type": "type"}


def matches_nothing(filters: Mapping[str, Any]) -> bool:
    """Return whether the filters select no order: the service takes an empty list of ids for all orders."""
    return filters.get(IDS_FILTER) == []


def orders_body(filters: Mapping[str, Any], size: int, page: int = 0) -> dict[str, Any]:
    """Build the request for one page of orders, newest first; pages are counted from 0."""
    return {"size": size, "page": page, "sort": "createdAt,desc", **filters}


def labels_body(order_id: str, name: str, tags: Sequence[str]) -> dict[str, Any]:
    """Build the request that sets the tags of an order, and its name if the service takes one."""
    return {"order_id": order_id, "tags": list(tags), **({"displayName": name} if name else {})}


def order_reference(order_id: str) -> dict[str, Any]:
    """Build the reference to an order, in both of the service's spellings."""
    return {"id": order_id, "order_id": order_id}


def returned_credits(document: Any) -> tuple[str, int] | None:
    """Return the credits that cancelling returned: ``("refunded" or "released", credits)``, or None if unknown."""
    fields = named(document)
    for kind in ("refunded", "released"):
        amount = credits_of(fields.get(f"{kind}credits"))
        if amount is not None:
            return kind, amount
    return None


def is_about(document: Any, order_id: str) -> bool:
    """Return whether a response is about an order, or names none."""
    fields = named(document)
    stated = [id_text(fields.get(name)) for name in ("orderid", "id")]
    return not any(stated) or order_id in stated


def service_message(document: Any) -> str | None:
    """Return the message text of a response."""
    return text_of(first(named(document), "message", "detail", "note"))


def lists_assets(document: Any) -> bool:
    """Return whether a response lists at least one delivered item or file."""
    if isinstance(document, Mapping):
        fields = named(document)
        document = first(fields, "features", "items", "assets", "data", "results", "content")
    return bool(document) if isinstance(document, list | Mapping) else False
