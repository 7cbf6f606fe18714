"""The files of a delivery: a visual, an analytic raster and a cloud mask as cloud-optimized GeoTIFFs, and a thumbnail."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from rasterio import Affine
from rasterio.io import MemoryFile
from rasterio.shutil import copy as copy_raster

from scenecart.sandbox._data.drawing import drawn_once
from scenecart.sandbox._data.ground import BANDS
from scenecart.sandbox._data.imagery import OFFSET, SCALE, Grid, Scene, as_colours, encoded, environment, look

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry

    from scenecart.sandbox._data.imagery import Picture

VISUAL_BANDS = ("red", "green", "blue", "alpha")
THUMBNAIL_SIDE = 256
# values of the mask
NO_DATA, CLEAR, CLOUD = 0, 1, 2
# pixels of the longer side of one delivered raster, and of all rasters of an order together
_MOST_SIDE, _LEAST_SIDE, _MOST_OF_ORDER = 1_024, 192, 8_000_000
_METRES_PER_DEGREE = 111_320.0
# an extent without width or height has one pixel
_LEAST_METRES = 1.0


def plan_grid(crs: str, projected: BaseGeometry, gsd: float | None, *, captures: int = 1) -> Grid:
    """Choose the pixels of a delivery: as fine as the sensor's, up to a bound, and on multiples of their size.

    Parameters
    ----------
    crs, projected
        The purchased area in the coordinates of the delivery.
    gsd
        Size of the sensor's pixels on the ground in metres; None if it is unknown.
    captures
        How many captures the order has. Large orders get fewer pixels each.
    """
    most = min(_MOST_SIDE, max(_LEAST_SIDE, math.sqrt(_MOST_OF_ORDER / captures)))
    west, south, east, north = projected.bounds
    metres = _METRES_PER_DEGREE if crs == "EPSG:4326" else 1.0
    native = _rounded(gsd, 1, round) / metres if gsd else 0.0
    size = max(native, _rounded(max(east - west, north - south, _LEAST_METRES / metres) / most, 2, math.ceil))
    left, top = math.floor(west / size), math.ceil(north / size)
    width, height = max(1, math.ceil(east / size) - left), max(1, top - math.floor(south / size))
    return Grid(crs, Affine(size, 0.0, left * size, 0.0, -size, top * size), height, width)


@drawn_once(8)
def files(scene: Scene, projected: BaseGeometry, grid: Grid) -> dict[str, bytes]:
    """Return the files of a delivery by name; pixels outside the purchased area are transparent or no data.

    Radar has neither spectral bands nor clouds: its visual is grey, and the files of bands and of clouds are missing.
    """
    with environment():
        numbers, clouded = look(scene, grid.nodes(), grid.height, grid.width)
        inside = grid.inside(projected)
        numbers = np.where(inside, numbers, 0)
        alpha = np.where(inside, 255, 0).astype(np.uint8)
        visual = np.concatenate([np.where(inside, as_colours(numbers), 0), alpha[None]])
        found = {"visual.tif": _cog(visual, grid, VISUAL_BANDS, photometric="RGB", alpha="YES")}
        if not scene.is_radar:
            mask = np.where(inside, np.where(clouded, CLOUD, CLEAR), NO_DATA).astype(np.uint8)
            found["analytic.tif"] = _cog(numbers, grid, BANDS, nodata=NO_DATA, scale=(SCALE, OFFSET))
            found["udm.tif"] = _cog(mask[None], grid, ("udm",), nodata=NO_DATA)
        found["thumbnail.png"] = encoded(_reduced(visual), "PNG")
    return found


def _cog(
    image: NDArray[Any], grid: Grid, names: tuple[str, ...], *, scale: tuple[float, float] | None = None, **options: Any
) -> bytes:
    """Encode bands as a cloud-optimized GeoTIFF with overviews."""
    count, height, width = image.shape
    profile = {"driver": "GTiff", "dtype": image.dtype, "count": count, "height": height, "width": width, "crs": grid.crs}
    with MemoryFile() as memory, MemoryFile() as target:
        with memory.open(**profile, transform=grid.affine, **options) as file:
            file.write(image)
            file.descriptions = names
            if scale is not None:
                file.scales, file.offsets = ((number,) * count for number in scale)
        # classes are not averaged
        how = {"overview_resampling": "MODE"} if count == 1 else {"overview_resampling": "AVERAGE", "predictor": "STANDARD"}
        with memory.open() as source:
            copy_raster(source, target.name, driver="COG", compress="DEFLATE", level=3, blocksize=256, **how)
        return bytes(target.read())


def _rounded(number: float, digits: int, how: Callable[[float], int]) -> float:
    """Round a number to significant digits.

    Examples
    --------
    >>> _rounded(5.43, 2, math.ceil), _rounded(0.52, 1, round)
    (5.5, 0.5)
    """
    unit = 10.0 ** (math.floor(math.log10(number)) - digits + 1)
    return float(f"{how(number / unit) * unit:.6g}")


def _reduced(picture: Picture) -> Picture:
    """Return a picture with at most the size of a thumbnail, by leaving out rows and columns."""
    share = min(1.0, THUMBNAIL_SIDE / max(picture.shape))
    sides = [(side, max(1, round(side * share))) for side in picture.shape[1:]]
    rows, columns = (((np.arange(count) + 0.5) / count * side).astype(int) for side, count in sides)
    return picture[:, rows][:, :, columns]
