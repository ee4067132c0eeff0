"""Search indexes of the running stack: changes get into them, they are built anew, and go with their tenant."""

import statistics
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest

from tests.harness.files import attach
from tests.harness.people import TICKET, OwnTenant
from tests.harness.postbox import until
from tests.harness.search import Index, invoked
from tests.harness.stack import Stack

type Found = Callable[[], OwnTenant]

SECONDS_TO_BE_FOUND = 10.0
"""How long one change in twenty may take, beside other tests. `make bench`, with nothing beside it, asserts 2."""


def word() -> str:
    """Return a word that is nowhere else."""
    return f"w{uuid4().hex}"


@pytest.fixture(scope="module")
def tenant(found_tenant: Found) -> OwnTenant:
    return found_tenant()


@pytest.fixture(scope="module")
def index(stack: Stack, tenant: OwnTenant) -> Index:
    """Return the index, after it was built for the tenant's first ticket."""
    index = Index(stack, tenant.id)
    first = tenant.admin.create("/v1/tickets", TICKET | {"title": "First"})
    index.awaited("First", ids={first["id"]})
    until(index.is_complete, bool)
    return index


def test_a_ticket_is_found_by_what_becomes_of_it(tenant: OwnTenant, index: Index) -> None:
    """What makes each of the words found is a change of another ticket, so that several are awaited at once."""
    titles, (text, note, file_name, other) = [word() for _ in range(4)], [word() for _ in range(4)]
    made = [tenant.admin.create("/v1/tickets", TICKET | {"title": title})["id"] for title in titles]
    for title, ticket in zip(titles, made, strict=True):
        index.awaited(title, ids={ticket})
    said, noted, filed, renamed = urls = [f"/v1/tickets/{ticket}" for ticket in made]
    comment = tenant.admin.create(f"{said}/comments", {"body": text})
    tenant.admin.create(f"{noted}/comments", {"body": note, "visibility": "internal"})
    attach(tenant.admin, filed, fileName=f"{file_name}.txt")
    tenant.admin.patch(renamed, json={"title": other}, expect=200)
    changed = list(zip((text, note, file_name, other), made, strict=True))
    for each, ticket in changed:
        index.awaited(each, ids={ticket})
    assert index.found(note, internal=False) == set()
    assert index.found(titles[3]) == set()

    tenant.admin.delete(f"{said}/comments/{comment['id']}", expect=204)
    for url in urls[1:]:
        tenant.admin.delete(url, expect=204)
    for each, _ in changed:
        index.awaited(each, ids=set())
    for url in urls[1:]:
        tenant.admin.post(f"{url}/restore", expect=200)
    for each, ticket in changed[1:]:
        index.awaited(each, ids={ticket})
    assert index.found(titles[0]) == {made[0]}
    assert index.found(text) == set()


@pytest.mark.long
def test_changes_are_found_within_seconds(tenant: OwnTenant, index: Index) -> None:
    waits = []
    for _ in range(8):
        title = word()
        ticket = tenant.admin.create("/v1/tickets", TICKET | {"title": title})
        changed = time.monotonic()
        while index.found(title) != {ticket["id"]}:
            assert time.monotonic() - changed < 30
            time.sleep(0.1)
        waits.append(time.monotonic() - changed)
    assert statistics.quantiles(waits, n=20)[18] <= SECONDS_TO_BE_FOUND, sorted(waits)


def test_many_changes_at_once_are_few_writes(tenant: OwnTenant, index: Index) -> None:
    before = index.engine._store.pointer().n
    titles = [f"Many {number}" for number in range(40)]
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda title: tenant.admin.create("/v1/tickets", TICKET | {"title": title}), titles))
    ids = {each["id"] for each in made}
    until(lambda: ids - index.found("Many"), lambda missing: not missing)
    assert index.engine._store.pointer().n - before <= len(titles) // 4


def test_what_a_pass_costs(stack: Stack, tenant: OwnTenant, index: Index) -> None:
    """The figures of docs/search-indexing.md. A process that has not written the state before reads it from S3, too."""
    before = stack.recorded()
    title = word()
    ticket = tenant.admin.create("/v1/tickets", TICKET | {"title": title})
    index.awaited(title, ids={ticket["id"]})
    until(lambda: _calls(stack, before), lambda calls: calls["IndexTenantFunction dynamodb:GetItem"] == 4)
    calls = _calls(stack, before)
    calls.pop("IndexTenantFunction s3:GetObject", None)
    assert calls == {
        "NoteForSearchFunction sqs:SendMessage": 1,
        "IndexTenantFunction dynamodb:GetItem": 4,
        "IndexTenantFunction dynamodb:Query": 1,
        "IndexTenantFunction s3:PutObject": 1,
        "IndexTenantFunction dynamodb:PutItem": 1,
    }


def _calls(stack: Stack, before: int) -> Counter[str]:
    """Return what the two functions have called since so much was recorded."""
    calls = stack.calls_since(before)
    accesses = ((call["principal"], access["action"]) for call in calls for access in call["accesses"])
    return Counter(
        f"{principal} {action}"
        for principal, action in accesses
        if principal in {"IndexTenantFunction", "NoteForSearchFunction"}
    )


def test_while_an_index_is_built_anew_every_ticket_is_found(stack: Stack, tenant: OwnTenant, index: Index) -> None:
    tickets = [tenant.admin.create("/v1/tickets", TICKET | {"title": "Anew"})["id"] for _ in range(5)]
    until(lambda: index.found("Anew"), lambda found: found >= set(tickets))
    before = index.engine._store.pointer().serving
    assert invoked(stack, "ReindexTenantsName", {"tenantId": tenant.id}) == {"tenants": 1}
    title = word()
    tenant.admin.patch(f"/v1/tickets/{tickets[0]}", json={"title": f"Anew {title}"}, expect=200)

    def served() -> bool:
        assert index.found("Anew") >= set(tickets)
        now = index.engine._store.pointer()
        return now.building is None and now.serving is not None and now.serving.ref != before.ref if before else False

    until(served, bool)
    index.awaited(title, ids={tickets[0]})
    assert index.is_complete()
    until(index.state, lambda state: state == index.expected())


@pytest.mark.long
def test_all_tenants_are_ordered_anew(stack: Stack, index: Index) -> None:
    assert invoked(stack, "ReindexTenantsName", {})["tenants"] >= 3
    until(index.is_complete, bool)
    until(index.engine.build, lambda build: build is None)
    until(index.state, lambda state: state == index.expected())


@pytest.mark.long
def test_a_tenant_that_is_deleted_leaves_no_word(stack: Stack, found_tenant: Found) -> None:
    tenant = found_tenant()
    index = Index(stack, tenant.id)
    tickets = {tenant.admin.create("/v1/tickets", TICKET | {"title": "Going"})["id"] for _ in range(3)}
    index.awaited("Going", ids=tickets)
    until(index.is_complete, bool)
    assert index.left()
    tenant.delete()
    assert index.left() == []
    # What a pass has left that was under way, the sweep takes away.
    bucket = stack.outputs["SearchBucketName"]
    stack.client("s3").put_object(Bucket=bucket, Key=f"{tenant.id}/{uuid4()}", Body=b"late")
    invoked(stack, "SweepIndexesName", {})
    until(index.left, lambda left: not left)
