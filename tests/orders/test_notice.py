"""Notices: text with a code and a hint."""

from __future__ import annotations

import copy
import pickle

from scenecart._orders.notice import Notice
from scenecart.cli._hints import lines_of
from scenecart.widgets._hints import hint_of


def test_notice_is_message_and_hint():
    """A notice is a string of its message and its hint, for print() and any callback."""
    notice = Notice("Already ordered.", code="already_ordered", hint="Pass again=True.", details={"order_id": "o-1"})
    assert isinstance(notice, str)
    assert notice == "Already ordered. Pass again=True."
    assert (notice.message, notice.hint, notice.details) == ("Already ordered.", "Pass again=True.", {"order_id": "o-1"})
    assert Notice("Cancelled.", code="cancel_result") == "Cancelled."


def test_notice_has_hints_for_each_audience():
    """The command line and the widgets show the message with their own hint."""
    notice = Notice("Already ordered.", code="already_ordered", hint="Pass again=True.")
    message, hint = lines_of(notice, ())
    assert message == "Already ordered."
    assert "--again" in hint
    assert hint_of(notice) not in {None, notice.hint}


def test_notice_copy_keeps_its_fields():
    """Copies and pickles of a notice keep code, hint and details."""
    notice = Notice("Already ordered.", code="already_ordered", hint="Pass again=True.", details={"order_id": "o-1"})
    pickled = pickle.loads(pickle.dumps(notice))  # noqa: S301  # pickled on this line
    for other in (copy.copy(notice), copy.deepcopy(notice), pickled):
        assert other == notice
        assert (other.code, other.hint, other.details) == (notice.code, notice.hint, notice.details)
