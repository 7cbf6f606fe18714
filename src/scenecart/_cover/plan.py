"""Cover plans: the captures that cover an area at least cost, or with the fewest, newest or clearest captures."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pandas as pd
import shapely

from scenecart._captures.properties import AREA_CLOUD, AREA_CLOUD_SOURCE, CLOUD_COVER
from scenecart._captures.properties import ESTIMATE as ESTIMATED
from scenecart._captures.query import warn_of_fraction
from scenecart._cover.plot import draw_cover
from scenecart._geo.geometry import geodesic_km2
from scenecart._util import html
from scenecart._util.text import clean_text, pluralize
from scenecart._util.validate import check_choice, check_count, check_number, is_number, shown_value
from scenecart.exceptions import InvalidQuery

if TYPE_CHECKING:
    from collections.abc import Hashable

    from matplotlib.axes import Axes
    from shapely.geometry.base import BaseGeometry

    from scenecart._cart.cart import Cart
    from scenecart._cart.estimate import Estimate
    from scenecart._geo.area import Area

OBJECTIVES = {"cost": "cheapest", "fewest": "fewest captures", "newest": "newest", "clearest": "clearest"}
# the column of the cloud cover that counts: of the whole capture, or over the area
CLOUD_COLUMNS = {"scene": CLOUD_COVER, "aoi": AREA_CLOUD}
TOLERANCE = 1e-6
_ROWS_IN_HTML = 50
_REASONS_IN_HTML = 3


@dataclass(frozen=True)
class PlanOptions:
    """The options of a cover plan; see ``Client.cover``.

    Raises
    ------
    InvalidQuery
        If an option is invalid, or two contradict each other.
    """

    objective: str = "cost"
    min_coverage: float = 0.98
    max_cloud_cover: float | None = None
    budget: int | None = None
    max_captures: int | None = None
    prices: str = "service"
    time_limit: float = 10.0
    cloud: str = "scene"

    def __post_init__(self) -> None:
        check_choice(self.cloud, "cloud", CLOUD_COLUMNS, kind=InvalidQuery)
        check_choice(self.objective, "objective", OBJECTIVES, kind=InvalidQuery)
        check_choice(self.prices, "prices", ("service", "area"), kind=InvalidQuery)
        if not (_is_finite(self.min_coverage) and 0 < self.min_coverage <= 1):
            raise InvalidQuery(
                f"must be a share above 0 and at most 1, got {shown_value(self.min_coverage)}.",
                code="min_coverage_out_of_range",
                argument="min_coverage",
                hint="Write 98 % as 0.98.",
            )
        cloud = check_number(self.max_cloud_cover, "max_cloud_cover", least=0, most=100, of="percent", kind=InvalidQuery)
        if self.max_cloud_cover is not None:
            warn_of_fraction(self.max_cloud_cover)
        budget = check_count(self.budget, "budget", of="credits", kind=InvalidQuery)
        most = check_count(self.max_captures, "max_captures", kind=InvalidQuery)
        if self.budget is not None and self.prices == "area":
            raise InvalidQuery(
                "needs prices from the service, but prices is 'area'.", code="budget_without_prices", argument="budget"
            )
        if not (_is_finite(self.time_limit) and self.time_limit > 0):
            raise InvalidQuery(
                f"must be a number of seconds above 0, got {shown_value(self.time_limit)}.",
                code="time_limit_not_positive",
                argument="time_limit",
            )
        plain = {"max_cloud_cover": cloud, "budget": budget, "max_captures": most}
        plain |= {"min_coverage": float(self.min_coverage), "time_limit": float(self.time_limit)}
        for name, value in plain.items():
            object.__setattr__(self, name, value)


@dataclass(frozen=True, eq=False)
class CoverPlan:
    """Captures that cover an area; made by ``client.cover()``. Nothing is bought.

    Attributes
    ----------
    cart : Cart
        The chosen captures, each clipped to the area.
    estimate : Estimate or None
        The service's price for this cart, which can be placed; None with ``prices="area"``.
    area : Area
        The area to cover.
    objective : str
        What was optimized: ``"cost"``, ``"fewest"``, ``"newest"`` or ``"clearest"``.
    min_coverage : float
        The requested share of the area, above 0 and at most 1.
    coverage : float
        The share of the area that the chosen captures and what is owned cover together, 0 to 1.
    reachable : float
        The share of the area that all usable captures and what is owned cover together, 0 to 1.
    missing : shapely geometry
        The part of the area that is not covered, EPSG:4326; an empty polygon if nothing is missing.
    gap : float or None
        How much better another choice can be at most, as a share of this one: 0.0 if this choice is proven to be the best, None
        if unknown. It is computed from individual prices; the estimate of the whole cart can only be lower.
    why : pandas.DataFrame
        Why each capture was chosen, one row each, with the index labels of the original frame: ``id``, ``collection``,
        ``datetime``, ``eo:cloud_cover``, ``km2`` (the clipped footprint), ``km2_alone`` (covered by no other chosen capture),
        ``credits_alone`` (the service's price for this capture alone; missing if it was not requested), ``why``. With
        ``cloud="aoi"``, ``aoi:cloud_cover`` and ``aoi:cloud_source`` take the place of ``eo:cloud_cover``.
    excluded : pandas.DataFrame
        The captures that were left out, with their index labels: ``id`` and ``why``.
    calls : int
        The number of estimate requests.
    owned : shapely geometry
        The part of the area that is owned already and counts as covered, EPSG:4326; empty without ``use_owned``.

    Examples
    --------
    >>> client = connect("sandbox")
    >>> coast = (151.16, -34.0, 151.26, -33.9)
    >>> captures = client.search("aurora", collections="aurora-50cm", aoi=coast, datetime="2024-01/2024-06")
    >>> plan = client.cover(captures, coast, min_coverage=0.9, prices="area")
    >>> plan.verdict, plan.estimate
    ('Cheapest possible (proven).', None)
    """

    cart: Cart
    estimate: Estimate | None
    area: Area = field(repr=False)
    objective: str
    min_coverage: float
    coverage: float
    reachable: float
    missing: BaseGeometry = field(repr=False)
    gap: float | None
    why: pd.DataFrame = field(repr=False)
    excluded: pd.DataFrame = field(repr=False)
    calls: int = field(default=0, repr=False)
    owned: BaseGeometry = field(default_factory=shapely.Polygon, repr=False)

    @property
    def is_complete(self) -> bool:
        """Whether the coverage is at least ``min_coverage``."""
        return self.coverage >= self.min_coverage - TOLERANCE

    @property
    def verdict(self) -> str:
        """How good the plan is, in a sentence or two."""
        best, requested = OBJECTIVES[self.objective].capitalize(), self.min_coverage
        limited, of_reachable = "", ""
        if not self.owned.is_empty:
            limited = f"{percent(geodesic_km2(self.owned) / self.area.km2)} of the area is owned already. "
        if AREA_CLOUD_SOURCE in self.why.columns:
            estimated = int((self.why[AREA_CLOUD_SOURCE] == ESTIMATED).sum())
            limited += f"The cloud over the area is an estimate for {estimated} of {pluralize(len(self.why), 'capture')}. " * (
                estimated > 0
            )
        if self.reachable < self.min_coverage - TOLERANCE:
            limited += (
                f"All usable captures together cover {percent(self.reachable)}, less than the requested {percent(requested)}. "
            )
            requested, of_reachable = self.min_coverage * self.reachable, f" for {percent(self.min_coverage)} of that"
        if self.coverage < requested - TOLERANCE:
            most = "the highest possible coverage (proven)" if self.gap == 0.0 else "the highest coverage found"
            return f"{limited}The budget or the number of captures is too low for this coverage; this is {most}."
        if self.gap == 0.0:
            return f"{limited}{best} possible{of_reachable} (proven)."
        distance = (
            "the distance to the best possible is unknown" if self.gap is None else f"at most {self.gap:.1%} from the best possible"
        )
        return f"{limited}{best} found{of_reachable}; {distance}."

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the area, the clipped footprints and what is not covered.

        Parameters
        ----------
        ax
            The axes to draw on; None makes a new figure.

        Returns
        -------
        matplotlib.axes.Axes
            In degrees, EPSG:4326; across the antimeridian, longitudes continue beyond 180.

        Raises
        ------
        MissingExtra
            If matplotlib is not installed.

        Examples
        --------
        >>> import matplotlib; matplotlib.use("agg")
        >>> client = connect("sandbox")
        >>> coast = (151.16, -34.0, 151.26, -33.9)
        >>> captures = client.search("aurora", collections="aurora-50cm", aoi=coast, datetime="2024-01/2024-06")
        >>> ax = client.cover(captures, coast, min_coverage=0.5, prices="area").plot()
        >>> "area of interest" in [text.get_text() for text in ax.get_legend().get_texts()]
        True
        """
        title = repr(self).removeprefix("CoverPlan(").removesuffix(")")
        return draw_cover(self.area.geometry, list(self.cart.clipped()), self.missing, title, ax, owned=self.owned)

    def __repr__(self) -> str:
        price = "" if self.estimate is None else f", {self.estimate.total_credits:,} credits"
        return f"CoverPlan({percent(self.coverage)} of {self.area.km2:,.0f} km², {pluralize(len(self.cart), 'capture')}{price})"

    def _cloud_text(self, row: dict[Hashable, Any]) -> str | None:
        cloud = row[AREA_CLOUD] if AREA_CLOUD in row else row[CLOUD_COVER]
        about = "about " if row.get(AREA_CLOUD_SOURCE) == ESTIMATED else ""
        return None if pd.isna(cloud) else f"{about}{html.percent(float(cloud))}"

    def _repr_html_(self) -> str:
        rows = [
            {
                "id": clean_text(row["id"], 80),
                "date": "" if pd.isna(row["datetime"]) else f"{row['datetime']:%Y-%m-%d}",
                "cloud": self._cloud_text(row),
                "km2": row["km2"],
                "km2_alone": row["km2_alone"],
                "credits_alone": None if pd.isna(row["credits_alone"]) else int(row["credits_alone"]),
                "why": row["why"],
            }
            for row in self.why.head(_ROWS_IN_HTML).to_dict("records")
        ]
        share = percent(self.coverage)
        reasons = self.excluded["why"].value_counts()
        excluded = [(clean_text(reason, 120), int(count)) for reason, count in reasons.head(_REASONS_IN_HTML).items()]
        return html.render(
            "cover.html",
            plan=self,
            share=share,
            rows=rows,
            hidden=len(self.why) - len(rows),
            excluded=excluded,
            hidden_reasons=len(self.excluded) - sum(count for _, count in excluded),
        )


def _is_finite(value: Any) -> bool:
    return is_number(value) and math.isfinite(value)


def percent(share: float) -> str:
    """Return a share as a percentage, rounded down so that only all of it is 100 %."""
    return f"{math.floor(share * 1000 + TOLERANCE) / 10:g} %"


CoverPlan.__module__ = "scenecart"
