"""Geometry in degrees (EPSG:4326): areas of interest, antimeridian, km²."""
