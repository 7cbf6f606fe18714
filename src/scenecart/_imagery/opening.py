"""Opens raster files without reading other files or URLs to which they refer."""

from __future__ import annotations

import contextlib
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import rasterio
from rasterio._err import CPLE_BaseError  # GDAL's own errors, which rasterio lets through
from rasterio.errors import NotGeoreferencedWarning, RasterioError

from scenecart._imagery.ranges import RangeReader
from scenecart._util.text import clean_text
from scenecart.exceptions import InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

# do not read sidecar files (.ovr, .msk, .aux.xml), which may refer to any other file or URL
_SETTINGS = {"GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR", "GDAL_PAM_ENABLED": "NO"}
# GDAL finds a driver by the content of a file, a VRT that names other files too; by its first bytes only these are allowed
_DRIVERS = {
    b"II*\0": "GTiff",
    b"MM\0*": "GTiff",
    b"II+\0": "GTiff",
    b"MM\0+": "GTiff",
    b"\0\0\0\x0cjP  ": "JP2OpenJPEG",
    b"\xffO\xffQ": "JP2OpenJPEG",
    b"\x89PNG": "PNG",
    b"\xff\xd8\xff": "JPEG",
}
_HINT = "Choose a GeoTIFF, a COG or a JPEG 2000 file."
# coordinates of any CRS of the Earth are smaller, and pixels larger, in whatever unit
_FURTHEST, _SMALLEST = 1e12, 1e-9
# bytes of one decoded tile or strip, which may be huge in a small file
_MAX_BLOCK_BYTES = 512 * 2**20


@contextlib.contextmanager
def opened_raster(source: Path | RangeReader, *, level: int = -1) -> Iterator[Any]:
    """Open a raster, as a rasterio dataset that is read and closed in this thread.

    Parameters
    ----------
    source
        A file, or a reader of the remote file.
    level
        The overview to read, from 0; -1 reads the raster itself.

    Raises
    ------
    InvalidRequest
        If the file is not a raster in an allowed format, or refers to other files.
    ScenecartError
        If a remote file cannot be read.
    """
    name = source.name
    options: dict[str, Any] = {"driver": _driver(source), "sharing": False}
    if level >= 0:
        options["overview_level"] = level
    where: dict[str, Any] = source.opening() if isinstance(source, RangeReader) else {"fp": source}
    try:
        with contextlib.ExitStack() as stack:
            stack.enter_context(rasterio.Env(**_SETTINGS))
            stack.enter_context(_without_transform_warning())
            dataset = stack.enter_context(rasterio.open(**where, **options))
            if level < 0:
                _check(dataset, name)
            yield dataset
    except (RasterioError, CPLE_BaseError, OSError, UnicodeDecodeError) as error:
        _raise_unfetched(where)
        raise InvalidRequest(
            f"{_shown(name)} cannot be read: it is damaged, or not a raster.", code="raster_unreadable", hint=_HINT
        ) from error
    # uncompressed pixels would be read as zeros
    _raise_unfetched(where)


def _raise_unfetched(where: dict[str, Any]) -> None:
    """Raise the reason why a part of a remote file was not fetched."""
    if "opener" in where and where["opener"].error is not None:
        raise where["opener"].error from None


def is_usable_transform(matrix: NDArray[np.float64]) -> bool:
    """Return whether a 3 × 3 matrix maps pixels to coordinates on the Earth, and gives them a size above 0."""
    size = abs(matrix[0, 0] * matrix[1, 1] - matrix[0, 1] * matrix[1, 0]) if (np.abs(matrix) < _FURTHEST).all() else 0.0
    return bool(size > _SMALLEST**2) and bool((np.hypot(*matrix[:2, :2]) > _SMALLEST).all())


@contextlib.contextmanager
def _without_transform_warning() -> Iterator[None]:
    """Ignore rasterio's warning about rasters without a transform, which are reported by their missing CRS."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        yield


def _driver(source: Path | RangeReader) -> str:
    try:
        if isinstance(source, RangeReader):
            head = source.read(0, 12)
        else:
            with source.open("rb") as file:
                head = file.read(12)
    except OSError as error:
        raise InvalidRequest(
            f"{_shown(source.name)} cannot be opened ({error.strerror or type(error).__name__}).",
            code="raster_file_missing",
            hint="Check the path.",
        ) from None
    driver = next((driver for signature, driver in _DRIVERS.items() if head.startswith(signature)), None)
    if driver is None:
        raise InvalidRequest(f"{_shown(source.name)} is not a raster.", code="raster_format", hint=_HINT)
    return driver


def _check(dataset: Any, name: str) -> None:
    if dataset.tags(ns="OVERVIEWS"):
        # GDAL follows it to any file or URL, whatever the driver
        raise InvalidRequest(
            f"{_shown(name)} refers to another file. It was not opened.", code="raster_refers_elsewhere", hint=_HINT
        )
    rows, columns = max(dataset.block_shapes, key=lambda shape: shape[0] * shape[1])
    depth = max(np.dtype(kind).itemsize for kind in dataset.dtypes)
    if rows * columns * depth * dataset.count > _MAX_BLOCK_BYTES:
        raise InvalidRequest(
            f"{_shown(name)} is not tiled: reading any part of it needs too much memory.",
            code="raster_block_too_large",
            hint="Convert it to a COG, such as with gdal_translate -of COG.",
        )


def _shown(name: str) -> str:
    return clean_text(name, 120)
