"""What tests of the shop share: captures that can be bought, prices, an order, and the keys that were sent."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from _scripted_service import ScriptedService, feature, page
from scenecart._captures import decode
from scenecart._captures.frame import to_frame

if TYPE_CHECKING:
    import geopandas as gpd

PLACE, ESTIMATE, GET, LIST = "orders.archive.place", "orders.archive.estimate", "orders.get", "orders.list"
PROJECT = "11111111-2222-4333-8444-555555555555"


def captures(*names: Any) -> gpd.GeoDataFrame:
    features, _, _ = decode.read_page(json.dumps(page(*(feature(name) for name in names or ("a", "b")))).encode(), "t")
    return to_frame(features, host="h")


def priced(*groups: tuple[list[str], int], errors: Any = ()) -> dict[str, Any]:
    total = sum(price for _, price in groups)
    return {
        "groups": [{"captures": ids, "aoi_km2": 1.5, "credits": price, "aud": price / 100} for ids, price in groups],
        "errors": list(errors),
        "total_credits": total,
        "total_aud": total / 100,
    }


ORDER = {"id": "o-1", "status": "processing", "totalCredits": 300, "totalAud": 3.0, "captures": ["a", "b"]}


def keys(service: ScriptedService) -> list[str]:
    return [request.headers["idempotency-key"] for request in service.requests(PLACE)]
