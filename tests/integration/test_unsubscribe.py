"""How mails about tickets stop, and begin again: the link in each of them, and what comes back of them."""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import httpx
import pytest

from tests.harness.client import Client
from tests.harness.people import OwnTenant
from tests.harness.postbox import Person, Postbox, Topic, expecting, link_in
from tests.harness.stack import Stack

PATH = "/v1/unsubscribe"

type Query = list[tuple[str, str | int | float | bool | None]]


class Desk:
    """A reporter with a ticket, the admin who answers, and somebody signed in nowhere who has the reporter's link."""

    def __init__(self, tenant: OwnTenant, post: Postbox, anybody: Client, witness: Person) -> None:
        self.tenant, self.post, self.anybody, self.witness = tenant, post, anybody, witness
        self.reporter, self.admin = Person.of(tenant.join()), Person.of(tenant.admin)
        self.topic = Topic.by(self.reporter)
        self.topic.watched_by(self.witness)
        self.mails = 0
        self.answer(mailed=True)
        (self.mail,) = post.about(self.topic, self.reporter)
        self.link = link_in(self.mail)
        self.token = parse_qs(urlsplit(self.link).query)["token"][0]

    def answer(self, *, mailed: bool) -> None:
        """Answer the reporter, who is mailed about it or is not; somebody else is, at any rate."""
        before = len(self.post.about(self.topic, self.reporter))
        self.topic.comment(self.admin.api)
        self.mails += 1
        self.post.arrived(self.topic, self.witness, self.mails)
        if mailed:
            self.post.arrived(self.topic, self.reporter, before + 1)
        self.post.settle()
        assert len(self.post.about(self.topic, self.reporter)) == before + mailed

    @property
    def state(self) -> tuple[bool, str | None]:
        """Whether the reporter gets mail, and why not."""
        me = self.reporter.me()
        return me["notifications"]["mail"], me["mailOffReason"]


@pytest.fixture(scope="module")
def tenant(found_tenant: Callable[[], OwnTenant]) -> OwnTenant:
    return found_tenant()


@pytest.fixture(scope="module")
def anybody(connect: Callable[..., Client]) -> Client:
    return connect()


@pytest.fixture(scope="module")
def witness(tenant: OwnTenant) -> Person:
    """Somebody who watches all tickets, and is mailed whatever becomes of the reporters' mails."""
    return Person.of(tenant.join("agent"))


@pytest.fixture
def desk(stack: Stack, tenant: OwnTenant, anybody: Client, witness: Person) -> Desk:
    return Desk(tenant, Postbox(stack), anybody, witness)


# --- the link --------------------------------------------------------------------------------------------------------


