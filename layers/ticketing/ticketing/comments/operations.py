"""What the comment operations share: finding, creating, updating, deleting and presenting comments.

A public comment changes its ticket: it makes the next version, and lists show the ticket first. An internal comment
leaves the ticket unchanged, so that reporters can't infer it; updating or deleting a comment does, too. Every write
checks the version of the ticket that was read (optimistic locking) and is retried from the read on after a conflict.
docs/comments.md has all rules.
"""

from collections.abc import Collection, Sequence
from dataclasses import asdict
from datetime import datetime
from functools import partial
from typing import Any, Final

from ticketing import clock, ids
from ticketing.access.identity import Caller
from ticketing.access.permissions import Grant
from ticketing.attachments.models import REJECTED, Attachment
from ticketing.attachments.objects import FileObjects
from ticketing.attachments.operations import delete_objects, event_of
from ticketing.attachments.repository import AttachmentRepository
from ticketing.aws.data import files_of_caller, of_caller
from ticketing.comments.errors import CommentNotFoundError
from ticketing.comments.models import Comment, CommentCreate, mentions_in
from ticketing.comments.repository import CommentExistsError, CommentRepository
from ticketing.comments.rules import check_comment, is_response
from ticketing.comments.watcher_repository import WatcherRepository
from ticketing.dynamodb.transactions import CheckFailedError, Checks, VersionConflictError, until_written
from ticketing.errors import ConflictError, IdempotencyKeyReusedError
from ticketing.people.repository import People
from ticketing.tickets.errors import InvalidReferenceError, TicketClosedError
from ticketing.tickets.events import TicketEvent, changes_between
from ticketing.tickets.kinds import EventType, Visibility
from ticketing.tickets.lifecycle import Status
from ticketing.tickets.models import Ticket
from ticketing.tickets.operations import (
    find_ticket,
    next_version,
    ticket_of,
)
from ticketing.tickets.repository import TicketRepository
from ticketing.tickets.rules import check_internal, sees_internal
from ticketing.tickets.state_machine import NewComment, Outcome, lifecycle_client

_ATTEMPTS: Final = 10
"""How many times a comment is attempted. Comments don't contradict each other, so it waits: 5 s in total at most."""

_NOT_SHOWN: Final = {"tenant_id", "request_hash"}

_FILE: Final = "attachmentIds "
"""What the names of files' checks begin with: any UUID may be sent as the id of a file, also a person's."""


def find_comment(caller: Caller, comment: Comment | None) -> Comment:
    """Return the comment that was read. Raise CommentNotFoundError if there is none or the caller may not see it."""
    if comment is None or (comment.is_internal and not sees_internal(caller)):
        raise CommentNotFoundError
    return comment


def presented_page(comments: Sequence[Comment], caller: Caller, expand: Collection[str] = ()) -> list[dict[str, Any]]:
    """Return comments as the contract shows them, with their authors if the query expands them."""
    bodies = [
        comment.model_dump(mode="json", by_alias=True, exclude=_NOT_SHOWN)
        | {"edited": comment.updated_at != comment.created_at}
        for comment in comments
    ]
    if expand:
        known = People(of_caller(caller)).known({comment.author_id for comment in comments})
        for body in bodies:
            body["author"] = asdict(known[body["authorId"]])
    return bodies


