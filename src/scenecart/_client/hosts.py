"""Methods of a client for the hosts of the catalog: their collections and licences."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scenecart._api import operations

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd

    from scenecart._api.http import Session
    from scenecart._captures.hosts import HostRegistry
    from scenecart._captures.licences import LicenceRegistry


class HostMethods:
    """Methods of a client for the hosts of the catalog; none of them spends money."""

    _session: Session
    _hosts: HostRegistry
    _licences: LicenceRegistry

    def hosts(self) -> pd.DataFrame:
        """Return the hosts of the catalog: the providers whose captures can be searched. They are requested once an hour.

        Returns
        -------
        pandas.DataFrame
            Indexed by host. Columns ``title``, ``description``, ``collections`` (list of names), ``access`` (such as
            ``"commercial"``), ``licence`` and ``attribution``; what the service does not state is missing.

        Raises
        ------
        ScenecartError
            If the service does not list its hosts.

        Examples
        --------
        >>> connect("sandbox").hosts().index.tolist()
        ['aurora', 'lumen', 'openterra']
        """
        return self._hosts.hosts()

    def collections(self, host: str) -> gpd.GeoDataFrame:
        """Return the collections of a host. They are requested once an hour.

        Returns
        -------
        geopandas.GeoDataFrame
            Indexed by collection. Columns ``title``, ``kind`` (such as ``"optical"``), ``gsd`` (metres), ``sensors``, ``access``,
            ``licence``, ``start`` and ``end`` (UTC), ``credits_per_km2`` and ``minimum_credits`` (only a guide: an estimate has
            the price), and ``geometry`` (the bounding box, EPSG:4326). What the service does not state is missing.

        Raises
        ------
        InvalidQuery
            If there is no such host; the nearest name is suggested.

        Examples
        --------
        >>> connect("sandbox").collections("aurora")["gsd"].to_dict()
        {'aurora-30cm': 0.3, 'aurora-50cm': 0.5, 'aurora-legacy': 1.0}
        """
        return self._hosts.collections(host)

    def licences(self) -> pd.DataFrame:
        """Return the licences of the hosts, and whether your organization accepted them. They are requested every ten minutes.

        Returns
        -------
        pandas.DataFrame
            Indexed by document. Columns ``host``, ``title``, ``accepted``, ``accepted_at`` (UTC), ``accepted_by``, ``url`` and
            ``text``; what the service does not state is missing or empty.

        Raises
        ------
        ScenecartError
            If the service does not list its licences.

        Examples
        --------
        >>> connect("sandbox").licences().loc["licence-openterra-1", "text"]
        'Free to use with the credit "contains OpenTerra data".'
        """
        return self._licences.table()

    def accept_licence(self, document: str) -> None:
        """Record at the service that your organization accepts a licence. This binds the organization, and buys nothing.

        Parameters
        ----------
        document
            A document of :meth:`licences`.

        Raises
        ------
        InvalidRequest
            If there is no such document.
        PermissionDenied
            If the account may not accept licences.

        Examples
        --------
        >>> client = connect("sandbox")
        >>> client.accept_licence("licence-openterra-1")
        >>> bool(client.licences().loc["licence-openterra-1", "accepted"])
        True
        """
        self._session.check_may_send(operations.PLACE)
        self._licences.accept(document)


HostMethods.__module__ = "scenecart"
