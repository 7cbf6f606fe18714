"""The parser of ``scenecart watch``: its four commands and their options."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scenecart.cli import _watch_cmd
from scenecart.cli._commands import REPORT, add_command, add_criteria, add_group

if TYPE_CHECKING:
    from scenecart.cli._arguments import Commands

_NAME = "name of the watch, which is unique for the service"


def add_watch(commands: Commands) -> None:
    """Add ``watch add``, ``watch list``, ``watch run`` and ``watch remove``."""
    watch = add_group(commands, "watch", "save a search under a name, and see what is new; buys nothing")
    add = add_command(
        watch,
        "add",
        _watch_cmd.add,
        "save a search under a name",
        "scenecart watch add harbour aurora --collections aurora-50cm --aoi harbour.geojson --max-cloud-cover 20",
        "scenecart watch add harbour aurora --collections aurora-50cm --aoi harbour.geojson --from-now",
        "scenecart watch add ports aurora --collections aurora-50cm --areas ports.gpkg --area-name port",
        note="Files are read now, once. Without --datetime, captures of any later time are found. Saving the same search again "
        "changes nothing.",
    )
    add.add_argument("name", metavar="NAME", help=_NAME)
    add_criteria(add)
    add.add_argument("--areas", metavar="FILE", help="watch each area of this file for itself, instead of --aoi or --bbox")
    add.add_argument("--area-name", metavar="COLUMN", help="column of --areas with the names (default: numbers from 0)")
    add.add_argument("--from-now", action="store_true", help="mark the captures that exist today as seen")
    add_command(watch, "list", _watch_cmd.list_watches, "list the watches of the service", "scenecart watch list --json")
    run = add_command(
        watch,
        "run",
        _watch_cmd.run,
        "print the captures that are new, and mark them as seen",
        "scenecart watch run harbour",
        "scenecart watch run harbour --report news.html -o news.parquet",
        note="The exit code is 0 if there are new captures, and 3 if there are none. Captures are marked as seen after they are "
        "printed and the files are written: if the command fails, the next one prints them again.",
    )
    run.add_argument("name", metavar="NAME", help=_NAME)
    run.add_argument("--updated", action="store_true", help="print captures too that the catalog updated since they were seen")
    run.add_argument("--keep", action="store_true", help="do not mark the captures as seen")
    run.add_argument("-o", "--output", metavar="FILE", help="write the new captures to a file: .parquet or .geojson")
    run.add_argument("--report", metavar="FILE", help=f"write a report of the new captures, without prices: {REPORT}")
    remove = add_command(
        watch,
        "remove",
        _watch_cmd.remove,
        "remove a watch, and what it has seen",
        "scenecart watch remove harbour",
    )
    remove.add_argument("name", metavar="NAME", help=_NAME)
