"""Files that commands take and leave: captures, carts, and what stands in for either."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scenecart._util.files import write_atomic
from scenecart._util.text import missing_file_hint
from scenecart.cli._output import CannotPrint
from scenecart.exceptions import InvalidRequest

if TYPE_CHECKING:
    import argparse

    import geopandas as gpd

    from scenecart._cart.cart import Cart
    from scenecart.client import Client

_CAPTURES = (".parquet", ".geojson", ".json")


def connect(arguments: argparse.Namespace) -> Client:
    """Connect as the arguments say."""
    from scenecart.connection import connect as connect_  # noqa: PLC0415  # --help should not wait for geopandas

    def say(line: str) -> None:
        # it is said while something is bought; what cannot be printed is told when that is over
        with contextlib.suppress(CannotPrint):
            print(line)

    return connect_(arguments.profile, base_url=arguments.base_url, say=say)


def read_cart(name: str, arguments: argparse.Namespace, client: Client) -> Cart:
    """Read a saved cart as it is, or make one of captures and what else was asked for.

    Raises
    ------
    InvalidRequest
        If there is no such file, it is neither, or a saved cart is to be clipped anew.
    """
    from scenecart._cart.files import is_cart, load_cart  # noqa: PLC0415  # --help should not wait for it

    path = existing(name)
    if is_cart(path):
        if arguments.aoi or arguments.split_by_date:
            raise InvalidRequest("A saved cart has its own area and options; --aoi and --split-by-date are for captures.")
        return load_cart(path, client)
    return client.cart(read_captures(path), aoi=arguments.aoi, split_by_date=arguments.split_by_date)


def read_captures(path: Path) -> gpd.GeoDataFrame:
    """Read the captures of a search result or of a saved cart.

    Raises
    ------
    InvalidRequest
        If they cannot be read.
    """
    import geopandas as gpd  # noqa: PLC0415  # --help should not wait for it

    try:
        return gpd.read_parquet(path) if path.suffix.lower() == ".parquet" else gpd.read_file(path)
    except Exception as error:
        raise InvalidRequest(
            f"{path.name} cannot be read as captures: it is damaged, or another kind of file.",
            hint="Pass what `scenecart search -o captures.parquet` wrote.",
        ) from error


def existing(name: str) -> Path:
    """Return the path of a file that is there.

    Raises
    ------
    InvalidRequest
        If it is not.
    """
    path = Path(name).expanduser()
    if not path.is_file():
        raise InvalidRequest(f"There is no file {name!r}.", hint=missing_file_hint(path))
    return path


def check_captures(name: str | None) -> None:
    """Refuse a name under which captures cannot be written, before anything is asked for.

    Raises
    ------
    InvalidRequest
        If its suffix is unknown.
    """
    if name is not None and Path(name).suffix.lower() not in _CAPTURES:
        raise InvalidRequest(
            f"Captures cannot be written as {Path(name).suffix or 'a file without suffix'!r}.",
            hint="Use .parquet, which keeps everything, or .geojson.",
        )


def check_outputs(*, cart: str | None = None, report: str | None = None, several: bool = False) -> None:
    """Refuse names that a cart or a report cannot have, before anything is asked for.

    Raises
    ------
    InvalidRequest
        If a suffix is unknown.
    MissingExtra
        If the packages for reports are not installed.
    """
    if cart is not None:
        from scenecart._cart.files import check_path  # noqa: PLC0415  # --help should not wait for it

        check_path(cart)
    if report is not None:
        from scenecart.report import check_suffix  # noqa: PLC0415  # an extra: the core works without it

        check_suffix(report, several=several)


def write_captures(captures: gpd.GeoDataFrame, path: Path) -> None:
    """Write captures to a file that is whole or not there.

    Raises
    ------
    InvalidRequest
        If they cannot be written there.
    """
    content = io.BytesIO()
    if path.suffix.lower() == ".parquet":
        captures.to_parquet(content)
    else:
        content.write(captures.to_json(default=str, drop_id=True).encode())
    write_atomic(content.getvalue(), path, "The captures")


def json_argument(text: str | None, option: str) -> Any:
    """Read an argument that is JSON.

    Raises
    ------
    InvalidRequest
        If it is not.
    """
    if text is None:
        return None
    try:
        return json.loads(text)
    except ValueError as error:
        raise InvalidRequest(f"{option} is no JSON: {error}.", hint='It looks like {"gsd": {"lte": 0.5}}.') from None
