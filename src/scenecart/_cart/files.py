"""Carts as files that a colleague can open, check and price again."""

from __future__ import annotations

import hashlib
import io
import json
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from shapely.geometry import mapping, shape

from scenecart._cart.cart import Cart, make_cart
from scenecart._util.files import arrow_buffer, as_path, write_atomic
from scenecart._util.json import NotJson, dumps, loads
from scenecart._util.text import clean_text, missing_file_hint
from scenecart.exceptions import InvalidCart, InvalidRequest

if TYPE_CHECKING:
    import os
    from pathlib import Path

    from scenecart._cart.cart import CanEstimate

_KEY = "scenecart"
_VERSION = 2
_MOST_BYTES = 2**30


def save_cart(cart: Cart, path: str | os.PathLike[str]) -> Path:
    """Write a cart to a file; see ``Cart.save``."""
    about = {
        "version": _VERSION,
        "fingerprint": cart.fingerprint,
        "split_by_date": cart.split_by_date,
        "area": None if cart.area is None else mapping(cart.area.geometry),
    }
    return write_atomic(_WRITERS[_suffix(path)](cart.captures, about), path, "The cart")


def load_cart(path: str | os.PathLike[str], client: CanEstimate | None = None) -> Cart:
    """Read a cart that ``Cart.save`` wrote.

    Parameters
    ----------
    path
        The file: ``.parquet`` or ``.geojson``.
    client
        Who prices and places it; None gives a cart to look at, which ``client.estimate(cart)`` prices.

    Returns
    -------
    Cart
        The same captures, area and options, with the same fingerprint.

    Raises
    ------
    InvalidCart
        If the file is no cart, is damaged, was changed since it was saved, or is of a newer version.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> client = connect("sandbox")
    >>> captures = client.search("aurora", collections="aurora-50cm", datetime="2024-03", limit=2)
    >>> path = client.cart(captures).save(pathlib.Path(tempfile.mkdtemp()) / "harbour.cart.parquet")
    >>> load_cart(path)
    Cart(2 captures, whole footprints)
    """
    source = as_path(path, "A cart")
    suffix = _suffix(source)
    if not source.is_file():
        raise InvalidCart(f"There is no file {clean_text(source, 200)!r}.", hint=missing_file_hint(source))
    if source.stat().st_size > _MOST_BYTES:
        raise InvalidCart(f"{source.name} is too large for a cart.")
    try:
        captures, about, contents = _READERS[suffix](source.read_bytes())
    except Exception as error:
        # files are damaged in as many ways as there are readers
        raise InvalidCart(f"{source.name} is damaged, or no cart.", hint=_HINT) from error
    if not isinstance(about, dict) or not isinstance(about.get("version"), int):
        raise InvalidCart(f"{source.name} is no cart.", hint=_HINT)
    if about["version"] > _VERSION:
        raise InvalidCart(f"{source.name} was saved by a newer version of scenecart.", hint="Update scenecart to open it.")
    try:
        area = None if about.get("area") is None else shape(about["area"])
        cart = make_cart(captures, area, split_by_date=about.get("split_by_date") is True, desk=client)
    except Exception as error:
        # geometries fail in as many ways as files are damaged
        raise InvalidCart(f"{source.name} is damaged: {clean_text(error, 300)}", hint=_HINT) from error
    # the fingerprint is of what is bought; the contents are all that is shown beside it
    if cart.fingerprint != about.get("fingerprint") or about.get("contents") != contents:
        raise InvalidCart(
            f"{source.name} was changed since it was saved, so it is not what was approved.",
            hint="To use it all the same, read its captures with geopandas and make a cart of them.",
        )
    return cart


def is_cart(path: Path) -> bool:
    """Tell whether a file says that it is a saved cart, by its content or, where that cannot be read, by its name."""
    named = len(path.suffixes) > 1 and path.suffixes[-2].lower() == ".cart"
    if named or path.stat().st_size > _MOST_BYTES:
        return named
    try:
        if path.suffix.lower() == ".parquet":
            about = loads((pq.read_schema(path).metadata or {}).get(_KEY.encode(), b"null"))
        else:
            document = loads(path.read_bytes())
            about = document.get(_KEY) if isinstance(document, dict) else None
    except (NotJson, OSError, pa.ArrowException):
        return False
    # a report says what it is under the same name, without being a cart of this version or that
    return isinstance(about, dict) and "version" in about


def check_path(path: str | os.PathLike[str]) -> None:
    """Refuse a name that a cart cannot be kept under.

    Raises
    ------
    InvalidRequest
        If its suffix is unknown.
    """
    _suffix(path)


_HINT = "A cart is what cart.save(…) wrote."


