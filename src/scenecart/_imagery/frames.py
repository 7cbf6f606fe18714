"""Pictures of one area at several dates: from quicklooks and from delivered imagery, at one scale."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from scenecart._imagery.picture import encode
from scenecart.exceptions import InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

_QUALITY = 85
_BACKGROUND = (238, 240, 243, 255)
_LEAST_FRAMES = 2


@dataclass(frozen=True)
class Frame:
    """One picture.

    Attributes
    ----------
    label : str
        The label of the picture, such as a date.
    note : str
        A note on its georeference; empty if that is certain.
    image : PIL.Image.Image
        RGBA, transparent outside of the imagery.
    """

    label: str
    note: str
    image: Image.Image

    def webp(self) -> bytes:
        """Return the picture as WEBP."""
        return encode(np.asarray(self.image), _QUALITY)

    def captioned(self) -> Image.Image:
        """Return the picture on a plain background with its label in the upper left corner."""
        whole = Image.new("RGBA", self.image.size, _BACKGROUND)
        whole.alpha_composite(self.image)
        pen = ImageDraw.Draw(whole, "RGBA")
        font = ImageFont.load_default(max(12, whole.height // 28))
        left, top, right, bottom = pen.textbbox((10, 8), self.label, font=font)
        pen.rectangle((left - 5, top - 4, right + 5, bottom + 4), fill=(0, 0, 0, 150))
        pen.text((10, 8), self.label, font=font, fill=(255, 255, 255, 255))
        return whole.convert("RGB")


def image_of(pixels: NDArray[np.uint8]) -> Image.Image:
    """Return RGBA pixels (rows, columns, 4) as an image."""
    return Image.fromarray(pixels)


def gif(frames: Sequence[Frame], seconds: float) -> bytes:
    """Return pictures as an endlessly repeating animation.

    Raises
    ------
    InvalidRequest
        If there are fewer than two.
    """
    if len(frames) < _LEAST_FRAMES:
        raise InvalidRequest("An animation needs at least two pictures.", code="animation_too_short")
    # one palette for all frames, so that unchanged parts do not flicker
    pictures = [frame.captioned() for frame in frames]
    palette = Image.fromarray(np.concatenate([np.asarray(one) for one in pictures])).quantize(255, Image.Quantize.MEDIANCUT)
    first, *rest = [one.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG) for one in pictures]
    stream: Any = io.BytesIO()
    first.save(stream, "GIF", save_all=True, append_images=rest, duration=round(1_000 * seconds), loop=0, optimize=False)
    return bytes(stream.getvalue())


@dataclass(frozen=True)
class FrameSource:
    """The source of one picture.

    Attributes
    ----------
    label : str
        The label of the picture, such as a date.
    draw : callable
        Returns the picture at a width and height in pixels, with a note on its georeference; None if there is no picture.
    """

    label: str
    draw: Callable[[int, int], tuple[Image.Image, str] | None]

    def frame(self, width: int, height: int) -> Frame:
        """Return the picture; if there is none, an empty one with a note."""
        found = self.draw(width, height)
        if found is None:
            return Frame(self.label, "There is no picture of this area.", Image.new("RGBA", (width, height)))
        return Frame(self.label, found[1], found[0])
