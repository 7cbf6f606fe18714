"""Journals of older versions: the same keys and requests, in the tables of today."""

from __future__ import annotations

import uuid
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from shapely.geometry import shape

from scenecart._api import schemas
from scenecart._geo.geometry import canonical, geojsons
from scenecart._orders.journal_file import KEYLESS, PATH
from scenecart._orders.purchase import RANDOM_KEY, document_of, fingerprint_of

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

_OLD = (
    "number, base_url, account, project, turn, key, state, order_id, license_type, captures, credits, aud, body, answer, detail,"
    " created, changed, tries, doubt"
)
_TODAYS_TABLES = 4
_UNANSWERED = frozenset({"sent", "unknown"})


def upgrade(database: sqlite3.Connection, version: int, schema: Sequence[str]) -> None:
    """Bring an older journal to the format of today; the caller wraps this in a transaction.

    The keys of version 0.1.0 were made at random, and are kept with their requests while one of them may have become an order.
    Fingerprints are computed anew, because they depended on how a geometry was written. The first placement of a purchase is its
    plain one; of a second one, only the number of its turn is known. A request without a proven answer is an open try that left
    when the placement was written, which is earlier than it did, and the safer mistake.

    Parameters
    ----------
    database
        The open journal.
    version
        Its format: 1 has no counts of requests, 4 is the first with the tables of today.
    schema
        The tables of today.
    """
    if version >= _TODAYS_TABLES:
        if version == _TODAYS_TABLES:
            database.execute(KEYLESS)
        database.execute(f"ALTER TABLE placement ADD COLUMN {PATH}")
        return
    if version == 1:
        database.execute("ALTER TABLE placement ADD COLUMN tries INTEGER NOT NULL DEFAULT 0")
        database.execute("ALTER TABLE placement ADD COLUMN doubt INTEGER NOT NULL DEFAULT 0")
    rows = database.execute(f"SELECT {_OLD} FROM placement ORDER BY number").fetchall()  # noqa: S608  # columns of this module
    database.execute("ALTER TABLE placement RENAME TO placement_of_0_1")
    for statement in schema:
        database.execute(statement)
    database.execute("INSERT INTO about VALUES (?, 0)", (uuid.uuid4().hex,))
    turns: Counter[tuple[str, ...]] = Counter()
    for row in rows:
        _take_over(database, dict(zip((name.strip() for name in _OLD.split(",")), row, strict=True)), turns)
    database.execute("DROP TABLE placement_of_0_1")


def _take_over(database: sqlite3.Connection, old: dict[str, Any], turns: Counter[tuple[str, ...]]) -> None:
    document = document_of(old["body"])
    captures = [capture for capture in schemas.purchased_captures(document) if capture is not None]
    fingerprint = fingerprint_of(
        _in_one_form(captures),
        project=old["project"],
        license_type=old["license_type"],
        split_by_date=bool(schemas.is_split_by_date(document)),
    )
    turns[old["base_url"], old["account"], fingerprint] += 1
    turn = turns[old["base_url"], old["account"], fingerprint]
    # an earlier request may have become an order, even if the last one was refused
    is_open = old["state"] in _UNANSWERED or (old["state"] != "placed" and (old["doubt"] or old["tries"] > 1))
    state = "unknown" if is_open else old["state"]
    database.execute(
        "INSERT INTO placement (number, base_url, account, project, fingerprint, wish, key, key_form, state, order_id,"
        " license_type, captures, credits, aud, body, body_form, answer, detail, created, changed, is_checked)"
        " VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,0,?,?,?,?,1)",
        (
            *(old["number"], old["base_url"], old["account"], old["project"], fingerprint),
            *("" if turn == 1 else f"text:0.1.0 turn {turn}", old["key"], RANDOM_KEY, state, old["order_id"], old["license_type"]),
            *(
                old["captures"],
                old["credits"],
                old["aud"],
                old["body"],
                old["answer"],
                old["detail"],
                old["created"],
                old["changed"],
            ),
        ),
    )
    names = {capture.id for capture in captures}
    database.executemany("INSERT INTO capture VALUES (?, ?)", [(old["number"], name) for name in names])
    outcome = {"placed": "ordered", "refused": "refused", "unpaid": "unpaid"}.get(state)
    if is_open or outcome is not None:
        database.execute(
            "INSERT INTO try (placement, left_at, left_at_service, ended_at, outcome) VALUES (?, ?, ?, ?, ?)",
            (old["number"], old["created"], old["created"], None if is_open else old["changed"], None if is_open else outcome),
        )


def _in_one_form(captures: list[schemas.CaptureOrder]) -> list[schemas.CaptureOrder]:
    shapes = np.array([shape(dict(capture.geometry)) for capture in captures], dtype=object)
    return [replace(capture, geometry=outline) for capture, outline in zip(captures, geojsons(canonical(shapes)), strict=True)]
