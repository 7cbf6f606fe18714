"""The list of imagery layers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ipyleaflet
import ipywidgets as W  # noqa: N812  # as its own documentation calls it
import pytest

from _widgets import is_visible
from scenecart._imagery.render import Legend
from scenecart.widgets._base import close_all, parts_of
from scenecart.widgets._imagery_layers import ImageryLayer, ImageryLayers
from scenecart.widgets._jobs import Runner
from scenecart.widgets._layer_list import LayerList

if TYPE_CHECKING:
    from collections.abc import Iterator


class Source:
    """A source with a legend that is never drawn."""

    bounds = (0.0, 0.0, 1.0, 1.0)
    legend = Legend("0.1", "0.9", ("#000000", "#ffffff"))


@pytest.fixture
def shown() -> Iterator[tuple[LayerList, ImageryLayers]]:
    target, runner, layer_list = ipyleaflet.Map(layers=()), Runner(), LayerList()
    imagery = ImageryLayers(target, runner, lambda: layer_list.show(imagery), lambda *_: None)
    yield layer_list, imagery
    runner.close()
    imagery.channel.close()
    close_all(layer_list.view)
    target.close()


def rows(layer_list: LayerList) -> list[str]:
    return [next(part.description for part in parts_of(row) if isinstance(part, W.Checkbox)) for row in layer_list.view.children]


def test_layer_list_rows_change_their_layer(shown: tuple[LayerList, ImageryLayers]):
    """The topmost layer is the first row; its controls change visibility, opacity and order, and remove it."""
    layer_list, imagery = shown
    assert not is_visible(layer_list.view)
    for name in ("first", "<b>second"):
        imagery.add(ImageryLayer(name, Source(), note="Placed approximately." if name == "first" else ""))  # type: ignore[arg-type]  # never drawn
    assert is_visible(layer_list.view)
    assert rows(layer_list) == ["<b>second", "first"]
    parts = parts_of(layer_list.view.children[1])
    next(part for part in parts if isinstance(part, W.FloatSlider)).value = 0.3
    next(part for part in parts if isinstance(part, W.Checkbox)).value = False
    assert [(one["opacity"], one["visible"]) for one in imagery.channel.layers] == [(0.3, False), (1.0, True)]
    texts = " ".join(part.value for part in parts if isinstance(part, W.HTML))
    assert "0.9" in texts
    assert "Placed approximately." in texts
    buttons = [part for part in parts if isinstance(part, W.Button)]
    buttons[0].click()
    assert rows(layer_list) == ["first", "<b>second"]
    next(part for part in parts_of(layer_list.view.children[0]) if isinstance(part, W.Button) and part.icon == "times").click()
    assert rows(layer_list) == ["<b>second"]
    imagery.remove("<b>second")
    assert not is_visible(layer_list.view)
