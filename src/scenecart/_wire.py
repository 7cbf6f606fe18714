"""The only file that knows the names of the service's operations and fields: records to JSON and back.

Source of every name: the service's ordering API, version 2.1.0.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import parse_qs, urlsplit

from scenecart._errors import ServiceError, UntrustedEstimate

PAGE_LIMIT = 500
IDEMPOTENCY_HEADER = "Idempotency-Key"
# the statuses by which a service says that it does not offer what was called
NOT_OFFERED = frozenset({404, 405, 501})
# what STAC's extensions and common metadata call cloud cover (per cent), off-nadir angle (degrees) and GSD (metres)
CLOUD, OFF_NADIR, GSD = "eo:cloud_cover", "view:off_nadir", "gsd"
_TEXT_LIMIT = 500


@dataclass(frozen=True)
class Operation:
    """One operation of the service.

    Attributes
    ----------
    id : str
        Its name, such as ``"orders.get"``.
    safe : bool
        Whether it may be sent again after a failure without a key of its own.
    """

    id: str
    safe: bool = False

    @property
    def path(self) -> str:
        """Where it is called."""
        return f"/v1/op/{self.id}"


SEARCH = Operation("catalog.search", safe=True)
SEARCH_STREAM = Operation("catalog.search_stream", safe=True)
ESTIMATE = Operation("orders.archive.estimate", safe=True)
PLACE = Operation("orders.archive.place")
GET_ORDER = Operation("orders.get", safe=True)
LIST_ORDERS = Operation("orders.list", safe=True)
CANCEL = Operation("orders.cancel")
LIST_ASSETS = Operation("orders.list_assets", safe=True)
GET_ITEM = Operation("items.get_stac", safe=True)
STAC_SEARCH = Operation("stac.search", safe=True)
DOWNLOAD = Operation("items.asset.download", safe=True)
PROVENANCE = Operation("provenance.get", safe=True)
BALANCE = Operation("billing.credits.balance", safe=True)
TRANSACTIONS = Operation("billing.credits.transactions", safe=True)
QUICKLOOK = Operation("catalog.image.quicklook", safe=True)
THUMBNAIL = Operation("catalog.image.thumbnail", safe=True)

_KNOWN = {thing.id: thing for thing in list(globals().values()) if isinstance(thing, Operation)}


def operation(name: str) -> Operation:
    """Return an operation by its name; one that is not known here is never sent twice."""
    return _KNOWN.get(name) or Operation(name)


@dataclass(frozen=True)
class Problem:
    """What the service says went wrong (RFC 7807, or a list of fields)."""

    type: str = ""
    title: str = ""
    detail: str = ""
    fields: tuple[tuple[str, str], ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The shortest text that says what happened."""
        if self.fields:
            return clean_text("; ".join(f"{name}: {message}" if name else message for name, message in self.fields[:5]))
        return self.detail or self.title

    def shown(self) -> dict[str, Any]:
        """Return all of it that may be shown: what opens a payment is a secret."""
        rest = {name: value for name, value in self.extra.items() if name != "client_secret"}
        return {"type": self.type, "title": self.title, "detail": self.text, **rest}


def parse_problem(document: Any) -> Problem:
    """Read a problem in any of the shapes the service uses; never fails."""
    if not isinstance(document, Mapping):
        return Problem()
    detail = document.get("detail")
    fields: list[tuple[str, str]] = []
    if isinstance(detail, list):
        fields = [_problem_field(entry) for entry in detail[:50]]
        detail = ""
    elif isinstance(detail, Mapping):
        detail = detail.get("message") or detail.get("detail") or detail.get("msg")
    known = {"type", "title", "status", "detail", "instance"}
    return Problem(
        type=clean_text(document.get("type")),
        title=clean_text(document.get("title") or document.get("error")),
        detail=clean_text(detail or document.get("error_description") or document.get("message")),
        fields=tuple(fields),
        extra={str(key): value for key, value in document.items() if key not in known},
    )


def _problem_field(entry: Any) -> tuple[str, str]:
    if not isinstance(entry, Mapping):
        return "", clean_text(entry)
    location = entry.get("loc")
    parts = [str(part) for part in location if part != "body"] if isinstance(location, list) else []
    return clean_text(".".join(parts)), clean_text(entry.get("msg"))


def clean_text(value: Any, limit: int = _TEXT_LIMIT) -> str:
    """Make one line of a text from the service: no control characters, of a sane length."""
    if not isinstance(value, str):
        return "" if value is None or isinstance(value, Mapping | list) else str(value)[:limit]
    line = re.sub(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]+", " ", value)
    line = line.encode("utf-8", "replace").decode()
    return line if len(line) <= limit else line[: limit - 1] + "…"


def payment_kind(problem: Problem) -> str:
    """Tell the kinds of a 402 apart: ``"secure"``, ``"credits"``, ``"declined"``, ``"no-card"`` or ``""``."""
    if isinstance(problem.extra.get("client_secret"), str):
        return "secure"
    text = f"{problem.type} {problem.title} {problem.detail}".lower().replace("_", "-")
    if "required_credits" in problem.extra or "balance_credits" in problem.extra or "insufficient" in text:
        return "credits"
    if "decline_code" in problem.extra or "declin" in text:
        return "declined"
    if "payment-method" in text or "payment method" in text or "no card" in text or "no-card" in text:
        return "no-card"
    return ""


def whole_number(value: Any) -> int | None:
    """Return a count of credits if it is one: an integer, never a float with a fraction, never a bool."""
    if isinstance(value, bool):
        return None
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int) else None


