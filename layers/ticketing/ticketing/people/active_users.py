"""The active users of a tenant and their roles, cached for a minute.

So deactivated or demoted users get no live updates after a minute.
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

_ATTRIBUTES: Final = ("id", "role", "active", "kind")


@dataclass(frozen=True, slots=True)
class Seen:
    """A cached user, as a caller; None for one who does not exist, is not active or can't be read."""

    caller: Caller | None
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
        found = dict(read_people(self._client, self._table, keys, _ATTRIBUTES, self._caller))
        for each in unknown:
            self._memory[each] = Seen(found.get(each), now)
        return {each: caller for each in ids if (caller := self._memory[each].caller)}

    def _caller(self, item: Item) -> tuple[str, Caller | None]:
        user_id, is_api_key = item["id"]["S"], item.get("kind") == {"S": "API_KEY"}
        caller = Caller(user_id, self._tenant_id, Role(item["role"]["S"]), is_api_key=is_api_key)
        return user_id, caller if item["active"]["BOOL"] else None


@lru_cache(maxsize=64)
def _memory_of(_tenant_id: str) -> Memory:
    """Return this execution environment's cache of a tenant's users. It is independent of clients and credentials."""
    return {}


def remembered(data: TenantData) -> ActiveUsers:
    """Return the users of a tenant, with the cache of this execution environment."""
    return ActiveUsers(data, _memory_of(data.tenant_id))