class TicketComments:
    """The comments on one ticket, as one caller changes them."""

    def __init__(self, granted: Grant, ticket_id: str) -> None:
        self._granted = granted
        self._caller = granted.caller
        self._ticket_id = ticket_id
        self._tickets = TicketRepository(of_caller(self._caller))
        self._comments = CommentRepository(of_caller(self._caller))
        self._watchers = WatcherRepository(of_caller(self._caller))
        self._attachments = AttachmentRepository(of_caller(self._caller))
        self._people = People(of_caller(self._caller))

    def create(self, body: CommentCreate, idempotency_key: str | None) -> Comment:
        """Create a comment and return it, or the one that the same Idempotency-Key created on this ticket before.

        Raises
        ------
        ForbiddenError, TicketNotFoundError, TicketClosedError, InvalidReferenceError, IdempotencyKeyReusedError
            Nothing was written.
        ConflictError
            The comment that the key created was deleted, or each attempt met another change. Nothing was written.
        """
        if body.visibility is Visibility.INTERNAL:
            check_internal(self._caller)
        key = idempotency_key and ids.derived_id(self._caller.tenant_id, self._caller.user_id, idempotency_key)
        return until_written(partial(self._create, body, key), _ATTEMPTS)

    def update(self, comment_id: str, text: str) -> Comment:
        """Replace the text of a comment and return the comment; the same text is no change.

        Raises
        ------
        TicketNotFoundError, CommentNotFoundError, ForbiddenError, TicketClosedError, InvalidReferenceError
            Nothing was written. Checked in this order.
        ConflictError
            Each attempt met another change of the ticket or the comment.
        """
        return until_written(partial(self._update, comment_id, text), _ATTEMPTS)

    def delete(self, comment_id: str) -> None:
        """Delete a comment, its text and its files permanently, on a closed ticket too: secrets must be removable.

        Raises
        ------
        TicketNotFoundError, CommentNotFoundError, ForbiddenError
            Nothing was written. Checked in this order.
        ConflictError
            Each attempt met another change of the ticket or the comment.
        """
        files = until_written(partial(self._delete, comment_id), _ATTEMPTS)
        if files:
            delete_objects(FileObjects(files_of_caller(self._caller)), [each.place for each in files])

    def _create(self, body: CommentCreate, key: str | None) -> Comment:
        ticket = find_ticket(self._granted, self._tickets.get(self._ticket_id))
        if ticket.status is Status.CLOSED:
            comment_id = key and self._comments.created_by(ticket.id, key)
            if not comment_id:
                raise TicketClosedError
            return self._created_before(comment_id, body)
        now = clock.now()
        comment = self._new(body, now, request_hash=body.fingerprint() if key else None)
        try:
            if _reopens(ticket, comment):
                return self._reopen(ticket, comment, key)
            self._write(ticket, comment, now, key)
        except CommentExistsError:
            comment_id = self._comments.created_by(ticket.id, str(key))
            return self._created_before(str(comment_id), body)
        return comment

    def _new(self, body: CommentCreate, now: datetime, *, request_hash: str | None) -> Comment:
        # Each attempt takes a new id: ids are ordered by time, and lists show comments in the order of their writes.
        return Comment(
            id=ids.new_id(),
            tenant_id=self._caller.tenant_id,
            ticket_id=self._ticket_id,
            author_id=self._caller.user_id,
            body=body.body,
            visibility=body.visibility,
            mentions=mentions_in(body.body),
            attachment_ids=body.attachment_ids,
            created_at=clock.timestamp(now),
            updated_at=clock.timestamp(now),
            request_hash=request_hash,
        )

    def _created_before(self, comment_id: str, body: CommentCreate) -> Comment:
        existing = self._comments.get(self._ticket_id, comment_id)
        if existing is None:
            message = "The comment that this Idempotency-Key made was deleted."
            raise ConflictError(message)
        if existing.request_hash != body.fingerprint():
            message = "This Idempotency-Key made a comment from another body."
            raise IdempotencyKeyReusedError(message)
        return find_comment(self._caller, existing)

    def _write(self, ticket: Ticket, comment: Comment, now: datetime, key: str | None) -> None:
        """Write a comment and the change of its ticket in one transaction."""
        after, ticket_write = ticket, self._tickets.version_check(ticket)
        if not comment.is_internal:
            first = is_response(self._caller, ticket) and ticket.first_responded_at is None
            after = next_version(ticket, now, {"firstRespondedAt": comment.created_at} if first else {})
            ticket_write = self._tickets.comment_update(ticket, after)
        event = self._event(EventType.COMMENT_ADDED, comment, now, ticket, after)
        items = self._comments.items_of(comment, event, key)
        mentioned = self._watchers.watch_unless_set(ticket.id, comment.mentions)
        files = self._attachments.ties(
            ticket.id, comment.attachment_ids, comment.author_id, comment.id, comment.visibility
        )
        checks = {**self._checks(comment, comment.mentions), **{f"{_FILE}{each}": files[each] for each in files}}
        try:
            self._comments.create(items, ticket=ticket_write, watchers=mentioned, checks=checks)
        except CheckFailedError as error:
            raise _invalid_references(error.names, comment) from error

    def _reopen(self, ticket: Ticket, comment: Comment, key: str | None) -> Comment:
        """Let the state machine reopen the ticket and write the comment in the same transaction; return the comment.

        The state machine makes the comment's id, and its times are the move's. It can't read the users table, so
        mentioned people are checked before the write, not in it. It checks files itself, but can't say which is wrong.
        """
        people = self._people.known(set(comment.mentions) - {self._caller.user_id}, consistent=True)
        wrong = [person.id for person in people.values() if not person.active]
        if comment.attachment_ids:
            free = self._free_files(comment)
            wrong += [f"{_FILE}{each}" for each in comment.attachment_ids if each not in free]
        if wrong and key and self._comments.created_by(ticket.id, key):
            raise CommentExistsError
        if wrong:
            raise _invalid_references(wrong, comment)
        verdict = lifecycle_client().move(
            ticket.id,
            Status.OPEN,
            self._caller,
            fields={},
            comment=None,
            expected_version=ticket.version,
            new_comment=NewComment(
                comment.body, tuple(comment.mentions), tuple(comment.attachment_ids), key, comment.request_hash
            ),
        )
        if verdict.outcome is Outcome.VERSION_MISMATCH:
            raise VersionConflictError
        if verdict.outcome is Outcome.ALREADY_THERE:
            raise CommentExistsError
        at = ticket_of(verdict, self._caller).updated_at
        return comment.model_copy(update={"id": verdict.comment_id, "created_at": at, "updated_at": at})

    def _update(self, comment_id: str, text: str) -> Comment:
        ticket, comment, now = self._found(comment_id)
        if ticket.status is Status.CLOSED:
            raise TicketClosedError
        if text == comment.body:
            return comment
        changed = {"body": text, "mentions": mentions_in(text), "updated_at": clock.timestamp(now)}
        after = comment.model_copy(update=changed)
        new = [each for each in after.mentions if each not in comment.mentions]
        event = self._event(EventType.COMMENT_UPDATED, after, now, ticket, ticket)
        mentioned = self._watchers.watch_unless_set(ticket.id, new)
        check, checks = self._tickets.version_check(ticket), self._checks(comment, new)
        try:
            self._comments.update(comment, after, event, ticket=check, watchers=mentioned, checks=checks)
        except CheckFailedError as error:
            raise _invalid_references(error.names, comment) from error
        return after

    def _delete(self, comment_id: str) -> list[Attachment]:
        """Delete a comment with the rows of its files, and return these."""
        ticket, comment, now = self._found(comment_id)
        event = self._event(EventType.COMMENT_DELETED, comment, now, ticket, ticket)
        files = self._files(comment)
        removals = self._attachments.removals(
            files, [event_of(EventType.ATTACHMENT_REMOVED, each, ticket, self._caller) for each in files]
        )
        self._comments.delete(comment, event, ticket=self._tickets.version_check(ticket), files=removals)
        return files

    def _files(self, comment: Comment) -> list[Attachment]:
        """Return the files of a comment: one query if it has some."""
        if not comment.attachment_ids:
            return []
        return [each for each in self._attachments.of_ticket(self._ticket_id) if each.comment_id == comment.id]

    def _free_files(self, comment: Comment) -> set[str]:
        """Return the ids of the files that a new comment may have, as `AttachmentRepository.ties` checks them."""
        return {
            each.id
            for each in self._attachments.of_ticket(self._ticket_id)
            if each.uploaded_by_id == comment.author_id and each.comment_id is None and each.state not in REJECTED
        }

    def _found(self, comment_id: str) -> tuple[Ticket, Comment, datetime]:
        """Return the ticket, a comment that the caller may change now, and the time of that check."""
        ticket = find_ticket(self._granted, self._tickets.get(self._ticket_id))
        comment = find_comment(self._caller, self._comments.get(self._ticket_id, comment_id))
        now = clock.now()
        check_comment(self._granted, comment.author_id, written=datetime.fromisoformat(comment.created_at), now=now)
        return ticket, comment, now

    def _checks(self, comment: Comment, mentioned: Collection[str]) -> Checks:
        """Return the condition checks of the newly mentioned people, by their ids.

        People who were mentioned before stay, active or not. The authorizer has just checked the caller.
        """
        others = [each for each in mentioned if each != self._caller.user_id]
        return {each: self._people.check(each, agents_only=comment.is_internal) for each in others}

    def _event(self, kind: EventType, comment: Comment, now: datetime, before: Ticket, after: Ticket) -> TicketEvent:
        """Return the event of a comment. It names the comment without its text."""
        shown = {"first_responded_at"}
        changes = changes_between(*(each.model_dump(by_alias=True, include=shown) for each in (before, after)))
        about = {"comment_id": comment.id, "visibility": comment.visibility, "mentions": comment.mentions}
        event = TicketEvent.of(kind, after, self._caller, changes)
        return event.model_copy(update={**about, "occurred_at": clock.timestamp(now)})


def _reopens(ticket: Ticket, comment: Comment) -> bool:
    """Return whether a comment reopens its ticket: a public one by the reporter of a resolved ticket."""
    by_reporter = comment.author_id == ticket.reporter_id and not comment.is_internal
    return by_reporter and ticket.status is Status.RESOLVED


def _invalid_references(names: Collection[str], comment: Comment) -> InvalidReferenceError:
    """Return the error for people and files, by the names of their checks, that a comment can't name."""
    who = "active agent or admin" if comment.is_internal else "active user"
    people = [f"body: @[{each}] is no {who} of this tenant" for each in sorted(names) if not each.startswith(_FILE)]
    files = [
        f"attachmentIds: {each.removeprefix(_FILE)} must be a file that you uploaded to this ticket, "
        "that was not rejected and is in no comment yet"
        for each in sorted(names)
        if each.startswith(_FILE)
    ]
    message = "The comment can't name these people or files." if files else "The comment can't mention these people."
    return InvalidReferenceError(message, people + files)
