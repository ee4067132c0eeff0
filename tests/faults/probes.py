"""Whom the system tells, as they see it: a client of the WebSocket API, a reader of mails, a receiver of webhooks."""

import json
import random
import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.faults.rules import Faults, Rule
from tests.harness.bus import BusProbe, OnceProbe
from tests.harness.people import signed_in
from tests.harness.receiver import Receiver, answering
from tests.harness.size import sized
from tests.harness.sockets import opened
from tests.harness.stack import Stack

type Applied = Callable[[], Counter[str]]
"""How often each event was applied by now, by its id."""

READER = "reporter@acme.example"

_SUBJECT = re.compile(r"\[#(\d+)\] (New comment|Resolved|Reopened):")
_FAULT = re.compile(r"^(\S+ \S+) INFO \[local\.faults\] (\w+): (\S+) .+ of (\w+)$", re.MULTILINE)
_UNKNOWN = "nobody knows whether an email was sent"
_LOGGED = "%Y-%m-%d %H:%M:%S"
_ROUNDS = 40
_SLOW = 11.0
"""Seconds; longer than a receiver may take."""


@contextmanager
def bus(stack: Stack, _receiver: Receiver) -> Iterator[Applied]:
    """Consume the bus as the system's own consumers do, and see that each ticket's events arrive in order."""
    with BusProbe(stack) as probe:
        consumer = OnceProbe(probe)
        with consumer.working():
            yield lambda: consumer.applied
        first = {each["detail"]["id"]: each["detail"] for each in probe.envelopes}  # in the order of first arrivals
        arrivals: dict[str, list[int]] = {}
        for event in first.values():
            arrivals.setdefault(event["ticketId"], []).append(event["version"])
        assert not [versions for versions in arrivals.values() if versions != sorted(versions)]


@contextmanager
def live(stack: Stack, _receiver: Receiver) -> Iterator[Applied]:
    """Be a client of the WebSocket API, which drops what it has been told already."""
    with opened(stack, stack.token("admin@acme.example")) as socket:
        socket.say(action="subscribe", topic="queue")
        yield lambda: Counter({event["id"] for event in socket.listen()})


@contextmanager
def webhook(stack: Stack, receiver: Receiver) -> Iterator[Applied]:
    """Be a receiver that fails one time in five, and remembers `webhook-id` as the documentation asks it to."""
    chance, taken = random.Random(0), set[str]()  # noqa: S311 (the same failures again)
    path = "/faults"

    def behave(request: BaseHTTPRequestHandler) -> None:
        dice = chance.random()
        if dice < 0.1:
            answering(500)(request)
        elif dice < 0.19:
            request.connection.close()
        else:
            if dice < 0.2:
                time.sleep(_SLOW)
            else:
                taken.add(request.headers["webhook-id"])
            answering(200)(request)

    receiver.behaviours[path] = behave
    with signed_in(stack, "admin@acme.example") as admin:
        made = admin.post("/v1/webhooks", json={"url": receiver.origin + path, "eventTypes": ["*"]}, expect=201)
        yield lambda: _told(receiver, path, taken)
        admin.delete(made.headers["Location"])


def _told(receiver: Receiver, path: str, taken: set[str]) -> Counter[str]:
    requests = {each.headers["webhook-id"]: each.body for each in list(receiver.requests) if each.path == path}
    return Counter(json.loads(requests[webhook_id])["data"]["id"] for webhook_id in list(taken))


class Mails:
    """What a reader is mailed about tickets that others change: comments, and when they are resolved and reopened."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._before = set(self._sent())
        self._unknown_before = stack.logged("functions.log").count(_UNKNOWN)

    def sent(self) -> Counter[tuple[str, str]]:
        """Return how often there was a mail, by ticket and what about."""
        return Counter(about for place, about in self._sent().items() if place not in self._before)

    def unknown(self) -> int:
        """Return how many mails count as sent as SES did not answer; here it sent none of them."""
        return self._stack.logged("functions.log").count(_UNKNOWN) - self._unknown_before

    def _sent(self) -> dict[str, tuple[str, str]]:
        found = ((mail.sent_at.isoformat() + mail.subject, mail.subject) for mail in self._stack.mails(READER))
        return {place: (match[1], match[2]) for place, subject in found if (match := _SUBJECT.match(subject))}


def mail_about(event: dict[str, Any]) -> tuple[str, str] | None:
    """Return what the reader, who reported the ticket, is mailed about an event of somebody else's doing."""
    status = event["changes"].get("status", {})
    about = None
    if event["eventType"] == "CommentAdded":
        about = "New comment"
    elif event["eventType"] == "TicketTransitioned" and status.get("to") == "RESOLVED":
        about = "Resolved"
    elif event["eventType"] == "TicketTransitioned" and status.get("from") == "RESOLVED" and status["to"] == "OPEN":
        about = "Reopened"
    return None if about is None else (str(event["ticket"]["number"]), about)


def make_while_failing(  # noqa: PLR0917 (what makes up a storm)
    stack: Stack,
    faults: Faults,
    targets: list[Rule],
    phases: Iterable[tuple[int, list[str]]],
    share: float,
    make: Callable[[int], None],
) -> None:
    """Let callers make so many things in each phase, while calls of the targets fail in its ways; they go on failing.

    Whose calls fail comes later and may share calls, so more is made until each fault has hit one. What would hit
    nothing would prove nothing: the test fails then.
    """
    for count, kinds in phases:
        began = time.strftime(_LOGGED)
        faults.set(*(rule for target in targets for rule in _rules(target, kinds, share)))
        make(count)
        for _ in range(_ROUNDS):
            if not (missed := _missed(stack, targets, kinds, began)):
                break
            time.sleep(1)
            make(1)
        assert not missed


def _rules(target: Rule, kinds: list[str], share: float) -> list[Rule]:
    """Return the rules by which a share of a target's calls fails, its own or this one, in the ways in which it can."""
    taken = _ways(target, kinds)
    each = target.get("share", share) / len(taken)
    plain = {name: value for name, value in target.items() if name != "kinds"}
    return [{"seconds": 4, **plain, "kind": kind, "share": each} for kind in taken]


def _missed(stack: Stack, targets: list[Rule], kinds: list[str], since: str) -> list[str]:
    """Return which faults have hit no call since then; in a short run, whose calls none of them has hit."""
    logged = _FAULT.findall(stack.logged("emulator.log"))
    hit = {(kind, service, function) for moment, kind, service, function in logged if moment >= since}
    missed = []
    for target in targets:
        ways, calls = _ways(target, kinds), f"{target['service']} of {target['functions']}"
        left = [way for way in ways if not any((way, target["service"], each) in hit for each in target["functions"])]
        missed += sized([f"{way}: {calls}" for way in left], short=[calls] if left == ways else [])
    return missed


def _ways(target: Rule, kinds: list[str]) -> list[str]:
    """Return in which of these ways a target's calls can fail: in those that it names, if it does."""
    named = target.get("kinds", kinds)
    possible = named if target["action"] == "PutEvents" else set(named) - {"partial"}  # nothing else fails in part
    return [kind for kind in kinds if kind in possible]
