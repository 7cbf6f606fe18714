"""The list of imagery layers below a map: visibility, opacity, order, legend and removal."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import ipywidgets as W  # noqa: N812  # as its own documentation calls it

from scenecart.widgets import _style
from scenecart.widgets._base import close_all

if TYPE_CHECKING:
    from scenecart.widgets._imagery_layers import ImageryLayer, ImageryLayers


class LayerList:
    """A row for each imagery layer, the topmost first; ``view`` is its widget, hidden without layers."""

    def __init__(self) -> None:
        self.view = _style.box(kind="layers")
        _style.set_visible(self.view, visible=False)

    def show(self, imagery: ImageryLayers) -> None:
        """Display the layers as they are now."""
        old = self.view.children
        self.view.children = tuple(_row(imagery, layer) for layer in reversed(imagery.layers))
        for row in old:
            close_all(row)
        _style.set_visible(self.view, imagery.layers)


def _row(imagery: ImageryLayers, layer: ImageryLayer) -> W.Widget:
    shown = W.Checkbox(value=layer.visible, description=layer.name, indent=False, layout=W.Layout(width="300px"))
    shown.tooltip = f"Show or hide {layer.name}"
    opacity = W.FloatSlider(
        value=layer.opacity, min=0, max=1, step=0.05, readout=False, description="Opacity", layout=W.Layout(width="190px")
    )
    opacity.style.description_width = "initial"

    def change(_: object) -> None:
        layer.visible, layer.opacity = bool(shown.value), float(opacity.value)
        imagery.restyle()

    shown.observe(change, "value")
    opacity.observe(change, "value")
    buttons = []
    for icon, tooltip, action in (
        ("arrow-up", "Move up", lambda: imagery.move(layer, 1)),
        ("arrow-down", "Move down", lambda: imagery.move(layer, -1)),
        ("times", "Remove", lambda: imagery.remove(layer.name)),
    ):
        button = _style.button("", f"{tooltip}: {layer.name}", icon=icon)
        button.on_click(functools.partial(lambda act, _: act(), action))
        buttons.append(button)
    line = _style.box(shown, opacity, *buttons, kind="row", horizontal=True)
    legend = None if layer.source is None else layer.source.legend
    details = []
    if legend is not None:
        ends, scale = (legend.low, legend.high), ", ".join(legend.colours)
        details.append(W.HTML(_style.render("widget_legend.html", title="", keys=[], ends=ends, scale=scale)))
    if layer.note:
        details.append(W.HTML(_style.message(layer.note)))
    return _style.box(line, *details, kind="layer")
