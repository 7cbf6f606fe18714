"""The gallery: each capture cut to the area of interest, all at one scale, to browse and select."""

from __future__ import annotations

import base64
import math
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import anywidget
import ipywidgets as W  # noqa: N812  # as its own documentation calls it
import numpy as np
import pandas as pd
import traitlets as t

from scenecart._captures.properties import AREA_CLOUD, DATETIME
from scenecart._captures.times import acquired_texts, has_times
from scenecart._util.keywords import checked_keywords
from scenecart._util.text import clean_text, pluralize
from scenecart.exceptions import InvalidRequest
from scenecart.widgets import _style
from scenecart.widgets._base import Panel, checked_client
from scenecart.widgets._capture_text import area_cloud_text, owned_text
from scenecart.widgets._facets import COVERAGE
from scenecart.widgets._jobs import LOCK, Runner, synchronized
from scenecart.widgets._owned_marks import OwnedMarks
from scenecart.widgets._pictures import MOST_AT_ONCE, SIDES, CutPictures, large_quicklook, small_quicklook
from scenecart.widgets._rows import RowPicker, sorted_rows
from scenecart.widgets._state import CaptureState

if TYPE_CHECKING:
    from PIL import Image

    from scenecart._geo.area import Area

_WINDOW, _MOST_WINDOW = 60, MOST_AT_ONCE
_WORKERS, _PREVIEW_WORKERS = 4, 3
_STATIC_PICTURES = 12
# column, label, whether the largest comes first
_ORDERS = (
    ("", "As found", False),
    (DATETIME, "Newest", True),
    (DATETIME, "Oldest", False),
    ("eo:cloud_cover", "Least cloud", False),
    (AREA_CLOUD, "Least cloud over the area", False),
    ("view:off_nadir", "Least off-nadir", False),
    ("gsd", "Finest GSD", False),
    (COVERAGE, "Covers most", True),
    ("owned", "Owned", True),
)


class _Cells(anywidget.AnyWidget):
    """The cells in the browser; see ``gallery.js``. Pictures are messages, never traits, which are saved with a notebook."""

    _esm = files("scenecart.widgets").joinpath("gallery.js").read_text("utf-8")
    _style = t.Unicode(files("scenecart.widgets").joinpath("gallery.css").read_text("utf-8")).tag(sync=True)
    count = t.Int(0).tag(sync=True)
    side = t.Int(176).tag(sync=True)
    nothing = t.Unicode("").tag(sync=True)
    view: t.Dict[str, Any] = t.Dict({"start": 0, "rows": []}).tag(sync=True)
    selected: t.List[int] = t.List().tag(sync=True)
    reveal = t.Int(-1).tag(sync=True)
    current = t.Int(-1).tag(sync=True)
    turn = t.Int(0).tag(sync=True)


