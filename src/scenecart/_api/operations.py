"""What is the service's own in names: its operations, and the fields of what it is asked and answers.

They are named here and, for what is priced and bought, in ``_trade``. What a standard names is named where it is read: STAC and
GeoJSON in ``_features``, ``_query`` and ``_targets``, OAuth in ``_tokens``. Source of every name: the service's ordering API,
version 2.1.0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import parse_qs, urlsplit

from scenecart._util.text import clean_text
from scenecart.exceptions import ServiceError

PAGE_LIMIT = 500
IDEMPOTENCY_HEADER = "Idempotency-Key"
# the statuses by which a service says that it does not offer what was called
NOT_OFFERED = frozenset({404, 405, 501})
# what STAC's extensions and common metadata call cloud cover (per cent), off-nadir angle (degrees) and GSD (metres)
CLOUD, OFF_NADIR, GSD = "eo:cloud_cover", "view:off_nadir", "gsd"


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


@dataclass(frozen=True)
class PaymentProblem:
    """Why the service cannot charge (402).

    Attributes
    ----------
    kind
        ``"secure"``, ``"credits"``, ``"declined"``, ``"no-card"`` or ``""``.
    required_credits, balance_credits
        What is needed and what there is.
    decline_code
        The bank's own reason.
    client_secret
        What opens the payment: a secret.
    challenge_url
        Where it is confirmed, as it came.
    """

    kind: str
    required_credits: int | None
    balance_credits: int | None
    decline_code: str | None
    client_secret: str = field(repr=False)
    challenge_url: Any = field(repr=False)


def payment_problem(problem: Problem) -> PaymentProblem:
    """Read what a 402 says beside its text."""
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


def _payment_kind(problem: Problem) -> str:
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


def missing_scope(problem: Problem) -> Any:
    """Return the scope that a 403 says is missing, as it came, or None."""
    return problem.extra.get("required_scope") or problem.extra.get("missing_scope")


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
    """Return the credits that can be spent, where the service tells them; None as well where a card or an invoice pays."""
    if not isinstance(document, Mapping) or document.get("billing_mode", "credit") != "credit":
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
