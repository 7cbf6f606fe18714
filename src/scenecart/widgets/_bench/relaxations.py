"""Suggestions for a search that found nothing: what it would find with wider dates, or in other collections."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from scenecart._util.text import clean_text
from scenecart.exceptions import ScenecartError
from scenecart.widgets._bench.search_request import days_text
from scenecart.widgets._facets import day_iso, day_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from scenecart.client import Client
    from scenecart.widgets._bench.search_request import SearchRequest

_PAGE = 500
# by how many days the dates are widened on each side, one after the other
_WIDER_DAYS = (7, 30, 91, 366, 3_660)


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
        The dates or the collection to search instead.
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


def relaxations_state(limits: list[Relaxation]) -> list[dict[str, Any]]:
    """Return the limits as the page draws them; the first one that helps has the main button."""
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


def count_of(client: Client, request: SearchRequest) -> tuple[int, bool]:
    """Return how many captures the first page of a search has, and whether there may be more."""
    found = client.search(request.host, **request.criteria, limit=_PAGE)
    return len(found), len(found) >= _PAGE


def relaxations_of(request: SearchRequest, collections: Iterable[str]) -> list[Relaxation]:
    """Return the limits that a search without results could drop: its dates, or its choice of collections."""
    limits = [Relaxation("dates", "The dates leave none over", "Widen the dates", request.dates)]
    others = [name for name in collections if name not in request.collections]
    limits += [
        Relaxation("collection", f"Another collection, {clean_text(name, 40)}", f"Add {clean_text(name, 40)}", name)
        for name in others[:4]
    ]
    return limits


def widened(client: Client, request: SearchRequest) -> tuple[tuple[str, str], int, bool] | None:
    """Return the narrowest of the wider dates that find captures, how many, and whether there may be more; None if none does."""
    if request.dates is None:
        return None
    first, last = (day_of(day) for day in request.dates)
    for days in _WIDER_DAYS:
        dates = day_iso(first - days), day_iso(last + days)
        found, is_least = count_of(client, replace(request, dates=dates))
        if found:
            return dates, found, is_least
    return None


def relaxed(request: SearchRequest, limit: Relaxation) -> SearchRequest:
    """Return a search without one of its limits."""
    if limit.kind == "dates":
        return replace(request, dates=limit.value)
    return replace(request, collections=(*request.collections, str(limit.value)))


def count_each(
    client: Client,
    request: SearchRequest,
    limits: list[Relaxation],
    found: Callable[[int, Relaxation], object],
    is_over: Callable[[], bool],
) -> None:
    """Count what a search would find without each limit, and call ``found`` with each count as soon as it is known."""
    for number, limit in enumerate(limits):
        if is_over():
            return
        try:
            if limit.kind == "dates":
                wider = widened(client, request)
                if wider is None:
                    found(number, replace(limit, count=0))
                else:
                    dates, count, is_least = wider
                    found(number, replace(limit, label=f"Widen to {_short(dates)}", value=dates, count=count, is_least=is_least))
            else:
                count, is_least = count_of(client, replace(request, collections=(str(limit.value),)))
                found(number, replace(limit, count=count, is_least=is_least))
        except ScenecartError:
            # a suggestion that cannot be counted is not made
            found(number, replace(limit, count=0))


def _short(dates: tuple[str, str]) -> str:
    return days_text(*dates).rsplit(" ", 1)[0] if dates[0][:4] == dates[1][:4] else days_text(*dates)
