"""States of orders: spellings and phases."""

from __future__ import annotations

import pytest

import scenecart
from _expect import raises
from scenecart._api import order_states


@pytest.mark.parametrize(
    ("value", "state"),
    [
        ("Being-Placed", "processing"),
        ("FULFILLED", "delivered"),
        ("canceled", "cancelled"),
        ("on hold", "on hold"),
        (None, "unknown"),
        (5, "5"),
    ],
)
def test_order_state_is_read_in_each_spelling(value: object, state: str):
    """States have one spelling; an unknown state is returned as is."""
    assert order_states.order_state(value) == state


def test_unknown_status_is_refused_with_the_nearest():
    """An unknown status is an error about the argument, whose hint names the nearest; None and other spellings are accepted."""
    with raises(scenecart.InvalidQuery, "status_unknown") as caught:
        order_states.check_state("deliverd")
    assert caught.value.argument == "status"
    assert "'delivered'" in str(caught.value.hint)
    assert "'xyz'" not in str(order_states.unknown_state_hint("xyz"))
    order_states.check_state(None)
    order_states.check_state("Fulfilled")


@pytest.mark.parametrize(
    ("state", "phase"),
    [
        ("BEING_FULFILLED", "open"),
        ("awaiting_data", "open"),
        ("On Hold", "open"),
        ("FULFILLED", "delivered"),
        ("completed", "delivered"),
        ("Succeeded", "delivered"),
        ("partial", "delivered"),
        ("expired", "ended"),
        ("rejected", "ended"),
        ("refunded", "ended"),
        ("CANCELED", "ended"),
        ("on the moon", "unknown"),
        (None, "unknown"),
    ],
)
def test_phase_says_what_a_state_means(state: object, phase: str):
    """Each word for an end counts as an end; a word that is not known is unknown, never open or finished."""
    assert order_states.phase_of(state) == phase


def test_cancelled_states_are_distinguished_from_failures():
    """A refund is a cancellation, an expiry is not."""
    assert order_states.is_cancelled("CANCELED")
    assert order_states.is_cancelled("refunded")
    assert not order_states.is_cancelled("expired")


def test_states_on_hold_are_distinguished_from_those_that_go_on_by_themselves():
    """A payment or an approval that is missing holds an order; data that is missing does not."""
    assert order_states.is_on_hold("On-Hold")
    assert order_states.is_on_hold("awaiting_payment")
    assert not order_states.is_on_hold("awaiting_data")
