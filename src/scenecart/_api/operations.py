"""Operations of the service, and the fields of their requests and responses.

Fields of prices and orders are in ``schemas``. STAC and GeoJSON field names are in the modules that read them. The names come
from version 2.1.0 of the service's ordering API.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from scenecart._util.text import clean_text
from scenecart.exceptions import ServiceError

PAGE_LIMIT = 500
IDEMPOTENCY_HEADER = "Idempotency-Key"
# the statuses of an operation that a service does not offer
NOT_FOUND = 404
NOT_OFFERED = frozenset({NOT_FOUND, 405, 501})


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
SEARCH_ITEMS = Operation("items.search_org", safe=True)
DOWNLOAD = Operation("items.asset.download", safe=True)
PROVENANCE = Operation("provenance.get", safe=True)
BALANCE = Operation("billing.credits.balance", safe=True)
TRANSACTIONS = Operation("billing.credits.transactions", safe=True)
VENDORS = Operation("catalog.vendors.list", safe=True)
SOURCES = Operation("catalog.sources.list", safe=True)
EULAS = Operation("eulas.list", safe=True)
EULA_DOCUMENTS = Operation("eulas.documents.list", safe=True)
ACCEPT_EULA = Operation("eulas.document.accept", safe=True)
# setting the same tags and name twice changes nothing
UPDATE_ORDER = Operation("orders.update", safe=True)
COMMITMENTS = Operation("organizations.commitments.list", safe=True)
INVOICES = Operation("billing.invoices.list", safe=True)
QUICKLOOK = Operation("catalog.image.quicklook", safe=True)
THUMBNAIL = Operation("catalog.image.thumbnail", safe=True)

_KNOWN = {value.id: value for value in list(globals().values()) if isinstance(value, Operation)}


def operation(name: str) -> Operation:
    """Return an operation by its name; an unknown one counts as unsafe, so it is never sent twice."""
    return _KNOWN.get(name) or Operation(name)


# Operations that spend credits or charge a card, and why call() refuses them. From version 2.1.0 of the service's ordering API,
# where they are described as placing, reserving credits, charging or dispatching paid work.
_SPENDING = frozenset(
    {
        "billing.approvals.approve",
        "billing.run_monthly_cron",
        "billing.run_monthly_for_org",
        "billing.set_auto_topup",
        "billing.topup",
        "clip.create_from_area",
        "clip.create_from_item",
        "orders.archive.place",
        "orders.cancel",
        "orders.place",
        "orders.tasking.feasibility_decide",
        "orders.tasking.place",
        "orders.tasking.quotation_decide",
        "processing.create",
        "processing.create_and_dispatch",
        "processing.dispatch",
        "processing.execute",
    }
)
# an operation that is not in the table spends if its last word is one that spends, or if it changes a contract
_SPENDING_VERBS = frozenset(
    {"place", "purchase", "buy", "order", "checkout", "charge", "pay", "topup", "top_up", "reorder", "renew"}
)
_CONTRACTS = frozenset({"subscriptions", "commitments"})
_READING_VERBS = frozenset({"get", "list", "statement", "estimate", "preview"})


def spends(name: str) -> bool:
    """Return whether an operation may spend money, in any spelling of its name.

    Examples
    --------
    >>> spends("orders.archive.place"), spends("billing.topup"), spends("billing.credits.balance")
    (True, True, False)
    """
    lower = name.lower()
    *parents, verb = lower.split(".")
    changes_contract = not _CONTRACTS.isdisjoint(parents) and verb not in _READING_VERBS
    return lower in _SPENDING or verb in _SPENDING_VERBS or changes_contract


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
    """Build the request for the quicklook of a capture."""
    return {"host_name": host, "image_id": capture}


def assets_body(order_id: str, token: str | None = None) -> dict[str, Any]:
    """Build the request for the files that an order delivered: the first page, or the page of a token."""
    return {"order_id": order_id, **({} if token is None else {"next": token})}


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
            entity=clean_text(edge.get("src_type"), 80).lower(),
            entity_id=str(edge.get("src_id")),
            relation=clean_text(edge.get("relation"), 80),
            source=clean_text(edge.get("dst_type"), 80).lower(),
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


@dataclass(frozen=True)
class Identity:
    """Who is signed in, as far as the service states it.

    Attributes
    ----------
    organization : str
        The organization that pays; empty if it is not stated.
    subject : str
        The user or key that is signed in; empty if it is not stated.
    """

    organization: str
    subject: str

    @property
    def account(self) -> str:
        """The name that placements are kept under: the organization, or the subject if no organization is stated."""
        return self.organization or self.subject


def identity_of(userinfo: Any) -> Identity:
    """Return who is signed in; empty names for what the service does not state."""
    organization = _first_text(userinfo, _ORGANIZATION_FIELDS)
    subject = _first_text(userinfo, _SUBJECT_FIELDS)
    return Identity(organization, subject)


_ORGANIZATION_FIELDS = (
    "organization_id",
    "organizationId",
    "org_id",
    "orgId",
    "geopera_org_id",
    "geoperaOrgId",
    "organization",
)
_SUBJECT_FIELDS = ("sub", "subject", "user_id", "userId")


def _first_text(document: Any, names: tuple[str, ...]) -> str:
    if isinstance(document, Mapping):
        for name in names:
            value = document.get(name)
            if isinstance(value, Mapping):
                value = value.get("id")
            if isinstance(value, str) and value.strip():
                return value
    return ""
