"""Input and output files of commands: captures, carts, reports and JSON arguments."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scenecart._orders.notice import Notice
from scenecart._util.files import write_atomic
from scenecart._util.text import missing_file_hint
from scenecart._util.validate import shown_value
from scenecart.cli._hints import lines_of
from scenecart.cli._output import CannotPrint
from scenecart.exceptions import InvalidRequest

if TYPE_CHECKING:
    import argparse

    import geopandas as gpd

    from scenecart._cart.cart import Cart
    from scenecart._cart.estimate import Estimate
    from scenecart.client import Client

_CAPTURES = (".parquet", ".geojson", ".json")
# the layer of captures in a report as GeoPackage
_LAYER = "captures"
_MAX_LAYERS = 20


def connect(arguments: argparse.Namespace) -> Client:
    """Connect with the options of the command line, and mention what earlier commands of the same account left unfinished."""
    from scenecart.client import warn_of_pending  # noqa: PLC0415  # keeps --help fast
    from scenecart.connection import open_client  # noqa: PLC0415  # likewise

    def say(line: str) -> None:
        # printed in the middle of a purchase, which must go on; a failed write is reported at its end
        with contextlib.suppress(CannotPrint):
            print(*(lines_of(line, ()) if isinstance(line, Notice) else [line]), sep="\n")

    client = open_client(arguments.profile, base_url=getattr(arguments, "base_url", None), options={"say": say})
    warn_of_pending(client, of_account=True)
    return client


def read_cart(name: str, arguments: argparse.Namespace, client: Client) -> Cart:
    """Read a saved cart, or make a cart from a captures file and the options.

    Raises
    ------
    InvalidRequest
        If the file is missing or cannot be read, or options are given for a saved cart.
    """
    from scenecart._cart.files import is_cart, load_cart  # noqa: PLC0415  # keeps --help fast

    path = existing_file(name)
    if is_cart(path):
        if arguments.aoi or arguments.split_by_date:
            raise InvalidRequest(
                "--aoi and --split-by-date cannot change a saved cart, which has its own area and options.",
                code="saved_cart_options",
                hint="Leave them out, or pass a captures file.",
            )
        return load_cart(path, client)
    return client.cart(read_captures(path), aoi=arguments.aoi, split_by_date=arguments.split_by_date)


def price(cart: Cart, arguments: argparse.Namespace) -> tuple[Estimate, Estimate | None]:
    """Return the price of a cart; with --without-owned, that of what is not owned yet, and that of the whole cart."""
    if not arguments.without_owned:
        return cart.estimate(), None
    whole = cart.estimate()
    arguments.progress.has_requested = True
    rest = cart.without_owned()
    return (whole, None) if rest == cart else (rest.estimate(), whole)


def read_captures(path: Path) -> gpd.GeoDataFrame:
    """Read the captures of a search result or a saved cart.

    Raises
    ------
    InvalidRequest
        If the file cannot be read.
    """
    import geopandas as gpd  # noqa: PLC0415  # keeps --help fast

    try:
        captures = gpd.read_parquet(path) if path.suffix.lower() == ".parquet" else gpd.read_file(path, layer=_captures_layer(path))
    except InvalidRequest:
        raise
    except Exception as error:
        raise _unreadable(path) from error
    # a file such as CSV is read as a table without geometries
    if not isinstance(captures, gpd.GeoDataFrame):
        raise _unreadable(path)
    if "id" not in captures.columns:
        raise InvalidRequest(
            f"{path.name} is not a captures file: it has no column 'id'.",
            code="not_a_captures_file",
            hint="Pass a file that `scenecart search -o` wrote. An area of interest goes into --aoi.",
        )
    return captures


def _captures_layer(path: Path) -> str | None:
    """Return the layer to read: the one with geometry, or that of a report; None reads the first."""
    import geopandas as gpd  # noqa: PLC0415  # keeps --help fast

    if path.suffix.lower() in _CAPTURES:
        # GeoJSON has one layer, and listing it would read the file twice
        return None
    found = gpd.list_layers(path)
    layers = [str(name) for name in found["name"][found["geometry_type"].notna()]]
    if len(layers) > 1 and _LAYER not in layers:
        shown = ", ".join(shown_value(name) for name in layers[:_MAX_LAYERS])
        raise InvalidRequest(
            f"{path.name} has several layers ({shown}).",
            code="captures_layers_ambiguous",
            hint="Save the layer with the captures as a file of its own, and pass that.",
        )
    return _LAYER if _LAYER in layers else next(iter(layers), None)


def _unreadable(path: Path) -> InvalidRequest:
    return InvalidRequest(
        f"{path.name} is damaged, or is not a captures file.",
        code="captures_unreadable",
        hint="Pass a file that `scenecart search -o` wrote.",
    )


def existing_file(name: str) -> Path:
    """Return the path of an existing file.

    Raises
    ------
    InvalidRequest
        If the file does not exist.
    """
    path = Path(name).expanduser()
    if not path.is_file():
        raise InvalidRequest(f"There is no file {name!r}.", code="file_missing", hint=missing_file_hint(path))
    return path


def check_captures(name: str | None) -> None:
    """Refuse an unsupported captures format before any request is sent.

    Raises
    ------
    InvalidRequest
        If the suffix is unsupported.
    """
    if name is not None and Path(name).suffix.lower() not in _CAPTURES:
        raise InvalidRequest(
            f"Unsupported captures format {Path(name).suffix!r}.",
            code="captures_format_unsupported",
            hint="Use .parquet, which keeps every column, or .geojson.",
        )


def check_outputs(*, cart: str | None = None, report: str | None = None, several: bool = False) -> None:
    """Refuse unsupported cart and report formats before any request is sent.

    Raises
    ------
    InvalidRequest
        If a suffix is unsupported.
    MissingExtra
        If the packages for reports are not installed.
    """
    if cart is not None:
        from scenecart._cart.files import check_path  # noqa: PLC0415  # keeps --help fast

        check_path(cart)
    if report is not None:
        from scenecart.report import check_suffix  # noqa: PLC0415  # an optional extra

        check_suffix(report, several=several)


def write_captures(captures: gpd.GeoDataFrame, path: Path) -> None:
    """Write captures to a file, atomically.

    Raises
    ------
    InvalidRequest
        If the file cannot be written.
    """
    content = io.BytesIO()
    if path.suffix.lower() == ".parquet":
        captures.to_parquet(content)
    else:
        content.write(captures.to_json(default=str, drop_id=True).encode())
    write_atomic(content.getvalue(), path, "The captures")


def json_argument(text: str | None, argument: str) -> Any:
    """Parse the value of an option as JSON.

    Raises
    ------
    InvalidRequest
        If it is not JSON.
    """
    if text is None:
        return None
    try:
        return json.loads(text)
    except ValueError as error:
        raise InvalidRequest(
            f"must be valid JSON: {error}.",
            code="option_not_json",
            argument=argument,
            hint='Write it like {"gsd": {"lte": 0.5}}.',
        ) from None
