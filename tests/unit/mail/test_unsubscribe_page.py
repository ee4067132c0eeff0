"""showUnsubscribe and unsubscribe: what a link does, and that nothing tells a good one from a bad one."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.stub import Stubber
from mypy_boto3_dynamodb import DynamoDBClient

from functions.mail import show_unsubscribe, unsubscribe
from tests.unit.conftest import Items
from tests.unit.mail.support import put_recipient
from tests.unit.support import (
    ADMIN,
    ADMIN_ID,
    MOMENT_TEXT,
    OTHER_ID,
    REPORTER,
    REPORTER_ID,
    STRANGER,
    USERS_TABLE,
    Answer,
    api_event,
    data_of,
    send,
)
from ticketing.access.identity import Caller
from ticketing.aws import clients
from ticketing.mail.recipients import Recipients
from ticketing.mail.unsubscribe_links import UnsubscribeLink, UnsubscribeLinks
from ticketing.mail.unsubscribe_page import ASK, DONE

pytestmark = pytest.mark.usefixtures("recipients")

PATH = "/v1/unsubscribe"
NOBODY = "55555555-5555-4555-8555-555555555555"


@pytest.fixture
def good(dynamodb: DynamoDBClient) -> UnsubscribeLink:
    """Return the reporter's link, from a mail that they got."""
    return UnsubscribeLinks(data_of(dynamodb, "acme")).of(REPORTER_ID)


@pytest.fixture
def foreign(dynamodb: DynamoDBClient) -> UnsubscribeLink:
    """Return the link of globex's admin, who has the id of acme's admin."""
    put_recipient(dynamodb, STRANGER)
    return UnsubscribeLinks(data_of(dynamodb, "globex")).of(ADMIN_ID)


def post(query: str, **event: Any) -> Answer:
    return send(unsubscribe.handler, api_event("POST", PATH + query, caller=None, **event))


def show(query: str) -> Answer:
    return send(show_unsubscribe.handler, api_event("GET", PATH + query, caller=None))


def stored(client: DynamoDBClient, caller: Caller) -> dict[str, Any]:
    """Return somebody's row, in DynamoDB's JSON."""
    key = {"PK": {"S": f"TENANT#{caller.tenant_id}#USER#{caller.user_id}"}, "SK": {"S": "USER"}}
    return client.get_item(TableName=USERS_TABLE, Key=key)["Item"]


def gets_mail(client: DynamoDBClient, caller: Caller) -> bool:
    known = Recipients(data_of(client, caller.tenant_id)).known([caller.user_id])
    return known[caller.user_id].notifications.mail


# --- a good link -----------------------------------------------------------------------------------------------------


def test_a_link_stops_the_mails_of_one_person(
    dynamodb: DynamoDBClient, user_items: Items, good: UnsubscribeLink
) -> None:
    before = user_items()
    assert post(f"?token={good.token}").status == 200
    row = stored(dynamodb, REPORTER)
    assert row["notifications"]["M"]["mail"] == {"BOOL": False}
    assert row["notifications"]["M"]["resolved"] == {"BOOL": True}
    assert (row["mailOffReason"], row["version"], row["updatedAt"]) == (
        {"S": "unsubscribed"},
        {"N": "2"},
        {"S": MOMENT_TEXT},
    )
    assert [each for each in user_items() if each["id"]["S"] != REPORTER_ID] == [
        each for each in before if each["id"]["S"] != REPORTER_ID
    ]


def test_a_link_used_twice_does_no_more(user_items: Items, good: UnsubscribeLink) -> None:
    first, after = post(f"?token={good.token}"), user_items()
    assert post(f"?token={good.token}") == first
    assert user_items() == after


@pytest.mark.parametrize(
    "body",
    [None, "List-Unsubscribe=One-Click", "{", "\x00", "x" * 100_000],
    ids=["none", "RFC 8058", "{", "NUL", "long"],
)
def test_what_the_body_says_does_not_matter(dynamodb: DynamoDBClient, good: UnsubscribeLink, body: str | None) -> None:
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    assert post(f"?token={good.token}", body=body, headers=kind).text == DONE
    assert not gets_mail(dynamodb, REPORTER)


def test_what_else_the_query_says_does_not_matter(dynamodb: DynamoDBClient, good: UnsubscribeLink) -> None:
    post(f"?utm_source=mail&token={good.token}")
    assert not gets_mail(dynamodb, REPORTER)


def test_a_link_is_good_in_its_own_tenant_alone(dynamodb: DynamoDBClient, foreign: UnsubscribeLink) -> None:
    post(f"?token={foreign.token}")
    assert gets_mail(dynamodb, ADMIN)
    assert not gets_mail(dynamodb, STRANGER)


# --- bad links -------------------------------------------------------------------------------------------------------

type Query = Callable[[UnsubscribeLink, UnsubscribeLink], str]