def dollars(value: Any) -> Decimal | None:
    """Return an amount of money as a decimal with two places, or None if it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        return None
    if not amount.is_finite() or abs(amount) >= Decimal(10) ** 15:
        return None
    return amount.quantize(Decimal("0.01"))


def search_body(host: str, criteria: Mapping[str, Any]) -> dict[str, Any]:
    """Return what asks a host for captures; the criteria have the names that STAC gives them."""
    return {"host_name": host, **criteria}


def page_body(search: Mapping[str, Any], size: int, token: str | None) -> dict[str, Any]:
    """Return what asks for one page of a search: the first, or the one that a token leads to."""
    return {**search, "limit": size, **({} if token is None else {"next": token})}


def image_reference(host: str, capture: str) -> dict[str, Any]:
    """Return what names the picture of a capture."""
    return {"host_name": host, "image_id": capture}


def next_token(document: Mapping[str, Any]) -> str | None:
    """Find the token of the next page in any of the places the service puts it."""
    token = document.get("next")
    if _is_token(token):
        return str(token)
    links = document.get("links")
    for link in links if isinstance(links, list) else []:
        if not isinstance(link, Mapping) or link.get("rel") != "next":
            continue
        body = link.get("body")
        if isinstance(body, Mapping):
            for name in ("next", "token"):
                if _is_token(body.get(name)):
                    return str(body[name])
        href = link.get("href")
        if isinstance(href, str):
            query = parse_qs(urlsplit(href).query)
            for name in ("next", "token"):
                if query.get(name):
                    return query[name][0]
    return None


def _is_token(value: Any) -> bool:
    return (isinstance(value, str) and value != "") or (isinstance(value, int) and not isinstance(value, bool))


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


def again_body(placed: Mapping[str, Any]) -> dict[str, Any]:
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
TERMINAL = frozenset({"delivered", "failed", "cancelled"})


def order_state(value: Any) -> str:
    """Return the state in this library's spelling; one that is not known is shown as it came."""
    text = clean_text(value, 80).strip()
    return _STATES.get(text.lower().replace("-", "_").replace(" ", "_"), text or "unknown")


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
    """Return what narrows a list of orders down; None leaves a thing out."""
    given = {"status": status, "workspaceId": project, "displayName": name, "orderIds": ids, "tags": tags, "type": order_type}
    return {field: value if isinstance(value, str) else list(value) for field, value in given.items() if value is not None}


def orders_body(filters: Mapping[str, Any], size: int, page: int = 0) -> dict[str, Any]:
    """Return what asks for one page of a list of orders, newest first; pages are counted from 0."""
    return {"size": size, "page": page, "sort": "createdAt,desc", **filters}


def order_reference(order_id: str) -> dict[str, Any]:
    """Return what names an order, in both spellings the service knows."""
    return {"id": order_id, "order_id": order_id}


def assets_body(order_id: str) -> dict[str, Any]:
    """Return what asks for everything that an order delivered."""
    return {"order_id": order_id}


def asset_reference(item_id: str, asset_id: str) -> dict[str, Any]:
    """Return what names a delivered file."""
    return {"item_id": item_id, "asset_id": asset_id}


def download_url(document: Any) -> str | None:
    """Return the address of a delivered file, in any of the places the service puts it."""
    if isinstance(document, str):
        return document or None
    if isinstance(document, Mapping):
        for name in ("url", "href", "download_url", "signed_url"):
            if isinstance(document.get(name), str) and document[name]:
                return str(document[name])
    return None


def given_back(document: Any) -> tuple[str, int] | None:
    """Return what a cancelled order gave back, ``("refunded", credits)`` or ``("released", credits)``, where it is told."""
    if isinstance(document, Mapping):
        for kind in ("refunded", "released"):
            amount = whole_number(document.get(f"{kind}Credits"))
            if amount is not None:
                return kind, amount
    return None


@dataclass(frozen=True)
class Edge:
    """One thing that follows from another, as the service recorded it."""

    entity: str
    entity_id: str
    relation: str
    source: str
    source_id: str
    depth: int | None


def parse_lineage(document: Any) -> list[Edge]:
    """Read the edges of a provenance graph; what is no edge is left out."""
    edges = document.get("edges") if isinstance(document, Mapping) else None
    if not isinstance(edges, list):
        raise ServiceError("The service's record of provenance cannot be read.", operation=PROVENANCE.id)
    return [
        Edge(
            entity=clean_text(edge.get("src_type"), 80),
            entity_id=str(edge.get("src_id")),
            relation=clean_text(edge.get("relation"), 80),
            source=clean_text(edge.get("dst_type"), 80),
            source_id=str(edge.get("dst_id")),
            depth=whole_number(edge.get("depth")),
        )
        for edge in edges
        if isinstance(edge, Mapping)
    ]


def lineage_body(kind: str, name: str) -> dict[str, Any]:
    """Return what asks for everything that came of something, and what it came of."""
    return {"entity_type": kind, "entity_id": name, "direction": "both", "max_depth": 5}


def available_credits(document: Any) -> int | None:
    """Return the credits that can be spent, where the service tells them."""
    if not isinstance(document, Mapping):
        return None
    names = ("balance_credits", "available_credits", "balanceCredits", "credits", "balance")
    return next((whole_number(document[name]) for name in names if whole_number(document.get(name)) is not None), None)


def account_of(userinfo: Any) -> str:
    """Return what identifies the account that pays, or an empty text where the service does not say."""
    if isinstance(userinfo, Mapping):
        for name in ("organization_id", "organizationId", "org_id", "organization", "sub"):
            value = userinfo.get(name)
            if isinstance(value, Mapping):
                value = value.get("id")
            if isinstance(value, str) and value:
                return value
    return ""
