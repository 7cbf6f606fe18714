"""Imagery layers, by the messages that a page sends and receives."""

from __future__ import annotations

import io
import threading
from typing import TYPE_CHECKING, Any

import ipyleaflet
import numpy as np
import pytest
from PIL import Image

from _widgets import sent_messages, wait_for
from scenecart._imagery.mercator import HALF_WORLD
from scenecart._imagery.view import View
from scenecart.widgets._imagery_layers import ImageryLayer, ImageryLayers, whole_of
from scenecart.widgets._jobs import Runner

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from scenecart._imagery.view import Bounds

WORLD = 256 * 2**10


class Picture:
    """A source that is one colour; it waits for a gate, and fails if told to."""

    legend = None

    def __init__(self, bounds: Bounds, colour: int = 200, *, noisy: bool = False) -> None:
        self.bounds, self.colour, self.noisy = bounds, colour, noisy
        self.gate, self.error = threading.Event(), None
        self.gate.set()
        self.asked: list[tuple[Bounds, int, int]] = []

    def draw(self, bounds: Bounds, width: int, height: int) -> NDArray[np.uint8]:
        self.gate.wait(20)
        self.asked.append((bounds, width, height))
        if self.error is not None:
            raise self.error
        pixels = np.full((height, width, 4), self.colour, dtype=np.uint8)
        if self.noisy:
            pixels[..., :3] = np.random.default_rng(1).integers(0, 256, (height, width, 3))
        pixels[..., 3] = 255
        return pixels


class Stack:
    """Imagery layers without a page, what they sent, and what failed."""

    def __init__(self) -> None:
        self.map = ipyleaflet.Map(layers=())
        self.runner = Runner()
        self.failures: list[tuple[str, Exception | None]] = []
        self.imagery = ImageryLayers(
            self.map, self.runner, lambda: None, lambda layer, error: self.failures.append((layer.name, error))
        )
        self.sent = sent_messages(self.imagery.channel)

    def failed(self, layer: ImageryLayer, error: Exception | None) -> None:
        self.failures.append((layer.name, error))

    def look(self, left: float, top: float, *, fresh: bool = False, zoom: float = 10, scale: float = 1) -> None:
        message = {"kind": "view", "pixels": [left, top, left + 400, top + 300], "zoom": zoom, "scale": scale, "fresh": fresh}
        self.imagery.channel._handle_custom_msg(message, [])

    def settle(self) -> None:
        wait_for(lambda: not self.imagery.is_busy)

    def pictures(self, part: str = "view") -> list[tuple[dict[str, Any], bytes]]:
        return [(message, b"".join(buffers)) for message, buffers in self.sent if message.get("part") == part]


@pytest.fixture
def stack() -> Iterator[Stack]:
    made = Stack()
    yield made
    made.runner.close()
    made.imagery.channel.close()
    made.map.close()


EVERYWHERE = (-HALF_WORLD, -HALF_WORLD, HALF_WORLD, HALF_WORLD)


def test_layer_view_is_drawn_on_its_pixels(stack: Stack):
    """A page that says what it shows gets a small picture of the whole, and one of the view with a margin, on whole pixels."""
    stack.imagery.add(ImageryLayer("a", Picture(EVERYWHERE)))
    assert stack.sent == []
    stack.look(1_000, 2_000)
    stack.settle()
    ((message, data),) = stack.pictures()
    view = View(950, 1_962, 1_450, 2_338, 10)
    assert message["bounds"] == message["covers"] == view.degrees
    picture = Image.open(io.BytesIO(data))
    assert picture.size == view.size
    assert abs(np.asarray(picture).mean() - 200) < 2
    ((_, whole),) = stack.pictures("whole")
    assert max(Image.open(io.BytesIO(whole)).size) == 600


