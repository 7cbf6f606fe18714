"""The wording of every error and warning, asserted in one place, and the rules that codes follow."""

from __future__ import annotations

import re
from collections import defaultdict

from _messages import CLI_HINTS, ERRORS, SNAPSHOT, WIDGET_HINTS, as_text, read_messages


def test_messages_of_the_source_equal_the_snapshot():
    """A changed wording is seen in the snapshot's difference; `make messages` writes it anew."""
    assert as_text(read_messages()) == SNAPSHOT.read_text(encoding="utf-8")


def test_error_and_warning_has_a_code():
    """Every error and warning of the library is raised with a code, written in snake_case."""
    messages = [one for one in read_messages() if one.kind in ERRORS | {"warn"}]
    assert len(messages) > 200
    assert [one for one in messages if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*|\{.+\}", one.code)] == []


def test_code_belongs_to_one_kind_of_error():
    """One code means one class of error, so that a program can tell by either."""
    kinds = defaultdict(set)
    for one in read_messages():
        if one.kind in ERRORS | {"warn"} and "{" not in one.code:
            kinds[one.code].add(one.kind)
    assert {code: found for code, found in kinds.items() if len(found) > 1} == {}


def test_hint_by_code_has_a_message_with_that_code():
    """No hint for the command line or the widgets has lost its error."""
    codes = {one.code for one in read_messages()}
    assert {*CLI_HINTS, *WIDGET_HINTS} - codes == set()
