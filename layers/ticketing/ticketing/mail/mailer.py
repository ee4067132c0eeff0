"""Emails about events: one each, at most once, to everybody whom an event concerns, who wants it and may see it.

The email to a person is claimed before SES is called, and not released after an unknown outcome (decision 16 in
docs/decisions). Emails that exceed the budget of a person or a tenant wait, and hold up nobody else's (decision 27);
nor do the many emails of one event, which are sent in parts.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from math import ceil
from typing import TYPE_CHECKING, Final

from aws_lambda_powertools.logging import Logger

from ticketing import clock
from ticketing.attachments.models import REJECTED
from ticketing.attachments.repository import AttachmentRepository
from ticketing.aws.data import of_tenant
from ticketing.comments.repository import CommentRepository
from ticketing.comments.rules import watchers_of
from ticketing.comments.watcher_repository import WatcherRepository
from ticketing.events.once import Once
from ticketing.mail.budget import Budgets
from ticketing.mail.errors import NotSentError, OutOfTimeError, RefusedError, UnknownOutcomeError
from ticketing.mail.mail_queue import MOST_AT_ONCE, Paid
from ticketing.mail.recipients import Recipients
from ticketing.mail.rules import Reason, Skipped, is_too_old, reason_for, reason_for_watchers, reasons_of
from ticketing.mail.sender import Email
from ticketing.mail.texts import Said, values_of
from ticketing.mail.unsubscribe_links import UnsubscribeLinks
from ticketing.tickets.events import SYSTEM_ID

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from ticketing.events.consumer import Work
    from ticketing.mail.mail_queue import MailEvent
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
class Limits:
    """How many emails a minute a person, and a tenant, may cause before the next ones wait."""

    person: int
    tenant: int


@dataclass(frozen=True, slots=True)
class Mailer:
    """Sends the emails about events of any tenant."""

    sender: MailSender
    addresses: Addresses
    limits: Limits

    def mail(self, message: MailEvent, work: Work) -> None:
        """Send the emails about an event that were not sent yet; log and count them.

        Emails that exceed a budget wait: the event is sent to the queue again, delayed. More than a few are sent by
        messages of their own. One that fails does not hold up the others.

        Raises
        ------
        NotSentError, OutOfTimeError
            Somebody's email was not sent yet: the event is retried.
        ServiceUnavailableError, ClientError, BotoCoreError
            DynamoDB or SQS failed: likewise. What was taken from a budget by then is lost to it.
        """
        if message.seconds_until_due:
            _send_again(message, work)
            return
        event = message.event
        concerned = _concerned(message)
        if not concerned:
            return
        if is_too_old(event):
            _skip(work, Skipped.TOO_OLD, len(concerned))
            return
        said = _comment(event)
        if event.comment_id is not None and said is None:
            _skip(work, Skipped.COMMENT_GONE, len(concerned))
            return
        named = [event.actor.id, *(said.comment.mentions if said else ())]
        people = Recipients(of_tenant(event.tenant_id)).known([*concerned, *named])
        chosen, skipped = _choose(people, concerned, event)
        if chosen and self._must_wait(message, len(chosen), work):
            return
        for why in skipped:
            _skip(work, why)
        if len(chosen) > MOST_AT_ONCE:
            for part in message.parts(recipient.id for recipient, _ in chosen):
                part.send()
            return

        def email(recipient: Recipient, reason: Reason) -> Email:
            return self._email(event, recipient, reason, people, said)

        self._send_all(event, chosen, email, work)

    def _send_all(
        self,
        event: TicketEvent,
        chosen: Iterable[tuple[Recipient, Reason]],
        email: Callable[[Recipient, Reason], Email],
        work: Work,
    ) -> None:
        """Send everybody's email; raise what has kept one from being sent after all others were."""
        unsent: NotSentError | None = None
        for recipient, reason in chosen:
            if work.milliseconds_left <= _LAST_CALL:
                raise OutOfTimeError
            try:
                self._send_once(event, recipient, partial(email, recipient, reason), work)
            except NotSentError as error:
                unsent = error
        if unsent is not None:
            raise unsent

    def _must_wait(self, message: MailEvent, number: int, work: Work) -> bool:
        """Take so many emails from the budgets; return whether they have to wait, or can't be sent within a day.

        The person's budget first, and the tenant's when their turn has come: what one person has waiting keeps nobody
        else's emails.
        """
        event, now = message.event, clock.now()
        budgets = Budgets(of_tenant(event.tenant_id))
        if message.paid is Paid.NOBODY and event.actor.id != SYSTEM_ID:
            wait = budgets.take(number, self.limits.person, now, person=event.actor.id)
            if _waits(message, wait, Paid.PERSON, number, work):
                return True
        if message.paid is not Paid.BOTH:
            return _waits(message, budgets.take(number, self.limits.tenant, now), Paid.BOTH, number, work)
        return False

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
        said: Said | None,
    ) -> Email:
        link = UnsubscribeLinks(of_tenant(event.tenant_id)).of(recipient.id)
        unsubscribe = self.addresses.unsubscribe(link)
        links = {"link": self.addresses.ticket(event), "unsubscribe": unsubscribe}
        return Email(
            to=str(recipient.email),
            reason=reason,
            values=values_of(event, recipient, people, said, links),
            unsubscribe=unsubscribe,
            tags={"tenant": event.tenant_id, "user": recipient.id},
        )


