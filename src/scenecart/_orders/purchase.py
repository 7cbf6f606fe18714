"""What is bought, in a form that every machine computes alike, and the idempotency key that is made of it."""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scenecart._util.json import dumps, loads

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from scenecart._api.schemas import CaptureOrder

# versions of the rules below: another rule needs another number, because two machines must never compute two keys by accident
KEY_RULE, FINGERPRINT_RULE, BODY_FORM = 1, 2, 1
# how a key was made: at random by version 0.1.0, or from the purchase
RANDOM_KEY, PURCHASE_KEY = 0, 1
PLAIN = ""
_UNITS_PER_DEGREE = 10_000_000


@dataclass(frozen=True)
class Purchase:
    """One purchase: the captures with their ground, the project, the licence and how it is split.

    Attributes
    ----------
    base_url : str
        The service's URL.
    account : str
        The name that the purchase is kept under: the organization that pays, or the user if the service states no organization.
    payer : str
        The organization that pays, for the key; empty if the service states none. Never the user: two people of one organization
        would buy twice.
    project, license_type : str
        Where it is delivered to, and the licence.
    fingerprint : str
        SHA-256 of what is bought.
    captures : int
        How many captures.
    ids : tuple of str
        The captures' ids.
    credits, aud : int, str
        The price that was agreed to.
    body : bytes
        The request. It is a function of what is bought, so that every machine sends the same bytes.
    """

    base_url: str
    account: str
    payer: str
    project: str
    fingerprint: str
    license_type: str
    ids: tuple[str, ...]
    credits: int
    aud: str
    body: bytes

    @property
    def captures(self) -> int:
        """How many captures are bought."""
        return len(self.ids)

    def key(self, wish: str = PLAIN, let_go: int = 0) -> str:
        """Return the idempotency key of one order of this purchase; see :func:`key_of`."""
        return key_of(self.payer, self.fingerprint, wish, let_go)


def fingerprint_of(captures: Iterable[CaptureOrder], *, project: str, license_type: str, split_by_date: bool) -> str:
    """Return the fingerprint of a purchase.

    It is the SHA-256 digest of the project, the licence, ``split_by_date`` and the captures, with their ground in whole units of
    1e-7 degrees. The order of the captures does not matter.

    Parameters
    ----------
    captures
        The captures as they are sent: outlines in one form.
    project, license_type, split_by_date
        As they are sent.
    """
    listed = sorted([[one.host or "", one.collection or "", one.id, _in_units(one.geometry)] for one in captures], key=dumps)
    parts = {"v": FINGERPRINT_RULE, "project": project, "licence": license_type, "split": split_by_date, "captures": listed}
    return hashlib.sha256(dumps(parts)).hexdigest()


def key_of(payer: str, fingerprint: str, wish: str, let_go: int) -> str:
    """Return the idempotency key of one order, which is the same on every machine.

    Parameters
    ----------
    payer
        The organization that pays. The service's address does not matter: a second name of it must not make a second key.
    fingerprint
        What is bought.
    wish
        Which order of it: an empty string for the first, ``"text:…"`` or ``"more:…"`` for one more.
    let_go
        How many keys of this order were given up, because the service repeats a stored refusal under them.

    Returns
    -------
    str
        A UUID, written as version 4 because several services refuse any other.

    Examples
    --------
    >>> from scenecart._orders.purchase import key_of
    >>> key_of("org", "0" * 64, "", 0) == key_of("org", "0" * 64, "", 0) != key_of("org", "0" * 64, "text:B", 0)
    True
    """
    stated = dumps(["scenecart purchase key", KEY_RULE, payer, fingerprint, wish, let_go])
    return str(uuid.UUID(bytes=hashlib.sha256(stated).digest()[:16], version=4))


def document_of(body: bytes) -> dict[str, Any]:
    """Return the request of a placement, as JSON; empty if it is no object."""
    document = loads(body)
    return document if isinstance(document, dict) else {}


def _in_units(geometry: Mapping[str, Any]) -> list[Any]:
    return [geometry["type"], _rounded(geometry["coordinates"])]


def _rounded(value: Any) -> Any:
    return [_rounded(part) for part in value] if isinstance(value, list | tuple) else round(value * _UNITS_PER_DEGREE)
