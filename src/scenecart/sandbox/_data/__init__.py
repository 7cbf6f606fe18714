"""The data of the sandbox: generated and real captures, the database, geometry and images."""
