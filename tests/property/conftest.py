"""Callers in tenants of their own, so that the lists hold nobody else's tickets."""

from collections.abc import Callable

import pytest

from tests.harness.client import Client
from tests.harness.people import OwnTenant
from tests.property.model import Caller


@pytest.fixture(scope="module")
def clients(found_tenant: Callable[[], OwnTenant]) -> dict[str, Client]:
    home, abroad = found_tenant(), found_tenant()
    return {
        "admin": home.admin,
        "agent": home.join("agent"),
        "reporter": home.join("reporter"),
        "other reporter": home.join("reporter"),
        "stranger": abroad.join("agent"),
        "strange admin": abroad.admin,
    }


@pytest.fixture(scope="module")
def callers(clients: dict[str, Client]) -> dict[str, Caller]:
    everybody = {person: client.get("/v1/users/me").json() for person, client in clients.items()}
    return {person: Caller(user["id"], user["tenantId"], user["role"]) for person, user in everybody.items()}
