"""Reports on spending."""

from __future__ import annotations

import io
import json
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd

from scenecart.report._csv import csv_of
from scenecart.report._markdown import escaped, markdown_table
from scenecart.report._model import safe_text

if TYPE_CHECKING:
    from scenecart._office.spending import Spending
    from scenecart.report._drawing import Drawing

_TITLES = {
    "orders": "Orders",
    "reserved": "Reserved",
    "charged": "Charged",
    "refunded": "Refunded",
    "credits": "Credits",
    "aud": "A$",
}
_NOTE = (
    "Credits of the service's orders: reserved by orders that are processing, charged for delivered ones, refunded for those that "
    "ended without delivery. 100 credits are 1 Australian dollar."
)
_TAGS = " An order with several tags counts in each of them, so the rows add up to more than the total."
_STAMP = datetime(2000, 1, 1, tzinfo=UTC)
_MOST_BARS = 24
_WIDTH, _BAR = 500.0, 16.0


def spending_to(suffix: str, spending: Spending, title: str | None) -> bytes:
    """Return the report in the format of a suffix."""
    heading = safe_text(title, 200) or f"Spending by {spending.by}"
    return _WRITERS[suffix](spending, heading)


def rows_of(spending: Spending) -> list[list[str]]:
    """Return the rows as text, without characters that would be markup or a line break."""
    return [
        [safe_text(key, 120) or "–", *(f"{value:,.2f}" if name == "aud" else f"{value:,}" for name, value in row.items())]
        for key, row in spending.iterrows()
    ]


def _plain(spending: Spending) -> pd.DataFrame:
    frame = pd.DataFrame(spending).reset_index()
    return frame.astype({"aud": "float64", str(spending.by): "str"})


def _note(spending: Spending) -> str:
    return _NOTE + (_TAGS if spending.by == "tag" else "")


def _titles(spending: Spending) -> tuple[str, ...]:
    return (spending.by.capitalize(), *_TITLES.values())


def _csv(spending: Spending, _: str) -> bytes:
    frame = _plain(spending)
    return csv_of([list(frame.columns), *frame.itertuples(index=False)])


def _markdown(spending: Spending, title: str) -> bytes:
    rows = [[escaped(cell) for cell in row] for row in rows_of(spending)]
    lines = [f"# {escaped(title)}", "", *markdown_table(_titles(spending), "lrrrrrr", rows), "", escaped(_note(spending)), ""]
    return "\n".join(lines).encode("utf-8", "replace")


def _xlsx(spending: Spending, title: str) -> bytes:
    from scenecart.report._xlsx import Sheet, workbook  # noqa: PLC0415  # an extra

    styles = ("text", "count", "count", "count", "count", "count", "money")
    columns = tuple(zip(_titles(spending), styles, strict=True))
    rows = [tuple(row) for row in _plain(spending).itertuples(index=False)]
    about = Sheet("About", (("About", "wrapped"),), [(title,), (_note(spending),)])
    return workbook([Sheet("Spending", columns, rows, frozen=1), about], title, _STAMP)


def _html(spending: Spending, title: str) -> bytes:
    from scenecart._util.html import render  # noqa: PLC0415  # likewise
    from scenecart.report._drawing import to_svg  # noqa: PLC0415  # likewise

    plot = to_svg(_plot(spending), f"spending {title}") if len(spending) else None
    page = render(
        "spending.html",
        report={"title": title, "note": _note(spending)},
        titles=_titles(spending),
        rows=rows_of(spending),
        plot=plot,
    )
    return page.encode("utf-8", "replace")