def _concerned(message: MailEvent) -> dict[str, list[Reason]]:
    """Return whom the event concerns and why, of those whose emails the message sends.

    Watchers are read only for events that watchers get emails about.
    """
    event = message.event
    watchers: set[str] = set()
    if event.ticket is not None and reason_for_watchers(event) is not None:
        settings = WatcherRepository(of_tenant(event.tenant_id)).list_settings(event.ticket_id)
        watchers = watchers_of(event.ticket, settings)
    reasons = reasons_of(event, watchers)
    return {each: reasons[each] for each in message.recipients or reasons if each in reasons}


def _choose(
    people: Mapping[str, Recipient], concerned: Mapping[str, list[Reason]], event: TicketEvent
) -> tuple[list[tuple[Recipient, Reason]], list[Skipped]]:
    """Return who gets an email about the event and why, and why others don't."""
    chosen: list[tuple[Recipient, Reason]] = []
    skipped: list[Skipped] = []
    for user_id, reasons in concerned.items():
        recipient = people.get(user_id)
        reason = reason_for(recipient, reasons, event)
        if recipient is None or isinstance(reason, Skipped):
            skipped.append(Skipped(reason))
        else:
            chosen.append((recipient, reason))
    return chosen, skipped


def _waits(message: MailEvent, wait: timedelta | None, paid: Paid, number: int, work: Work) -> bool:
    """Do what follows from a budget, and return whether there is nothing to send now."""
    if wait is None:
        _skip(work, Skipped.OVER_BUDGET, number)
        return True
    if wait <= timedelta(0):
        return False
    work.count("MailsDelayed", number)
    _send_again(message.after(ceil(wait.total_seconds()), paid), work)
    return True


def _send_again(message: MailEvent, work: Work) -> None:
    work.log(retryIn=message.seconds_until_due)
    message.send()


def _comment(event: TicketEvent) -> Said | None:
    """Return the comment of an event as it is now, with the names of its files; one query more if it has some."""
    if event.comment_id is None:
        return None
    data = of_tenant(event.tenant_id)
    comment = CommentRepository(data).get(event.ticket_id, event.comment_id)
    if comment is None:
        return None
    files = AttachmentRepository(data).of_ticket(event.ticket_id) if comment.attachment_ids else ()
    names = [each.file_name for each in files if each.comment_id == comment.id and each.state not in REJECTED]
    return Said(comment, names)


def _skip(work: Work, why: Skipped, number: int = 1) -> None:
    work.count("MailsSkipped", number, reason=why.value)
