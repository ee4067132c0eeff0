"""sweepIndexes: orders the compaction of the indexes in which something has changed. Runs hourly."""

from typing import Any, Final

from ticketing import clock
from ticketing.aws import clients
from ticketing.aws.data import cluster
from ticketing.deployment import DEPLOYMENT
from ticketing.events.consumer import Work, job
from ticketing.search.index_queue import Order
from ticketing.search.opensearch import tenants_in
from ticketing.search.remains import indexes

_LARGEST: Final = 10
"""How many tenants the log names with the bytes of their indexes."""

_HOUR: Final = 3
"""In which hour of each half of a day OpenSearch is told to give deleted text up: that reads and writes its files."""


@job("sweepIndexes")
def handler(_event: dict[str, Any], work: Work) -> None:
    """Order a compaction for each tenant whose packs changed lately: elsewhere there is nothing to take out.

    Whose index in OpenSearch has deleted text, it does not say without being asked: there it is all of them.
    """
    now = clock.now()
    kept = list(indexes(clients.s3(), DEPLOYMENT.search_bucket))
    changed = {each.tenant_id for each in kept if each.changed_since(now)}
    if "opensearch" in DEPLOYMENT.search_engines and now.hour % 12 == _HOUR:
        changed |= tenants_in(cluster())
    for tenant_id in sorted(changed):
        Order(tenant_id, compact=clock.timestamp(now)).send()
    largest = sorted(kept, key=lambda each: each.size, reverse=True)[:_LARGEST]
    work.log(tenants=len(kept), changed=len(changed), largest={each.tenant_id: each.size for each in largest})
    work.count("IndexBytes", sum(each.size for each in kept))
    work.count("IndexPacks", sum(each.packs for each in kept))
