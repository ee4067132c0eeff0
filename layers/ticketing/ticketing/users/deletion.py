"""Asking for a tenant's deletion, and seeing to it that it runs to its end.

The request is one transaction, after which nobody can add anything to the tenant. What is there is erased by an
execution of the state machine TenantDeletion, which calls the function eraseTenant (`eraser.py`) until nothing is
left. docs/decisions/0011-deleting-a-tenant.md tells why.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from ticketing import clock
from ticketing.access.identity import TENANT_ID
from ticketing.access.permissions import Relation
from ticketing.aws import clients
from ticketing.aws.data import of_caller, of_tenant
from ticketing.deployment import DEPLOYMENT
from ticketing.dynamodb.transactions import VersionConflictError, until_written
from ticketing.errors import BadRequestError, ServiceUnavailableError
from ticketing.users.errors import DeletionNotFoundError, TenantNotFoundError
from ticketing.users.models import PENDING
from ticketing.users.tenant_models import DeletionState, TenantDeletion, TenantState
from ticketing.users.tenant_repository import TenantRepository
from ticketing.users.text import folded

if TYPE_CHECKING:
    from ticketing.access.identity import Caller
    from ticketing.access.permissions import Grant

PATIENCE: Final = timedelta(minutes=15)
"""How long a deletion may go without progress before it is taken up again."""

_NOT_SHOWN = {"requested_by_id", "task_key", "task_since"}


def delete_tenant(caller: Caller, name: str) -> TenantDeletion:
    """Begin to delete the caller's tenant, which has this name, and return the receipt; repeated, the same receipt.

    Raises
    ------
    TenantNotFoundError, BadRequestError
        The tenant is not there (any more); it has another name.
    ServiceUnavailableError
        The deletion is recorded but could not be started; it starts within minutes.
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
        tenants.begin_deletion(tenant, receipt)
        return receipt

    receipt = until_written(attempt)
    try:
        _see_to(tenants, receipt)
    except (BotoCoreError, ClientError) as error:
        message = "The deletion is recorded but could not be started just now. It starts within minutes, by itself."
        raise ServiceUnavailableError(message) from error
    return receipt


def find_deletion(granted: Grant, tenant_id: str) -> TenantDeletion:
    """Return the receipt of a tenant's deletion to whoever asked for it: as an admin of the tenant, later as nobody's.

    The tenant is not the caller's: what decides is who asked.

    Raises
    ------
    DeletionNotFoundError
        There is none, or it is somebody else's.
    """
    receipt = TenantRepository(of_tenant(tenant_id)).deletion() if TENANT_ID.fullmatch(tenant_id) else None
    if receipt is None or not granted.covers(
        {Relation.OWN} if receipt.requested_by_id == granted.caller.user_id else ()
    ):
        raise DeletionNotFoundError
    return receipt


def resume_deletion(tenant_id: str) -> None:
    """See to it that a tenant's deletion runs: start it if nothing did, or if it has made no progress for 15 minutes.

    Does nothing for a tenant that is not being deleted. The execution started may meet another that is still alive:
    they help each other.
    """
    tenants = TenantRepository(of_tenant(tenant_id))
    receipt = tenants.deletion()
    if receipt is not None:
        _see_to(tenants, receipt)


def presented(receipt: TenantDeletion) -> dict[str, Any]:
    """Return the receipt as the contract shows it."""
    return receipt.model_dump(mode="json", by_alias=True, exclude=_NOT_SHOWN)


def _see_to(tenants: TenantRepository, receipt: TenantDeletion) -> None:
    if receipt.state is DeletionState.DONE or receipt.task_since is None:
        return
    now = clock.now()
    moves = receipt.task_since != receipt.started_at
    stands_still = now - datetime.fromisoformat(receipt.task_since) >= PATIENCE
    if moves and not stands_still:
        return
    if _started(receipt.tenant_id, receipt.task_since) or not stands_still:
        return
    # The execution of that name is over, and has not finished.
    since = clock.timestamp(now)
    try:
        tenants.touch_deletion(receipt, since)
    except VersionConflictError:
        return  # it moves after all
    _started(receipt.tenant_id, since)


def _started(tenant_id: str, since: str) -> bool:
    """Start the execution that is named after where the deletion stands; return False if that one was started before.

    On AWS, one that is still running is no other: starting it again does nothing and counts as started.
    """
    client = clients.stepfunctions()
    name = f"{tenant_id}-{int(datetime.fromisoformat(since).timestamp())}"  # 80 characters at most
    body = json.dumps({"tenantId": tenant_id})
    try:
        client.start_execution(stateMachineArn=DEPLOYMENT.tenant_deletion, name=name, input=body)
    except client.exceptions.ExecutionAlreadyExists:
        return False
    return True
