"""The client of the lifecycle state machine. Only the state machine can change a ticket's status."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Self

from ticketing.aws import clients
from ticketing.deployment import DEPLOYMENT
from ticketing.errors import PayloadTooLargeError, ServiceUnavailableError
from ticketing.tickets.models import Ticket
from ticketing.tickets.repository import TicketRepository

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

    from ticketing.access.identity import Caller
    from ticketing.tickets.lifecycle import Status


class Outcome(StrEnum):
    """The outcomes of an execution of the state machine."""

    MOVED = "MOVED"
    TICKET_NOT_FOUND = "TICKET_NOT_FOUND"
    VERSION_MISMATCH = "VERSION_MISMATCH"
    TRANSITION_NOT_ALLOWED = "TRANSITION_NOT_ALLOWED"
    FORBIDDEN = "FORBIDDEN"
    REQUIREMENT_MISSING = "REQUIREMENT_MISSING"
    ALREADY_THERE = "ALREADY_THERE"
    CONFLICT = "CONFLICT"
    INVALID_REQUEST = "INVALID_REQUEST"


@dataclass(frozen=True, slots=True)
class NewComment:
    """A public comment by the caller, written together with a transition.

    Those whom it mentions watch the ticket; its files are tied to it, if they are still the caller's and no comment's.
    """

    body: str
    mentions: tuple[str, ...] = ()
    """The ids of the users that the text mentions. They must have been checked: the state machine can't."""
    attachment_ids: tuple[str, ...] = ()
    """The ids of its files. Checked before, so that a failure is a lost race."""
    key: str | None = None
    """What a retry with the same Idempotency-Key is recognized by, a UUID."""
    request_hash: str | None = None
    """The hash of the request's body, if it had an Idempotency-Key."""

    def as_input(self) -> dict[str, Any]:
        """Return it as the execution's input has it."""
        return {
            "body": self.body,
            "mentions": list(self.mentions),
            "attachmentIds": list(self.attachment_ids),
            "key": self.key,
            "requestHash": self.request_hash,
        }


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result of an execution: the current ticket (None if not found), and the field that the transition lacks.

    `comment_id` is the id of the new comment. Its times are those of the ticket's last change.
    """

    outcome: Outcome
    ticket: Ticket | None = None
    missing: str | None = None
    comment_id: str | None = None
    problems: tuple[str, ...] = ()
    """What is wrong with the request, each with its field."""

    @classmethod
    def of(cls, output: Mapping[str, Any]) -> Self:
        """Return the result in an execution's output."""
        item = output.get("ticket")
        ticket = TicketRepository.ticket_from(item) if item else None
        problems = tuple(output.get("problems", ()))
        return cls(Outcome(output["outcome"]), ticket, output.get("missing"), output.get("commentId"), problems)


class LifecycleClient:
    """Starts executions of the ticket lifecycle and waits for their results."""

    def __init__(self, client: SFNClient, state_machine_arn: str) -> None:
        self._client = client
        self._arn = state_machine_arn

    def move(  # noqa: PLR0913 - all of it is the input of the execution
        self,
        ticket_id: str,
        to: Status,
        caller: Caller,
        *,
        fields: Mapping[str, Any],
        comment: str | None,
        expected_version: int | None,
        new_comment: NewComment | None = None,
    ) -> Verdict:
        """Move a ticket and set fields (names in JSON, plain values; null clears) in one transaction.

        The same transaction adds the new comment, if there is one.

        Raises
        ------
        PayloadTooLargeError
            The old and new texts together exceed the payload limit of an execution (256 KiB). Nothing was written.
        ServiceUnavailableError
            The execution failed or timed out. Its write is one transaction: all or nothing was written.
        """
        execution = {
            "tenantId": caller.tenant_id,
            "ticketId": ticket_id,
            "actor": {"id": caller.user_id, "role": caller.role},
            "to": to,
            "fields": dict(fields),
            "comment": comment,
            "expectedVersion": expected_version,
            "newComment": new_comment.as_input() if new_comment else None,
        }
        # Texts as UTF-8: escaped to ASCII, they would take up to three times as much of the payload limit.
        body = json.dumps(execution, ensure_ascii=False, separators=(",", ":"))
        answer = self._client.start_sync_execution(stateMachineArn=self._arn, input=body)
        if answer["status"] == "SUCCEEDED":
            return Verdict.of(json.loads(answer["output"]))
        if answer.get("error") == "States.DataLimitExceeded":
            message = "The change is too large for one write. Change the status and the long texts separately."
            raise PayloadTooLargeError(message)
        message = "The state machine failed. Read the ticket again to see whether it was moved."
        raise ServiceUnavailableError(message)


def lifecycle_client() -> LifecycleClient:
    """Return the client of the deployment's state machine."""
    return LifecycleClient(clients.stepfunctions(), DEPLOYMENT.ticket_lifecycle)
