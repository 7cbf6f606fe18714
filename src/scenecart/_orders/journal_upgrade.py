"""Journals of older versions: the same keys and requests, with fingerprints by today's rule."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from scenecart._api import schemas
from scenecart._cart.cart import fingerprint_of
from scenecart._util.json import loads

if TYPE_CHECKING:
    import sqlite3


def upgrade(database: sqlite3.Connection, version: int) -> None:
    """Bring a journal to the format of today; the caller wraps this in a transaction.

    Format 1 has no counts of requests. Formats 1 and 2 have fingerprints that depended on how a geometry was written: they are
    computed again from the stored requests, so that the same purchase is recognized.
    """
    if version == 1:
        database.execute("ALTER TABLE placement ADD COLUMN tries INTEGER NOT NULL DEFAULT 0")
        database.execute("ALTER TABLE placement ADD COLUMN doubt INTEGER NOT NULL DEFAULT 0")
    database.execute("ALTER TABLE placement ADD COLUMN opened REAL")
    # the time of the intent is earlier than that of any request, which is the safer mistake
    database.execute("UPDATE placement SET opened = created WHERE state IN ('sent', 'unknown') OR (doubt AND state != 'placed')")
    rows = database.execute(
        "SELECT number, base_url, account, project, license_type, body FROM placement ORDER BY number"
    ).fetchall()
    # the old fingerprints must not collide with new ones while they are replaced
    database.execute("UPDATE placement SET fingerprint = 'old:' || number")
    attempts: Counter[tuple[str, ...]] = Counter()
    for number, base_url, account, project, license_type, body in rows:
        document = loads(body)
        captures = [capture for capture in schemas.purchased_captures(document) if capture is not None]
        fingerprint = f"{fingerprint_of(captures, split_by_date=bool(schemas.is_split_by_date(document)))}:{license_type}"
        attempts[base_url, account, project, fingerprint] += 1
        attempt = attempts[base_url, account, project, fingerprint]
        database.execute("UPDATE placement SET fingerprint = ?, turn = ? WHERE number = ?", (fingerprint, attempt, number))
