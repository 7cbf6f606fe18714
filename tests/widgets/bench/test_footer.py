"""The footer of the Workbench."""

from __future__ import annotations

import pytest

from scenecart.widgets._bench.footer import Footer, checked_page, found_text


def test_footer_announce_replaces_the_message():
    """There is one message, the latest."""
    footer = Footer(is_full=True)
    footer.announce("44 captures found.")
    assert footer.state == {"message": "44 captures found.", "full": True, "account": ""}
    footer.close()


def test_found_text_nothing_found_says_so():
    """No capture is not "0 captures"."""
    assert found_text(0, 0, 0.1) != found_text(1, 1, 0.1)
    assert "0" not in found_text(0, 0, 0.1)


@pytest.mark.parametrize("name", [None, "", "../a", "a/b", "é", "a" * 33, 5])
def test_checked_page_name_that_is_no_id_is_ignored(name: object):
    """The id of a tab becomes a file name, so anything else than letters and digits is ignored."""
    assert checked_page({"id": name}) is None
