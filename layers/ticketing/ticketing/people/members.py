"""Who the users of a tenant are at this moment: whether they are active, and in which role.

What is read is remembered for a minute, so that whoever is deactivated or demoted is told nothing after that.
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
    """What was read of a user: the caller that they are, or None for one who is not there or not active."""

    caller: Caller | None
    at: datetime


type Memory = dict[str, Seen]


class Members:
    """The users of one tenant: people and API keys. It cannot be made without a tenant."""

    def __init__(self, data: TenantData, memory: Memory) -> None:
        self._client = data.client
        self._table = data.tables.users
        self._tenant_id = data.tenant_id
        self._memory = memory

    def active(self, ids: Iterable[str]) -> dict[str, Caller]:
        """Return those who are active, as callers, by id: one batch read for every 100 whom it does not remember.

        Raises
        ------
        ServiceUnavailableError
            DynamoDB kept leaving some of them out, being busy.
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
    """Return what this execution environment remembers of a tenant's users; the client's credentials are no part."""
    return {}


def remembered(data: TenantData) -> Members:
    """Return the users of a tenant, remembered by this execution environment."""
    return Members(data, _memory_of(data.tenant_id))
