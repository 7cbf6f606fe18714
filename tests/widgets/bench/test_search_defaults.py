"""The dates that are searched by default."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from scenecart.widgets._bench.search_defaults import last_half_year

if TYPE_CHECKING:
    import scenecart

TODAY = dt.date(2026, 11, 27)


def test_last_half_year_is_the_newest_in_which_the_host_has_captures(client: scenecart.Client):
    """The sandbox's archive ends in 2024: so do the dates. A host without captures gets the half year before today."""
    first, last = last_half_year(client, "aurora", ["aurora-50cm"], TODAY)
    assert last == "2024-12-31"
    assert first == "2024-07-02"
    assert len(client.search("aurora", collections="aurora-50cm", datetime=f"{first}/{last}", limit=1)) == 1
    assert last_half_year(client, "aurora", ["aurora-50cm"], dt.date(2024, 12, 31))[1] == "2024-12-31"
    assert last_half_year(client, "aurora", ["aurora-50cm"], dt.date(1990, 1, 1))[1] == "1990-01-01"
