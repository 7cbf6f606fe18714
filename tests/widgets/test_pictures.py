"""Pictures of captures cut to the area, as all widgets share them."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import scenecart
from _widgets import HARBOUR, wait_for
from scenecart.exceptions import ConnectionFailed
from scenecart.widgets._jobs import Runner
from scenecart.widgets._pictures import CutPictures
from scenecart.widgets._state import CaptureState

if TYPE_CHECKING:
    from collections.abc import Iterator

    import geopandas as gpd


@pytest.fixture
def runner() -> Iterator[Runner]:
    made = Runner()
    yield made
    made.close()


@pytest.fixture
def state(captures: gpd.GeoDataFrame) -> CaptureState:
    return CaptureState(captures[scenecart.coverage(captures, HARBOUR) > 0.9].head(4), HARBOUR)


@pytest.mark.parametrize("is_tight", [True, False])
def test_picture_ends_with_the_area_or_shows_what_is_around_it(
    client: scenecart.Client, state: CaptureState, runner: Runner, *, is_tight: bool
):
    """A tight picture is the area alone, without its outline; others have a margin."""
    made = CutPictures(state, client.quicklook, runner, lambda *_: None, lambda _: None, is_tight=is_tight)
    made.reset()
    assert made.view is not None
    west, _, east, _ = made.view.bounds
    area_width = 0.06 / 360 * 2 * 20_037_508.34
    assert bool(east - west < 1.05 * area_width) is is_tight
    picture = made.draw(0, 64)
    assert picture is not None
    assert ([255, 255, 255, 255] in np.asarray(picture).reshape(-1, 4).tolist()) is not is_tight


def test_picture_that_fails_is_empty_and_said_once(state: CaptureState, runner: Runner):
    """One picture that cannot be fetched leaves its frame empty, and the others come."""
    errors: list[BaseException] = []
    sent: list[dict[str, Any]] = []

    def fetch(_: Any) -> bytes | None:
        raise ConnectionFailed("The service is gone.", code="connection_failed")

    made = CutPictures(state, fetch, runner, lambda content, _: sent.append(content), errors.append)
    made.reset()
    made.request({"turn": made.turn, "keys": [0, 1, 99], "visible": [0, 1], "pixels": 64})
    wait_for(lambda: len(sent) == 1)
    assert sent[0]["keys"] == [0, 1]
    assert [type(error) for error in errors] == [ConnectionFailed]
    assert made.kept() == {}


def test_picture_in_view_is_previewed_and_then_replaced(client: scenecart.Client, state: CaptureState, runner: Runner):
    """Pictures in view come small first and then large; those of the next screen only large; a small one never comes last."""
    sent: list[tuple[int, bytes]] = []
    large, small = threading.Event(), []

    def quicklook(capture: Any) -> bytes | None:
        large.wait(20)
        return client.quicklook(capture, "large")

    def preview(capture: Any) -> bytes | None:
        small.append(capture["id"])
        return client.quicklook(capture)

    def send(content: dict[str, Any], buffers: list[bytes]) -> None:
        sent.extend(zip(content["keys"], buffers, strict=True))

    made = CutPictures(state, quicklook, runner, send, lambda _: None, preview=(preview, runner))
    made.reset()
    made.request({"turn": made.turn, "keys": [0, 1], "visible": [0, 1, 2], "pixels": 200})
    made.request({"turn": made.turn, "keys": [2], "visible": [0, 1, 2], "pixels": 200, "ahead": True})
    wait_for(lambda: len(sent) == 2)
    large.set()
    wait_for(lambda: len(sent) == 5)
    assert sorted(key for key, _ in sent) == [0, 0, 1, 1, 2]
    assert len(small) == 2
    last = dict(sent)
    assert {key: made.kept()[key] for key in last} == last
    made.request({"turn": made.turn, "keys": [0], "visible": [0], "pixels": 200})
    wait_for(lambda: len(sent) == 6)
    # a tiny picture is worth one request only
    made.request({"turn": made.turn, "keys": [0], "visible": [0], "pixels": 64})
    wait_for(lambda: len(sent) == 7)
    assert len(small) == 2


def test_picture_without_a_preview_comes_large(client: scenecart.Client, state: CaptureState, runner: Runner):
    """A preview that fails is no error: the large picture follows."""
    errors: list[BaseException] = []
    sent: list[tuple[int, bytes]] = []

    def preview(_: Any) -> bytes | None:
        raise ConnectionFailed("The service is gone.", code="connection_failed")

    def send(content: dict[str, Any], buffers: list[bytes]) -> None:
        sent.extend(zip(content["keys"], buffers, strict=True))

    made = CutPictures(state, lambda row: client.quicklook(row, "large"), runner, send, errors.append, preview=(preview, runner))
    made.reset()
    made.request({"turn": made.turn, "keys": [0], "visible": [0], "pixels": 128})
    wait_for(lambda: len(sent) == 1)
    assert sent[0][1]
    assert errors == []
