"""HTML templates and numbers as text."""

from __future__ import annotations

from decimal import Decimal

import jinja2
import pytest

from scenecart._util import html


def test_template_values_are_escaped():
    """Every value in a template is escaped."""
    text = html.render("area.html", km2=1, edges="<b>", path='"', color="'", width="1", height="1")
    assert "<b>" not in text
    assert "&lt;b&gt;" in text
    assert 'd="&#34;"' in text


def test_template_value_that_is_missing_is_an_error():
    """A misspelled value is never an empty place in a page."""
    with pytest.raises(jinja2.UndefinedError):
        html.render("area.html", km2=1)


def test_numbers_have_sensible_digits():
    """Large figures have no decimals, small ones keep what matters, and missing ones are a dash."""
    assert [html.km2(value) for value in (None, 0.000123, 1.5, 99.999, 12_345.6)] == ["–", "0.00012", "1.50", "100.00", "12,346"]
    assert [html.metres(value) for value in (None, 0.5, 9.999, 30)] == ["–", "0.50 m", "10.00 m", "30 m"]
    assert [html.percent(value) for value in (None, 12.4)] == ["–", "12 %"]
    shown = [html.percent(value) for value in (0.0, 0.004, 0.1, 0.94, 1.2, 98.6, 99.4, 99.97, 100.0)]
    assert shown == ["0 %", "< 0.1 %", "0.1 %", "0.9 %", "1 %", "99 %", "99.4 %", "> 99.9 %", "100 %"]
    assert [html.angle(value) for value in (None, -3.25)] == ["–", "-3.2°"]
    assert html.thousands(1_234_567) == "1,234,567"
    assert html.aud(Decimal(1042)) == "A$1,042.00"


def test_breakable_name_is_escaped_and_breaks_after_underscores():
    """A capture's id keeps its text, and cannot be markup."""
    assert html.breakable("A2_2024_<b>") == "A2_<wbr>2024_<wbr>&lt;b&gt;"
    assert html.breakable("x") == "x"
