"""HTML templates with escaped values, and numbers as text. The only module that imports Jinja2."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from decimal import Decimal

    import jinja2
    from markupsafe import Markup


def render(template: str, **values: Any) -> str:
    """Fill a template of the ``templates`` folder; every value is escaped."""
    return _environment().get_template(template).render(**values)


@functools.cache
def _environment() -> jinja2.Environment:
    import jinja2  # noqa: PLC0415  # a search needs none

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("scenecart", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["thousands"] = thousands
    environment.filters["aud"] = aud
    environment.filters["amount"] = "{:,.2f}".format
    environment.filters["km2"] = km2
    environment.filters["percent"] = percent
    environment.filters["angle"] = angle
    environment.filters["metres"] = metres
    environment.filters["breakable"] = breakable
    return environment


def breakable(name: str) -> Markup:
    """Return a name that a narrow column breaks after its underscores, rather than before its last letter."""
    from markupsafe import Markup  # noqa: PLC0415  # of Jinja2

    return Markup("_<wbr>").join(name.split("_"))


# what one decimal rounds to nothing, in per cent
_LEAST_SHOWN = 0.05


def thousands(number: int) -> str:
    """Return a count with thousands separators.

    Examples
    --------
    >>> thousands(4200)
    '4,200'
    """
    return f"{number:,}"


def aud(amount: Decimal) -> str:
    """Return an amount in Australian dollars.

    Examples
    --------
    >>> from decimal import Decimal
    >>> aud(Decimal("1042.00"))
    'A$1,042.00'
    """
    return f"A${amount:,.2f}"


def km2(area: float | None) -> str:
    """Return an area in km² with a sensible number of digits.

    Examples
    --------
    >>> km2(12.3456), km2(0.01234)
    ('12.35', '0.012')
    """
    if area is None:
        return "–"
    if area >= 100:  # noqa: PLR2004  # no decimals are needed from here on
        return f"{area:,.0f}"
    return f"{area:,.2f}" if area >= 1 else f"{area:.2g}"


def percent(share: float | None) -> str:
    """Return a percentage; only nothing is 0 %, and only all of it is 100 %.

    Examples
    --------
    >>> percent(12.4), percent(0.1), percent(0.01), percent(99.96), percent(None)
    ('12 %', '0.1 %', '< 0.1 %', '> 99.9 %', '–')
    """
    if share is None:
        return "–"
    if 0 < share < _LEAST_SHOWN:
        return "< 0.1 %"
    if 100 - _LEAST_SHOWN <= share < 100:  # noqa: PLR2004  # per cent
        return "> 99.9 %"
    is_near_end = 0 < share < 1 or 99 < share < 100  # noqa: PLR2004  # per cent
    return f"{share:.1f} %" if is_near_end else f"{share:.0f} %"


def angle(degrees: float | None) -> str:
    """Return an angle in degrees.

    Examples
    --------
    >>> angle(19.64), angle(None)
    ('19.6°', '–')
    """
    return "–" if degrees is None else f"{degrees:.1f}°"


def metres(length: float | None) -> str:
    """Return a length in metres with a sensible number of digits.

    Examples
    --------
    >>> metres(0.5), metres(10.0), metres(None)
    ('0.50 m', '10 m', '–')
    """
    if length is None:
        return "–"
    return f"{length:.2f} m" if length < 10 else f"{length:,.0f} m"  # noqa: PLR2004  # no decimals are needed from here on
