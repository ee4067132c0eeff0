"""The queue of events that people get emails about, and how its messages wait.

EventBridge puts the events there. An event whose emails have to wait is sent to the queue again, delayed: such a
message is not in flight, and SQS holds any number of them. It delays for 15 minutes at most; longer waits are repeated.
An event with many emails is sent to the queue again in parts, so that other events come between them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import batched
from typing import Any, Final, Self

from ticketing import clock
from ticketing.aws import clients
from ticketing.deployment import DEPLOYMENT
from ticketing.events.consumer import TICKET_EVENTS, Record, Source
from ticketing.tickets.events import TicketEvent

MOST_AT_ONCE: Final = 5
"""How many emails one message sends. Few functions send them, and everybody's next email waits for one of these."""

_LONGEST_DELAY: Final = 900

_OURS: Final = "mail"
"""The member beside EventBridge's own that says what was paid, when the message is due, and whose emails it sends."""


class Paid(StrEnum):
    """Whose budget the emails were taken from already."""

    NOBODY = ""
    PERSON = "person"
    BOTH = "both"


@dataclass(frozen=True, slots=True)
class MailEvent:
    """An event, and what became of its emails so far."""

    event: TicketEvent
    envelope: Mapping[str, Any]
    """What EventBridge has put into the queue."""
    paid: Paid = Paid.NOBODY
    due: int = 0
    """Before when nothing is sent, in seconds since 1970."""
    recipients: Sequence[str] = ()
    """The ids of those whose emails this message sends; none for everybody whom the event concerns."""

    @property
    def seconds_until_due(self) -> int:
        """How long it has to wait still."""
        return max(0, self.due - int(clock.now().timestamp()))

    def after(self, seconds: int, paid: Paid) -> Self:
        """Return the same, due in so many seconds, with its emails paid."""
        return replace(self, paid=paid, due=int(clock.now().timestamp()) + seconds)

    def parts(self, recipients: Iterable[str]) -> Iterator[Self]:
        """Return the messages that send these people's emails, which are paid, a few each."""
        for few in batched(recipients, MOST_AT_ONCE, strict=False):
            yield replace(self, paid=Paid.BOTH, recipients=few)

    def send(self) -> None:
        """Send it to the queue again, delayed until it is due.

        The message group (a fair queue) keeps one tenant's many from delaying another's few.

        Raises
        ------
        ClientError, BotoCoreError
            It was not sent, or nobody knows: then there may be two, and `Once` sends each email once all the same.
        """
        clients.sqs().send_message(
            QueueUrl=DEPLOYMENT.mail_events,
            MessageBody=json.dumps(
                {**self.envelope, _OURS: {"paid": self.paid, "due": self.due, "recipients": self.recipients}},
                ensure_ascii=False,
                separators=(",", ":"),
            ),
            DelaySeconds=min(self.seconds_until_due, _LONGEST_DELAY),
            MessageGroupId=self.event.tenant_id,
        )


def _read(record: Record) -> MailEvent | None:
    event = TICKET_EVENTS.read(record)
    if event is None:
        return None
    envelope = json.loads(record["body"])
    ours = envelope.pop(_OURS, {})
    paid, due, recipients = ours.get("paid", ""), ours.get("due", 0), ours.get("recipients", ())
    return MailEvent(event, envelope, Paid(paid), int(due), tuple(recipients))


def _fields(message: MailEvent) -> Mapping[str, Any]:
    return TICKET_EVENTS.fields(message.event)


MAIL_EVENTS: Final = Source(_read, _fields)
"""The queue, as mailEvents consumes it."""
