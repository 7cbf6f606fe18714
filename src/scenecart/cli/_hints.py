"""Errors and warnings on the command line: option names for arguments, and hints that name commands."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from scenecart.exceptions import ScenecartError, ScenecartWarning, message_about

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from scenecart._orders.notice import Notice

# Hints for users of the command line, by code. An error or warning whose code is missing here keeps its own hint; None omits it.
# Names in braces are replaced by the error's details.
HINTS: dict[str, str | None] = {
    "already_ordered": "To buy one more, add --again NAME with a name that was not used for it: each name buys once.",
    "already_owned": "Add --without-owned to buy only what is missing, or --owned buy to buy it anyway.",
    "approval_for_one_order": "For one more order, get another approval: `scenecart approve --again NAME`.",
    "approval_key_unknown": "Ask an approver of your organization.",
    "approval_missing": "Have the cart approved with `scenecart approve`, and add --approval FILE.",
    "approval_unreadable": "Pass the file that `scenecart approve` wrote.",
    "approver_key_invalid": "Make a key with `scenecart approve --create-key`.",
    "approver_key_unreadable": "Make a key with `scenecart approve --create-key`.",
    "area_ambiguous": "Use --aoi or --bbox.",
    "area_cloud_missing": "Run `scenecart search --aoi-cloud`, and pass the file that it writes.",
    "area_cloud_of_other_area": "Run `scenecart search --aoi-cloud` with this area, and pass the file that it writes.",
    "area_empty_part": "Fix the outline and run the command again.",
    "area_invalid": "Fix the outline and run the command again.",
    "area_layers_united": "To use one layer, save it as a file of its own.",
    "area_self_intersecting": "Fix the outline and run the command again.",
    "base_url_has_password": "Set SCENECART_USERNAME and SCENECART_PASSWORD instead.",
    "captures_column_missing": "Pass a file that `scenecart search -o` wrote.",
    "captures_conflict": "Leave them out of the file.",
    "captures_not_a_frame": "Pass a file that `scenecart search -o` wrote.",
    "captures_not_orderable": "Leave them out of the file.",
    "captures_outside_area": "Leave them out of the file, or choose another area.",
    "captures_owned": "`scenecart owned` shows the orders. Add --without-owned to price only what is missing. "
    "Add --use-owned to count it as covered.",
    "captures_single_row": "Pass a file that `scenecart search -o` wrote.",
    "captures_unreadable": "Pass a .parquet, .geojson, .json or .gpkg file that `scenecart search -o` wrote. Tables and reports, "
    "such as .csv, .xlsx and .html, cannot be read back.",
    "cart_all_owned": "`scenecart owned` lists what is owned. To buy it anyway, pass --owned buy without --without-owned.",
    "cart_file_changed": "To use it anyway, estimate its captures as a new cart.",
    "cart_without_prices": "`scenecart estimate` shows the reasons.",
    "certificate_not_trusted": "If your network inspects encrypted connections, set SSL_CERT_FILE to your company's certificates, "
    "a PEM file. Otherwise check the base URL: the connection may be intercepted.",
    "collections_missing": "Add --collections or --ids.",
    "cover_all_owned": "`scenecart owned` lists what is owned. Ask for more with --min-coverage, or leave out --use-owned.",
    "credentials_file_unreadable": "Move it away and run `scenecart login`, or set SCENECART_API_KEY.",
    "credentials_file_without_profiles": "Move it away and run `scenecart login`, or set SCENECART_API_KEY.",
    "credentials_incomplete": "Set both SCENECART_USERNAME and SCENECART_PASSWORD.",
    "credentials_missing": "Run `scenecart login`, or set SCENECART_API_KEY; or try --profile sandbox without an account.",
    "estimate_incomplete": "`scenecart estimate` shows which and why. Leave them out of the file.",
    "existing_order_ended": "To buy it, add --again.",
    "file_corrupt": "Download again. If what the service announces is wrong, --verify size (or none) keeps the file as it is.",
    "file_size_differs": "Download again. If what the service announces is wrong, --verify none keeps the file as it is.",
    "files_failed": "Download again: only these files are requested.",
    "host_not_found": "`scenecart hosts` lists the providers. Check the base URL, too.",
    "key_ignored": "`scenecart cancel ID` may still be possible. A request without an answer is not repeated at this "
    "service from now on before the list of orders shows its outcome.",
    "licence_not_accepted": "`scenecart licences` shows it; `scenecart licences --accept ID` accepts it for your organization.",
    "not_a_captures_file": "Pass a file that `scenecart search -o` wrote. An area of interest is the option --aoi.",
    "not_a_cart_file": "Pass a file that `scenecart estimate --save` wrote.",
    "order_gone": "Contact the service's support. To buy it again anyway, add --again NAME.",
    "order_not_cancellable": "Check its status with `scenecart order ID`.",
    "order_not_delivered": "Add --wait to wait for its delivery.",
    "order_not_finished": "The order continues. Wait again later: `scenecart wait {order_id}`.",
    "order_not_found": "Check the id and your organization. `scenecart orders` lists its orders.",
    "order_on_hold": "Check it in the service's console.",
    "order_outcome_unknown": "The order continues. Wait again later: `scenecart wait {order_id}`.",
    "ordered_twice": "`scenecart cancel` with the id of yours may still be possible.",
    "orders_not_checked": "Run the command again in a moment, or add --owned buy to place it unchecked.",
    "orders_not_finished": "The orders continue. Run the same command again to continue waiting.",
    "orders_outcome_unknown": "The orders continue. Run the same command again to continue waiting.",
    "owned_not_known": "`scenecart place` checks again before it buys.",
    "payment_authentication_required": "Confirm the payment with your bank. Then try again. You will not be charged twice.",
    "perhaps_owned": "`scenecart order` shows each order. --owned buy buys anyway, unless an order is of this very cart.",
    "placement_in_the_way": "`scenecart settle` finds out, and orders it if it was not ordered. --owned buy ignores it.",
    "placement_key_refused": "Add --new-key to place it under a new key.",
    "placement_not_found": "`scenecart placements` lists them.",
    "placement_recent": "`scenecart settle` finds out.",
    "placement_unknown": "You may have been charged. Run the same command again, or `scenecart settle`: neither buys it again. "
    "The key for the service's support is {idempotency_key}.",
    "placement_unknown_expired": "Look in the service's console for an order of {credits} credits at that time. Then run "
    "`scenecart resolve {number} --order ORDER` or `scenecart resolve {number} --nothing`.",
    "placements_unanswered": "`scenecart settle` may complete a purchase, but never twice; `scenecart settle --look` only checks.",
    "placements_unpaid": "Solve the payment problem, then place the same cart again, or put it away: "
    "`scenecart resolve NUMBER --nothing`. `scenecart placements` lists the numbers.",
    "price_changed": "Run the command again to see and accept the new price.",
    "profile_not_found": "Sign in with `scenecart login --profile NAME`, or try --profile sandbox.",
    "profile_not_signed_in": "Run `scenecart login`.",
    "profile_type_unsupported": "Update scenecart, or run `scenecart login`.",
    "project_missing": "Pass --project, or set SCENECART_PROJECT.",
    "public_key_invalid": "Make a key with `scenecart approve --create-key`, and set the public key that it prints.",
    "retry_unavailable": "Run `scenecart settle`.",
    "session_expired": "Run `scenecart login`.",
    "times_unreadable": "Write them as RFC 3339 does, such as 2024-06-18T00:12:00Z.",
    "too_many_candidates": "Use fewer captures, such as with --max-cloud-cover 20.",
    "waiting_through_outage": "To stop waiting, press Ctrl+C: orders are not affected.",
    "watch_name_taken": "Use another name, or remove that watch: `scenecart watch remove {name}`",
    "watch_not_found": "`scenecart watch list` lists them.",
    "watch_removed": "Save it again with `scenecart watch add`.",
}

_SENTENCES = re.compile(r"(?<=[.!?]) (?=[A-Z`])")
# a command in a hint has options of its own
_COMMANDS = re.compile(r"`[^`]*`")
_OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*")

# a refusal that the service gave before, whatever its code
_MAY_BE_REPEATED = "The service gave this answer before and may only repeat it. If its cause is fixed, add --new-key."


def lines_of(
    problem: ScenecartError | ScenecartWarning | Notice, options: Collection[str], positionals: Mapping[str, str] | None = None
) -> list[str]:
    """Return an error, a warning or a notice as lines for the command line: what happened, and what to do.

    Parameters
    ----------
    problem
        The error, the warning or the notice.
    options
        The options that can be typed, such as ``"--max-credits"``.
    positionals
        The names of the other arguments in the help, such as ``"NAME"``, by their names in Python.

    Examples
    --------
    >>> from scenecart.cli._hints import lines_of
    >>> lines_of(ScenecartError("must be a whole number, got 'x'.", argument="max_credits"), ["--max-credits"])
    ["--max-credits must be a whole number, got 'x'."]
    """
    message = problem.message
    if isinstance(problem, ScenecartError | ScenecartWarning) and problem.argument is not None:
        name, bracket, rest = problem.argument.partition("[")
        option = f"--{name.replace('_', '-')}"
        message = message_about(problem, f"{option if option in options else (positionals or {}).get(name, name)}{bracket}{rest}")
    details = {} if isinstance(problem, ScenecartWarning) else problem.details
    hint = HINTS.get(problem.code, problem.hint)
    if isinstance(problem, ScenecartError) and problem.can_start_anew and problem.code not in HINTS:
        hint = _MAY_BE_REPEATED
    if hint and problem.code in HINTS:
        hint = _possible(hint, options).format_map(details)
    return [*message.splitlines(), *([hint] if hint else [])]


def _possible(hint: str, options: Collection[str]) -> str:
    """Return a hint without the sentences that name an option which cannot be typed; without options, the whole hint."""
    if not options:
        return hint
    kept = [one for one in _SENTENCES.split(hint) if set(_OPTION.findall(_COMMANDS.sub("", one))) <= set(options)]
    return " ".join(kept)
