"""reindexTenants: has search indexes built anew, while they are served. Called by hand (`make reindex`)."""

from typing import Any

from ticketing import clock
from ticketing.events.consumer import Work, job
from ticketing.search.index_queue import rebuild
from ticketing.search.indexing import ASKED
from ticketing.users.usage_plan import usage_plan


@job("reindexTenants")
def handler(event: dict[str, Any], work: Work) -> dict[str, int]:
    """Order a new index for the tenant that `{tenantId}` names, or with `{}` for all. Return for how many.

    A new order takes the place of a build that is under way.
    """
    tenants = [str(event["tenantId"])] if "tenantId" in event else sorted(usage_plan().tenants())
    reason = f"{ASKED} {clock.timestamp(clock.now())}"
    for tenant_id in tenants:
        rebuild(tenant_id, reason)
    work.log(tenants=len(tenants))
    return {"tenants": len(tenants)}
