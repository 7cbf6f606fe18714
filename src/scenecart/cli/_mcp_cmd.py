"""The command mcp: tools for an agent that prepares orders, and cannot place them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from scenecart._orders.notice import Notice
from scenecart._util.files import as_path
from scenecart.cli._hints import lines_of
from scenecart.exceptions import InvalidRequest, missing_extra

if TYPE_CHECKING:
    import argparse


def mcp(arguments: argparse.Namespace) -> int:
    """Serve the tools until the agent leaves."""
    try:
        from scenecart.cli._mcp_server import make_server  # noqa: PLC0415  # an optional extra
    except ModuleNotFoundError as error:
        raise missing_extra("The tools for agents need", error, "mcp") from error
    from scenecart.cli._mcp_tools import Tools  # noqa: PLC0415  # keeps --help fast
    from scenecart.client import make_read_only  # noqa: PLC0415  # likewise
    from scenecart.connection import open_client  # noqa: PLC0415  # likewise

    folder = Path(as_path(arguments.folder, "--folder"))
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidRequest(
            f"must be a folder that can be written ({error.strerror}).", argument="folder", code="folder_unusable"
        ) from error
    with open_client(arguments.profile, base_url=arguments.base_url, options={"say": _print_notice}, keep_session=True) as client:
        make_read_only(client)
        make_server(Tools(client, folder)).run("stdio")
    return 0


def _print_notice(line: str) -> None:
    # standard output is the protocol's
    print(*(lines_of(line, ()) if isinstance(line, Notice) else [line]), sep="\n", file=sys.stderr)
