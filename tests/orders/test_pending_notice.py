"""Warnings about placements that an earlier session left unfinished."""

from __future__ import annotations

import warnings
from typing import Any

import pytest

import scenecart
from _expect import raises, warns
from _purchases import ESTIMATE, LOST, PLACE, PLACED, captures, priced
from _scripted_service import ScriptedService, answer
from scenecart._api.auth import USERINFO_PATH
from scenecart.client import warn_of_pending


def test_connect_warns_of_unfinished_placements_with_owners(service: ScriptedService, connect: Any):
    """Unanswered and unpaid placements are warned of separately, with their projects and accounts."""
    service.put(PLACE, LOST)
    lost = connect().cart(captures()).estimate()
    with raises(scenecart.PlacementUnknown, "placement_unknown"):
        lost.place(project="harbour")
    service.put(USERINFO_PATH, answer({"sub": "u-1", "organization_id": "o-9"}))
    with warns("placements_unanswered") as caught:
        service.put(ESTIMATE, answer(priced((["a"], 300))))
        other = connect().cart(captures("a")).estimate()
    assert "1 placement" in str(caught[0].message)
    assert "(project harbour)" in str(caught[0].message)
    with raises(scenecart.PlacementUnknown, "placement_unknown"):
        other.place(project="harbour", owned="buy")
    service.put(PLACE, answer({"detail": "no card"}, 402))
    with pytest.raises(scenecart.NoPaymentMethod):
        other.place(project="reef", owned="buy")
    with warns("placements_unanswered", "placements_unpaid") as caught:
        connect()
    unanswered, unpaid = (str(entry.message) for entry in caught)
    assert "2 placements" in unanswered
    assert "(project harbour, project harbour of account o-9)" in unanswered
    assert "1 placement " in unpaid
    assert "(1 capture, 300 credits, project reef of account o-9)" in unpaid


def test_connect_names_three_owners(service: ScriptedService, connect: Any):
    """Of many owners, three are named and the others counted."""
    service.put(PLACE, LOST)
    estimate = connect().cart(captures()).estimate()
    for number in range(5):
        with raises(scenecart.PlacementUnknown, "placement_unknown"):
            estimate.place(project=f"p{number}", owned="buy")
    with warns("placements_unanswered") as caught:
        connect()
    assert "(project p0, project p1, project p2 and 2 others)" in str(caught[0].message)


def test_connect_with_warnings_as_errors_prints_the_notice(
    service: ScriptedService, connect: Any, capsys: pytest.CaptureFixture[str]
):
    """Where Python turns warnings into errors, the notice is printed, and the placement can be settled."""
    service.put(PLACE, LOST)
    with raises(scenecart.PlacementUnknown, "placement_unknown"):
        connect().cart(captures()).estimate().place()
    service.put(PLACE, PLACED)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        settled = connect().settle()
    assert settled["order_id"].tolist() == ["o-1"]
    assert "project" in capsys.readouterr().out


def test_warning_of_the_account_in_use_leaves_out_others(service: ScriptedService, connect: Any):
    """Where only the account in use is warned, another one's placements are not mentioned; an unknown account hears of all."""
    service.put(PLACE, LOST)
    service.put(USERINFO_PATH, answer({"sub": "u-1", "organization_id": "o-1"}))
    client = connect()
    with raises(scenecart.PlacementUnknown, "placement_unknown"):
        client.cart(captures()).estimate().place()
    with warns("placements_unanswered"):
        warn_of_pending(client, of_account=True)
    service.put(USERINFO_PATH, answer({"sub": "u-2", "organization_id": "o-2"}))
    warn_of_pending(client, of_account=True)
    for unreadable in (answer({}), answer({}, 404), answer({}, 401)):
        service.put(USERINFO_PATH, unreadable)
        with warns("placements_unanswered"):
            warn_of_pending(client, of_account=True)


def test_connect_without_unfinished_placements_is_silent(service: ScriptedService, connect: Any):
    """A finished placement is not warned of."""
    service.put(PLACE, PLACED)
    connect().cart(captures()).estimate().place()
    connect()
