"""Tests of the names of STAC properties: catalogs use them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scenecart._captures.properties import CLOUD_COVER, DATETIME, GSD, OFF_NADIR, SUN_ELEVATION, TIMES

if TYPE_CHECKING:
    import scenecart


def test_names_are_columns_of_a_search(client: scenecart.Client):
    """Each name is a column of a search result, with a value in every capture of an optical satellite."""
    captures = client.search("aurora", collections="aurora-50cm", datetime="2024-03", limit=5)
    assert captures[[CLOUD_COVER, OFF_NADIR, SUN_ELEVATION, GSD, DATETIME]].notna().all(axis=None)
    assert all(captures[name].dt.tz is not None for name in TIMES & set(captures.columns))
