"""The active users of a tenant and their roles, cached for a minute.

So deactivated or demoted users get no live updates after a minute.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Final

from ticketing import clock
from ticketing.access.identity import Caller
from ticketing.access.roles import Role
from ticketing.aws.data import TenantData
from ticketing.people.keys import user_key
from ticketing.people.repository import read_people

REMEMBERED: Final = timedelta(seconds=60)

_ATTRIBUTES: Final = ("id", "role", "active", "kind")


@dataclass(frozen=True, slots=True)
class Seen:
    """A cached user, as a caller; None for one who does not exist or is not active."""

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
        found = {each["id"]: each for each in read_people(self._client, self._table, keys, _ATTRIBUTES)}
        for each in unknown:
            self._memory[each] = Seen(self._caller(found.get(each, {})), now)
        return {each: caller for each in ids if (caller := self._memory[each].caller)}

    def _caller(self, user: Mapping[str, Any]) -> Caller | None:
        if not user.get("active"):
            return None
        return Caller(user["id"], self._tenant_id, Role(user["role"]), is_api_key=user.get("kind") == "API_KEY")


@lru_cache(maxsize=64)
def _memory_of(_tenant_id: str) -> Memory:
    """Return this execution environment's cache of a tenant's users. It is independent of clients and credentials."""
    return {}


def remembered(data: TenantData) -> ActiveUsers:
    """Return the users of a tenant, with the cache of this execution environment."""
    return ActiveUsers(data, _memory_of(data.tenant_id))