def test_layer_out_of_view_is_empty(stack: Stack):
    """Of a source that is out of view nothing is drawn; of one that is partly in view, that part alone."""
    metres = 2 * HALF_WORLD / WORLD
    small = (1_200 * metres - HALF_WORLD, HALF_WORLD - 2_100 * metres, 1_300 * metres - HALF_WORLD, HALF_WORLD - 2_050 * metres)
    stack.imagery.add(ImageryLayer("a", Picture(small)))
    stack.look(1_000, 2_000)
    stack.settle()
    stack.look(9_000, 2_000)
    stack.settle()
    (_, first), (gone, empty) = stack.pictures()
    width, height = Image.open(io.BytesIO(first)).size
    assert 100 <= width <= 102
    assert 50 <= height <= 52
    assert empty == b""
    assert gone["covers"]


def test_layer_newest_view_is_drawn_next(stack: Stack):
    """While a picture is drawn, the map may move often: of all those views the last alone is drawn, and no view twice."""
    source = Picture(EVERYWHERE)
    stack.imagery.add(ImageryLayer("a", source))
    source.gate.clear()
    for step in range(20):
        stack.look(1_000 + 10 * step, 2_000)
    source.gate.set()
    stack.settle()
    wait_for(lambda: len(stack.pictures()) == 2)
    stack.look(1_190, 2_000)
    stack.settle()
    turns = [message["turn"] for message, _ in stack.pictures()]
    assert len(source.asked) == 3
    assert turns == sorted(turns)
    assert stack.pictures()[-1][0]["bounds"] == View(1_140, 1_962, 1_640, 2_338, 10).degrees


def test_layer_failure_is_shown_until_it_is_drawn_again(stack: Stack):
    """A store that fails is reported, the other layers go on, and the next view that works ends the report."""
    broken, fine = Picture(EVERYWHERE), Picture(EVERYWHERE)
    broken.error = OSError("gone")
    for name, source in (("broken", broken), ("fine", fine)):
        stack.imagery.add(ImageryLayer(name, source))
    stack.look(1_000, 2_000)
    stack.settle()
    wait_for(lambda: len(stack.pictures()) == 1)
    assert ("broken", broken.error) in stack.failures
    broken.error = None
    stack.look(1_100, 2_000)
    wait_for(lambda: stack.failures[-2:].count(("broken", None)) == 1)
    wait_for(lambda: len(stack.pictures()) == 3)


def test_layer_page_loaded_again_gets_all_pictures(stack: Stack):
    """A page that was loaded again gets every picture again, also those that never change."""
    fixed = {"0": whole_of(Picture(EVERYWHERE))}
    stack.imagery.add(ImageryLayer("a", Picture(EVERYWHERE)))
    stack.imagery.add(ImageryLayer("b", None, fixed=fixed))
    for _ in range(2):
        stack.look(1_000, 2_000, fresh=True)
        stack.settle()
    assert len(stack.pictures("view")) == 2
    assert len(stack.pictures("0")) == 3
    assert len(stack.pictures("whole")) >= 2


def test_layer_style_sends_no_pixels(stack: Stack):
    """Opacity, order and visibility send no pixels; a hidden layer is not drawn until it is shown."""
    first, second = ImageryLayer("a", Picture(EVERYWHERE)), ImageryLayer("b", Picture(EVERYWHERE), visible=False)
    stack.imagery.add(first)
    stack.imagery.add(second)
    stack.look(1_000, 2_000)
    stack.settle()
    before = len(stack.sent)
    first.opacity = 0.4
    stack.imagery.move(first, 1)
    assert [layer.name for layer in stack.imagery.layers] == ["b", "a"]
    assert [(one["z"], one["opacity"], one["visible"]) for one in stack.imagery.channel.layers] == [(0, 1.0, False), (1, 0.4, True)]
    assert len(stack.sent) == before
    second.visible = True
    stack.imagery.restyle()
    stack.settle()
    assert len(stack.sent) > before


def test_layer_same_name_is_replaced(stack: Stack):
    """A layer of the same name takes the place of the old one."""
    for _ in range(2):
        stack.imagery.add(ImageryLayer("a", Picture(EVERYWHERE)))
    assert len(stack.imagery.layers) == len(stack.imagery.channel.layers) == 1
    assert stack.imagery.remove("a")
    assert not stack.imagery.remove("a")


