"""What an erasure, and the sweep, find of search indexes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import TYPE_CHECKING, Final

from ticketing.access.identity import TENANT_ID
from ticketing.aws.data import cluster
from ticketing.deployment import DEPLOYMENT
from ticketing.index.folders import folders_of_process
from ticketing.index.store import IndexStore
from ticketing.search.opensearch import OpenSearch

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import ObjectTypeDef

    from ticketing.aws.data import TenantData, TenantFiles

QUIET_AFTER: Final = timedelta(days=3)
"""How long after its last change there is nothing left to do in an index, failed compactions included."""


class SearchRemains:
    """What is left of one tenant's index."""

    def __init__(self, data: TenantData, packs: TenantFiles) -> None:
        self._data = data
        self._store = IndexStore(data, packs, folders_of_process())

    def erase(self, in_time: Callable[[], bool]) -> bool:
        """Delete it, and return whether that was all. A pass that is under way finds no index to put its work into.

        The packs go in any case: they may be left of a time before OpenSearch.
        """
        if "opensearch" in DEPLOYMENT.search_engines:
            OpenSearch(self._data, cluster()).erase(in_time)
        return self._store.erase(in_time)


@dataclass(frozen=True, slots=True)
class Kept:
    """The packs of one tenant, as they are in the bucket."""

    tenant_id: str
    packs: int
    size: int
    """In bytes."""
    changed_at: datetime

    def changed_since(self, now: datetime) -> bool:
        """Return whether there may be something to do in it."""
        return now - self.changed_at < QUIET_AFTER


def indexes(client: S3Client, bucket: str) -> Iterator[Kept]:
    """Yield what is kept of each tenant, there or gone: one request for each thousand packs."""
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket)
    objects = (each for page in pages for each in page.get("Contents", ()))
    for tenant_id, found in groupby(objects, _tenant_of):  # by key, so a tenant's are together
        if TENANT_ID.fullmatch(tenant_id):
            packs = list(found)
            yield Kept(
                tenant_id, len(packs), sum(each["Size"] for each in packs), max(each["LastModified"] for each in packs)
            )


def _tenant_of(pack: ObjectTypeDef) -> str:
    return pack["Key"].partition("/")[0]
