"""What the tickets should be: the rules of the API over a plain list in memory.

Written from the contract, not from the layer, and importing nothing of it: a mistake would have to be made twice to go
unnoticed. What only the server can know (ids, numbers, times) is taken from its answers, once, and then held against
all later ones.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

MOVES: dict[tuple[str, str], tuple[str, str | None]] = {
    # who may make the move, and what the ticket needs for it
    ("NEW", "OPEN"): ("agent admin", None),
    ("NEW", "CLOSED"): ("reporter agent admin", None),
    ("OPEN", "IN_PROGRESS"): ("agent admin", "assignedToId"),
    ("OPEN", "RESOLVED"): ("agent admin", "resolution"),
    ("OPEN", "CLOSED"): ("reporter agent admin", None),
    ("IN_PROGRESS", "OPEN"): ("agent admin", None),
    ("IN_PROGRESS", "RESOLVED"): ("agent admin", "resolution"),
    ("RESOLVED", "OPEN"): ("reporter agent admin", None),
    ("RESOLVED", "CLOSED"): ("reporter agent admin", None),
    ("CLOSED", "OPEN"): ("agent admin", None),
}
CLEARING_THE_RESOLUTION = {("RESOLVED", "OPEN"), ("CLOSED", "OPEN")}
REPORTERS_MAY_CHANGE = {"title", "description", "tags"}
UNTIL_RESOLVED = {"NEW", "OPEN", "IN_PROGRESS"}
DEFAULTS: dict[str, Any] = {"status": "NEW", "priority": "MEDIUM", "type": "INCIDENT", "assignedToId": None, "tags": []}
LEFT_OUT_OF_A_PUT: dict[str, Any] = {"assignedToId": None, "tags": [], "resolution": None}


@dataclass(frozen=True)
class Caller:
    """A person of a tenant."""

    id: str
    tenant: str
    role: str


@dataclass
class Event:
    """One change of a ticket; its time is the server's, unknown until it was seen."""

    type: str
    version: int
    actor: Caller
    changes: dict[str, dict[str, Any]]
    comment: str | None = None
    at: str | None = None
    comment_id: str | None = None
    visibility: str | None = None
    is_answer: bool = False

    def shown(self, ticket_id: str, before: "Event | None") -> dict[str, Any]:
        """Return the event as the API shows it, but for its id; `before` is the one before it."""
        changes = self.changes
        if self.type == "TicketDeleted":
            changes = {"deletedAt": {"from": None, "to": self.at}}
        elif self.type == "TicketRestored" and before:
            changes = {"deletedAt": {"from": before.at, "to": None}}
        elif self.is_answer:
            changes = {"firstRespondedAt": {"from": None, "to": self.at}}
        return {
            "type": self.type,
            "schemaVersion": 2,
            "tenantId": self.actor.tenant,
            "ticketId": ticket_id,
            "version": self.version,
            "occurredAt": self.at,
            "actor": {"id": self.actor.id, "role": self.actor.role},
            "changes": changes,
            "comment": self.comment,
            "commentId": self.comment_id,
            "attachmentId": None,
            "visibility": self.visibility,
            "mentions": [] if self.visibility else None,
        }


@dataclass
class Ticket:
    """A ticket, and all that happened to it."""

    tenant: str
    fields: dict[str, Any]
    id: str = ""
    number: int = 0
    created_at: str = ""
    updated_at: str = ""
    version: int = 0
    deleted: bool = False
    first_responded_at: str | None = None
    events: list[Event] = field(default_factory=list)

    def __repr__(self) -> str:
        return f"<{self.fields['status']} ticket, version {self.version}>"

    def record(self, kind: str, by: Caller, wanted: dict[str, Any], comment: str | None = None) -> None:
        """Set the fields as the ticket's next version, with its event."""
        changes = {
            name: {"from": self.fields.get(name), "to": value}
            for name, value in wanted.items()
            if self.fields.get(name) != value
        }
        self.fields |= wanted
        self.version += 1
        self.events.append(Event(kind, self.version, by, changes, comment))

    def learn(self, shown: dict[str, Any]) -> None:
        """Take from an answer what only the server could know; what is known already stays."""
        if not self.id:
            self.id, self.number, self.created_at = shown["id"], shown["number"], shown["createdAt"]
        last = self.events[-1]
        if last.at is None:
            last.at = self.updated_at = shown["updatedAt"]

    def allows(self, caller: Caller) -> list[str]:
        """Return the statuses that a caller may move the ticket to."""
        if _is(caller, "reporter") and self.fields["reporterId"] != caller.id:
            return []
        return [to for (source, to), (who, _) in MOVES.items() if source == self.fields["status"] and _is(caller, who)]

    def shown_to(self, caller: Caller) -> dict[str, Any]:
        """Return the ticket as the API shows it."""
        return self.fields | {
            "id": self.id,
            "number": self.number,
            "version": self.version,
            "createdAt": self.created_at,
            "updatedAt": self.updated_at,
            "firstRespondedAt": self.first_responded_at,
            "allowedTransitions": self.allows(caller),
        }

    def events_for(self, caller: Caller) -> list[Event]:
        """Return the events that the caller may know of."""
        return [event for event in self.events if event.visibility != "internal" or not _is(caller, "reporter")]

    def history(self, caller: Caller) -> list[dict[str, Any]]:
        """Return the events as the API shows them, but for their ids."""
        events = self.events_for(caller)
        return [event.shown(self.id, before) for before, event in zip([None, *events], events, strict=False)]


