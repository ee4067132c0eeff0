"""API keys: credentials of a tenant's programs. They are stored as users of their own kind and are not in Cognito.

A key changes in two ways only: an admin revokes it, and the authorizer records its use. Its item stays as long as the
tenant, because tickets and their history name it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from pydantic import AfterValidator

from ticketing import clock
from ticketing.access.identity import Caller
from ticketing.api.bodies import Body, moment
from ticketing.aws.data import TenantData
from ticketing.dynamodb import cursors
from ticketing.dynamodb.attributes import from_item, to_item
from ticketing.dynamodb.damage import Item, read_one
from ticketing.dynamodb.tables import Page, page_of
from ticketing.dynamodb.transactions import VersionConflictError, cancellation_codes
from ticketing.people.keys import user_key
from ticketing.users import key_tokens, rows
from ticketing.users.models import Name, TenantRole, User
from ticketing.users.repository import UserRepository
from ticketing.users.states import Kind

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import QueryInputTypeDef, TransactWriteItemTypeDef

_SHOWN: Final = {"id", "name", "role", "active", "expires_at", "last_used_at", "created_by_id", "created_at"}

_NAME_KEY = re.compile(r"(?s:.{0,200})\t[0-9a-f-]{36}")


def _future(text: str) -> str:
    """Return a future time (RFC 3339) in the format of this API."""
    future = moment(text)
    if future <= clock.now():
        message = "must be in the future"
        raise ValueError(message)
    return clock.timestamp(future)


class ApiKeyCreate(Body):
    """The body of createApiKey. Without `expires_at`, the key is valid until it is revoked."""

    name: Name
    role: TenantRole
    expires_at: Annotated[str, AfterValidator(_future)] | None = None


class ApiKey(User):
    """An API key as stored. `key_hash` is the hash of its token; times are as in `User`, None for never."""

    kind: Literal[Kind.API_KEY] = Kind.API_KEY
    key_hash: str
    expires_at: str | None = None
    last_used_at: str | None = None
    created_by_id: str


class ApiKeyRepository:
    """The API keys of one tenant. Every key it builds starts with the tenant's id."""

    def __init__(self, data: TenantData) -> None:
        self._data = data
        self._client = data.client
        self._table = data.tables.users
        self._tenant_id = data.tenant_id

    def create(self, key: ApiKey, *, alongside: Sequence[TransactWriteItemTypeDef] = ()) -> None:
        """Write a new API key, with writes of other services; raises what `UserRepository.create` does."""
        UserRepository(self._data).create(key, alongside=alongside)

    def get(self, key_id: str) -> ApiKey | None:
        """Return an API key as last written (a consistent read). None if there is none, or it is a person."""
        answer = self._client.get_item(TableName=self._table, Key=self._key(key_id), ConsistentRead=True)
        return read_one(answer["Item"], _key_from) if _is_key(answer.get("Item", {})) else None

    def list(self, *, limit: int, cursor: str | None) -> Page[ApiKey]:
        """Return one page of the API keys, including revoked and expired ones, by name: one query.

        Raises
        ------
        BadRequestError
            The cursor was altered or belongs to another tenant or list.
        """
        partition = rows.list_key(self._tenant_id, Kind.API_KEY)
        query: QueryInputTypeDef = {
            "TableName": self._table,
            "IndexName": "byName",
            "KeyConditionExpression": "tenantKey = :keys",
            "ExpressionAttributeValues": to_item({":keys": partition}),
            "Limit": limit + 1,  # one more than requested shows whether there is a next page
        }
        if cursor is not None:
            position = cursors.decode(cursor, scope=partition, shape=_NAME_KEY)
            last_id = position.rpartition("\t")[2]
            query["ExclusiveStartKey"] = self._key(last_id) | to_item({"tenantKey": partition, "nameKey": position})
        keys, last = page_of(self._client, query, limit, _key_from)
        following = cursors.encode(last["nameKey"]["S"], scope=partition) if last else None
        return Page(keys, following)

    def revoke(self, key_id: str, *, now: str, alongside: Sequence[TransactWriteItemTypeDef] = ()) -> None:
        """Revoke an API key, with writes of other services. Idempotent: one that is revoked or missing stays as it is.

        Raises
        ------
        VersionConflictError
            Another transaction writes the same items.
        """
        revoke: TransactWriteItemTypeDef = {
            "Update": {
                "TableName": self._table,
                "Key": self._key(key_id),
                "UpdateExpression": "SET active = :no, updatedAt = :now ADD version :one",
                "ConditionExpression": "kind = :key AND active = :yes",
                "ExpressionAttributeValues": to_item(
                    {":no": False, ":yes": True, ":now": now, ":one": 1, ":key": Kind.API_KEY.value}
                ),
            }
        }
        try:
            self._client.transact_write_items(TransactItems=[revoke, *alongside])
        except self._client.exceptions.TransactionCanceledException as error:
            codes = cancellation_codes(error)
            if "TransactionConflict" in codes:
                raise VersionConflictError from error
            if codes[0] != "ConditionalCheckFailed":
                raise

    def _key(self, key_id: str) -> dict[str, Any]:
        return to_item(user_key(self._tenant_id, key_id))


def new_api_key(body: ApiKeyCreate, caller: Caller, key_id: str) -> tuple[ApiKey, str]:
    """Return a new API key and its token. The token can't be read again."""
    token = key_tokens.make(key_tokens.KeyName(caller.tenant_id, key_id))
    now = clock.timestamp(clock.now())
    values = {
        "id": key_id,
        "tenantId": caller.tenant_id,
        "name": body.name,
        "role": body.role,
        "active": True,
        "version": 1,
        "createdAt": now,
        "updatedAt": now,
        "keyHash": key_tokens.hashed(token),
        "expiresAt": body.expires_at,
        "createdById": caller.user_id,
    }
    return ApiKey.model_validate(values), token


def presented(key: ApiKey) -> dict[str, Any]:
    """Return the API key as the contract shows it."""
    return key.model_dump(mode="json", by_alias=True, include=_SHOWN)


def _is_key(item: Item) -> bool:
    return bool(item) and item.get("kind") == {"S": Kind.API_KEY}


def _key_from(item: Item) -> ApiKey:
    return ApiKey.model_validate(from_item(item))
