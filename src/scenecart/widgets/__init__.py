"""Widgets for JupyterLab and Voila: filter, select, price, order and follow with clicks.

Each widget is a view of traits, so everything that can be clicked can also be done in Python.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from scenecart.exceptions import missing_extra

_MODULES = {
    "CaptureFilters": "_filters",
    "CaptureMap": "_capture_map",
    "CaptureTable": "_table",
    "CartPanel": "_cart_panel",
    "Compare": "_compare",
    "CoverPanel": "_cover_panel",
    "FootprintMap": "_map",
    "Gallery": "_gallery",
    "OrderTracker": "_order_tracker",
    "Workbench": "_workbench",
}

__all__ = [
    "CaptureFilters",
    "CaptureMap",
    "CaptureTable",
    "CartPanel",
    "Compare",
    "CoverPanel",
    "FootprintMap",
    "Gallery",
    "OrderTracker",
    "Workbench",
]  # loaded on first use


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'scenecart.widgets' has no attribute {name!r}")
    try:
        return getattr(import_module(f"scenecart.widgets.{_MODULES[name]}"), name)
    except ModuleNotFoundError as error:
        if error.name is not None and error.name.startswith("scenecart"):
            raise
        raise missing_extra("Widgets need", error, "widgets") from error


def __dir__() -> list[str]:
    return __all__
