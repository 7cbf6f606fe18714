"""How much is measured: what ends within minutes, or everything with ``FULL=1`` in the environment."""

from __future__ import annotations

import os

FULL = os.environ.get("FULL", "0") not in {"", "0"}
