"""The hover card, and quicklooks as images."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from _scripted_service import Answer, ScriptedService
from _widgets import wait_for
from scenecart.widgets._base import close_all
from scenecart.widgets._jobs import Runner
from scenecart.widgets._map_quicklooks import HoverCard, data_url, quicklook_of

if TYPE_CHECKING:
    from collections.abc import Iterator

PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 8
FIRST, SECOND = pd.Series({"id": "first"}), pd.Series({"id": "second"})


@pytest.fixture
def runner() -> Iterator[Runner]:
    """Return a runner, closed afterwards."""
    running = Runner()
    yield running
    running.close()


def test_hover_card_adds_the_quicklook(runner: Runner):
    """A card shows the capture at once, and its quicklook when it has arrived."""
    card = HoverCard(lambda _: PNG, runner)
    card.display(0, FIRST)
    assert "first" in card.value
    assert "<img" not in card.value
    wait_for(lambda: "<img" in card.value)
    close_all(card)


def test_hover_card_quicklook_of_the_previous_capture_is_dropped(runner: Runner):
    """The quicklook of a capture that the pointer has left is not shown with the next one."""
    card = HoverCard(None, runner)
    card.display(0, FIRST)
    card.display(1, SECOND)
    card._add_picture(0, FIRST, PNG)
    assert "second" in card.value
    assert "<img" not in card.value
    close_all(card)


def test_data_url_accepts_png_and_jpeg_only():
    """Only PNG and JPEG become images; SVG, which can hold scripts, does not."""
    assert str(data_url(PNG)).startswith("data:image/png;base64,")
    assert str(data_url(b"\xff\xd8\xff\xe0")).startswith("data:image/jpeg;base64,")
    assert data_url(b"<svg onload='alert(1)'/>") is None


def test_open_item_without_a_client_shows_its_own_thumbnail(service: ScriptedService):
    """The thumbnail that an item links to is fetched; a capture of the service, or one without assets, has none."""
    service.put("/t.png", Answer(PNG, 200, {"Content-Type": "image/png"}))
    assets = json.dumps({"thumbnail": {"href": f"{service.url}/t.png", "roles": ["thumbnail"]}})
    fetch = quicklook_of(None)
    assert fetch(pd.Series({"host": "127.0.0.1", "id": "a", "assets": assets})) == PNG
    assert fetch(pd.Series({"host": "aurora", "id": "a", "assets": assets})) is None
    assert fetch(pd.Series({"host": "127.0.0.1", "id": "a"})) is None
