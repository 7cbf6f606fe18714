"""Cover plans against the sandbox: coverage, prices, limits, reasons and display."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
import shapely

import scenecart
from _cover import COAST
from _expect import raises
from scenecart._cover.plan import PlanOptions

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import geopandas as gpd

    from scenecart.sandbox import Sandbox

OBJECTIVES = ["cost", "fewest", "newest", "clearest"]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


def test_plan_estimate_is_the_price_of_its_cart(client: scenecart.Client, found: gpd.GeoDataFrame):
    """A plan reaches the requested coverage, its estimate is the service's for exactly its cart, and nothing is bought."""
    plan = client.cover(found, COAST, max_cloud_cover=30, min_coverage=0.5)
    assert plan.is_complete
    assert plan.coverage == pytest.approx(scenecart.coverage(plan.cart.captures, COAST).attrs["together"], abs=1e-6)
    assert plan.estimate.cart.fingerprint == plan.cart.fingerprint
    assert plan.estimate.total_credits == plan.cart.estimate().total_credits
    assert (plan.cart.captures["eo:cloud_cover"] <= 30).all()
    assert len(client.orders()) == 0


@pytest.fixture(scope="module")
def plans(box: Sandbox, home: Path, found: gpd.GeoDataFrame) -> dict[str, scenecart.CoverPlan]:
    """Return a plan for each objective."""
    with box.client("analyst", home=home) as client:
        return {name: client.cover(found, COAST, objective=name, min_coverage=0.5) for name in OBJECTIVES}


def test_missing_is_the_rest_of_the_area(plans: dict[str, scenecart.CoverPlan]):
    """What is covered and what is missing make up the area and do not overlap."""
    plan = plans["cost"]
    covered = plan.cart.clipped().union_all()
    assert shapely.area(shapely.intersection(plan.missing, covered)) < 1e-9
    assert shapely.area(plan.missing) + shapely.area(covered) == pytest.approx(shapely.area(plan.area.geometry), rel=1e-6)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_objective_is_best_of_all_plans(plans: dict[str, scenecart.CoverPlan], found: gpd.GeoDataFrame, objective: str):
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


def test_plan_needs_few_requests(client: scenecart.Client, found: gpd.GeoDataFrame):
    """A plan counts its estimate requests; a plan with prices="area" needs none and has no prices."""
    assert 2 <= client.cover(found, COAST, min_coverage=0.5).calls <= 6
    by_area = client.cover(found, COAST, min_coverage=0.5, prices="area")
    assert by_area.calls == 0
    assert by_area.estimate is None
    assert by_area.why["credits_alone"].isna().all()


def test_budget_is_never_exceeded(client: scenecart.Client, found: gpd.GeoDataFrame):
    """The estimate stays within the budget; if that is not enough for the coverage, the plan covers the most it can."""
    unlimited = client.cover(found, COAST, min_coverage=0.9)
    budget = unlimited.estimate.total_credits * 2 // 3
    limited = client.cover(found, COAST, min_coverage=0.9, budget=budget)
    assert limited.estimate.total_credits <= budget
    assert limited.coverage < unlimited.coverage
    assert limited.verdict != unlimited.verdict


def test_budget_below_every_price_is_refused(client: scenecart.Client, found: gpd.GeoDataFrame):
    """A budget that buys no capture is an error."""
    with raises(scenecart.InvalidCart, "budget_too_low"):
        client.cover(found, COAST, budget=1)


def test_coverage_out_of_reach_is_a_share_of_the_reachable(client: scenecart.Client, found: gpd.GeoDataFrame):
    """If all captures together cover too little, the plan covers that share of what they can cover, and says so."""
    wide = (150.0, -35.0, 152.5, -33.0)
    plan = client.cover(found, wide, min_coverage=0.9)
    assert not plan.is_complete
    assert plan.reachable < 0.9
    assert plan.coverage >= 0.9 * plan.reachable - 1e-6
    assert "90 %" in plan.verdict
    assert not plan.missing.is_empty


def test_why_explains_each_capture(client: scenecart.Client, found: gpd.GeoDataFrame):
    """Every chosen capture has a reason, its own part of the area and its individual price, under its original index label."""
    shuffled = found.sample(frac=1, random_state=3).set_axis([f"row {n}" for n in range(len(found))], axis=0)
    plan = client.cover(shuffled, COAST, min_coverage=0.5)
    assert plan.why["why"].str.len().gt(10).all()
    assert (shuffled.loc[plan.why.index, "id"] == plan.why["id"]).all()
    assert (plan.why["km2_alone"] <= plan.why["km2"] + 1e-9).all()
    assert plan.why["credits_alone"].sum() >= plan.estimate.total_credits


def test_why_of_a_single_capture_mentions_no_combination(client: scenecart.Client, found: gpd.GeoDataFrame):
    """The reason for the only capture of a plan does not speak of others."""
    plan = client.cover(found, COAST, min_coverage=0.01, objective="fewest")
    (why,) = plan.why["why"]
    assert "combination" not in why


