"""Answers and captures for tests that place orders at a scripted service."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from _scripted_service import Answer, ScriptedService, answer, feature, page
from scenecart._captures import decode
from scenecart._captures.frame import to_frame

if TYPE_CHECKING:
    import geopandas as gpd

PLACE, ESTIMATE, GET, LIST = "orders.archive.place", "orders.archive.estimate", "orders.get", "orders.list"
BALANCE = "billing.credits.balance"
PROJECT = "11111111-2222-4333-8444-555555555555"
ORDER = {"id": "o-1", "status": "processing", "totalCredits": 300, "totalAud": 3.0, "captures": ["a", "b"]}
PLACED = answer(ORDER, 202)
# the connection closes before an answer
LOST = Answer(None)
HOUR = 3_600.0


class Clock:
    """Unix time in seconds, set by a test."""

    def __init__(self) -> None:
        self.now = time.time()

    def __call__(self) -> float:
        return self.now


def captures(*names: Any) -> gpd.GeoDataFrame:
    """Return captures with these ids, by default a and b, as a search returns them."""
    features, _, _ = decode.read_page(json.dumps(page(*(feature(name) for name in names or ("a", "b")))).encode(), "t")
    return to_frame(features, host="h")


def priced(*groups: tuple[list[str], int], errors: Any = ()) -> dict[str, Any]:
    """Return an estimate as the service sends it: ids and credits of each group."""
    total = sum(price for _, price in groups)
    return {
        "groups": [{"captures": ids, "aoi_km2": 1.5, "credits": price, "aud": price / 100} for ids, price in groups],
        "errors": list(errors),
        "total_credits": total,
        "total_aud": total / 100,
    }


def listed(estimate: Any, **fields: Any) -> dict[str, Any]:
    """Return the order of an estimate as a list states it: captures with the ground that was bought, project and licence."""
    bought = [capture.to_wire() for capture in estimate.cart.orders]
    return {**ORDER, "projectId": PROJECT, "licenseType": "standard", "captures": bought, **fields}


def keys(service: ScriptedService) -> list[str]:
    """Return the idempotency key of each request to place."""
    return [request.headers["idempotency-key"] for request in service.requests(PLACE)]
