"""Cloud over an area: from the provider, from a delivered mask, and estimated from quicklooks."""

from __future__ import annotations

import threading
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
import shapely
from pandas.testing import assert_frame_equal

import scenecart
from _expect import raises, warns
from scenecart._delivery.cloud_over import cloud_over
from scenecart.sandbox._data.imagery import Scene, look

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import geopandas as gpd

    from scenecart.sandbox import Sandbox

HARBOUR = (151.18, -33.99, 151.24, -33.94)
SMALL = (151.205, -33.97, 151.215, -33.96)


@pytest.fixture(scope="module")
def searched(box: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[scenecart.Client, gpd.GeoDataFrame]]:
    """Return a client, and captures of a harbour of which some are cloudy."""
    with box.client("analyst", home=tmp_path_factory.mktemp("home"), sleep=lambda _: None) as client:
        found = client.search("aurora", collections="aurora-50cm", aoi=HARBOUR, datetime="2024-05/2024-06")
        yield client, scenecart.filter(found, coverage=0.999, aoi=SMALL).head(8)


class Pictures:
    """A client whose quicklooks fail, are missing or are no pictures."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.imagery_folders: list[Path] = []
        self.calls = 0
        self._lock = threading.Lock()

    def quicklook(self, capture: Any, size: str = "thumbnail") -> bytes | None:  # noqa: ARG002  # as a client has it
        with self._lock:
            self.calls += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        found: bytes | None = self.answer
        return found


def test_cloud_over_estimate_is_the_cloud_of_the_sandbox(searched: Any):
    """Each capture has an estimate within five points of where the sandbox put its clouds; the captures are not changed."""
    client, captures = searched
    events: list[tuple[int, int]] = []
    found = cloud_over(captures, SMALL, client=client, progress=lambda done, total: events.append((done, total)))
    assert "aoi:cloud_cover" not in captures.columns
    assert found.index.equals(captures.index)
    assert set(found["aoi:cloud_source"]) == {"estimate"}
    west, south, east, north = SMALL
    for _, row in found.iterrows():
        scene = Scene(row["id"], row["eo:cloud_cover"], row["geometry"], row["datetime"].timestamp())
        _, clouded = look(scene, tuple(np.meshgrid([west, east], [north, south])), 64, 64)  # type: ignore[arg-type]  # a pair
        assert abs(row["aoi:cloud_cover"] - 100 * clouded.mean()) < 8
    assert events[0] == (0, len(found))
    assert events[-1] == (len(found), len(found))


def test_cloud_over_on_another_process_is_the_same(searched: Any):
    """With an executor, estimates are computed elsewhere, and are those of this process."""
    client, captures = searched
    here = cloud_over(captures, SMALL, client=client, progress=False)
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as executor:
        there = cloud_over(captures, SMALL, client=client, executor=executor, progress=False)
    assert_frame_equal(pd.DataFrame(there), pd.DataFrame(here))


def test_cloud_over_can_be_filtered_and_asked_again(searched: Any):
    """The column is filtered by name; a second call for another area estimates anew, and a filter without the column says how."""
    client, captures = searched
    with raises(scenecart.InvalidQuery, code="column_missing"):
        scenecart.filter(captures, aoi_cloud_cover=20)
    found = cloud_over(captures, SMALL, client=client, progress=False)
    clear = scenecart.filter(found, aoi_cloud_cover=20)
    assert (clear["aoi:cloud_cover"] <= 20).all()
    again = cloud_over(found, HARBOUR, client=client, progress=False)
    assert set(again["aoi:cloud_source"]) == {"estimate"}
    assert list(again.columns) == list(found.columns)


def test_cloud_over_delivered_capture_is_that_of_its_mask(searched: Any, tmp_path: Path):
    """A delivered capture has the figure of its mask, found in a folder that is passed or that the client knows."""
    client, captures = searched
    bought = captures[captures["eo:cloud_cover"] > 20].head(1)
    order = client.cart(bought, aoi=SMALL).estimate().place().wait(timeout=60, progress=False)
    assert order.open("udm").size
    (name,) = bought["id"]
    known = cloud_over(captures, SMALL, client=client, progress=False).set_index("id")
    assert known.loc[name, "aoi:cloud_source"] == "udm"
    assert (known["aoi:cloud_source"] == "udm").sum() == 1
    order.download(tmp_path / "harbour", ["udm"], progress=False)
    passed = cloud_over(bought, SMALL, client=None, deliveries=str(tmp_path / "harbour"), progress=False)
    assert passed["aoi:cloud_cover"].iloc[0] == known.loc[name, "aoi:cloud_cover"]


@pytest.mark.parametrize("answer", [None, b"<html>", b"\x89PNG\r\n\x1a\n\0\0"])
def test_cloud_over_bad_picture_is_missing_with_a_reason(searched: Any, answer: bytes | None):
    """A missing or damaged quicklook leaves NaN and says why, without an error or a warning."""
    _, captures = searched
    cloudy = captures[captures["eo:cloud_cover"].between(0.1, 99.9)]
    found = cloud_over(cloudy, SMALL, client=Pictures(answer), progress=False)
    assert found["aoi:cloud_cover"].isna().all()
    assert found["aoi:cloud_source"].isna().all()
    assert found["aoi:cloud_note"].str.len().min() > 10


def test_cloud_over_failing_service_is_not_asked_for_ever(searched: Any):
    """After a few failures in a row nothing more is requested; one warning says so, and each capture why."""
    _, captures = searched
    cloudy = captures[captures["eo:cloud_cover"].between(0.1, 99.9)]
    many = cloudy.loc[cloudy.index.repeat(20)].reset_index(drop=True)
    pictures = Pictures(scenecart.ServiceError("The service failed."))
    with warns("area_cloud_incomplete"):
        found = cloud_over(many, SMALL, client=pictures, progress=False)
    assert found["aoi:cloud_cover"].isna().all()
    assert found["aoi:cloud_note"].str.contains("The service failed").all()
    assert pictures.calls < 20


def test_cloud_over_without_scene_figure_or_overlap_says_so(searched: Any):
    """Without the scene's cloud cover there is no estimate, outside the area nothing, and no picture is requested for either."""
    _, captures = searched
    pictures = Pictures(b"")
    unknown = captures.drop(columns="eo:cloud_cover")
    for found in (
        cloud_over(unknown, SMALL, client=pictures, progress=False),
        cloud_over(captures, shapely.box(10, 10, 11, 11), client=pictures, progress=False),
        cloud_over(captures.head(0), SMALL, client=pictures, progress=False),
    ):
        assert found["aoi:cloud_cover"].isna().all()
        assert found["aoi:cloud_note"].notna().all()
    assert pictures.calls == 0


def test_cloud_over_invalid_arguments_are_refused(searched: Any):
    """What is no frame, no area or no progress is refused before anything is requested."""
    _, captures = searched
    with raises(scenecart.InvalidQuery, code="captures_invalid"):
        cloud_over([], SMALL, client=None)  # type: ignore[arg-type]  # what is tested
    with raises(scenecart.InvalidArea, code="area_not_recognized"):
        cloud_over(captures, "nowhere", client=None)
    with raises(scenecart.InvalidQuery, code="progress_invalid"):
        cloud_over(captures, SMALL, client=None, progress="yes")  # type: ignore[arg-type]  # what is tested
    with raises(scenecart.InvalidQuery, code="executor_invalid"):
        cloud_over(captures, SMALL, client=None, executor=5)  # type: ignore[arg-type]  # what is tested
    with raises(scenecart.UnknownKeyword, code="keyword_unknown"):
        cloud_over(captures, SMALL, klient=None)  # type: ignore[call-arg]  # what is tested
