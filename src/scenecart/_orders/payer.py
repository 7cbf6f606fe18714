"""The organization that pays, as the service states it; never guessed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scenecart._api import operations
from scenecart.exceptions import PlacementError, ScenecartError

if TYPE_CHECKING:
    from scenecart._api.http import Session
    from scenecart._orders.journal import Journal

# the pauses between three requests, in seconds
_PAUSES = (0.0, 3.0, 7.0)


class Payer:
    """Who pays for the placements of one session.

    Parameters
    ----------
    session
        The connection to the service.
    journal
        The record of placements: it has the names under which this service was used before.
    """

    def __init__(self, session: Session, journal: Journal) -> None:
        self._session = session
        self._journal = journal
        self._identity: operations.Identity | None = None

    def name(self) -> str:
        """Return the account that pays; an empty string for a service that states none.

        Raises
        ------
        PlacementError
            If the service does not state the account now, but did before, or its answer cannot be read: an account that is guessed
            would buy again what another name bought.
        AuthenticationError
            If the sign-in is refused.
        """
        return self._known().account

    def organization(self) -> str:
        """Return the organization that pays, which every machine reads alike; an empty string if the service states none."""
        return self._known().organization

    def aliases(self) -> tuple[str, ...]:
        """Return every name under which this session's placements may be kept, the present one first."""
        identity = self._known()
        return tuple(dict.fromkeys((identity.account, identity.subject, "")))

    def _known(self) -> operations.Identity:
        if self._identity is None:
            self._identity = self._read_identity()
        return self._identity

    def _read_identity(self) -> operations.Identity:
        not_offered, failure = 0, None
        for pause in _PAUSES:
            if pause:
                self._session.sleep(pause)
            try:
                answer = self._session.userinfo()
            except ScenecartError as error:
                failure = error
                continue
            if answer is None:
                not_offered += 1
                continue
            identity = operations.identity_of(answer)
            if identity.account and self._is_as_before(identity):
                return identity
        if not_offered == len(_PAUSES) and not any(self._journal.accounts(self._session.base_url)):
            return operations.Identity("", "")
        if failure is not None and failure.status in {401, 403}:
            raise failure
        raise PlacementError(
            "The service did not state which account pays. Nothing was ordered.",
            code="payer_unknown",
            hint="Try again in a moment. If this persists, check for a proxy between you and the service.",
            operation="userinfo",
        ) from failure

    def _is_as_before(self, identity: operations.Identity) -> bool:
        """Return whether an answer states as much as earlier ones: a user whose organization was stated still has one."""
        known = self._journal.organization_of(self._session.base_url, identity.subject)
        if identity.organization:
            if identity.subject and identity.organization != known:
                self._journal.note_organization(self._session.base_url, identity.subject, identity.organization)
            return True
        return known is None
