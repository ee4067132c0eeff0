"""What is in a mail: the values that SES puts into its templates (template.yaml).

SES inserts values as they are. So each is there twice: as it is, for the subject and the plain part, and under `html`
for the other part, escaped. Values are not read as templates: `{{x}}` in a title stays that.
"""

from __future__ import annotations

import html
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ticketing.tickets.events import SYSTEM_ID

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ticketing.comments.models import Comment
    from ticketing.mail.recipients import Reader
    from ticketing.mail.unsubscribe_links import MailLink
    from ticketing.tickets.events import TicketEvent

_THE_SYSTEM: Final = "The ticket system"
_SOMEBODY: Final = "Somebody"


@dataclass(frozen=True, slots=True)
class Addresses:
    """What the links in a mail lead to.

    `tickets` is where people read a ticket, with `{number}` or `{id}` in it, or empty for no link; `api` is where the
    API answers.
    """

    tickets: str
    api: str

    def ticket(self, event: TicketEvent) -> str:
        """Return the address of the event's ticket, or nothing."""
        number = event.ticket.number if event.ticket else ""
        return self.tickets.replace("{number}", str(number)).replace("{id}", event.ticket_id)

    def unsubscribe(self, link: MailLink) -> str:
        """Return the address that stops the mail of whoever opens it and says so there."""
        return f"{self.api}/v1/unsubscribe?{urlencode({'token': link.token})}"


def values_of(
    event: TicketEvent, reader: Reader, readers: Mapping[str, Reader], comment: Comment | None, links: Mapping[str, str]
) -> dict[str, Any]:
    """Return the values for the template of any reason.

    Parameters
    ----------
    event
        What happened.
    reader
        Who is mailed; times are in their zone.
    readers
        Who is known, by id: the one who did it among them, if they are still there.
    comment
        What the event is about, if it is about one.
    links
        Addresses by the names that the templates have for them.

    Returns
    -------
    dict
        Texts, and under `html` the same ones escaped, line breaks included. What there is not is an empty text.
    """
    values = {
        "number": str(event.ticket.number) if event.ticket else "",
        "title": _one_line(event.ticket.title) if event.ticket else "",
        "actor": _one_line(_name(event.actor.id, readers)),
        "when": _local_time(event.occurred_at, reader.time_zone),
        "text": comment.body if comment else _said(event),
        **links,
    }
    return values | {"html": {name: html.escape(value).replace("\n", "<br>\n") for name, value in values.items()}}


def _name(actor_id: str, readers: Mapping[str, Reader]) -> str:
    actor = readers.get(actor_id)
    if actor is not None:
        return actor.name
    return _THE_SYSTEM if actor_id == SYSTEM_ID else _SOMEBODY


def _said(event: TicketEvent) -> str:
    """Return what was said with a transition: a new resolution, a comment, or both."""
    resolution = event.changes.get("resolution")
    texts = (resolution.after if resolution else None, event.comment)
    return "\n\n".join(str(text) for text in texts if text)


def _one_line(text: str) -> str:
    """Return a text that may be in a header: without line breaks and other characters that are not printed."""
    return " ".join("".join(each if each.isprintable() else " " for each in text).split())


def _local_time(moment: str, zone: str) -> str:
    """Return a time as people anywhere read it: 2026-02-02 09:15 (Europe/Lisbon)."""
    try:
        there = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError):  # the database has dropped it since they chose it
        there, zone = ZoneInfo("UTC"), "UTC"
    return f"{datetime.fromisoformat(moment).astimezone(there):%Y-%m-%d %H:%M} ({zone})"
