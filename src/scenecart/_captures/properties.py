"""Names of STAC properties that scenecart reads."""

from __future__ import annotations

CLOUD_COVER = "eo:cloud_cover"
"""Cloud cover in percent, of the EO extension."""

AREA_CLOUD = "aoi:cloud_cover"
"""Cloud cover of an area of interest in percent; of a provider, or of ``scenecart.cloud_over``."""

AREA_CLOUD_SOURCE = "aoi:cloud_source"
"""Where that comes from: one of the next three."""

PROVIDER, MASK, ESTIMATE = "provider", "udm", "estimate"
"""The provider's own figure, a delivered cloud mask, or an estimate from the quicklook."""

AREA_CLOUD_NOTE = "aoi:cloud_note"
"""How it was found, or why it is missing, in words."""

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
