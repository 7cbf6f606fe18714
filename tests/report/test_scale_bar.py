"""Scale bars: round lengths that fit the picture."""

from __future__ import annotations

import pytest

from scenecart.report._scale_bar import scale_bar


@pytest.mark.parametrize("metres", [1.0, 33.0, 100.0, 999.0, 1_000.0, 47_000.0, 2_000_000.0, 40_000_000.0])
def test_scale_bar_is_a_round_length_that_fits(metres: float):
    """The bar is 1, 2 or 5 of a power of ten, between an eighth and 30 % of the width, and its text says the same length."""
    bar = scale_bar(metres)
    length = bar.share * metres
    assert 0.12 <= bar.share <= 0.3
    assert f"{length:e}"[0] in "125"
    number, unit = bar.text.replace(",", "").split()
    assert float(number) * {"m": 1, "km": 1_000}[unit] == pytest.approx(length)
