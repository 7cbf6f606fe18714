"""Several carts in one report: the door to it, which is light."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scenecart._util.keywords import spelled

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from scenecart._cart.cart import Cart
    from scenecart._cart.estimate import Estimate
    from scenecart._orders.order import Order


@spelled()
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
    from scenecart import report  # noqa: PLC0415  # an extra: the core works without it

    return report.compare(subjects, path, title=title)


compare_report.__module__ = "scenecart"
