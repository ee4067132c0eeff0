"""What the tests of mails share: recipients, events, an SES that does as it is told, and what arrives in a mailbox."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import repeat
from typing import Any
from urllib.parse import parse_qs, urlsplit

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.exceptions import ReadTimeoutError
from mypy_boto3_dynamodb import DynamoDBClient

from functions.mail import mail_events
from local.aws.ses import render
from tests.unit.support import TABLE, TICKET_ID, USERS_TABLE, Context, a_ticket, an_event, template
from ticketing.access.identity import Caller
from ticketing.access.roles import Role
from ticketing.attachments.models import Attachment, State
from ticketing.comments.models import Comment
from ticketing.dynamodb.attributes import to_item
from ticketing.ids import derived_id
from ticketing.tickets.events import Change, TicketEvent
from ticketing.tickets.keys import ticket_partition
from ticketing.tickets.kinds import EventType, Visibility
from ticketing.users.states import Kind

COMMENT_ID = derived_id("comment")
PARTS = {"SubjectPart": "subject", "TextPart": "text", "HtmlPart": "html"}


def put_recipient(client: DynamoDBClient, caller: Caller, **values: Any) -> None:
    """Write a user of the caller's tenant, called and addressed as their role, with these values (outside names)."""
    item = {
        "PK": f"TENANT#{caller.tenant_id}#USER#{caller.user_id}",
        "SK": "USER",
        "id": caller.user_id,
        "kind": Kind.PERSON.value,
        "name": caller.role.capitalize(),
        "email": f"{caller.user_id[:4]}@acme.example",
        "role": caller.role.value,
        "active": True,
        "timeZone": "UTC",
        "version": 1,
        "notifications": dict.fromkeys(("assigned", "commented", "mentioned", "resolved", "reopened"), True),
    }
    client.put_item(TableName=USERS_TABLE, Item=to_item(item | values))


def put_choice(client: DynamoDBClient, caller: Caller, *, watching: bool) -> None:
    """Write that somebody chose to watch the ticket, or not to."""
    key = {"PK": ticket_partition(caller.tenant_id, TICKET_ID), "SK": f"WATCHER#{caller.user_id}"}
    client.put_item(TableName=TABLE, Item=to_item(key | {"watching": watching}))


def put_comment(client: DynamoDBClient, body: str = "Try it now.", **values: Any) -> None:
    """Write the comment that `commented` is about."""
    comment = Comment(
        id=COMMENT_ID,
        tenant_id="acme",
        ticket_id=TICKET_ID,
        author_id=TICKET_ID,
        body=body,
        visibility=Visibility.PUBLIC,
        mentions=[],
        created_at="2026-02-02T08:15:04.120Z",
        updated_at="2026-02-02T08:15:04.120Z",
    ).model_copy(update=values)
    key = {"PK": ticket_partition("acme", TICKET_ID), "SK": f"COMMENT#{COMMENT_ID}"}
    client.put_item(TableName=TABLE, Item=to_item(key | comment.model_dump(mode="json", by_alias=True)))


def put_file(client: DynamoDBClient, file_id: str, name: str, **values: Any) -> None:
    """Write a file of the ticket, with these values (inside names)."""
    file = Attachment(
        id=file_id,
        tenant_id="acme",
        ticket_id=TICKET_ID,
        file_name=name,
        content_type="image/png",
        size=1,
        sha256="0" * 64,
        state=State.CLEAN,
        visibility=Visibility.PUBLIC,
        announced_as=Visibility.PUBLIC,
        uploaded_by_id=TICKET_ID,
        uploaded_by_role=Role.AGENT,
        created_at="2026-02-02T08:15:04.120Z",
    ).model_copy(update=values)
    key = {"PK": ticket_partition("acme", TICKET_ID), "SK": f"ATTACHMENT#{file_id}"}
    client.put_item(TableName=TABLE, Item=to_item(key | file.model_dump(mode="json", by_alias=True)))


def happened(name: str, kind: EventType = EventType.TICKET_UPDATED, **values: Any) -> TicketEvent:
    """Return an event by AGENT of the ticket, whose id follows from the name.

    `changes` are pairs of before and after; `ticket` holds what of the ticket is unlike `a_ticket`.
    """
    changes = {key: Change(before=old, after=new) for key, (old, new) in values.pop("changes", {}).items()}
    event = an_event(a_ticket(**values.pop("ticket", {})), kind, **changes)
    return event.model_copy(update={"id": derived_id(name), **values})


