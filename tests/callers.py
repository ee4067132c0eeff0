"""Callers of the running API, each with a real token."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.contract.checker import Contract
from tests.stack import Stack

TICKET = {"title": "VPN drops", "description": "Every ten minutes, since this morning."}


@dataclass(frozen=True)
class Tenant:
    """The three people of a demo tenant."""

    admin: httpx.Client
    agent: httpx.Client
    reporter: httpx.Client


@pytest.fixture(scope="session")
def contract() -> Contract:
    return Contract.load()


@pytest.fixture(scope="session")
def connect(stack: Stack, contract: Contract) -> Iterator[Callable[..., httpx.Client]]:
    """Give out clients; every answer that they get is held against the contract."""
    clients: list[httpx.Client] = []

    def check(response: httpx.Response) -> None:
        response.read()
        contract.check(response)

    def connect(user: str | None = None, **headers: str) -> httpx.Client:
        if user is not None:
            headers["Authorization"] = f"Bearer {stack.token(user)}"
        client = httpx.Client(
            base_url=stack.base_url, headers=headers, event_hooks={"response": [check]}, timeout=30, http2=False
        )
        clients.append(client)
        return client

    yield connect
    for client in clients:
        client.close()


def _tenant(connect: Callable[..., httpx.Client], domain: str) -> Tenant:
    return Tenant(*(connect(f"{person}@{domain}") for person in ("admin", "agent", "reporter")))


@pytest.fixture(scope="session")
def acme(connect: Callable[..., httpx.Client]) -> Tenant:
    return _tenant(connect, "acme.example")


@pytest.fixture(scope="session")
def globex(connect: Callable[..., httpx.Client]) -> Tenant:
    return _tenant(connect, "globex.example")


@pytest.fixture
def new_ticket(acme: Tenant) -> Callable[..., dict[str, Any]]:
    """Make a ticket of acme, by its reporter unless told otherwise."""

    def make(by: httpx.Client | None = None, **fields: Any) -> dict[str, Any]:
        response = (by or acme.reporter).post("/v1/tickets", json=TICKET | fields)
        assert response.status_code == 201, response.text
        ticket: dict[str, Any] = response.json()
        return ticket

    return make
