"""The sender's logo in a report: validated, reduced and encoded again, so that no other content of the file is embedded."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from PIL import Image

from scenecart._imagery.picture import decode
from scenecart._util.files import as_path
from scenecart._util.validate import shown_value
from scenecart.exceptions import InvalidRequest

if TYPE_CHECKING:
    import os

_SIZE = (480, 160)
_LARGEST = 20_000_000


def read_logo(path: str | os.PathLike[str]) -> bytes:
    """Return a logo as PNG of at most 480 × 160 pixels.

    Raises
    ------
    InvalidRequest
        If the file cannot be read, or is not PNG, JPEG or WEBP.
    """
    file = as_path(path, "logo").expanduser()
    try:
        content = file.read_bytes() if file.stat().st_size <= _LARGEST else b""
    except OSError as error:
        raise InvalidRequest(
            f"cannot be read ({error.strerror}), got {shown_value(str(path))}.", argument="logo", code="logo_unreadable"
        ) from error
    picture = decode(content)
    if picture is None:
        raise InvalidRequest(
            f"must be a PNG, JPEG or WEBP picture, got {shown_value(str(path))}.",
            argument="logo",
            code="logo_not_a_picture",
            hint="Save the logo as a PNG.",
        )
    picture.thumbnail(_SIZE, Image.Resampling.LANCZOS)
    stream = io.BytesIO()
    picture.save(stream, "PNG")
    return stream.getvalue()
