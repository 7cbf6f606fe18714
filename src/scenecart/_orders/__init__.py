"""Placing orders, following them, and the journal of placements."""
