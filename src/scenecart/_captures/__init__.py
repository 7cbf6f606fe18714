"""Captures: searches, decoding, frames, filters and files."""
