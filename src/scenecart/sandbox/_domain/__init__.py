"""The rules of the sandbox: catalog, prices, orders, money, sign-in and faults."""
