"""Fuzzing of load_cart: it returns a saved cart or refuses the file, never another cart."""

from __future__ import annotations

import io
import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zlib import crc32

import geopandas as gpd
import pandas as pd
import pyarrow.parquet as pq
import shapely

from fuzz import _mutate
from fuzz._engine import Place, WithFolder
from scenecart import InvalidCart, load_cart
from scenecart._cart.cart import make_cart

if TYPE_CHECKING:
    from random import Random

_SUFFIXES = (".geojson", ".parquet")
_RESAVED_SHARE = 64


class Carts(WithFolder):
    """An input is the suffix of the file, a newline, and its content."""

    def open(self, place: Place) -> None:
        """Save carts in both formats as seeds."""
        self._folder = Path(tempfile.mkdtemp(dir=place.given))
        self._seeds: dict[str, list[bytes]] = {suffix: [] for suffix in _SUFFIXES}
        carts = [make_cart(_captures(1)), make_cart(_captures(2), (0.1, 0.1, 3, 0.9), split_by_date=True)]
        self._fingerprints = {cart.fingerprint for cart in carts}
        for cart in carts:
            for suffix in _SUFFIXES:
                self._seeds[suffix].append(cart.save(self._folder / f"seed{suffix}").read_bytes())

    def make(self, pick: Random) -> bytes:
        """Return a changed cart file."""
        suffix = pick.choices(_SUFFIXES, (8, 1))[0]
        content = pick.choice(self._seeds[suffix])
        kind = pick.randrange(100)
        if suffix == ".geojson" and kind < 12:
            content = _mutate.encode(pick, _mutate.document(pick, _with_changed_metadata(pick, json.loads(content))))
        elif suffix == ".parquet" and kind < 5:
            content = _with_changed_table_metadata(pick, content)
        else:
            content = _mutate.data(pick, content, content)
        return suffix.encode() + b"\n" + content

    def check(self, data: bytes) -> str:
        """Load the file, and compare the cart with the saved ones."""
        suffix, _, content = data.partition(b"\n")
        path = self._folder / f"x{suffix.decode()}"
        path.write_bytes(content)
        try:
            cart = load_cart(path)
        except InvalidCart as error:
            assert len(str(error)) < 2_000, "the message is too long"
            return f"{suffix.decode()}: {error.code}"
        assert cart.fingerprint in self._fingerprints, "another cart"
        assert all(isinstance(name, str) and name.strip() for name in cart.ids)
        if crc32(data) % _RESAVED_SHARE == 0:
            assert load_cart(cart.save(self._folder / "again.geojson")).fingerprint == cart.fingerprint
        return f"{suffix.decode()}: loaded"


def _captures(count: int) -> gpd.GeoDataFrame:
    columns = {
        "id": [f"über/{number}" for number in range(count)],
        "collection": ["c"] * count,
        "host": ["h"] * count,
        "datetime": pd.to_datetime(["2024-03-05T10:20:30Z"] * count),
        "gsd": [0.5] * count,
    }
    return gpd.GeoDataFrame(columns, geometry=[shapely.box(2 * n, 0, 2 * n + 1, 1) for n in range(count)], crs=4326)


def _with_changed_metadata(pick: Random, document: Any) -> Any:
    """Change the metadata of a cart file, half of the time."""
    if pick.randrange(2):
        document["scenecart"] = _mutate.document(pick, document["scenecart"])
    return document


def _with_changed_table_metadata(pick: Random, content: bytes) -> bytes:
    """Change the metadata of a Parquet table: of the cart, the geometry or pandas."""
    table = pq.read_table(io.BytesIO(content))
    metadata = dict(table.schema.metadata)
    name = pick.choice((b"scenecart", b"geo", b"pandas"))
    text = json.dumps(json.loads(metadata[name]))
    changed = _mutate.encode(pick, _mutate.document(pick, json.loads(text)))
    metadata[name] = changed if pick.randrange(2) else _mutate.data(pick, changed)
    written = io.BytesIO()
    pq.write_table(table.replace_schema_metadata(metadata), written)
    return written.getvalue()
