"""Delivered items and files."""
