"""Fill of pictures: the black, white or transparent pixels around a scene that was resampled to a north-up grid."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageFilter

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Mask = NDArray[np.bool_]

# the longest side of a mask, in pixels
MASK_SIDE = 256
# a smaller share of fill is not used as evidence
LEAST_FILL = 0.01
# a JPEG blurs the edge of black fill
_BLACK, _WHITE = 16, 250
_CORNERS = ([0, 0, -1, -1], [0, -1, 0, -1])


def without_fill(picture: Image.Image, inside: Mask | None = None, fill: Mask | None = None) -> Image.Image:
    """Return a picture whose black or white fill is transparent.

    Parameters
    ----------
    fill
        The result of :func:`fill_of`, if it is known.
    inside
        A mask of pixels that cannot be fill, such as those inside the footprint, of the size of :func:`fill_of`: dark water at the
        edge of a scene looks like fill.
    """
    fill = fill_of(picture) if fill is None else fill
    if inside is not None:
        fill = fill & ~inside
    if not fill.any():
        return picture
    pixels = np.array(picture.convert("RGBA"))
    around = Image.fromarray(fill.astype(np.uint8) * 255).filter(ImageFilter.MaxFilter(3))
    is_near = np.asarray(around.resize(picture.size, Image.Resampling.NEAREST)) > 0
    # the mask is coarse, so its edge is refined by the full picture
    is_flat = _is_white(pixels) if is_bright(picture, fill) else _is_black(pixels)
    pixels[..., 3][is_near & is_flat] = 0
    return Image.fromarray(pixels)


def fill_of(picture: Image.Image) -> NDArray[np.bool_]:
    """Return a mask of transparent pixels, and of black or white ones connected with a corner; at most 256 pixels wide and high."""
    small = picture.convert("RGBA")
    small.thumbnail((MASK_SIDE, MASK_SIDE), Image.Resampling.BOX, reducing_gap=None)
    pixels = np.asarray(small)
    clear = pixels[..., 3] < 128  # noqa: PLR2004  # half transparent
    if clear.mean() >= LEAST_FILL:
        return np.asarray(clear)
    seeds = np.zeros(clear.shape, dtype=bool)
    for is_candidate, corners in ((_is_black, 1), (_is_white, 3)):
        seeds[_CORNERS] = is_candidate(pixels[_CORNERS])
        # clouds are white too, but seldom in three corners
        if seeds.sum() >= corners:
            return _connected(is_candidate(pixels), seeds)
    return np.zeros(clear.shape, dtype=bool)


def _is_black(pixels: NDArray[np.uint8]) -> Mask:
    # by band: numpy reduces a short last axis slowly
    return np.asarray(np.maximum(np.maximum(pixels[..., 0], pixels[..., 1]), pixels[..., 2]) <= _BLACK)


def _is_white(pixels: NDArray[np.uint8]) -> Mask:
    return np.asarray(np.minimum(np.minimum(pixels[..., 0], pixels[..., 1]), pixels[..., 2]) >= _WHITE)


def is_bright(picture: Image.Image, fill: Mask) -> bool:
    """Return whether the fill of a picture is white."""
    rows, columns = fill.shape
    small = np.asarray(picture.convert("RGB").resize((columns, rows), Image.Resampling.NEAREST))
    return bool(fill.any() and small[fill].mean() > 128)  # noqa: PLR2004  # half


def _connected(mask: NDArray[np.bool_], seeds: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the parts of a mask that touch the seeds, spreading along whole rows and columns at a time."""
    found = seeds & mask
    while True:
        before = int(found.sum())
        for _ in range(2):
            found = _spread_along_rows(mask, found).T
            mask = mask.T
        if int(found.sum()) == before:
            return found


def _spread_along_rows(mask: NDArray[np.bool_], found: NDArray[np.bool_]) -> NDArray[np.bool_]:
    # a separator column keeps runs from continuing in the next row
    walled = np.pad(mask, ((0, 0), (0, 1)))
    runs = np.cumsum(~walled).reshape(walled.shape)[:, :-1]
    reached = np.zeros(int(runs.max(initial=0)) + 1, dtype=bool)
    reached[runs[found]] = True
    return np.asarray(reached[runs] & mask)
