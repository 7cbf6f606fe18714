"""What is priced and bought, in the service's names: captures, estimates, orders; records to JSON and back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from difflib import get_close_matches
from typing import Any

from scenecart._api.operations import ESTIMATE, LIST_ORDERS, dollars, whole_number
from scenecart._util.text import clean_text
from scenecart.exceptions import InvalidQuery, InvalidRequest, ServiceError, UntrustedEstimate


@dataclass(frozen=True)
class CaptureOrder:
    """One capture as it is sent to be priced or bought: which, and what part of the ground."""

    id: str
    geometry: Mapping[str, Any]
    host: str | None = None
    collection: str | None = None

    def to_wire(self) -> dict[str, Any]:
        """Return the service's form of it."""
        record: dict[str, Any] = {"id": self.id, "geometry": self.geometry}
        if self.host is not None:
            record["host_name"] = self.host
        if self.collection is not None:
            record["collection"] = self.collection
        return record


def estimate_body(captures: list[CaptureOrder], *, split_by_date: bool) -> dict[str, Any]:
    """Return what is sent to have captures priced."""
    return {"captures": [capture.to_wire() for capture in captures], "splitByDate": split_by_date}


def place_body(captures: list[CaptureOrder], *, project: str, license_type: str, split_by_date: bool) -> dict[str, Any]:
    """Return what is sent to buy captures."""
    return {
        "projectId": project,
        "captures": [capture.to_wire() for capture in captures],
        "licenseType": license_type,
        "splitByDate": split_by_date,
    }


def bought(document: Mapping[str, Any]) -> list[CaptureOrder | None]:
    """Read the captures of what was sent to be bought, or of an order; None stands for one whose ground is not told."""
    entries = document.get("captures")
    return [_bought_capture(entry) for entry in entries] if isinstance(entries, list) else []


def _bought_capture(entry: Any) -> CaptureOrder | None:
    if not isinstance(entry, Mapping) or not isinstance(entry.get("geometry"), Mapping):
        return None
    host, collection = (value if isinstance(value, str) else None for value in (entry.get("host_name"), entry.get("collection")))
    return CaptureOrder(str(entry.get("id")), entry["geometry"], host, collection)


def bought_ids(placed: Mapping[str, Any]) -> list[str]:
    """Return the ids of the captures that were sent to be bought."""
    return [str(capture["id"]) for capture in placed["captures"]]


def bought_by_date(placed: Mapping[str, Any]) -> bool | None:
    """Tell whether each acquisition date of what was sent to be bought is an order's group of its own; None if it does not say."""
    split = placed.get("splitByDate")
    return split if isinstance(split, bool) else None


