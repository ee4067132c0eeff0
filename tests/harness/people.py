"""Callers of the running API, each with a real token."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx
import pytest

from local.stack.tokens import id_token
from tests.harness.client import Client
from tests.harness.contract import Contract
from tests.harness.stack import Stack

TICKET = {"title": "VPN drops", "description": "Every ten minutes, since this morning."}
DOMAIN = "founded.example"
"""Where everybody gets mail who signs up in a test."""

SECONDS_TO_SIGN_IN = 10.0
"""A token of the second in which somebody's role changed is void; the next one is not."""

SECONDS_TO_DELETE = 60.0


@dataclass(frozen=True)
class Tenant:
    """The three people of a demo tenant."""

    admin: Client
    agent: Client
    reporter: Client


@dataclass(frozen=True)
class Accounts:
    """Makes people with accounts, as they would make them by themselves."""

    stack: Stack
    connect: Callable[..., Client]

    def sign_up(self) -> str:
        """Sign somebody up, with the code that was mailed, and return the address. They belong to no tenant."""
        email = f"{uuid4()}@{DOMAIN}"
        cognito, client_id = self.stack.client("cognito-idp"), self.stack.outputs["UserPoolClientId"]
        cognito.sign_up(
            ClientId=client_id,
            Username=email,
            Password=self.stack.password,
            UserAttributes=[{"Name": "email", "Value": email}],
        )
        code = self.stack.mailed_code(email)
        cognito.confirm_sign_up(ClientId=client_id, Username=email, ConfirmationCode=code)
        return email

    def accept(self, email: str, tenant_id: str) -> dict[str, Any]:
        """Let somebody who was invited choose their password and the tenant; return the user."""
        self.choose_password(email)
        user: dict[str, Any] = (
            self.caller(email).post(f"/v1/users/me/invitations/{tenant_id}/accept", expect=200).json()
        )
        return user

    def choose_password(self, email: str) -> None:
        """Let somebody who has a password for once choose their own."""
        pool_id, cognito = self.stack.outputs["UserPoolId"], self.stack.client("cognito-idp")
        cognito.admin_set_user_password(
            UserPoolId=pool_id, Username=email, Password=self.stack.password, Permanent=True
        )

    def token(self, email: str) -> str:
        """Sign somebody in anew and return the ID token."""
        return id_token(self.stack.aws_port, self.stack.outputs["UserPoolClientId"], email)

    def caller(self, email: str) -> Client:
        """Return somebody signed in anew, whatever they may do with it."""
        return self.connect(token=self.token(email))

    def member(self, email: str) -> Client:
        """Return somebody signed in anew, as soon as their token is good in their tenant."""
        deadline = time.monotonic() + SECONDS_TO_SIGN_IN
        while True:
            caller = self.caller(email)
            answer = caller.get("/v1/users/me")
            if answer.status_code == httpx.codes.OK:
                return caller
            assert time.monotonic() < deadline, answer.text
            time.sleep(0.2)


@dataclass(frozen=True)
class OwnTenant:
    """A tenant that a test has for itself, with its founder as admin."""

    id: str
    name: str
    email: str
    """The admin's."""
    admin: Client
    accounts: Accounts = field(repr=False)

    def invite(self, role: str = "reporter", **body: str) -> dict[str, Any]:
        """Invite somebody and return the user, who has not accepted."""
        invitation = {"email": f"{uuid4()}@{DOMAIN}", "role": role} | body
        return self.admin.create("/v1/users", invitation)

    def add(self, role: str = "reporter", **body: str) -> dict[str, Any]:
        """Invite somebody who accepts, and return the user."""
        return self.accounts.accept(self.invite(role, **body)["email"], self.id)

    def join(self, role: str = "reporter") -> Client:
        """Invite somebody who accepts, and return them, signed in."""
        return self.accounts.member(self.add(role)["email"])

    def delete(self) -> Client:
        """Delete the tenant and return who was its admin and belongs to none now, once all is gone."""
        answer = self.admin.delete("/v1/tenant", params={"name": self.name}, expect=httpx.codes.ACCEPTED)
        deadline = time.monotonic() + SECONDS_TO_DELETE
        while True:
            former = self.accounts.caller(self.email)
            receipt = former.get(answer.headers["Location"])
            if receipt.is_success and receipt.json()["state"] == "DONE":
                return former
            assert time.monotonic() < deadline, receipt.text
            time.sleep(0.5)


@pytest.fixture(scope="session")
def contract() -> Contract:
    return Contract.load()


@pytest.fixture(scope="session")
def connect(stack: Stack, contract: Contract) -> Iterator[Callable[..., Client]]:
    """Give out clients: of a demo user, with a token, or of nobody; every answer is held against the contract."""
    with ExitStack() as clients:

        def connect(user: str | None = None, *, token: str | None = None, **headers: str) -> Client:
            token = stack.token(user) if user else token
            return clients.enter_context(Client(stack.base_url, token=token, headers=headers, check=contract.check))

        yield connect


def signed_in(stack: Stack, user: str, **headers: str) -> Client:
    """Return a demo user of any stack; what it answers is not held against the contract."""
    return Client(stack.base_url, token=stack.token(user), headers=headers)


def _tenant(connect: Callable[..., Client], domain: str) -> Tenant:
    return Tenant(*(connect(f"{person}@{domain}") for person in ("admin", "agent", "reporter")))


@pytest.fixture(scope="session")
def acme(connect: Callable[..., Client]) -> Tenant:
    return _tenant(connect, "acme.example")


@pytest.fixture(scope="session")
def globex(connect: Callable[..., Client]) -> Tenant:
    return _tenant(connect, "globex.example")


@pytest.fixture(scope="session")
def accounts(stack: Stack, connect: Callable[..., Client]) -> Accounts:
    return Accounts(stack, connect)


@pytest.fixture(scope="session")
def found_tenant(accounts: Accounts) -> Callable[[], OwnTenant]:
    """Found a tenant as anybody would: sign up, sign in, found it, sign in again."""

    def found() -> OwnTenant:
        email, name = accounts.sign_up(), f"Tenant {uuid4()}"
        answer = accounts.caller(email).post("/v1/tenant", json={"name": name}, expect=httpx.codes.CREATED)
        return OwnTenant(answer.json()["id"], name, email, accounts.member(email), accounts)

    return found


@pytest.fixture
def new_ticket(acme: Tenant) -> Callable[..., dict[str, Any]]:
    """Make a ticket of acme, by its reporter unless told otherwise."""

    def make(by: Client | None = None, **fields: Any) -> dict[str, Any]:
        response = (by or acme.reporter).post("/v1/tickets", json=TICKET | fields, expect=201)
        ticket: dict[str, Any] = response.json()
        return ticket

    return make
