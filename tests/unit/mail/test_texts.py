"""What is in a mail: every reason, hostile texts, time zones; rendered by the templates of template.yaml."""

from html.parser import HTMLParser
from typing import Any

import pytest
from mypy_boto3_dynamodb import DynamoDBClient

from tests.unit.mail.support import (
    COMMENT_ID,
    Arrived,
    Ses,
    commented,
    deliver,
    happened,
    moved,
    put_comment,
    put_file,
    put_recipient,
)
from tests.unit.support import ADMIN, ADMIN_ID, AGENT, OTHER_REPORTER, REPORTER, REPORTER_ID, TICKET_ID
from ticketing.access.roles import Role
from ticketing.attachments.models import State
from ticketing.tickets.events import SYSTEM_ID, Actor, TicketEvent

pytestmark = pytest.mark.usefixtures("recipients")

LINK = f"https://desk.example.com/tickets/1?id={TICKET_ID}"


def mailed(ses: Ses, event: TicketEvent) -> Arrived:
    assert deliver(event) == []
    (mail,) = ses.mails
    return mail


@pytest.mark.parametrize(
    ("event", "subject", "lines"),
    [
        pytest.param(
            happened("x", changes={"assignedToId": (None, ADMIN_ID)}),
            "[#1] Assigned to you: VPN drops",
            ["Agent assigned this ticket to you."],
            id="assigned",
        ),
        pytest.param(
            commented(), "[#1] New comment: VPN drops", ["Agent commented on this ticket:", "Try it now."], id="comment"
        ),
        pytest.param(
            commented(mentions=[REPORTER_ID]),
            "[#1] You were mentioned: VPN drops",
            ["Agent mentioned you on this ticket:", "Try it now."],
            id="mentioned",
        ),
        pytest.param(
            moved("OPEN", "RESOLVED", changes={"resolution": (None, "New router.")}, comment="At noon."),
            "[#1] Resolved: VPN drops",
            ["Agent resolved this ticket:", "New router.", "At noon."],
            id="resolved",
        ),
        pytest.param(
            moved("CLOSED", "OPEN", comment="Again."),
            "[#1] Reopened: VPN drops",
            ["Agent opened this ticket again.", "Again."],
            id="reopened",
        ),
    ],
)
def test_each_mail(dynamodb: DynamoDBClient, ses: Ses, event: TicketEvent, subject: str, lines: list[str]) -> None:
    put_comment(dynamodb)
    mail = mailed(ses, event)
    assert mail.subject == subject
    unsubscribe = f"https://api.example.com/v1/unsubscribe?token={mail.token}"
    for line in (*lines, "#1 VPN drops", "2026-02-02 08:15 (UTC)", LINK, unsubscribe):
        assert line in mail.text
        assert line in Shown.of(mail.html)
    assert mail.headers == {
        "List-Unsubscribe": f"<{unsubscribe}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }


def test_without_an_address_of_the_app_there_is_no_link(ses: Ses, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APP_URL", "")
    mail = mailed(ses, moved("OPEN", "RESOLVED"))
    assert "desk.example.com" not in mail.text + mail.html
    assert "Open the ticket" not in mail.html


def test_the_files_of_a_comment_are_named_and_never_attached(dynamodb: DynamoDBClient, ses: Ses) -> None:
    put_file(dynamodb, "1", "<b>.png", comment_id=COMMENT_ID)
    put_file(dynamodb, "2", "late.log", comment_id=COMMENT_ID, state=State.SCANNING)
    put_file(dynamodb, "3", "virus.exe", comment_id=COMMENT_ID, state=State.INFECTED)
    put_file(dynamodb, "4", "other.png")
    put_comment(dynamodb, attachment_ids=["1", "2", "3"])
    mail = mailed(ses, commented())
    assert "Try it now.\n\nFiles:\n- <b>.png\n- late.log\n\nhttps:" in mail.text
    assert "Try it now.</blockquote>" in mail.html
    assert "- <b>.png" in Shown.of(mail.html)
    page = Shown()
    page.feed(mail.html)
    assert "b" not in page.tags
    assert LINK in mail.text
    assert not any(name in mail.text + mail.html for name in ("virus.exe", "other.png"))
    assert set(ses.taken[0]["Content"]) == {"Template"}


def test_who_is_mentioned_has_a_name(dynamodb: DynamoDBClient, ses: Ses) -> None:
    put_recipient(dynamodb, ADMIN, name="<b>Ada</b>\nLovelace")
    here, gone = f"@[{ADMIN_ID}]", "@[99999999-9999-4999-8999-999999999999]"
    put_comment(dynamodb, body=f"{here.upper()}, {here}: ask {gone}.", mentions=[ADMIN_ID, gone[2:-1]])
    mail = mailed(ses, commented())
    expected = f"@<b>Ada</b> Lovelace, @<b>Ada</b> Lovelace: ask {gone}."
    assert expected in mail.text
    assert expected in Shown.of(mail.html)


class Shown(HTMLParser):
    """What a mail program shows of HTML, which tags it sees, and where links lead."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.tags: set[str] = set()
        self.links: list[str] = []

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.links += [value for name, value in attrs if name == "href" and value]

    @classmethod
    def of(cls, html: str) -> str:
        """Return all that is shown, and the addresses of links."""
        shown = cls()
        shown.feed(html)
        return "".join([*shown.texts, *shown.links])


HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "{{unsubscribe}} {{#if link}} {{{html.link}}}",
    "&lt;b&gt; &amp; <b>",
    "</p></blockquote><a href='https://evil.example'>Ünï \U0001f525</a>",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_texts_stay_texts(dynamodb: DynamoDBClient, ses: Ses, text: str) -> None:
    put_recipient(dynamodb, AGENT, name=text)
    put_comment(dynamodb, body=text)
    mail = mailed(ses, commented(ticket={"title": text}))
    assert mail.subject == f"[#1] New comment: {text}"
    assert mail.text.startswith(f"{text} commented on this ticket:\n\n#1 {text}\n")
    assert f"\n{text}\n" in mail.text
    page = Shown()
    page.feed(mail.html)
    assert page.tags == {"html", "head", "meta", "body", "div", "p", "strong", "br", "blockquote", "a"}
    assert "".join(page.texts).count(text) == 3
    assert page.links == [LINK, mail.headers["List-Unsubscribe"].strip("<>")]


@pytest.mark.parametrize("title", ["a\r\nBcc: x@evil.example", "a\nb", "a\u2028b", "a\x0bb\x7f", "  a \t b  "])
def test_a_subject_is_one_line(ses: Ses, title: str) -> None:
    mail = mailed(ses, moved("OPEN", "RESOLVED", ticket={"title": title}))
    assert mail.subject.isprintable()
    assert mail.subject.startswith("[#1] Resolved: a ")


def test_lines_of_a_comment_stay_apart(dynamodb: DynamoDBClient, ses: Ses) -> None:
    put_comment(dynamodb, body="One\n\n* two")
    mail = mailed(ses, commented())
    assert "\nOne\n\n* two\n" in mail.text
    assert "One<br>\n<br>\n* two" in mail.html


@pytest.mark.parametrize(
    ("zone", "expected"),
    [
        ("Europe/Lisbon", "2026-02-02 08:15 (Europe/Lisbon)"),
        ("Asia/Kathmandu", "2026-02-02 14:00 (Asia/Kathmandu)"),
        ("Pacific/Kiritimati", "2026-02-02 22:15 (Pacific/Kiritimati)"),
        ("America/St_Johns", "2026-02-02 04:45 (America/St_Johns)"),
        ("Gone/Nowhere", "2026-02-02 08:15 (UTC)"),
        ("../../etc/passwd", "2026-02-02 08:15 (UTC)"),
    ],
)
def test_times_are_in_the_recipients_zone(dynamodb: DynamoDBClient, ses: Ses, zone: str, expected: str) -> None:
    put_recipient(dynamodb, REPORTER, timeZone=zone)
    assert expected in mailed(ses, moved("OPEN", "RESOLVED")).text


def test_summer_counts(dynamodb: DynamoDBClient, ses: Ses, time: Any) -> None:
    put_recipient(dynamodb, REPORTER, timeZone="Europe/Berlin")
    event = moved("OPEN", "RESOLVED", occurred_at="2026-07-31T23:30:00.000Z")
    time.forward(days=179)
    assert "2026-08-01 01:30 (Europe/Berlin)" in mailed(ses, event).text


@pytest.mark.parametrize(
    ("actor", "name"),
    [(SYSTEM_ID, "The ticket system"), ("99999999-9999-4999-8999-999999999999", "Somebody")],
)
def test_who_is_no_user_has_a_name_all_the_same(ses: Ses, actor: str, name: str) -> None:
    mail = mailed(ses, moved("OPEN", "RESOLVED", actor=Actor(id=actor, role=Role.SYSTEM)))
    assert mail.text.startswith(f"{name} resolved this ticket:")


def test_the_tags_lead_back_to_the_reader(ses: Ses) -> None:
    mail = mailed(ses, moved("OPEN", "RESOLVED"))
    assert mail.tags == {"tenant": "acme", "user": REPORTER_ID}
    assert OTHER_REPORTER.user_id not in str(ses.taken)
