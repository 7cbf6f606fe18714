"""Keywords that are handed on: an unknown one is refused with the nearest known name."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import pytest

import scenecart
from _expect import raises
from scenecart import widgets
from scenecart._util.keywords import checked_keywords

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def _build(*, max_cloud_cover: float | None = None, limit: int | None = None) -> tuple[float | None, int | None]:
    return max_cloud_cover, limit


@checked_keywords(also=_build, without=("limit",), elsewhere={"area": "Did you mean 'aoi'?"})
def _search(host: str, /, *, progress: bool = False, **criteria: Any) -> Any:
    """Search a host."""
    return host, progress, _build(**criteria)


def test_checked_function_keeps_its_behaviour_and_signature():
    """The function works, and is described to readers, as before."""
    assert _search("a", progress=True, max_cloud_cover=20) == ("a", True, (20, None))
    assert _search.__doc__ == "Search a host."
    assert list(inspect.signature(_search).parameters) == ["host", "progress", "criteria"]


@pytest.mark.parametrize(
    ("keyword", "hint"),
    [
        ("max_cloud_covr", "Did you mean 'max_cloud_cover'?"),
        ("progres", "Did you mean 'progress'?"),
        ("area", "Did you mean 'aoi'?"),
        ("host", None),
        ("limit", None),
        ("x", None),
    ],
)
def test_unknown_keyword_is_refused_with_the_nearest(keyword: str, hint: str | None):
    """A keyword of neither function is refused before anything is done, also as Python's TypeError."""
    with raises(scenecart.UnknownKeyword, "keyword_unknown") as caught:
        _search("a", **{keyword: None})
    assert isinstance(caught.value, TypeError)
    assert caught.value.details == {"keyword": keyword}
    assert caught.value.hint == hint or (hint is None and "max_cloud_cover" in caught.value.hint)


def _handing_on() -> Iterator[tuple[str, Callable[..., object]]]:
    """Yield the public functions and methods with ``**keywords``."""
    things = {name: getattr(scenecart, name) for name in scenecart.__all__ if not name.startswith("__")}
    things |= {name: getattr(widgets, name) for name in widgets.__all__}
    for name, thing in things.items():
        kinds = (
            [kind for kind in inspect.getmro(thing) if kind.__module__.startswith("scenecart")] if inspect.isclass(thing) else []
        )
        own = {name: one for kind in reversed(kinds) for name, one in vars(kind).items()}
        for method, one in {"": thing}.items() if inspect.isfunction(thing) else own.items():
            function = getattr(one, "__func__", one)
            if not inspect.isfunction(function) or method.startswith("_"):
                continue
            if any(one.kind is one.VAR_KEYWORD for one in inspect.signature(function).parameters.values()):
                yield f"{name}.{method}".removesuffix("."), function


HANDING_ON = list(_handing_on())


def test_public_functions_hand_on_keywords():
    """Searches and connections hand on keywords, so the next test is about something."""
    assert {"Client.search_stream", "Client.search_many", "connect"} <= {name for name, _ in HANDING_ON}


@pytest.mark.parametrize(("name", "function"), HANDING_ON)
def test_public_function_refuses_a_misspelled_keyword(name: str, function: Callable[..., object]):
    """A misspelled keyword is refused before anything is done."""
    with raises(scenecart.UnknownKeyword, "keyword_unknown") as caught:
        function(None, None, no_such_keyword=None)
    assert caught.value.message.startswith(f"{name.rpartition('.')[2]}() has no keyword 'no_such_keyword'")


@pytest.mark.parametrize(
    ("function", "keyword", "nearest"),
    [
        (scenecart.Client.search, "colections", "collections"),
        (scenecart.Client.cover, "min_covrage", "min_coverage"),
        (scenecart.filter, "cloud_covr", "cloud_cover"),
        (scenecart.search_stac, "colections", "collections"),
        (widgets.FootprintMap, "base_map", "basemap"),
        (widgets.CaptureMap, "base_map", "basemap"),
        (widgets.CaptureFilters, "area_aoi", "aoi"),
        (widgets.CaptureTable, "capture", "captures"),
        (widgets.CartPanel, "capture", "captures"),
        (widgets.CoverPanel, "pickr", "picker"),
        (widgets.OrderTracker, "directry", "directory"),
        (widgets.Workbench, "base_map", "basemap"),
    ],
)
def test_public_function_misspelled_keyword_suggests_the_nearest(function: Callable[..., object], keyword: str, nearest: str):
    """A misspelled keyword of searches, filters, plans and widgets is refused with the right one."""
    with raises(scenecart.UnknownKeyword, "keyword_unknown") as caught:
        function(None, **{keyword: None})
    assert caught.value.hint == f"Did you mean {nearest!r}?"


def test_search_criteria_are_checked_at_once(client: scenecart.Client):
    """Criteria of a stream, of files, of many areas and of a map are checked before anything is sent."""
    for search in (client.search_stream, widgets.CaptureMap.from_search, client.search_to_parquet):
        with raises(scenecart.UnknownKeyword, "keyword_unknown") as caught:
            search(client, "aurora", max_cloud_covr=20)
        assert "'max_cloud_cover'" in caught.value.hint
    with raises(scenecart.UnknownKeyword, "keyword_unknown"):
        client.search_many([], "aurora", bbox=(0, 0, 1, 1))


def test_setting_of_the_sandbox_is_refused_by_connect():
    """A setting of the sandbox is not one of the connection; the hint says whose it is."""
    with raises(scenecart.UnknownKeyword, "keyword_unknown") as caught:
        scenecart.connect("sandbox", items="found.parquet")
    assert "Sandbox(" in caught.value.hint
