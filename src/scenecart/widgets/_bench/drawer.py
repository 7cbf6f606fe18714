"""The drawer of the Workbench below the map: its two tabs, and its message when there is nothing to list."""

from __future__ import annotations

from scenecart.widgets._bench.part import Part, script_of, style_of

RESULTS, ORDERS = "results", "orders"


class Drawer(Part):
    """Drawn by ``drawer.js``; events are ``"tab"`` (``name``), ``"relax"`` (``number``), ``"retry"`` and ``"reset"``."""

    _esm = script_of("drawer")
    _css = style_of("drawer")

    def __init__(self) -> None:
        super().__init__(
            "sc-drawer", tab=RESULTS, results=None, orders=None, summary="", blank="first", asked="", limits=[], banner=None
        )
