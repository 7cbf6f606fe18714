"""Cart files in Parquet and GeoJSON, with a fingerprint of their contents."""

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

from scenecart._captures.capture_files import to_geojson
from scenecart._captures.json_columns import is_writable_type
from scenecart._cart.cart import Cart, left_of, make_cart
from scenecart._cart.owned import is_valid_rest
from scenecart._util.files import arrow_buffer, as_path, write_atomic
from scenecart._util.json import NotJson, dumps, loads
from scenecart._util.text import clean_text, missing_file_hint
from scenecart.exceptions import InvalidCart, InvalidRequest, ScenecartError

if TYPE_CHECKING:
    import os
    from pathlib import Path

    from shapely.geometry.base import BaseGeometry

    from scenecart._cart.cart import PricingClient
    from scenecart._cart.checks import CaptureKey

_METADATA_KEY = "scenecart"
# version 3 keeps what is left of captures that are owned in part; a cart without such captures is readable by older versions
_PLAIN_VERSION, _VERSION = 2, 3
_MAX_BYTES = 2**30


def save_cart(cart: Cart, path: str | os.PathLike[str], approval: dict[str, Any] | None = None) -> Path:
    """Write a cart to a file, with a signed approval of it if there is one; see ``Cart.save``."""
    left = [[*key, mapping(geometry)] for key, geometry in left_of(cart).items()]
    metadata = {
        "version": _VERSION if left else _PLAIN_VERSION,
        "fingerprint": cart.fingerprint,
        "split_by_date": cart.split_by_date,
        "area": None if cart.area is None else mapping(cart.area.geometry),
        **({"left": left} if left else {}),
        **({} if approval is None else {"approval": approval}),
    }
    metadata["options"] = _digest_of_options(metadata)
    return write_atomic(_WRITERS[_suffix(path)](cart.captures, metadata), path, "The cart")


def load_cart(path: str | os.PathLike[str], client: PricingClient | None = None) -> Cart:
    """Read a cart from a file written by ``Cart.save``.

    Parameters
    ----------
    path
        The file: ``.parquet`` or ``.geojson``.
    client
        The client that prices and places the cart. None returns a cart without a connection; ``client.estimate(cart)`` prices it.

    Returns
    -------
    Cart
        The same captures, area and options, with the same fingerprint.

    Raises
    ------
    InvalidCart
        If the file is not a cart file, is damaged, was changed since it was saved, or needs a newer version of scenecart.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> client = connect("sandbox")
    >>> captures = client.search("aurora", collections="aurora-50cm", datetime="2024-03", limit=2)
    >>> path = client.cart(captures).save(pathlib.Path(tempfile.mkdtemp()) / "harbour.cart.parquet")
    >>> load_cart(path)
    Cart(2 captures, whole footprints)
    """
    source = as_path(path, "path")
    suffix = _suffix(source)
    if not source.is_file():
        raise InvalidCart(
            f"There is no file {clean_text(source, 200)!r}.", code="cart_file_missing", hint=missing_file_hint(source)
        )
    if source.stat().st_size > _MAX_BYTES:
        raise InvalidCart(f"{source.name} is larger than 1 GiB, the limit of cart files.", code="cart_file_too_large")
    try:
        captures, metadata, contents = _READERS[suffix](source.read_bytes())
    except Exception as error:  # each reader fails in its own ways on a damaged file
        raise _not_a_cart_file(source) from error
    if not isinstance(metadata, dict) or not isinstance(metadata.get("version"), int):
        raise _not_a_cart_file(source)
    if metadata["version"] > _VERSION:
        raise InvalidCart(
            f"{source.name} was saved by a newer version of scenecart.", code="cart_file_newer", hint="Update scenecart."
        )
    cart = _cart_from(captures, metadata, source, client)
    # the fingerprint covers what is bought, the digest of the contents every other column
    is_changed = cart.fingerprint != metadata.get("fingerprint") or metadata.get("contents") != contents
    # files of 0.1.0 have no digest of the options
    if is_changed or metadata.get("options") not in (None, _digest_of_options(metadata)):  # it may be unhashable
        raise InvalidCart(
            f"{source.name} was changed since it was saved, so it is not the cart that was approved.",
            code="cart_file_changed",
            hint="To use it anyway, read its captures with geopandas and make a new cart.",
        )
    return cart


