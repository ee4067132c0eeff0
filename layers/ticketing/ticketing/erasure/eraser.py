"""Erases a tenant, step by step: the work of the function eraseTenant.

A step does as much as its time allows, and says whether it is complete. Every step is idempotent: it can be retried
after an interruption, and two executions can run it at once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import batched, chain
from typing import Any, Final

from ticketing import clock
from ticketing.attachments.remains import AttachmentRemains
from ticketing.audit import repository as audit
from ticketing.aws.data import TenantData, files_of_tenant, of_tenant, packs_of_tenant
from ticketing.calendars import remains as calendars
from ticketing.dynamodb.tables import batch_delete, keys_in
from ticketing.dynamodb.transactions import until_written
from ticketing.events import remains as events
from ticketing.live import remains as live
from ticketing.mail import remains as mail
from ticketing.search.remains import SearchRemains
from ticketing.tickets.remains import TicketRemains
from ticketing.users.remains import UserRemains
from ticketing.users.states import DeletionState
from ticketing.users.tenant_models import TenantDeletion
from ticketing.users.tenant_repository import TenantRepository
from ticketing.users.usage_plan import UsagePlan, usage_plan
from ticketing.users.user_pool import UserPool, user_pool
from ticketing.views import remains as views
from ticketing.webhooks import remains as webhooks

NOTIFICATIONS: Final = (webhooks, live, mail, events)
"""The `remains` of the services with items in the notifications table."""

SEARCH: Final = (views, calendars)
"""The same for the search table; its indexes are a step of their own."""

_PAGE: Final = 100
"""How many items of the notifications table are deleted before the receipt records progress."""

type InTime = Callable[[], bool]
"""Whether there is time to start something else."""


def erase(tenant_id: str, step: str, in_time: InTime) -> dict[str, Any]:
    """Run a step of a tenant's deletion. Return `done` and the counts of what was deleted.

    Without a receipt, or with a completed one, it does nothing: only a requested deletion erases a tenant.

    Raises
    ------
    KeyError
        There is no such step.
    Exception
        Any error of AWS. What is deleted stays deleted; the step has to be retried.
    """
    do = STEPS[step]
    tenants = TenantRepository(of_tenant(tenant_id))
    receipt = tenants.deletion()
    if receipt is None or receipt.state is DeletionState.DONE:
        return {"done": True}
    data = of_tenant(tenant_id)
    eraser = Eraser(
        data,
        receipt,
        tenants,
        UserRemains(data),
        TicketRemains(data),
        AttachmentRemains(data, files_of_tenant(tenant_id)),
        SearchRemains(data, packs_of_tenant(tenant_id)),
        user_pool(),
        usage_plan(),
        in_time,
    )
    return {"done": do(eraser), **eraser.erased}


@dataclass(slots=True)
class Eraser:
    """One invocation's part of a tenant's deletion. `erased` counts it, by the names of the receipt's counts."""

    data: TenantData
    receipt: TenantDeletion
    tenants: TenantRepository
    remains: UserRemains
    tickets_left: TicketRemains
    files_left: AttachmentRemains
    search_left: SearchRemains
    user_pool: UserPool
    usage_plan: UsagePlan
    in_time: InTime
    erased: Counter[str] = field(default_factory=Counter)

    def users(self) -> bool:
        """Delete API keys and people. A person's account goes first, because the row leads to it."""
        return self._each(self.remains.api_keys(), self._api_key) and self._each(self.remains.people(), self._person)

    def tickets(self) -> bool:
        """Delete the tickets with their events, comments, watchers and the rows of their files.

        Then what is left of tickets that were gone before, as far as files lead to it.
        """
        return self._each(self.tickets_left.partitions(), self._ticket) and self._each(
            self.files_left.partitions(), self._ticket
        )

    def attachments(self) -> bool:
        """Delete the contents of files. No row leads to one any more."""
        erased = self.files_left.erase_objects(self.in_time)
        self.remains.count(clock.timestamp(clock.now()), {})
        return erased

    def notifications(self) -> bool:
        """Delete webhooks, deliveries, connections, the feed of live updates, and records of handled events.

        Views and calendars, too.
        """
        tables = ((self.data.tables.notifications, NOTIFICATIONS), (self.data.tables.search, SEARCH))
        return all(
            self._partitions(table, chain.from_iterable(service.partitions(self.data) for service in services))
            for table, services in tables
        )

    def search(self) -> bool:
        """Delete the search index with all of its packs."""
        erased = self.search_left.erase(self.in_time)
        self.remains.count(clock.timestamp(clock.now()), {})
        return erased

    def end(self) -> bool:
        """Delete what was being written when the deletion started, the audit trail, and the tenant itself.

        An address for an upload, or a pass over the index, may have been good until now. This completes the receipt.
        """
        if not (self.attachments() and self.search()):
            return False
        self.files_left.erase_usage()
        if not self.users() or not self._partitions(self.data.tables.tickets, audit.partitions(self.data)):
            return False
        for email in self.remains.invitations():
            if not self.in_time():
                return False
            self._delete_account(email)
            self.remains.erase_invitation(email)
        # A pending change of their role may have put the account back into the tenant before their row was deleted.
        self._delete_account(self.receipt.requested_by_id)
        self.usage_plan.delete_key(self.receipt.tenant_id)
        tenant = self.tenants.get()
        if tenant is not None:
            self.remains.finish(tenant, clock.timestamp(clock.now()))
        return True

    def _partitions(self, table: str, partitions: Iterable[str]) -> bool:
        """Delete all items of these partitions of a table, and return whether all are deleted."""
        for partition in partitions:
            for keys in batched(keys_in(self.data.client, table, partition), _PAGE, strict=False):
                if not self.in_time():
                    return False
                batch_delete(self.data.client, table, keys)
                self.remains.count(clock.timestamp(clock.now()), {})
        return True

    def _each(self, pages: Iterable[list[str]], erase_one: Callable[[str], Mapping[str, int]]) -> bool:
        """Delete one after the other, count them page by page, and return whether all are deleted."""
        for page in pages:
            erased = Counter[str]()
            try:
                for one in page:
                    if not self.in_time():
                        return False
                    erased.update(erase_one(one))
            finally:
                self.erased.update(erased)
                self.remains.count(clock.timestamp(clock.now()), erased)
        return True

    def _api_key(self, key_id: str) -> Mapping[str, int]:
        return {"apiKeys": int(self.remains.erase_user(key_id))}

    def _person(self, user_id: str) -> Mapping[str, int]:
        self._delete_account(user_id)
        return {"users": int(self.remains.erase_user(user_id))}

    def _delete_account(self, name: str) -> None:
        """Delete an account, by its id or address, if it belongs to the tenant.

        The person who requested the deletion keeps their account, to read the receipt or create another tenant.
        """
        account = self.user_pool.get_account(name)
        if account is None or account.tenant_id != self.receipt.tenant_id:
            return
        if account.id == self.receipt.requested_by_id:
            self.user_pool.release_account(account.id)
        else:
            self.user_pool.delete_account(account.id)

    def _ticket(self, partition: str) -> Mapping[str, int]:
        events = until_written(lambda: self.tickets_left.erase(partition))
        return {} if events is None else {"tickets": 1, "events": events}


STEPS: Final[Mapping[str, Callable[[Eraser], bool]]] = {
    "users": Eraser.users,
    "tickets": Eraser.tickets,
    "attachments": Eraser.attachments,
    "notifications": Eraser.notifications,
    "search": Eraser.search,
    "end": Eraser.end,
}
"""The steps in their order; each has a state in the state machine. All services come before the end."""