BAD: dict[str, Query] = {
    "missing": lambda _good, _foreign: "",
    "another name": lambda good, _: f"?Token={good.token}",
    "empty": lambda _good, _foreign: "?token=",
    "doubled": lambda good, _: f"?token={good.token}&token={good.token}",
    "doubled, one empty": lambda good, _: f"?token=&token={good.token}",
    "altered": lambda good, _: f"?token={good.token.swapcase()}",
    "altered at its end": lambda good, _: f"?token={good.token[:-1]}{'A' if good.token[-1] != 'A' else 'B'}",
    "cut": lambda good, _: f"?token={good.token[:-1]}",
    "over-long": lambda good, _: f"?token={good.token}{'A' * 8000}",
    "a line break behind": lambda good, _: f"?token={good.token}%0A",
    "not ASCII": lambda good, _: f"?token=acme.{good.user_id}.{'%C3%A9' * 43}",
    "a tenant that can not be": lambda good, _: f"?token=acme%23.{good.user_id}.{good.secret}",
    "another's secret": lambda good, _: f"?token=acme.{OTHER_ID}.{good.secret}",
    "a foreign tenant's secret": lambda _, foreign: f"?token=acme.{ADMIN_ID}.{foreign.secret}",
    "a foreign tenant's name": lambda good, _: f"?token=globex.{REPORTER_ID}.{good.secret}",
    "nobody's": lambda good, _: f"?token=acme.{NOBODY}.{good.secret}",
}


@pytest.mark.parametrize("query", BAD.values(), ids=BAD)
def test_a_bad_link_changes_nothing_and_is_answered_like_a_good_one(
    user_items: Items, good: UnsubscribeLink, foreign: UnsubscribeLink, query: Query
) -> None:
    before = user_items()
    answer = post(query(good, foreign))
    assert user_items() == before
    assert answer == post(f"?token={good.token}")


@pytest.mark.parametrize("query", BAD.values(), ids=BAD)
def test_the_question_is_the_same_for_every_link(good: UnsubscribeLink, foreign: UnsubscribeLink, query: Query) -> None:
    assert show(query(good, foreign)) == show(f"?token={good.token}")


def test_the_link_of_somebody_who_is_gone_is_answered_like_any_other(
    dynamodb: DynamoDBClient, good: UnsubscribeLink
) -> None:
    gone = UnsubscribeLinks(data_of(dynamodb, "acme")).of(NOBODY)
    assert post(f"?token={gone.token}") == post(f"?token={good.token}")
    assert "Item" not in dynamodb.get_item(
        TableName=USERS_TABLE, Key={"PK": {"S": f"TENANT#acme#USER#{NOBODY}"}, "SK": {"S": "USER"}}
    )


# --- the pages -------------------------------------------------------------------------------------------------------


def test_looking_at_the_page_changes_nothing(user_items: Items, good: UnsubscribeLink) -> None:
    before = user_items()
    with Stubber(clients.dynamodb()):  # which refuses every request
        assert show(f"?token={good.token}").text == ASK
    assert user_items() == before


def test_the_pages_are_for_nobody_else(good: UnsubscribeLink) -> None:
    for answer in (show(f"?token={good.token}"), post(f"?token={good.token}")):
        assert answer.status == 200
        assert answer.headers == {
            "Cache-Control": "no-store",
            "Content-Security-Policy": (
                "default-src 'none'; style-src 'unsafe-inline'; "
                "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
            ),
            "Content-Type": "text/html; charset=utf-8",
            "Referrer-Policy": "no-referrer",
            "Vary": "Origin",
            "X-Content-Type-Options": "nosniff",
            "X-Robots-Tag": "noindex",
        }
        assert REPORTER_ID not in answer.text


def test_the_pages_have_the_cors_headers_of_the_deployment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CORS_ORIGINS", "*")
    assert show("").headers["Access-Control-Allow-Origin"] == "*"
    assert post("").headers["Access-Control-Allow-Origin"] == "*"


# --- what is logged, what fails --------------------------------------------------------------------------------------


def test_nothing_of_a_link_is_logged(
    good: UnsubscribeLink, foreign: UnsubscribeLink, written: Callable[[], str]
) -> None:
    for query in [lambda link, _: f"?token={link.token}", *BAD.values()]:
        show(query(good, foreign))
        post(query(good, foreign))
    text = written()
    assert '"operation":"showUnsubscribe"' in text
    assert '"operation":"unsubscribe"' in text
    for secret in (good.secret, good.secret.swapcase(), foreign.secret, REPORTER_ID, ADMIN_ID, "acme", "globex"):
        assert secret not in text


@pytest.mark.parametrize(
    ("code", "expected"),
    [("ThrottlingException", (503, "service_unavailable")), ("AccessDeniedException", (500, "internal_server_error"))],
)
@pytest.mark.parametrize("action", ["get_item", "update_item"])
def test_a_failing_table_is_said_and_tells_nothing(
    good: UnsubscribeLink, written: Callable[[], str], action: str, code: str, expected: tuple[int, str]
) -> None:
    with Stubber(clients.dynamodb()) as stubber:
        if action == "update_item":
            stubber.add_response("get_item", {"Item": {"secret": {"S": good.secret}}})
        stubber.add_client_error(action, code)
        answer = post(f"?token={good.token}")
    assert answer.error == expected
    for text in (answer.text, written()):
        assert good.secret not in text
        assert REPORTER_ID not in text
