"""Input and output files of commands: captures, carts, reports and JSON arguments."""

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scenecart._orders.notice import Notice
from scenecart._util.files import as_path
from scenecart._util.text import missing_file_hint
from scenecart.cli._guarded_output import CannotPrint
from scenecart.cli._hints import lines_of
from scenecart.exceptions import InvalidRequest, ScenecartError, message_about, reword

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    import geopandas as gpd

    from scenecart._cart.cart import Cart
    from scenecart._cart.estimate import Estimate
    from scenecart.client import Client


def connect(arguments: argparse.Namespace) -> Client:
    """Connect with the options of the command line, and mention what earlier commands of the same account left unfinished."""
    from scenecart.client import warn_of_pending  # noqa: PLC0415  # keeps --help fast
    from scenecart.connection import open_client  # noqa: PLC0415  # likewise

    def print_notice(line: str) -> None:
        # printed during a purchase, which must continue; a failed write is reported at its end
        with contextlib.suppress(CannotPrint):
            print(*(lines_of(line, ()) if isinstance(line, Notice) else [line]), sep="\n")

    client = open_client(
        arguments.profile, base_url=getattr(arguments, "base_url", None), options={"say": print_notice}, keep_session=True
    )
    warn_of_pending(client, of_account=True)
    return client


def is_confirmed(verb: str, option: str) -> bool:
    """Read the answer to a question whose text is printed already; no answer means no, and names the option for scripts."""
    print(f"Type yes or y to {verb}: ", end="", flush=True)
    # a program that was started with its input closed has none
    answer = "" if sys.stdin is None else sys.stdin.readline()
    if not answer.endswith("\n"):
        print()
    if not answer:
        print(f"scenecart: No answer. To {verb} without confirmation, pass {option}.", file=sys.stderr)
    return answer.strip().lower() in {"y", "yes"}


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


def read_areas(name: str, column: str | None) -> gpd.GeoDataFrame:
    """Read the areas of a vector file, named by a column or else by their numbers from 0.

    Raises
    ------
    InvalidRequest
        If the file is missing, has several layers or no such column, or two areas have one name.
    InvalidArea
        If it cannot be read.
    """
    import geopandas as gpd  # noqa: PLC0415  # keeps --help fast

    from scenecart._geo.vector_files import open_layers  # noqa: PLC0415  # likewise

    path = existing_file(name)
    # refuses formats that can point to another file
    with open_layers(path, "areas") as layers:
        if len(layers) != 1 or path.suffix.lower() in {".kmz", ".zip"}:
            raise InvalidRequest(
                f"{name} is an archive or has several layers.",
                code="areas_layers",
                hint="Save the layer of the areas as a file of its own.",
            )
    areas = gpd.read_parquet(path) if path.suffix.lower() in {".geoparquet", ".parquet"} else gpd.read_file(path)
    if column is None:
        return areas.reset_index(drop=True)
    if column not in areas.columns or column == areas.geometry.name:
        known = ", ".join(str(one) for one in areas.columns.drop(areas.geometry.name)) or "none"
        raise InvalidRequest(f"{name} has no column {column!r}.", code="areas_column_missing", hint=f"Its columns are {known}.")
    names = areas[column].astype(str)
    if names.duplicated().any():
        repeated = names[names.duplicated()].iloc[0]
        raise InvalidRequest(
            f"Two areas of {name} have the name {repeated!r}.",
            code="areas_names_repeated",
            hint="Name them by another column, or join them.",
        )
    return areas.set_index(names)


def read_captures(path: Path) -> gpd.GeoDataFrame:
    """Read the captures of a search result or a saved cart; see :func:`scenecart.read_captures`."""
    from scenecart._captures.capture_files import read_captures as read  # noqa: PLC0415  # keeps --help fast

    return read(path)


def existing_file(name: str) -> Path:
    """Return the path of an existing file.

    Raises
    ------
    InvalidRequest
        If the file does not exist.
    """
    path = as_path(name)
    if not path.is_file():
        raise InvalidRequest(f"There is no file {name!r}.", code="file_missing", hint=missing_file_hint(path))
    return path


@contextlib.contextmanager
def named(argument: str, typed: str) -> Iterator[None]:
    """Let errors of a block about an argument name it as it was typed, such as ``-o`` for a path."""
    try:
        yield
    except ScenecartError as error:
        if error.argument == argument:
            reword(error, message_about(error, typed))
            error.argument = typed
        raise


def check_captures(name: str | None) -> None:
    """Refuse an unsupported captures format before any request is sent.

    Raises
    ------
    InvalidRequest
        If the suffix is unsupported.
    """
    if name is not None:
        from scenecart.report._export import check_captures_suffix  # noqa: PLC0415  # keeps --help fast

        with named("path", "-o"):
            check_captures_suffix(name)


def check_outputs(
    *,
    cart: str | None = None,
    report: str | None = None,
    several: bool = False,
    contact_sheet: bool = False,
    report_option: str = "--report",
) -> None:
    """Refuse unsupported cart and report formats before any request is sent; ``report_option`` was typed before the report.

    Raises
    ------
    InvalidRequest
        If a suffix is unsupported, or can have no contact sheet.
    MissingExtra
        If the packages for reports are not installed.
    """
    if cart is not None:
        from scenecart._cart.files import check_path  # noqa: PLC0415  # keeps --help fast

        with named("path", "--save"):
            check_path(cart)
    if report is not None:
        from scenecart.report import check_suffix  # noqa: PLC0415  # an optional extra

        with named("path", report_option):
            check_suffix(report, several=several, contact_sheet=contact_sheet)


def write_captures(captures: gpd.GeoDataFrame, path: Path) -> None:
    """Write captures to a file, atomically; see :func:`scenecart.export`."""
    from scenecart.report import export  # noqa: PLC0415  # keeps --help fast

    export(captures, path)


def write_arrived(error: ScenecartError, name: str | None) -> None:
    """Write the captures that had arrived when a search failed, beside the requested file, and add a note to the error."""
    captures = error.captures
    if name is None or captures is None or not len(captures):
        return
    path = Path(name)
    path = path.with_name(f"{path.stem}.partial{path.suffix}")
    write_captures(captures, path)
    error.add_note(f"They are in {path}.")


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
