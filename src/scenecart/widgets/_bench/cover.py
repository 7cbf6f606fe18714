"""The options and the plan of a cover panel, drawn in the page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from scenecart._util.text import clean_text, pluralize
from scenecart._util.validate import shown_value
from scenecart.exceptions import InvalidRequest
from scenecart.widgets._bench.part import Part, style_of
from scenecart.widgets._bench.pictures import PictureSender, picture_key, script_with_pictures
from scenecart.widgets._capture_text import day_texts
from scenecart.widgets._money import dollars, dollars_of_credits

if TYPE_CHECKING:
    from collections.abc import Callable

    from scenecart._cover.plan import CoverPlan
    from scenecart.client import Client
    from scenecart.widgets._jobs import Runner

OBJECTIVES = {"cost": "Lowest cost", "fewest": "Fewest captures", "newest": "Newest captures", "clearest": "Least cloud"}
_LEAST_SHARE, _MOST_SHARE = 10, 100
_MOST_ROWS, _MOST_DIGITS, _MOST_TEXT = 200, 15, 200
_THUMB = (80, 76)


@dataclass(frozen=True)
class PlanOptions:
    """The options of a plan, as chosen in the page.

    Attributes
    ----------
    objective : str
        A key of ``OBJECTIVES``.
    share : int
        The share of the area to cover, in percent, 10 to 100.
    budget : str
        The most credits to spend, as typed; empty for no limit.
    use_owned : bool
        Whether owned areas count as covered.
    """

    objective: str = "cost"
    share: int = 98
    budget: str = ""
    use_owned: bool = True

    @classmethod
    def from_page(cls, fields: dict[str, Any]) -> PlanOptions:
        """Return the options that the page sends; a missing one has its default."""
        objective, share = str(fields.get("objective")), fields.get("share")
        return cls(
            objective if objective in OBJECTIVES else cls.objective,
            min(_MOST_SHARE, max(_LEAST_SHARE, round(share))) if isinstance(share, int | float) else cls.share,
            str(fields.get("budget") or "")[:_MOST_TEXT],
            bool(fields.get("use_owned", True)),
        )


class CoverPart(Part):
    """Drawn by ``cover.js``; rows and notes look like those of the cart.

    Events: ``"cover"`` (``objective``, ``share``, ``budget``, ``use_owned``), ``"add"`` and ``"pictures"`` (``keys``).
    """

    _esm = script_with_pictures("cover")
    _css = style_of("cart") + style_of("cover")

    def __init__(self, client: Client, runner: Runner, on_event: Callable[[str, dict[str, Any]], object]) -> None:
        super().__init__("sc-cart", "sc-cover")
        self._act = on_event
        self._plan: CoverPlan | None = None
        self._pictures = PictureSender(self, client, runner, self._captures_shown, _THUMB)
        self.on_event(self._pass_on)

    def show(self, plan: CoverPlan | None, **state: Any) -> None:
        """Draw a plan, and further keys of the state."""
        self._plan = plan
        self.state = {
            "objectives": [[name, title] for name, title in OBJECTIVES.items()],
            "shares": [_LEAST_SHARE, _MOST_SHARE],
            "plan": None if plan is None else plan_state(plan),
            **state,
        }

    def _captures_shown(self) -> tuple[Any, Any]:
        return ([], None) if self._plan is None else (self._plan.cart.captures.head(_MOST_ROWS), self._plan.area)

    def _pass_on(self, kind: str, fields: dict[str, Any]) -> None:
        if kind == "pictures":
            self._pictures.request(fields.get("keys"))
        else:
            self._act(kind, fields)


def plan_state(plan: CoverPlan) -> dict[str, Any]:
    """Return what the page shows of a plan, as JSON."""
    captures = {str(row["id"]): row for row in plan.cart.captures.head(_MOST_ROWS).to_dict("records")}
    chosen = plan.why.head(_MOST_ROWS)
    rows = zip(chosen.to_dict("records"), day_texts(chosen), strict=True)
    left_out = plan.excluded["why"].value_counts()
    return {
        "title": f"{plan.coverage:.1%} of {plan.area.km2:,.2f} km²".replace("%", " %"),
        "share": round(100 * plan.coverage, 1),
        "is_complete": plan.is_complete,
        "verdict": plan.verdict,
        "count": len(plan.cart),
        "total": "" if plan.estimate is None else dollars(plan.estimate.total_aud),
        "credits": "" if plan.estimate is None else f"{plan.estimate.total_credits:,} credits",
        "rows": [
            {
                "id": clean_text(row["id"], 120),
                "day": day or "no date",
                "picture": picture_key(plan.area, captures[str(row["id"])]) if str(row["id"]) in captures else "",
                "price": "" if pd.isna(row["credits_alone"]) else dollars_of_credits(int(row["credits_alone"])),
                "why": clean_text(row["why"], _MOST_TEXT),
            }
            for row, day in rows
        ],
        "more": max(0, len(plan.why) - _MOST_ROWS),
        "left_out": [f"{pluralize(int(count), 'capture')}: {clean_text(why, _MOST_TEXT)}" for why, count in left_out.items()],
    }


def read_budget(text: str) -> int | None:
    """Parse a number of credits, with or without thousands separators; None for empty text.

    Examples
    --------
    >>> read_budget(" 12,000 "), read_budget("")
    (12000, None)
    """
    digits = "".join(text.split()).replace(",", "")
    if not digits:
        return None
    if len(digits) > _MOST_DIGITS or not (digits.isascii() and digits.isdecimal() and int(digits) > 0):
        raise InvalidRequest(
            f"must be a whole number of credits, got {shown_value(text)}.",
            argument="budget",
            code="budget_invalid",
            hint="Leave the budget empty for no limit.",
        )
    return int(digits)
