"""What the sandbox does: catalog, prices, orders, money."""
