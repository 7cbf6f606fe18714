"""The card of one order: its state, its price, its delivery, and a way to cancel it."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Any

import ipywidgets as W  # noqa: N812  # as its own documentation calls it

from scenecart._api.order_states import DELIVERED, ENDED
from scenecart._delivery.paths import safe_name
from scenecart._util.text import clean_text, pluralize
from scenecart.exceptions import ScenecartError
from scenecart.widgets import _style
from scenecart.widgets._map import FootprintMap
from scenecart.widgets._order_map import DeliveredImagery, open_delivered

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from scenecart._orders.order import Order
    from scenecart.widgets._jobs import Job, Runner

_PROGRESS_SECONDS = 0.1
_MOST_PATHS = 12
_ACTIONS = ("cancel", "download", "items")


class OrderCard:
    """One order as a card; ``view`` is its widget.

    Parameters
    ----------
    order
        The order.
    runner
        Runs background jobs.
    directory
        The directory to download into, which several orders may share.
    basemap
        For the map of delivered items; see :class:`FootprintMap`.
    """

    def __init__(self, order: Order, runner: Runner, directory: Path, basemap: Any) -> None:
        self.order = order
        self._runner, self._directory, self._basemap = runner, directory, basemap
        self._displayed: tuple[Any, ...] = ()
        self._progress_at = 0.0
        self._head = W.HTML()
        self._status = W.HTML()
        self._progress = W.FloatProgress(min=0, max=1, layout=W.Layout(width="100%", height="8px", display="none"))
        self._progress.style.bar_color = "#2a7f62"
        self._map_box = _style.box()
        self._cancel_button = _style.button("Cancel…", "Cancel this order")
        self._cancel_button.on_click(lambda _: self._confirm(is_open=True))
        tooltip = f"Download the files to {directory} and verify them"
        self._download_button = _style.button("Download", tooltip, kind="primary", icon="download")
        self._download_button.on_click(lambda _: self.download())
        self._map_button = _style.button("Show on map", "Show or hide the delivered imagery on a map", icon="map")
        self._map_button.on_click(lambda _: self.show_items())
        confirm = _style.button("Cancel the order", "Cancel the order now", kind="warning")
        confirm.on_click(lambda _: self.cancel())
        keep = _style.button("Do not cancel", "Keep the order")
        keep.on_click(lambda _: self._confirm(is_open=False))
        question = W.HTML(_style.message("Cancel this order? The service then says what is returned."))
        self._confirmation = _style.box(question, confirm, keep, kind="row", horizontal=True)
        buttons = _style.box(self._cancel_button, self._download_button, self._map_button, kind="row", horizontal=True)
        parts = (self._head, self._progress, self._status, buttons, self._confirmation, self._map_box)
        self.view = _style.box(*parts, kind="card")
        self._confirm(is_open=False)
        self.update()

    @property
    def is_busy(self) -> bool:
        """Whether it cancels, downloads or loads something."""
        return any(self._runner.is_busy(f"{action}-{self.order.id}") for action in _ACTIONS)

    def update(self) -> None:
        """Display the current state of the order, if it changed."""
        order = self.order
        current = (order.status, order.phase, order.total_credits, order.reason)
        if current == self._displayed:
            return
        self._displayed = current
        self._head.value = _style.render(
            "widget_order.html",
            id=clean_text(order.id, 80),
            steps=_steps(order),
            total_credits=order.total_credits,
            total_aud=order.total_aud,
            captures=len(order.captures),
            created="" if order.created is None else f"{order.created:%Y-%m-%d %H:%M} UTC",
            reason="" if order.reason is None else clean_text(order.reason, 300),
        )
        _style.set_visible(self._cancel_button, not order.is_finished)
        for button in (self._download_button, self._map_button):
            _style.set_visible(button, order.is_delivered)
        if order.is_finished:
            self._confirm(is_open=False)

    def cancel(self) -> None:
        """Cancel the order."""
        self._confirm(is_open=False)
        self._cancel_button.disabled = True
        self._run("cancel", "Cancelling…", lambda _: self.order.cancel(), self._cancelled)

    def download(self) -> None:
        """Download its files, verified, in the background."""
        self._download_button.disabled = True
        self._progress.value = 0.0
        _style.set_visible(self._progress, visible=True)
        # until 0.1.0, each order had a folder of its own
        own = self._directory / safe_name(self.order.id)
        target = own if own.is_dir() else self._directory

        def fetch(job: Job) -> tuple[list[Path], list[str]]:
            paths = self.order.download(target, progress=lambda share: self._show_progress(job, share))
            # what is on disk is shown also if the service cannot be asked any more
            with contextlib.suppress(ScenecartError):
                return paths, self.order.missing
            return paths, []

        self._run("download", "Downloading…", fetch, self._downloaded)

    def show_items(self) -> None:
        """Show the delivered imagery on a map, or hide the map."""
        if self._map_box.children:
            for part in self._map_box.children:
                part.close()
            self._map_box.children = ()
            return
        self._run("items", "Loading the delivered imagery…", lambda _: open_delivered(self.order), self._show_map)

    def _run(self, action: str, text: str, work: Callable[[Job], Any], done: Callable[[Any], object]) -> None:
        self._status.value = _style.message(text, kind="busy")
        self._runner.start(f"{action}-{self.order.id}", work, done, self._failed)

    def _show_progress(self, job: Job, share: float) -> None:
        now = time.monotonic()
        if not job.cancelled.is_set() and (now - self._progress_at >= _PROGRESS_SECONDS or share >= 1):
            self._progress_at = now
            self._progress.value = share

    def _cancelled(self, order: Order) -> None:
        # an order that was cancelled already keeps an older notice, such as that of its placement
        is_news = order.note is not None and order.note.code == "cancel_result"
        already = _style.message(f"The order was already {order.status}.", kind="success")
        self._status.value = _style.notice(order) if is_news else already
        self._cancel_button.disabled = False
        self.update()

    def _downloaded(self, result: tuple[list[Path], list[str]]) -> None:
        paths, missing = result
        _style.set_visible(self._progress, visible=False)
        self._download_button.disabled = False
        self._status.value = _style.render(
            "widget_files.html",
            count=len(paths),
            paths=[str(path) for path in paths[:_MOST_PATHS]],
            rest=max(0, len(paths) - _MOST_PATHS),
        )
        if missing:
            count = len(self.order.captures) or len(missing)
            text = f"{len(missing):,} of {pluralize(count, 'capture')} have not arrived yet."
            self._status.value += _style.message(text, "Download again later.", "error")

    def _show_map(self, found: DeliveredImagery) -> None:
        items = found.items
        missing = int((items["provenance"] == "missing").sum())
        text = f"{pluralize(len(items), 'item')} delivered."
        if missing:
            text += f" {missing:,} of them cannot be traced to this order."
        self._status.value = _style.message(text, kind="error" if missing else "info")
        shown = FootprintMap(items, basemap=self._basemap)
        shown.show_delivered(found)
        self._map_box.children = (shown,)

    def _failed(self, error: Exception) -> None:
        _style.set_visible(self._progress, visible=False)
        self._cancel_button.disabled = self._download_button.disabled = False
        self._status.value = _style.error_message(error)
        self.update()

    def _confirm(self, *, is_open: bool) -> None:
        _style.set_visible(self._confirmation, is_open)


def _steps(order: Order) -> list[tuple[str, str]]:
    """Return the steps of an order with the class of each: ``"done"``, ``"now"``, ``"lost"`` or none yet."""
    steps = [("placed", "done"), ("processing", "done" if order.is_finished else "now")]
    status = clean_text(order.status, 40)
    if order.phase == ENDED:
        return [*steps, (status, "lost")]
    if order.phase == DELIVERED:
        return [*steps, (status, "done")]
    if order.status != "processing":
        steps.append((status, "now"))
    return [*steps, ("delivered", "")]