def test_layer_picture_is_at_most_300_kb(stack: Stack):
    """Even noise is sent in at most 300 kB a view, also of a sharp screen, whose quick picture is part of it."""
    layer = ImageryLayer("a", Picture(EVERYWHERE, noisy=True))
    stack.imagery.add(layer)
    for place, (scale, seconds) in enumerate(((2, 0.0), (3, 1.0))):
        layer.seconds_per_pixel = seconds
        stack.look(1_000 + 8 * place, 2_000, scale=scale)
        stack.settle()
    one, *both = [len(data) for _, data in stack.pictures()]
    assert one <= 300_000
    assert len(both) == 2
    assert sum(both) <= 300_000


def test_layer_slow_source_sends_a_quick_picture_first(stack: Stack):
    """A large picture of a slow source, or of a sharp screen, is preceded by one of a quarter of its pixels; a small one is not."""
    layer = ImageryLayer("a", Picture(EVERYWHERE))
    stack.imagery.add(layer)
    for place, (seconds, scale) in enumerate(((1.0, 1), (1.0, 3), (0.0, 3))):
        layer.seconds_per_pixel = seconds
        stack.look(1_000 + 8 * place, 2_000, scale=scale)
        stack.settle()
    sizes = [Image.open(io.BytesIO(data)).size for _, data in stack.pictures()]
    assert sizes == [(500, 376), (750, 564), (1_500, 1_128), (1_500, 1_128)]
    _, (first, _), (second, _), _ = stack.pictures()
    assert first["bounds"] == second["bounds"]
    assert first["turn"] < second["turn"] < first["turn"] + 1
    assert layer.seconds_per_pixel > 0


def test_layer_antimeridian_is_drawn_from_either_side(stack: Stack):
    """A source across the antimeridian is drawn where the map shows it, in whichever copy of the world."""
    source = Picture((HALF_WORLD - 2e4, -2e4, HALF_WORLD + 2e4, 2e4))
    stack.imagery.add(ImageryLayer("a", source))
    for turns in (0, 1):
        stack.look(turns * WORLD - 200, WORLD / 2 - 150)
        stack.settle()
    for (message, data), turns in zip(stack.pictures(), (0, 1), strict=True):
        assert data
        (_, west), (_, east) = message["bounds"]
        assert (west + east) / 2 == pytest.approx(360 * turns - 180, abs=0.01)


@pytest.mark.parametrize(
    "message",
    [
        {},
        {"kind": "view"},
        {"kind": "view", "pixels": "abcd", "zoom": 1, "scale": 1},
        {"kind": "view", "pixels": [0, 0, float("nan"), 1], "zoom": 1, "scale": 1},
        {"kind": "view", "pixels": [0, 0, 1e9, 1e9], "zoom": 1, "scale": 1},
        {"kind": "view", "pixels": [0, 0, 0, 0], "zoom": 1, "scale": 1},
        {"kind": "view", "pixels": [0, 0, 9, 9], "zoom": 400, "scale": 1},
        {"kind": "view", "pixels": [0, 0, 9, 9], "zoom": 1, "scale": None},
    ],
)
def test_layer_message_that_is_no_view_is_ignored(stack: Stack, message: dict[str, Any]):
    """A message that is no view of a map changes nothing."""
    stack.imagery.add(ImageryLayer("a", Picture(EVERYWHERE)))
    stack.imagery.channel._handle_custom_msg(message, [])
    stack.settle()
    assert [content for content, _ in stack.sent if content["kind"] == "picture"] == []


def test_layer_state_holds_no_pictures(stack: Stack):
    """What a notebook saves of the layers holds no picture."""
    stack.imagery.add(ImageryLayer("a", Picture(EVERYWHERE, noisy=True)))
    stack.look(1_000, 2_000)
    stack.settle()
    state = {name: value for name, value in stack.imagery.channel.get_state().items() if not name.startswith("_")}
    assert len(str(state)) < 2_000
