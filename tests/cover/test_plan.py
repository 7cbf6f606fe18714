"""Planning a cover against the sandbox: what is asked, what is chosen, and what is said of it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
import shapely

import scenecart
from scenecart._cover.candidates import find_candidates
from scenecart._cover.pricing import individual_prices
from scenecart._geo.area import as_area

if TYPE_CHECKING:
    from pathlib import Path

    import geopandas as gpd

    from scenecart.sandbox import Sandbox

COAST = (151.02, -34.1, 151.42, -33.78)
OBJECTIVES = ["cost", "fewest", "newest", "clearest"]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


def search(client: scenecart.Client) -> gpd.GeoDataFrame:
    return client.search("aurora", collections="aurora-50cm", aoi=COAST, datetime="2023-07/2024-06")


@pytest.fixture
def found(client: scenecart.Client) -> gpd.GeoDataFrame:
    return search(client)


def test_the_plan_is_a_cart_with_the_services_price(client: scenecart.Client, found: gpd.GeoDataFrame):
    """A plan covers what was asked for, its estimate is the service's for exactly its cart, and nothing was bought."""
    plan = client.cover(found, COAST, max_cloud_cover=30, min_coverage=0.5)
    assert plan.is_complete
    assert plan.coverage == pytest.approx(scenecart.coverage(plan.cart.captures, COAST).attrs["together"], abs=1e-6)
    assert plan.estimate.cart.fingerprint == plan.cart.fingerprint
    assert plan.estimate.total_credits == plan.cart.estimate().total_credits
    assert (plan.cart.captures["eo:cloud_cover"] <= 30).all()
    assert len(client.orders()) == 0


def test_what_is_missing_is_a_shape(client: scenecart.Client, found: gpd.GeoDataFrame):
    """Ground that is covered and ground that is missing are the area together, and do not overlap."""
    plan = client.cover(found, COAST, min_coverage=0.5)
    bought = plan.cart.clipped().union_all()
    assert shapely.area(shapely.intersection(plan.missing, bought)) < 1e-9
    assert shapely.area(plan.missing) + shapely.area(bought) == pytest.approx(shapely.area(plan.area.geometry), rel=1e-6)


@pytest.fixture(scope="module")
def plans(box: Sandbox, home: Path) -> dict[str, scenecart.CoverPlan]:
    """Give a plan for each objective."""
    with box.client("analyst", home=home) as client:
        found = search(client)
        return {name: client.cover(found, COAST, objective=name, min_coverage=0.5) for name in OBJECTIVES}


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_each_objective_is_the_best_at_its_own(plans: dict[str, scenecart.CoverPlan], found: gpd.GeoDataFrame, objective: str):
    """No plan for another objective is better at this one."""
    newest = found["datetime"].max()

    def score(plan: scenecart.CoverPlan) -> float:
        why = plan.why
        by = {
            "cost": why["credits_alone"].sum(),
            "fewest": len(why),
            "newest": (why["km2"] * (newest - why["datetime"]).dt.total_seconds()).sum(),
            "clearest": (why["km2"] * why["eo:cloud_cover"]).sum(),
        }
        return float(by[objective])

    mine = score(plans[objective])
    assert all(mine <= score(plan) * (1 + 1e-4) + 1e-6 for plan in plans.values())


