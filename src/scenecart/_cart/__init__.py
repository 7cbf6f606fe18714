"""Carts, cart files and estimates."""
