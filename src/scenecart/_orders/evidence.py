"""What a response to an order proves: ordered, refused, not chargeable, or nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from scenecart._api import schemas
from scenecart._util.json import loads
from scenecart._util.text import clean_text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from scenecart._api.replies import Reply
    from scenecart._api.schemas import OrderRecord
    from scenecart._orders.journal import Placement

_REFUSALS = frozenset({400, 401, 403, 404, 405, 410, 413, 415, 422})
_SUCCESS, _CLIENT_ERRORS = range(200, 300), range(400, 500)
_PAYMENT, _CONFLICT, _UNPROCESSABLE, _LIMITED = 402, 409, 422, 429
_KEY_WORDS = re.compile(r"idempoten|\b(?:this|that|the|your|same|request) key\b", re.IGNORECASE)
_PAYMENT_FIELDS = frozenset(
    {"client_secret", "clientSecret", "payment_intent_client_secret", "required_credits", "balance_credits", "decline_code"}
)


class Proof(Enum):
    """What one response proves about the request that it answers.

    ========================================  ==============================================================
    response                                  proof
    ========================================  ==============================================================
    2xx with an order that fits               ``ORDERED``
    402 in the service's form                 ``UNPAID``: nothing was ordered
    400 401 403 404 405 410 413 415 422       ``REFUSED`` in the service's form: nothing was ordered
    429 in the service's form                 ``LIMITED``: nothing was ordered, and the same key may be sent
    409; any 4xx whose text names the key      ``KEY_IN_USE``: this key was sent before, so an order may exist
    no connection                             ``NOT_SENT``: the service cannot have seen the request
    anything else                             ``NOTHING``: the outcome is unknown
    ========================================  ==============================================================

    *The service's form* is a JSON problem (RFC 7807) whose ``status`` is the HTTP status, a 422 with a list of fields, or a 402
    with fields about the payment. Gateways and proxies write pages, bare texts and statuses such as 408 and 499: those prove
    nothing, because the service may have carried out the request behind them.
    """

    ORDERED = "ordered"
    UNPAID = "unpaid"
    REFUSED = "refused"
    LIMITED = "limited"
    KEY_IN_USE = "key in use"
    NOT_SENT = "not sent"
    NOTHING = "nothing"


@dataclass(frozen=True)
class Evidence:
    """What a response proves.

    Attributes
    ----------
    proof : Proof
        What it proves.
    record : OrderRecord or None
        The order, where it proves one.
    mismatch : str
        Why an order that it names is not the one that was requested; otherwise empty.
    is_repeated : bool
        Whether the service states that it repeats a stored answer to this key.
    """

    proof: Proof
    record: OrderRecord | None = None
    mismatch: str = ""
    is_repeated: bool = False


def evidence_of(reply: Reply, placement: Placement) -> Evidence:
    """Return what the response to a placement proves."""
    if reply.status in _SUCCESS:
        record = None if _is_page(reply) else schemas.parse_order(reply.document)
        mismatch = "" if record is None else mismatch_of(record, placement)
        if record is None or mismatch:
            return Evidence(Proof.NOTHING, mismatch=mismatch)
        return Evidence(Proof.ORDERED, record, is_repeated=_is_repeated(reply))
    return Evidence(_proof_of_error(reply), is_repeated=_is_repeated(reply))


def mismatch_of(record: OrderRecord, placement: Placement) -> str:
    """Return why an order cannot be that of a placement, or an empty string; what an order does not state is not compared."""
    stated = set(record.captures) or {name for group in record.groups for name in group.ids}
    requested = set(schemas.purchased_ids(loads(placement.body)))
    if stated and stated != requested:
        other = sorted(stated - requested)
        return f"it has {'other' if other else 'fewer'} captures{f' ({clean_text(other[0], 80)})' if other else ''}"
    if record.project is not None and record.project != placement.project:
        return "it belongs to another project"
    return ""


def _proof_of_error(reply: Reply) -> Proof:
    names_key = reply.status in _CLIENT_ERRORS and any(_KEY_WORDS.search(text) for text in _texts(reply.document))
    if reply.status == _CONFLICT or names_key:
        return Proof.KEY_IN_USE
    if not _is_of_service(reply):
        return Proof.NOTHING
    if reply.status == _PAYMENT:
        return Proof.UNPAID
    if reply.status == _LIMITED:
        return Proof.LIMITED
    return Proof.REFUSED if reply.status in _REFUSALS else Proof.NOTHING


def _is_repeated(reply: Reply) -> bool:
    """Return whether a header, of any name, states that this response was stored with the key."""
    return any(
        "idempoten" in name and "repla" in name and value.strip().lower() in {"true", "1", "yes"}
        for name, value in reply.headers.items()
    )


def _is_page(reply: Reply) -> bool:
    return "html" in reply.media_type.lower() or not isinstance(reply.document, Mapping)


def _is_of_service(reply: Reply) -> bool:
    """Return whether an error has the service's own form."""
    if _is_page(reply):
        return False
    status = reply.document.get("status")
    if isinstance(status, int) and not isinstance(status, bool) and status == reply.status:
        return True
    if reply.status == _UNPROCESSABLE:
        return any(_is_list_of_fields(reply.document.get(name)) for name in ("detail", "errors"))
    return reply.status == _PAYMENT and not _PAYMENT_FIELDS.isdisjoint(_names(reply.document))


def _is_list_of_fields(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(entry, Mapping) for entry in value)


def _names(document: Any) -> Iterable[str]:
    if isinstance(document, Mapping):
        for name, value in document.items():
            yield str(name)
            yield from _names(value)


def _texts(document: Any) -> Iterable[str]:
    if isinstance(document, str):
        yield document
    elif isinstance(document, Mapping):
        for value in document.values():
            yield from _texts(value)
    elif isinstance(document, list):
        for value in document[:50]:
            yield from _texts(value)
