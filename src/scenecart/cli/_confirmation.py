"""The question before a purchase, and the facts above it: existing orders, payer, licences, budgets and price."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scenecart._api.operations import identity_of
from scenecart._util.text import clean_text, first_names, pluralize
from scenecart.cli import _io, _output, _owned, _table
from scenecart.exceptions import AlreadyOwned, NotFound, PlacementUnknown, ScenecartError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from scenecart._cart.estimate import Estimate
    from scenecart.client import Client

_MOST_NAMED = 3


def is_confirmed(client: Client, estimate: Estimate, project: str, arguments: argparse.Namespace) -> bool:
    """Return whether to go on: the user confirmed the exact price, or an existing order will be returned.

    Raises
    ------
    AlreadyOwned, NotApproved, OverBudget
        If placing would be refused for this, so that nobody is asked.
    """
    from scenecart.client import check_before_buying  # noqa: PLC0415  # keeps --help fast

    if _is_existing(client, estimate, project, arguments):
        return True
    check_before_buying(
        client, estimate, project=project, license_type=arguments.license, again=arguments.again, approval=arguments.approval
    )
    if arguments.owned == "buy" and not arguments.again:
        _owned.look_up(estimate, client)
    _table.print_pairs(_facts(client, estimate, project, arguments))
    count, price = pluralize(len(estimate.cart), "capture"), f"{estimate.total_credits:,} credits (A${estimate.total_aud:,.2f})"
    print(f"Buy {count} for exactly {price}?")
    return _io.is_confirmed("buy", "--yes --max-credits N")


def _is_existing(client: Client, estimate: Estimate, project: str, arguments: argparse.Namespace) -> bool:
    """Return whether placing returns an order that exists; with --again, print that this one is bought beside it."""
    from scenecart.client import order_before_buying  # noqa: PLC0415  # keeps --help fast

    try:
        if arguments.owned == "refuse" and not arguments.again:
            existing = order_before_buying(client, estimate, project=project, license_type=arguments.license)
        else:
            existing = estimate.existing_order(project=arguments.project, license_type=arguments.license)
    except AlreadyOwned as error:
        _output.owned_table(error.owned)
        raise
    except (NotFound, PlacementUnknown) as error:
        if not arguments.again:
            raise
        print(f"This cart was ordered before. {error.message} This buys it once more.")
        return False
    if existing is not None and arguments.again:
        when = "" if existing.created is None else f" on {existing.created:%Y-%m-%d %H:%M} UTC"
        print(
            f"This cart was already ordered{when} as {clean_text(existing.id, 80)} ({clean_text(existing.status, 40)}). "
            "This buys it once more."
        )
    return existing is not None and not arguments.again


def _facts(client: Client, estimate: Estimate, project: str, arguments: argparse.Namespace) -> Iterator[tuple[str, str]]:
    """Yield names and values: what is bought, who pays, with what, licences that are not accepted, and what is left of budgets."""
    from scenecart._cart.checks import keys_of  # noqa: PLC0415  # keeps --help fast

    yield "Captures", first_names(estimate.cart.ids, _MOST_NAMED)
    yield "Project", clean_text(project, 80)
    yield "Licence", f"{clean_text(arguments.license, 40)} licence"
    if isinstance(arguments.again, str):
        yield "Once more", f"for the name {clean_text(arguments.again, 80)!r}; an order that was bought for it is returned"
    elif arguments.again:
        yield "Once more", "beside the orders that exist"
    balance = estimate.balance_credits
    yield "Paid by", f"{_payer(client)}, {'by card or invoice, as it is billed' if balance is None else 'with its credits'}"
    if balance is not None and balance < estimate.total_credits:
        less = f"your balance of {balance:,} credits is less than the price"
        yield "Balance", f"{less}: the service may refuse the order, or charge a card or an invoice"
    hosts = {host for host, _, _ in keys_of(estimate.cart.captures) if host is not None}
    for licence in () if estimate.licences_of is None else estimate.licences_of(hosts):
        if licence.accepted is False:
            yield "Warning", f"{licence.title} ({licence.host}) is {licence.acceptance}, so the service may refuse the order"
    yield from _budgets(client, estimate, project)


def _payer(client: Client) -> str:
    """Return the organization that pays and the account that orders, as far as the service states them."""
    try:
        account = client.whoami()
    except ScenecartError:
        # placing reads it again, and refuses if it is not known
        account = {}
    identity = identity_of(account)
    user = clean_text(account.get("preferred_username") or identity.subject, 80)
    payer = f"organization {clean_text(identity.organization, 80)}" if identity.organization else "the organization"
    return f"{payer} (signed in as {user})" if user else payer


def _budgets(client: Client, estimate: Estimate, project: str) -> Iterator[tuple[str, str]]:
    try:
        table = client.budgets()
    except ScenecartError:
        # a budget that cannot be counted has refused the order before
        return
    for row in table.to_dict("records"):
        if row["project"] in {None, project}:
            what = "Budget" if row["project"] is None else "Project's budget"
            rest = row["left"] - estimate.total_credits
            yield what, f"{row['left']:,} credits are left of {row['credits']:,}; after this {rest:,}"
