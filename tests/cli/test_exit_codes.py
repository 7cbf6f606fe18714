"""Exit codes: one table in the source, which the help and the documentation repeat."""

from __future__ import annotations

import re

from _docs import DOCS
from scenecart.cli._exit_codes import MEANINGS
from scenecart.cli._parser import make_parser


def test_exit_code_is_in_the_help_and_in_the_documentation():
    """The help and the page have every code of the table, and no other."""
    printed = re.search(r"^exit codes:\n((?:  .*\n)*)", make_parser().format_help(), re.MULTILINE)
    assert printed is not None
    assert [int(line.split()[0]) for line in printed[1].splitlines()] == list(MEANINGS)
    page = (DOCS / "reference" / "command-line.md").read_text("utf-8")
    assert [int(code) for code in re.findall(r"^\| (\d+) \|", page, re.MULTILINE)] == list(MEANINGS)
