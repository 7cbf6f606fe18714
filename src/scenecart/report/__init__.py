"""Reports of estimates, orders and carts, for whoever approves the money: contents first, then a format chosen by the suffix."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from scenecart._util.files import as_path, write_atomic
from scenecart._util.text import clean_text
from scenecart.exceptions import InvalidRequest, missing_extra

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from scenecart._cart.cart import Cart
    from scenecart._cart.estimate import Estimate
    from scenecart._orders.order import Order

__all__ = ["compare_report", "write"]

# where each format is written; the modules load when they are used, since most need packages of an extra
_FORMATS = {
    ".csv": ("_data", "to_csv"),
    ".geojson": ("_data", "to_geojson"),
    ".gpkg": ("_data", "to_gpkg"),
    ".html": ("_html", "to_html"),
    ".md": ("_data", "to_markdown"),
    ".parquet": ("_data", "to_parquet"),
    ".pdf": ("_pdf", "to_pdf"),
    ".xlsx": ("_xlsx", "to_xlsx"),
}
_COMPARISON_FORMATS = {
    ".csv": ("_comparison_formats", "to_csv"),
    ".html": ("_comparison_formats", "to_html"),
    ".md": ("_comparison_formats", "to_markdown"),
    ".pdf": ("_comparison_pdf", "to_pdf"),
    ".xlsx": ("_comparison_formats", "to_xlsx"),
}
_WITH_THUMBNAILS = frozenset({".html", ".pdf"})


def _load(module: str, function: str) -> Any:
    """Load a function of this package, whose module may need packages of an extra."""
    try:
        return getattr(import_module(f"scenecart.report.{module}"), function)
    except ModuleNotFoundError as error:
        if error.name is not None and error.name.startswith("scenecart"):
            raise
        raise missing_extra("This report needs", error, "report") from error


def check_suffix(path: str | os.PathLike[str], *, several: bool = False) -> str:
    """Return the format that a path asks for, of a report or of a comparison of several.

    Raises
    ------
    InvalidRequest
        If it is no path, or of no known format.
    """
    known = sorted(_COMPARISON_FORMATS if several else _FORMATS)
    given = as_path(path, "A comparison" if several else "A report").suffix
    suffix = given.lower()
    if suffix not in known:
        raise InvalidRequest(
            f"{'A comparison' if several else 'A report'} cannot be written as "
            f"{clean_text(given, 40) or 'a file without suffix'!r}.",
            hint=f"The formats are {', '.join(known)}.",
        )
    return suffix


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

    Examples
    --------
    >>> import tempfile, pathlib, scenecart
    >>> client = scenecart.connect("sandbox")
    >>> captures = client.search("aurora", collections="aurora-50cm", datetime="2024-03", limit=2)
    >>> write(client.cart(captures), pathlib.Path(tempfile.mkdtemp()) / "cart.geojson").name
    'cart.geojson'
    """
    suffix = check_suffix(path)
    to_bytes = _load(*_FORMATS[suffix])
    contents = _load("_model", "contents_of")(subject, title)
    if thumbnails and suffix in _WITH_THUMBNAILS:
        contents = _load("_thumbnails", "with_pictures")(contents)
    return write_atomic(to_bytes(contents), path, "The report")


def compare_report(
    subjects: Sequence[Estimate | Order | Cart] | Mapping[str, Estimate | Order | Cart],
    path: str | os.PathLike[str],
    *,
    title: str | None = None,
) -> Path:
    """Write several estimates, orders and carts beside each other, for whoever has to choose; the suffix tells the format.

    Each shows the service's totals, what a km² costs (a quotient of the service's own figures), captures, dates, cloud cover and
    ground; how much of the area of interest is covered, where all have one; and which captures are in all, and in one only.

    Parameters
    ----------
    subjects
        2 to 12 of them: a mapping of names to them, or a list, which is named A, B, C.
    path
        Where to write it: ``.html .pdf .xlsx .md .csv``. Folders are made if needed.
    title
        What the comparison is called.

    Returns
    -------
    pathlib.Path
        The file that was written. The same contents give the same file.

    Raises
    ------
    InvalidRequest
        If the suffix is no format of comparisons, what is compared is something else, or the file cannot be written.
    MissingExtra
        If the packages for reports are not installed.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> client = connect("sandbox")
    >>> captures = client.search("aurora", collections="aurora-50cm", datetime="2024-03", limit=4)
    >>> few, many = client.cart(captures.head(2)).estimate(), client.cart(captures).estimate()
    >>> compare_report({"few": few, "many": many}, pathlib.Path(tempfile.mkdtemp()) / "compared.html").name
    'compared.html'
    """
    suffix = check_suffix(path, several=True)
    to_bytes = _load(*_COMPARISON_FORMATS[suffix])
    return write_atomic(to_bytes(_load("_comparison", "comparison_of")(subjects, title)), path, "The report")


compare_report.__module__ = "scenecart"
