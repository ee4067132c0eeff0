"""Which engine searches: the embedded one, or an OpenSearch cluster; both, while one takes the place of the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ticketing.aws.data import (
    cluster,
    cluster_of_caller,
    of_caller,
    of_tenant,
    packs_of_caller,
    packs_of_tenant,
)
from ticketing.deployment import DEPLOYMENT, Engine
from ticketing.index.folders import folders_of_process
from ticketing.index.store import IndexStore
from ticketing.search.embedded import Embedded
from ticketing.search.opensearch import OpenSearch
from ticketing.search.standby import WithStandby

if TYPE_CHECKING:
    from ticketing.access.identity import Caller
    from ticketing.search.indexing import TendedIndex
    from ticketing.search.port import SearchIndex


def index_of_caller(caller: Caller) -> SearchIndex:
    """Return the search index of the caller's tenant; with strict isolation, its credentials reach no other's."""
    if DEPLOYMENT.search_engines[0] == "opensearch":
        return OpenSearch(of_caller(caller), cluster_of_caller(caller))
    return _embedded(caller)


def reporting_index_of_caller(caller: Caller) -> Embedded | None:
    """Return the index of the caller's tenant that has facts, whichever one answers searches; None if there is none."""
    if "embedded" not in DEPLOYMENT.search_engines:
        return None
    return _embedded(caller)


def _embedded(caller: Caller) -> Embedded:
    return Embedded(IndexStore(of_caller(caller), packs_of_caller(caller), folders_of_process()))


def index_of_tenant(tenant_id: str) -> TendedIndex:
    """Return the search index of any tenant, for work without a caller. What is written is written to all engines."""
    answering, *standby = (_index(engine, tenant_id) for engine in DEPLOYMENT.search_engines)
    return WithStandby(answering, standby[0]) if standby else answering


def _index(engine: Engine, tenant_id: str) -> TendedIndex:
    data = of_tenant(tenant_id)
    if engine == "opensearch":
        return OpenSearch(data, cluster())
    return Embedded(IndexStore(data, packs_of_tenant(tenant_id), folders_of_process()))
