"""The embedded sandbox: a real server with a real database that plays the whole ordering service on this machine.

It imports nothing of the library, so that a wrong field name in one cannot be cancelled out by the other.
"""

from scenecart.sandbox._problem import SandboxError
from scenecart.sandbox.server import Sandbox, serve

__all__ = ["Sandbox", "SandboxError", "serve"]