def reestimate_body(placed: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is sent to have priced once more what was sent to be bought."""
    return {"captures": placed["captures"], "splitByDate": placed.get("splitByDate", False)}


@dataclass(frozen=True)
class PriceGroup:
    """Captures that are priced together: ids, area in km², price in credits and Australian dollars."""

    ids: tuple[str, ...]
    aoi_km2: float | None
    credits: int
    aud: Decimal


@dataclass(frozen=True)
class PriceList:
    """The service's price for a cart, checked for contradictions."""

    groups: tuple[PriceGroup, ...]
    errors: tuple[tuple[str, str], ...]
    total_credits: int
    total_aud: Decimal


def parse_estimate(document: Any, asked: list[str]) -> PriceList:
    """Read an estimate and refuse one that contradicts itself.

    Raises
    ------
    UntrustedEstimate
        If amounts are no whole non-negative credits, totals do not add up, or a capture that was asked for is
        neither priced nor refused, or one is priced that was not asked for.
    """
    if not isinstance(document, Mapping) or not isinstance(document.get("groups"), list):
        raise _untrusted("it has no groups")
    errors = document.get("errors") or []
    if not isinstance(errors, list):
        raise _untrusted("its errors are no list")
    groups = tuple(_parse_group(group) for group in document["groups"])
    refused = tuple(_parse_capture_error(entry) for entry in errors)
    total_credits, total_aud = whole_number(document.get("total_credits")), dollars(document.get("total_aud"))
    if total_credits is None or total_aud is None:
        raise _untrusted("its totals are no amounts of money")
    if sum(group.credits for group in groups) != total_credits:
        raise _untrusted("its groups do not add up to the total of credits")
    if sum((group.aud for group in groups), Decimal(0)) != total_aud:
        raise _untrusted("its groups do not add up to the total of dollars")
    _check_every_capture(groups, refused, asked)
    return PriceList(groups, refused, total_credits, total_aud)


def _check_every_capture(groups: tuple[PriceGroup, ...], refused: tuple[tuple[str, str], ...], asked: list[str]) -> None:
    told = Counter([name for group in groups for name in group.ids] + [name for name, _ in refused])
    wanted = Counter(asked)
    missing, surplus = wanted - told, told - wanted
    if missing:
        raise _untrusted(f"it says nothing of {missing.total()} of the captures ({clean_text(min(missing), 80)})")
    if surplus:
        name = min(surplus)
        why = "names a capture more than once" if name in wanted else "speaks of a capture nobody asked for"
        raise _untrusted(f"it {why} ({clean_text(name, 80)})")


def _parse_group(group: Any) -> PriceGroup:
    if not isinstance(group, Mapping):
        raise _untrusted("a group is no object")
    ids = group.get("captures")
    price, aud = whole_number(group.get("credits")), dollars(group.get("aud"))
    if not isinstance(ids, list) or not ids:
        raise _untrusted("a group names no captures")
    if price is None or price < 0 or aud is None or aud < 0:
        raise _untrusted("a group's price is no amount of money")
    area = group.get("aoi_km2")
    is_area = isinstance(area, int | float) and not isinstance(area, bool)
    return PriceGroup(_capture_ids(ids), float(area) if is_area else None, price, aud)  # type: ignore[arg-type]  # is_area says so


def _capture_ids(entries: list[Any]) -> tuple[str, ...]:
    return tuple(str(entry.get("id")) if isinstance(entry, Mapping) else str(entry) for entry in entries)


def _parse_capture_error(entry: Any) -> tuple[str, str]:
    if not isinstance(entry, Mapping):
        raise _untrusted("an error is no object")
    reason = entry.get("detail") or entry.get("message") or entry.get("reason") or entry.get("error")
    return str(entry.get("id") or entry.get("capture") or ""), clean_text(reason) or "no reason was given"


def _untrusted(why: str) -> UntrustedEstimate:
    return UntrustedEstimate(
        f"The service's estimate is not used: {why}.",
        hint="Nothing was ordered. Estimate again; if it stays, tell the service's support.",
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
_KNOWN = tuple(dict.fromkeys(_STATES.values()))
TERMINAL = frozenset({"delivered", "failed", "cancelled"})


def order_state(value: Any) -> str:
    """Return the state in this library's spelling; one that is not known is shown as it came."""
    text = clean_text(value, 80).strip()
    return _STATES.get(_folded(text), text or "unknown")


def check_state(value: str | None) -> None:
    """Refuse a state that no order has, before anything is asked for; None stands for any.

    Raises
    ------
    InvalidQuery
        If it is in none of the service's spellings; the nearest is named.

    Examples
    --------
    >>> from scenecart._api.schemas import check_state
    >>> check_state("deliverd")
    Traceback (most recent call last):
    scenecart.InvalidQuery: Orders have no state 'deliverd'.
    Did you mean 'delivered'?
    """
    doubt = None if value is None else unknown_state(str(value))
    if doubt is not None:
        raise InvalidQuery(f"Orders have no state {clean_text(value, 80)!r}.", hint=doubt)


def _folded(state: str) -> str:
    return state.lower().replace("-", "_").replace(" ", "_")


def unknown_state(value: str) -> str | None:
    """Return what is to be said of a state that no order is known to have; the service may have others."""
    if order_state(value) in _KNOWN:
        return None
    near = get_close_matches(_folded(value), [*_KNOWN, *_STATES], n=1)
    return f"Did you mean {near[0]!r}?" if near else f"The known ones are {', '.join(_KNOWN[:-1])} and {_KNOWN[-1]}."


@dataclass(frozen=True)
class OrderRecord:
    """An order as the service tells it."""

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
    """Read an order, or return None when the document names none."""
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
        groups=_groups_if_whole(groups),
        raw=document,
    )


def _is_unicode(text: str) -> bool:
    try:
        return bool(text.encode())
    except UnicodeEncodeError:
        return False


def _groups_if_whole(groups: Any) -> tuple[PriceGroup, ...]:
    try:
        return tuple(_parse_group(group) for group in groups) if isinstance(groups, list) else ()
    except UntrustedEstimate:
        return ()


def _text(value: Any) -> str | None:
    return clean_text(value) or None


def order_page(document: Any) -> tuple[list[OrderRecord], int | None]:
    """Read one page of orders in any of its shapes, with the number of pages where it is told."""
    pages: int | None = None
    entries: Any = document
    if isinstance(document, Mapping):
        pages = whole_number(document.get("totalPages"))
        entries = next(
            (document[name] for name in ("content", "orders", "items", "data") if isinstance(document.get(name), list)),
            None,
        )
    if not isinstance(entries, list):
        raise ServiceError("The list of orders cannot be read.", operation=LIST_ORDERS.id)
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
    """Return what narrows a list of orders down; None leaves a thing out.

    Raises
    ------
    InvalidRequest
        If something is neither a text nor several.
    """
    given = {"status": status, "workspaceId": project, "displayName": name, "orderIds": ids, "tags": tags, "type": order_type}
    odd = next((value for value in given.values() if value is not None and not isinstance(value, Iterable)), None)
    if odd is not None:
        raise InvalidRequest(f"Orders are listed by texts, not by {clean_text(odd, 80)}.")
    return {field: value if isinstance(value, str) else list(value) for field, value in given.items() if value is not None}


def matches_nothing(filters: Mapping[str, Any]) -> bool:
    """Tell whether no order is asked for: the service takes no ids for any id, and what is found may be cancelled next."""
    return filters.get("orderIds") == []


def orders_body(filters: Mapping[str, Any], size: int, page: int = 0) -> dict[str, Any]:
    """Return what asks for one page of a list of orders, newest first; pages are counted from 0."""
    return {"size": size, "page": page, "sort": "createdAt,desc", **filters}


def order_reference(order_id: str) -> dict[str, Any]:
    """Return what names an order, in both spellings the service knows."""
    return {"id": order_id, "order_id": order_id}


def given_back(document: Any) -> tuple[str, int] | None:
    """Return what a cancelled order gave back, ``("refunded", credits)`` or ``("released", credits)``, where it is told."""
    if isinstance(document, Mapping):
        for kind in ("refunded", "released"):
            amount = whole_number(document.get(f"{kind}Credits"))
            if amount is not None:
                return kind, amount
    return None
