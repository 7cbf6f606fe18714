"""Search, price, buy and receive archive satellite imagery from a notebook.

Examples
--------
>>> import scenecart
>>> client = scenecart.connect("sandbox")
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from scenecart._util.collector import collector_paused
from scenecart._version import __version__

if TYPE_CHECKING:
    from scenecart import report, sandbox
    from scenecart._api.limits import Limits
    from scenecart._api.retry import Retry
    from scenecart._captures.capture_files import read_captures
    from scenecart._captures.filter import coverage, filter  # noqa: A004  # the verb that analysts look for
    from scenecart._captures.frame import assets
    from scenecart._captures.parquet import to_items
    from scenecart._captures.stac_collections import collections
    from scenecart._captures.stac_search import search_stac
    from scenecart._captures.thumbnails import quicklook
    from scenecart._captures.timeline import timeline
    from scenecart._cart.cart import Cart
    from scenecart._cart.estimate import Estimate
    from scenecart._cart.files import load_cart
    from scenecart._cover.plan import CoverPlan
    from scenecart._delivery.cloud_over import cloud_over
    from scenecart._delivery.opened import Delivery, open_delivery
    from scenecart._geo.area import Area, read_area
    from scenecart._office.approvals import approve
    from scenecart._office.signing import new_approver_key
    from scenecart._office.spending import Spending
    from scenecart._orders.order import Order
    from scenecart._orders.wait import wait_all
    from scenecart._util.progress import SearchEvent
    from scenecart._watch.watch import Watch
    from scenecart.client import Client
    from scenecart.connection import connect
    from scenecart.exceptions import (
        AlreadyOwned,
        AuthenticationError,
        AuthenticationRequired,
        BadRequest,
        CardDeclined,
        ConfigurationError,
        Conflict,
        ConnectionFailed,
        DownloadError,
        EstimateIncomplete,
        FailedFile,
        Gone,
        InsufficientCredits,
        InvalidArea,
        InvalidCart,
        InvalidQuery,
        InvalidRequest,
        JournalError,
        MissingExtra,
        NoPaymentMethod,
        NotApproved,
        NotFound,
        OrderCancelled,
        OrderFailed,
        OverBudget,
        OverLimit,
        PaymentRequired,
        PermissionDenied,
        PlacementError,
        PlacementUnknown,
        PriceChanged,
        RateLimited,
        RequestTimeout,
        ScenecartError,
        ScenecartWarning,
        ServiceError,
        UnknownKeyword,
        UntrustedEstimate,
        WaitTimeout,
        WatchError,
    )
    from scenecart.report import compare_report
    from scenecart.report._export import export

# The module of each public name that is not an error. A name loads on first use, so `import scenecart` stays light.
_MODULES = {
    "Area": "_geo.area",
    "Cart": "_cart.cart",
    "Client": "client",
    "CoverPlan": "_cover.plan",
    "Delivery": "_delivery.opened",
    "Estimate": "_cart.estimate",
    "Limits": "_api.limits",
    "Order": "_orders.order",
    "Retry": "_api.retry",
    "SearchEvent": "_util.progress",
    "Spending": "_office.spending",
    "Watch": "_watch.watch",
    "approve": "_office.approvals",
    "assets": "_captures.frame",
    "cloud_over": "_delivery.cloud_over",
    "collections": "_captures.stac_collections",
    "compare_report": "report",
    "connect": "connection",
    "coverage": "_captures.filter",
    "export": "report._export",
    "filter": "_captures.filter",
    "load_cart": "_cart.files",
    "new_approver_key": "_office.signing",
    "open_delivery": "_delivery.opened",
    "quicklook": "_captures.thumbnails",
    "read_area": "_geo.area",
    "read_captures": "_captures.capture_files",
    "search_stac": "_captures.stac_search",
    "timeline": "_captures.timeline",
    "to_items": "_captures.parquet",
    "wait_all": "_orders.wait",
}
_SUBMODULES = ("report", "sandbox", "widgets")

__all__ = [
    "AlreadyOwned",
    "Area",
    "AuthenticationError",
    "AuthenticationRequired",
    "BadRequest",
    "CardDeclined",
    "Cart",
    "Client",
    "ConfigurationError",
    "Conflict",
    "ConnectionFailed",
    "CoverPlan",
    "Delivery",
    "DownloadError",
    "Estimate",
    "EstimateIncomplete",
    "FailedFile",
    "Gone",
    "InsufficientCredits",
    "InvalidArea",
    "InvalidCart",
    "InvalidQuery",
    "InvalidRequest",
    "JournalError",
    "Limits",
    "MissingExtra",
    "NoPaymentMethod",
    "NotApproved",
    "NotFound",
    "Order",
    "OrderCancelled",
    "OrderFailed",
    "OverBudget",
    "OverLimit",
    "PaymentRequired",
    "PermissionDenied",
    "PlacementError",
    "PlacementUnknown",
    "PriceChanged",
    "RateLimited",
    "RequestTimeout",
    "Retry",
    "ScenecartError",
    "ScenecartWarning",
    "SearchEvent",
    "ServiceError",
    "Spending",
    "UnknownKeyword",
    "UntrustedEstimate",
    "WaitTimeout",
    "Watch",
    "WatchError",
    "__version__",
    "approve",
    "assets",
    "cloud_over",
    "collections",
    "compare_report",
    "connect",
    "coverage",
    "export",
    "filter",
    "load_cart",
    "new_approver_key",
    "open_delivery",
    "quicklook",
    "read_area",
    "read_captures",
    "report",
    "sandbox",
    "search_stac",
    "timeline",
    "to_items",
    "wait_all",
    "widgets",
]


def __getattr__(name: str) -> Any:
    if name in _SUBMODULES:
        return _load_submodule(name)
    if name in __all__:
        # in a process with geopandas, the collector takes a twentieth of the time of these imports
        with collector_paused():
            value = getattr(importlib.import_module(f"scenecart.{_MODULES.get(name, 'exceptions')}"), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'scenecart' has no attribute {name!r}", name=name, obj=importlib.import_module(__name__))


def __dir__() -> list[str]:
    return sorted(__all__)


def _load_submodule(name: str) -> Any:
    try:
        return importlib.import_module(f"scenecart.{name}")
    except ModuleNotFoundError as error:
        if error.name is not None and error.name.startswith("scenecart"):
            raise
        from scenecart.exceptions import missing_extra  # noqa: PLC0415  # an error path

        raise missing_extra(f"scenecart.{name} needs", error, name) from error
