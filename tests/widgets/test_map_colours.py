"""Colours of footprints, and their legends."""

from __future__ import annotations

import geopandas as gpd
import shapely

from scenecart.widgets import _style
from scenecart.widgets._map_colours import colours_by, density_layer, density_legend, marks_legend, owned_legend
from scenecart.widgets._state import CaptureState


def colours(column: str, values: list[object]) -> tuple[list[str], str]:
    """Return the colours and the legend of captures with these values."""
    frame = gpd.GeoDataFrame({column: values}, geometry=[shapely.box(0, 0, 1, 1)] * len(values), crs=4326)
    return colours_by(column, frame, CaptureState(frame))


def test_colours_by_number_span_the_colour_scale():
    """The lowest and the highest number have the ends of the scale, and a missing number is grey."""
    found, legend = colours("gsd", [0.3, 0.5, None])
    assert found == [_style.SCALE[0], _style.SCALE[-1], _style.NO_VALUE]
    assert "0.3" in legend
    assert "0.5" in legend


def test_colours_span_what_matches_the_filters():
    """A filter spreads the colours over what is left, and the legend has its ends; categories that are left out are not in it."""
    frame = gpd.GeoDataFrame({"gsd": [0.3, 0.5, 9.0], "host": list("abb")}, geometry=[shapely.box(0, 0, 1, 1)] * 3, crs=4326)
    state = CaptureState(frame)
    state.filters = {"gsd": [0, 1]}
    found, legend = colours_by("gsd", frame, state)
    assert found[:2] == [_style.SCALE[0], _style.SCALE[-1]]
    assert "0.5" in legend
    assert ">9<" not in legend
    state.filters = {"gsd": [0, 0.4]}
    _, legend = colours_by("host", frame, state)
    assert legend.count('class="dot"') == 1


def test_marks_legend_names_what_can_be_there():
    """The area is explained where there is one; what is looked at and selected where there are captures."""
    assert marks_legend(has_area=False, has_captures=False) == ""
    assert "my area" in marks_legend(has_area=True, has_captures=False)
    assert all(word in marks_legend(has_area=False, has_captures=True) for word in ("current", "selected"))


def test_colours_of_one_value_have_one_key():
    """Where all captures have the same number, the legend names it instead of a scale from it to itself."""
    found, legend = colours("gsd", [0.5, 0.5])
    assert len(set(found)) == 1
    assert legend.count('class="dot"') == 1
    assert "0.5" in legend


def test_colours_by_category_are_different():
    """Each collection has its colour, and the legend names it."""
    found, legend = colours("collection", ["a", "b", "a"])
    assert found[0] == found[2] != found[1]
    assert all(colour in legend for colour in found)


def test_colours_by_column_without_values_have_no_legend():
    """A column without any number is grey, and one that does not exist has the plain colour; neither has a legend."""
    assert colours("gsd", [None, None]) == ([_style.NO_VALUE] * 2, "")
    frame = gpd.GeoDataFrame({"id": ["a"]}, geometry=[shapely.box(0, 0, 1, 1)], crs=4326)
    assert colours_by("gsd", frame, CaptureState(frame)) == ([_style.PLAIN], "")


def test_density_layer_is_darker_with_more_captures():
    """A cell with more captures is darker, and the legend has the highest count."""
    cells = [((0.0, 0.0, 1.0, 1.0), 1), ((1.0, 0.0, 2.0, 1.0), 1_234)]
    low, high = (feature["properties"]["style"]["fillOpacity"] for feature in density_layer(cells)["features"])
    assert low < high
    assert "1,234" in density_legend(cells)


def test_owned_legend_names_the_sign():
    """The legend says what dashes mean."""
    assert "owned" in owned_legend()
