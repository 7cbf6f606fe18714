"""Captures, estimates and orders, to and from the service's JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from difflib import get_close_matches
from typing import Any

from scenecart._api.operations import ESTIMATE, LIST_ORDERS, dollars, whole_number
from scenecart._util.text import clean_text, pluralize
from scenecart._util.validate import shown_value
from scenecart.exceptions import InvalidQuery, InvalidRequest, ServiceError, UntrustedEstimate


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
    """Return whether a stored purchase request has one group per acquisition date; None if it does not say."""
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
    """The service's price for a cart, checked for consistency."""

    groups: tuple[PriceGroup, ...]
    errors: tuple[tuple[str, str], ...]
    total_credits: int
    total_aud: Decimal


def parse_estimate(document: Any, requested: list[str]) -> PriceList:
    """Read an estimate, and refuse an inconsistent one.

    Raises
    ------
    UntrustedEstimate
        If an amount is not a non-negative number, totals do not add up, a requested capture is neither priced nor refused, or
        another capture is priced.
    """
    if not isinstance(document, Mapping) or not isinstance(document.get("groups"), list):
        raise _inconsistent("it has no groups")
    errors = document.get("errors") or []
    if not isinstance(errors, list):
        raise _inconsistent("its errors are not a list")
    groups = tuple(_parse_group(group) for group in document["groups"])
    refused = tuple(_parse_capture_error(entry) for entry in errors)
    total_credits, total_aud = whole_number(document.get("total_credits")), dollars(document.get("total_aud"))
    if total_credits is None or total_aud is None:
        raise _inconsistent("its totals are not valid amounts")
    if sum(group.credits for group in groups) != total_credits:
        raise _inconsistent("its groups do not add up to the total credits")
    if sum((group.aud for group in groups), Decimal(0)) != total_aud:
        raise _inconsistent("its groups do not add up to the total dollars")
    _check_every_capture(groups, refused, requested)
    return PriceList(groups, refused, total_credits, total_aud)


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


def _parse_group(group: Any) -> PriceGroup:
    if not isinstance(group, Mapping):
        raise _inconsistent("a group is not an object")
    ids = group.get("captures")
    price, aud = whole_number(group.get("credits")), dollars(group.get("aud"))
    if not isinstance(ids, list) or not ids:
        raise _inconsistent("a group has no captures")
    if price is None or price < 0 or aud is None or aud < 0:
        raise _inconsistent("the price of a group is not a valid amount")
    area = group.get("aoi_km2")
    is_area = isinstance(area, int | float) and not isinstance(area, bool)
    return PriceGroup(_capture_ids(ids), float(area) if is_area else None, price, aud)  # type: ignore[arg-type]  # is_area says so


def _capture_ids(entries: list[Any]) -> tuple[str, ...]:
    return tuple(str(entry.get("id")) if isinstance(entry, Mapping) else str(entry) for entry in entries)


def _parse_capture_error(entry: Any) -> tuple[str, str]:
    if not isinstance(entry, Mapping):
        raise _inconsistent("an error is not an object")
    reason = entry.get("detail") or entry.get("message") or entry.get("reason") or entry.get("error")
    return str(entry.get("id") or entry.get("capture") or ""), clean_text(reason) or "no reason given"


def _inconsistent(reason: str) -> UntrustedEstimate:
    return UntrustedEstimate(
        f"The service returned an inconsistent estimate: {reason}. Nothing was ordered.",
        code="estimate_inconsistent",
        hint="Estimate again. If it fails again, contact the service's support.",
        operation=ESTIMATE.id,
    )


_STATES = {
    "processing": "processing",
    "created": "processing",
    "being_placed": "processing",
    "placed": "processing",
    "being_fulfilled": "processing",
    "delivered": "delivered",
    "fulfilled": "delivered",
    "failed": "failed",
    "placement_failed": "failed",
    "failed_permanently": "failed",
    "canceled": "cancelled",
    "cancelled": "cancelled",
}
_KNOWN_STATES = tuple(dict.fromkeys(_STATES.values()))
TERMINAL = frozenset({"delivered", "failed", "cancelled"})


def order_state(value: Any) -> str:
    """Return a state in this library's spelling; an unknown state is returned as is."""
    text = clean_text(value, 80).strip()
    return _STATES.get(_normalized(text), text or "unknown")


def check_state(value: str | None) -> None:
    """Refuse an unknown order state; None stands for any state.

    Raises
    ------
    InvalidQuery
        If it is not a state in any of the service's spellings. The hint names the nearest.

    Examples
    --------
    >>> from scenecart._api.schemas import check_state
    >>> check_state("deliverd")
    Traceback (most recent call last):
    scenecart.InvalidQuery: status must be a known order status, got 'deliverd'.
    Did you mean 'delivered'?
    """
    hint = None if value is None else unknown_state_hint(str(value))
    if hint is not None:
        raise InvalidQuery(
            f"must be a known order status, got {shown_value(value)}.", code="status_unknown", argument="status", hint=hint
        )


