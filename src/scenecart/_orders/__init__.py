"""Placing and following orders, and the placement journal."""
