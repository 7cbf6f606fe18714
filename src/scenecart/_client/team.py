"""What a team needs beside orders: budgets, spending, invoices and watches."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from scenecart._api import operations
from scenecart._captures.query import SearchCriteria, build_query
from scenecart._captures.search import search_catalog
from scenecart._util.keywords import checked_keywords
from scenecart.exceptions import NotFound

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    import pandas as pd

    from scenecart._api.http import Session
    from scenecart._captures.hosts import HostRegistry
    from scenecart._client.ordering import Ordering
    from scenecart._office.spending import Spending
    from scenecart._util.once import Once
    from scenecart._watch.watch import Watch, WatchService


class TeamMethods:
    """Methods of a client for teams: budgets, spending, invoices and watches."""

    _session: Session
    _hosts: HostRegistry
    _ordering: Once[Ordering]
    _home: Path
    _wall: Callable[[], float]

    @cached_property
    def _watches(self) -> WatchService:
        # no search needs them
        from scenecart._watch.watch import WatchService  # noqa: PLC0415  # see above
        from scenecart._watch.watch_file import WatchFile  # noqa: PLC0415  # see above

        return WatchService(self._session, WatchFile(self._home / "watches.sqlite"), self._wall)

    def budget(
        self,
        project: str | None = None,
        *,
        credits: int | None,  # noqa: A002  # the unit of money here
        per: str = "month",
        until: dt.date | None = None,
    ) -> pd.DataFrame:
        """Set how many credits may be spent in a period; ``place()`` refuses what would exceed it (:class:`OverBudget`).

        The service's orders are counted, whoever placed them, before each order. A budget is a guard against accidents: it binds
        this client, or with ``connect(budgets="budgets.toml")`` those who use the file, and nobody else. Two people who place
        within the same second are both let through. ``place(max_credits=)`` limits one order. An order for a project without a
        budget is a warning, ``budget_not_applied``, if only other projects have budgets.

        Parameters
        ----------
        project
            The id of the project that it is for; None for the whole organization. A budget of the same project is replaced.
        credits
            How many credits; None removes the budget that this client set.
        per
            ``"day"``, ``"month"``, ``"quarter"``, ``"year"`` (of the calendar, UTC) or ``"all"``.
        until
            Its last day, after which nothing can be placed under it; None for no end.

        Returns
        -------
        pandas.DataFrame
            As from :meth:`budgets`.

        Raises
        ------
        InvalidRequest
            If an argument is invalid, ``until`` is past, or there is no budget to remove.
        ScenecartError
            If the orders cannot be read.

        Examples
        --------
        >>> client = connect("sandbox")
        >>> bool(client.budget(credits=3_000_000)["left"].iloc[0] <= 3_000_000)
        True
        """
        from scenecart._office.budgets import Budget  # noqa: PLC0415  # a search needs no budgets

        budgets = self._ordering().budgets
        if credits is None:
            budgets.remove(project)
        else:
            budgets.set(Budget(credits, per, project, until))
        return budgets.table()

    def budgets(self) -> pd.DataFrame:
        """Return the budgets of this client, with what is spent, reserved and left of each in credits.

        Columns ``project`` (missing for the whole organization), ``per``, ``credits``, ``start`` (of the present period, UTC),
        ``until``, ``spent``, ``reserved`` (by orders that are processing, and by purchases without an answer) and ``left``.

        Raises
        ------
        ConfigurationError
            If the file of budgets cannot be used.
        ScenecartError
            If the orders cannot be read.

        Examples
        --------
        >>> connect("sandbox").budgets().columns.tolist()[:3]
        ['project', 'per', 'credits']
        """
        return self._ordering().budgets.table()

    def spending(self, by: str = "project", *, since: Any = None, project: str | None = None) -> Spending:
        """Return what the organization's orders cost, counted from the service's orders.

        Parameters
        ----------
        by
            What the rows are: ``"project"``, ``"month"`` (of placing, UTC), ``"tag"`` (an order with several tags counts in each),
            ``"host"`` or ``"person"`` (both as far as this machine or the service knows them).
        since
            Only orders placed since this day or time (UTC if it has no zone); None for all.
        project
            Only orders for this project.

        Returns
        -------
        Spending
            A DataFrame indexed by ``by``. Columns ``orders`` (the number), ``reserved`` (of orders that are processing),
            ``charged``, ``refunded``, ``credits`` (reserved and charged) and ``aud`` (decimal, as the service states it).
            :meth:`Spending.to_report` writes a report.

        Raises
        ------
        InvalidRequest
            If an argument is invalid.
        ScenecartError
            If the orders cannot be read. Movements of credits that cannot be read are a warning,
            ``spending_without_transactions``.

        Examples
        --------
        >>> client = connect("sandbox")
        >>> client.spending(by="month").columns.tolist()
        ['orders', 'reserved', 'charged', 'refunded', 'credits', 'aud']
        """
        return self._ordering().spending.read(by, since, project)

    def commitments(self) -> pd.DataFrame:
        """Return the organization's minimum commitments, with what was used of them, as the service states them.

        The columns are the service's; empty if there are none.

        Raises
        ------
        PermissionDenied
            If the account may not see them.
        ScenecartError
            If the service does not list them.

        Examples
        --------
        >>> len(connect("sandbox").commitments())
        0
        """
        from scenecart._office.spending import entries_frame  # noqa: PLC0415  # a search needs no invoices

        return entries_frame(self._session.call(operations.COMMITMENTS, {}), "commitments")

    def invoices(self) -> pd.DataFrame:
        """Return the organization's invoices, newest first, as the service states them; empty if there are none.

        Raises
        ------
        PermissionDenied
            If the account may not see them.
        ScenecartError
            If the service does not list them.

        Examples
        --------
        >>> len(connect("sandbox").invoices())
        0
        """
        from scenecart._office.spending import entries_frame  # noqa: PLC0415  # a search needs no invoices

        return entries_frame(self._session.call(operations.INVOICES, {"limit": 500}), "invoices")

    @checked_keywords()
    def watch(
        self,
        name: str,
        host: str | None = None,
        *,
        aoi: Any = None,
        bbox: Any = None,
        intersects: Any = None,
        collections: str | Sequence[str] | None = None,
        ids: str | Sequence[str] | None = None,
        datetime: Any = None,
        query: Mapping[str, Any] | None = None,
        max_cloud_cover: float | None = None,
        areas: Any = None,
    ) -> Watch:
        """Save a search under a name, to see later what is new; with the name alone, return the saved watch. Nothing is bought.

        Watches are in a file beside the placement journal, which notebooks and ``scenecart watch`` share. Saving the same search
        again returns the watch as it is.

        Parameters
        ----------
        name
            The name, which is unique for the service.
        host
            The catalog host.
        aoi, bbox, intersects, collections, ids, datetime, query, max_cloud_cover
            As for :meth:`search`. A file is read now, once. Without ``datetime``, or with an open one such as ``"2024-01-01/.."``,
            captures of any later time are found.
        areas
            Many areas, each watched for itself, as for :meth:`search_many`; names of areas become text.

        Raises
        ------
        InvalidRequest
            If the name is taken by another search (``watch_name_taken``), perhaps a colleague's; nothing is changed.
        InvalidQuery, InvalidArea
            If an argument is invalid.
        NotFound
            If only the name is given, and there is no such watch, or if the service has no such host or collection.
        WatchError
            If the file of watches cannot be used.

        Examples
        --------
        >>> client = connect("sandbox")
        >>> watch = client.watch("harbour", "aurora", collections="aurora-50cm", bbox=(151.1, -34, 151.3, -33.8))
        >>> news = watch.new()
        >>> watch.seen() == len(news)
        True
        >>> len(client.watch("harbour").new())
        0
        """
        criteria = SearchCriteria(
            aoi=aoi,
            bbox=bbox,
            intersects=intersects,
            collections=collections,
            ids=ids,
            datetime=datetime,
            query=query,
            max_cloud_cover=max_cloud_cover,
        )
        if isinstance(host, str) and self._hosts.lists(host, collections) is False:
            self._check_searchable(host, criteria)
        return self._watches.watch(name, host, criteria, areas)

    def _check_searchable(self, host: str, criteria: SearchCriteria) -> None:
        """Search one capture of a host or collection that the service does not list: it may exist all the same."""
        try:
            search_catalog(self._session, build_query(host, replace(criteria, limit=1)))
        except NotFound as error:
            self._hosts.explain(error, host, criteria.collections)
            raise

    def watches(self) -> pd.DataFrame:
        """Return the watches of this service as a table, indexed by name.

        Its columns are ``host``, ``criteria`` (a dict, as for :meth:`search`), ``created``, ``looked`` (when it was last searched
        to the end), ``seen`` (when captures were last marked as seen; times in UTC) and ``person`` (who saved it).

        Raises
        ------
        WatchError
            If the file of watches cannot be used.

        Examples
        --------
        >>> client = connect("sandbox")
        >>> watch = client.watch("quarry", "aurora", collections="aurora-50cm")
        >>> client.watches().loc["quarry", "host"]
        'aurora'
        """
        return self._watches.table()


TeamMethods.__module__ = "scenecart"
