"""Pauses of the garbage collector."""

from __future__ import annotations

import gc

import pytest

from scenecart._util.collector import collector_paused


def test_collector_is_on_again_after_a_pause_and_after_an_error_in_it():
    """Within a pause the collector is off, also after a pause inside it; afterwards it is on, also when the code raised."""
    with collector_paused():
        with collector_paused():
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled()
    with pytest.raises(ZeroDivisionError), collector_paused():
        _ = 1 / 0
    assert gc.isenabled()


def test_collector_that_the_analyst_turned_off_stays_off():
    """A pause does not turn on a collector that was off before it."""
    gc.disable()
    try:
        with collector_paused():
            assert not gc.isenabled()
        assert not gc.isenabled()
    finally:
        gc.enable()
