"""Areas of interest from uploaded files and typed text."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from scenecart._geo.area import as_area, read_with_notices
from scenecart.exceptions import InvalidArea
from scenecart.widgets._hints import hint_of, message_of

if TYPE_CHECKING:
    from scenecart._geo.area import Area

AREA_FILES = ".geojson,.json,.gpkg,.zip,.kml,.kmz,.fgb,.parquet"
_BOX_NUMBERS = 4
_MAX_NAME = 80


def read_area_upload(name: str, content: bytes) -> tuple[Area, list[str]]:
    """Read an uploaded file as an area of interest, and return what was assumed about it, with the hints of the widgets.

    Raises
    ------
    InvalidArea
        If it holds no usable area.
    """
    with tempfile.TemporaryDirectory(prefix="scenecart-upload-") as folder:
        # its own name is in messages, and names the layer of a Shapefile
        safe = re.sub(r"[^\w.\- ]", "_", PurePath(name).name)[-_MAX_NAME:]
        path = Path(folder) / (f"area{safe}" if safe.startswith(".") else safe)
        path.write_bytes(content)
        area, notices = read_with_notices(path)
    return area, [" ".join(filter(None, (message_of(notice), hint_of(notice)))) for notice in notices]


def read_area_text(text: str) -> Any:
    """Read typed text as an area: a box of four numbers, with or without brackets and commas, a file, WKT or GeoJSON.

    Raises
    ------
    InvalidArea
        If the text is empty or no usable area.

    Examples
    --------
    >>> read_area_text("[151.18 -33.99 151.24 -33.94]")
    (151.18, -33.99, 151.24, -33.94)
    """
    text = text.strip()
    if not text:
        raise InvalidArea("There is no area of interest.", code="area_missing", hint="Enter an area, or load it from a file.")
    numbers = text.strip("()[]").replace(";", " ").replace(",", " ").split()
    if len(numbers) == _BOX_NUMBERS:
        try:
            return tuple(float(number) for number in numbers)
        except ValueError:
            pass
    return as_area(text).geometry
