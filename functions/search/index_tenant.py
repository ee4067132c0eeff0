"""indexTenant: brings a tenant's search index up to date. A consumer of the queue SearchIndexing."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from functools import cache

from aws_lambda_powertools.metrics import MetricUnit

from ticketing import clock
from ticketing.aws.data import of_tenant
from ticketing.events.consumer import Work, gathering
from ticketing.events.errors import RetryError
from ticketing.index.errors import LostRaceError
from ticketing.search.business import read_calendar
from ticketing.search.engines import index_of_tenant
from ticketing.search.facts import Calendar
from ticketing.search.index_queue import ORDERS, Order
from ticketing.search.indexing import Indexing
from ticketing.search.port import BuildChangedError
from ticketing.search.repository import SearchedTickets
from ticketing.users.states import TenantState
from ticketing.users.tenant_repository import TenantRepository


@gathering("indexTenant", ORDERS)
def handler(orders: Sequence[Order], work: Work) -> None:
    """Make one pass over the index of the orders' tenant."""
    data = of_tenant(orders[0].tenant_id)
    index = index_of_tenant(data.tenant_id)

    def exists() -> bool:
        tenant = TenantRepository(data).get()
        return tenant is not None and tenant.state is TenantState.ACTIVE

    @cache
    def calendar() -> Calendar:
        return read_calendar(data)

    try:
        done = Indexing(data.tenant_id, index, SearchedTickets(data), exists, calendar).follow(orders)
    except (BuildChangedError, LostRaceError) as error:
        raise RetryError from error
    changed = [order.since for order in orders if order.since]
    if changed:
        lag = clock.now() - datetime.fromisoformat(min(changed))
        work.measure("IndexLag", max(0, round(lag.total_seconds() * 1000)), MetricUnit.Milliseconds)
    work.measure("IndexDocuments", done.written + done.gone, MetricUnit.Count)
    work.count("IndexFetches", int(index.fetched > 0))
    work.count("IndexRacesLost", done.lost_races)
    work.count("IndexBuilds", int(done.begun is not None))
    work.log(**asdict(done), fetched=index.fetched)
