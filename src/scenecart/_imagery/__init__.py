"""Pixels: quicklooks and rasters."""
