"""Reads users for other services: whether a ticket may name them, their names and their roles.

The users table belongs to `ticketing.users`. This module only reads, and only a few attributes. It is small because
every operation on tickets imports it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ticketing.access.roles import AGENTS, Role
from ticketing.aws.data import TenantData
from ticketing.dynamodb.attributes import to_item
from ticketing.dynamodb.damage import Item, read_all, read_one
from ticketing.dynamodb.tables import ThrottledError, batch_get
from ticketing.errors import ServiceUnavailableError
from ticketing.people.keys import people_key, tenant_key, user_key
from ticketing.text import folded

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import KeysAndAttributesUnionTypeDef, TransactWriteItemTypeDef

_AGENTS: Final = sorted(AGENTS)


@dataclass(frozen=True, slots=True)
class Person:
    """A user or API key that a ticket names. Without a row they have no name and are not active."""

    id: str
    name: str | None = None
    active: bool = False


class PersonGoneError(Exception):
    """The person has no row."""


class People:
    """The users of one tenant, as tickets name them. Every key it builds starts with the tenant's id."""

    def __init__(self, data: TenantData) -> None:
        self._client = data.client
        self._table = data.tables.users
        self._tenant_id = data.tenant_id

    def check(self, person_id: str, *, agents_only: bool) -> TransactWriteItemTypeDef:
        """Return the condition check, for a transaction, that the person is active (and an agent or admin)."""
        condition, names, values = "#active = :yes", {"#active": "active"}, {":yes": True}
        if agents_only:
            condition += " AND #role IN (:admin, :agent)"
            names |= {"#role": "role"}
        roles = {f":{role}": role for role in _AGENTS} if agents_only else {}
        return {
            "ConditionCheck": {
                "TableName": self._table,
                "Key": to_item(self._key(person_id)),
                "ConditionExpression": condition,
                "ExpressionAttributeNames": names,
                "ExpressionAttributeValues": to_item(values | roles),
            }
        }

    def is_active(self, person_id: str, *, agents_only: bool) -> bool:
        """Return the result of `check` by a consistent read, for writes of the state machine."""
        person = self._standing(person_id)
        return person is not None and person.active and (not agents_only or person.role in AGENTS)

    def role_now(self, person_id: str) -> Role | None:
        """Return a person's current role (a consistent read); None if they are not active.

        Raises
        ------
        PersonGoneError
            They have no row.
        """
        person = self._standing(person_id)
        if person is None:
            raise PersonGoneError
        return person.role if person.active else None

    def known(self, ids: Iterable[str], *, consistent: bool = False) -> dict[str, Person]:
        """Return these people by id, including those without a row: one batch read for every 100.

        Decisions need a consistent read; names need not.

        Raises
        ------
        ServiceUnavailableError
            DynamoDB throttled the reads, and retries did not help.
        """
        people = {each: Person(each) for each in ids}
        keys = [self._key(each) for each in people]
        attributes = ("id", "name", "active")
        found = read_people(self._client, self._table, keys, attributes, _person, consistent=consistent)
        return people | {person.id: person for person in found}

    def with_address(self, address: str) -> str | None:
        """Return the id of the person with an e-mail address, active or not; None if there is none.

        It comes from an index (eventually consistent).
        """
        answer = self._client.query(
            TableName=self._table,
            IndexName="byEmail",
            KeyConditionExpression="tenantKey = :people AND emailKey = :address",
            ExpressionAttributeValues=to_item({":people": people_key(self._tenant_id), ":address": folded(address)}),
            ProjectionExpression="id",
        )
        return next((item["id"]["S"] for item in answer["Items"]), None)

    def time_zone(self, *, consistent: bool = False) -> str:
        """Return the name of the tenant's time zone, `UTC` unless its settings have one."""
        settings = self.settings(consistent=consistent)
        return settings["timeZone"]["S"] if "timeZone" in settings else "UTC"

    def settings(self, *, consistent: bool = False) -> Item:
        """Return the tenant's settings as they are stored; empty if it has none."""
        answer = self._client.get_item(
            TableName=self._table,
            Key=to_item(tenant_key(self._tenant_id)),
            ProjectionExpression="#settings",
            ExpressionAttributeNames={"#settings": "settings"},
            ConsistentRead=consistent,
        )
        settings: Item = answer.get("Item", {}).get("settings", {}).get("M", {})
        return settings

    def _standing(self, person_id: str) -> _Standing | None:
        answer = self._client.get_item(
            TableName=self._table,
            Key=to_item(self._key(person_id)),
            ConsistentRead=True,
            ProjectionExpression="PK, SK, #active, #role",
            ExpressionAttributeNames={"#active": "active", "#role": "role"},
        )
        return read_one(answer["Item"], _standing) if "Item" in answer else None

    def _key(self, person_id: str) -> dict[str, str]:
        return user_key(self._tenant_id, person_id)


@dataclass(frozen=True, slots=True)
class _Standing:
    active: bool
    role: Role


def _standing(item: Item) -> _Standing:
    return _Standing(item["active"]["BOOL"], Role(item["role"]["S"]))


def _person(item: Item) -> Person:
    return Person(item["id"]["S"], item["name"]["S"], item["active"]["BOOL"])


def read_people[T](  # noqa: PLR0913 - a batch read, spelled out
    client: DynamoDBClient,
    table: str,
    keys: Iterable[Mapping[str, str]],
    attributes: Sequence[str],
    read: Callable[[Item], T],
    *,
    consistent: bool = False,
) -> Iterator[T]:
    """Yield what `read` makes of these attributes of existing users: one batch read for every 100.

    A user that it can't read is left out. Unprocessed keys are retried.

    Raises
    ------
    ServiceUnavailableError
        DynamoDB throttled the reads, and retries did not help.
    """
    wanted: KeysAndAttributesUnionTypeDef = {
        "Keys": [],
        "ConsistentRead": consistent,
        "ProjectionExpression": ", ".join(["PK", "SK", *(f"#{name}" for name in attributes)]),
        "ExpressionAttributeNames": {f"#{name}": name for name in attributes},
    }
    try:
        yield from read_all(batch_get(client, table, keys, wanted), read)
    except ThrottledError as error:
        message = "The users table is throttled. Try again, or without expand."
        raise ServiceUnavailableError(message) from error
