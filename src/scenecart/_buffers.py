"""Bytes that Arrow reads by itself.

Arrow's threads end a moment after the reading they did. One that held a Python file may let go of it while the interpreter
shuts down, and takes the whole process with it then ("terminate called without an active exception"), after everything was done.
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa


def native(content: bytes) -> pa.BufferReader:
    """Return bytes as a file of Arrow's own, with nothing of Python in it.

    Examples
    --------
    >>> from scenecart._buffers import native
    >>> native(b"PAR1").read()
    b'PAR1'
    """
    stream: Any = pa.BufferOutputStream()
    stream.write(content)
    return pa.BufferReader(stream.getvalue())
