"""Mails about tickets on the deployed stack: who gets one and why, what is in it, one at most, and how it stops."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest

from tests.harness.bus import BusProbe
from tests.harness.client import Client
from tests.harness.people import OwnTenant, Tenant
from tests.harness.postbox import Person, Postbox, Topic, expecting, link_in, until
from tests.harness.stack import Stack

type Connect = Callable[..., Client]


@dataclass(frozen=True)
class Cast:
    """The people of a tenant. All but the first three watch whatever they may, and none of them may be mailed."""

    tenant: OwnTenant
    admin: Person
    agent: Person
    reporter: Person
    quiet: Person
    """An agent who wants no mail for any reason."""
    silent: Person
    """An agent who wants them for every reason, and no mail at all."""
    program: Client
    """An API key."""
    outsider: Person
    """A reporter of other tickets, who watches this one no more than they see it."""

    def watch(self, topic: Topic) -> None:
        topic.watched_by(self.quiet, self.silent)
        self.program.post(f"{topic.url}/watchers/me").raise_for_status()
        assert self.outsider.api.post(f"{topic.url}/watchers/me").status_code == httpx.codes.NOT_FOUND


@pytest.fixture(scope="module")
def people(found_tenant: Callable[[], OwnTenant], connect: Connect) -> Cast:
    tenant = found_tenant()
    agent, quiet, silent = (Person.of(tenant.join("agent")) for _ in range(3))
    reporter, outsider = (Person.of(tenant.join()) for _ in range(2))
    quiet.change(notifications=dict.fromkeys(("assigned", "commented", "mentioned", "resolved", "reopened"), False))
    silent.change(notifications={"mail": False})
    key = tenant.admin.post("/v1/api-keys", json={"name": "Program", "role": "agent"}).json()["key"]
    program = connect(token=key)
    return Cast(tenant, Person.of(tenant.admin), agent, reporter, quiet, silent, program, outsider)


@pytest.fixture(scope="module")
def post(stack: Stack) -> Postbox:
    return Postbox(stack)


@pytest.fixture
def topic(people: Cast) -> Topic:
    """Make a ticket of the reporter's that all watch who can be made to, but for the admin and the agent."""
    topic = Topic.by(people.reporter)
    people.watch(topic)
    return topic


# --- who -------------------------------------------------------------------------------------------------------------


def test_who_is_assigned_is_told_and_nobody_else(people: Cast, post: Postbox, topic: Topic) -> None:
    people.admin.api.patch(topic.url, json={"assignedToId": people.agent.id}).raise_for_status()
    told = (people.agent, "assigned")
    assert post.told(topic, told) == expecting(told)


@pytest.mark.long
def test_who_takes_a_ticket_knows_it(people: Cast, post: Postbox, topic: Topic) -> None:
    for taken_by in (people.agent, people.quiet, people.admin):
        taken_by.api.patch(topic.url, json={"assignedToId": taken_by.id}).raise_for_status()
    people.agent.api.patch(topic.url, json={"assignedToId": people.silent.id}).raise_for_status()
    people.agent.api.patch(topic.url, json={"assignedToId": people.admin.id}).raise_for_status()
    told = (people.admin, "assigned")
    assert post.told(topic, told) == expecting(told)


def test_a_comment_is_told_to_those_who_watch(people: Cast, post: Postbox, topic: Topic) -> None:
    topic.watched_by(people.admin)
    topic.comment(people.agent.api)
    told = (people.reporter, "commented"), (people.admin, "commented")
    assert post.told(topic, *told) == expecting(*told)


def test_whoever_is_mentioned_is_told_that_and_no_more(people: Cast, post: Postbox, topic: Topic) -> None:
    """The admin watches, too: one mail, for the reason that counts most."""
    topic.watched_by(people.admin)
    mentioned = (people.agent, people.admin, people.quiet, people.silent)
    topic.comment(people.reporter.api, " ".join(f"@[{person.id}]" for person in mentioned))
    told = (people.agent, "mentioned"), (people.admin, "mentioned")
    assert post.told(topic, *told) == expecting(*told)


def test_an_internal_comment_is_kept_from_reporters(people: Cast, post: Postbox, topic: Topic) -> None:
    topic.watched_by(people.admin)
    topic.comment(people.agent.api, visibility="internal")
    told = (people.admin, "commented")
    assert post.told(topic, told) == expecting(told)


def test_who_watches_is_told_of_the_end_and_of_another_beginning(people: Cast, post: Postbox, topic: Topic) -> None:
    topic.watched_by(people.agent)
    for move in ({"to": "OPEN"}, {"to": "RESOLVED", "resolution": "New router."}):
        topic.move(people.admin, **move)
    resolved = (people.reporter, "resolved"), (people.agent, "resolved")
    assert post.told(topic, *resolved) == expecting(*resolved)
    (mail,) = post.about(topic, people.reporter)
    assert "New router." in mail.text
    topic.move(people.admin, to="OPEN", comment="It is back.")
    reopened = (people.reporter, "reopened"), (people.agent, "reopened")
    assert post.told(topic, *reopened) == expecting(*resolved, *reopened)
    assert "It is back." in post.about(topic, people.reporter)[-1].text


@pytest.mark.long
def test_a_program_does_things_and_is_told_nothing(people: Cast, post: Postbox, topic: Topic) -> None:
    topic.comment(people.program)
    told = (people.reporter, "commented")
    assert post.told(topic, told) == expecting(told)
    assert "Program commented" in post.about(topic)[0].text