def commented(name: str = "commented", **values: Any) -> TicketEvent:
    """Return the event of a comment by AGENT, a public one that mentions nobody unless told otherwise."""
    about = {"comment_id": COMMENT_ID, "visibility": Visibility.PUBLIC, "mentions": list[str]()}
    return happened(name, EventType.COMMENT_ADDED, **(about | values))


def moved(source: str, target: str, name: str = "moved", **values: Any) -> TicketEvent:
    """Return the event of a move by AGENT."""
    changes = {"status": (source, target), **values.pop("changes", {})}
    return happened(name, EventType.TICKET_TRANSITIONED, changes=changes, **values)


def queued(*events: TicketEvent | str) -> dict[str, Any]:
    """Return what Lambda hands over of the queue: events as EventBridge put them there, or any text."""
    bodies = [
        each
        if isinstance(each, str)
        else json.dumps({"detail-type": each.type, "detail": each.model_dump(mode="json", by_alias=True)})
        for each in events
    ]
    return {"Records": [{"messageId": str(number), "body": body} for number, body in enumerate(bodies)]}


def deliver(*events: TicketEvent | str, left: int = 60_000) -> list[str]:
    """Let mailEvents work on a batch and return the places of those that have to come again."""
    answer = mail_events.handler(queued(*events), Context(left=repeat(left)))
    return [each["itemIdentifier"] for each in answer["batchItemFailures"]]


@dataclass(frozen=True)
class Arrived:
    """A mail as it arrives: rendered from the template that SES was told, as template.yaml has it."""

    to: str
    template: str
    subject: str
    text: str
    html: str
    headers: dict[str, str]
    tags: dict[str, str]

    @property
    def token(self) -> str:
        """The token of the link that stops the mails."""
        (token,) = parse_qs(urlsplit(self.headers["List-Unsubscribe"].strip("<>")).query)["token"]
        return token


@dataclass
class _Raw:
    content: bytes

    def stream(self) -> Iterator[bytes]:
        yield self.content


@dataclass
class Ses:
    """An SES behind botocore's own client: answers as the script says, one after the other, then with success.

    An end is an error's status and code, an exception of the connection, or None for success.
    """

    script: list[tuple[int, str] | Exception | None] = field(default_factory=list)
    asked: int = 0
    taken: list[dict[str, Any]] = field(default_factory=list)
    """The requests that SES took: also those whose answer was lost."""

    def __call__(self, request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        self.asked += 1
        end = self.script.pop(0) if self.script else None
        body = json.loads(request.body)  # type: ignore[arg-type]
        if end is None or isinstance(end, ReadTimeoutError):
            self.taken.append(body)
        if isinstance(end, Exception):
            raise end
        status, code = end or (200, "")
        headers = {"x-amzn-errortype": code} if code else {}
        content = {"message": code} if code else {"MessageId": "1"}
        raw: Any = _Raw(json.dumps(content).encode())
        return AWSResponse(request.url, status, headers, raw)  # type: ignore[arg-type]

    @property
    def mails(self) -> list[Arrived]:
        """What arrives of what was taken."""
        return [_arrived(request) for request in self.taken]

    @property
    def addressees(self) -> list[str]:
        """Where mails went, and what about."""
        return sorted(f"{mail.to.partition('@')[0]} {mail.template}" for mail in self.mails)


def _arrived(request: dict[str, Any]) -> Arrived:
    content = request["Content"]["Template"]
    kind = content["TemplateName"].removeprefix("tickets-")
    parts = template()["Resources"][f"{kind.capitalize()}Mail"]["Properties"]["Template"]
    values = json.loads(content["TemplateData"])
    (to,) = request["Destination"]["ToAddresses"]
    return Arrived(
        to=to,
        template=kind,
        headers={header["Name"]: header["Value"] for header in content["Headers"]},
        tags={tag["Name"]: tag["Value"] for tag in request["EmailTags"]},
        **{name: render(parts[part], values) for part, name in PARTS.items()},
    )
