"""Emails about events: one each, at most once, to everybody whom an event concerns, who wants it and may see it.

The email to a person is claimed before SES is called, and not released after an unknown outcome (decision 16 in
docs/decisions).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from aws_lambda_powertools.logging import Logger

from ticketing.aws.data import of_tenant
from ticketing.comments.repository import CommentRepository
from ticketing.comments.rules import watchers_of
from ticketing.comments.watcher_repository import WatcherRepository
from ticketing.events.once import Once
from ticketing.mail.errors import NotSentError, OutOfTimeError, RefusedError, UnknownOutcomeError
from ticketing.mail.recipients import Recipients
from ticketing.mail.rules import Reason, Skipped, is_too_old, reason_for, reason_for_watchers, reasons_of
from ticketing.mail.sender import Email
from ticketing.mail.texts import values_of
from ticketing.mail.unsubscribe_links import UnsubscribeLinks

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ticketing.comments.models import Comment
    from ticketing.events.consumer import Work
    from ticketing.mail.recipients import Recipient
    from ticketing.mail.sender import MailSender
    from ticketing.mail.texts import Addresses
    from ticketing.tickets.events import TicketEvent

CONSUMER: Final = "mail"
"""The name of its claims (`Once`)."""

_LAST_CALL: Final = 20_000
"""Milliseconds that one more email may take at worst: its claim, its link and three tries of SES."""

logger = Logger()


@dataclass(frozen=True, slots=True)
class Mailer:
    """Sends the emails about events of any tenant."""

    sender: MailSender
    addresses: Addresses

    def mail(self, event: TicketEvent, work: Work) -> None:
        """Send the emails about an event that were not sent yet; log and count them.

        An email that fails does not hold up the others.

        Raises
        ------
        NotSentError, OutOfTimeError
            Somebody's email was not sent yet: the event is retried.
        ServiceUnavailableError, ClientError, BotoCoreError
            DynamoDB failed: likewise.
        """
        concerned = _concerned(event)
        if not concerned:
            return
        if is_too_old(event):
            _skip(work, Skipped.TOO_OLD, len(concerned))
            return
        comment = _comment(event)
        if event.comment_id is not None and comment is None:
            _skip(work, Skipped.COMMENT_GONE, len(concerned))
            return
        people = Recipients(of_tenant(event.tenant_id)).known([*concerned, event.actor.id])
        unsent: NotSentError | None = None
        for user_id, reasons in concerned.items():
            recipient = people.get(user_id)
            reason = reason_for(recipient, reasons, event)
            if recipient is None or isinstance(reason, Skipped):
                _skip(work, Skipped(reason))
                continue
            if work.milliseconds_left <= _LAST_CALL:
                raise OutOfTimeError
            email = partial(self._email, event, recipient, reason, people, comment)
            try:
                self._send_once(event, recipient, email, work)
            except NotSentError as error:
                unsent = error
        if unsent is not None:
            raise unsent

    def _send_once(self, event: TicketEvent, recipient: Recipient, email: Callable[[], Email], work: Work) -> None:
        """Send one person's email, unless that was done before.

        A permanent refusal and an unknown outcome count as done: neither is retried.
        """
        about = {"eventId": event.id, "tenantId": event.tenant_id, "userId": recipient.id}
        with Once(of_tenant(event.tenant_id), CONSUMER).doing(event.id, part=recipient.id) as mine:
            if not mine:
                return
            try:
                self.sender.send(email())
            except RefusedError as error:
                work.count("MailsFailed")
                logger.error("SES refused an email permanently", extra=about | {"cause": str(error)})  # noqa: TRY400
            except UnknownOutcomeError as error:
                work.count("MailsUnknown")
                logger.warning("nobody knows whether an email was sent", extra=about | {"cause": str(error)})
            else:
                work.count("MailsSent")

    def _email(
        self,
        event: TicketEvent,
        recipient: Recipient,
        reason: Reason,
        people: Mapping[str, Recipient],
        comment: Comment | None,
    ) -> Email:
        link = UnsubscribeLinks(of_tenant(event.tenant_id)).of(recipient.id)
        unsubscribe = self.addresses.unsubscribe(link)
        links = {"link": self.addresses.ticket(event), "unsubscribe": unsubscribe}
        return Email(
            to=str(recipient.email),
            reason=reason,
            values=values_of(event, recipient, people, comment, links),
            unsubscribe=unsubscribe,
            tags={"tenant": event.tenant_id, "user": recipient.id},
        )


def _concerned(event: TicketEvent) -> dict[str, list[Reason]]:
    """Return whom the event concerns and why. Watchers are read only for events that watchers get emails about."""
    watchers: set[str] = set()
    if event.ticket is not None and reason_for_watchers(event) is not None:
        settings = WatcherRepository(of_tenant(event.tenant_id)).list_settings(event.ticket_id)
        watchers = watchers_of(event.ticket, settings)
    return reasons_of(event, watchers)


def _comment(event: TicketEvent) -> Comment | None:
    if event.comment_id is None:
        return None
    return CommentRepository(of_tenant(event.tenant_id)).get(event.ticket_id, event.comment_id)


def _skip(work: Work, why: Skipped, number: int = 1) -> None:
    work.count("MailsSkipped", number, reason=why.value)
