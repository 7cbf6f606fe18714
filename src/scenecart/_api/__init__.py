"""The service's API: HTTP, sign-in, operations, schemas and errors."""
