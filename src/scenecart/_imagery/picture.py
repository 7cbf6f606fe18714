"""Pictures: checked decoding of PNG, JPEG and WEBP, and encoding as WEBP."""

from __future__ import annotations

import contextlib
import io
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MAX_PIXELS = 40_000_000
_SIGNATURES = {"PNG": b"\x89PNG\r\n\x1a\n", "JPEG": b"\xff\xd8\xff", "WEBP": b"RIFF"}
# the fastest method: slower ones save 5 % of the bytes
_WEBP_METHOD = 0
# qualities of pictures within a number of bytes, the best first
_QUALITIES = (80, 70, 60, 50, 40, 30)
# rows of the sample that finds the quality, in bands from top to bottom; narrow bands compress about a tenth worse
_SAMPLE_BANDS, _SAMPLE_ROWS, _SAMPLE_EXCESS = 6, 16, 1.1
_OPAQUE = 255
_SHRINK = 2
# RGBA, and masks of the same size
_BYTES_PER_PIXEL = 8
# Pillow's errors of damaged files
_DAMAGED = (OSError, SyntaxError, ValueError, Image.DecompressionBombError, Image.DecompressionBombWarning)


def picture_kind(content: bytes) -> str | None:
    """Return ``"PNG"``, ``"JPEG"`` or ``"WEBP"`` by the first bytes; None for anything else, such as SVG, which may hold scripts.

    Examples
    --------
    >>> from scenecart._imagery.picture import picture_kind
    >>> picture_kind(b"GIF89a") is None
    True
    """
    kind = next((kind for kind, signature in _SIGNATURES.items() if content.startswith(signature)), None)
    return None if kind == "WEBP" and content[8:12] != b"WEBP" else kind


def decode(content: bytes, side: int | None = None) -> Image.Image | None:
    """Return a picture as RGBA; None if it is no PNG, JPEG or WEBP, damaged, or of more than 40 million pixels.

    Parameters
    ----------
    side
        The longest side that is needed, in pixels: a larger JPEG is decoded at a fraction of its size, which is faster.
    """
    kind = picture_kind(content)
    if kind is None:
        return None
    try:
        with _opened(content, kind, side) as picture:
            if picture.width * picture.height > _MAX_PIXELS:
                return None
            return picture.convert("RGBA")
    except _DAMAGED:
        return None


def unpacked_size(content: bytes, side: int | None = None) -> int:
    """Return the approximate memory of a picture and its derived arrays while it is decoded and used, in bytes."""
    kind = picture_kind(content)
    with contextlib.suppress(*_DAMAGED):
        if kind is not None:
            with _opened(content, kind, side) as picture:
                return min(picture.width * picture.height, _MAX_PIXELS) * _BYTES_PER_PIXEL
    return 0


def _opened(content: bytes, kind: str, side: int | None) -> Image.Image:
    picture = Image.open(io.BytesIO(content), formats=[kind])
    if side is not None and picture.width * picture.height <= _MAX_PIXELS:
        picture.draft("RGB", (side, side))
    return picture


def encode(pixels: NDArray[np.uint8], quality: int = 80) -> bytes:
    """Return RGBA pixels (rows, columns, 4) as WEBP; without alpha if none is transparent."""
    image = Image.fromarray(np.ascontiguousarray(pixels))
    if pixels[..., 3].min(initial=_OPAQUE) == _OPAQUE:
        image = image.convert("RGB")
    stream: Any = io.BytesIO()
    image.save(stream, "WEBP", quality=quality, method=_WEBP_METHOD)
    return bytes(stream.getvalue())


def encode_within(pixels: NDArray[np.uint8], most: int) -> bytes:
    """Return RGBA pixels as WEBP of at most some bytes: at the best quality that fits, or at a lower resolution if none does.

    Parameters
    ----------
    pixels
        Rows, columns, and red, green, blue and alpha.
    most
        The most bytes.

    Examples
    --------
    >>> import numpy as np
    >>> noise = np.random.default_rng(1).integers(0, 256, (200, 300, 4), dtype="uint8")
    >>> len(encode_within(noise, 9_000)) <= 9_000
    True
    """
    for quality in _QUALITIES[_likely_quality(pixels, most) :]:
        data = encode(pixels, quality)
        if len(data) <= most:
            return data
    if min(pixels.shape[:2]) < _SHRINK:
        return data
    return encode_within(np.asarray(Image.fromarray(np.ascontiguousarray(pixels)).reduce(_SHRINK)), most)


def _likely_quality(pixels: NDArray[np.uint8], most: int) -> int:
    """Return the index of the quality that probably fits, by encoding a sample of the rows, which takes a tenth of the time."""
    height = len(pixels)
    if height <= 2 * _SAMPLE_BANDS * _SAMPLE_ROWS:
        return 0
    starts = np.linspace(0, height - _SAMPLE_ROWS, _SAMPLE_BANDS).astype(int)
    sample = np.concatenate([pixels[start : start + _SAMPLE_ROWS] for start in starts])
    allowed = most * len(sample) / height * _SAMPLE_EXCESS
    last = len(_QUALITIES) - 1
    return next((place for place, quality in enumerate(_QUALITIES) if len(encode(sample, quality)) <= allowed), last)