def test_prices_are_asked_in_few_questions(client: scenecart.Client, found: gpd.GeoDataFrame):
    """What each capture costs alone is the service's answer to that very question, and is asked for many at a time."""
    area = as_area(COAST)
    candidates, _ = find_candidates(found, area, None)
    prices = individual_prices(candidates, lambda rows: client.cart(rows, COAST, split_by_date=True).estimate())
    assert prices.calls <= 4 < len(candidates.km2)
    for place in (0, len(candidates.km2) // 2, len(candidates.km2) - 1):
        alone = client.cart(candidates.frame.iloc[[place]], COAST).estimate()
        assert prices.told[place] == alone.total_credits


def test_a_plan_asks_few_questions(client: scenecart.Client, found: gpd.GeoDataFrame):
    """A plan tells how often it asked, and planning by area asks nothing."""
    assert 2 <= client.cover(found, COAST, min_coverage=0.5).calls <= 6
    by_area = client.cover(found, COAST, min_coverage=0.5, prices="area")
    assert by_area.calls == 0
    assert by_area.estimate is None
    assert by_area.why["credits_alone"].isna().all()


def test_a_budget_is_kept(client: scenecart.Client, found: gpd.GeoDataFrame):
    """With a budget the estimate never exceeds it; where it does not buy enough, the plan covers most for it and says so."""
    whole = client.cover(found, COAST, min_coverage=0.9)
    budget = whole.estimate.total_credits * 2 // 3
    part = client.cover(found, COAST, min_coverage=0.9, budget=budget)
    assert part.estimate.total_credits <= budget
    assert part.coverage < whole.coverage
    assert "limits" in part.verdict
    with pytest.raises(scenecart.InvalidCart, match="buys none"):
        client.cover(found, COAST, budget=1)


def test_out_of_reach_is_told(client: scenecart.Client, found: gpd.GeoDataFrame):
    """Where all captures together do not cover enough, the plan covers that share of what they can, and says so."""
    wide = (150.0, -35.0, 152.5, -33.0)
    plan = client.cover(found, wide, min_coverage=0.9)
    assert not plan.is_complete
    assert plan.reachable < 0.9
    assert plan.coverage >= 0.9 * plan.reachable - 1e-6
    assert "less than the 90 %" in plan.verdict
    assert not plan.missing.is_empty


def test_why_each_was_taken(client: scenecart.Client, found: gpd.GeoDataFrame):
    """Every chosen capture has a reason, its own ground and its price alone, under the label of the row it came from."""
    shuffled = found.sample(frac=1, random_state=3).set_axis([f"row {n}" for n in range(len(found))], axis=0)
    plan = client.cover(shuffled, COAST, min_coverage=0.5)
    assert plan.why["why"].str.len().gt(10).all()
    assert (shuffled.loc[plan.why.index, "id"] == plan.why["id"]).all()
    assert (plan.why["km2_alone"] <= plan.why["km2"] + 1e-9).all()
    assert plan.why["credits_alone"].sum() >= plan.estimate.total_credits


def test_a_single_capture_is_not_one_of_several(client: scenecart.Client, found: gpd.GeoDataFrame):
    """Of a plan of one capture nothing is said of others."""
    plan = client.cover(found, COAST, min_coverage=0.01, objective="fewest")
    (why,) = plan.why["why"]
    assert "together" not in why


def test_what_could_not_be_considered(client: scenecart.Client, found: gpd.GeoDataFrame):
    """Captures that cannot be bought, are too cloudy or do not touch the area are listed with the reason, each once."""
    odd = found.copy()
    odd.geometry = odd.geometry.where(odd.index != odd.index[0], None)
    odd.loc[odd.index[1], "eo:cloud_cover"] = np.nan
    odd.loc[odd.index[2], "eo:cloud_cover"] = 99.0
    far = found.iloc[[3]].assign(id="far", geometry=[shapely.box(0, 0, 1, 1)])
    point = found.iloc[[4]].assign(id="point", geometry=[shapely.Point(151.2, -33.9)])
    plan = client.cover(pd.concat([odd, far, point, found.iloc[[5]]]), COAST, max_cloud_cover=98, min_coverage=0.3)
    why = dict(zip(plan.excluded["id"], plan.excluded["why"], strict=True))
    assert why[odd["id"].iloc[0]] == "it has no footprint"
    assert why[odd["id"].iloc[1]] == "its cloud cover is not known"
    assert why[odd["id"].iloc[2]] == "its cloud cover is above 98 %"
    assert why["far"] == "it does not touch the area"
    assert why["point"] == "its footprint is a Point, not an area"


def test_what_the_service_does_not_price_is_left_out(client: scenecart.Client, found: gpd.GeoDataFrame):
    """A capture that the service refuses to price is not chosen, and its reason is the service's."""
    unknown = found.iloc[[0]].assign(id="NOT-A-CAPTURE", geometry=[shapely.box(*COAST)])
    plan = client.cover(pd.concat([unknown, found], ignore_index=True), COAST, min_coverage=0.5)
    assert "NOT-A-CAPTURE" not in plan.cart.ids
    assert plan.excluded.set_index("id").loc["NOT-A-CAPTURE", "why"].startswith("the service does not price it")
    with pytest.raises(scenecart.InvalidCart, match="does not price"):
        client.cover(unknown, COAST)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"objective": "cheapest"}, "objective"),
        ({"min_coverage": 0}, "min_coverage"),
        ({"min_coverage": 98}, "min_coverage"),
        ({"min_coverage": True}, "min_coverage"),
        ({"max_cloud_cover": 101}, "max_cloud_cover"),
        ({"max_cloud_cover": float("nan")}, "max_cloud_cover"),
        ({"budget": 0}, "budget"),
        ({"budget": 12.5}, "budget"),
        ({"budget": 5, "prices": "area"}, "service's prices"),
        ({"max_captures": -1}, "max_captures"),
        ({"prices": "guess"}, "prices"),
        ({"time_limit": 0}, "time_limit"),
        ({"time_limit": float("inf")}, "time_limit"),
    ],
    ids=str,
)
def test_a_wish_that_makes_no_sense(client: scenecart.Client, found: gpd.GeoDataFrame, wrong: dict[str, object], says: str):
    """What cannot be meant is refused before anything is asked, by the option's name."""
    with pytest.raises(scenecart.InvalidQuery, match=says):
        client.cover(found, COAST, **wrong)


