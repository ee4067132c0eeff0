"""The texts of an email: the values that SES puts into its templates.

SES inserts values as they are. So each is there twice: as it is, for the subject and the plain text, and escaped under
`html`. Values are not read as templates: `{{x}}` in a title stays that.
"""

from __future__ import annotations

import html
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ticketing.comments.models import with_names
from ticketing.tickets.events import SYSTEM_ID

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ticketing.comments.models import Comment
    from ticketing.mail.recipients import Recipient
    from ticketing.mail.unsubscribe_links import UnsubscribeLink
    from ticketing.tickets.events import TicketEvent

_THE_SYSTEM: Final = "The ticket system"
_SOMEBODY: Final = "Somebody"


@dataclass(frozen=True, slots=True)
class Addresses:
    """The base URLs of the links in emails.

    `tickets` is where people read a ticket, with `{number}` or `{id}` in it, or empty for no link. `api` is the base
    URL of unsubscribe links.
    """

    tickets: str
    api: str

    def ticket(self, event: TicketEvent) -> str:
        """Return the URL of the event's ticket, or an empty text."""
        number = event.ticket.number if event.ticket else ""
        return self.tickets.replace("{number}", str(number)).replace("{id}", event.ticket_id)

    def unsubscribe(self, link: UnsubscribeLink) -> str:
        """Return the unsubscribe link: a page that asks, and unsubscribes when its button is pressed."""
        return f"{self.api}/v1/unsubscribe?{urlencode({'token': link.token})}"


@dataclass(frozen=True, slots=True)
class Said:
    """A comment that an email is about, and the names of its files, which are read in the application."""

    comment: Comment
    files: Sequence[str] = ()

    def text(self, people: Mapping[str, Recipient]) -> str:
        """Return the text of the comment, with the names of those whom it mentions."""
        return with_names(self.comment.body, {each: _one_line(person.name) for each, person in people.items()})

    @property
    def list_of_files(self) -> str:
        """The names of the files, a line each under a heading; an empty text if there are none."""
        return "\n".join(["Files:", *(f"- {_one_line(name)}" for name in self.files)]) if self.files else ""


def values_of(
    event: TicketEvent,
    recipient: Recipient,
    people: Mapping[str, Recipient],
    said: Said | None,
    links: Mapping[str, str],
) -> dict[str, Any]:
    """Return the values for the template of any reason.

    Parameters
    ----------
    event
        What happened.
    recipient
        Who gets the email; times are in their time zone.
    people
        People by id, among them the event's actor and those whom the comment mentions, if they still exist.
    said
        The comment that the event is about, if any.
    links
        URLs by their names in the templates.

    Returns
    -------
    dict
        Texts, and under `html` the same ones escaped, line breaks included. What is missing is an empty text.
    """
    values = {
        "number": str(event.ticket.number) if event.ticket else "",
        "title": _one_line(event.ticket.title) if event.ticket else "",
        "actor": _one_line(_name(event.actor.id, people)),
        "when": _local_time(event.occurred_at, recipient.time_zone),
        "text": said.text(people) if said else _said(event),
        "files": said.list_of_files if said else "",
        **links,
    }
    return values | {"html": {name: html.escape(value).replace("\n", "<br>\n") for name, value in values.items()}}


def _name(actor_id: str, people: Mapping[str, Recipient]) -> str:
    actor = people.get(actor_id)
    if actor is not None:
        return actor.name
    return _THE_SYSTEM if actor_id == SYSTEM_ID else _SOMEBODY


def _said(event: TicketEvent) -> str:
    """Return the texts of a transition: a new resolution, a comment, or both."""
    resolution = event.changes.get("resolution")
    texts = (resolution.after if resolution else None, event.comment)
    return "\n\n".join(str(text) for text in texts if text)


def _one_line(text: str) -> str:
    """Return a text that may be in a header: without line breaks and other characters that can't be printed."""
    return " ".join("".join(each if each.isprintable() else " " for each in text).split())


def _local_time(moment: str, zone: str) -> str:
    """Return a time as people anywhere read it: 2026-02-02 09:15 (Europe/Lisbon)."""
    try:
        there = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError):  # the time zone database has dropped it meanwhile
        there, zone = ZoneInfo("UTC"), "UTC"
    return f"{datetime.fromisoformat(moment).astimezone(there):%Y-%m-%d %H:%M} ({zone})"
