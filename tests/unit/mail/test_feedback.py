"""recordMailFeedback: what SES's events of bounces and complaints do, in the shapes that it documents."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber
from mypy_boto3_dynamodb import DynamoDBClient

from functions.mail import record_mail_feedback
from tests.unit.conftest import Items
from tests.unit.mail.support import put_recipient
from tests.unit.support import OTHER_ID, REPORTER, REPORTER_ID, USERS_TABLE, Context, data_of
from ticketing.aws import clients
from ticketing.mail.recipients import Recipients
from ticketing.mail.unsubscribe_links import UnsubscribeLinks
from ticketing.users.states import MailOff

pytestmark = pytest.mark.usefixtures("recipients")

ADDRESS = "1111@acme.example"
WHEN = "2026-02-02T08:15:09.669Z"
TAGS = {
    "ses:configuration-set": ["tickets"],
    "ses:from-domain": ["example.com"],
    "ses:caller-identity": ["MailEvents"],
    "tenant": ["acme"],
    "user": [REPORTER_ID],
}


def feedback(detail_type: str, record: dict[str, Any], *, to: str = ADDRESS, tags: Any = TAGS) -> dict[str, Any]:
    """Return the event that EventBridge hands to the function: SES's record, and the mail that it is about."""
    mail = {
        "timestamp": "2026-02-02T08:15:05.012Z",
        "source": "desk@example.com",
        "sourceArn": "arn:aws:ses:us-east-1:123456789012:identity/desk@example.com",
        "sendingAccountId": "123456789012",
        "messageId": "0100019c-example-000000",
        "destination": [to],
        "headersTruncated": False,
        "headers": [{"name": "To", "value": to}, {"name": "Subject", "value": "my-secret subject"}],
        "commonHeaders": {"from": ["desk@example.com"], "to": [to], "subject": "my-secret subject"},
    }
    return {
        "version": "0",
        "id": "12345678-1234-4234-8234-123456789012",
        "detail-type": detail_type,
        "source": "aws.ses",
        "account": "123456789012",
        "time": WHEN,
        "region": "us-east-1",
        "resources": ["arn:aws:ses:us-east-1:123456789012:configuration-set/tickets"],
        "detail": record | {"mail": mail if tags is None else mail | {"tags": tags}},
    }


def bounce(kind: str = "Permanent", subtype: str = "General", **about: Any) -> dict[str, Any]:
    """Return SES's event of a mail that was not taken."""
    recipient = {"emailAddress": ADDRESS, "action": "failed", "status": "5.1.1", "diagnosticCode": "smtp; 550 5.1.1"}
    record = {
        "bounceType": kind,
        "bounceSubType": subtype,
        "bouncedRecipients": [recipient],
        "timestamp": WHEN,
        "feedbackId": "0100019c-bounce-000000",
        "reportingMTA": "dsn; mta.example.com",
    }
    return feedback("Email Bounced", {"eventType": "Bounce", "bounce": record}, **about)


def complaint(kind: str | None = "abuse", **about: Any) -> dict[str, Any]:
    """Return SES's event of a complaint; not every mailbox says of which kind it is."""
    record: dict[str, Any] = {
        "feedbackId": "0100019c-complaint-000000",
        "complaintSubType": None,
        "complainedRecipients": [{"emailAddress": ADDRESS}],
        "timestamp": WHEN,
        "userAgent": "Amazon SES Mailbox Simulator",
    }
    if kind is not None:
        record |= {"complaintFeedbackType": kind, "arrivalDate": WHEN}
    return feedback("Email Complaint Received", {"eventType": "Complaint", "complaint": record}, **about)


def record(event: dict[str, Any]) -> None:
    """Hand an event to the function, through JSON as Lambda does."""
    record_mail_feedback.handler(json.loads(json.dumps(event)), Context())


def mail_off(client: DynamoDBClient) -> tuple[bool, str | None]:
    """Return whether the reporter's mail is off, and why."""
    key = {"PK": {"S": f"TENANT#acme#USER#{REPORTER_ID}"}, "SK": {"S": "USER"}}
    row = client.get_item(TableName=USERS_TABLE, Key=key)["Item"]
    on = row["notifications"]["M"].get("mail", {"BOOL": True})["BOOL"]
    return not on, row.get("mailOffReason", {}).get("S")


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        pytest.param(bounce(), "bounced", id="permanent bounce"),
        pytest.param(bounce(subtype="OnAccountSuppressionList"), "bounced", id="an address that SES no longer tries"),
        pytest.param(complaint(), "complained", id="complaint"),
        pytest.param(complaint(None), "complained", id="complaint of no kind"),
        pytest.param(bounce(to=ADDRESS.upper()), "bounced", id="the address in capitals"),
    ],
)
def test_what_stops_somebodys_mail(
    dynamodb: DynamoDBClient, user_items: Items, event: dict[str, Any], reason: str
) -> None:
    others = [each for each in user_items() if each["id"]["S"] != REPORTER_ID]
    record(event)
    assert mail_off(dynamodb) == (True, reason)
    assert [each for each in user_items() if each["id"]["S"] != REPORTER_ID] == others


