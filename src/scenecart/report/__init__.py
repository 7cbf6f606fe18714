"""Reports of estimates, orders and carts, for whoever approves the money: contents first, then a format chosen by the suffix."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from scenecart._util.files import path_of, write_whole
from scenecart._util.text import clean_text
from scenecart.exceptions import InvalidRequest, missing_extra
from scenecart.report import _comparison_formats, _data
from scenecart.report._comparison import comparison_of
from scenecart.report._html import to_html
from scenecart.report._model import contents_of
from scenecart.report._thumbnails import with_pictures
from scenecart.report._xlsx import to_xlsx

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from scenecart._cart.cart import Cart
    from scenecart._cart.estimate import Estimate
    from scenecart._orders.order import Order
    from scenecart.report._comparison import Comparison
    from scenecart.report._model import Contents

__all__ = ["compare", "write"]


def _pdf(contents: Contents) -> bytes:
    return _loaded("scenecart.report._pdf").to_pdf(contents)  # type: ignore[no-any-return]  # of the module named


def _compared_pdf(comparison: Comparison) -> bytes:
    return _loaded("scenecart.report._comparison_pdf").to_pdf(comparison)  # type: ignore[no-any-return]  # likewise


def _loaded(name: str) -> Any:
    """Load what sets PDF: an extra, and slow to load."""
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and error.name.startswith("scenecart"):
            raise
        raise missing_extra("PDF reports need", error, "report") from error


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
_COMPARED: dict[str, Callable[[Comparison], bytes]] = {
    ".csv": _comparison_formats.to_csv,
    ".html": _comparison_formats.to_html,
    ".md": _comparison_formats.to_markdown,
    ".pdf": _compared_pdf,
    ".xlsx": _comparison_formats.to_xlsx,
}
_WITH_PICTURES = frozenset({".html", ".pdf"})


def check_suffix(path: str | os.PathLike[str], *, several: bool = False) -> str:
    """Return the format that a path asks for, of a report or of a comparison of several.

    Raises
    ------
    InvalidRequest
        If it is no path, or of no known format.
    """
    known = sorted(_COMPARED if several else _FORMATS)
    given = path_of(path, "A comparison" if several else "A report").suffix
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
    contents = contents_of(subject, title)
    if thumbnails and suffix in _WITH_PICTURES:
        contents = with_pictures(contents)
    return write_whole(_FORMATS[suffix](contents), path, "The report")


def compare(
    subjects: Sequence[Estimate | Order | Cart] | Mapping[str, Estimate | Order | Cart],
    path: str | os.PathLike[str],
    *,
    title: str | None = None,
) -> Path:
    """Write several estimates, orders and carts beside each other; the same as :func:`scenecart.compare_report`.

    Parameters
    ----------
    subjects
        2 to 12 of them: a mapping of names to them, or a list, which is named A, B, C.
    path
        Where to; its suffix tells the format: ``.html .pdf .xlsx .md .csv``. Folders are made if needed.
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
    >>> import tempfile, pathlib, scenecart
    >>> client = scenecart.connect("sandbox")
    >>> captures = client.search("aurora", collections="aurora-50cm", datetime="2024-03", limit=3)
    >>> carts = [client.cart(captures.head(2)), client.cart(captures)]
    >>> compare(carts, pathlib.Path(tempfile.mkdtemp()) / "compared.md").name
    'compared.md'
    """
    suffix = check_suffix(path, several=True)
    return write_whole(_COMPARED[suffix](comparison_of(subjects, title)), path, "The report")
