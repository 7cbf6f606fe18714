"""Reports on carts, estimates and orders, in the format of the file's suffix."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING, Any

from scenecart._util.files import as_path, write_atomic
from scenecart._util.validate import check_bool, shown_value
from scenecart.exceptions import InvalidRequest, missing_extra
from scenecart.report._export import export

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from scenecart._cart.cart import Cart
    from scenecart._cart.estimate import Estimate
    from scenecart._office.spending import Spending
    from scenecart._orders.order import Order
    from scenecart._util.reportable import Reportable

__all__ = ["compare_report", "export", "write", "write_spending"]

# module and function of each format; they load on first use, since most need packages of an extra
_FORMATS = {
    ".csv": ("_csv", "to_csv"),
    ".geojson": ("_gis", "to_geojson"),
    ".gpkg": ("_gis", "to_gpkg"),
    ".html": ("_html", "to_html"),
    ".md": ("_markdown", "to_markdown"),
    ".parquet": ("_gis", "to_parquet"),
    ".pdf": ("_pdf", "to_pdf"),
    ".xlsx": ("_xlsx", "to_xlsx"),
}
_COMPARISON_FORMATS = {
    ".csv": ("_csv", "comparison_to_csv"),
    ".html": ("_comparison_html", "comparison_to_html"),
    ".md": ("_markdown", "comparison_to_markdown"),
    ".pdf": ("_comparison_pdf", "comparison_to_pdf"),
    ".xlsx": ("_xlsx", "comparison_to_xlsx"),
}
_WITH_THUMBNAILS = frozenset({".html", ".pdf"})
_WITH_LICENCES = frozenset({".html", ".md", ".pdf", ".xlsx"})


def _load(module: str, function: str) -> Any:
    """Return a function of a module in this package; the module may need packages of an extra."""
    try:
        return getattr(import_module(f"scenecart.report.{module}"), function)
    except ModuleNotFoundError as error:
        if error.name is not None and error.name.startswith("scenecart"):
            raise
        raise missing_extra("This report needs", error, "report") from error


def check_suffix(path: str | os.PathLike[str], *, several: bool = False, contact_sheet: bool = False) -> str:
    """Return the suffix of a path, which sets the format of a report or of a comparison.

    Raises
    ------
    InvalidRequest
        If the argument is not a path, or its suffix is not a supported format, or not a format with a contact sheet.
    """
    known = sorted(_COMPARISON_FORMATS if several else _FORMATS)
    suffix = as_path(path).suffix.lower()
    if suffix not in known:
        raise InvalidRequest(
            f"must end in a supported format, got {shown_value(str(path))}.",
            argument="path",
            code="report_format_unknown",
            hint=f"The formats of {'comparisons' if several else 'reports'} are {', '.join(known)}.",
        )
    if contact_sheet and (several or suffix not in _WITH_THUMBNAILS):
        raise InvalidRequest(
            "is of reports on one subject only." if several else f"is of .html and .pdf only, got {shown_value(str(path))}.",
            argument="contact_sheet",
            code="contact_sheet_not_possible",
            hint="Leave it out, or write a report of one cart or order to .html or .pdf.",
        )
    return suffix


def write(  # one keyword for each detail of the author
    subject: Reportable,
    path: str | os.PathLike[str],
    *,
    title: str | None = None,
    thumbnails: bool = True,
    contact_sheet: bool = False,
    prepared_by: str | None = None,
    prepared_for: str | None = None,
    reference: str | None = None,
    notes: str | None = None,
    valid_until: str | None = None,
    logo: str | os.PathLike[str] | None = None,
) -> Path:
    """Write a report on a cart, an estimate or an order.

    ``subject.to_report(path, …)`` does the same, and documents the parameters, formats and errors.

    Raises
    ------
    InvalidRequest
        If the subject is something else, or as for ``to_report``.

    Examples
    --------
    >>> import tempfile, pathlib, scenecart
    >>> client = scenecart.connect("sandbox")
    >>> captures = client.search("aurora", collections="aurora-50cm", datetime="2024-03", limit=2)
    >>> write(client.cart(captures), pathlib.Path(tempfile.mkdtemp()) / "cart.geojson").name
    'cart.geojson'
    """
    check_bool(contact_sheet, "contact_sheet")
    suffix = check_suffix(path, contact_sheet=contact_sheet)
    to_bytes = _load(*_FORMATS[suffix])
    details = {
        "Prepared by": prepared_by,
        "Prepared for": prepared_for,
        "Our reference": reference,
        "Valid until": valid_until,
        "Notes": notes,
    }
    contents = _load("_model", "with_author_details")(_load("_model", "contents_of")(subject, title), details)
    if logo is not None:
        contents = replace(contents, logo=_load("_logo", "read_logo")(logo))
    if suffix in _WITH_LICENCES:
        contents = _load("_model", "with_licences")(contents)
    if thumbnails and suffix in _WITH_THUMBNAILS:
        contents = _load("_thumbnails", "with_thumbnails")(contents, subject)
    if contact_sheet:
        contents = _load("_pictures", "with_pictures")(contents, subject)
    return write_atomic(to_bytes(contents), path, "The report")


def compare_report(
    subjects: Sequence[Estimate | Order | Cart] | Mapping[str, Estimate | Order | Cart],
    path: str | os.PathLike[str],
    *,
    title: str | None = None,
) -> Path:
    """Write a comparison of several carts, estimates and orders; the suffix of the path sets the format.

    For each subject, it lists the service's total, the price per km² (the service's total divided by its km²), captures, dates,
    cloud cover and km²; the share of the common area that is covered, if all have an area; what is owned already, if captures
    are marked; and which captures are in all subjects or in only one.

    Parameters
    ----------
    subjects
        2 to 12 carts, estimates or orders: a mapping by name, or a list, which is named A, B, C.
    path
        The file to write: ``.html .pdf .xlsx .md .csv``. Missing folders are created.
    title
        The title of the comparison.

    Returns
    -------
    pathlib.Path
        The file. Equal contents give equal files.

    Raises
    ------
    InvalidRequest
        If the suffix is not a supported format, a subject is something else, or the file cannot be written.
    MissingExtra
        If the packages for reports are not installed.

    Examples
    --------
    >>> import tempfile, pathlib, scenecart
    >>> client = scenecart.connect("sandbox")
    >>> captures = client.search("aurora", collections="aurora-50cm", datetime="2024-03", limit=4)
    >>> few, many = client.cart(captures.head(2)).estimate(), client.cart(captures).estimate()
    >>> compare_report({"few": few, "many": many}, pathlib.Path(tempfile.mkdtemp()) / "compared.html").name
    'compared.html'
    """
    suffix = check_suffix(path, several=True)
    to_bytes = _load(*_COMPARISON_FORMATS[suffix])
    return write_atomic(to_bytes(_load("_comparison", "comparison_of")(subjects, title)), path, "The comparison")


def write_spending(spending: Spending, path: str | os.PathLike[str], *, title: str | None = None) -> Path:
    """Write a report on spending; ``spending.to_report(path)`` does the same.

    Raises
    ------
    InvalidRequest
        If the suffix is not a supported format, or the file cannot be written.

    Examples
    --------
    >>> import tempfile, pathlib, scenecart
    >>> spending = scenecart.connect("sandbox").spending()
    >>> write_spending(spending, pathlib.Path(tempfile.mkdtemp()) / "spending.md").name
    'spending.md'
    """
    suffix = check_suffix(path)
    return write_atomic(_load("_spending", "spending_to")(suffix, spending, title), path, "The report")


compare_report.__module__ = "scenecart"
