"""A running sandbox and plain HTTP clients; these tests do not use the library."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any

import pytest

from _http_client import ServiceClient
from scenecart.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Clock:
    """A clock that the test sets."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="session")
def shared_box() -> Iterator[Sandbox]:
    """Return one sandbox with the generated catalog, for tests that only read."""
    with Sandbox(pace="instant") as box:
        box.rate_limits = None
        yield box


@pytest.fixture
def clock() -> Clock:
    """Return a clock that stands still until the test sets it."""
    return Clock()


@pytest.fixture
def box(clock: Clock, small_items: str) -> Iterator[Sandbox]:
    """Return a new sandbox with six captures and the test's clock."""
    with Sandbox(items=small_items, pace="real", clock=clock) as running:
        running.rate_limits = None
        yield running


@pytest.fixture
def serve(clock: Clock, small_items: str) -> Iterator[Callable[..., Sandbox]]:
    """Return a function that starts a sandbox with six captures and the test's clock, in the dialects of these names."""
    with contextlib.ExitStack() as stack:

        def start(*dialects: str) -> Sandbox:
            box = stack.enter_context(Sandbox(items=small_items, pace="real", clock=clock, dialect=dialects))
            box.rate_limits = None
            return box

        yield start


@pytest.fixture
def sign_in() -> Iterator[Callable[..., ServiceClient]]:
    """Return a function that gives a plain HTTP client of a principal; name None sends no token."""
    clients: list[ServiceClient] = []

    def connect(box: Sandbox, name: str | None = "analyst", **headers: str) -> ServiceClient:
        token = None if name is None else box.principals[name]["token"]
        project = box.principals["analyst" if name is None else name]["project"] or ""
        clients.append(ServiceClient(box.url, token, project, headers))
        return clients[-1]

    yield connect
    for client in clients:
        client.close()


@pytest.fixture(scope="session")
def small_items(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Write six captures: two overlap on one date, one is of another date, one far away, one fails, one has no valid footprint."""

    def item(name: str, ring: Any, time: str, **properties: Any) -> dict[str, Any]:
        return {
            "type": "Feature",
            "stac_version": "1.0.0",
            "id": name,
            "collection": "test",
            "geometry": {"type": "Polygon", "coordinates": [ring]},
            "properties": {"datetime": time, "eo:cloud_cover": 5, **properties},
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
