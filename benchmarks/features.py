"""Features to measure with: synthetic ones like those of a commercial catalog, and real ones."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any


def synthetic_features(count: int, seed: int = 1) -> list[dict[str, Any]]:
    """Return features with 21 properties, three assets and two links, about 1.7 kB of JSON each."""
    pick = random.Random(seed)  # noqa: S311  # footprints, not secrets
    features = []
    for number in range(count):
        west, south = pick.uniform(-179, 178), pick.uniform(-60, 60)
        width, height, turn = pick.uniform(0.1, 0.3), pick.uniform(0.1, 0.3), pick.uniform(-0.03, 0.03)
        corners = [
            (west, south + turn),
            (west + width, south),
            (west + width + turn, south + height),
            (west + turn, south + height + turn),
        ]
        ring = [[round(x, 6), round(y, 6)] for x, y in [*corners, corners[0]]]
        xs, ys = zip(*ring, strict=True)
        day = f"{2015 + number % 10}-{1 + number % 12:02d}-{1 + number % 28:02d}"
        name = f"SCENE_{number:09d}_{day.replace('-', '')}_{pick.randrange(10**6):06d}"
        base = f"https://catalog.example.com/{name}"
        features.append(
            {
                "type": "Feature",
                "stac_version": "1.0.0",
                "stac_extensions": [
                    "https://stac-extensions.github.io/eo/v1.1.0/schema.json",
                    "https://stac-extensions.github.io/view/v1.0.0/schema.json",
                ],
                "id": name,
                "collection": "very-high-resolution",
                "geometry": {"type": "Polygon", "coordinates": [ring]},
                "bbox": [min(xs), min(ys), max(xs), max(ys)],
                "properties": {
                    "datetime": f"{day}T10:{number % 60:02d}:{number % 59:02d}.{number % 1000:03d}Z",
                    "created": f"{day}T12:00:00Z",
                    "updated": f"{day}T13:00:00Z",
                    "platform": f"vision-{number % 4}",
                    "constellation": "vision",
                    "instruments": ["panchromatic", "multispectral"],
                    "gsd": round(pick.uniform(0.3, 0.8), 3),
                    "eo:cloud_cover": round(pick.uniform(0, 100), 2),
                    "eo:snow_cover": pick.choice([0, 5, 20]),
                    "view:off_nadir": round(pick.uniform(0, 45), 3),
                    "view:azimuth": round(pick.uniform(0, 360), 3),
                    "view:sun_elevation": round(pick.uniform(10, 80), 3),
                    "view:sun_azimuth": round(pick.uniform(0, 360), 3),
                    "proj:epsg": 32600 + number % 60,
                    "proj:shape": [20_000, 18_000],
                    "title": f"Scene {number}",
                    "providers": [{"name": "Vision", "roles": ["producer", "licensor"]}],
                    "license": "proprietary",
                    "price:credits_per_km2": 1250 + number % 50,
                    "price:minimum_km2": 25,
                    "order:status": "orderable",
                },
                "assets": {
                    kind: {"href": f"{base}/{kind}.png", "type": "image/png", "roles": [kind]}
                    for kind in ("thumbnail", "overview", "visual")
                },
                "links": [{"rel": rel, "href": f"{base}/{rel}", "type": "application/json"} for rel in ("self", "collection")],
            }
        )
    return features


def page(features: list[dict[str, Any]]) -> bytes:
    """Return features as one response."""
    return json.dumps({"type": "FeatureCollection", "features": features}, separators=(",", ":")).encode()


def real_page(count: int) -> bytes | None:
    """Return a response of real features, repeated under new ids; None if this machine has none."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "data"
    files = [*(folder / "pgstac-naip").glob("*naip__items.ndjson"), *(folder / "stac-geoparquet").glob("*sentinel-2-l2a-pc.json")]
    found: list[dict[str, Any]] = []
    for file in files:
        text = file.read_text(encoding="utf-8")
        documents = [json.loads(line) for line in text.split("\n") if line] if file.suffix == ".ndjson" else json.loads(text)
        found += documents if isinstance(documents, list) else documents["features"]
    if not found:
        return None
    return page([{**found[number % len(found)], "id": f"capture-{number}"} for number in range(count)])


def lines(features: list[dict[str, Any]]) -> bytes:
    """Return features as the lines of a stream."""
    return b"".join(json.dumps(one, separators=(",", ":")).encode() + b"\n" for one in features)
