"""The gallery: each capture cut to the area of interest, all at one scale, to look through and pick from."""

from __future__ import annotations

import base64
import math
from collections import OrderedDict
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import anywidget
import ipywidgets as W  # noqa: N812  # as its own documentation calls it
import numpy as np
import pandas as pd
import shapely
import traitlets as t

from scenecart._captures.properties import AREA_CLOUD, DATETIME
from scenecart._captures.times import acquired_texts, has_times
from scenecart._imagery.area_view import AreaView
from scenecart._imagery.picture import encode
from scenecart._util.keywords import checked_keywords
from scenecart._util.text import clean_text, pluralize
from scenecart.exceptions import InvalidRequest, ScenecartError
from scenecart.widgets import _style
from scenecart.widgets._base import Panel, checked_client
from scenecart.widgets._capture_text import area_cloud_text, describe, owned_text
from scenecart.widgets._jobs import LOCK, Job, Runner
from scenecart.widgets._owned_marks import OwnedMarks
from scenecart.widgets._rows import RowPicker, sorted_rows
from scenecart.widgets._state import COVERAGE, CaptureState

if TYPE_CHECKING:
    from collections.abc import Callable

    from PIL import Image

    from scenecart._geo.area import Area

    Quicklook = Callable[[pd.Series[Any]], bytes | None]

_WINDOW, _MOST_WINDOW = 60, 400
_SIDES = (64, 512)
_WORKERS = 4
# pictures of one message: the first ones show early
_AT_ONCE = 4
_KEPT_PICTURES = 800
_STILL_PICTURES = 12
_QUALITY = 82
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
    turn = t.Int(0).tag(sync=True)