@pytest.mark.long
def test_who_may_not_see_it_any_more_is_told_nothing(people: Cast, post: Postbox, topic: Topic) -> None:
    """Somebody who watches leaves, somebody else has become a reporter of other tickets."""
    leaving, demoted = (Person.of(people.tenant.join("agent")) for _ in range(2))
    topic.watched_by(leaving, demoted)
    for person, change in ((leaving, {"active": False}), (demoted, {"role": "reporter"})):
        people.admin.api.patch(f"/v1/users/{person.id}", json=change).raise_for_status()
    topic.comment(people.agent.api)
    told = (people.reporter, "commented")
    assert post.told(topic, told) == expecting(told)


@pytest.mark.long
def test_who_watches_no_more_is_told_nothing(people: Cast, post: Postbox, topic: Topic) -> None:
    topic.watched_by(people.admin)
    people.reporter.api.delete(f"{topic.url}/watchers/me").raise_for_status()
    topic.comment(people.agent.api)
    told = (people.admin, "commented")
    assert post.told(topic, told) == expecting(told)


def test_nobody_of_another_tenant_is_told(people: Cast, post: Postbox, acme: Tenant, topic: Topic) -> None:
    stranger = Person.of(acme.agent)
    assert stranger.api.post(f"{topic.url}/watchers/me").status_code == httpx.codes.NOT_FOUND
    mention = {"body": f"@[{stranger.id}]"}
    refused = people.agent.api.post(f"{topic.url}/comments", json=mention)
    assert refused.status_code == httpx.codes.UNPROCESSABLE_ENTITY
    topic.comment(people.agent.api)
    told = (people.reporter, "commented")
    assert post.told(topic, told) == expecting(told)


# --- what ------------------------------------------------------------------------------------------------------------


def test_hostile_texts_are_texts_in_both_parts(people: Cast, post: Postbox) -> None:
    topic = Topic.by(people.reporter, '<script>alert("1")</script> {{actor}} {{x}}\r\nBcc: all@evil.example')
    topic.comment(people.agent.api, "<img src=x onerror=alert(1)>\n{{#if x}} {{html.title}}")
    (mail,) = post.arrived(topic, people.reporter)
    assert '<script>alert("1")</script> {{actor}} {{x}} Bcc: all@evil.example' in mail.subject
    assert "Bcc" not in mail.headers
    assert '<script>alert("1")</script> {{actor}} {{x}}' in mail.text
    assert "<img src=x onerror=alert(1)>\n{{#if x}} {{html.title}}" in mail.text
    assert "&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt; {{actor}} {{x}}" in mail.html
    assert "&lt;img src=x onerror=alert(1)&gt;<br>\n{{#if x}} {{html.title}}" in mail.html
    assert not any(tag in mail.html for tag in ("<script", "<img"))


@pytest.mark.long
def test_times_are_the_readers(people: Cast, post: Postbox, topic: Topic) -> None:
    reader = Person.of(people.tenant.join("agent"))
    reader.change(timeZone="Asia/Kathmandu")
    topic.watched_by(reader)
    moment = datetime.fromisoformat(topic.comment(people.agent.api)["createdAt"])
    for person, zone in ((reader, "Asia/Kathmandu"), (people.reporter, "UTC")):
        (mail,) = post.arrived(topic, person)
        when = f"{moment.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M} ({zone})"
        assert when in mail.text
        assert when in mail.html


def test_the_link_that_stops_mails_is_in_every_place_and_the_same_in_every_mail(people: Cast, post: Postbox) -> None:
    first, second = Topic.by(people.reporter), Topic.by(people.reporter)
    topics = {first: [people.reporter], second: [people.reporter, people.admin]}
    second.watched_by(people.admin)
    links: dict[str, set[str]] = {}
    for topic, readers in topics.items():
        topic.comment(people.agent.api)
        for reader in readers:
            (mail,) = post.arrived(topic, reader)
            link = link_in(mail)
            assert link.startswith(f"{post.stack.base_url}/v1/unsubscribe?token={people.tenant.id}.{reader.id}.")
            assert mail.headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
            assert link in mail.text
            assert f'href="{link}"' in mail.html
            links.setdefault(reader.email, set()).add(link)
    assert [len(each) for each in links.values()] == [1, 1]
    assert links[people.reporter.email] != links[people.admin.email]


# --- once at most ----------------------------------------------------------------------------------------------------


@pytest.fixture
def bus(stack: Stack) -> Iterator[BusProbe]:
    with BusProbe(stack) as probe:
        yield probe


def test_an_event_that_comes_again_is_no_second_mail(people: Cast, post: Postbox, topic: Topic, bus: BusProbe) -> None:
    """Somebody who watches only since then is mailed: so the event did come, and was looked at."""
    topic.comment(people.agent.api)
    post.arrived(topic, people.reporter)
    (envelope,) = until(lambda: bus.receive() and _comments(bus, topic), bool)
    late, later = (Person.of(people.tenant.join("agent")) for _ in range(2))

    topic.watched_by(late)
    body = json.dumps(envelope)
    for _ in range(2):
        post.stack.client("sqs").send_message(QueueUrl=post.physical_id("MailEventsQueue"), MessageBody=body)
    told = [(people.reporter, "commented"), (late, "commented")]
    assert post.told(topic, *told) == expecting(*told)

    topic.watched_by(later)
    entry = {name: envelope[key] for name, key in (("Source", "source"), ("DetailType", "detail-type"))}
    entry |= {"Detail": json.dumps(envelope["detail"]), "EventBusName": post.stack.outputs["EventBusName"]}
    assert post.stack.client("events").put_events(Entries=[entry, entry])["FailedEntryCount"] == 0
    told.append((later, "commented"))
    assert post.told(topic, *told) == expecting(*told)


def _comments(bus: BusProbe, topic: Topic) -> list[dict[str, Any]]:
    found = (each for each in bus.envelopes if each["detail"]["ticketId"] == topic.id)
    return [each for each in found if each["detail-type"] == "CommentAdded"]
