"""The to_report method that carts, estimates and orders share."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import os
    from pathlib import Path


class Reportable:
    """A value that :mod:`scenecart.report` writes as a report."""

    def to_report(
        self,
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
        """Write a report; the suffix of the path sets the format.

        A cart is reported without prices, an estimate with the service's prices, and an order with its status and what was
        placed, as far as this session, the journal on this machine or the service knows it.

        Parameters
        ----------
        path
            The file to write: ``.html`` and ``.pdf`` to read and print, ``.xlsx``, ``.md`` and ``.csv`` for offices,
            ``.geojson``, ``.gpkg`` and ``.parquet`` for GIS. Missing folders are created.
        title
            The title of the report.
        thumbnails
            Include a thumbnail of each capture in ``.html`` and ``.pdf``.
        contact_sheet
            Include a larger picture of each of the first 60 captures, cut to the area of interest, with its date and a scale bar,
            in ``.html`` and ``.pdf`` only. Of a delivered order it shows the delivered imagery.
        prepared_by, prepared_for, reference, notes, valid_until
            What the payer needs: who made the report, for whom, a reference such as ``"PO 4711"``, remarks, and until when the
            quote is valid. They are in all formats but ``.csv``, ``.geojson``, ``.gpkg`` and ``.parquet``.
        logo
            A picture (PNG, JPEG or WEBP) for the top of ``.html`` and ``.pdf``, such as that of your organization.

        Returns
        -------
        pathlib.Path
            The file. Equal contents give equal files.

        Raises
        ------
        InvalidRequest
            If the suffix is not a supported format, or can have no contact sheet, the logo is no picture, or the file cannot be
            written.
        MissingExtra
            If the packages for reports are not installed.

        Examples
        --------
        >>> import tempfile, pathlib, scenecart
        >>> client = scenecart.connect("sandbox")
        >>> captures = client.search("aurora", collections="aurora-50cm", datetime="2024-03", limit=2)
        >>> estimate = client.cart(captures).estimate()
        >>> estimate.to_report(pathlib.Path(tempfile.mkdtemp()) / "quote.xlsx").name
        'quote.xlsx'
        """
        from scenecart import report  # noqa: PLC0415  # an extra: the core works without it

        return report.write(
            self,
            path,
            title=title,
            thumbnails=thumbnails,
            contact_sheet=contact_sheet,
            prepared_by=prepared_by,
            prepared_for=prepared_for,
            reference=reference,
            notes=notes,
            valid_until=valid_until,
            logo=logo,
        )
