"""Captures: searching catalogs, decoding, frames, filters."""