def test_nothing_to_plan_with(client: scenecart.Client, found: gpd.GeoDataFrame):
    """Without a usable capture the error says why there is none."""
    with pytest.raises(scenecart.InvalidCart, match="does not touch"):
        client.cover(found, (10, 50, 11, 51))
    with pytest.raises(scenecart.InvalidCart, match="empty"):
        client.cover(found.iloc[:0], COAST)
    with pytest.raises(scenecart.InvalidArea):
        client.cover(found, shapely.Point(151, -34))


def test_the_plan_shows_itself_escaped(client: scenecart.Client, found: gpd.GeoDataFrame):
    """In a notebook the plan shows share, price, verdict and reasons, and hostile names as text."""
    plan = client.cover(found, COAST, min_coverage=0.5)
    plan.why["id"] = "<img src=x onerror=alert(1)>"
    shown = plan._repr_html_()
    assert all(head[0].isupper() for head in re.findall(r"<th[^>]*>([^<]+)</th>", shown) if head != "km²")
    assert "<img" not in shown
    assert f"{plan.estimate.total_credits:,} credits" in shown
    assert plan.verdict in shown


def test_a_plan_is_placed_like_any_estimate(box: Sandbox, client: scenecart.Client, found: gpd.GeoDataFrame):
    """The plan's estimate buys exactly the plan's cart, and buying it again gives the order that exists."""
    small = (151.2, -33.95, 151.24, -33.92)
    plan = client.cover(found, small, max_cloud_cover=50)
    order = plan.estimate.place()
    assert sorted(order.captures) == sorted(plan.cart.ids)
    assert client.cover(found, small, max_cloud_cover=50).estimate.place().id == order.id


def test_the_plan_draws_itself(client: scenecart.Client, found: gpd.GeoDataFrame):
    """The picture shows the whole area in degrees, and what is not covered where something is not."""
    plan = client.cover(found, COAST, min_coverage=0.5)
    axes = plan.plot()
    west, east = axes.get_xlim()
    assert west < COAST[0] < COAST[2] < east
    assert [text.get_text() for text in axes.get_legend().get_texts()] == [
        "bought of each capture",
        "area of interest",
        "not covered",
    ]
    assert plan.plot(axes) is axes


def test_over_the_antimeridian_the_picture_is_one(client: scenecart.Client, found: gpd.GeoDataFrame):
    """An area on both sides of the antimeridian is drawn in one piece."""
    from scenecart._cover.plot import draw_cover  # noqa: PLC0415  # only the picture

    area = as_area((179.5, -10, -179.5, -9)).geometry
    axes = draw_cover(area, [area], shapely.Polygon(), "", None)
    west, east = axes.get_xlim()
    assert 179 < west < east < 181
