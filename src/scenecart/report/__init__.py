"""Reports of priced carts, for whoever approves the money: contents first, then a format chosen by the suffix."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from scenecart._errors import InvalidRequest
from scenecart.report import _data
from scenecart.report._contents import contents_of
from scenecart.report._html import to_html

if TYPE_CHECKING:
    import os
    from collections.abc import Callable

    from scenecart._estimate import Estimate
    from scenecart.report._contents import Contents

__all__ = ["write"]

_FORMATS: dict[str, Callable[[Contents], bytes]] = {
    ".csv": _data.to_csv,
    ".geojson": _data.to_geojson,
    ".gpkg": _data.to_gpkg,
    ".html": to_html,
    ".md": _data.to_markdown,
    ".parquet": _data.to_parquet,
    ".xlsx": _data.to_xlsx,
}


def write(estimate: Estimate, path: str | os.PathLike[str], *, title: str | None = None) -> Path:
    """Write an estimate as a report.

    Parameters
    ----------
    estimate
        What to report.
    path
        Where to; its suffix tells the format: ``.html .xlsx .md .csv .geojson .gpkg .parquet``. Folders are made if needed.
    title
        What the report is called.

    Returns
    -------
    pathlib.Path
        The file that was written. The same estimate gives the same bytes.

    Raises
    ------
    InvalidRequest
        If the suffix is no known format.
    """
    target = Path(path).expanduser()
    make = _FORMATS.get(target.suffix.lower())
    if make is None:
        raise InvalidRequest(
            f"A report cannot be written as {target.suffix or 'a file without suffix'!r}.",
            hint=f"The formats are {', '.join(sorted(_FORMATS))}.",
        )
    document = make(contents_of(estimate, title))
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(document)
    return target