@pytest.mark.parametrize(
    "event",
    [
        pytest.param(bounce("Transient", "MailboxFull"), id="a full mailbox"),
        pytest.param(bounce("Undetermined", "Undetermined"), id="a bounce that nobody understands"),
        pytest.param(complaint("not-spam"), id="a complaint taken back"),
        pytest.param(bounce(tags=None), id="no tags"),
        pytest.param(bounce(tags={"ses:configuration-set": ["tickets"]}), id="SES's own tags alone"),
        pytest.param(bounce(tags=TAGS | {"tenant": ["globex"]}), id="somebody of another tenant"),
        pytest.param(bounce(tags=TAGS | {"user": [OTHER_ID]}), id="somebody else, at this address"),
        pytest.param(bounce(tags=TAGS | {"user": ["55555555-5555-4555-8555-555555555555"]}), id="nobody"),
        pytest.param(bounce(to="before@acme.example"), id="an address of before"),
        pytest.param(complaint(to="before@acme.example"), id="a complaint from an address of before"),
        pytest.param(
            feedback("Email Delivered", {"eventType": "Delivery", "delivery": {"timestamp": WHEN}}), id="a delivery"
        ),
    ],
)
def test_what_stops_nobodys_mail(user_items: Items, event: dict[str, Any]) -> None:
    before = user_items()
    record(event)
    assert user_items() == before


def test_the_same_again_changes_nothing(user_items: Items, written: Callable[[], str]) -> None:
    record(bounce())
    after = user_items()
    assert counted(written()) == [("bounced", 1)]
    record(bounce())
    assert user_items() == after
    assert counted(written()) == [("bounced", 0)]


def test_the_first_reason_stays(dynamodb: DynamoDBClient) -> None:
    Recipients(data_of(dynamodb, "acme")).stop(REPORTER_ID, MailOff.UNSUBSCRIBED)
    record(complaint())
    assert mail_off(dynamodb) == (True, "unsubscribed")


def test_who_switched_mail_on_again_can_lose_it_again(dynamodb: DynamoDBClient) -> None:
    put_recipient(dynamodb, REPORTER, notifications={"mail": True})
    record(complaint())
    assert mail_off(dynamodb) == (True, "complained")


def test_a_bounce_is_counted_and_nothing_of_the_mail_is_logged(
    dynamodb: DynamoDBClient, written: Callable[[], str]
) -> None:
    link = UnsubscribeLinks(data_of(dynamodb, "acme")).of(REPORTER_ID)
    event = bounce()
    event["detail"]["mail"]["headers"].append({"name": "List-Unsubscribe", "value": f"<https://x/?token={link.token}>"})
    record(event)
    record(bounce("Transient", "MailboxFull"))
    text = written()
    assert counted(text) == [("bounced", 1), ("none", 0)]
    assert '"kind":"Bounce","stopped":true' in text
    for secret in ("my-secret", ADDRESS, link.secret):
        assert secret not in text


@pytest.mark.parametrize(
    ("event", "why"),
    [
        (
            feedback("Email Rejected", {"eventType": "Reject", "reject": {"reason": "Bad content"}}),
            '"reason":"Bad content"',
        ),
        (
            feedback(
                "Email Rendering Failed",
                {
                    "eventType": "Rendering Failure",
                    "failure": {
                        "errorMessage": "Attribute 'when' is not present in the rendering data.",
                        "templateName": "tickets-assigned",
                    },
                },
            ),
            '"reason":"Attribute \'when\' is not present in the rendering data.","template":"tickets-assigned"',
        ),
    ],
    ids=["rejected", "not rendered"],
)
def test_what_ses_did_not_send_is_counted_and_stops_nobodys_mail(
    user_items: Items, written: Callable[[], str], event: dict[str, Any], why: str
) -> None:
    before = user_items()
    record(event)
    text = written()
    assert user_items() == before
    assert why in text
    assert [json.loads(line)["MailsNotSent"] for line in text.splitlines() if "MailsNotSent" in line] == [[1.0]]
    assert "my-secret" not in text


@pytest.mark.parametrize("code", ["ThrottlingException", "InternalServerError", "AccessDeniedException"])
def test_what_could_not_be_recorded_is_left_to_lambda(user_items: Items, code: str) -> None:
    before = user_items()
    with Stubber(clients.dynamodb()) as stubber:
        stubber.add_client_error("update_item", code)
        with pytest.raises(ClientError, match=code):
            record(bounce())
    assert user_items() == before


@pytest.mark.parametrize("missing", ["mail", "bounce", "eventType"])
def test_what_is_no_record_of_ses_is_left_to_lambda(missing: str) -> None:
    event = bounce()
    del event["detail"][missing]
    with pytest.raises(KeyError, match=missing):
        record(event)


def counted(text: str) -> list[tuple[str, float]]:
    """Return the metric MailsStopped in what was written, entry by entry: the reason, and how many."""
    lines = [json.loads(line) for line in text.splitlines()]
    return [(line["reason"], sum(line["MailsStopped"])) for line in lines if "MailsStopped" in line]
