"""Which engine searches: the embedded one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ticketing.aws.data import of_caller, of_tenant, packs_of_caller, packs_of_tenant
from ticketing.index.folders import folders_of_process
from ticketing.index.store import IndexStore
from ticketing.search.embedded import Embedded

if TYPE_CHECKING:
    from ticketing.access.identity import Caller
    from ticketing.search.indexing import TendedIndex
    from ticketing.search.port import SearchIndex


def index_of_caller(caller: Caller) -> SearchIndex:
    """Return the search index of the caller's tenant; with strict isolation, its credentials reach no other's."""
    return Embedded(IndexStore(of_caller(caller), packs_of_caller(caller), folders_of_process()))


def index_of_tenant(tenant_id: str) -> TendedIndex:
    """Return the search index of any tenant, for work without a caller."""
    return Embedded(IndexStore(of_tenant(tenant_id), packs_of_tenant(tenant_id), folders_of_process()))
