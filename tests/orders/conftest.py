"""Fixtures for tests that place orders: a clock, an estimate, and a placement with an unknown outcome."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import scenecart
from _expect import raises, warns
from _purchases import LOST, PLACE, Clock, captures

if TYPE_CHECKING:
    from _scripted_service import ScriptedService


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def estimate(connect: Any, clock: Clock) -> scenecart.Estimate:
    """Return the price of a cart of two captures: 300 credits."""
    return connect(wall=clock).cart(captures()).estimate()


@pytest.fixture
def client_after_loss(service: ScriptedService, estimate: scenecart.Estimate, connect: Any, clock: Clock) -> scenecart.Client:
    """Return the client of a later session, after a placement whose answer was lost."""
    service.put(PLACE, LOST)
    with raises(scenecart.PlacementUnknown, "placement_unknown"):
        estimate.place()
    service.received.clear()
    with warns("placements_unanswered"):
        client: scenecart.Client = connect(wall=clock)
    return client
