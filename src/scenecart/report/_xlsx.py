"""Reports and comparisons as Excel workbooks. The only module that imports XlsxWriter."""

from __future__ import annotations

import io
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from scenecart.exceptions import missing_extra

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scenecart.report._comparison import Comparison
    from scenecart.report._model import Contents

_STYLES: dict[str, dict[str, Any]] = {
    "head": {"bold": True, "bottom": 1, "text_wrap": True, "valign": "bottom"},
    "head_right": {"bold": True, "bottom": 1, "align": "right", "valign": "bottom"},
    "text": {"valign": "top"},
    "text_right": {"valign": "top", "align": "right"},
    "time_right": {"num_format": "yyyy-mm-dd hh:mm", "valign": "top", "align": "right"},
    "wrapped": {"text_wrap": True, "valign": "top", "align": "left"},
    "strong": {"bold": True, "valign": "top", "align": "left"},
    "count": {"num_format": "#,##0", "valign": "top"},
    "count_left": {"num_format": "#,##0", "valign": "top", "align": "left"},
    "money": {"num_format": '"A$"#,##0.00', "valign": "top"},
    "money_left": {"num_format": '"A$"#,##0.00', "valign": "top", "align": "left"},
    "km2": {"num_format": "#,##0.00", "valign": "top"},
    "km2_left": {"num_format": "#,##0.00", "valign": "top", "align": "left"},
    "one": {"num_format": "0.0", "valign": "top"},
    "two": {"num_format": "0.00", "valign": "top"},
    "time": {"num_format": "yyyy-mm-dd hh:mm", "valign": "top", "align": "left"},
}
_MAX_WIDTH = 64
# what a cell holds
_MOST_LETTERS = 32_767
_LICENCE_COLUMNS = (("Provider", "text"), ("Licence", "text"), ("Accepted", "wrapped"), ("Text", "wrapped"), ("Link", "text"))
_CAPTURE_TITLES = ("Capture", "Provider", "Collection", "Acquired (UTC)", "Cloud %", "Off-nadir °", "GSD m")


@dataclass(frozen=True)
class Sheet:
    """One sheet: columns as (title, style), and rows of values, which may be :class:`Styled`.

    Attributes
    ----------
    frozen : int
        The number of columns that stay visible when the sheet is scrolled.
    """

    name: str
    columns: Sequence[tuple[str, str]]
    rows: Sequence[Sequence[Any]]
    frozen: int = 0


@dataclass(frozen=True)
class Styled:
    """A value with another style than its column."""

    value: Any
    style: str


def to_xlsx(contents: Contents) -> bytes:
    """Return a workbook with the sheets summary, groups, captures and errors; a cart has no sheets for prices."""
    sheets = [_summary(contents)]
    if contents.groups:
        groups = [(one.number, one.days, one.captures, one.km2, one.credits, float(one.aud)) for one in contents.price_lines]
        columns = (
            ("Group", "count"), ("Acquired", "text"), ("Captures", "wrapped"), ("km² priced", "km2"), ("Credits", "count"),
            ("A$", "money"),
        )  # fmt: skip
        sheets.append(Sheet("Groups", columns, groups))
    sheets.append(_captures(contents))
    if contents.kind == "quote":
        errors = [(line.id, line.error) for line in contents.unpriced]
        sheets.append(Sheet("Errors", (("Capture", "text"), ("Reason", "wrapped")), errors))
    if contents.licences:
        licences = [(one.host, one.title, one.acceptance, one.text[:_MOST_LETTERS], one.url) for one in contents.licences]
        sheets.append(Sheet("Licences", _LICENCE_COLUMNS, licences))
    return workbook(sheets, contents.title, contents.stamp)


def comparison_to_xlsx(comparison: Comparison) -> bytes:
    """Return a workbook: the comparison, and which cart has which capture, with the share of it that is owned."""
    columns = (("", "text"), *((side.name, "text_right") for side in comparison.sides))
    compared = [(name, *(_compared(value, style) for value in values)) for name, style, values in comparison.rows()]
    styles = ("text", "text", "text", "time", "one", "one", "two")
    titles = (
        *zip(_CAPTURE_TITLES, styles, strict=True),
        *((f"In {side.name}", "text") for side in comparison.sides),
        *((f"Owned share in {side.name}", "two") for side in comparison.marked),
    )
    about = Sheet("About", (("About the prices", "wrapped"),), [(comparison.title,), (comparison.price_note,)])
    captures = Sheet("Captures", titles, comparison.capture_rows("–"), frozen=1)
    sheets = [Sheet("Comparison", columns, compared, frozen=1), captures, about]
    return workbook(sheets, comparison.title, comparison.stamp)


def workbook(sheets: Sequence[Sheet], title: str, stamp: datetime) -> bytes:
    """Return a workbook of sheets; the same sheets, title and time give the same bytes.

    Raises
    ------
    MissingExtra
        If XlsxWriter is not installed.
    """
    try:
        import xlsxwriter  # noqa: PLC0415  # an extra
    except ModuleNotFoundError as error:
        raise missing_extra("Workbooks need", error, "report") from error
    stream = io.BytesIO()
    book = xlsxwriter.Workbook(stream, {"in_memory": True})
    book.set_properties({"title": title, "created": stamp.replace(tzinfo=None)})
    formats = {name: book.add_format(style) for name, style in _STYLES.items()}
    for sheet in sheets:
        _fill(book.add_worksheet(sheet.name), formats, sheet)
    book.close()
    return stream.getvalue()


