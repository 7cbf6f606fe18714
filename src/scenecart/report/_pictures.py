"""Contact sheet of a report: quicklooks or delivered imagery cut to the area, with scale bar and date."""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from PIL import Image, ImageDraw, ImageFont

from scenecart._orders.delivered_order import delivered_rasters
from scenecart._orders.order import Order
from scenecart.exceptions import ScenecartError
from scenecart.report._scale_bar import scale_bar
from scenecart.report._thumbnails import in_time, rows_of, view_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from scenecart._imagery.area_view import AreaView
    from scenecart._imagery.ranges import RangeReader
    from scenecart.report._model import CaptureLine, Contents

SIDE = 320
# a report stays small enough to be sent by mail
MOST_PICTURES = 60
_QUALITY = 80
_PAPER, _WHITE, _FRAME = (236, 239, 242), (255, 255, 255, 255), (110, 120, 130, 120)
_FONT = 20
DELIVERED = "Delivered imagery."


@dataclass(frozen=True)
class AreaPicture:
    """One picture of a contact sheet.

    Attributes
    ----------
    number : int
        The number of its capture in the report, from 1.
    label : str
        The acquisition time; the id if the time is unknown.
    note : str
        A note on the georeference, or that it is delivered imagery; empty if the catalog states the georeference.
    content : bytes
        JPEG, square, north up.
    """

    number: int
    label: str
    note: str
    content: bytes


def with_pictures(contents: Contents, subject: Any) -> Contents:
    """Return the contents with a contact sheet; captures without a picture are only counted."""
    shown = contents.lines[:MOST_PICTURES]
    rows, delivered = rows_of(subject, MOST_PICTURES), _delivered(subject)
    # delivered imagery ends at the edge of the area
    view = view_of(contents, margin=0.0) if all(line.key[1] in delivered for line in shown) else view_of(contents)
    fetch = contents.fetch_thumbnail

    def picture(line: CaptureLine) -> AreaPicture | None:
        found = None if view is None else _from_delivery(delivered.get(line.key[1]), view)
        if found is None and view is not None and fetch is not None and line.number <= len(rows):
            found = _from_quicklook(fetch, rows[line.number - 1], view)
        if found is None or view is None:
            return None
        return AreaPicture(line.number, line.acquired_text or line.id, found[1], _finished(found[0], view))

    made = [one for one in in_time(picture, shown, None) if one is not None]
    return replace(contents, pictures=tuple(made), wanted_pictures=len(contents.lines))


def _delivered(subject: Any) -> Mapping[str, Path | RangeReader]:
    """Return the delivered rasters of an order by capture; none if nothing is delivered or the service fails."""
    if not isinstance(subject, Order):
        return {}
    try:
        return delivered_rasters(subject)
    except ScenecartError:
        # the report is about the purchase, not about later changes
        return {}


def _from_delivery(source: Path | RangeReader | None, view: AreaView) -> tuple[Image.Image, str] | None:
    if source is None:
        return None
    try:
        from scenecart._imagery.render import RasterPicture  # noqa: PLC0415  # needs an extra

        pixels = RasterPicture(source).draw(view.bounds, SIDE, SIDE)
    except (ScenecartError, ImportError):
        return None
    return (Image.fromarray(pixels), DELIVERED) if pixels[..., 3].any() else None


def _from_quicklook(
    fetch: Callable[..., bytes | None], capture: Mapping[str, Any], view: AreaView
) -> tuple[Image.Image, str] | None:
    try:
        content = fetch(capture, "large")
    except ScenecartError:
        return None
    return None if content is None else view.cut(content, capture, SIDE)


def _finished(picture: Image.Image, view: AreaView) -> bytes:
    """Return a picture on a white background with the outline of the area and a scale bar, as JPEG."""
    whole = Image.new("RGB", picture.size, _PAPER)
    outlined = view.outlined(picture)
    whole.paste(outlined, mask=outlined.getchannel("A"))
    _draw_scale_bar(whole, view.metres)
    stream = io.BytesIO()
    _framed(whole).save(stream, "JPEG", quality=_QUALITY, optimize=True)
    return stream.getvalue()


def _framed(picture: Image.Image) -> Image.Image:
    """Return a picture with a thin frame, because clouds at its edge are as white as the page."""
    drawn = picture.copy()
    ImageDraw.Draw(drawn, "RGBA").rectangle((0, 0, drawn.width - 1, drawn.height - 1), outline=_FRAME)
    return drawn


def _draw_scale_bar(picture: Image.Image, metres: float) -> None:
    bar = scale_bar(metres)
    pen, pixels, left, bottom = ImageDraw.Draw(picture, "RGBA"), picture.width * bar.share, 12, picture.height - 12
    font = ImageFont.load_default(_FONT)
    box = pen.textbbox((left, bottom - 12), bar.text, font=font, anchor="ls")
    pen.rectangle((left - 6, box[1] - 5, max(left + pixels, box[2]) + 6, bottom + 6), fill=(0, 0, 0, 170))
    pen.text((left, bottom - 12), bar.text, font=font, fill=_WHITE, anchor="ls")
    points = [(left, bottom - 7), (left, bottom), (left + pixels, bottom), (left + pixels, bottom - 7)]
    pen.line(points, fill=_WHITE, width=3)