def test_excluded_captures_have_reasons(client: scenecart.Client, found: gpd.GeoDataFrame):
    """Captures that cannot be ordered, are too cloudy or are outside the area are listed with the reason, each once."""
    changed = found.copy()
    changed.geometry = changed.geometry.where(changed.index != changed.index[0], None)
    changed.loc[changed.index[1], "eo:cloud_cover"] = np.nan
    changed.loc[changed.index[2], "eo:cloud_cover"] = 99.0
    far = found.iloc[[3]].assign(id="far", geometry=[shapely.box(0, 0, 1, 1)])
    point = found.iloc[[4]].assign(id="point", geometry=[shapely.Point(151.2, -33.9)])
    plan = client.cover(pd.concat([changed, far, point, found.iloc[[5]]]), COAST, max_cloud_cover=98, min_coverage=0.3)
    assert plan.excluded["id"].is_unique
    why = dict(zip(plan.excluded["id"], plan.excluded["why"], strict=True))
    ids = changed["id"].tolist()
    assert "footprint" in why[ids[0]]
    assert why[ids[1]] == "its cloud cover is unknown"
    assert why[ids[2]] == "its cloud cover is above 98 %"
    assert why["far"] == "it is outside the area"
    assert "Point" in why["point"]
    assert {row["why"] for row in plan.excluded.to_dict("records")} == set(why.values())


def test_capture_without_price_is_excluded(client: scenecart.Client, found: gpd.GeoDataFrame):
    """A capture that the service does not price is not chosen, with the service's reason; without prices there is no plan."""
    unknown = found.iloc[[0]].assign(id="NOT-A-CAPTURE", geometry=[shapely.box(*COAST)])
    plan = client.cover(pd.concat([unknown, found], ignore_index=True), COAST, min_coverage=0.5)
    assert "NOT-A-CAPTURE" not in plan.cart.ids
    (detail,) = client.cart(unknown).estimate().errors["detail"]
    assert plan.excluded.set_index("id").loc["NOT-A-CAPTURE", "why"].endswith(detail)
    with raises(scenecart.InvalidCart, "captures_unusable"):
        client.cover(unknown, COAST)


@pytest.mark.parametrize(
    ("options", "argument", "code"),
    [
        ({"objective": "cheapest"}, "objective", "not_a_choice"),
        ({"min_coverage": 0}, "min_coverage", "min_coverage_out_of_range"),
        ({"min_coverage": 98}, "min_coverage", "min_coverage_out_of_range"),
        ({"min_coverage": True}, "min_coverage", "min_coverage_out_of_range"),
        ({"max_cloud_cover": 101}, "max_cloud_cover", "not_a_number"),
        ({"max_cloud_cover": float("nan")}, "max_cloud_cover", "not_a_number"),
        ({"budget": 0}, "budget", "not_a_count"),
        ({"budget": 12.5}, "budget", "not_a_count"),
        ({"budget": 5, "prices": "area"}, "budget", "budget_without_prices"),
        ({"max_captures": -1}, "max_captures", "not_a_count"),
        ({"prices": "guess"}, "prices", "not_a_choice"),
        ({"time_limit": 0}, "time_limit", "time_limit_not_positive"),
        ({"time_limit": float("inf")}, "time_limit", "time_limit_not_positive"),
    ],
    ids=str,
)
def test_invalid_option_is_refused(options: dict[str, Any], argument: str, code: str):
    """An option that makes no sense is refused before any request, and the error names it."""
    with raises(scenecart.InvalidQuery, code) as caught:
        PlanOptions(**options)
    assert caught.value.argument == argument


def test_options_of_numpy_become_plain_numbers():
    """Limits that were computed with numpy are options, and become int and float of Python."""
    options = PlanOptions(
        min_coverage=np.float32(0.5),
        max_cloud_cover=np.int64(20),
        budget=np.int64(5),
        max_captures=np.int8(2),
        time_limit=np.int64(3),
    )
    plain = PlanOptions(min_coverage=0.5, max_cloud_cover=20, budget=5, max_captures=2, time_limit=3.0)
    assert repr(options) == repr(plain)


def test_cover_passes_options_on(client: scenecart.Client, found: gpd.GeoDataFrame):
    """Client.cover() refuses an invalid option."""
    with raises(scenecart.InvalidQuery, "not_a_choice"):
        client.cover(found, COAST, objective="cheapest")


def test_cover_without_usable_captures_is_refused(client: scenecart.Client, found: gpd.GeoDataFrame):
    """Without a usable capture, or without an area, there is no plan."""
    with raises(scenecart.InvalidCart, "captures_unusable"):
        client.cover(found, (10, 50, 11, 51))
    with raises(scenecart.InvalidCart, "cart_empty"):
        client.cover(found.iloc[:0], COAST)
    with pytest.raises(scenecart.InvalidArea):
        client.cover(found, shapely.Point(151, -34))