def _fill(page: Any, formats: dict[str, Any], sheet: Sheet) -> None:
    page.freeze_panes(1, sheet.frozen)
    page.set_landscape()
    page.set_paper(9)
    page.fit_to_pages(1, 0)
    page.repeat_rows(0)
    page.set_footer("&L&F&R&P of &N")
    widths = []
    for place, (title, style) in enumerate(sheet.columns):
        is_figure = style in {"count", "money", "km2", "one", "two", "text_right"}
        page.write_string(0, place, title, formats["head_right" if is_figure else "head"])
        longest = max([len(title), *(len(_text(row[place])) for row in sheet.rows)])
        widths.append(min(_MAX_WIDTH, longest + 3))
        page.set_column(place, place, widths[-1])
    for number, row in enumerate(sheet.rows, 1):
        for place, value in enumerate(row):
            _write(page, (number, place), value, sheet.columns[place][1], formats)
        lines = max(-(-len(_text(value)) // max(1, width - 3)) for value, width in zip(row, widths, strict=True))
        if lines > 1:
            page.set_row(number, 15 * lines)
    if sheet.rows and sheet.name in {"Groups", "Captures", "Errors"}:
        page.autofilter(0, 0, len(sheet.rows), len(sheet.columns) - 1)


def _write(page: Any, at: tuple[int, int], value: Any, style: str, formats: dict[str, Any]) -> None:
    if isinstance(value, Styled):
        value, style = value.value, value.style
    if value is None:
        return
    if isinstance(value, str):
        page.write_string(*at, value, formats[style])
    elif isinstance(value, datetime):
        page.write_datetime(*at, value.replace(tzinfo=None), formats[style if style.startswith("time") else "time"])
    else:
        page.write_number(*at, value, formats[style])


def _text(value: Any) -> str:
    bare = value.value if isinstance(value, Styled) else value
    if isinstance(bare, datetime):
        return "0000-00-00 00:00"
    return f"{bare:,.2f}" if isinstance(bare, float) else "" if bare is None else str(bare)


def _captures(contents: Contents) -> Sheet:
    columns = [
        ("No.", "count"), ("Capture", "text"), ("Provider", "text"), ("Collection", "text"), ("Acquired (UTC)", "time"),
        ("Cloud %", "one"), ("Off-nadir °", "one"), ("GSD m", "two"),
    ]  # fmt: skip
    rows: list[tuple[Any, ...]] = [
        (line.number, line.id, line.host, line.collection, line.acquired, line.cloud, line.off_nadir, line.gsd)
        for line in contents.lines
    ]
    if contents.groups:
        columns += [("Group", "count"), ("Group credits", "count"), ("Group A$", "money")]
        costs = {number: (number, group.credits, float(group.aud)) for number, group in enumerate(contents.groups, 1)}
        rows = [(*row, *costs.get(line.group or 0, (None, None, None))) for row, line in zip(rows, contents.lines, strict=True)]
    return Sheet("Captures", columns, rows, frozen=2)


def _summary(contents: Contents) -> Sheet:
    rows: list[tuple[str, Any]] = [("Title", Styled(contents.title, "strong"))]
    if contents.total_credits is not None and contents.total_aud is not None:
        rows.append(("Total, credits", Styled(contents.total_credits, "count_left")))
        rows.append(("Total, A$", Styled(float(contents.total_aud), "money_left")))
    else:
        rows.append(("Price", ": ".join(contents.no_price)))
    rows += contents.order_facts
    rows.append(("Captures", Styled(len(contents.lines), "count_left")))
    if contents.unpriced:
        rows.append(("Captures without a price", Styled(len(contents.unpriced), "count_left")))
    if contents.groups:
        rows.append(("Groups", Styled(len(contents.groups), "count_left")))
    if contents.priced_km2 is not None:
        rows.append(("Area priced, km²", Styled(round(contents.priced_km2, 3), "km2_left")))
    if contents.area_km2 is not None:
        rows.append(("Area covered, km² (overlaps counted once)", Styled(round(contents.area_km2, 3), "km2_left")))
    if contents.area is not None:
        rows.append(("Area of interest, km²", Styled(round(contents.area.km2, 3), "km2_left")))
    if contents.owned:
        rows.append(("Owned", contents.owned))
    rows += [("Options", contents.options), ("Hosts", ", ".join(contents.hosts))]
    if contents.time is not None:
        rows.append(("Placed (UTC)" if contents.kind == "order" else "Priced (UTC)", contents.time))
    rows.append(("About the prices", contents.price_note))
    if contents.fingerprint is not None:
        rows.append(("Cart fingerprint", contents.fingerprint))
    return Sheet("Summary", (("Field", "text"), ("Value", "wrapped")), rows)


def _compared(value: Any, style: str) -> Any:
    if value is None:
        return Styled("–", "text_right")
    if isinstance(value, str):
        return Styled(value, "text_right")
    return Styled(float(value) if isinstance(value, Decimal) else value, "time_right" if style in {"time", "day"} else style)
