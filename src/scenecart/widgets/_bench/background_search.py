"""Searches of the Workbench, in the background: earlier captures stay until new ones arrive."""

from __future__ import annotations

import datetime as dt
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from scenecart._captures.frame import concat
from scenecart.exceptions import InvalidQuery, ScenecartError
from scenecart.widgets._bench.relaxations import count_each, relaxations_of, relaxed
from scenecart.widgets._bench.search_defaults import HALF_YEAR, last_half_year
from scenecart.widgets._bench.search_request import SearchRequest
from scenecart.widgets._facets import day_iso, day_of
from scenecart.widgets._jobs import LOCK, synchronized
from scenecart.widgets._state import no_captures

if TYPE_CHECKING:
    from collections.abc import Callable

    import geopandas as gpd

    from scenecart.client import Client
    from scenecart.widgets._bench.relaxations import Relaxation
    from scenecart.widgets._jobs import Job, Runner
    from scenecart.widgets._state import CaptureState

_FIRST_BATCH = 500
_SEARCH, _DATES, _LIMITS = "search", "dates", "limits"


class BackgroundSearch:
    """The search to run, the one that ran last, and the one that is running.

    Parameters
    ----------
    client
        The connection to search with.
    state
        Receives the captures.
    runner
        Runs searches in the background.
    replace_captures
        Called with the first captures of a search, which replace the earlier ones.
    changed
        Called when anything that is displayed has changed.
    failed
        Called with an error; the second argument is True if the same search may succeed later.
    """

    def __init__(
        self,
        client: Client,
        state: CaptureState,
        runner: Runner,
        *,
        replace_captures: Callable[[gpd.GeoDataFrame], object],
        changed: Callable[[], object],
        failed: Callable[[Exception], object],
    ) -> None:
        self._client, self._state, self._runner = client, state, runner
        self._replace, self._changed, self._failed = replace_captures, changed, failed
        self.request = SearchRequest()
        self.searched: SearchRequest | None = None
        self.defaults: dict[tuple[str, tuple[str, ...]], tuple[str, str]] = {}
        self.collections: dict[str, list[str]] = {}
        self.limits: list[Relaxation] = []
        self.seconds: float | None = None
        self.finished: Callable[[], object] | None = None

    @property
    def dates(self) -> tuple[str, str]:
        """The dates to search: those of the request, or the last half year in which the host has captures."""
        if self.request.dates is not None:
            return self.request.dates
        today = (dt.datetime.now(dt.UTC).date() - dt.date(1970, 1, 1)).days
        return self.defaults.get(self._default_key(self.request), (day_iso(today - HALF_YEAR), day_iso(today)))

    @property
    def has_dates(self) -> bool:
        """Whether the dates are known: those of the request, or the last half year in which the host has captures."""
        return self.request.dates is not None or self._default_key(self.request) in self.defaults

    @property
    def is_searching(self) -> bool:
        """Whether captures are arriving."""
        return self._runner.is_busy(_SEARCH)

    @property
    def is_changed(self) -> bool:
        """Whether the request differs from what was searched for."""
        return self.searched is not None and replace(self.request, dates=self.dates) != self.searched

    @property
    def is_area_changed(self) -> bool:
        """Whether the area of the request differs from the one searched for."""
        return self.searched is not None and self.request.area != self.searched.area

    @synchronized
    def change(self, **changes: Any) -> None:
        """Change the request; nothing is searched yet."""
        self.request = replace(self.request, **changes)
        if "host" in changes or "collections" in changes:
            self.find_dates()
        self._changed()

    @synchronized
    def find_dates(self) -> None:
        """Find the last half year in which the host has captures, in the background."""
        request = self.request
        if request.host and self._default_key(request) not in self.defaults:
            self._runner.start(_DATES, lambda _: self._find(request), lambda _: self._changed(), lambda _: None)

    @synchronized
    def search(self, request: SearchRequest | None = None) -> None:
        """Search in the background; earlier captures stay until new ones arrive."""
        if request is not None:
            self.request = request
        if not self.request.host:
            raise InvalidQuery(
                "must be the name of a provider.",
                argument="host",
                code="host_missing",
                hint="Enter one, such as aurora. The service's documentation lists them.",
            )
        wanted = self.request
        for name in (_DATES, _LIMITS):
            self._runner.cancel(name)
        self.limits = []
        self._runner.start(_SEARCH, lambda job: self._receive(job, wanted), self._done, self._search_failed)
        self._changed()

    @synchronized
    def stop(self) -> None:
        """End the search, and keep what was found."""
        if self.is_searching:
            self._runner.cancel(_SEARCH)
            self._changed()

    @synchronized
    def relax(self, number: int) -> None:
        """Search without one of the limits that left no captures."""
        self.search(relaxed(self.request, self.limits[number]))

    def _default_key(self, request: SearchRequest) -> tuple[str, tuple[str, ...]]:
        return request.host, request.collections

    def _find(self, request: SearchRequest) -> tuple[str, str]:
        key = self._default_key(request)
        with LOCK:
            known = self.defaults.get(key)
        if known is None:
            known = last_half_year(self._client, request.host, request.collections, dt.datetime.now(dt.UTC).date())
            with LOCK:
                self.defaults[key] = known
        return known

    def _receive(self, job: Job, wanted: SearchRequest) -> tuple[SearchRequest, int, float]:
        """Search, and add captures as they arrive; each addition copies all captures, so batches grow with them."""
        begin = time.monotonic()
        request = wanted if wanted.dates is not None else replace(wanted, dates=self._find(wanted))
        waiting: list[gpd.GeoDataFrame] = []
        count = total = 0
        for frame in self._client.search_stream(request.host, batch_size=_FIRST_BATCH, **request.criteria):
            if job.cancelled.is_set():
                break
            waiting.append(frame)
            count += len(frame)
            if count >= max(_FIRST_BATCH, total // 2):
                total += self._add(job, request, waiting, is_first=not total)
                waiting, count = [], 0
        if waiting or not total:
            total += self._add(job, request, waiting, is_first=not total)
        return request, total, time.monotonic() - begin

    @synchronized
    def _add(self, job: Job, request: SearchRequest, frames: list[gpd.GeoDataFrame], *, is_first: bool) -> int:
        if job.cancelled.is_set():
            return 0
        found = concat(frames) if frames else no_captures()
        if is_first:
            self.searched = request
            self._state.aoi = request.area
            self._replace(found)
        else:
            self._state.add(found)
        return len(found)

    def _done(self, outcome: tuple[SearchRequest, int, float]) -> None:
        request, count, self.seconds = outcome
        self._changed()
        if self.finished is not None:
            self.finished()
        if not count:
            self._count_limits(request)

    def _search_failed(self, error: Exception) -> None:
        received = getattr(error, "captures", None) if isinstance(error, ScenecartError) else None
        if received is not None and len(received) > len(self._state.captures):
            self._replace(received)
        self._failed(error)
        self._changed()

    def _count_limits(self, request: SearchRequest) -> None:
        """Count what the search would find without each limit, so that one click can remove one."""
        self.limits = relaxations_of(request, self.collections.get(request.host, []))
        self._changed()

        def show(number: int, limit: Relaxation) -> None:
            with LOCK:
                if number < len(self.limits) and self.searched == request:
                    self.limits[number] = limit
                    self._changed()

        def work(job: Job) -> None:
            count_each(self._client, request, list(self.limits), show, job.cancelled.is_set)

        self._runner.start(_LIMITS, work, lambda _: None, lambda _: None)

    def date_filter(self, dates: tuple[str, str]) -> list[str] | None:
        """Return the filter by which dates within those searched for are shown without another search; None if they are not."""
        if self.searched is None or self.searched.dates is None or self.is_area_changed:
            return None
        first, last = (day_of(day) for day in self.searched.dates)
        return list(dates) if first <= day_of(dates[0]) and day_of(dates[1]) <= last else None
