"""API keys on the running API: what they open, and what is none."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from tests.harness.client import Client
from tests.harness.people import TICKET, OwnTenant, Tenant

type Connect = Callable[..., Client]


def make(by: Client, role: str = "agent", **body: Any) -> dict[str, Any]:
    answer = by.post("/v1/api-keys", json={"name": "Import", "role": role} | body, expect=201)
    key: dict[str, Any] = answer.json()
    return key


def status(connect: Connect, token: str) -> int:
    return connect(token=token).get("/v1/users/me").status_code


@pytest.mark.parametrize("role", ["reporter", "agent", "admin"])
def test_a_key_acts_in_its_own_name_tenant_and_role(acme: Tenant, globex: Tenant, connect: Connect, role: str) -> None:
    key = make(acme.admin, role)
    program = connect(token=key["key"])
    me = program.get("/v1/users/me").json()
    assert (me["id"], me["kind"], me["role"]) == (key["id"], "API_KEY", role)
    assert me["tenantId"] == acme.admin.get("/v1/tenant").json()["id"]
    ticket = program.post("/v1/tickets", json=TICKET).json()
    assert ticket["reporterId"] == key["id"]
    url = f"/v1/tickets/{ticket['id']}"
    shown = acme.agent.get(url, params={"expand": "reporter"}).json()
    assert shown["reporter"] == {"id": key["id"], "name": "Import", "active": True}
    assert globex.admin.get(url).status_code == 404
    assert program.delete(url).status_code == (204 if role == "admin" else 403)
    assert acme.admin.get(f"/v1/api-keys/{key['id']}").json()["lastUsedAt"] >= key["createdAt"]


def test_no_key_makes_another_or_ends_the_tenant(acme: Tenant, connect: Connect) -> None:
    program = connect(token=make(acme.admin, "admin")["key"])
    assert program.post("/v1/api-keys", json={"name": "X", "role": "reporter"}).status_code == 403
    name = program.get("/v1/tenant").json()["name"]
    assert program.delete("/v1/tenant", params={"name": name}).status_code == 403
    assert program.post("/v1/tenant", json={"name": "Another"}).status_code == 403


def test_what_is_not_exactly_a_key(acme: Tenant, globex: Tenant, connect: Connect) -> None:
    token, others = make(acme.admin)["key"], make(globex.admin, "admin")["key"]
    prefix, tenant, rest = token.split("_")
    _, other_tenant, other_rest = others.split("_")
    for wrong in (
        f"{prefix}_{other_tenant}_{rest}",
        f"{prefix}_{tenant}_{other_rest}",
        f"{prefix}_{tenant}_{rest[:32]}{other_rest[32:]}",
        f"{prefix}_{tenant}_{rest[:32].upper()}{rest[32:]}",
        token[:-1],
        token + "0",
        token.swapcase(),
        f"{prefix}_{tenant}_",
    ):
        assert status(connect, wrong) == 401
    assert status(connect, token) == 200


def test_a_revoked_key_opens_nothing_and_keeps_its_name(acme: Tenant, connect: Connect) -> None:
    key = make(acme.admin, name="Gone soon")
    for _ in range(2):
        assert acme.admin.delete(f"/v1/api-keys/{key['id']}").status_code == 204
    assert status(connect, key["key"]) == 401
    assert acme.admin.get(f"/v1/api-keys/{key['id']}").json()["active"] is False
    user = acme.agent.get(f"/v1/users/{key['id']}").json()
    assert (user["name"], user["kind"], user["active"]) == ("Gone soon", "API_KEY", False)


def test_a_key_ends_when_it_expires(acme: Tenant, connect: Connect) -> None:
    end = datetime.now(UTC) + timedelta(seconds=2)
    lasting, ending = make(acme.admin), make(acme.admin, expiresAt=end.isoformat())
    time.sleep(max(0.0, (end - datetime.now(UTC)).total_seconds()) + 0.1)
    assert (status(connect, lasting["key"]), status(connect, ending["key"])) == (200, 401)


def test_keys_are_no_people(acme: Tenant) -> None:
    key = make(acme.admin, name="No person")
    assert key["id"] not in [user["id"] for user in acme.admin.get("/v1/users", params={"limit": 100}).json()]
    assert acme.admin.patch(f"/v1/users/{key['id']}", json={"role": "admin"}).status_code == 404
    assert acme.admin.delete(f"/v1/users/{key['id']}").status_code == 404
    admin = acme.admin.id
    assert acme.admin.get(f"/v1/api-keys/{admin}").status_code == 404
    assert acme.admin.delete(f"/v1/api-keys/{admin}").status_code == 404


def test_keys_of_another_tenant_are_not_there(acme: Tenant, globex: Tenant) -> None:
    key = make(acme.admin)
    for call in (globex.admin.get, globex.admin.delete):
        assert call(f"/v1/api-keys/{key['id']}").status_code == 404
    assert key["id"] not in globex.admin.get("/v1/api-keys", params={"limit": 100}).text
    assert acme.admin.get(f"/v1/api-keys/{key['id']}").json()["active"] is True


def test_a_key_makes_and_changes_no_admins(found_tenant: Callable[[], OwnTenant], connect: Connect) -> None:
    tenant = found_tenant()
    program = connect(token=make(tenant.admin, "admin")["key"])
    email = f"{uuid4()}@founded.example"
    assert program.post("/v1/users", json={"email": email, "role": "admin"}).status_code == 403
    invited = program.post("/v1/users", json={"email": email, "role": "agent"})
    assert invited.status_code == 201
    assert program.patch(invited.headers["Location"], json={"role": "admin"}).status_code == 403
    admin = f"/v1/users/{tenant.invite('admin')['id']}"
    assert program.patch(admin, json={"role": "agent"}).status_code == 403
    assert program.delete(admin).status_code == 403
    assert len(tenant.admin.get("/v1/users", params={"role": "admin", "active": "true"}).json()) == 2
