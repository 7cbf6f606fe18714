"""The drawer of the Workbench below the map: its two tabs, and what it says when there is nothing to list."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from scenecart.widgets._bench.part import Part, script_of, style_of

RESULTS, ORDERS = "results", "orders"


@dataclass(frozen=True)
class Relaxation:
    """One limit of a search that found nothing, and what the search would find without it.

    Attributes
    ----------
    kind : str
        ``"dates"``, ``"collection"`` or ``"filters"``.
    text : str
        The limit, in words.
    label : str
        What the button does.
    value : object
        What the search is asked with instead.
    count : int or None
        How many captures there are then; None while they are being counted.
    is_least : bool
        Whether there are at least so many.
    """

    kind: str
    text: str
    label: str
    value: Any
    count: int | None = None
    is_least: bool = False


class Drawer(Part):
    """Drawn by ``drawer.js``; events are ``"tab"`` (``name``), ``"relax"`` (``number``), ``"retry"`` and ``"reset"``."""

    _esm = script_of("drawer")
    _css = style_of("drawer")

    def __init__(self) -> None:
        super().__init__(
            "sc-drawer", tab=RESULTS, results=None, orders=None, summary="", blank="first", asked="", limits=[], banner=None
        )


def limits_state(limits: list[Relaxation]) -> list[dict[str, Any]]:
    """Return the limits as the page draws them: the one that helps comes first, and has the main button."""
    main = next((number for number, one in enumerate(limits) if one.count), None)
    return [
        {
            "kind": one.kind,
            "text": one.text,
            "label": one.label,
            "count": "…" if one.count is None else f"{one.count:,}{'+' if one.is_least else ''}",
            "word": "capture" if one.count == 1 and not one.is_least else "captures",
            "helps": one.count != 0,
            "main": number == main,
        }
        for number, one in enumerate(limits)
    ]


def counted(limits: list[Relaxation], number: int, count: int, *, is_least: bool = False) -> list[Relaxation]:
    """Return limits with the count of one of them."""
    return [replace(one, count=count, is_least=is_least) if place == number else one for place, one in enumerate(limits)]