def _normalized(state: str) -> str:
    return state.lower().replace("-", "_").replace(" ", "_")


def unknown_state_hint(value: str) -> str | None:
    """Return the nearest or all known states as a hint; None if the state is known."""
    if order_state(value) in _KNOWN_STATES:
        return None
    near = get_close_matches(_normalized(value), [*_KNOWN_STATES, *_STATES], n=1)
    return f"Did you mean {near[0]!r}?" if near else f"Use {', '.join(_KNOWN_STATES[:-1])} or {_KNOWN_STATES[-1]}."


@dataclass(frozen=True)
class OrderRecord:
    """An order as the service describes it."""

    id: str
    state: str
    order_type: str | None = None
    billing_mode: str | None = None
    currency: str | None = None
    total_credits: int | None = None
    total_aud: Decimal | None = None
    project: str | None = None
    license_type: str | None = None
    name: str | None = None
    created: str | None = None
    updated: str | None = None
    reason: str | None = None
    captures: tuple[str, ...] = ()
    groups: tuple[PriceGroup, ...] = ()
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False)


def parse_order(document: Any) -> OrderRecord | None:
    """Read an order; None if the document has no order id."""
    if not isinstance(document, Mapping):
        return None
    if not ("id" in document or "orderId" in document) and isinstance(document.get("order"), Mapping):
        document = document["order"]
    name = document.get("id") or document.get("orderId") or document.get("order_id")
    if not isinstance(name, str) or not name.strip() or not _is_unicode(name):
        return None
    groups = document.get("groups")
    captures = document.get("captures")
    return OrderRecord(
        id=name,
        state=order_state(document.get("status") or document.get("state")),
        order_type=_text(document.get("orderType") or document.get("type")),
        billing_mode=_text(document.get("billingMode")),
        currency=_text(document.get("currency")),
        total_credits=whole_number(document.get("totalCredits")),
        total_aud=dollars(document.get("totalAud")),
        project=_text(document.get("projectId") or document.get("workspaceId")),
        license_type=_text(document.get("licenseType")),
        name=_text(document.get("displayName")),
        created=_text(document.get("createdAt")),
        updated=_text(document.get("updatedAt")),
        reason=_text(document.get("failureReason") or document.get("reason") or document.get("statusReason")),
        captures=_capture_ids(captures if isinstance(captures, list) else []),
        groups=_groups_if_valid(groups),
        raw=document,
    )


def _is_unicode(text: str) -> bool:
    try:
        return bool(text.encode())
    except UnicodeEncodeError:
        return False


def _groups_if_valid(groups: Any) -> tuple[PriceGroup, ...]:
    try:
        return tuple(_parse_group(group) for group in groups) if isinstance(groups, list) else ()
    except UntrustedEstimate:
        return ()


def _text(value: Any) -> str | None:
    return clean_text(value) or None


def order_page(document: Any) -> tuple[list[OrderRecord], int | None]:
    """Read one page of orders in any of its formats, and the number of pages if given.

    Raises
    ------
    ServiceError
        If the response is not a list of orders.
    """
    pages: int | None = None
    entries: Any = document
    if isinstance(document, Mapping):
        pages = whole_number(document.get("totalPages"))
        entries = next(
            (document[name] for name in ("content", "orders", "items", "data") if isinstance(document.get(name), list)),
            None,
        )
    if not isinstance(entries, list):
        raise ServiceError(
            "The service returned an unreadable list of orders.", code="order_list_unreadable", operation=LIST_ORDERS.id
        )
    return [order for order in map(parse_order, entries) if order is not None], pages


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


_FILTER_FIELDS = {"project": "workspaceId", "name": "displayName", "ids": "orderIds", "order_type": "type"}


def matches_nothing(filters: Mapping[str, Any]) -> bool:
    """Return whether the filters select no order: the service takes an empty list of ids for all orders."""
    return filters.get("orderIds") == []


def orders_body(filters: Mapping[str, Any], size: int, page: int = 0) -> dict[str, Any]:
    """Build the request for one page of orders, newest first; pages are counted from 0."""
    return {"size": size, "page": page, "sort": "createdAt,desc", **filters}


def order_reference(order_id: str) -> dict[str, Any]:
    """Build the reference to an order, in both of the service's spellings."""
    return {"id": order_id, "order_id": order_id}


def returned_credits(document: Any) -> tuple[str, int] | None:
    """Return the credits that cancelling returned: ``("refunded" or "released", credits)``, or None if unknown."""
    if isinstance(document, Mapping):
        for kind in ("refunded", "released"):
            amount = whole_number(document.get(f"{kind}Credits"))
            if amount is not None:
                return kind, amount
    return None
