"""Requesting a tenant's deletion, and making sure that it completes.

The request is one transaction, after which nobody can add anything to the tenant. An execution of the state machine
TenantDeletion then erases everything: it calls the function eraseTenant (`erasure/eraser.py`) until nothing is left.
docs/decisions/0011-deleting-a-tenant.md gives the reasons.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from ticketing import clock
from ticketing.access.identity import TENANT_ID
from ticketing.access.permissions import Operation, Relation
from ticketing.aws import clients
from ticketing.aws.data import of_caller, of_tenant
from ticketing.deployment import DEPLOYMENT
from ticketing.dynamodb.transactions import VersionConflictError, until_written
from ticketing.errors import BadRequestError, ServiceUnavailableError
from ticketing.text import folded
from ticketing.users.audited import tenant_changed
from ticketing.users.errors import DeletionNotFoundError, TenantNotFoundError
from ticketing.users.states import PENDING, DeletionState, TenantState
from ticketing.users.tenant_models import TenantDeletion
from ticketing.users.tenant_repository import TenantRepository

if TYPE_CHECKING:
    from ticketing.access.identity import Caller
    from ticketing.access.permissions import Grant

PATIENCE: Final = timedelta(minutes=15)
"""How long a deletion may make no progress before it is restarted."""

_NOT_SHOWN = {"requested_by_id", "task_key", "task_since"}


def delete_tenant(caller: Caller, name: str) -> TenantDeletion:
    """Start deleting the caller's tenant, which must have this name. Return the receipt; a retry returns the same one.

    Raises
    ------
    TenantNotFoundError, BadRequestError
        There is no such tenant; it has another name.
    ServiceUnavailableError
        The deletion is recorded but was not started. It starts within minutes.
    """
    tenants = TenantRepository(of_caller(caller))

    def attempt() -> TenantDeletion:
        tenant = tenants.get()
        if tenant is None:
            raise TenantNotFoundError
        if folded(tenant.name) != folded(name):
            message = "The name is not that of your tenant."
            raise BadRequestError(message, ["name: must be the name of the tenant that is to be deleted"])
        if tenant.state is TenantState.DELETING and (receipt := tenants.deletion()):
            return receipt
        now = clock.timestamp(clock.now())
        receipt = TenantDeletion.model_validate(
            {
                "tenantId": tenant.id,
                "tenantName": tenant.name,
                "requestedById": caller.user_id,
                "state": DeletionState.RUNNING,
                "startedAt": now,
                "taskKey": PENDING,
                "taskSince": now,
            }
        )
        going = tenant.model_copy(update={"state": TenantState.DELETING})
        record = tenant_changed(Operation.DELETE_TENANT, caller, tenant, going)
        tenants.begin_deletion(tenant, receipt, alongside=[record])
        return receipt

    receipt = until_written(attempt)
    try:
        _ensure_running(tenants, receipt)
    except (BotoCoreError, ClientError) as error:
        message = "The deletion is recorded but could not be started. It starts within minutes, by itself."
        raise ServiceUnavailableError(message) from error
    return receipt


def find_deletion(granted: Grant, tenant_id: str) -> TenantDeletion:
    """Return the receipt of a tenant's deletion to the person who requested it, who may belong to no tenant by now.

    The tenant in the path may be another than the caller's: only who requested the deletion counts.

    Raises
    ------
    DeletionNotFoundError
        There is none, or somebody else requested it.
    """
    receipt = TenantRepository(of_tenant(tenant_id)).deletion() if TENANT_ID.fullmatch(tenant_id) else None
    if receipt is None or not granted.covers(
        {Relation.OWN} if receipt.requested_by_id == granted.caller.user_id else ()
    ):
        raise DeletionNotFoundError
    return receipt


def resume_deletion(tenant_id: str) -> None:
    """Make sure that a tenant's deletion runs: start it if it was not, or if it made no progress for 15 minutes.

    Without a deletion it does nothing. Two executions may run at once: every step is idempotent.
    """
    tenants = TenantRepository(of_tenant(tenant_id))
    receipt = tenants.deletion()
    if receipt is not None:
        _ensure_running(tenants, receipt)


def presented(receipt: TenantDeletion) -> dict[str, Any]:
    """Return the receipt as the contract shows it."""
    return receipt.model_dump(mode="json", by_alias=True, exclude=_NOT_SHOWN)


def _ensure_running(tenants: TenantRepository, receipt: TenantDeletion) -> None:
    if receipt.state is DeletionState.DONE or receipt.task_since is None:
        return
    now = clock.now()
    progressed = receipt.task_since != receipt.started_at
    is_stuck = now - datetime.fromisoformat(receipt.task_since) >= PATIENCE
    if progressed and not is_stuck:
        return
    if _started(receipt.tenant_id, receipt.task_since) or not is_stuck:
        return
    # The execution of that name ended before the deletion was complete.
    since = clock.timestamp(now)
    try:
        tenants.touch_deletion(receipt, since)
    except VersionConflictError:
        return  # it made progress meanwhile
    _started(receipt.tenant_id, since)


def _started(tenant_id: str, since: str) -> bool:
    """Start the execution that is named after the deletion's last progress. Return False if it ran before.

    StartExecution is idempotent on AWS: for an execution that still runs, it succeeds and does nothing.
    """
    client = clients.stepfunctions()
    name = f"{tenant_id}-{int(datetime.fromisoformat(since).timestamp())}"  # 80 characters at most
    body = json.dumps({"tenantId": tenant_id})
    try:
        client.start_execution(stateMachineArn=DEPLOYMENT.tenant_deletion, name=name, input=body)
    except client.exceptions.ExecutionAlreadyExists:
        return False
    return True
