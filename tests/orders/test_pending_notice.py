"""The notice about placements that an earlier session left unfinished."""

from __future__ import annotations

import warnings
from typing import Any

import pytest

import scenecart
from _purchases import ORDER, PLACE, captures
from _scripted_service import Answer, ScriptedService, answer
from scenecart._api.auth import USERINFO_PATH


def test_what_was_left_open_is_told_with_whose_it_is(service: ScriptedService, connect: Any):
    """What a former session left open is mentioned with its project and account, or its project alone where no account is told."""
    service.put(PLACE, Answer(None))
    lost = connect().cart(captures()).estimate()
    with pytest.raises(scenecart.PlacementUnknown):
        lost.place(project="harbour")
    service.put(USERINFO_PATH, answer({"sub": "u-1", "organization_id": "o-9"}))
    with pytest.warns(scenecart.ScenecartWarning, match=r"1 placement was not finished \(project harbour\); "):
        theirs = connect().cart(captures()).estimate()
    with pytest.raises(scenecart.PlacementUnknown):
        theirs.place(project="harbour")
    service.put(PLACE, answer({"detail": "no card"}, 402))
    with pytest.raises(scenecart.NoPaymentMethod):
        theirs.place(project="reef")
    with pytest.warns(scenecart.ScenecartWarning) as told:
        connect()
    first, second = (str(entry.message) for entry in told)
    assert first.startswith("2 placements were not finished (project harbour, project harbour of account o-9); ")
    assert second.startswith("1 placement waits for payment (project reef of account o-9); nothing was ordered.")


def test_warnings_that_are_errors_keep_nobody_from_settling(
    service: ScriptedService, connect: Any, capsys: pytest.CaptureFixture[str]
):
    """Where Python raises every warning, what was left open is still told, and can still be settled."""
    service.put(PLACE, Answer(None))
    with pytest.raises(scenecart.PlacementUnknown):
        connect().cart(captures()).estimate().place()
    service.put(PLACE, answer(ORDER, 202))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        settled = connect().settle()
    assert settled["order_id"].tolist() == ["o-1"]
    assert "was not finished" in capsys.readouterr().out
