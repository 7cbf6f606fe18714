"""Reports as workbooks: numbers are numbers, times are times, and no text is a formula. The one file that names XlsxWriter."""

from __future__ import annotations

import io
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from scenecart.exceptions import missing_extra

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scenecart.report._model import Contents

_LOOKS: dict[str, dict[str, Any]] = {
    "head": {"bold": True, "bottom": 1, "text_wrap": True, "valign": "bottom"},
    "head_right": {"bold": True, "bottom": 1, "align": "right", "valign": "bottom"},
    "text": {"valign": "top"},
    "text_right": {"valign": "top", "align": "right"},
    "time_right": {"num_format": "yyyy-mm-dd hh:mm", "valign": "top", "align": "right"},
    "wrapped": {"text_wrap": True, "valign": "top", "align": "left"},
    "strong": {"bold": True, "valign": "top", "align": "left"},
    "whole": {"num_format": "#,##0", "valign": "top"},
    "whole_left": {"num_format": "#,##0", "valign": "top", "align": "left"},
    "money": {"num_format": '"A$"#,##0.00', "valign": "top"},
    "money_left": {"num_format": '"A$"#,##0.00', "valign": "top", "align": "left"},
    "km2": {"num_format": "#,##0.00", "valign": "top"},
    "km2_left": {"num_format": "#,##0.00", "valign": "top", "align": "left"},
    "one": {"num_format": "0.0", "valign": "top"},
    "two": {"num_format": "0.00", "valign": "top"},
    "time": {"num_format": "yyyy-mm-dd hh:mm", "valign": "top", "align": "left"},
}
_WIDEST = 64


@dataclass(frozen=True)
class Sheet:
    """One sheet: columns as (title, look), and rows of values; a value may bring its own look.

    ``scrolls`` says how many columns stay in view.
    """

    name: str
    columns: Sequence[tuple[str, str]]
    rows: Sequence[Sequence[Any]]
    scrolls: int = 0


@dataclass(frozen=True)
class Looking:
    """A value with a look of its own."""

    value: Any
    look: str


def to_xlsx(contents: Contents) -> bytes:
    """Return a workbook: summary, groups, captures and errors; a cart without prices has no sheets of them."""
    sheets = [_summary(contents)]
    if contents.groups:
        groups = [
            (number, len(group.ids), group.aoi_km2, group.credits, float(group.aud))
            for number, group in enumerate(contents.groups, 1)
        ]
        columns = (("Group", "whole"), ("Captures", "whole"), ("km²", "km2"), ("Credits", "whole"), ("A$", "money"))
        sheets.append(Sheet("Groups", columns, groups))
    sheets.append(_captures(contents))
    if contents.kind == "quote":
        errors = [(line.id, line.error) for line in contents.refused]
        sheets.append(Sheet("Errors", (("Capture", "text"), ("Why it has no price", "wrapped")), errors))
    return workbook(sheets, contents.title, contents.stamp)


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
    looks = {name: book.add_format(look) for name, look in _LOOKS.items()}
    for sheet in sheets:
        _fill(book.add_worksheet(sheet.name), looks, sheet)
    book.close()
    return stream.getvalue()


def _fill(page: Any, looks: dict[str, Any], sheet: Sheet) -> None:
    page.freeze_panes(1, sheet.scrolls)
    page.set_landscape()
    page.set_paper(9)
    page.fit_to_pages(1, 0)
    page.repeat_rows(0)
    page.set_footer("&L&F&R&P of &N")
    widths = []
    for place, (title, look) in enumerate(sheet.columns):
        is_figure = look in {"whole", "money", "km2", "one", "two", "text_right"}
        page.write_string(0, place, title, looks["head_right" if is_figure else "head"])
        longest = max([len(title), *(len(_written(row[place])) for row in sheet.rows)])
        widths.append(min(_WIDEST, longest + 3))
        page.set_column(place, place, widths[-1])
    for number, row in enumerate(sheet.rows, 1):
        for place, value in enumerate(row):
            _write(page, (number, place), value, sheet.columns[place][1], looks)
        lines = max(-(-len(_written(value)) // max(1, width - 3)) for value, width in zip(row, widths, strict=True))
        if lines > 1:
            page.set_row(number, 15 * lines)
    if sheet.rows and sheet.name in {"Groups", "Captures", "Errors"}:
        page.autofilter(0, 0, len(sheet.rows), len(sheet.columns) - 1)


def _write(page: Any, at: tuple[int, int], value: Any, look: str, looks: dict[str, Any]) -> None:
    if isinstance(value, Looking):
        value, look = value.value, value.look
    if value is None:
        return
    if isinstance(value, str):
        page.write_string(*at, value, looks[look])
    elif isinstance(value, datetime):
        page.write_datetime(*at, value.replace(tzinfo=None), looks[look if look.startswith("time") else "time"])
    else:
        page.write_number(*at, value, looks[look])


def _written(value: Any) -> str:
    plain = value.value if isinstance(value, Looking) else value
    if isinstance(plain, datetime):
        return "0000-00-00 00:00"
    return f"{plain:,.2f}" if isinstance(plain, float) else "" if plain is None else str(plain)


def _captures(contents: Contents) -> Sheet:
    columns = [
        ("No.", "whole"), ("Capture", "text"), ("Host", "text"), ("Collection", "text"), ("Acquired (UTC)", "time"),
        ("Cloud %", "one"), ("Off-nadir °", "one"), ("GSD m", "two"),
    ]  # fmt: skip
    rows: list[tuple[Any, ...]] = [
        (line.number, line.id, line.host, line.collection, line.taken, line.cloud, line.off_nadir, line.gsd)
        for line in contents.lines
    ]
    if contents.groups:
        columns += [("Group", "whole"), ("Group credits", "whole"), ("Group A$", "money")]
        costs = {number: (number, group.credits, float(group.aud)) for number, group in enumerate(contents.groups, 1)}
        rows = [(*row, *costs.get(line.group or 0, (None, None, None))) for row, line in zip(rows, contents.lines, strict=True)]
    return Sheet("Captures", columns, rows, scrolls=2)


def _summary(contents: Contents) -> Sheet:
    rows: list[tuple[str, Any]] = [("Title", Looking(contents.title, "strong"))]
    if contents.total_credits is not None and contents.total_aud is not None:
        rows.append(("Total, credits", Looking(contents.total_credits, "whole_left")))
        rows.append(("Total, A$", Looking(float(contents.total_aud), "money_left")))
    else:
        rows.append(("Price", "none: the service was not asked" if contents.kind == "cart" else "not told by the service"))
    rows += contents.order
    rows.append(("Captures", Looking(len(contents.lines), "whole_left")))
    if contents.groups:
        rows.append(("Groups", Looking(len(contents.groups), "whole_left")))
    if contents.area_km2 is not None:
        rows.append(("Ground, km²", Looking(round(contents.area_km2, 3), "km2_left")))
    if contents.area is not None:
        rows.append(("Area of interest, km²", Looking(round(contents.area.km2, 3), "km2_left")))
    rows += [("Options", contents.options), ("Hosts", ", ".join(contents.hosts))]
    if contents.made_at is not None:
        rows.append(("Placed (UTC)" if contents.kind == "order" else "Price of (UTC)", contents.made_at))
    rows.append(("How the price was obtained" if contents.kind != "cart" else "About prices", contents.how))
    if contents.fingerprint is not None:
        rows.append(("Cart fingerprint", contents.fingerprint))
    return Sheet("Summary", (("What", "text"), ("Value", "wrapped")), rows)
