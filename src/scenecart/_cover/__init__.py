"""Cover plans: the captures to buy for an area."""
