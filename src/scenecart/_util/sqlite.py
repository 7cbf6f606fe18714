"""The errors of SQLite files that are damaged."""

from __future__ import annotations

import sqlite3

# SQLite's message about a damaged file repeats what is in it, which may not be text
ERRORS = (sqlite3.Error, UnicodeDecodeError)