def _pdf(spending: Spending, title: str) -> bytes:
    from reportlab.platypus import Flowable, Spacer  # noqa: PLC0415  # an extra

    from scenecart.report._pdf_canvas import draw_drawing  # noqa: PLC0415  # likewise
    from scenecart.report._pdf_fonts import warn_of_missing_letters  # noqa: PLC0415  # likewise
    from scenecart.report._pdf_listing import Text, listing  # noqa: PLC0415  # likewise
    from scenecart.report._pdf_parts import document, head, notes  # noqa: PLC0415  # likewise

    class Plot(Flowable):  # type: ignore[misc]  # reportlab ships no types
        """The bars."""

        def __init__(self, drawing: Drawing) -> None:
            super().__init__()
            self._drawing = drawing
            self.width, self.height = drawing.width, drawing.height

        def draw(self) -> None:
            draw_drawing(self.canv, self._drawing, 0, 0)

    warn_of_missing_letters([title, *map(str, spending.index)])
    total = f"{int(spending['credits'].sum()):,} credits" if spending.by != "tag" else ""
    rows = [[Text(name), *amounts] for name, *amounts in rows_of(spending)]
    parts: list[Any] = [head(title, f"by {spending.by}", total, "", is_price=True), Spacer(0, 14)]
    parts += [Plot(_plot(spending)), Spacer(0, 10)] if rows else []
    parts += [listing(_titles(spending), (0,) * len(_titles(spending)), "lrrrrrr", rows), *notes([_note(spending)], None)]
    return document(parts, title=title, stamp=_STAMP, foot="")


def _parquet(spending: Spending, _: str) -> bytes:
    stream = io.BytesIO()
    _plain(spending).to_parquet(stream, index=False)
    return stream.getvalue()


def _layer(spending: Spending) -> gpd.GeoDataFrame:
    frame = _plain(spending)
    return gpd.GeoDataFrame(frame, geometry=[None] * len(frame), crs=4326)


def _geojson(spending: Spending, title: str) -> bytes:
    document = json.loads(_layer(spending).to_json(drop_id=True))
    return json.dumps({**document, "scenecart": {"title": title, "by": spending.by}}).encode()


def _gpkg(spending: Spending, _: str) -> bytes:
    with tempfile.TemporaryDirectory(prefix="scenecart-") as folder:
        path = Path(folder) / "spending.gpkg"
        _layer(spending).to_file(path, layer="spending", driver="GPKG", geometry_type="Unknown")
        return path.read_bytes()


def _plot(spending: Spending) -> Drawing:
    """Return a bar chart of charged and reserved credits, the largest first; months stay in order."""
    from scenecart._util.style import CLIPPED, FOOTPRINT, INK, MUTED, TEXT  # noqa: PLC0415  # beside it
    from scenecart.report._drawing import Drawing, Lines, Pen, TextLine, rectangle, ticks  # noqa: PLC0415  # numpy

    table = spending if spending.by == "month" else spending.sort_values("credits", ascending=False)
    shown = table.tail(_MOST_BARS) if spending.by == "month" else table.head(_MOST_BARS)
    names = [safe_text(key, 32) for key in shown.index]
    charged, reserved = (shown[name].astype(float).tolist() for name in ("charged", "reserved"))
    left, bottom, right, top = _WIDTH * 0.3, 34.0, _WIDTH * 0.96, 34.0 + len(names) * _BAR
    drawing = Drawing(_WIDTH, top + 6, (left - 1, bottom, _WIDTH, top + 6), "Bars of credits")
    most = max(1.0, *(sum(both) for both in zip(charged, reserved, strict=True)))
    scale = (right - left) / most
    amounts, _ = ticks(0.0, most)
    lines = [np.array([(left + at * scale, bottom), (left + at * scale, top)]) for at in amounts]
    drawing.add(Lines(lines, Pen(stroke=INK, width=0.6, opacity=0.2)))
    drawing.add(*(TextLine(left + at * scale, bottom - 9, f"{at:,.0f}", 7, MUTED) for at in amounts))
    for number, name in enumerate(names):
        low, high = top - (number + 0.8) * _BAR, top - (number + 0.2) * _BAR
        end = left + charged[number] * scale
        drawing.add(
            Lines([rectangle(left, low, end, high)], Pen(fill=CLIPPED), closed=True),
            Lines([rectangle(end, low, end + reserved[number] * scale, high)], Pen(fill=FOOTPRINT, opacity=0.4), closed=True),
            TextLine(left - 5, (low + high) / 2, name, 7, TEXT, "end"),
        )
    drawing.add(TextLine((left + right) / 2, 9, "credits: charged, and reserved (lighter)", 7, TEXT))
    return drawing


_WRITERS = {
    ".csv": _csv,
    ".geojson": _geojson,
    ".gpkg": _gpkg,
    ".html": _html,
    ".md": _markdown,
    ".parquet": _parquet,
    ".pdf": _pdf,
    ".xlsx": _xlsx,
}
