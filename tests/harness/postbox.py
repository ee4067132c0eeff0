"""The mails about tickets that the local stack sends, and the people who get them."""

import re
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx

from local.settings import STACK_NAME
from local.stack.mails import Mail, mails_in
from tests.harness.client import Client
from tests.harness.people import TICKET
from tests.harness.stack import Stack

SECONDS_TO_ARRIVE = 30.0

REASONS = {
    "Assigned to you": "assigned",
    "New comment": "commented",
    "You were mentioned": "mentioned",
    "Resolved": "resolved",
    "Reopened": "reopened",
}
"""What a subject begins with, after the number of the ticket."""


@dataclass(frozen=True)
class Person:
    """Somebody who calls the API and may get mail."""

    api: Client
    id: str
    email: str

    @classmethod
    def of(cls, api: Client) -> "Person":
        """Return who a caller is."""
        user = api.get("/v1/users/me").json()
        return cls(api, user["id"], user["email"])

    def me(self) -> dict[str, Any]:
        """Return what getMe says of them."""
        user: dict[str, Any] = self.api.get("/v1/users/me").json()
        return user

    def change(self, **values: Any) -> dict[str, Any]:
        """Change their profile."""
        answer = self.api.patch("/v1/users/me", json=values, expect=httpx.codes.OK)
        user: dict[str, Any] = answer.json()
        return user


@dataclass(frozen=True)
class Topic:
    """A ticket whose title no other has: what is mailed about it is known by its subject, whoever it went to."""

    url: str
    title: str

    @classmethod
    def by(cls, reporter: Person, title: str = "VPN drops", **fields: Any) -> "Topic":
        """Let somebody report something."""
        title = f"{title} {uuid4()}"
        answer = reporter.api.post("/v1/tickets", json=TICKET | {"title": title, **fields}, expect=httpx.codes.CREATED)
        return cls(answer.headers["Location"], answer.json()["title"])

    @property
    def id(self) -> str:
        """The ticket's id."""
        return self.url.rpartition("/")[2]

    def watched_by(self, *people: Person) -> None:
        """Let people choose to watch it."""
        for person in people:
            person.api.post(f"{self.url}/watchers/me").raise_for_status()

    def comment(self, by: Client, body: str = "Any news?", **fields: str) -> dict[str, Any]:
        """Say something and return the comment."""
        answer = by.post(f"{self.url}/comments", json={"body": body, **fields}, expect=httpx.codes.CREATED)
        comment: dict[str, Any] = answer.json()
        return comment

    def move(self, by: Person, **move: str) -> None:
        """Move it on."""
        by.api.post(f"{self.url}/transitions", json=move).raise_for_status()


@dataclass(frozen=True)
class Postbox:
    """What a stack has mailed about tickets."""

    stack: Stack

    def about(self, topic: Topic, to: Person | None = None) -> list[Mail]:
        """Return the mails about a ticket, the newest last; those to one person, if one is given."""
        ending = topic.title.split()[-1]
        mails = mails_in(self.stack.state / "mails")
        return [mail for mail in mails if mail.subject.endswith(ending) and (to is None or mail.to == to.email)]

    def arrived(self, topic: Topic, to: Person, number: int = 1) -> list[Mail]:
        """Return the mails about a ticket to somebody, as soon as there are so many."""
        return until(lambda: self.about(topic, to), lambda found: len(found) >= number)

    def told(self, topic: Topic, *awaited: tuple[Person, str]) -> Counter[tuple[str, str]]:
        """Return who was mailed about a ticket and why, when those who are awaited were and nothing is under way."""
        expected = expecting(*awaited)
        until(lambda: self._told(topic), lambda told: not expected - told)
        self.settle()
        return self._told(topic)

    def _told(self, topic: Topic) -> Counter[tuple[str, str]]:
        reasons = ((mail.to, re.match(r"\[#\d+\] ([^:]+): ", mail.subject)) for mail in self.about(topic))
        return Counter((address, REASONS[reason[1]] if reason else "?") for address, reason in reasons)

    def settle(self) -> None:
        """Return when the consumer has done with all that is in its queue, and nothing of it has failed."""
        sqs, counts = self.stack.client("sqs"), ("", "NotVisible")
        names = [f"ApproximateNumberOfMessages{count}" for count in counts]

        def waiting(queue: str) -> int:
            answer = sqs.get_queue_attributes(QueueUrl=self.physical_id(queue), AttributeNames=names)
            return sum(map(int, answer["Attributes"].values()))

        until(lambda: waiting("MailEventsQueue"), lambda number: number == 0)
        assert waiting("MailEventsDeadLetters") == 0

    def physical_id(self, resource: str) -> str:
        """Return what something of the template is called on the stack."""
        found = self.stack.client("cloudformation").describe_stack_resource(
            StackName=STACK_NAME, LogicalResourceId=resource
        )
        return str(found["StackResourceDetail"]["PhysicalResourceId"])


def expecting(*awaited: tuple[Person, str]) -> Counter[tuple[str, str]]:
    """Return people and reasons as `Postbox.told` does."""
    return Counter((person.email, reason) for person, reason in awaited)


def link_in(mail: Mail) -> str:
    """Return the address that stops the mails, as the header has it for mail programs."""
    (link,) = re.findall(r"<(.*)>", mail.headers["List-Unsubscribe"])
    return str(link)


def until[T](look: Callable[[], T], holds: Callable[[T], bool], *, seconds: float = SECONDS_TO_ARRIVE) -> T:
    """Return what is seen when it is as expected. The longer it takes, the less often is looked: looks take time."""
    deadline, pause = time.monotonic() + seconds, 0.1
    while not holds(seen := look()):
        assert time.monotonic() < deadline, seen
        time.sleep(pause)
        pause = min(1.3 * pause, 0.5)
    return seen
