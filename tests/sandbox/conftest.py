"""A running sandbox, and plain HTTP to talk to it: these tests know nothing of the library."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from _http_client import Wire
from scenecart.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HARBOUR = [151.18, -33.99, 151.24, -33.94]


class Clock:
    """A clock the test turns."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="session")
def shared_box() -> Iterator[Sandbox]:
    """Give one sandbox with the invented catalog for tests that leave nothing behind."""
    with Sandbox(pace="instant") as box:
        box.rate_limits = None
        yield box


@pytest.fixture
def clock() -> Clock:
    """Give a clock that stands still until it is turned."""
    return Clock()


@pytest.fixture
def box(clock: Clock, small_items: str) -> Iterator[Sandbox]:
    """Give a sandbox of the test's own, with a handful of captures and a clock that the test turns."""
    with Sandbox(items=small_items, pace="real", clock=clock) as running:
        running.rate_limits = None
        yield running


@pytest.fixture
def wire() -> Iterator[Callable[..., Wire]]:
    """Give a way to speak HTTP as one of the principals."""
    made: list[Wire] = []

    def speak(box: Sandbox, name: str | None = "analyst", **headers: str) -> Wire:
        token = None if name is None else box.principals[name]["token"]
        made.append(Wire(box.url, token, box.principals["analyst" if name is None else name]["project"] or "", headers))
        return made[-1]

    yield speak
    for one in made:
        one.close()


@pytest.fixture(scope="session")
def small_items(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Write six captures: two that overlap on one date, one of another date, one far away, one that fails, one broken."""
    import json  # noqa: PLC0415  # used here alone

    def item(name: str, ring: Any, moment: str, **properties: Any) -> dict[str, Any]:
        return {
            "type": "Feature",
            "stac_version": "1.0.0",
            "id": name,
            "collection": "test",
            "geometry": {"type": "Polygon", "coordinates": [ring]},
            "properties": {"datetime": moment, "eo:cloud_cover": 5, **properties},
            "assets": {},
            "links": [],
        }

    def square(west: float, south: float, side: float = 0.1) -> list[list[float]]:
        east, north = west + side, south + side
        return [[west, south], [east, south], [east, north], [west, north], [west, south]]

    bow_tie = [[10.0, 10.0], [11.0, 11.0], [11.0, 10.0], [10.0, 11.0], [10.0, 10.0]]
    items = [
        item("first", square(0, 0), "2024-03-01T10:00:00Z", gsd=0.5),
        item("second", square(0.05, 0), "2024-03-01T10:00:20Z", gsd=0.4),
        item("third", square(0, 0), "2024-04-01T10:00:00Z", gsd=0.3),
        item("far", square(40, 60), "2024-05-01T10:00:00Z"),
        item("fails", square(80, 20), "2024-06-01T10:00:00Z", **{"sandbox:fails": True}),
        item("crossed", bow_tie, "2024-07-01T10:00:00Z"),
    ]
    path = tmp_path_factory.mktemp("items") / "items.ndjson"
    path.write_text("\n".join(map(json.dumps, items)), encoding="utf-8")
    return str(path)
