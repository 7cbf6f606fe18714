"""Rasters as pictures: any part of the map, at any size, as RGBA in Web Mercator."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyproj
import shapely
from PIL import Image
from rasterio.enums import MaskFlags
from rasterio.transform import from_gcps
from rasterio.windows import Window

from scenecart._imagery.budget import unpacked_bytes
from scenecart._imagery.georeference import Georeference, georeference_by_matrix
from scenecart._imagery.mercator import HALF_WORLD, from_mercator
from scenecart._imagery.opening import is_usable_transform, opened_raster
from scenecart._util.style import COLOUR_SCALE
from scenecart._util.text import clean_text
from scenecart._util.validate import shown_value
from scenecart.exceptions import InvalidRequest

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from scenecart._imagery.ranges import RangeReader
    from scenecart._imagery.view import Bounds

STRETCHES = ("auto", "percentile", "none")
_PERCENTILES = (2.0, 98.0)
_SAMPLE_SIDE = 1_024
# an overview this much coarser than the screen still looks sharp, and a third of the pixels is read
_COARSER = 1.35
# from this magnification on, pixels are drawn as squares and not interpolated
_MAGNIFIED = 3.0
# pixels decoded for one picture: a view of all of a file without overviews reads the whole file
_MAX_DECODED = 120_000_000
_RADIUS_OF_EARTH = (6_300_000.0, 6_400_000.0)
_COLOURS = ("red", "green", "blue")
_RGB = 3
_WIDEST = 2.0
_LEAST_FILL = 0.01


@dataclass(frozen=True)
class Legend:
    """The legend of a single band.

    Attributes
    ----------
    low, high : str
        The values at the ends of the colour scale, in the unit of the band.
    colours : tuple of str
        The colours from low to high, as ``"#rrggbb"``.
    """

    low: str
    high: str
    colours: tuple[str, ...]


class RasterPicture:
    """A raster that is drawn as a picture; thread-safe.

    The raster is opened, read and closed for each picture. Transparent are alpha, masks, nodata, NaN, and pixels outside of it.

    Parameters
    ----------
    source
        A file, or the reader of a remote one.
    bands
        One band (drawn with a colour scale) or three (red, green, blue), by number from 1 or by name. Default: red, green and blue
        by their names, or the first three, or the first.
    stretch
        ``"auto"`` (8-bit bands as they are, others from the 2nd to the 98th percentile), ``"percentile"``, ``"none"``, or the
        values that become black and white: one pair, or one for each band.

    Raises
    ------
    InvalidRequest
        If the source is not a georeferenced raster, or does not have these bands.

    Attributes
    ----------
    bounds : tuple of float
        West, south, east and north in EPSG:3857 (metres); east is beyond the edge of the world across the antimeridian.
    bands : tuple of int
        The bands that are drawn.
    legend : Legend or None
        The legend, if a single band is drawn with the colour scale.
    """

    def __init__(self, source: Path | RangeReader, bands: Any = None, stretch: Any = "auto") -> None:
        self._source = source
        self.name = clean_text(source.name, 120)
        with opened_raster(source) as dataset:
            self._crs = _checked_crs(dataset, self.name)
            self._matrix = _matrix_of(dataset)
            self._size = (dataset.width, dataset.height)
            self._factors = tuple(dataset.overviews(1))
            self.bands = _chosen_bands(dataset, bands)
            self._mask = _mask_kind(dataset, self.bands)
            self._nodata = dataset.nodatavals[self.bands[0] - 1]
            self._table = _colour_table(dataset, self.bands)
            is_8_bit = all(dataset.dtypes[band - 1] == "uint8" for band in self.bands)
            scale, offset = dataset.scales[self.bands[0] - 1], dataset.offsets[self.bands[0] - 1]
        place = self._place(self._size, self._matrix) if is_usable_transform(self._matrix) else None
        if place is None:
            raise InvalidRequest(
                f"{self.name} has no place on the map: its coordinates are outside its CRS.", code="raster_outside_crs"
            )
        self.bounds: Bounds = place.bounds
        self._range = None if self._table is not None else self._stretch(stretch, is_8_bit=is_8_bit)
        self.legend = self._make_legend(scale, offset) if len(self.bands) < _RGB and self._table is None else None

    @property
    def degrees(self) -> Bounds:
        """West, south, east and north in degrees (EPSG:4326), east beyond 180 across the antimeridian."""
        (west, south), (east, north) = from_mercator(np.array([self.bounds[:2], self.bounds[2:]])).tolist()
        return west, south, east, north

    def draw(self, bounds: Bounds, width: int, height: int) -> NDArray[np.uint8]:
        """Return a part of the map as RGBA (rows, columns, 4).

        Parameters
        ----------
        bounds
            West, south, east and north in EPSG:3857 (metres).
        width, height
            Size of the picture in pixels.

        Raises
        ------
        InvalidRequest
            If the file is damaged, or has no overviews and is too large to be read completely.
        ScenecartError
            If a remote file cannot be read.
        """
        empty = np.zeros((height, width, 4), dtype=np.uint8)
        whole = self._place(self._size, self._matrix)
        if whole is None:
            return empty
        columns, rows = np.meshgrid(np.linspace(bounds[0], bounds[2], 9), np.linspace(bounds[1], bounds[3], 9))
        corners = whole.to_pixels(np.stack([columns.ravel(), rows.ravel()], 1))
        corners = corners[np.isfinite(corners).all(1)]
        if not len(corners):
            return empty
        span = np.clip(np.array([corners.min(0), corners.max(0)]), 0, self._size)
        wanted = max(float(np.ptp(corners[:, 0])) / width, float(np.ptp(corners[:, 1])) / height)
        level = max((place for place, factor in enumerate(self._factors) if factor <= wanted * _COARSER), default=-1)
        read = self._read(level, span, wanted)
        if read is None:
            return empty
        picture, place = read
        is_magnified = wanted * _MAGNIFIED < 1
        return np.asarray(place.warp(picture, bounds, width, height, smooth=not is_magnified))

    def _read(self, level: int, span: NDArray[np.float64], wanted: float) -> tuple[Image.Image, Georeference] | None:
        """Read a window of an overview, and return it as a picture with its georeference."""
        with opened_raster(self._source, level=level) as dataset:
            factor = np.array([self._size[0] / dataset.width, self._size[1] / dataset.height])
            low = np.maximum(np.floor(span[0] / factor) - 2, 0).astype(int)
            high = np.minimum(np.ceil(span[1] / factor) + 2, [dataset.width, dataset.height]).astype(int)
            size = high - low
            if (size <= 0).any():
                return None
            if int(size[0]) * int(size[1]) * len(self.bands) > _MAX_DECODED:
                raise InvalidRequest(
                    f"{self.name} has no overviews, so only small parts of it can be shown.",
                    code="raster_without_overviews",
                    hint="Zoom in, or convert it to a COG, such as with gdal_translate -of COG.",
                )
            # subsampled if no overview is coarse enough
            thin = max(1, int(wanted / float(factor.max()) / _WIDEST))
            shape = (max(1, int(size[1]) // thin), max(1, int(size[0]) // thin))
            window = Window(int(low[0]), int(low[1]), int(size[0]), int(size[1]))
            count = shape[0] * shape[1] * (len(self.bands) * np.dtype(dataset.dtypes[0]).itemsize + 8)
            with unpacked_bytes.taken(count):
                values = dataset.read(self.bands, window=window, out_shape=(len(self.bands), *shape))
                coloured = self._coloured(values, self._valid(dataset, values, window, shape))
        steps = factor * size / [shape[1], shape[0]]
        moved = np.array([[steps[0], 0, low[0] * factor[0]], [0, steps[1], low[1] * factor[1]], [0, 0, 1]])
        place = self._place((shape[1], shape[0]), self._matrix @ moved)
        return None if place is None else (coloured, place)

    def _valid(self, dataset: Any, values: NDArray[Any], window: Window, shape: tuple[int, int]) -> NDArray[np.bool_] | None:
        """Return a mask of valid pixels; None if all are valid."""
        valid: NDArray[np.bool_] | None = None
        if self._mask == "alpha":
            valid = dataset.read(dataset.count, window=window, out_shape=shape) > 0
        elif self._mask == "file":
            valid = dataset.read_masks(1, window=window, out_shape=shape) > 0
        elif self._mask == "nodata":
            valid = (values != self._nodata).any(0)
        if values.dtype.kind in "fc":
            finite = np.isfinite(values).all(0)
            valid = finite if valid is None else valid & finite
        return None if valid is None or valid.all() else valid

    def _coloured(self, values: NDArray[Any], valid: NDArray[np.bool_] | None) -> Image.Image:
        """Return values as a picture: RGBX instead of RGBA if all pixels are valid, because it is warped faster."""
        pixels = np.empty((*values.shape[1:], 4), dtype=np.uint8)
        pixels[..., 3] = 255 if valid is None else valid * np.uint8(255)
        if self._table is not None:
            table = self._table[np.clip(values[0], 0, len(self._table) - 1).astype(np.intp)]
            pixels[..., :3] = table[..., :3]
            pixels[..., 3] = np.minimum(pixels[..., 3], table[..., 3])
            return Image.fromarray(pixels)
        stretched = self._stretched(values)
        if len(stretched) < _RGB:
            pixels[..., :3] = _SCALE[stretched[0]]
        else:
            for band in range(_RGB):
                pixels[..., band] = stretched[band]
        return Image.fromarray(pixels) if valid is not None else Image.frombuffer("RGBX", pixels.shape[1::-1], pixels.tobytes())

    def _stretched(self, values: NDArray[Any]) -> NDArray[np.uint8]:
        if self._range is None:
            return np.asarray(values, dtype=np.uint8)
        low, high = (self._range[:, number, None, None].astype(np.float32) for number in (0, 1))
        scaled = np.nan_to_num(values.astype(np.float32) - low) * (255 / np.maximum(high - low, 1e-9))
        return np.asarray(np.clip(scaled, 0, 255, out=scaled), dtype=np.uint8)

    def _stretch(self, stretch: Any, *, is_8_bit: bool) -> NDArray[np.float64] | None:
        """Return the values that become black and white for each band; None to use values unchanged."""
        if isinstance(stretch, str):
            if stretch not in STRETCHES:
                raise _stretch_error(stretch)
            if stretch == "none" or (stretch == "auto" and is_8_bit and len(self.bands) == _RGB):
                return None if is_8_bit else np.array([[0.0, 255.0]] * len(self.bands))
            return self._percentiles()
        try:
            pairs = np.broadcast_to(np.asarray(stretch, dtype=float), (len(self.bands), 2))
        except (TypeError, ValueError):
            raise _stretch_error(stretch) from None
        if not np.isfinite(pairs).all() or (pairs[:, 0] >= pairs[:, 1]).any():
            raise _stretch_error(stretch)
        return np.array(pairs)

    def _percentiles(self) -> NDArray[np.float64]:
        """Return the 2nd and the 98th percentile of each band in a coarse overview, so that brightness is constant on the map."""
        longest = max(self._size)
        level = next(
            (place for place, factor in enumerate(self._factors) if longest / factor <= 2 * _SAMPLE_SIDE), len(self._factors) - 1
        )
        with opened_raster(self._source, level=level) as dataset:
            windows = _sample_windows(dataset, len(self.bands))
            parts, masks = [], []
            for window in windows:
                step = max(1, int(max(window.width, window.height) // _SAMPLE_SIDE))
                shape = (max(1, int(window.height) // step), max(1, int(window.width) // step))
                values = dataset.read(self.bands, window=window, out_shape=(len(self.bands), *shape))
                valid = self._valid(dataset, values, window, shape)
                parts.append(values.reshape(len(self.bands), -1))
                masks.append(np.ones(parts[-1].shape[1], dtype=bool) if valid is None else valid.ravel())
        values, valid = np.concatenate(parts, 1), np.concatenate(masks)
        if not self._mask and (values == 0).all(0).mean() > _LEAST_FILL:
            # fill that the file does not declare as nodata
            valid &= (values != 0).any(0)
        if not valid.any():
            return np.array([[0.0, 1.0]] * len(self.bands))
        pairs = np.array([np.percentile(band[valid].astype(float), _PERCENTILES) for band in values])
        # a band with a single value is drawn in the middle of the colour scale
        flat = pairs[:, 0] >= pairs[:, 1]
        pairs[flat] += [-1.0, 1.0]
        return pairs

    def _place(self, size: tuple[int, int], matrix: NDArray[Any]) -> Georeference | None:
        width, height = size
        frame = np.array([[0, 0], [width, 0], [width, height], [0, height], [0, 0]], dtype=float)
        outline = frame @ matrix[:2, :2].T + matrix[:2, 2]
        with contextlib.suppress(np.linalg.LinAlgError, shapely.errors.ShapelyError):
            place = georeference_by_matrix(size, self._crs, np.linalg.inv(matrix), outline, "georeference")
            west, south, east, north = place.bounds
            if 0 < east - west <= 2 * HALF_WORLD * (1 + 1e-9) and south < north and math.isfinite(west + east):
                return place
        return None

    def _make_legend(self, scale: float, offset: float) -> Legend:
        low, high = (0.0, 255.0) if self._range is None else (float(number) for number in self._range[0])
        return Legend(_number_text(low * scale + offset), _number_text(high * scale + offset), COLOUR_SCALE)


def _checked_crs(dataset: Any, name: str) -> str:
    """Return the CRS of a raster as text that PROJ reads; refuse a CRS of another planet."""
    crs = dataset.crs or (dataset.gcps[1] if dataset.gcps[0] else None)
    if crs is None:
        raise InvalidRequest(
            f"{name} has no CRS, so it has no place on the map.",
            code="raster_without_crs",
            hint="Give the file a CRS, such as with gdal_edit.",
        )
    try:
        parsed = pyproj.CRS.from_user_input(crs.to_wkt())
        ellipsoid = parsed.ellipsoid
    except pyproj.exceptions.CRSError:
        ellipsoid = None
    low, high = _RADIUS_OF_EARTH
    if ellipsoid is None or not low < ellipsoid.semi_major_metre < high:
        raise InvalidRequest(
            f"{name} is not on the Earth: its CRS is {clean_text(crs.to_string(), 80)}.", code="raster_not_on_earth"
        )
    code = crs.to_epsg()
    return crs.to_wkt() if code is None else f"EPSG:{code}"


def _matrix_of(dataset: Any) -> NDArray[np.float64]:
    """Return the transform from pixels to the CRS; from ground control points, the best fit."""
    points, _ = dataset.gcps
    transform = from_gcps(points) if points and dataset.transform.is_identity else dataset.transform
    return np.array(transform, dtype=float).reshape(3, 3)


def _chosen_bands(dataset: Any, bands: Any) -> tuple[int, ...]:
    names = _band_names(dataset)
    if bands is None:
        found = [names.index(colour) + 1 for colour in _COLOURS if colour in names]
        data = [number for number in range(1, dataset.count + 1) if names[number - 1] != "alpha"]
        if len(found) == _RGB:
            return tuple(found)
        return tuple(data[:_RGB]) if len(data) >= _RGB else (data[0] if data else 1,)
    given = [bands] if isinstance(bands, str) or not isinstance(bands, Iterable) else list(bands)
    chosen = []
    for band in given:
        number = names.index(band.lower()) + 1 if isinstance(band, str) and band.lower() in names else band
        if isinstance(number, bool) or not isinstance(number, int | np.integer) or not 1 <= number <= dataset.count:
            known = ", ".join(clean_text(name, 30) for name in names if name) or "no names"
            raise InvalidRequest(
                f"must be bands from 1 to {dataset.count} or their names ({known}), got {shown_value(band)}.",
                argument="bands",
                code="bands_unknown",
            )
        chosen.append(int(number))
    if len(chosen) not in {1, _RGB}:
        raise InvalidRequest(f"must be one band or three, got {len(chosen)}.", argument="bands", code="bands_count")
    return tuple(chosen)


def _band_names(dataset: Any) -> list[str]:
    """Return the name of each band in lower case: its description, or its colour."""
    names: Sequence[tuple[Any, Any]] = list(zip(dataset.descriptions, dataset.colorinterp, strict=True))
    colours = {*_COLOURS, "alpha"}
    return [(colour.name if colour.name in colours else str(text or "").strip().lower()) for text, colour in names]


def _mask_kind(dataset: Any, bands: tuple[int, ...]) -> str:
    flags = dataset.mask_flag_enums[bands[0] - 1]
    if MaskFlags.alpha in flags:
        return "alpha"
    if MaskFlags.per_dataset in flags:
        return "file"
    return "nodata" if MaskFlags.nodata in flags else ""


def _colour_table(dataset: Any, bands: tuple[int, ...]) -> NDArray[np.uint8] | None:
    """Return the colour table of a single band as RGBA; None if it has none."""
    if (
        len(bands) == _RGB
        or dataset.colorinterp[bands[0] - 1].name != "palette"
        or np.dtype(dataset.dtypes[bands[0] - 1]).kind != "u"
    ):
        return None
    try:
        entries = dataset.colormap(bands[0])
    except ValueError:
        return None
    table = np.zeros((max(entries) + 1, 4), dtype=np.uint8)
    for value, colour in entries.items():
        table[value] = colour
    return table


def _sample_windows(dataset: Any, bands: int) -> list[Window]:
    """Return the whole raster, or some of its blocks if it has no overviews and is large."""
    if dataset.width * dataset.height * bands <= _MAX_DECODED:
        return [Window(0, 0, dataset.width, dataset.height)]
    rows, columns = dataset.block_shapes[0]
    down, across = max(1, dataset.height // rows), max(1, dataset.width // columns)
    chosen = np.unique(np.linspace(0, down * across - 1, 16).astype(int))
    return [Window(int(one % across) * columns, int(one // across) * rows, columns, rows) for one in chosen]


def _number_text(value: float) -> str:
    """Return a number with four digits.

    Examples
    --------
    >>> _number_text(0.123456), _number_text(23888.4)
    ('0.1235', '23,888')
    """
    return f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:.4g}"  # noqa: PLR2004  # four digits


def _stretch_error(stretch: Any) -> InvalidRequest:
    choices = ", ".join(map(repr, STRETCHES))
    return InvalidRequest(
        f"must be {choices}, or values (low, high) with low below high, got {shown_value(stretch)}.",
        argument="stretch",
        code="stretch_invalid",
    )


def _interpolated(colours: Sequence[str]) -> NDArray[np.uint8]:
    """Return 256 colours interpolated between the given ones."""
    stops = np.array([[int(colour[place : place + 2], 16) for place in (1, 3, 5)] for colour in colours])
    places = np.linspace(0, 255, len(stops))
    return np.stack([np.interp(np.arange(256), places, stops[:, channel]) for channel in range(3)], 1).round().astype(np.uint8)


_SCALE = _interpolated(COLOUR_SCALE)