@dataclass(frozen=True)
class Answer:
    """What the API should answer: a ticket, an error, or nothing but the status."""

    status: int
    ticket: Ticket | None = None
    code: str | None = None
    details: list[str] | None = None


NOT_FOUND = Answer(404, code="ticket_not_found")
PRECONDITION_FAILED = Answer(412, code="precondition_failed")


def _forbidden(fields: Iterable[str] = ()) -> Answer:
    return Answer(403, code="forbidden", details=sorted(fields) or None)


def _is(caller: Caller, roles: str) -> bool:
    return caller.role in roles.split()


def _sees(caller: Caller, ticket: Ticket) -> bool:
    """Tell whether a ticket exists for a caller."""
    own = not _is(caller, "reporter") or ticket.fields["reporterId"] == caller.id
    return own and ticket.tenant == caller.tenant and not ticket.deleted


def _normal(body: dict[str, Any]) -> dict[str, Any]:
    """Return a body as it is kept: texts trimmed, ids in lower case."""
    trimmed = {name: value.strip() if isinstance(value, str) else value for name, value in body.items()}
    if "tags" in trimmed:
        trimmed["tags"] = [tag.strip() for tag in trimmed["tags"]]
    ids = {name: trimmed[name].lower() for name in ("reporterId", "assignedToId") if trimmed.get(name)}
    return trimmed | ids


