"""Purchases: a fingerprint and a key that every machine computes alike."""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import Any

import pytest

from scenecart._api.schemas import CaptureOrder
from scenecart._orders.purchase import fingerprint_of, key_of

RING = [[151.2, -33.9], [151.3, -33.9], [151.3, -33.8], [151.2, -33.9]]
FIRST = CaptureOrder("first", {"type": "Polygon", "coordinates": [RING]}, "aurora", "aurora-50cm")
SECOND = replace(FIRST, id="second")
TERMS: dict[str, Any] = {"project": "p", "license_type": "standard", "split_by_date": False}


def test_fingerprint_and_key_are_the_same_on_every_machine():
    """The rules of fingerprint and key never change by accident: another machine may have an older version."""
    fingerprint = fingerprint_of([FIRST, SECOND], **TERMS)
    assert fingerprint == "c91bfc7f747044fef048bbfc985e56ba8a9f3e52f1ea4f6f0c345c59a74e6e1a"
    assert key_of("org", fingerprint, "", 0) == "eb692a5e-51d7-4424-abb2-6c2fd8d9424a"


def test_fingerprint_does_not_depend_on_the_order_or_the_last_digits():
    """Captures in another order, and coordinates that differ by less than a centimetre, are the same purchase."""
    moved = [[x + 3e-9, y - 3e-9] for x, y in RING]
    other = replace(FIRST, geometry={"type": "Polygon", "coordinates": (tuple(map(tuple, moved)),)})
    assert fingerprint_of([SECOND, other], **TERMS) == fingerprint_of([FIRST, SECOND], **TERMS)


@pytest.mark.parametrize(
    "change",
    [
        {"project": "q"},
        {"license_type": "extended"},
        {"split_by_date": True},
        {"captures": [FIRST]},
        {"captures": [FIRST, replace(SECOND, host="lumen")]},
        {"captures": [FIRST, replace(SECOND, collection="aurora-30cm")]},
        {"captures": [FIRST, replace(SECOND, geometry={"type": "Polygon", "coordinates": [[[0.0, 0.0], *RING[1:3], [0.0, 0.0]]]})]},
    ],
    ids=str,
)
def test_fingerprint_of_another_purchase_is_another_one(change: dict[str, Any]):
    """Project, licence, split, captures, host, collection and ground each make another purchase."""
    captures = change.pop("captures", [FIRST, SECOND])
    assert fingerprint_of(captures, **{**TERMS, **change}) != fingerprint_of([FIRST, SECOND], **TERMS)


def test_key_is_a_version_4_uuid_of_all_of_its_parts():
    """A key has the form that services ask for, and each of its parts makes another one."""
    parts = ("org", "f", "", 0)
    others = [("", "f", "", 0), ("org", "g", "", 0), ("org", "f", "text:", 0), ("org", "f", "", 1), ("or", "gf", "", 0)]
    assert uuid.UUID(key_of(*parts)).version == 4
    assert len({key_of(*parts), *(key_of(*other) for other in others)}) == 6