def _suffix(path: str | os.PathLike[str]) -> str:
    given = as_path(path, "A cart").suffix
    suffix = given.lower()
    suffix = ".geojson" if suffix == ".json" else suffix
    if suffix not in _WRITERS:
        raise InvalidRequest(
            f"Carts are not kept as {given or 'a file without suffix'!r}.", hint="Use .cart.parquet or .cart.geojson."
        )
    return suffix


def _to_parquet(captures: gpd.GeoDataFrame, about: dict[str, Any]) -> bytes:
    first = io.BytesIO()
    try:
        captures.assign(**_as_text(captures)).to_parquet(first, index=False)
    except (pa.ArrowException, UnicodeEncodeError) as error:
        raise InvalidCart(
            f"This cart cannot be kept as Parquet: {clean_text(error, 200)}.", hint="Use .cart.geojson, which holds any value."
        ) from error
    table = pq.read_table(arrow_buffer(first.getvalue()))
    told = json.dumps({**about, "contents": _digest_of_table(table)}, sort_keys=True)
    metadata = {**(table.schema.metadata or {}), _KEY.encode(): told.encode()}
    second = io.BytesIO()
    pq.write_table(table.replace_schema_metadata(metadata), second, compression="zstd")
    return second.getvalue()


def _as_text(captures: gpd.GeoDataFrame) -> dict[str, pd.Series[Any]]:
    """Return the columns whose values are of kinds that Parquet does not mix, as JSON text."""
    mixed: dict[str, pd.Series[Any]] = {}
    for name in [name for name in captures.columns if pd.api.types.is_object_dtype(captures[name])]:
        try:
            pa.array(captures[name], from_pandas=True)
        except (pa.ArrowException, TypeError, ValueError, OverflowError):
            mixed[name] = captures[name].map(lambda value: value if isinstance(value, str) else json.dumps(value, default=str))
    return mixed


def _from_parquet(content: bytes) -> tuple[gpd.GeoDataFrame, Any, str]:
    table = pq.read_table(arrow_buffer(content))
    about = loads((table.schema.metadata or {}).get(_KEY.encode(), b"null"))
    return gpd.read_parquet(arrow_buffer(content)), about, _digest_of_table(table)


def _digest_of_table(table: pa.Table) -> str:
    """Return what identifies the values of a table, however a writer lays them out."""
    columns = [(name, _plain_column(column)) for name, column in zip(table.column_names, table.columns, strict=True)]
    text = json.dumps(sorted(columns, key=lambda column: column[0]), default=str, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _plain_column(column: pa.ChunkedArray) -> list[Any]:
    # Python's own times end with the year 9999
    return list((column.cast(pa.int64()) if pa.types.is_timestamp(column.type) else column).to_pylist())


def _to_geojson(captures: gpd.GeoDataFrame, about: dict[str, Any]) -> bytes:
    document = json.loads(captures.to_json(default=str, drop_id=True))
    try:
        # what a reader makes of it, such as of a number that no reader takes as it is
        contents = _digest_of_features(loads(dumps(document["features"])))
        return dumps({**document, _KEY: {**about, "contents": contents}})
    except ValueError as error:
        raise InvalidCart(f"This cart cannot be kept as GeoJSON: {error}.", hint="Use .cart.parquet.") from error


def _digest_of_features(features: list[Any]) -> str:
    return hashlib.sha256(dumps(features)).hexdigest()


def _from_geojson(content: bytes) -> tuple[gpd.GeoDataFrame, Any, str]:
    document = loads(content)
    if not isinstance(document, dict) or not isinstance(document.get("features"), list):
        return gpd.GeoDataFrame(), None, ""
    contents = _digest_of_features(document["features"])
    try:
        captures = gpd.GeoDataFrame.from_features(document["features"], crs=4326)
    except UnicodeEncodeError:
        captures = _as_objects(document["features"])
    for name in ("datetime", "start_datetime", "end_datetime", "created", "updated"):
        if name in captures.columns:
            captures[name] = pd.to_datetime(captures[name], utc=True, errors="coerce", format="ISO8601")
    return captures, document.get(_KEY), contents


def _as_objects(features: list[dict[str, Any]]) -> gpd.GeoDataFrame:
    """Return features whose texts are no Unicode, which pandas' own kind of text does not take."""
    rows = [feature["properties"] for feature in features]
    names = dict.fromkeys(name for row in rows for name in row)
    columns = {name: pd.Series([row.get(name) for row in rows], dtype=object) for name in names}
    return gpd.GeoDataFrame(columns, geometry=[shape(feature["geometry"]) for feature in features], crs=4326)


_WRITERS = {".parquet": _to_parquet, ".geojson": _to_geojson}
_READERS = {".parquet": _from_parquet, ".geojson": _from_geojson}

load_cart.__module__ = "scenecart"