class Tickets:
    """All tickets, of all tenants, and the people who may be named on them."""

    def __init__(self, people: Iterable[Caller]) -> None:
        self.all: list[Ticket] = []
        self._people = {person.id: person for person in people}
        self._keys: dict[tuple[str, str], tuple[dict[str, Any], Ticket]] = {}

    def create(self, by: Caller, body: dict[str, Any], key: str | None) -> Answer:
        wanted = DEFAULTS | {"reporterId": by.id} | _normal(body)
        if _is(by, "reporter"):
            chosen = {"reporterId": wanted["reporterId"] != by.id, "assignedToId": wanted["assignedToId"] is not None}
            if any(chosen.values()):
                return _forbidden({name for name, is_chosen in chosen.items() if is_chosen})
        if key and (by.id, key) in self._keys:
            first, ticket = self._keys[by.id, key]
            if first != _normal(body):
                return Answer(422, code="idempotency_key_reused")
            return Answer(201, ticket) if _sees(by, ticket) else Answer(409, code="conflict")
        if details := self._names_nobody(by, wanted):
            return Answer(422, code="invalid_reference", details=details)
        ticket = Ticket(by.tenant, {"assignedToId": None, "resolution": None})
        ticket.record("TicketCreated", by, wanted)
        self.all.append(ticket)
        if key:
            self._keys[by.id, key] = _normal(body), ticket
        return Answer(201, ticket)

    def get(self, by: Caller, ticket: Ticket, known_version: int | None) -> Answer:
        if not _sees(by, ticket):
            return NOT_FOUND
        return Answer(304) if known_version == ticket.version else Answer(200, ticket)

    def replace(self, by: Caller, ticket: Ticket, body: dict[str, Any], expected: int | None) -> Answer:
        return self.update(by, ticket, LEFT_OUT_OF_A_PUT | body, expected)

    def update(self, by: Caller, ticket: Ticket, body: dict[str, Any], expected: int | None) -> Answer:
        wanted = _normal(body)
        if not _sees(by, ticket):
            return NOT_FOUND
        if expected not in {None, ticket.version}:
            return PRECONDITION_FAILED
        to = wanted.pop("status", ticket.fields["status"])
        changed = {name for name, value in wanted.items() if ticket.fields[name] != value}
        if _is(by, "reporter"):
            may = REPORTERS_MAY_CHANGE if ticket.fields["status"] in UNTIL_RESOLVED else set()
            if changed - may:
                return _forbidden(changed - may)
        if details := self._names_nobody(by, {name: wanted[name] for name in changed}):
            return Answer(422, code="invalid_reference", details=details)
        if to != ticket.fields["status"]:
            return self._move(by, ticket, to, wanted)
        if changed:
            ticket.record("TicketUpdated", by, wanted)
        return Answer(200, ticket)

    def _names_nobody(self, by: Caller, named: dict[str, Any]) -> list[str]:
        """Tell which of the fields, as they are to be, name somebody who can't be named there."""
        details = []
        assignee, reporter = named.get("assignedToId"), named.get("reporterId", by.id)
        if assignee and not self._is_there(by.tenant, assignee, "agent admin"):
            details.append("assignedToId: names no active agent or admin of this tenant")
        if reporter not in {by.id, assignee} and not self._is_there(by.tenant, reporter, "reporter agent admin"):
            details.append("reporterId: names no active user of this tenant")
        return details

    def _is_there(self, tenant: str, person_id: str, roles: str) -> bool:
        person = self._people.get(person_id)
        return person is not None and person.tenant == tenant and _is(person, roles)

    def transition(self, by: Caller, ticket: Ticket, body: dict[str, Any], expected: int | None) -> Answer:
        wanted = _normal(body)
        to, comment = wanted.pop("to"), wanted.pop("comment", None)
        if _is(by, "reporter") and wanted:
            return _forbidden(set(wanted))
        if not _sees(by, ticket):
            return NOT_FOUND
        if expected not in {None, ticket.version}:
            return PRECONDITION_FAILED
        return self._move(by, ticket, to, wanted, comment)

    def _move(self, by: Caller, ticket: Ticket, to: str, wanted: dict[str, Any], comment: str | None = None) -> Answer:
        move = ticket.fields["status"], to
        if move not in MOVES:
            return Answer(409, code="transition_not_allowed", details=ticket.allows(by) or None)
        who, needs = MOVES[move]
        if not _is(by, who):
            return _forbidden()
        after = ticket.fields | wanted
        if needs and after[needs] is None:
            return Answer(422, code="transition_requirement_missing", details=[needs])
        if move in CLEARING_THE_RESOLUTION:
            wanted = {"resolution": None} | wanted
        ticket.record("TicketTransitioned", by, wanted | {"status": to}, comment)
        return Answer(200, ticket)

    def delete(self, by: Caller, ticket: Ticket, expected: int | None) -> Answer:
        if not _is(by, "admin"):
            return _forbidden()
        if not _sees(by, ticket):
            return NOT_FOUND
        if expected not in {None, ticket.version}:
            return PRECONDITION_FAILED
        ticket.record("TicketDeleted", by, {})
        ticket.deleted = True
        return Answer(204)

    def restore(self, by: Caller, ticket: Ticket, expected: int | None) -> Answer:
        if not _is(by, "admin"):
            return _forbidden()
        if ticket.tenant != by.tenant:
            return NOT_FOUND
        if expected not in {None, ticket.version}:
            return PRECONDITION_FAILED
        if ticket.deleted:
            ticket.record("TicketRestored", by, {})
            ticket.deleted = False
        return Answer(200, ticket)

    def comment(self, by: Caller, ticket: Ticket, visibility: str) -> Answer:
        if visibility == "internal" and _is(by, "reporter"):
            return _forbidden(["visibility"])
        if not _sees(by, ticket):
            return NOT_FOUND
        if ticket.fields["status"] == "CLOSED":
            return Answer(409, code="ticket_closed")
        added = Event("CommentAdded", ticket.version, by, {}, visibility=visibility)
        if visibility == "public":
            is_reporter = ticket.fields["reporterId"] == by.id
            if ticket.fields["status"] == "RESOLVED" and is_reporter:
                ticket.record("TicketTransitioned", by, {"status": "OPEN", "resolution": None})
            else:
                ticket.version += 1
                added.is_answer = not is_reporter and not _is(by, "reporter") and ticket.first_responded_at is None
            added.version = ticket.version
        ticket.events.append(added)
        return Answer(201)

    def history(self, by: Caller, ticket: Ticket) -> Answer:
        return Answer(200, ticket) if _sees(by, ticket) else NOT_FOUND

    def listed(self, by: Caller, wanted: dict[str, list[Any]], tag: str, sort: str) -> list[Ticket]:
        """Return the tickets with one of these values each, and this tag, that a caller sees, in this order."""
        found = [
            ticket
            for ticket in self.all
            if _sees(by, ticket)
            and tag in ticket.fields["tags"]
            and all(ticket.fields[name] in values for name, values in wanted.items())
        ]
        found.sort(key=lambda ticket: (ticket.number,) if sort.endswith("number") else (ticket.updated_at, ticket.id))
        return found[::-1] if sort.startswith("-") else found
