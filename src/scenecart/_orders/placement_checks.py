"""Checks of the arguments of placing, before anything is requested."""

from __future__ import annotations

from scenecart._cart.estimate import Estimate
from scenecart._orders.placement_errors import NOTHING_ORDERED
from scenecart._util.text import clean_text
from scenecart._util.validate import check_text, shown_value
from scenecart.exceptions import ConfigurationError, InvalidRequest


def check_estimate(estimate: object) -> None:
    """Refuse anything but an estimate."""
    if not isinstance(estimate, Estimate):
        raise InvalidRequest(
            f"must be an Estimate, got {type(estimate).__name__}. {NOTHING_ORDERED}",
            argument="estimate",
            code="not_an_estimate",
            hint="Pass cart.estimate().",
        )


def check_service(estimate: Estimate, base_url: str) -> None:
    """Refuse an estimate of another service: its price and its captures are not this one's."""
    if estimate.service and estimate.service != base_url:
        raise InvalidRequest(
            f"is of {clean_text(estimate.service, 80)}, not of {clean_text(base_url, 80)}. {NOTHING_ORDERED}",
            argument="estimate",
            code="estimate_of_another_service",
            hint="Estimate the cart with the client that places it.",
        )


def check_project(project: object) -> str:
    """Return the project to deliver to; an empty one counts as missing."""
    if project is None or (isinstance(project, str) and not project.strip()):
        raise ConfigurationError(
            f"No project is set, so there is nowhere to deliver. {NOTHING_ORDERED}",
            code="project_missing",
            hint='Pass place(project="…"), connect with project="…", or set SCENECART_PROJECT.',
        )
    if not isinstance(project, str):
        raise InvalidRequest(
            f"must be a project id, got {shown_value(project)}. {NOTHING_ORDERED}", argument="project", code="not_a_project"
        )
    check_text(project, "project", after=NOTHING_ORDERED)
    return project


def check_again(again: object) -> None:
    """Accept True, False and a text that states what the order is for."""
    if isinstance(again, str):
        check_text(again, "again", after=NOTHING_ORDERED)
    elif not isinstance(again, bool):
        raise InvalidRequest(
            f"must be True, False or a text that states what the order is for, got {shown_value(again)}. {NOTHING_ORDERED}",
            argument="again",
            code="not_a_bool",
        )
