"""The state of a Workbench that is saved, and restored after a reload or a restart."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from scenecart.exceptions import ScenecartError
from scenecart.widgets._bench.map import checked_bounds
from scenecart.widgets._bench.saved_states import frame_of_text, text_of_frame
from scenecart.widgets._bench.search_request import SearchRequest

if TYPE_CHECKING:
    from scenecart.client import Client
    from scenecart.widgets._bench.background_search import BackgroundSearch
    from scenecart.widgets._bench.map import BenchMap
    from scenecart.widgets._bench.pending_filters import PendingFilters
    from scenecart.widgets._purchase import Purchase
    from scenecart.widgets._state import CaptureState


class Snapshot:
    """Collects the state of a Workbench, and restores it.

    Parameters
    ----------
    client
        The connection, whose project is saved.
    state, cart, bench_map, search, filters
        The area, the captures in the cart, the view of the map, the request and the filters.
    """

    def __init__(
        self,
        client: Client,
        state: CaptureState,
        cart: Purchase,
        *,
        bench_map: BenchMap,
        search: BackgroundSearch,
        filters: PendingFilters,
    ) -> None:
        self._client, self._state, self._cart, self._map = client, state, cart, bench_map
        self._search, self._filters = search, filters

    def collect(self) -> dict[str, Any]:
        """Return the state, as JSON."""
        return {
            "asked": self._search.request.to_json(),
            # a page that is closed while its search runs searches again
            "searched": self._search.searched is not None or self._search.is_searching,
            "filters": self._filters.wanted,
            "cart": text_of_frame(self._cart.captures),
            "view": list(self._map.bounds),
            "project": self._client.project,
        }

    def restore(self, found: dict[str, Any]) -> bool:
        """Restore a collected state; return False, and change nothing, if it is not valid."""
        try:
            request, filters = SearchRequest.from_json(found["asked"]), dict(found["filters"])
        except (ScenecartError, ValueError, TypeError, KeyError, IndexError):
            return False
        self._filters.replace(filters)
        cart = frame_of_text(found.get("cart"))
        if cart is not None and not len(self._cart.captures):
            with contextlib.suppress(ScenecartError):
                self._cart.captures = cart
        view = checked_bounds(found.get("view"))
        if view is not None:
            self._map.fit(view)
        self._search.request = request
        self._state.aoi = request.area
        return True