class Gallery(Panel):
    """Quicklooks of captures cut to the area of interest, with date, cloud, off-nadir, coverage, price and what is owned.

    All pictures show the same ground at the same scale. A click or the arrow keys and space pick captures; the selection is that
    of the map and the table with the same captures. Pictures are fetched as they come into view.

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
        The index label of the capture that the keys are at.

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
        self._quicklook: Quicklook = _large_quicklook(checked_client(client))
        state = getattr(captures, "state", captures)
        self.state = state if isinstance(state, CaptureState) else CaptureState(captures)
        if aoi is not None:
            self.state.aoi = aoi
        self._runner = Runner(_WORKERS, resend=self.resend_state)
        self._picker = RowPicker(self.state)
        self._captures: Any = None
        self._shown_as: tuple[int, Area | None] = (-1, None)
        self._view: AreaView | None = None
        self._window = (0, _WINDOW)
        self._visible: set[int] = set()
        self._jobs = 0
        self._pictures: OrderedDict[tuple[int, int], bytes] = OrderedDict()
        self._cells = _Cells()
        self._cells.on_msg(self._receive)
        self._make_controls()
        super().__init__(_style.style_sheet(), self._head, self._cells)
        self.watch(self.state, self._replace_captures, "captures")
        self.watch(self.state, self._replace_captures, "aoi")
        self.watch(self.state, self._update_rows, "revision")
        self.watch(self.state, self._show_selection, "selection")
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
        return self._runner.is_any_busy()

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
        return self._draw(position, min(max(side, _SIDES[0]), _SIDES[1]))

    def static_html(self) -> str:
        """Return the pictures that were shown first, for places without live widgets."""
        cells: list[dict[str, Any]] = []
        with LOCK:
            kept = {position: content for (position, _), content in self._pictures.items() if content}
            for position in self._picker.order[:_MOST_WINDOW].tolist():
                if position in kept and len(cells) < _STILL_PICTURES:
                    source = f"data:image/webp;base64,{base64.b64encode(kept[position]).decode()}"
                    cells.append({"source": source, **self._texts(position)})
            count = len(self._picker.order)
        return _style.render("widget_gallery.html", cells=cells, count=count, rest=count - len(cells))

    def release(self) -> None:
        """End background jobs."""
        self._marks.release()
        self._runner.close()

    def _make_controls(self) -> None:
        style = {"description_width": "initial"}
        self._sort = W.Dropdown(options=["As found"], description="Sort by", style=style, layout=W.Layout(width="270px"))
        self._sort.observe(self._update_rows, "value")
        self._size = W.IntSlider(
            value=176, min=112, max=352, step=16, description="Size", readout=False, style=style, layout=W.Layout(width="180px")
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
                # columns that were found out later change no picture
                self._update_orders()
                self._update_rows()
                return
            self._shown_as = self.state.rows, area
            self._view = None if area is None else AreaView.around(area.geometry)
            self._pictures.clear()
            self._visible = set()
            self._cells.turn += 1
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

    def _send_rows(self) -> None:
        start, size = self._window
        start = max(0, min(start, len(self._picker.order) - 1))
        window = self._picker.order[start : start + size].tolist()
        with self._cells.hold_sync():
            self._cells.view = {"start": start, "rows": [{"key": one, **self._texts(one)} for one in window]}
            self._send_selection()

    def _send_selection(self) -> None:
        self._cells.selected = self._picker.selected_in(self._cells.view["start"], len(self._cells.view["rows"]))
        count, chosen = len(self._picker.order), len(set(self.state.selection))
        scale = "" if self._view is None else f" · each {_distance(self._view.metres)} wide"
        self._status.value = _style.message(f"{pluralize(count, 'capture')} · {chosen:,} selected{scale}")

    def _texts(self, position: int) -> dict[str, Any]:
        """Return what is written below one picture."""
        capture = self.state.captures.iloc[position]
        (acquired,) = acquired_texts(self.state.captures.iloc[[position]])
        facts = [area_cloud_text(capture) or _number(capture, "eo:cloud_cover", " % cloud")]
        facts.append(_number(capture, "view:off_nadir", "° off-nadir"))
        cover = None if self._cover is None else float(self._cover[position])
        more = ["" if cover is None or math.isnan(cover) else f"covers {math.floor(cover + 1e-6):.0f} %"]
        prices = [facet for facet in self.state.facets if facet.title.startswith("Price")]
        more += [_number(capture, facet.name, _price_unit(facet.title)) for facet in prices[:1]]
        share = pd.to_numeric(capture["owned"], errors="coerce") if "owned" in capture.index else 0.0
        owned = owned_text(share)
        return {
            "id": describe(capture)["id"],
            "title": acquired or describe(capture)["id"],
            "facts": " · ".join(fact for fact in facts if fact),
            "more": " · ".join(text for text in (*more, owned) if text),
            "owned": bool(owned),
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
        elif kind == "pictures":
            self._request(content)
        else:
            self._picker.receive(content)

    def _request(self, content: dict[str, Any]) -> None:
        """Fetch and cut pictures in the background; those that leave the view before their turn are dropped."""
        turn, count = content.get("turn"), len(self.state.captures)
        if turn != self._cells.turn:
            return
        side = min(max(int(content.get("pixels", _SIDES[0])), _SIDES[0]), _SIDES[1])
        self._visible = {int(key) for key in content.get("visible", ())}
        keys = [int(key) for key in content.get("keys", ()) if 0 <= int(key) < count][:_MOST_WINDOW]
        for first in range(0, len(keys), _AT_ONCE):
            self._jobs += 1
            some = keys[first : first + _AT_ONCE]
            self._runner.start(f"pictures {self._jobs}", self._drawing(some, side, turn), self._send_pictures, self._show_error)

    def _drawing(self, keys: list[int], side: int, turn: int) -> Callable[[Job], dict[str, Any]]:
        def draw(_: Job) -> dict[str, Any]:
            made: dict[int, bytes] = {}
            error: ScenecartError | None = None
            for key in keys:
                if self._cells.turn == turn and key in self._visible:
                    try:
                        made[key] = self._encoded(key, side)
                    except ScenecartError as failure:
                        # one picture that cannot be fetched is an empty frame, and one line says why
                        made[key], error = b"", failure
            return {"turn": turn, "made": made, "dropped": [key for key in keys if key not in made], "error": error}

        return draw

    def _encoded(self, position: int, side: int) -> bytes:
        """Return a picture as WEBP; empty if there is none."""
        with LOCK:
            kept = self._pictures.get((position, side))
        if kept is not None:
            return kept
        picture = self._draw(position, side)
        content = b"" if picture is None else encode(np.asarray(picture), _QUALITY)
        with LOCK:
            self._pictures[position, side] = content
            while len(self._pictures) > _KEPT_PICTURES:
                self._pictures.popitem(last=False)
        return content

    def _draw(self, position: int, side: int) -> Image.Image | None:
        capture = self.state.captures.iloc[position]
        if "host" not in capture.index or "id" not in capture.index:
            return None
        content = self._quicklook(capture)
        view = self._view or _whole_view(capture)
        if content is None or view is None:
            return None
        cut = view.cut(content, capture, side)
        return None if cut is None else view.outlined(cut[0]) if self._view is not None else cut[0]

    def _send_pictures(self, found: dict[str, Any]) -> None:
        made: dict[int, bytes] = found["made"]
        if found["error"] is not None:
            self._show_error(found["error"])
        content = {"kind": "pictures", "turn": found["turn"], "keys": list(made), "dropped": found["dropped"]}
        self._cells.send(content, buffers=list(made.values()))


def _large_quicklook(client: Any) -> Quicklook:
    def fetch(capture: pd.Series[Any]) -> bytes | None:
        found: bytes | None = client.quicklook(capture, "large")
        return found

    return fetch


def _whole_view(capture: pd.Series[Any]) -> AreaView | None:
    """Return the view of a whole capture; None without a usable footprint."""
    footprint = capture.get("geometry")
    if footprint is None or not isinstance(footprint, shapely.Polygon | shapely.MultiPolygon) or footprint.is_empty:
        return None
    return AreaView.around(footprint, margin=0.0)


def _number(capture: pd.Series[Any], name: str, unit: str) -> str:
    value = float(pd.to_numeric(pd.Series([capture.get(name)]), errors="coerce").iloc[0])
    return "" if math.isnan(value) else f"{value:,.0f}{unit}" if abs(value) >= 100 else f"{value:.3g}{unit}"  # noqa: PLR2004  # three digits


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
