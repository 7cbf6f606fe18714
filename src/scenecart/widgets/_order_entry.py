"""Orders as widgets display them: each with its files, its progress and its state."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from scenecart._api.order_states import DELIVERED, ENDED
from scenecart._util.text import clean_text

if TYPE_CHECKING:
    from scenecart._cart.estimate import Estimate
    from scenecart._orders.order import Order
    from scenecart.widgets._notes import Note
    from scenecart.widgets._order_files import OrderFile

# the questions about an order
CANCEL, AGAIN = "cancel", "again"


@dataclass
class Entry:
    """An order as it is displayed.

    Attributes
    ----------
    order : Order
        The order.
    files : list of OrderFile
        Its files on this machine.
    arrived : int or None
        How many of its captures have arrived; None if unknown.
    progress : float or None
        How much of a download is done, 0 to 1; None if nothing is downloaded.
    busy : str
        The action that is running.
    note : Note or None
        What happened last.
    question : str
        The question to confirm: ``"cancel"``, ``"again"`` or nothing.
    again : Estimate or None
        The present price of the same purchase.
    is_on_map : bool
        Whether its imagery is on a map.
    is_open : bool
        Whether its captures and files are displayed.
    """

    order: Order
    files: list[OrderFile] = field(default_factory=list)
    arrived: int | None = None
    progress: float | None = None
    busy: str = ""
    note: Note | None = None
    question: str = ""
    again: Estimate | None = None
    is_on_map: bool = False
    is_open: bool = False

    @property
    def rank(self) -> int:
        """The place in the list: running orders, then what is not on this machine, then the rest."""
        if not self.order.is_finished:
            return 0
        return 1 if self.order.is_delivered and not self.files else 2

    @property
    def is_downloadable(self) -> bool:
        """Whether files of it can be fetched, also before all of it is delivered."""
        return self.order.is_delivered or (not self.order.is_finished and bool(self.arrived))


def state_of_order(entry: Entry) -> tuple[str, str, str]:
    """Return the label, the colour and the icon for the state of an order.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> state_of_order(Entry(SimpleNamespace(phase="ended", status="cancelled", is_finished=True)))
    ('Cancelled', 'grey', 'x')
    """
    order = entry.order
    if order.phase == DELIVERED:
        return ("Downloaded", "grey", "check") if entry.files else ("Not downloaded", "box", "dl")
    status = clean_text(order.status, 30)
    if order.phase == ENDED:
        return status.capitalize(), "bad" if status == "failed" else "grey", "x"
    return ("Running" if status == "processing" else status.capitalize()), "blue", "redo"
