"""Defaults of a search in the Workbench: collections, and the last half year in which the host has captures."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import TYPE_CHECKING

from scenecart.widgets._bench.search_request import SearchRequest
from scenecart.widgets._facets import day_iso

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from scenecart.client import Client

HALF_YEAR = 182
_SANDBOX_COLLECTION = "aurora-50cm"
# days before today after which no older captures are looked for
_FARTHEST = 40 * 366
_PAGE = 500


def first_collections(host: str, collections: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Return the default collections: all of the host; of the sandbox's first host, the one with the most captures."""
    known = tuple(collections.get(host, ()))
    return (_SANDBOX_COLLECTION,) if _SANDBOX_COLLECTION in known else known


def last_half_year(client: Client, host: str, collections: Iterable[str], today: dt.date) -> tuple[str, str]:
    """Return the last half year in which a host has captures: the one that ends today, or an earlier one.

    Periods, each twice as long as the one before, are searched for one capture, then each half year of the period that has some.
    A host without captures gets the half year that ends today.
    """
    request = SearchRequest(host, tuple(collections))
    now = (today - dt.date(1970, 1, 1)).days
    back = HALF_YEAR
    if _newest(client, request, now - HALF_YEAR, now) is not None:
        return day_iso(now - HALF_YEAR), day_iso(now)
    while back < _FARTHEST:
        if _newest(client, request, now - 2 * back, now - back, limit=1) is not None:
            break
        back *= 2
    else:
        return day_iso(now - HALF_YEAR), day_iso(now)
    end = now - back
    while end > now - 2 * back:
        newest = _newest(client, request, end - HALF_YEAR, end)
        if newest is not None:
            return day_iso(newest - HALF_YEAR), day_iso(newest)
        end -= HALF_YEAR
    return day_iso(now - 2 * back), day_iso(now - 2 * back + HALF_YEAR)


def _newest(client: Client, request: SearchRequest, first: int, last: int, limit: int = _PAGE) -> int | None:
    """Return the day of the newest capture of a page of results; None without any."""
    found = client.search(request.host, **replace(request, dates=(day_iso(first), day_iso(last))).criteria, limit=limit)
    if not len(found) or "datetime" not in found.columns:
        return None
    newest = found["datetime"].max()
    return last if newest is None or newest != newest else int(newest.timestamp() // 86_400)  # noqa: PLR0124  # NaT
