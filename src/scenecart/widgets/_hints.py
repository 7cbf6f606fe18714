"""Messages in widgets: field labels instead of argument names, and a hint for each error code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scenecart.exceptions import ScenecartError, ScenecartWarning, message_about

if TYPE_CHECKING:
    from scenecart._orders.notice import Notice

# Hints that replace the one of an error or a warning in widgets, by its code; None removes it. A code without an entry keeps its
# hint, which then contains no Python. Braces are filled from the details of the error.
HINTS: dict[str, str | None] = {
    "already_ordered": "To buy it again, use Python or the command line.",
    "already_owned": "Buy only the rest, or buy it anyway.",
    "area_empty_part": "Fix the outline and load it again.",
    "area_invalid": "Fix the outline and load it again.",
    "area_layers_united": "To use one layer, save it as a file of its own.",
    "area_self_intersecting": "Fix the outline and load it again.",
    "capture_ambiguous": "Remove it in the list of captures or on the map.",
    "captures_column_missing": "Search first, then show the result.",
    "captures_conflict": "Remove them from the cart.",
    "captures_not_a_frame": "Search first, then show the result.",
    "captures_not_orderable": "Remove them from the cart.",
    "captures_outside_area": "Remove them from the cart, or choose another area.",
    "captures_single_row": "Search first, then show the result.",
    "cart_all_owned": "Everything in the cart is owned. It can be bought again.",
    "cart_without_prices": "The reasons are next to the captures.",
    "client_closed": "Run all cells again, or reload the page.",
    "collections_missing": "Choose a collection, or type its name.",
    "cover_all_owned": "Ask for more coverage.",
    "datetime_reversed": "Choose a 'From' date that is not after the 'To' date.",
    "estimate_incomplete": "Remove them from the cart.",
    "existing_order_ended": "To buy it, use Python or the command line.",
    "file_corrupt": "Download again. If this persists, contact the service's support.",
    "file_size_differs": "Download again. If this persists, contact the service's support.",
    "files_failed": "Download again: only these files are requested.",
    "licence_not_accepted": "Read it and accept it in Python or on the command line: it binds your organization.",
    "order_gone": "Contact the service's support. To buy it again anyway, use Python or the command line.",
    "order_not_cancellable": "It may be too late. The state of the order is displayed above.",
    "order_not_delivered": "Wait until the order is delivered.",
    "order_not_finished": "The order continues.",
    "order_not_found": "Check the id and your organization.",
    "ordered_twice": "In the list of orders, cancelling yours may still be possible.",
    "orders_not_checked": "Try again in a moment.",
    "payment_authentication_required": "Confirm the payment with your bank. Then try again. You will not be charged twice.",
    "perhaps_owned": "Check the orders, or buy it anyway.",
    "placement_in_the_way": "Check its outcome in the list of orders first.",
    "placement_key_refused": "To place it under a new key, use Python or the command line.",
    "placement_unknown": "You may have been charged. Try again: it checks first, and never buys a second time.",
    "placement_unknown_expired": "Look in the service's console for an order of {credits} credits at that time. "
    "To record it as placement {number}, use Python or the command line.",
    "placements_unanswered": "In the list of orders, click 'Check the outcome'. Nothing is bought twice.",
    "placements_unpaid": "Solve the payment problem, then order the same cart again.",
    "price_changed": "The new price is displayed. Order again to accept it.",
    "project_missing": "Enter the project.",
    "retry_unavailable": "Order the same cart again; nothing is bought twice.",
    "too_many_candidates": "Use the filters to reduce them.",
}

# a refusal that the service gave before, whatever its code
_MAY_BE_REPEATED = (
    "The service gave this answer before and may only repeat it. If its cause is fixed, use Python or the command line to place it "
    "under a new key."
)

# The field that an argument is entered in. Other arguments appear by their name, with spaces.
FIELDS = {
    "aoi": "Area",
    "bbox": "Area",
    "budget": "Budget",
    "captures": "Captures",
    "collections": "Collections",
    "datetime": "Dates",
    "host": "Provider (host)",
    "intersects": "Area",
    "license_type": "Licence",
    "max_cloud_cover": "Max. cloud",
    "min_coverage": "Coverage",
    "path": "Report file",
    "project": "Project",
}


def message_of(problem: ScenecartError | ScenecartWarning | Notice) -> str:
    """Return the message of an error, a warning or a notice, about the field if it is about an argument.

    Examples
    --------
    >>> from scenecart.widgets._hints import message_of
    >>> message_of(ScenecartError("must be a non-empty string, got ''.", argument="license_type"))
    "Licence must be a non-empty string, got ''."
    """
    if not isinstance(problem, ScenecartError) or problem.argument is None:
        return problem.message
    name, bracket, rest = problem.argument.partition("[")
    field = FIELDS.get(name, name.replace("_", " ").capitalize())
    return message_about(problem, f"{field}{bracket}{rest}")


def hint_of(problem: ScenecartError | ScenecartWarning | Notice) -> str | None:
    """Return what to do about an error, a warning or a notice, in the words of the widgets.

    Examples
    --------
    >>> from scenecart.widgets._hints import hint_of
    >>> hint_of(ScenecartError("The price has changed.", hint="Look at it again."))
    'Look at it again.'
    """
    hint = HINTS.get(problem.code, problem.hint)
    if isinstance(problem, ScenecartError) and problem.can_start_anew and problem.code not in HINTS:
        hint = _MAY_BE_REPEATED
    details = {} if isinstance(problem, ScenecartWarning) else problem.details
    return hint.format_map(details) if hint and problem.code in HINTS else hint