def is_cart(path: Path) -> bool:
    """Return whether a file is a cart file, by its metadata or, if that cannot be read, by its name."""
    has_cart_name = len(path.suffixes) > 1 and path.suffixes[-2].lower() == ".cart"
    if has_cart_name or path.stat().st_size > _MAX_BYTES:
        return has_cart_name
    # reports use the same key, without a version
    return "version" in _metadata_of(path)


def approval_in(path: Path) -> Any:
    """Return the approval that a cart file carries, unchecked; None if it has none, or is no cart file."""
    return _metadata_of(path).get("approval")


def _metadata_of(path: Path) -> dict[str, Any]:
    """Return the metadata of a cart file; empty if there is no such file, or none can be read."""
    try:
        if path.stat().st_size > _MAX_BYTES:
            return {}
        if path.suffix.lower() == ".parquet":
            metadata = loads((pq.read_schema(path).metadata or {}).get(_METADATA_KEY.encode(), b"null"))
        else:
            document = loads(path.read_bytes())
            metadata = document.get(_METADATA_KEY) if isinstance(document, dict) else None
    except (NotJson, OSError, pa.ArrowException):
        return {}
    return metadata if isinstance(metadata, dict) else {}


def check_path(path: str | os.PathLike[str]) -> None:
    """Refuse a path whose suffix is not a cart format.

    Raises
    ------
    InvalidRequest
        If the suffix is not supported.
    """
    _suffix(path)


def _cart_from(captures: gpd.GeoDataFrame, metadata: dict[str, Any], source: Path, client: PricingClient | None) -> Cart:
    try:
        area = None if metadata.get("area") is None else shape(metadata["area"])
        return make_cart(
            captures, area, split_by_date=metadata.get("split_by_date") is True, client=client, left=_left_in(metadata)
        )
    except Exception as error:  # geometries fail in many ways on a damaged file
        reason = clean_text(error.message if isinstance(error, ScenecartError) else error, 300)
        raise InvalidCart(
            f"{source.name} is damaged: {reason}", code="cart_file_damaged", hint="Ask the sender for the file again."
        ) from error


def _left_in(metadata: dict[str, Any]) -> dict[CaptureKey, BaseGeometry]:
    """Return what is left of captures that are owned in part."""
    left = {(host, collection, name): shape(geometry) for host, collection, name, geometry in metadata.get("left", ())}
    if not all(map(is_valid_rest, left.values())):
        raise ValueError("what is left of a capture must be a polygon")
    return left


def _not_a_cart_file(path: Path) -> InvalidCart:
    return InvalidCart(
        f"{path.name} is not a cart file, or is damaged.", code="not_a_cart_file", hint="Pass a file that cart.save(…) wrote."
    )


def _suffix(path: str | os.PathLike[str]) -> str:
    given = as_path(path, "path").suffix
    suffix = given.lower()
    suffix = ".geojson" if suffix == ".json" else suffix
    if suffix not in _WRITERS:
        raise InvalidRequest(
            f"Unsupported cart format {clean_text(given, 40)!r}.",
            code="cart_format_unsupported",
            hint="Use .cart.parquet or .cart.geojson.",
        )
    return suffix


def _to_parquet(captures: gpd.GeoDataFrame, metadata: dict[str, Any]) -> bytes:
    frame_bytes = io.BytesIO()
    try:
        captures.assign(**_mixed_as_json(captures)).to_parquet(frame_bytes, index=False)
    except (pa.ArrowException, UnicodeEncodeError) as error:
        raise InvalidCart(
            f"This cart cannot be saved as Parquet: {clean_text(error, 200)}.",
            code="cart_not_parquet",
            hint="Use .cart.geojson, which holds any value.",
        ) from error
    table = pq.read_table(arrow_buffer(frame_bytes.getvalue()))
    cart_metadata = json.dumps({**metadata, "contents": _digest_of_table(table)}, sort_keys=True)
    table_metadata = {**(table.schema.metadata or {}), _METADATA_KEY.encode(): cart_metadata.encode()}
    cart_bytes = io.BytesIO()
    pq.write_table(table.replace_schema_metadata(table_metadata), cart_bytes, compression="zstd")
    return cart_bytes.getvalue()


