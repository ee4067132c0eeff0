"""The links that stop somebody's mail: one per person, known by its whole secret alone."""

from dataclasses import replace
from datetime import timedelta

import pytest
from mypy_boto3_dynamodb import DynamoDBClient

from tests.unit.conftest import Clock
from tests.unit.support import MOMENT, NOTIFICATIONS_TABLE, OTHER_ID, REPORTER_ID, data_of
from ticketing.dynamodb.attributes import to_item
from ticketing.mail.unsubscribe_links import (
    GOOD_FOR,
    UnsubscribeLink,
    UnsubscribeLinks,
    mail_key,
    parse,
)

SECRET = "S" * 43
LINK = UnsubscribeLink("acme", REPORTER_ID, SECRET)


@pytest.fixture
def links(dynamodb: DynamoDBClient) -> UnsubscribeLinks:
    """Return the links of acme."""
    return UnsubscribeLinks(data_of(dynamodb, "acme"))


def test_somebodys_link_stays_the_same(links: UnsubscribeLinks) -> None:
    first = links.of(REPORTER_ID)
    assert links.of(REPORTER_ID) == first
    assert links.knows(first)


def test_each_link_has_a_secret_of_its_own(links: UnsubscribeLinks, dynamodb: DynamoDBClient) -> None:
    made = [links.of(REPORTER_ID), links.of(OTHER_ID)]
    made.append(UnsubscribeLinks(data_of(dynamodb, "globex")).of(REPORTER_ID))
    assert len({link.secret for link in made}) == len(made)
    assert {len(link.secret) for link in made} == {43}  # 256 bits, six for each character


def test_every_mail_makes_the_link_last(dynamodb: DynamoDBClient, links: UnsubscribeLinks, time: Clock) -> None:
    links.of(REPORTER_ID)
    time.forward(days=7)
    links.of(REPORTER_ID)
    (item,) = dynamodb.scan(TableName=NOTIFICATIONS_TABLE)["Items"]
    assert int(item["expiresAt"]["N"]) == int((MOMENT + timedelta(days=7) + GOOD_FOR).timestamp())


def test_a_link_is_known_by_its_whole_secret_alone(links: UnsubscribeLinks) -> None:
    mine, others = links.of(REPORTER_ID), links.of(OTHER_ID)
    for secret in ("", SECRET, mine.secret[:-1], mine.secret + "x", mine.secret.swapcase(), others.secret):
        assert not links.knows(replace(mine, secret=secret))


@pytest.mark.parametrize("item", [{}, {"expiresAt": 1}, {"secret": ""}], ids=["none", "without a secret", "empty"])
def test_where_no_secret_is_kept_no_link_is_known(
    dynamodb: DynamoDBClient, links: UnsubscribeLinks, item: dict[str, str | int]
) -> None:
    if item:
        dynamodb.put_item(TableName=NOTIFICATIONS_TABLE, Item=to_item(mail_key("acme", REPORTER_ID) | item))
    assert not links.knows(LINK)


def test_a_token_is_read_as_it_was_written() -> None:
    assert parse(LINK.token) == LINK


@pytest.mark.parametrize(
    "token",
    [
        "",
        ".",
        "..",
        SECRET,
        f"acme.{REPORTER_ID}",
        f"acme.{REPORTER_ID}.",
        f".{REPORTER_ID}.{SECRET}",
        f"acme..{SECRET}",
        f"{LINK.token}.{SECRET}",
        f"{LINK.token}\n",
        f" {LINK.token}",
        LINK.token[:-1],
        LINK.token + "S",
        f"acme#.{REPORTER_ID}.{SECRET}",
        f"{'a' * 65}.{REPORTER_ID}.{SECRET}",
        f"acme.{REPORTER_ID[:-1]}#.{SECRET}",
        f"acme.{REPORTER_ID}.{'é' * 43}",
        f"acme.{REPORTER_ID}.{'٣' * 43}",
    ],
)
def test_what_has_not_the_shape_of_a_token_is_none(token: str) -> None:
    assert parse(token) is None


@pytest.mark.parametrize("tenant_id", ["", "acme#", "a" * 65])
def test_without_a_tenant_there_are_no_links(dynamodb: DynamoDBClient, tenant_id: str) -> None:
    with pytest.raises(ValueError, match="tenant"):
        UnsubscribeLinks(data_of(dynamodb, tenant_id))
