"""Cover planning: which captures to buy for an area."""
