"""Fuzzing of delivered folders: every item.json is an item, or none; no file outside its folder is named."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from fuzz import _mutate
from fuzz._engine import Place, WithFolder
from scenecart import ScenecartError, open_delivery
from scenecart._delivery.opened import file_of

if TYPE_CHECKING:
    from random import Random

_ITEM = {
    "type": "Feature",
    "stac_version": "1.0.0",
    "stac_extensions": ["https://stac-extensions.github.io/eo/v1.1.0/schema.json"],
    "id": "capture-1",
    "collection": "c",
    "bbox": [151.0, -34.0, 151.1, -33.9],
    "geometry": {"type": "Polygon", "coordinates": [[[151, -34], [151.1, -34], [151.1, -33.9], [151, -33.9], [151, -34]]]},
    "properties": {"datetime": "2024-03-05T10:20:30Z", "eo:cloud_cover": 4.5, "scenecart:order": "o-1", "gsd": 0.5},
    "assets": {
        "visual": {"href": "./capture-1_visual.tif", "type": "image/tiff; application=geotiff", "roles": ["visual"]},
        "udm": {"href": "udm.tif", "roles": ["data-mask"], "bands": [{"name": "cloud"}]},
    },
    "links": [{"rel": "self", "href": "./item.json"}, {"rel": "root", "href": "../catalog.json"}],
}
_HREFS = (
    "../../etc/passwd",
    "/etc/passwd",
    "file:///etc/passwd",
    "%2e%2e/%2e%2e/x",
    "https://x.example/a.tif",
    "\0",
    "a" * 5_000,
    ".",
)


class Deliveries(WithFolder):
    """An input is the content of an item.json."""

    def open(self, place: Place) -> None:
        """Make a folder of deliveries, with the files of one item."""
        self._folder = Path(tempfile.mkdtemp(dir=place.given))
        self._item = self._folder / "capture-1" / "item.json"
        self._item.parent.mkdir()
        for name in ("capture-1_visual.tif", "udm.tif"):
            (self._item.parent / name).write_bytes(b"II*\0")

    def make(self, pick: Random) -> bytes:
        """Return a changed item."""
        item = json.loads(json.dumps(_ITEM))
        if pick.randrange(6) == 0:
            item["assets"][pick.choice(list(item["assets"]))]["href"] = pick.choice(_HREFS)
        text = _mutate.encode(pick, _mutate.document(pick, item) if pick.randrange(8) else item)
        return _mutate.data(pick, text, text) if pick.randrange(4) == 0 else text

    def check(self, data: bytes) -> str:
        """Open the folder, and use what it says of the item."""
        self._item.write_bytes(data)
        try:
            delivery = open_delivery(self._folder)
        except ScenecartError as error:
            assert len(str(error)) < 2_000, "the message is too long"
            return f"refused: {error.code}"
        outcomes = []
        for use in (delivery.items, delivery.item_collection, delivery.__repr__):
            try:
                use()
                outcomes.append("used")
            except ScenecartError as error:
                assert len(str(error)) < 2_000, "the message is too long"
                outcomes.append(error.code)
        for asset in json.loads(data)["assets"].values():
            found = file_of(self._item.parent, asset) if isinstance(asset, dict) else None
            assert found is None or found.resolve().is_relative_to(self._item.parent.resolve()), "a file outside the folder"
        return " ".join(outcomes)
