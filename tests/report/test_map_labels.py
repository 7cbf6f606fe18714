"""Labels of a map: each number once, and no two labels overlap."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
import shapely

from scenecart.report._map_labels import Label, place_labels


@pytest.mark.parametrize("seed", range(20))
def test_labels_do_not_overlap(seed: int):
    """For any positions of captures, their numbers are written once each, inside the map, without overlaps."""
    pick = np.random.default_rng(seed)
    count = int(pick.integers(1, 60))
    spots = [(float(x), float(y), number) for number, (x, y) in enumerate(pick.normal(200, [60, 90], (count, 2)), 1)]
    labels = place_labels(spots, 8, 400, 300)
    assert sorted(number for label in labels for number in label.numbers) == list(range(1, count + 1))
    boxes = [shapely.box(*(np.subtract((one.x, one.y), one.half(8))), *np.add((one.x, one.y), one.half(8))) for one in labels]
    assert not [pair for pair in combinations(boxes, 2) if pair[0].intersection(pair[1]).area > 1e-6]
    assert all(shapely.box(-1e-6, -1e-6, 400 + 1e-6, 300 + 1e-6).covers(box) for box in boxes)


def test_label_of_many_numbers_is_their_count():
    """A label that would be too long says how many captures it is for."""
    assert Label(0, 0, (1, 2, 3)).text == "1–3"
    assert Label(0, 0, tuple(range(1, 40, 2))).text == "20 captures"