def test_html_shows_the_plan_escaped(client: scenecart.Client, found: gpd.GeoDataFrame):
    """In a notebook the plan shows share, price, verdict and reasons, and hostile names as text."""
    plan = client.cover(found, COAST, max_cloud_cover=30, min_coverage=0.5)
    plan.why["id"] = "<img src=x onerror=alert(1)>"
    page = plan._repr_html_()
    assert all(head[0].isupper() for head in re.findall(r"<th[^>]*>([^<]+)</th>", page) if head != "km²")
    assert "<img" not in page
    assert f"{plan.estimate.total_credits:,} credits" in page
    assert plan.verdict in page
    assert f"{plan.excluded['why'].value_counts().iloc[0]:,})" in page


def test_plan_is_placed_like_any_estimate(box: Sandbox, client: scenecart.Client, found: gpd.GeoDataFrame):
    """Placing the estimate buys exactly the plan's cart; placing it again returns the existing order."""
    small = (151.2, -33.95, 151.24, -33.92)
    plan = client.cover(found, small, max_cloud_cover=50)
    order = plan.estimate.place()
    assert sorted(order.captures) == sorted(plan.cart.ids)
    assert client.cover(found, small, max_cloud_cover=50).estimate.place().id == order.id


@pytest.fixture
def owner(box: Sandbox, tmp_path: Path) -> Iterator[scenecart.Client]:
    """Return a client of an organization that owns nothing yet."""
    box.top_up("card", 10**9)
    with box.client("card", home=tmp_path, sleep=lambda _: None, say=lambda _: None) as made:
        yield made


def test_cover_with_owned_captures_buys_only_the_rest(owner: scenecart.Client, found: gpd.GeoDataFrame):
    """Owned areas are covered at no cost: the plan covers the rest, and its cart does not overlap what is owned."""
    first = owner.cover(found, COAST, min_coverage=0.5, max_captures=1)
    assert 0 < first.coverage < 0.9
    first.estimate.place()
    plan = owner.cover(found, COAST, min_coverage=0.9, use_owned=True)
    assert shapely.area(plan.owned) == pytest.approx(shapely.area(first.cart.clipped().union_all()), rel=1e-6)
    assert "owned already" in plan.verdict
    covered = plan.cart.clipped().union_all()
    assert shapely.area(shapely.intersection(covered, plan.owned)) < 1e-9
    together = shapely.area(covered) + shapely.area(plan.owned)
    assert plan.coverage == pytest.approx(together / shapely.area(plan.area.geometry), abs=1e-3)
    assert first.coverage < 0.9 * plan.reachable - 1e-3 <= plan.coverage
    assert plan.reachable == pytest.approx(first.reachable, abs=1e-3)
    assert first.cart.ids[0] in plan.excluded["id"].tolist() or first.cart.ids[0] not in plan.cart.ids
    assert owner.cover(found, COAST, min_coverage=0.9).owned.is_empty
    order = plan.estimate.place()
    assert order.note is None
    with raises(scenecart.InvalidCart, "cover_all_owned"):
        owner.cover(found, COAST, min_coverage=0.8 * plan.coverage, use_owned=True)


def test_cover_with_nothing_owned_is_the_same_plan(owner: scenecart.Client, found: gpd.GeoDataFrame):
    """Without orders, ``use_owned`` changes nothing."""
    plan, other = (owner.cover(found, COAST, min_coverage=0.5, prices="area", use_owned=use) for use in (True, False))
    assert (plan.cart, plan.coverage, plan.verdict) == (other.cart, other.coverage, other.verdict)


def test_cover_use_owned_other_than_true_or_false_is_refused(client: scenecart.Client, found: gpd.GeoDataFrame):
    """The option is True or False."""
    with pytest.raises(scenecart.InvalidQuery):
        client.cover(found, COAST, use_owned="yes")


def test_clearest_by_the_cloud_over_the_area(client: scenecart.Client, found: gpd.GeoDataFrame):
    """With cloud="aoi" the column of the area decides, the plan says where its figures come from, and no column is an error."""
    with raises(scenecart.InvalidQuery, code="area_cloud_missing"):
        client.cover(found, COAST, objective="clearest", cloud="aoi", prices="area")
    with raises(scenecart.InvalidQuery, code="not_a_choice"):
        client.cover(found, COAST, cloud="here", prices="area")
    # the opposite of what the scenes say
    marked = found.assign(**{"aoi:cloud_cover": 100 - found["eo:cloud_cover"], "aoi:cloud_source": "estimate"})
    plan = client.cover(marked, COAST, objective="clearest", cloud="aoi", prices="area", min_coverage=0.5, max_cloud_cover=60)
    assert "eo:cloud_cover" not in plan.why.columns
    assert (plan.why["aoi:cloud_cover"] <= 60).all()
    assert set(plan.why["aoi:cloud_source"]) == {"estimate"}
    assert f"an estimate for {len(plan.why)} of" in plan.verdict
    assert "about " in plan._repr_html_()
    by_scene = client.cover(marked, COAST, objective="clearest", prices="area", min_coverage=0.5)
    assert set(by_scene.why["id"]) != set(plan.why["id"])
