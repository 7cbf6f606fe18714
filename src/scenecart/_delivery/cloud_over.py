"""Cloud cover of an area: the provider's figure, the delivered mask, or an estimate from the quicklook."""

from __future__ import annotations

import contextlib
import math
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from scenecart._captures.area_cloud import COLUMNS, note_area, stated_cloud
from scenecart._captures.filter import check_frame, numbers_of
from scenecart._captures.properties import AREA_CLOUD_NOTE, CLOUD_COVER, ESTIMATE, MASK
from scenecart._captures.search_many import check_executor
from scenecart._captures.thumbnails import quicklook as own_quicklook
from scenecart._delivery.cloud_masks import cloud_in_masks, masks_in
from scenecart._geo.area import as_area
from scenecart._util.files import as_path
from scenecart._util.keywords import checked_keywords
from scenecart._util.progress import bar
from scenecart._util.text import clean_text, pluralize
from scenecart._util.threads import map_in_threads
from scenecart._util.validate import shown_value
from scenecart.exceptions import InvalidQuery, ScenecartError, warn

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Mapping
    from concurrent.futures import Executor
    from pathlib import Path

    import geopandas as gpd
    import pandas as pd

    from scenecart._geo.area import Area

    # percent, source, note
    Finding = tuple[float, str | None, str]
    Advance = Callable[[int, int], object]

_WORKERS = 6
# after this many consecutive failures, the service or the network is considered down
_MOST_FAILURES = 6
_NO_PICTURE = "The catalog has no quicklook of this capture."
_NO_SCENE = "No estimate: the catalog does not state the cloud cover of the whole capture."


class QuicklookClient(Protocol):
    """The part of a client that is needed here: quicklooks, and the folders of deliveries."""

    @property
    def imagery_folders(self) -> list[Path]:
        """The folders of deliveries."""

    def quicklook(self, capture: Mapping[str, Any] | pd.Series[Any], size: str = "thumbnail") -> bytes | None:
        """Return a quicklook."""


@checked_keywords()
def cloud_over(
    captures: gpd.GeoDataFrame,
    aoi: Any,
    *,
    client: QuicklookClient | None,
    deliveries: str | os.PathLike[str] | Iterable[str | os.PathLike[str]] | None = None,
    executor: Executor | None = None,
    progress: bool | Callable[[int, int], object] = True,
) -> gpd.GeoDataFrame:
    """Return captures with the cloud over an area, in percent of the part of the area that each shows. Nothing is bought.

    The provider's figure comes first, then the cloud mask of a delivery, then an estimate from the quicklook: the share of the
    scene that the catalog states as cloud (``eo:cloud_cover``) is taken from its brightest pixels, and counted inside the area. The
    estimate is as accurate as that figure. Where bright surfaces, such as snow or ice, look like cloud, there is no estimate.

    Parameters
    ----------
    captures
        Rows of a search result, in any CRS; without a CRS, they are read as EPSG:4326. They are not changed.
    aoi
        The area, in any format that ``search`` accepts.
    client
        The connection that fetches quicklooks; None for captures of open catalogs, whose items link to theirs.
    deliveries
        Folders that orders were downloaded to, whose cloud masks are used. Folders that the client knows are used as well.
    executor
        A ``concurrent.futures.Executor``, such as ``dask.distributed.Client().get_executor()``, on which estimates are computed.
        Quicklooks are fetched, and cloud masks read, by threads of this process.
    progress
        True (default) shows a progress bar; a callable is called with how many captures are done, and how many there are.

    Returns
    -------
    geopandas.GeoDataFrame
        The same captures with ``aoi:cloud_cover`` (0 to 100, NaN if it is not known), ``aoi:cloud_source`` (``"provider"``,
        ``"udm"``, ``"estimate"`` or missing) and ``aoi:cloud_note`` (how it was determined, or why it is not known). The provider's
        fields are ``aoi:cloud_cover``, ``aoi:cloud_free_percentage`` and ``cloud_cover_percentage_of_aoi``, all for the area that
        was searched, and ``eo:cloud_cover`` of a capture that is entirely inside the area.

    Raises
    ------
    InvalidArea, InvalidQuery
        If an argument is invalid. A quicklook that cannot be fetched or used is not an error; the note gives the reason.

    Examples
    --------
    >>> import scenecart
    >>> client = scenecart.connect("sandbox")
    >>> harbour = (151.19, -33.9, 151.24, -33.85)
    >>> captures = client.search("aurora", collections="aurora-50cm", aoi=harbour, datetime="2024-01/2024-06")
    >>> captures = scenecart.cloud_over(captures, harbour, client=client, progress=False)
    >>> captures["aoi:cloud_source"].unique().tolist()
    ['estimate']
    >>> clear = scenecart.filter(captures, aoi_cloud_cover=20)
    """
    check_frame(captures)
    check_executor(executor)
    area = as_area(aoi)
    folders = [*_folders(deliveries), *(client.imagery_folders if client is not None else [])]
    result = captures.drop(columns=[name for name in COLUMNS if name in captures.columns])
    frame = captures.set_crs(4326) if captures.crs is None else captures.to_crs(4326)
    found = stated_cloud(frame, area)
    masks = masks_in(dict.fromkeys(folders))
    with _advance(progress) as advance:
        _Finder(frame, area, client, masks, executor, advance).fill(found)
    for name in COLUMNS:
        result[name] = found[name].to_numpy()
    result.attrs = dict(captures.attrs)
    note_area(result, area)
    return result


