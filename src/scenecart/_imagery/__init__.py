"""Delivered imagery as arrays."""
