"""What of a Workbench survives a reload or a restart."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from scenecart.exceptions import ScenecartError
from scenecart.widgets._bench.asked import Asked
from scenecart.widgets._bench.map import checked_bounds
from scenecart.widgets._bench.saved import frame_of_text, text_of_frame

if TYPE_CHECKING:
    from scenecart.client import Client
    from scenecart.widgets._bench.filtering import Filtering
    from scenecart.widgets._bench.map import BenchMap
    from scenecart.widgets._bench.searching import Searching
    from scenecart.widgets._purchase import Purchase
    from scenecart.widgets._state import CaptureState


class Session:
    """Reads what a Workbench shows, and brings it back.

    Parameters
    ----------
    client
        The connection: its project survives.
    state, cart, bench_map, searching, filtering
        The area, the captures in the cart, the view of the map, what is asked for, and the filters.
    """

    def __init__(
        self,
        client: Client,
        state: CaptureState,
        cart: Purchase,
        *,
        bench_map: BenchMap,
        searching: Searching,
        filtering: Filtering,
    ) -> None:
        self._client, self._state, self._cart, self._map = client, state, cart, bench_map
        self._searching, self._filtering = searching, filtering

    def collect(self) -> dict[str, Any]:
        """Return what survives, as JSON."""
        return {
            "asked": self._searching.asked.to_json(),
            "searched": self._searching.searched is not None,
            "filters": self._filtering.wanted,
            "cart": text_of_frame(self._cart.captures),
            "view": list(self._map.bounds),
            "project": self._client.project,
        }

    def bring_back(self, found: dict[str, Any]) -> bool:
        """Show again what was collected; return False, and change nothing, if another version wrote it."""
        try:
            asked, filters = Asked.from_json(found["asked"]), dict(found["filters"])
        except (ScenecartError, ValueError, TypeError, KeyError, IndexError):
            return False
        self._filtering.replace(filters)
        cart = frame_of_text(found.get("cart"))
        if cart is not None and not len(self._cart.captures):
            with contextlib.suppress(ScenecartError):
                self._cart.captures = cart
        view = checked_bounds(found.get("view"))
        if view is not None:
            self._map.fit(view)
        self._searching.asked = asked
        self._state.aoi = asked.area
        return True
