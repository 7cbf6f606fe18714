"""Reports of estimates, orders and carts, for whoever approves the money: contents first, then a format chosen by the suffix."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scenecart._errors import MissingExtra
from scenecart.report import _data
from scenecart.report._contents import contents_of
from scenecart.report._html import to_html
from scenecart.report._pictures import with_pictures
from scenecart.report._save import save, suffix_of
from scenecart.report._workbook import to_xlsx

if TYPE_CHECKING:
    import os
    from collections.abc import Callable
    from pathlib import Path

    from scenecart._cart import Cart
    from scenecart._estimate import Estimate
    from scenecart._orders import Order
    from scenecart.report._contents import Contents

__all__ = ["write"]


def _pdf(contents: Contents) -> bytes:
    try:
        from scenecart.report._pdf import to_pdf  # noqa: PLC0415  # an extra, and slow to load
    except ModuleNotFoundError as error:
        raise MissingExtra(
            f"PDF reports need the package {error.name!r}, which is not installed.", hint='Install it: pip install "scenecart[report]"'
        ) from error
    return to_pdf(contents)


_FORMATS: dict[str, Callable[[Contents], bytes]] = {
    ".csv": _data.to_csv,
    ".geojson": _data.to_geojson,
    ".gpkg": _data.to_gpkg,
    ".html": to_html,
    ".md": _data.to_markdown,
    ".parquet": _data.to_parquet,
    ".pdf": _pdf,
    ".xlsx": to_xlsx,
}
_WITH_PICTURES = frozenset({".html", ".pdf"})


def write(
    subject: Estimate | Order | Cart, path: str | os.PathLike[str], *, title: str | None = None, thumbnails: bool = True
) -> Path:
    """Write an estimate, an order or a cart as a report; the same as its ``to_report``.

    Parameters
    ----------
    subject
        What to report.
    path
        Where to; its suffix tells the format: ``.html .pdf .xlsx .md .csv .geojson .gpkg .parquet``. Folders are made if needed.
    title
        What the report is called.
    thumbnails
        Fetch a small picture of each capture, for ``.html`` and ``.pdf``.

    Returns
    -------
    pathlib.Path
        The file that was written. The same contents give the same file.

    Raises
    ------
    InvalidRequest
        If the suffix is no known format, the subject is something else, or the file cannot be written.
    MissingExtra
        If the packages for reports are not installed.
    """
    suffix = suffix_of(path, _FORMATS, "A report")
    contents = contents_of(subject, title)
    if thumbnails and suffix in _WITH_PICTURES:
        contents = with_pictures(contents)
    return save(_FORMATS[suffix](contents), path)
