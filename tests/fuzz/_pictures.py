"""Fuzzing of quicklooks and rasters: pixels, or a documented refusal; never a file that points elsewhere."""

from __future__ import annotations

import io
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import rasterio
import shapely
from PIL import Image

from fuzz import _mutate
from fuzz._engine import Bare, Place, WithFolder
from scenecart import InvalidRequest
from scenecart._imagery.cloud_mask import pixels_inside
from scenecart._imagery.describe import describe_raster
from scenecart._imagery.georeferencing import georeference_picture
from scenecart._imagery.picture import decode, picture_kind, unpacked_size
from scenecart._imagery.render import RasterPicture

if TYPE_CHECKING:
    from random import Random

_MOST_PIXELS = 40_000_000
_FOOTPRINT = shapely.Polygon([(151.0, -34.0), (151.1, -34.01), (151.12, -33.9), (151.02, -33.89)])


class Pictures(Bare):
    """An input is the content of a quicklook."""

    def open(self, _: Place) -> None:
        """Encode one picture in each format."""
        columns, rows = np.meshgrid(np.arange(48), np.arange(36))
        pixels = np.stack([5 * columns, 7 * rows, columns * rows % 256, 0 * rows + 255], -1).astype(np.uint8)
        self._seeds = []
        for name, mode in (("PNG", "RGBA"), ("JPEG", "RGB"), ("WEBP", "RGBA"), ("PNG", "L"), ("PNG", "P")):
            stream = io.BytesIO()
            Image.fromarray(pixels).convert(mode).save(stream, name)
            self._seeds.append(stream.getvalue())

    def make(self, pick: Random) -> bytes:
        """Return a changed picture."""
        seed = pick.choice(self._seeds)
        return _mutate.data(pick, seed, pick.choice(self._seeds)) if pick.randrange(20) else seed

    def check(self, data: bytes) -> str:
        """Decode it, and place what is decoded."""
        assert unpacked_size(data) <= 8 * _MOST_PIXELS
        picture = decode(data, 32 if len(data) % 2 else None)
        if picture is None:
            return f"{picture_kind(data)}: none"
        assert picture.mode == "RGBA"
        assert picture.width * picture.height <= _MOST_PIXELS
        if max(picture.size) <= 256:
            georeference_picture(picture, {"geometry": _FOOTPRINT})
        return f"{picture_kind(data)}: decoded"


class Rasters(WithFolder):
    """An input is the content of a delivered raster, such as a cloud mask."""

    def open(self, place: Place) -> None:
        """Write small GeoTIFFs: a mask and three bands."""
        self._path = Path(tempfile.mkdtemp(dir=place.given)) / "x.tif"
        self._seeds = []
        for count, more in ((1, {"nodata": 255}), (3, {"compress": "deflate", "tiled": True, "blockxsize": 16, "blockysize": 16})):
            where = {"crs": "EPSG:32756", "transform": rasterio.Affine(10, 0, 315_000, 0, -10, 6_240_000), "dtype": "uint8"}
            with rasterio.open(self._path, "w", driver="GTiff", width=40, height=32, count=count, **where, **more) as raster:
                raster.write(np.arange(count * 32 * 40, dtype=np.uint32).reshape(count, 32, 40).astype(np.uint8))
            self._seeds.append(self._path.read_bytes())

    def make(self, pick: Random) -> bytes:
        """Return a changed raster; its directory of tags is at the beginning."""
        seed = pick.choice(self._seeds)
        if pick.randrange(2):
            head = _mutate.data(pick, seed[:400], seed[:400])
            return head + seed[400:]
        return _mutate.data(pick, seed, seed) if pick.randrange(20) else seed

    def check(self, data: bytes) -> str:
        """Describe it, read the pixels in an area, and draw it."""
        self._path.write_bytes(data)
        described = describe_raster(self._path)
        area = shapely.box(150.9, -34.1, 151.1, -33.9)
        try:
            values, _ = pixels_inside(self._path, area)
        except InvalidRequest as error:
            assert len(str(error)) < 2_000, "the message is too long"
            return f"{'described' if described else 'not described'}, {error.code}"
        assert values.ndim == 1
        try:
            picture = RasterPicture(self._path)
            assert picture.draw(picture.bounds, 24, 16).shape == (16, 24, 4)
        except InvalidRequest as error:
            return f"pixels, {error.code}"
        return f"{'described' if described else 'not described'}, {'pixels' if values.size else 'no pixels'}"
