"""Budgets: how many credits may be spent in a period, counted from the service's orders."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, fields, replace
from difflib import get_close_matches
from typing import TYPE_CHECKING

import pandas as pd

from scenecart._office.order_totals import OrderTotals, Totals, start_of
from scenecart._util.files import as_path
from scenecart._util.text import clean_text
from scenecart._util.validate import check_choice, check_count, check_text, shown_value
from scenecart.exceptions import ConfigurationError, InvalidRequest, OverBudget, ScenecartError

if TYPE_CHECKING:
    import os
    from collections.abc import Callable
    from pathlib import Path

    from scenecart._orders.placement_request import PlacementRequest

_NOTHING = "Nothing was ordered."
PERIODS = ("day", "month", "quarter", "year", "all")


@dataclass(frozen=True)
class Budget:
    """Credits that may be spent in each period.

    Attributes
    ----------
    credits
        How many.
    per
        ``"day"``, ``"month"``, ``"quarter"``, ``"year"`` (of the calendar, UTC) or ``"all"``.
    project
        The project that it is for; None for all of the organization.
    until
        Its last day (UTC); None for no end.
    """

    credits: int
    per: str = "month"
    project: str | None = None
    until: dt.date | None = None

    @property
    def name(self) -> str:
        """The budget in words."""
        of = "the organization" if self.project is None else f"project {clean_text(self.project, 80)}"
        return f"{self.credits:,} credits {'in all' if self.per == 'all' else f'a {self.per}'} of {of}"


class Budgets:
    """The budgets of one client: those that were set, and those of a file that a team shares.

    Parameters
    ----------
    order_totals
        Reads the organization's orders.
    path
        A TOML file; None for none. It is read before each order.
    now
        Returns the Unix time, in seconds.
    """

    def __init__(self, order_totals: OrderTotals, path: str | os.PathLike[str] | None, now: Callable[[], float]) -> None:
        self._order_totals = order_totals
        self._path = None if path is None else as_path(path, "budgets").expanduser()
        self._now = now
        self._own: dict[str | None, Budget] = {}

    def remove(self, project: str | None) -> None:
        """Remove the budget of a project, or of the organization, that was set.

        Raises
        ------
        InvalidRequest
            If none was set.
        """
        if self._own.pop(project, None) is None:
            scope = "the organization" if project is None else f"project {shown_value(project)}"
            raise InvalidRequest(
                f"No budget of {scope} was set by this client.",
                code="budget_not_set",
                hint="Budgets of a file are removed in the file.",
            )

    def set(self, budget: Budget) -> None:
        """Set a budget; one of the same project is replaced."""
        credits = check_count(budget.credits, "credits", least=0, optional=False, of="credits")  # noqa: A001  # the unit of money here
        check_choice(budget.per, "per", PERIODS)
        if budget.project is not None:
            check_text(budget.project, "project")
        if budget.until is not None and (not isinstance(budget.until, dt.date) or budget.until < self._today()):
            raise InvalidRequest(f"must be today or later, got {shown_value(budget.until)}.", argument="until", code="budget_past")
        self._own[budget.project] = replace(budget, credits=credits)

    def table(self) -> pd.DataFrame:
        """Return every budget with what is spent, reserved and left."""
        columns = ["project", "per", "credits", "start", "until", "spent", "reserved", "left"]
        rows = []
        for budget in self._every():
            totals = self._totals(budget)
            left = budget.credits - totals.spent - totals.reserved
            rows.append(
                (budget.project, budget.per, budget.credits, totals.start, budget.until, totals.spent, totals.reserved, left)
            )
        # an object column keeps None
        projects = pd.Series([row[0] for row in rows], dtype=object)
        return pd.DataFrame(rows, columns=columns).assign(project=projects)

    def refusal(self, request: PlacementRequest) -> OverBudget | None:
        """Return the error of an order that would exceed a budget; None if it exceeds none.

        Raises
        ------
        ConfigurationError
            If the file of budgets cannot be used, or a budget of this order has ended.
        ScenecartError
            If the orders cannot be read.
        """
        price, project = request.estimate.total_credits, request.purchase.project
        for budget in self._every():
            if budget.project not in {None, project}:
                continue
            if budget.until is not None and budget.until < self._today():
                raise ConfigurationError(
                    f"The budget of {budget.name} ended on {budget.until}. {_NOTHING}",
                    code="budget_ended",
                    hint="Set a budget for the current period, or remove it.",
                )
            if not price:
                continue
            try:
                totals = self._totals(budget, fingerprint=request.purchase.fingerprint)
            except ScenecartError as error:
                error.add_note(f"The orders are read to keep to the budget of {budget.name}. {_NOTHING}")
                raise
            left = budget.credits - totals.spent - totals.reserved
            if price > left:
                return _over(budget, totals, price, left)
        return None

    def others_than(self, project: str | None) -> list[str]:
        """Return the projects that have budgets, if there are budgets, but none applies to a project."""
        projects = {budget.project: None for budget in self._every()}
        return [] if projects.keys() & {None, project} else [one for one in projects if one is not None]

    def _totals(self, budget: Budget, fingerprint: str | None = None) -> Totals:
        return self._order_totals.totals(budget.project, lambda moment: start_of(budget.per, moment), fingerprint)

    def _every(self) -> list[Budget]:
        return [*self._own.values(), *([] if self._path is None else read_budgets(self._path))]

    def _today(self) -> dt.date:
        return dt.datetime.fromtimestamp(self._now(), dt.UTC).date()


def read_budgets(path: Path) -> list[Budget]:
    """Read the budgets of a file: tables ``[[budget]]`` with credits, per, project and until.

    Raises
    ------
    ConfigurationError
        If it cannot be read, or has an unknown or invalid field.
    """
    import tomllib  # noqa: PLC0415  # most clients have no budgets

    try:
        document = tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else clean_text(str(error), 200)
        raise _unusable(path, str(reason)) from error
    known = [one.name for one in fields(Budget)]
    unknown = [name for name in document if name != "budget"]
    entries = document.get("budget", [])
    if unknown or not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise _unusable(path, f"it has {shown_value(unknown[0] if unknown else 'budget')}, but only [[budget]] is known")
    budgets = []
    for number, entry in enumerate(entries, 1):
        for name in entry:
            if name not in known:
                near = get_close_matches(name, known, n=1, cutoff=0.5)
                hint = f"Did you mean {near[0]!r}?" if near else f"Its fields are {', '.join(known)}."
                raise _unusable(path, f"budget {number} has an unknown field {name!r}", hint)
        budget = Budget(**{"credits": None, **entry})
        try:
            check_count(budget.credits, "credits", least=0, optional=False, of="credits")
            check_choice(budget.per, "per", PERIODS)
            if budget.project is not None:
                check_text(budget.project, "project")
        except InvalidRequest as error:
            raise _unusable(path, f"in budget {number}, {error.message.rstrip('.')}") from error
        if budget.until is not None and (not isinstance(budget.until, dt.date) or isinstance(budget.until, dt.datetime)):
            raise _unusable(path, f"in budget {number}, until must be a day such as 2026-12-31")
        budgets.append(budget)
    return budgets


def _unusable(path: Path, reason: str, hint: str = "Correct the file, or remove the setting.") -> ConfigurationError:
    return ConfigurationError(
        f"The file of budgets {path.name} cannot be used: {reason}. {_NOTHING}", code="budgets_unusable", hint=hint
    )


def _over(budget: Budget, totals: Totals, price: int, left: int) -> OverBudget:
    error = OverBudget(
        f"This costs {price:,} credits, and {max(left, 0):,} are left of the budget of {budget.name}: "
        f"{totals.spent:,} are spent and {totals.reserved:,} reserved since {totals.start:%Y-%m-%d}. {_NOTHING}",
        code="over_budget",
        hint="Remove captures from the cart, or have the budget raised.",
        details={"project": budget.project, "per": budget.per, "credits": price, "left": left},
    )
    error.spent, error.reserved, error.credits, error.left = totals.spent, totals.reserved, price, left
    return error
