"""Mails about events: to everybody whom an event concerns, who wants it and may see it, one each and once at most.

What is to be done for a person is claimed before SES is asked, and never again (decision 16 in docs/decisions).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from aws_lambda_powertools.logging import Logger

from ticketing.aws.data import of_tenant
from ticketing.comments.repository import CommentRepository
from ticketing.comments.rules import watchers_of
from ticketing.comments.watcher_repository import WatcherRepository
from ticketing.events.once import Once
from ticketing.mail.recipients import Readers
from ticketing.mail.rules import (
    Reason,
    Skipped,
    is_too_old,
    reason_for,
    reasons_of,
    told_to_watchers,
)
from ticketing.mail.sender import (
    Letter,
    NotSentError,
    RefusedError,
    UnknownOutcomeError,
)
from ticketing.mail.texts import values_of
from ticketing.mail.unsubscribe_links import MailLinks

if TYPE_CHECKING:
    from collections.abc import Callable

    from ticketing.comments.models import Comment
    from ticketing.mail.recipients import Reader
    from ticketing.mail.sender import Post
    from ticketing.mail.texts import Addresses
    from ticketing.tickets.events import TicketEvent

CONSUMER: Final = "mail"
"""Under which name it is remembered what was done."""

logger = Logger(service="notifications")


class OutOfTimeError(Exception):
    """There is no time for another mail: the event has to come again for the rest."""


@dataclass(slots=True)
class Tally:
    """How many mails were sent, refused for good, or sent as far as anybody knows, and who got none and why."""

    sent: int = 0
    failed: int = 0
    unknown: int = 0
    skipped: Counter[Skipped] = field(default_factory=Counter)


class Mailer:
    """Mails about the events of any tenant, and counts what it did.

    `has_time` says whether another mail may be begun.
    """

    def __init__(self, post: Post, addresses: Addresses, has_time: Callable[[], bool]) -> None:
        self._post = post
        self._addresses = addresses
        self._has_time = has_time
        self.tally = Tally()

    def mail(self, event: TicketEvent) -> None:
        """Mail everybody whom an event concerns and who was not mailed about it yet.

        Somebody whose mail fails holds up nobody else's.

        Raises
        ------
        NotSentError, OutOfTimeError
            Somebody's mail was not sent yet: the event has to come again.
        ServiceUnavailableError, ClientError, BotoCoreError
            DynamoDB failed: likewise.
        """
        concerned = self._concerned(event)
        if not concerned:
            return
        if is_too_old(event):
            self.tally.skipped[Skipped.TOO_OLD] += len(concerned)
            return
        comment = self._comment(event)
        if event.comment_id is not None and comment is None:
            self.tally.skipped[Skipped.COMMENT_GONE] += len(concerned)
            return
        readers = Readers(of_tenant(event.tenant_id)).known([*concerned, event.actor.id])
        unsent: NotSentError | None = None
        for user_id, reasons in concerned.items():
            reader = readers.get(user_id)
            reason = reason_for(reader, reasons, event)
            if reader is None or isinstance(reason, Skipped):
                self.tally.skipped[Skipped(reason)] += 1
                continue
            try:
                self._mail_once(event, reader, reason, readers, comment)
            except NotSentError as error:
                unsent = error
        if unsent is not None:
            raise unsent

    def _concerned(self, event: TicketEvent) -> dict[str, list[Reason]]:
        """Return whom the event concerns and why; who watches is asked only where watchers are told."""
        watchers: set[str] = set()
        if event.ticket is not None and told_to_watchers(event) is not None:
            choices = WatcherRepository(of_tenant(event.tenant_id)).list_settings(event.ticket_id)
            watchers = watchers_of(event.ticket, choices)
        return reasons_of(event, watchers)

    def _comment(self, event: TicketEvent) -> Comment | None:
        if event.comment_id is None:
            return None
        comments = CommentRepository(of_tenant(event.tenant_id))
        return comments.get(event.ticket_id, event.comment_id)

    def _mail_once(
        self,
        event: TicketEvent,
        reader: Reader,
        reason: Reason,
        readers: dict[str, Reader],
        comment: Comment | None,
    ) -> None:
        """Mail one person, unless that was done before.

        A refusal for good and an unknown outcome count as done: neither may come again.
        """
        if not self._has_time():
            raise OutOfTimeError
        once = Once(of_tenant(event.tenant_id), CONSUMER)
        about = {"eventId": event.id, "tenantId": event.tenant_id, "userId": reader.id, "reason": reason}
        with once.doing(event.id, part=reader.id) as mine:
            if not mine:
                return
            letter = self._letter(event, reader, reason, readers, comment)
            try:
                self._post.send(letter)
            except RefusedError as error:
                self.tally.failed += 1
                logger.error("mailEvents: a mail is refused for good", extra=about | {"cause": str(error)})  # noqa: TRY400
            except UnknownOutcomeError as error:
                self.tally.unknown += 1
                logger.warning("mailEvents: nobody knows whether a mail was sent", extra=about | {"cause": str(error)})
            else:
                self.tally.sent += 1

    def _letter(
        self,
        event: TicketEvent,
        reader: Reader,
        reason: Reason,
        readers: dict[str, Reader],
        comment: Comment | None,
    ) -> Letter:
        link = MailLinks(of_tenant(event.tenant_id)).of(reader.id)
        unsubscribe = self._addresses.unsubscribe(link)
        links = {"link": self._addresses.ticket(event), "unsubscribe": unsubscribe}
        return Letter(
            to=str(reader.email),
            reason=reason,
            values=values_of(event, reader, readers, comment, links),
            unsubscribe=unsubscribe,
            tags={"tenant": event.tenant_id, "user": reader.id},
        )
