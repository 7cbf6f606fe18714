"""Watches: searches saved under a name, and what is new since last time."""