def _folders(deliveries: Any) -> list[Path]:
    if deliveries is None:
        return []
    is_one = isinstance(deliveries, str) or hasattr(deliveries, "__fspath__") or not isinstance(deliveries, Iterable)
    return [as_path(one, "deliveries") for one in ([deliveries] if is_one else deliveries)]


@contextlib.contextmanager
def _advance(progress: Any) -> Iterator[Advance | None]:
    if callable(progress):
        yield progress
    elif not isinstance(progress, bool):
        raise InvalidQuery(
            f"must be True, False or a callable, got {shown_value(progress)}.", argument="progress", code="progress_invalid"
        )
    elif not progress:
        yield None
    else:
        with bar("Cloud over the area", unit="state") as shown:
            yield lambda done, total: shown.show(done, total=total)


@dataclass
class _Finder:
    """Determines the cloud cover of an area for each capture for which the catalog does not state it."""

    frame: gpd.GeoDataFrame
    area: Area
    client: QuicklookClient | None
    masks: Mapping[str, list[tuple[Path, Mapping[str, Any]]]]
    executor: Executor | None
    advance: Advance | None

    def __post_init__(self) -> None:
        self._scene = numbers_of(self.frame, CLOUD_COVER)
        self._is_stopped = threading.Event()
        self._lock = threading.Lock()
        self._done = self._failed = self._failed_in_a_row = 0
        self._failure = ""

    def fill(self, found: pd.DataFrame) -> None:
        """Fill the rows of the columns that are missing."""
        rows = [row for row, is_open in enumerate(found[AREA_CLOUD_NOTE].isna()) if is_open]
        self._report(len(rows), 0)
        # pandas objects are not safe to use from several threads
        items = [(self.frame.iloc[row], float(self._scene[row])) for row in rows]
        results = map_in_threads(lambda item: self._find(*item, len(rows)), items, _WORKERS, cancel=self._is_stopped.set)
        for number, name in enumerate(COLUMNS):
            values = found[name].to_numpy(copy=True)
            values[rows] = [result[number] for result in results]
            found[name] = values
        if self._failed:
            warn(
                f"{pluralize(self._failed, 'quicklook')} could not be fetched. The cloud over the area is missing: {self._failure}",
                code="area_cloud_incomplete",
                hint="Try again in a moment; pictures that were fetched are kept.",
            )

    def _find(self, capture: pd.Series[Any], scene: float, total: int) -> Finding:
        try:
            return self._from_mask(capture) or self._from_picture(capture, scene)
        finally:
            self._report(total, 1)

    def _report(self, total: int, more: int) -> None:
        with self._lock:
            self._done += more
            if self.advance is not None:
                self.advance(self._done, total)

    def _from_mask(self, capture: pd.Series[Any]) -> Finding | None:
        masks = self.masks.get(str(capture.get("id")))
        percent = None if masks is None else cloud_in_masks(masks, self.area.geometry)
        return None if percent is None else (round(percent, 1), MASK, "From the delivered cloud mask.")

    def _from_picture(self, capture: pd.Series[Any], scene: float) -> Finding:
        from scenecart._imagery.cloud import FULL, estimate_cloud  # noqa: PLC0415  # Pillow is slow to import

        if not 0 <= scene <= FULL:
            return math.nan, None, _NO_SCENE
        if scene in {0.0, FULL}:
            return scene, ESTIMATE, f"The whole capture has {scene:.0f} % cloud."
        found, reason = None, _NO_PICTURE
        for size in ("thumbnail", "large"):
            content, failure = self._fetched(capture, size)
            if content is None:
                reason = failure or reason
                break
            given = (content, capture, self.area.geometry, scene)
            found = estimate_cloud(*given) if self.executor is None else self.executor.submit(estimate_cloud, *given).result()
            reason = found.reason
            if not found.is_too_small:
                break
        if found is None or found.reason:
            return math.nan, None, reason
        return found.percent, ESTIMATE, f"Estimated: the brightest {scene:.3g} % of the quicklook, counted inside the area."

    def _fetched(self, capture: pd.Series[Any], size: str) -> tuple[bytes | None, str]:
        """Return a quicklook, or None with the reason."""
        if self._is_stopped.is_set() or self._failed_in_a_row >= _MOST_FAILURES:
            with self._lock:
                self._failed += 1
            return None, self._failure
        try:
            content = own_quicklook(capture) if self.client is None else self.client.quicklook(capture, size)
        except ScenecartError as error:
            with self._lock:
                self._failed, self._failed_in_a_row = self._failed + 1, self._failed_in_a_row + 1
                self._failure = clean_text(error.message, 200)
            return None, f"Its quicklook cannot be fetched: {clean_text(error.message, 200)}"
        self._failed_in_a_row = 0
        return content, ""


cloud_over.__module__ = "scenecart"
