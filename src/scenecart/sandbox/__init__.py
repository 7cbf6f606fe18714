"""The embedded sandbox: the ordering service on this machine, with an HTTP server and a database.

It shares no code with the library, so that a wrong field name in the library is not also wrong here.
"""

from scenecart.sandbox._problem import SandboxError
from scenecart.sandbox.command import serve
from scenecart.sandbox.server import Sandbox

__all__ = ["Sandbox", "SandboxError", "serve"]
