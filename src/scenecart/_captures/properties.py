"""Names of STAC properties that scenecart reads."""

from __future__ import annotations

CLOUD_COVER = "eo:cloud_cover"
"""Cloud cover in percent, of the EO extension."""

OFF_NADIR = "view:off_nadir"
"""Angle between the line of sight and the vertical in degrees, of the View Geometry extension."""

SUN_ELEVATION = "view:sun_elevation"
"""Height of the sun above the horizon in degrees, of the View Geometry extension."""

GSD = "gsd"
"""Ground sample distance in metres, of STAC's common metadata."""

PROJ_GEOMETRY = "proj:geometry"
"""Footprint in the CRS of the data, of the Projection extension."""

DATETIME, START_DATETIME, END_DATETIME = "datetime", "start_datetime", "end_datetime"
"""Time of acquisition, or its range if it took a while."""

TIMES = frozenset({DATETIME, START_DATETIME, END_DATETIME, "created", "updated", "published", "expires"})
"""Properties that hold a time."""
