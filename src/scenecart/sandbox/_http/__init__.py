"""The HTTP API of the sandbox: routes, request types, pages and the server."""