def test_looking_at_the_link_changes_nothing(desk: Desk) -> None:
    before = desk.reporter.me()
    for _ in range(2):
        page = desk.anybody.get(desk.link)
        assert (page.status_code, page.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
        assert '<form method="post">' in page.text
        assert page.headers["Referrer-Policy"] == "no-referrer"
    assert desk.reporter.me() == before
    desk.answer(mailed=True)


def test_one_click_stops_the_mails_of_that_person_until_they_want_them_again(desk: Desk) -> None:
    page = desk.anybody.post(desk.link, data={"List-Unsubscribe": "One-Click"})
    assert page.status_code == httpx.codes.OK
    assert "you will get no more emails about tickets." in page.text
    assert desk.state == (False, "unsubscribed")
    assert desk.witness.me()["notifications"]["mail"]
    desk.answer(mailed=False)
    again = desk.reporter.change(notifications={"mail": True})
    assert (again["notifications"]["mail"], again["mailOffReason"]) == (True, None)
    desk.answer(mailed=True)
    assert link_in(desk.post.about(desk.topic, desk.reporter)[-1]) == desk.link
    assert desk.anybody.post(desk.link).status_code == httpx.codes.OK  # the body does not matter
    assert desk.state == (False, "unsubscribed")


def test_a_second_click_changes_nothing(desk: Desk) -> None:
    pages, states = [], []
    for _ in range(2):
        pages.append(desk.anybody.post(desk.link).text)
        states.append(desk.reporter.me())
    assert pages[0] == pages[1]
    assert states[0] == states[1]


def test_after_the_link_no_reason_is_one(desk: Desk) -> None:
    desk.anybody.post(desk.link)
    desk.topic.comment(desk.admin.api, f"@[{desk.reporter.id}]")
    for move in ({"to": "OPEN"}, {"to": "RESOLVED", "resolution": "Done."}, {"to": "OPEN"}):
        desk.topic.move(desk.admin, **move)
    witnessed = [(desk.witness, reason) for reason in ("commented", "commented", "resolved", "reopened")]
    first = (desk.reporter, "commented")
    assert desk.post.told(desk.topic, first, *witnessed) == expecting(first, *witnessed)


def _of_another(desk: Desk) -> Query:
    """Return the secret of somebody else, under the reporter's name."""
    mail = desk.post.about(desk.topic, desk.witness)[-1]
    secret = link_in(mail).rpartition(".")[2]
    return [("token", f"{desk.token.rpartition('.')[0]}.{secret}")]


def _altered(token: str) -> str:
    return token[:-2] + ("A" if token[-2] != "A" else "B") + token[-1]


BAD: dict[str, Callable[[Desk], Query]] = {
    "of another": _of_another,
    "of another tenant": lambda desk: [("token", "globex" + desk.token[desk.token.index(".") :])],
    "altered": lambda desk: [("token", _altered(desk.token))],
    "cut off": lambda desk: [("token", desk.token[:-1])],
    "with more": lambda desk: [("token", desk.token + "A")],
    "without a secret": lambda desk: [("token", desk.token.rpartition(".")[0] + ".")],
    "of nobody": lambda desk: [("token", desk.token.replace(desk.reporter.id, str(uuid4())))],
    "empty": lambda _: [("token", "")],
    "none": lambda _: [],
    "twice": lambda desk: [("token", desk.token), ("token", desk.token)],
}


def test_with_a_token_that_is_not_good_the_pages_are_the_same_and_nothing_changes(desk: Desk) -> None:
    good, question = desk.link, desk.anybody.get(desk.link)
    before = [person.me() for person in (desk.reporter, desk.witness)]
    bad = {name: make(desk) for name, make in BAD.items()}
    answers = {
        name: (desk.anybody.get(PATH, params=query), desk.anybody.post(PATH, params=query))
        for name, query in bad.items()
    }
    assert [person.me() for person in (desk.reporter, desk.witness)] == before
    done = desk.anybody.post(good)
    assert desk.state == (False, "unsubscribed")
    for name, (asked, told) in answers.items():
        for seen, expected in ((asked, question), (told, done)):
            assert (seen.status_code, seen.text) == (expected.status_code, expected.text), name
            assert seen.headers.keys() == expected.headers.keys(), name


# --- what comes back -------------------------------------------------------------------------------------------------


def _event(desk: Desk, kind: str, **values: Any) -> dict[str, Any]:
    """Return SES's event about the reporter's mail, as EventBridge has it."""
    person = desk.reporter
    mail: dict[str, Any] = {
        "timestamp": "2026-02-02T09:00:00.000Z",
        "messageId": "EXAMPLE",
        "destination": [person.email],
        "tags": {
            "ses:configuration-set": [desk.post.physical_id("MailConfigurationSet")],
            "tenant": [desk.tenant.id],
            "user": [person.id],
        },
    }
    names = {"Bounce": "Email Bounced", "Complaint": "Email Complaint Received"}
    return {
        "source": "aws.ses",
        "detail-type": names[kind],
        "detail": {"eventType": kind, kind.lower(): values, "mail": mail},
    }


@pytest.mark.parametrize(
    ("kind", "values", "reason"),
    [
        ("Bounce", {"bounceType": "Permanent", "bounceSubType": "General"}, "bounced"),
        ("Complaint", {"complaintFeedbackType": "abuse"}, "complained"),
    ],
)
def test_a_mail_that_comes_back_is_the_last(desk: Desk, kind: str, values: dict[str, str], reason: str) -> None:
    event = _event(desk, kind, **values)
    assert _is_recorded(desk, event)
    _record(desk, event)
    assert desk.state == (False, reason)
    desk.answer(mailed=False)
    stopped = desk.reporter.me()
    _record(desk, event)
    desk.anybody.post(desk.link)
    assert desk.reporter.me() == stopped  # the first reason stays
    desk.reporter.change(notifications={"mail": True})
    desk.answer(mailed=True)


def test_what_may_pass_or_is_not_theirs_stops_nothing(desk: Desk) -> None:
    before = desk.reporter.me()
    permanent = {"bounceType": "Permanent", "bounceSubType": "General"}
    to_another, of_others, of_nobody = (_event(desk, "Bounce", **permanent) for _ in range(3))
    to_another["detail"]["mail"]["destination"] = ["somebody-else@founded.example"]
    of_others["detail"]["mail"]["tags"]["tenant"] = ["globex"]
    del of_nobody["detail"]["mail"]["tags"]["user"]
    passing = _event(desk, "Bounce", bounceType="Transient", bounceSubType="MailboxFull")
    taken_back = _event(desk, "Complaint", complaintFeedbackType="not-spam")
    for event in (to_another, of_others, of_nobody, passing, taken_back):
        _record(desk, event)
    assert desk.reporter.me() == before


def _is_recorded(desk: Desk, event: dict[str, Any]) -> bool:
    """Return whether the rule of the function matches; nobody but SES can put its events on a bus."""
    events = desk.post.stack.client("events")
    rule = events.describe_rule(Name=desk.post.physical_id("RecordMailFeedbackFunctionFeedback"))
    envelope = {"id": "1", "account": "1", "time": "2026-02-02T09:00:00Z", "region": "us-east-1", "resources": []}
    answer = events.test_event_pattern(EventPattern=rule["EventPattern"], Event=json.dumps(envelope | event))
    return bool(answer["Result"])


def _record(desk: Desk, event: dict[str, Any]) -> None:
    answer = desk.post.stack.client("lambda").invoke(
        FunctionName=desk.post.physical_id("RecordMailFeedbackFunction"), Payload=json.dumps(event)
    )
    assert "FunctionError" not in answer, answer["Payload"].read()
