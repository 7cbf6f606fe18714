"""The client: what each method passes on, and what it refuses."""

from __future__ import annotations

from typing import Any

import pytest

import scenecart
from _purchases import PLACE
from _scripted_service import ScriptedService


def test_only_an_estimate_can_be_placed(service: ScriptedService, connect: Any):
    """There is no way round the estimate: call() does not place, however the operation is written."""
    for name in (PLACE, "Orders.Archive.PLACE"):
        with pytest.raises(scenecart.ConfigurationError, match="only an estimate"):
            connect().call(name, {"captures": []})
    for name in ("orders%2Earchive%2Eplace", "x/../orders.archive.place", "orders.archive.place ", "orders.archive.place?a=1", "", 5):
        with pytest.raises(scenecart.InvalidRequest, match="no operation"):
            connect().call(name, {"captures": []})
    assert service.received == []
