"""Users in DynamoDB: the keys and expressions of their rows and invitations.

Every write that adds a user or changes their access is a transaction with the tenant's item: the tenant must be active,
and its count of admins changes along. docs/architecture.md has the whole layout.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import astuple, dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from ticketing.aws.data import TenantData
from ticketing.dynamodb import cursors
from ticketing.dynamodb.attributes import from_item, to_item
from ticketing.dynamodb.damage import read_all, read_one
from ticketing.dynamodb.tables import (
    Page,
    ThrottledError,
    answers_of,
    batch_get,
    items_of,
    page_of,
    update_of,
)
from ticketing.dynamodb.transactions import VersionConflictError, cancellation_codes, cancellation_reasons
from ticketing.errors import ServiceUnavailableError
from ticketing.people.keys import tenant_key, user_key
from ticketing.text import folded
from ticketing.users.errors import LastAdminError, TenantNotFoundError
from ticketing.users.models import Invitation, User
from ticketing.users.rows import invitation_key, invited_key, list_key, name_start, user_from, user_item
from ticketing.users.states import PENDING, Kind, TenantState

if TYPE_CHECKING:
    from botocore.exceptions import ClientError
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import QueryInputTypeDef, TransactWriteItemTypeDef, UpdateTypeDef

    from ticketing.users.models import TenantRole
    from ticketing.users.sought import Sought
    from ticketing.users.tenant_models import Tenant

_FILTERED_PAGE: Final = 400
"""How many users a list page reads at most if no index serves the whole filter. Limits cost and time."""

_SEARCHED_PAGES: Final = 10
"""How many times a page of a search asks for 1 MB of people: some 2,000 each."""

_SORTED_BY: Final = {"byName": "nameKey", "byEmail": "emailKey"}
"""The indexes of people and their range keys; the partition key of both is `tenantKey`."""

_NOT_LATER: Final = "(attribute_not_exists(tokensValidFrom) OR tokensValidFrom <= :from)"
"""The condition of a write that sets from when tokens count: this never goes back."""

_LENGTHS: Final = {"nameKey": "0,200", "emailKey": "1,254"}
"""How many characters their values have, without the id at the end of a `nameKey`. A key can have 1,024 bytes."""


class RowExistsError(Exception):
    """The user has a row already. Nothing was written."""


@dataclass(frozen=True, slots=True)
class UserFilter:
    """Which people a list contains; None means any. `name` and `email` are prefixes, `sought` is compared with both."""

    role: TenantRole | None = None
    active: bool | None = None
    name: str | None = None
    email: str | None = None
    sought: Sought | None = None

    def __str__(self) -> str:
        """Return the filter as the text that a cursor is bound to."""
        return json.dumps(astuple(self))


class UserRepository:
    """The users of one tenant. Every key it builds starts with the tenant's id."""

    def __init__(self, data: TenantData) -> None:
        self._people = list_key(data.tenant_id, Kind.PERSON)
        self._client = data.client
        self._table = data.tables.users
        self._id = data.tenant_id
        # How a single write fails if the item changed, or is part of a transaction at this moment.
        self._conflicts = (
            data.client.exceptions.ConditionalCheckFailedException,
            data.client.exceptions.TransactionConflictException,
        )

    def get(self, user_id: str) -> User | None:
        """Return a user, person or API key, as last written (a consistent read), or None if there is none."""
        answer = self._client.get_item(
            TableName=self._table, Key=to_item(user_key(self._id, user_id)), ConsistentRead=True
        )
        return read_one(answer["Item"], user_from) if "Item" in answer else None

    def list(self, wanted: UserFilter, *, limit: int, cursor: str | None) -> Page[User]:
        """Return one page of the people that match, by name, or by e-mail address if the filter has one.

        A page is full unless it is the last. No index serves filters by role, by activity, or by name and address
        together: those are applied to at most 400 people a page, so the page may be short and still have a next one.
        With `sought` it may read 10 MB of people.

        Raises
        ------
        BadRequestError
            The cursor was altered or belongs to another tenant or filter.
        ServiceUnavailableError
            DynamoDB throttled the batch read of those who were sought, and retries did not help.
        """
        scope = f"{self._people} {wanted}"
        query = self._query_for(wanted)
        sort_key = _SORTED_BY[query["IndexName"]]
        if cursor is not None:
            shape = _shape(sort_key, _starts(wanted).get(sort_key, ""))
            sorted_by, _, user_id = cursors.decode(cursor, scope=scope, shape=shape).rpartition("\t")
            query["ExclusiveStartKey"] = to_item(
                user_key(self._id, user_id)
                | {
                    "tenantKey": self._people,
                    sort_key: f"{sorted_by}\t{user_id}" if sort_key == "nameKey" else sorted_by,
                }
            )
        found: Iterable[User]
        if wanted.sought is None:
            # One more than requested shows whether there is a next page, without an empty page at the end.
            query["Limit"] = _FILTERED_PAGE if "FilterExpression" in query else limit + 1
            found, last = page_of(self._client, query, limit, user_from)
        else:
            found, last = self._search(wanted.sought, query, limit)
        following = cursors.encode(_position(last, sort_key), scope=scope) if last else None
        return Page([*found], following)

    def _search(
        self, sought: Sought, query: QueryInputTypeDef, limit: int
    ) -> tuple[Iterable[User], Mapping[str, Any] | None]:
        """Return the people of a query who are sought, and where the next page starts, as `page_of` does.

        It looks at names and addresses in the index, 1 MB of people at a time, until the page is full or after ten
        times, and reads the rows of those whom it found.
        """
        query["ProjectionExpression"] = "PK, SK, nameKey, emailKey"
        found: dict[str, Mapping[str, Any]] = {}
        last: Mapping[str, Any] | None = None
        for answer in islice(answers_of(self._client, query), _SEARCHED_PAGES):
            found |= {item["PK"]["S"]: item for item in answer["Items"] if _is_sought(item, sought)}
            last = answer.get("LastEvaluatedKey")
            if len(found) > limit:
                break
        if len(found) > limit:
            found = dict(islice(found.items(), limit))
            last = found[next(reversed(found))]
        keys = [from_item({name: item[name] for name in ("PK", "SK")}) for item in found.values()]
        try:
            rows = {item["PK"]["S"]: item for item in batch_get(self._client, self._table, keys, {"Keys": []})}
        except ThrottledError as error:
            message = "The users table is throttled. Try again."
            raise ServiceUnavailableError(message) from error
        return read_all((rows[key] for key in found if key in rows), user_from), last

    def list_people(self) -> Iterator[User]:
        """Return all people of the tenant, from the index: eventually consistent."""
        query: QueryInputTypeDef = {
            "TableName": self._table,
            "IndexName": "byName",
            "KeyConditionExpression": "tenantKey = :people",
            "ExpressionAttributeValues": to_item({":people": self._people}),
        }
        return read_all(items_of(self._client, query), user_from)

    def create(
        self, user: User, *, invitation: str | None = None, alongside: Sequence[TransactWriteItemTypeDef] = ()
    ) -> None:
        """Write a new user and delete the invitation in progress to this address, in one transaction.

        `alongside` are writes of other services in it: the audit event.

        Raises
        ------
        RowExistsError
            There is a row with this id.
        TenantNotFoundError
            The tenant does not exist or is being deleted.
        VersionConflictError
            Another transaction writes the same items.
        """
        put: TransactWriteItemTypeDef = {
            "Put": {
                "TableName": self._table,
                "Item": to_item(user_item(user)),
                "ConditionExpression": "attribute_not_exists(PK)",
            }
        }
        invited = [] if invitation is None else [self._invitation_deletion(invitation)]
        try:
            self._write(put, *invited, *alongside, admins=int(user.counts_as_admin))
        except self._client.exceptions.TransactionCanceledException as error:
            if _condition_failed(error, 1):
                raise RowExistsError from error
            raise

    def update_profile(self, before: User, after: User) -> None:
        """Write a user's profile or e-mail address, if `before` is still the current version.

        Raises
        ------
        VersionConflictError
            The row was changed or deleted after `before` was read.
        """
        try:
            self._client.update_item(**self._change(before, after))
        except self._conflicts as error:
            raise VersionConflictError from error

    def update_access(
        self,
        before: User,
        after: User,
        *,
        last_admin_may_go: bool = False,
        alongside: Sequence[TransactWriteItemTypeDef] = (),
    ) -> None:
        """Write a person's role and activity and the count of admins, if `before` is still the current version.

        `alongside` are more writes of the same transaction: the audit event, and what the person joins.

        Raises
        ------
        LastAdminError
            The tenant would have no active admin left.
        TenantNotFoundError
            The tenant does not exist or is being deleted.
        VersionConflictError
            The row was changed or deleted after `before` was read, a condition of `alongside` failed, or another
            transaction writes the same items.
        """
        admins = int(after.counts_as_admin) - int(before.counts_as_admin)
        try:
            change: TransactWriteItemTypeDef = {"Update": self._change(before, after)}
            self._write(change, *alongside, admins=admins, last_admin_may_go=last_admin_may_go)
        except self._client.exceptions.TransactionCanceledException as error:
            if "ConditionalCheckFailed" in cancellation_codes(error):
                raise VersionConflictError from error
            raise

    def end_tokens(self, user_id: str, *, valid_from: int) -> None:
        """End a person's tokens that were issued before this time, in seconds since 1970. A later time stays."""
        with suppress(self._client.exceptions.ConditionalCheckFailedException):  # a later time, or no row: none counts
            self._client.update_item(
                TableName=self._table,
                Key=to_item(user_key(self._id, user_id)),
                UpdateExpression="SET tokensValidFrom = :from",
                ConditionExpression=f"attribute_exists(PK) AND {_NOT_LATER}",
                ExpressionAttributeValues=to_item({":from": valid_from}),
            )

    def clear_pending(self, user: User) -> None:
        """Remove the pending mark of a row after Cognito was updated, if this is still the current version.

        Raises
        ------
        VersionConflictError
            The row was changed or deleted after it was read: Cognito may be out of date.
        """
        try:
            self._client.update_item(
                TableName=self._table,
                Key=to_item(user_key(self._id, user.id)),
                UpdateExpression="REMOVE taskKey, taskSince",
                ConditionExpression="version = :version",
                ExpressionAttributeValues=to_item({":version": user.version}),
            )
        except self._conflicts as error:
            raise VersionConflictError from error

    def put_invitation(self, invitation: Invitation, *, tenant: Tenant, day: str, most: int) -> None:
        """Write an invitation, and count it on the tenant's item. It replaces an earlier one to the same address.

        Raises
        ------
        VersionConflictError
            The tenant, as it was read, is not active any more or has sent the day's most meanwhile; it is another day's
            first; or another transaction writes the same items.
        """
        item = invitation_key(self._id, invitation.email) | invitation.model_dump(mode="json", by_alias=True)
        put: TransactWriteItemTypeDef = {"Put": {"TableName": self._table, "Item": to_item(item)}}
        try:
            self._client.transact_write_items(TransactItems=[{"Update": self._one_more(tenant, day, most)}, put])
        except self._client.exceptions.TransactionCanceledException as error:
            if {"ConditionalCheckFailed", "TransactionConflict"}.intersection(cancellation_codes(error)):
                raise VersionConflictError from error
            raise

    def _one_more(self, tenant: Tenant, day: str, most: int) -> UpdateTypeDef:
        """Return the update of the tenant that counts another invitation of a day, or its first."""
        expression, condition = "ADD invitations :one", "invitedOn = :day AND invitations < :most"
        values: dict[str, Any] = {":one": 1, ":active": TenantState.ACTIVE.value, ":day": day}
        if tenant.invited_on == day:
            values[":most"] = most
        else:
            expression = "SET invitedOn = :day, invitations = :one"
            condition = "(attribute_not_exists(invitedOn) OR invitedOn < :day)"
        return {
            "TableName": self._table,
            "Key": to_item(tenant_key(self._id)),
            "UpdateExpression": expression,
            "ConditionExpression": f"#state = :active AND {condition}",
            "ExpressionAttributeNames": {"#state": "state"},
            "ExpressionAttributeValues": to_item(values),
        }

    def get_invitation(self, email: str) -> Invitation | None:
        """Return the invitation in progress to an address (a consistent read), or None if there is none."""
        key = to_item(invitation_key(self._id, email))
        answer = self._client.get_item(TableName=self._table, Key=key, ConsistentRead=True)
        return read_one(answer["Item"], _invitation) if "Item" in answer else None

    def delete_invitation(self, email: str) -> None:
        """Delete an invitation in progress; without one, do nothing."""
        self._client.delete_item(TableName=self._table, Key=to_item(invitation_key(self._id, email)))

    def correct_admins(self, counted: int, found: int) -> bool:
        """Correct the tenant's count of admins, if it is still `counted`. Return whether it was."""
        try:
            self._client.update_item(
                TableName=self._table,
                Key=to_item(tenant_key(self._id)),
                UpdateExpression="SET admins = :found",
                ConditionExpression="admins = :counted",
                ExpressionAttributeValues=to_item({":counted": counted, ":found": found}),
            )
        except self._conflicts:
            return False
        return True

    def _write(self, *writes: TransactWriteItemTypeDef, admins: int, last_admin_may_go: bool = False) -> None:
        """Write in one transaction, if the tenant is active and keeps an admin. The tenant is its first item.

        Raises
        ------
        LastAdminError, TenantNotFoundError, VersionConflictError
            No admin would be left; the tenant is not active; another transaction writes one of the items.
        TransactionCanceledException
            The condition of the first write failed, which is checked first: a retry may find that nothing has to
            change. Or one of those that follow it failed.
        """
        try:
            self._client.transact_write_items(
                TransactItems=[self._count(admins, last_admin_may_go=last_admin_may_go), *writes]
            )
        except self._client.exceptions.TransactionCanceledException as error:
            if _condition_failed(error, 1):
                raise
            _raise_for_tenant(error)
            if "TransactionConflict" in cancellation_codes(error):
                raise VersionConflictError from error
            raise

    def _count(self, admins: int, *, last_admin_may_go: bool) -> TransactWriteItemTypeDef:
        """Return the write that changes the tenant's count of admins, or a condition check if it stays the same."""
        condition = "#state = :active"
        values: dict[str, Any] = {":active": TenantState.ACTIVE.value}
        names = {"#state": "state"}
        if admins < 0 and not last_admin_may_go:
            condition += " AND admins > :one"
            values[":one"] = 1
        if admins == 0:
            return {
                "ConditionCheck": {
                    "TableName": self._table,
                    "Key": to_item(tenant_key(self._id)),
                    "ConditionExpression": condition,
                    "ExpressionAttributeNames": names,
                    "ExpressionAttributeValues": to_item(values),
                }
            }
        return {
            "Update": {
                "TableName": self._table,
                "Key": to_item(tenant_key(self._id)),
                "UpdateExpression": "ADD admins :admins",
                "ConditionExpression": condition,
                "ExpressionAttributeNames": names,
                "ExpressionAttributeValues": to_item(values | {":admins": admins}),
                "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            }
        }

    def _change(self, before: User, after: User) -> UpdateTypeDef:
        """Return the write of all differences between two versions of a row, if the first is still current."""
        old, new = user_item(before), user_item(after)
        values = {name: value for name, value in new.items() if value != old[name]}
        key = user_key(self._id, after.id)
        read: dict[str, Any] = {":before": before.version}
        condition = "#version = :before"
        if after.tokens_valid_from != before.tokens_valid_from:  # signing out writes a later one without a new version
            condition += f" AND {_NOT_LATER}"
            read[":from"] = after.tokens_valid_from
        return update_of(self._table, key, values, condition=condition, values=read)

    def _invitation_deletion(self, email: str) -> TransactWriteItemTypeDef:
        return {"Delete": {"TableName": self._table, "Key": to_item(invitation_key(self._id, email))}}

    def _query_for(self, wanted: UserFilter) -> QueryInputTypeDef:
        """Return the query of the most selective index for a filter, with the rest of it as a filter expression."""
        index = "byEmail" if wanted.email else "byName"
        values: dict[str, Any] = {":people": self._people}
        starts = _starts(wanted)
        values |= {f":{name}": start for name, start in starts.items()}
        conditions = {name: f"begins_with({name}, :{name})" for name in starts}
        by_key = [
            "tenantKey = :people",
            *([conditions.pop(_SORTED_BY[index])] if _SORTED_BY[index] in conditions else []),
        ]
        rest = {"role": wanted.role, "active": wanted.active}
        values |= {f":{name}": value for name, value in rest.items() if value is not None}
        conditions |= {name: f"#{name} = :{name}" for name, value in rest.items() if value is not None}
        names = {f"#{name}": name for name, value in rest.items() if value is not None}
        query: QueryInputTypeDef = {
            "TableName": self._table,
            "IndexName": index,
            "KeyConditionExpression": " AND ".join(by_key),
            "ExpressionAttributeValues": to_item(values),
        }
        if conditions:
            query["FilterExpression"] = " AND ".join(conditions.values())
        if names:
            query["ExpressionAttributeNames"] = names
        return query


def pending(client: DynamoDBClient, table: str, *, until: str) -> Iterator[dict[str, Any]]:
    """Return the items of all tenants, in plain values, that are pending since `until` or longer."""
    query: QueryInputTypeDef = {
        "TableName": table,
        "IndexName": "byTask",
        "KeyConditionExpression": "taskKey = :pending AND taskSince <= :until",
        "ExpressionAttributeValues": to_item({":pending": PENDING, ":until": until}),
    }
    return read_all(items_of(client, query), from_item)


def _invitation(item: Mapping[str, Any]) -> Invitation:
    return Invitation.model_validate(from_item(item))


def invitations_to(client: DynamoDBClient, table: str, user_id: str) -> Iterator[User]:
    """Return the users of all tenants that stand for invitations to an account: the last to expire first.

    They come from an index, so they are eventually consistent. They may have expired since.
    """
    query: QueryInputTypeDef = {
        "TableName": table,
        "IndexName": "byTask",
        "KeyConditionExpression": "taskKey = :invited",
        "ExpressionAttributeValues": to_item({":invited": invited_key(user_id)}),
        "ScanIndexForward": False,
    }
    return read_all(items_of(client, query), user_from)


def _starts(wanted: UserFilter) -> dict[str, str]:
    """Return the prefixes of range keys that the filter names, cut to the longest that keys have."""
    starts = {"nameKey": name_start(wanted.name or ""), "emailKey": folded(wanted.email or "")[:254]}
    return {name: start for name, start in starts.items() if start}


def _shape(sort_key: str, start: str) -> re.Pattern[str]:
    """Return the pattern of a `_position` in the list with this prefix. DynamoDB refuses one outside of the list."""
    return re.compile(rf"(?s:(?={re.escape(start)}).{{{_LENGTHS[sort_key]}}})\t[0-9a-f-]{{36}}")


def _position(item: Mapping[str, Any], sort_key: str) -> str:
    """Return where a page ends: the sort value, a tab, and the user's id. A `nameKey` has this format already."""
    value: str = item[sort_key]["S"]
    return value if sort_key == "nameKey" else f"{value}\t{item['PK']['S'].rpartition('#')[2]}"


def _is_sought(item: Mapping[str, Any], sought: Sought) -> bool:
    name, address = (item.get(name, {}).get("S", "") for name in ("nameKey", "emailKey"))
    return sought.matches(name.rpartition("\t")[0], address)


def _condition_failed(error: ClientError, index: int) -> bool:
    """Return whether a transaction was cancelled because the condition of this item failed."""
    return cancellation_codes(error)[index : index + 1] == ["ConditionalCheckFailed"]


def _raise_for_tenant(error: ClientError) -> None:
    """Raise the error for a failed condition of the transaction's first item, the tenant."""
    if not _condition_failed(error, 0):
        return
    if from_item(cancellation_reasons(error)[0].get("Item") or {}).get("state") == TenantState.ACTIVE:
        raise LastAdminError from error
    raise TenantNotFoundError from error