class Gallery(Panel):
    """Quicklooks of captures cut to the area of interest, with date, cloud, off-nadir, coverage, price and what is owned.

    All pictures show the same area at the same scale. A click or the arrow keys and space pick captures; the selection is that
    of the map and the table with the same captures. Pictures are fetched as they come into view, small ones first, and for the next
    screen ahead.

    Parameters
    ----------
    captures
        A search result (EPSG:4326), a :class:`CaptureMap`, or the state of another widget, which the two then share.
    aoi
        The area of interest, in any format that ``search`` accepts; None takes that of the state, or shows whole captures.
    client
        The connection that fetches quicklooks.

    Attributes
    ----------
    active : hashable or None
        The index label of the current capture, under the pointer or chosen with keys.

    Examples
    --------
    >>> import scenecart
    >>> client = scenecart.connect("sandbox")
    >>> coast = (151.16, -34.0, 151.26, -33.9)
    >>> captures = client.search("aurora", collections="aurora-50cm", aoi=coast, datetime="2024-01/2024-06")
    >>> gallery = Gallery(captures, coast, client=client)
    >>> gallery.sort = "Least cloud"
    >>> bool(gallery.shown["eo:cloud_cover"].is_monotonic_increasing)
    True
    >>> gallery.close()
    """

    active = t.Any(None, allow_none=True)

    @checked_keywords()
    def __init__(self, captures: Any, aoi: Any = None, *, client: Any) -> None:
        quicklook, preview = large_quicklook(checked_client(client)), small_quicklook(client)
        state = getattr(captures, "state", captures)
        self.state = state if isinstance(state, CaptureState) else CaptureState(captures)
        if aoi is not None:
            self.state.aoi = aoi
        self._runner, self._previews = Runner(_WORKERS, resend=self.resend_state), Runner(_PREVIEW_WORKERS)
        self._picker = RowPicker(self.state)
        self._captures: Any = None
        self._cover: Any = None
        self._shown_as: tuple[int, Area | None] = (-1, None)
        self._window = (0, _WINDOW)
        self._cells = _Cells()
        self._pictures = CutPictures(
            self.state, quicklook, self._runner, self._send_pictures, self._show_error, preview=(preview, self._previews)
        )
        self._cells.on_msg(self._receive)
        self._make_controls()
        super().__init__(_style.style_sheet(), self._head, self._cells)
        with LOCK:
            # jobs of other widgets may change the shared state at any time
            self.watch(self.state, self._replace_captures, "captures")
            self.watch(self.state, self._replace_captures, "aoi")
            self.watch(self.state, self._update_rows, "revision")
            self.watch(self.state, self._show_selection, "selection")
            self.watch(self.state, self._follow, "current")
            self._replace_captures(None)
        self._marks = OwnedMarks(client, self.state, self._runner)

    @property
    def sort(self) -> str:
        """The order, such as ``"Newest"`` or ``"Least cloud"``; the list offers those that the captures have values for."""
        return str(self._sort.label)

    @sort.setter
    def sort(self, label: str) -> None:
        if label not in self._sort_labels():
            raise InvalidRequest(
                f"must be one of {', '.join(self._sort_labels())}, got {clean_text(label, 80)!r}.",
                argument="sort",
                code="gallery_sort_unknown",
            )
        self._sort.label = label

    @property
    def shown(self) -> Any:
        """The captures in the order of their pictures, as a GeoDataFrame."""
        return self.state.captures.iloc[self._picker.order]

    @property
    def is_busy(self) -> bool:
        """Whether pictures are being fetched."""
        return self._runner.is_any_busy() or self._previews.is_any_busy()

    def picture(self, label: Any, side: int = 256) -> Image.Image | None:
        """Return one capture cut to the area, as it is shown.

        Parameters
        ----------
        label
            Its index label.
        side
            Width and height, in pixels; 64 to 512.

        Raises
        ------
        ScenecartError
            If the service fails.
        """
        position = int(self.state.captures.index.get_loc(label))
        return self._pictures.draw(position, min(max(side, SIDES[0]), SIDES[1]))

    def static_html(self) -> str:
        """Return the pictures that were shown first, for places without live widgets."""
        cells: list[dict[str, Any]] = []
        with LOCK:
            kept = self._pictures.kept()
            shown = [one for one in self._picker.order[:_MOST_WINDOW].tolist() if one in kept][:_STATIC_PICTURES]
            for position, texts in zip(shown, self._texts(shown), strict=True):
                source = f"data:image/webp;base64,{base64.b64encode(kept[position]).decode()}"
                cells.append({"source": source, **texts})
            count = len(self._picker.order)
        return _style.render("widget_gallery.html", cells=cells, count=count, rest=count - len(cells))

    def release(self) -> None:
        """End background jobs."""
        self._marks.release()
        self._runner.close()
        self._previews.close()

    def _make_controls(self) -> None:
        style = {"description_width": "initial"}
        self._sort = W.Dropdown(options=["As found"], description="Sort by", style=style, layout=W.Layout(width="236px"))
        self._sort.observe(self._update_rows, "value")
        self._size = W.IntSlider(
            value=176, min=112, max=352, step=16, description="Size", readout=False, style=style, layout=W.Layout(width="140px")
        )
        self._size.tooltip = "Size of the pictures"
        self._size.observe(lambda change: setattr(self._cells, "side", change["new"]), "value")
        self._status = W.HTML()
        controls = _style.box(self._sort, self._size, kind="row", horizontal=True)
        self._head = _style.box(controls, self._status, kind="row", horizontal=True)
        self._head.layout.justify_content = "space-between"

    def _show_error(self, error: BaseException) -> None:
        self._status.value = _style.error_message(error)

    def _sort_labels(self) -> list[str]:
        columns = {*self.state.captures.columns, "", *([COVERAGE] if self.state.aoi is not None else [])}
        if has_times(self.state.captures):
            columns.add(DATETIME)
        return [label for column, label, _ in self._orders() if column in columns]

    def _orders(self) -> list[tuple[str, str, bool]]:
        prices = [facet.name for facet in self.state.facets if facet.title.startswith("Price")]
        return [*_ORDERS, *((name, "Lowest price", False) for name in prices)]

    def _replace_captures(self, _: Any) -> None:
        with LOCK:
            area = self.state.aoi
            if self._shown_as == (self.state.rows, area):
                # columns that arrive later do not change pictures
                self._update_orders()
                self._update_rows()
                return
            self._shown_as = self.state.rows, area
            self._pictures.reset()
            self._cells.turn = self._pictures.turn
            self._cover = self.state.values(COVERAGE) if area is not None and len(self.state.captures) else None
            self._update_orders()
            self._update_rows()

    def _update_orders(self) -> None:
        chosen, labels = self._sort.label, self._sort_labels()
        if tuple(labels) != tuple(self._sort.options):
            self._sort.options = labels
            self._sort.label = chosen if chosen in labels else labels[0]

    def _update_rows(self, _: Any = None) -> None:
        with LOCK:
            if self._shown_as != (self.state.rows, self.state.aoi):
                # other captures, or another area, are replaced as a whole
                return
            rows = np.flatnonzero(self.state.keep)
            column, descending = next((name, down) for name, label, down in self._orders() if label == self._sort.label)
            # the captures or the area may have changed before the list of orders does
            if column and len(rows) and self._sort.label in self._sort_labels():
                captures = self.state.captures
                values = pd.Series(self.state.values(column)) if column in {COVERAGE, DATETIME} else captures[column]
                rows = sorted_rows(values.iloc[rows], rows, descending=descending)
            self._captures = self.state.captures
            self._picker.show(rows)
            self._cells.nothing = "No captures match the filters." if len(self.state.captures) else "No captures."
            self._cells.count = len(rows)
            self._send_rows()
            self._follow(None)

    def _send_rows(self) -> None:
        start, size = self._window
        start = max(0, min(start, len(self._picker.order) - 1))
        window = self._picker.order[start : start + size].tolist()
        rows = [{"key": one, **texts} for one, texts in zip(window, self._texts(window), strict=True)]
        with self._cells.hold_sync():
            self._cells.view = {"start": start, "rows": rows}
            self._send_selection()

    def _send_selection(self) -> None:
        self._cells.selected = self._picker.selected_in(self._cells.view["start"], len(self._cells.view["rows"]))
        count, chosen = len(self._picker.order), len(set(self.state.selection))
        view = self._pictures.view
        scale = "" if view is None else f" · each {_distance(view.metres)} wide"
        self._status.value = _style.message(f"{pluralize(count, 'capture')} · {chosen:,} selected{scale}")

    def _texts(self, positions: list[int]) -> list[dict[str, Any]]:
        """Return what is written below each picture."""
        # the times of all at once, as reading those of one takes milliseconds
        acquired = acquired_texts(self.state.captures.iloc[positions])
        return [self._text(one, time) for one, time in zip(positions, acquired, strict=True)]

    def _text(self, position: int, acquired: str) -> dict[str, Any]:
        capture = self.state.captures.iloc[position]
        name = clean_text(capture.get("id"), 120)
        cover = None if self._cover is None else float(self._cover[position])
        covers = "" if cover is None or math.isnan(cover) else f"covers {math.floor(cover + 1e-6):.0f} %"
        prices = [facet for facet in self.state.facets if facet.title.startswith("Price")]
        price = [_number(capture, facet.name, _price_unit(facet.title)) for facet in prices[:1]]
        share = pd.to_numeric(capture["owned"], errors="coerce") if "owned" in capture.index else 0.0
        owned = owned_text(share)
        lines = [
            [area_cloud_text(capture) or _number(capture, "eo:cloud_cover", " % cloud")],
            [_number(capture, "view:off_nadir", "° off-nadir", ".1f"), covers],
            price,
        ]
        return {
            "id": name,
            "title": acquired or name,
            "facts": [" · ".join(fact for fact in line if fact) for line in lines],
            "owned": "owned" if owned.startswith("100 %") else owned,
        }

    def _show_selection(self, _: Any) -> None:
        if self._captures is not self.state.captures:
            # new captures drop selected rows before this gallery lists them
            return
        self._send_selection()
        row = self._picker.row_of_only_one()
        start, count = self._window
        if row is not None and not start <= row < start + count:
            self._cells.reveal = row

    @synchronized
    def _follow(self, _: Any) -> None:
        """Mark the picture of the current capture."""
        label = self.state.current
        if self._captures is not self.state.captures:
            return
        self.active = label
        position = -1 if label is None else int(self._captures.index.get_loc(label))
        found = np.flatnonzero(self._picker.order == position)
        self._cells.current = int(found[0]) if len(found) else -1

    def _send_pictures(self, content: dict[str, Any], buffers: list[bytes]) -> None:
        self._cells.send(content, buffers)

    def _receive(self, _: Any, content: dict[str, Any], __: Any) -> None:
        """Handle a message of the cells in the browser."""
        kind = content.get("kind")
        if kind == "window":
            start, size = int(content["start"]), int(content["size"])
            self._window = (max(0, start - size), min(_MOST_WINDOW, 3 * max(1, size)))
            self._send_rows()
        elif kind == "active":
            row = int(content["row"])
            if 0 <= row < len(self._picker.order):
                (self.active,) = self.state.labels([self._picker.order[row]])
                self.state.current = self.active
        elif kind == "pictures":
            self._pictures.request(content)
        else:
            self._picker.receive(content)


def _number(capture: pd.Series[Any], name: str, unit: str, form: str = ".3g") -> str:
    value = float(pd.to_numeric(pd.Series([capture.get(name)]), errors="coerce").iloc[0])
    return "" if math.isnan(value) else f"{value:,.0f}{unit}" if abs(value) >= 100 else f"{value:{form}}{unit}"  # noqa: PLR2004  # three digits


def _price_unit(title: str) -> str:
    """Return the unit in the title of a price.

    Examples
    --------
    >>> _price_unit("Price, credits km²"), _price_unit("Price")
    (' credits/km²', '')
    """
    unit = title.removeprefix("Price").strip(", ").replace(" km²", "/km²")
    return f" {unit}" if unit else ""


def _distance(metres: float) -> str:
    """Return a distance as people read it.

    Examples
    --------
    >>> _distance(850.0), _distance(12_345.0)
    ('850 m', '12 km')
    """
    return f"{metres:.0f} m" if metres < 1_000 else f"{metres / 1_000:.1f} km" if metres < 10_000 else f"{metres / 1_000:.0f} km"  # noqa: PLR2004  # metres and kilometres
