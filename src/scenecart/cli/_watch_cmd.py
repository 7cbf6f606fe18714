"""Commands about watches: add, list, run and remove. None of them buys anything."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import shapely

from scenecart._geo.area import as_geometry
from scenecart._geo.geometry import clip_each, polygonal, union
from scenecart._util.text import clean_text, pluralize
from scenecart.cli import _documents, _io, _output
from scenecart.cli._exit_codes import NO_NEWS
from scenecart.exceptions import InvalidRequest

if TYPE_CHECKING:
    import argparse

    import geopandas as gpd
    from shapely.geometry.base import BaseGeometry

    from scenecart._watch.watch import Watch
    from scenecart.client import Client


def add(arguments: argparse.Namespace) -> int:
    """Save a search under a name."""
    query = _io.json_argument(arguments.query, "query")
    if arguments.area_name is not None and arguments.areas is None:
        raise InvalidRequest("--area-name needs --areas.", code="area_name_alone", hint="Add --areas FILE.")
    areas = None if arguments.areas is None else _io.read_areas(arguments.areas, arguments.area_name)
    with _io.connect(arguments) as client:
        watch = client.watch(
            arguments.name,
            arguments.host,
            areas=areas,
            collections=arguments.collections,
            ids=arguments.ids,
            aoi=arguments.aoi,
            bbox=arguments.bbox,
            datetime=arguments.datetime,
            query=query,
            max_cloud_cover=arguments.max_cloud_cover,
        )
        arguments.progress.completed = f"The watch {watch.name} is saved"
        seen = watch.seen(watch.new()) if arguments.from_now else 0
    if arguments.json:
        _documents.document("watch-add/1", {"name": watch.name, "host": watch.host, "criteria": watch.criteria, "seen": seen})
    else:
        marked = f" {pluralize(seen, 'capture')} marked as seen." if arguments.from_now else ""
        print(f"Watch {clean_text(watch.name, 80)!r} is saved.{marked} Run it: scenecart watch run {clean_text(watch.name, 80)!r}")
    return 0


def list_watches(arguments: argparse.Namespace) -> int:
    """List the watches of the service."""
    with _io.connect(arguments) as client:
        watches = client.watches()
    if arguments.json:
        _documents.records("watch-list/1", watches.reset_index())
    else:
        _output.watches_table(watches)
    return 0


def run(arguments: argparse.Namespace) -> int:
    """Print the captures of a watch that are new, and mark them as seen."""
    _io.check_captures(arguments.output)
    _io.check_outputs(report=arguments.report)
    with _io.connect(arguments) as client:
        watch = client.watch(arguments.name)
        news = watch.new(updated=arguments.updated, progress=not arguments.json and sys.stderr.isatty())
        arguments.progress.has_requested = True
        if arguments.json:
            _documents.captures_geojson("watch-run/1", news)
        elif len(news):
            _output.captures_table(news)
        else:
            print(f"Nothing new in {clean_text(watch.name, 80)!r}.")
        if len(news):
            _write(news, watch, client, arguments)
        # a capture that was not printed stays new
        sys.stdout.flush()
        if len(news) and not arguments.keep:
            watch.seen(news)
    return 0 if len(news) else NO_NEWS


def _write(news: gpd.GeoDataFrame, watch: Watch, client: Client, arguments: argparse.Namespace) -> None:
    """Write the files of --output and --report."""
    lines = []
    if arguments.output:
        _io.write_captures(news, Path(arguments.output))
        lines.append(f"Captures: {arguments.output}")
    if arguments.report:
        # a watch of many areas has a capture once for each
        orderable = news[news["orderable"]].drop_duplicates(["host", "collection", "id"])
        area = _watched_area(watch, news)
        is_inside = ~shapely.is_empty(clip_each(orderable.geometry.to_numpy(), area)) if area is not None else slice(None)
        reported = orderable[is_inside]
        if len(reported):
            title = f"New captures: {clean_text(watch.name, 80)}"
            lines.append(f"Report: {client.cart(reported, area).to_report(arguments.report, title=title)}")
        if len(reported) < len(orderable):
            lines.append(f"Not in the report: {pluralize(len(orderable) - len(reported), 'capture')} that only touch the area.")
        if not news["orderable"].all():
            lines.append(f"Not in the report: {pluralize(int((~news['orderable']).sum()), 'capture')} that cannot be ordered.")
    for line in lines:
        print(line, file=sys.stderr if arguments.json else sys.stdout)


def _watched_area(watch: Watch, news: gpd.GeoDataFrame) -> BaseGeometry | None:
    """Return the polygons that a watch searches, EPSG:4326: of many areas, those with news; None if it has none."""
    criteria = watch.criteria
    if "areas" in criteria:
        with_news = set(news["area"])
        given = [area for name, area in criteria["areas"].items() if name in with_news]
    else:
        given = [criteria[name] for name in ("aoi", "bbox", "intersects") if name in criteria]
    area = polygonal(union(as_geometry(one) for one in given))
    return None if area.is_empty else area


def remove(arguments: argparse.Namespace) -> int:
    """Remove a watch."""
    with _io.connect(arguments) as client:
        client.watch(arguments.name).remove()
    arguments.progress.completed = f"The watch {arguments.name} is removed"
    if arguments.json:
        _documents.document("watch-remove/1", {"name": arguments.name, "removed": True})
    else:
        print(f"Watch {clean_text(arguments.name, 80)!r} is removed.")
    return 0
