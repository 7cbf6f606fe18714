"""Dialects of idempotency keys: for how long, for whom and with which responses they are kept."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from scenecart.sandbox._http.exchange import Dialect
from scenecart.sandbox._problem import REPLAYED

if TYPE_CHECKING:
    from scenecart.sandbox._http.exchange import ActiveDialect, Exchange, Reply


def _hide_replay(dialect: ActiveDialect, _exchange: Exchange, reply: Reply) -> Reply:
    if dialect.variant() != "silent":
        return reply
    return replace(reply, headers={name: value for name, value in reply.headers.items() if name != REPLAYED.lower()})


STORED_REFUSALS = Dialect(
    "stored-refusals",
    f"A refusal (4xx except 429) is kept with its idempotency key and repeated, with {REPLAYED} or silently.",
    ("header", "silent"),
    replies={"*": _hide_replay},
    policy={"stores_refusals": True},
)
KEYS_PER_USER = Dialect("keys-per-user", "Idempotency keys belong to the principal who sends them.", policy={"keys_per_user": True})
NO_KEYS = Dialect("no-keys", "Idempotency keys are ignored.", policy={"keeps_keys": False})
SHORT_KEYS = Dialect("short-keys", "Idempotency keys are kept for one hour instead of 24.", policy={"claim_seconds": 3_600.0})
