"""Free imagery beside commercial: any STAC API, in the same frame."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

import scenecart
from scenecart import InvalidArea, InvalidQuery, ServiceError
from scenecart.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

SYDNEY = (151.18, -33.99, 151.24, -33.94)


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    """Give a sandbox, whose catalog is a STAC API too."""
    with Sandbox(pace="instant") as running:
        running.rate_limits = None
        yield running


def ask(box: Sandbox, **criteria: Any) -> Any:
    headers = {"Authorization": f"Bearer {box.token('analyst')}"}
    return scenecart.search_stac(f"{box.url}/v2/catalog/", headers=headers, **criteria)


def test_open_and_commercial_stand_in_one_table(box: Sandbox, tmp_path: Any):
    """A STAC API's search gives the columns of the service's own, and both can be put below each other."""
    with box.client("analyst", home=tmp_path) as client:
        ours = client.search("openterra", collections="openterra-10m", aoi=SYDNEY, datetime="2024-03")
    theirs = ask(box, collections="openterra-10m", aoi=SYDNEY, datetime="2024-03", host="open")
    assert theirs["id"].tolist() == ours["id"].tolist()
    assert theirs["datetime"].tolist() == ours["datetime"].tolist()
    assert theirs.geometry.geom_equals(ours.geometry).all()
    assert set(ours.columns) <= set(theirs.columns)
    both = pd.concat([ours, theirs], ignore_index=True)
    assert both["host"].value_counts().to_dict() == {"openterra": len(ours), "open": len(ours)}
    assert scenecart.filter(both, cloud_cover=30)["eo:cloud_cover"].max() <= 30


def test_pages_are_followed_to_the_limit(box: Sandbox):
    """More than one page is followed, a limit is kept, and progress is told."""
    told: list[scenecart.SearchEvent] = []
    found = ask(box, bbox=(150, -35, 153, -32), datetime="2024-03", limit=25, progress=told.append)
    assert len(found) == found["id"].nunique() == 25
    assert (told[0].kind, told[-1].kind, told[-1].captures) == ("started", "finished", 25)
    assert len(ask(box, bbox=(150, -35, 153, -32), datetime="2024-03", limit=25, page_size=10)) == 25
    assert ask(box, ids=["nothing"]).empty


def test_what_is_no_stac_api_is_said(box: Sandbox):
    """An address that is no STAC API, or cannot be reached, is an error that names it and holds no address's secrets."""
    for url in (box.url + "/openapi.json", "http://127.0.0.1:9/?key=secret", f"{box.url}/v2/catalog/"):
        with pytest.raises(ServiceError, match=r"127\.0\.0\.1") as error:
            scenecart.search_stac(url, collections="a")
        assert "secret" not in str(error.value)


def test_what_makes_no_sense_is_refused():
    """A search that cannot be meant is refused before anything is sent."""
    with pytest.raises(InvalidQuery, match="landing page"):
        scenecart.search_stac("catalog.json")
    with pytest.raises(InvalidQuery, match="limit"):
        scenecart.search_stac("http://127.0.0.1:9/", limit=0)
    with pytest.raises(InvalidArea):
        scenecart.search_stac("http://127.0.0.1:9/", aoi="nowhere.geojson")
