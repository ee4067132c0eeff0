"""The active users of a tenant, their roles, and from when their tokens count, cached for a minute.

So users who were deactivated or demoted, or who signed out everywhere, get no live updates after a minute.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final

from ticketing import clock
from ticketing.access.identity import Caller
from ticketing.access.roles import Role
from ticketing.aws.data import TenantData
from ticketing.dynamodb.damage import Item
from ticketing.people.keys import user_key
from ticketing.people.repository import read_people

REMEMBERED: Final = timedelta(seconds=60)

_ATTRIBUTES: Final = ("id", "role", "active", "kind", "tokensValidFrom")


@dataclass(frozen=True, slots=True)
class Seen:
    """A cached user, as a caller; None for one who does not exist, is not active or can't be read."""

    caller: Caller | None
    tokens_valid_from: int | None
    at: datetime


type Memory = dict[str, Seen]


class ActiveUsers:
    """The users of one tenant: people and API keys. Every key it builds starts with the tenant's id."""

    def __init__(self, data: TenantData, memory: Memory) -> None:
        self._client = data.client
        self._table = data.tables.users
        self._tenant_id = data.tenant_id
        self._memory = memory

    def active(self, ids: Iterable[str]) -> dict[str, Caller]:
        """Return the active ones of these users, as callers, by id: one batch read for every 100 that are not cached.

        Raises
        ------
        ServiceUnavailableError
            DynamoDB throttled the reads, and retries did not help.
        """
        ids, now = set(ids), clock.now()
        for each in [each for each, seen in self._memory.items() if now - seen.at >= REMEMBERED]:
            del self._memory[each]
        unknown = ids - self._memory.keys()
        keys = [user_key(self._tenant_id, each) for each in sorted(unknown)]
        found = dict(read_people(self._client, self._table, keys, _ATTRIBUTES, self._standing))
        for each in unknown:
            caller, valid_from = found.get(each, (None, None))
            self._memory[each] = Seen(caller, valid_from, now)
        return {each: caller for each in ids if (caller := self._memory[each].caller)}

    def has_ended(self, user_id: str, token_issued_at: int | None) -> bool:
        """Return whether a token does not count any more, of a user whom `active` was asked for just now.

        An API key's has no time.
        """
        valid_from = self._memory[user_id].tokens_valid_from
        return token_issued_at is not None and (valid_from is None or token_issued_at < valid_from)

    def _standing(self, item: Item) -> tuple[str, tuple[Caller | None, int | None]]:
        user_id, is_api_key = item["id"]["S"], item.get("kind") == {"S": "API_KEY"}
        caller = Caller(user_id, self._tenant_id, Role(item["role"]["S"]), is_api_key=is_api_key)
        valid_from = int(item["tokensValidFrom"]["N"]) if "tokensValidFrom" in item else None
        return user_id, (caller if item["active"]["BOOL"] else None, valid_from)


@lru_cache(maxsize=64)
def _memory_of(_tenant_id: str) -> Memory:
    """Return this execution environment's cache of a tenant's users. It is independent of clients and credentials."""
    return {}


def remembered(data: TenantData) -> ActiveUsers:
    """Return the users of a tenant, with the cache of this execution environment."""
    return ActiveUsers(data, _memory_of(data.tenant_id))