def _mixed_as_json(captures: gpd.GeoDataFrame) -> dict[str, pd.Series[Any]]:
    """Return the columns whose mixed types Parquet cannot store, as JSON strings."""
    mixed: dict[str, pd.Series[Any]] = {}
    for name in [name for name in captures.columns if pd.api.types.is_object_dtype(captures[name])]:
        try:
            fits = is_writable_type(pa.array(captures[name], from_pandas=True).type)
        except (pa.ArrowException, TypeError, ValueError, OverflowError):
            fits = False
        if not fits:
            mixed[name] = captures[name].map(lambda value: value if isinstance(value, str) else json.dumps(value, default=str))
    return mixed


def _from_parquet(content: bytes) -> tuple[gpd.GeoDataFrame, Any, str]:
    table = pq.read_table(arrow_buffer(content))
    metadata = loads((table.schema.metadata or {}).get(_METADATA_KEY.encode(), b"null"))
    return gpd.read_parquet(arrow_buffer(content)), metadata, _digest_of_table(table)


def _digest_of_table(table: pa.Table) -> str:
    """Return the SHA-256 digest of a table's values, independent of the file layout."""
    columns = [(name, _comparable_values(column)) for name, column in zip(table.column_names, table.columns, strict=True)]
    text = json.dumps(sorted(columns, key=lambda column: column[0]), default=str, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _comparable_values(column: pa.ChunkedArray) -> list[Any]:
    # as integers, because Python's datetime ends with the year 9999
    return list((column.cast(pa.int64()) if pa.types.is_timestamp(column.type) else column).to_pylist())


def _to_geojson(captures: gpd.GeoDataFrame, metadata: dict[str, Any]) -> bytes:
    document = loads(to_geojson(captures))
    try:
        # digest what a reader will parse: some numbers change when they are written and read
        contents = _digest_of_features(loads(dumps(document["features"])))
        return dumps({**document, _METADATA_KEY: {**metadata, "contents": contents}})
    except ValueError as error:
        raise InvalidCart(
            f"This cart cannot be saved as GeoJSON: {error}.", code="cart_not_geojson", hint="Use .cart.parquet."
        ) from error


def _digest_of_options(metadata: dict[str, Any]) -> str:
    """Return the SHA-256 digest of the area and the options; a larger area may clip the same captures alike."""
    names = ("area", "left", "split_by_date")
    return hashlib.sha256(dumps(loads(dumps({name: metadata.get(name) for name in names})))).hexdigest()


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
        captures = _with_object_columns(document["features"])
    for name in ("datetime", "start_datetime", "end_datetime", "created", "updated"):
        if name in captures.columns:
            captures[name] = pd.to_datetime(captures[name], utc=True, errors="coerce", format="ISO8601")
    return captures, document.get(_METADATA_KEY), contents


def _with_object_columns(features: list[dict[str, Any]]) -> gpd.GeoDataFrame:
    """Return features with strings that are not valid Unicode, which pandas' string type refuses."""
    rows = [feature["properties"] for feature in features]
    names = dict.fromkeys(name for row in rows for name in row)
    columns = {name: pd.Series([row.get(name) for row in rows], dtype=object) for name in names}
    return gpd.GeoDataFrame(columns, geometry=[shape(feature["geometry"]) for feature in features], crs=4326)


_WRITERS = {".parquet": _to_parquet, ".geojson": _to_geojson}
_READERS = {".parquet": _from_parquet, ".geojson": _from_geojson}

load_cart.__module__ = "scenecart"
