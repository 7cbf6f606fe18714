"""Python code that repeats what was done with a widget: connect, search, filters, selected captures, cart and price."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from scenecart.widgets._state import code_of_rows

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scenecart._geo.area import Area
    from scenecart.client import Client
    from scenecart.widgets._state import CaptureState

_PROFILE = "profile "


@dataclass(frozen=True)
class ExecutedSearch:
    """A search that was run: its host and the arguments of ``client.search``, without the area, which is that of the state."""

    host: str
    criteria: Mapping[str, Any] = field(default_factory=dict)


def session_code(client: Client, state: CaptureState, search: ExecutedSearch | None, area: Area | None) -> str:
    """Return a code cell that connects, searches, filters, selects and estimates the price.

    Parameters
    ----------
    client
        The connection; secrets are never in the code.
    state
        The captures, with filters and selection.
    search
        The search that found them; without it, the captures are read from a file to be named.
    area
        The area that was searched, and is bought.
    """
    lines = ["import scenecart", "", _connect(client)]
    if area is not None:
        lines.append(f"aoi = {_area(area)}")
    lines += [_search(search, area) if search is not None else 'captures = scenecart.read_captures("captures.parquet")', ""]
    picked = code_of_rows(state.captures, state.positions(), is_whole=True)
    lines.append(f"chosen = captures{picked}" if state.selection else state.code())
    lines += ["", f"cart = client.cart(chosen{', aoi=aoi' if area is not None else ''})", "estimate = cart.estimate()", "estimate"]
    return "\n".join(lines) + "\n"


def _connect(client: Client) -> str:
    source = client.signed_in_by
    if urlsplit(client.base_url).hostname in {"127.0.0.1", "localhost"}:
        return 'client = scenecart.connect("sandbox")'
    if source.startswith(_PROFILE):
        return f"client = scenecart.connect({source.removeprefix(_PROFILE)})"
    return "client = scenecart.connect()"


def _search(search: ExecutedSearch, area: Area | None) -> str:
    criteria = {name: value for name, value in search.criteria.items() if value is not None and name not in {"aoi", "progress"}}
    arguments = [repr(search.host), *(f"{name}={_value(value)}" for name, value in criteria.items())]
    if area is not None and not {"bbox", "intersects"} & criteria.keys():
        arguments.append("aoi=aoi")
    return "captures = client.search(\n" + "".join(f"    {one},\n" for one in arguments) + ")"


def _area(area: Area) -> str:
    """Return an area as code: a box as four numbers, anything else as WKT."""
    geometry = area.geometry
    if geometry.equals(geometry.envelope):
        return repr(tuple(round(end, 7) for end in geometry.bounds))
    return repr(geometry.wkt)


def _value(value: Any) -> str:
    if isinstance(value, tuple):
        return repr(list(value))
    return repr(value.isoformat()) if hasattr(value, "isoformat") else repr(value)
