"""The embedded sandbox: the whole ordering service on this machine, with a real HTTP server and a real database.

It shares no code with the library. A field name that is wrong in the library is therefore not also wrong here.
"""

from scenecart.sandbox._problem import SandboxError
from scenecart.sandbox.server import Sandbox, serve

__all__ = ["Sandbox", "SandboxError", "serve"]
