"""The sweep of attachments: what events were lost for, and what should not be there, is found and put right.

It goes through the files that something has to follow, tenant by tenant in turn, and then compares each tenant's rows
with its objects and its tickets, tenants in random order. Where the time runs out, the next run goes on with what is
left: the former come oldest first, and of the latter each has its chance.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict, deque
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import batched, takewhile
from typing import TYPE_CHECKING, Final

from aws_lambda_powertools.logging import Logger

from ticketing import clock
from ticketing.attachments.arrival import Arrivals, Settled
from ticketing.attachments.models import Place, State
from ticketing.attachments.objects import FileObjects, place_of, tenants_with_objects
from ticketing.attachments.operations import LOOK_AFTER
from ticketing.attachments.remains import AttachmentRemains
from ticketing.attachments.repository import AttachmentRepository, tenants_with_files
from ticketing.aws import clients
from ticketing.aws.data import files_of_tenant, of_tenant
from ticketing.deployment import DEPLOYMENT
from ticketing.tickets.keys import ticket_partition

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ticketing.attachments.repository import Waiting

GIVEN_UP_AFTER: Final = timedelta(hours=24)
"""How long after its last address for an upload a file is expected."""

_OVERDUE: Final = frozenset({Settled.SCANNING, Settled.UNSCANNED, Settled.HIDDEN})
"""How a file stands without a usable result."""

_AT_ONCE: Final = 100
"""The most tickets that one BatchGetItem asks for."""

_FAILED: Final = "sweeping a tenant's files failed"

logger = Logger()

type InTime = Callable[[], bool]
"""Whether there is time to start something else."""


@dataclass(slots=True)
class Swept:
    """What a run did: how the files that it looked at stood, what it found, and what failed or was left over."""

    files: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    given_up: int = 0
    overdue: int = 0
    """Files that the scanner has said nothing usable of for too long."""
    missing: int = 0
    """Files that had arrived, and have no object any more."""
    purged: int = 0
    """Files whose tickets were gone for good."""
    failed: int = 0
    unfinished: int = 0
    """Tenants that the time did not suffice for."""


class Sweep:
    """One run of the sweep, for all tenants."""

    def __init__(self) -> None:
        self._swept = Swept()
        self._lost = set[Place]()
        self._now = clock.now()

    def run(self, waiting_in_time: InTime, in_time: InTime) -> Swept:
        """Sweep until the time is over: the files that something has to follow first, then everything else."""
        tenants = set(tenants_with_files(clients.dynamodb(), DEPLOYMENT.tables.tickets))
        self._follow_all(tenants, waiting_in_time)
        tenants.update(tenants_with_objects(clients.s3(), DEPLOYMENT.attachments_bucket))
        self._compare_all(tenants, in_time)
        return self._swept

    # --- files that something has to follow -----------------------------------------------------------------------

    def _follow_all(self, tenants: set[str], in_time: InTime) -> None:
        """Look at the files that wait, one of each tenant in turn, so that no tenant waits for all of another's."""
        until = clock.timestamp(self._now)
        due = deque((each, AttachmentRepository(of_tenant(each)).waiting(until)) for each in sorted(tenants))
        while due and in_time():
            tenant_id, waiting = due.popleft()
            with self._going_on(tenant_id):
                file = next(waiting, None)
                if file is None:
                    continue
                due.append((tenant_id, waiting))
                self._follow(file)
        self._swept.unfinished += len(due)

    def _follow(self, file: Waiting) -> None:
        arrivals = Arrivals(file.place.tenant_id)
        settled = self._settle(file.place)
        addressed = datetime.fromisoformat(file.look_at) - LOOK_AFTER
        if settled is Settled.MISSING and self._now - addressed > GIVEN_UP_AFTER:
            arrivals.give_up(file.place)
            self._swept.given_up += 1
        if settled in _OVERDUE and file.state is State.SCANNING:
            self._swept.overdue += 1
            arrivals.scan_again(file.place)

    # --- rows and objects -----------------------------------------------------------------------------------------

    def _compare_all(self, tenants: set[str], in_time: InTime) -> None:
        """Compare the rows of each tenant with its objects and its tickets."""
        for left, tenant_id in enumerate(random.sample(sorted(tenants), len(tenants))):
            if not in_time():
                self._swept.unfinished += len(tenants) - left
                return
            with self._going_on(tenant_id):
                rows = set(AttachmentRepository(of_tenant(tenant_id)).places())
                for place in takewhile(lambda _: in_time(), self._differences(tenant_id, rows)):
                    with self._going_on(tenant_id):
                        self._settle(place)
                self._purge_gone(tenant_id, {place.ticket_id for place in rows}, in_time)

    def _differences(self, tenant_id: str, rows: set[Place]) -> Iterator[Place]:
        """Yield the files of which a row or an object is not there, or more than one version is."""
        found = Counter[Place]()
        for stored in FileObjects(files_of_tenant(tenant_id)).all():
            place = place_of(stored.key)
            if place is not None:
                found[place] += 1
        yield from (place for place, versions in found.items() if versions > 1 or place not in rows)
        yield from rows - found.keys()

    def _purge_gone(self, tenant_id: str, ticket_ids: set[str], in_time: InTime) -> None:
        """Do what purgeTicket has given up: delete the files of tickets that are gone for good."""
        data = of_tenant(tenant_id)
        attachments, remains = AttachmentRepository(data), AttachmentRemains(data, files_of_tenant(tenant_id))
        # In random order, too: what the time does not suffice for has its chance in the next run.
        for batch in batched(random.sample(sorted(ticket_ids), len(ticket_ids)), _AT_ONCE, strict=False):
            if not in_time():
                return
            for ticket_id in attachments.seem_gone(batch):
                with self._going_on(tenant_id):
                    self._swept.purged += remains.purge(ticket_partition(tenant_id, ticket_id))

    # --- both -------------------------------------------------------------------------------------------------------

    @contextmanager
    def _going_on(self, tenant_id: str) -> Iterator[None]:
        """Count what fails, whatever it is, so that it holds up nothing else."""
        try:
            yield
        except Exception:
            logger.exception(_FAILED, extra={"tenantId": tenant_id})
            self._swept.failed += 1

    def _settle(self, place: Place) -> Settled:
        settled = Arrivals(place.tenant_id).settle(place)
        self._swept.files[settled] += 1
        if settled is Settled.LOST:
            self._lost.add(place)  # perhaps for the second time
            self._swept.missing = len(self._lost)
        return settled
