"""Operations of the service, and the fields of their requests and responses.

Fields of prices and orders are in ``schemas``. STAC and GeoJSON field names are in the modules that read them. The names come
from version 2.1.0 of the service's ordering API.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from enum import Enum
from typing import Any
from urllib.parse import parse_qs, urlsplit

from scenecart._util.text import clean_text
from scenecart.exceptions import ServiceError

PAGE_LIMIT = 500
IDEMPOTENCY_HEADER = "Idempotency-Key"
# the statuses of an operation that a service does not offer
NOT_OFFERED = frozenset({404, 405, 501})


@dataclass(frozen=True)
class Operation:
    """One operation of the service.

    Attributes
    ----------
    id : str
        Its name, such as ``"orders.get"``.
    safe : bool
        Whether it may be retried without an idempotency key.
    """

    id: str
    safe: bool = False

    @property
    def path(self) -> str:
        """Its path below the base URL."""
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
    """Return an operation by its name; an unknown one counts as unsafe, so it is never sent twice."""
    return _KNOWN.get(name) or Operation(name)


@dataclass(frozen=True)
class Problem:
    """An error document of the service: RFC 7807, or a list of invalid fields."""

    type: str = ""
    title: str = ""
    detail: str = ""
    fields: tuple[tuple[str, str], ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The most specific explanation: the fields, else the detail, else the title."""
        if self.fields:
            return clean_text("; ".join(f"{name}: {message}" if name else message for name, message in self.fields[:5]))
        return self.detail or self.title

    def shown(self) -> dict[str, Any]:
        """Return the document without its secret, the ``client_secret`` that opens a payment."""
        rest = {name: value for name, value in self.extra.items() if name != "client_secret"}
        return {"type": self.type, "title": self.title, "detail": self.text, **rest}


def parse_problem(document: Any) -> Problem:
    """Read an error document in any of the service's formats; never fails."""
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


class PaymentKind(Enum):
    """The reasons why the service cannot charge."""

    CONFIRMATION = "3-D Secure"
    CREDITS = "too few credits"
    DECLINED = "card declined"
    NO_CARD = "no card"
    OTHER = "other"


@dataclass(frozen=True)
class PaymentProblem:
    """The fields of a 402 response.

    Attributes
    ----------
    kind
        Why the service cannot charge.
    required_credits, balance_credits
        The price and the balance.
    decline_code
        The bank's reason.
    client_secret
        The secret that opens the payment.
    challenge_url
        The page that confirms the payment, unchecked.
    """

    kind: PaymentKind
    required_credits: int | None
    balance_credits: int | None
    decline_code: str | None
    client_secret: str = field(repr=False)
    challenge_url: Any = field(repr=False)


def payment_problem(problem: Problem) -> PaymentProblem:
    """Read the fields of a 402 response."""
    extra = problem.extra
    secret = extra.get("client_secret")
    return PaymentProblem(
        kind=_payment_kind(problem),
        required_credits=whole_number(extra.get("required_credits")),
        balance_credits=whole_number(extra.get("balance_credits")),
        decline_code=clean_text(extra.get("decline_code"), 80) or None,
        client_secret=secret if isinstance(secret, str) else "",
        challenge_url=extra.get("challenge_url"),
    )


def _payment_kind(problem: Problem) -> PaymentKind:
    if isinstance(problem.extra.get("client_secret"), str):
        return PaymentKind.CONFIRMATION
    text = f"{problem.type} {problem.title} {problem.detail}".lower().replace("_", "-")
    if "required_credits" in problem.extra or "balance_credits" in problem.extra:
        return PaymentKind.CREDITS
    # a bank may decline for insufficient funds
    if "decline_code" in problem.extra:
        return PaymentKind.DECLINED
    if "insufficient" in text:
        return PaymentKind.CREDITS
    if "declin" in text:
        return PaymentKind.DECLINED
    if "payment-method" in text or "payment method" in text or "no card" in text or "no-card" in text:
        return PaymentKind.NO_CARD
    return PaymentKind.OTHER


def missing_scope(problem: Problem) -> Any:
    """Return the missing scope that a 403 response names, unchecked, or None."""
    return problem.extra.get("required_scope") or problem.extra.get("missing_scope")


def whole_number(value: Any) -> int | None:
    """Return an integer, also from a float without a fraction; None for anything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int) else None


def dollars(value: Any) -> Decimal | None:
    """Return an amount of money as a decimal with two places; None for anything else."""
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
    """Build a search request; the criteria are named as in STAC."""
    return {"host_name": host, **criteria}


def page_body(search: Mapping[str, Any], size: int, token: str | None) -> dict[str, Any]:
    """Build the request for one page of a search: the first, or the page of a token."""
    return {**search, "limit": size, **({} if token is None else {"next": token})}


def image_reference(host: str, capture: str) -> dict[str, Any]:
    """Build the request for a capture's preview image."""
    return {"host_name": host, "image_id": capture}


def next_token(document: Mapping[str, Any]) -> str | None:
    """Return the token of the next page, in any of the fields the service uses; None on the last page."""
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


def assets_body(order_id: str) -> dict[str, Any]:
    """Build the request for the files that an order delivered."""
    return {"order_id": order_id}


def asset_reference(item_id: str, asset_id: str) -> dict[str, Any]:
    """Build the request for the download URL of a delivered file."""
    return {"item_id": item_id, "asset_id": asset_id}


def download_url(document: Any) -> str | None:
    """Return the download URL of a delivered file, in any of the fields the service uses."""
    if isinstance(document, str):
        return document or None
    if isinstance(document, Mapping):
        for name in ("url", "href", "download_url", "signed_url"):
            if isinstance(document.get(name), str) and document[name]:
                return str(document[name])
    return None


@dataclass(frozen=True)
class Edge:
    """One edge of the provenance graph: an entity, and the source it came from."""

    entity: str
    entity_id: str
    relation: str
    source: str
    source_id: str
    depth: int | None


def parse_lineage(document: Any) -> list[Edge]:
    """Read the edges of a provenance graph; malformed edges are skipped.

    Raises
    ------
    ServiceError
        If the response is not a provenance graph.
    """
    edges = document.get("edges") if isinstance(document, Mapping) else None
    if not isinstance(edges, list):
        raise ServiceError(
            "The service returned an unreadable provenance graph.", code="provenance_unreadable", operation=PROVENANCE.id
        )
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
    """Build the request for the provenance graph of an entity, in both directions."""
    return {"entity_type": kind, "entity_id": name, "direction": "both", "max_depth": 5}


def available_credits(document: Any) -> int | None:
    """Return the spendable credits; None if unknown, or if a card or an invoice pays."""
    if not isinstance(document, Mapping) or document.get("billing_mode", "credit") != "credit":
        return None
    names = ("balance_credits", "available_credits", "balanceCredits", "credits", "balance")
    return next((whole_number(document[name]) for name in names if whole_number(document.get(name)) is not None), None)


def account_of(userinfo: Any) -> str:
    """Return the id of the account that pays, or an empty string if unknown."""
    if isinstance(userinfo, Mapping):
        for name in ("organization_id", "organizationId", "org_id", "organization", "sub"):
            value = userinfo.get(name)
            if isinstance(value, Mapping):
                value = value.get("id")
            if isinstance(value, str) and value:
                return value
    return ""
