"""No secret is where it may not be: not in a log, not in a table.

Secrets are made, used, misused and revoked; then everything is read that the local stack has written: all log groups,
as CloudWatch answers for them, the log files, every item of the tables, what was on the bus, and what is in queues. Not
looked at is what has to hold them: Cognito's own data, and the mails that bring passwords and codes.
"""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.callers import TICKET, Accounts, OwnTenant, Tenant
from tests.probes import BusProbe
from tests.stack import Stack

SHAPES = {
    "a JWT": r"eyJ[\w-]{8,}\.eyJ[\w-]{8,}",
    "an API key": r"tsk_[0-9A-Za-z_-]{1,64}_[0-9a-f]{32}[0-9A-Za-z]{43}",
    "credentials of AWS": r"(?i:SecretAccessKey|aws_secret_access_key|SessionToken|X-Amz-Security-Token)\W{1,5}\w{8,}",
}
FORBIDDEN = re.compile("|".join(f"({shape})" for shape in SHAPES.values()))


@dataclass
class Secrets:
    """What was given out in confidence: key tokens, ID tokens, passwords and codes by mail."""

    known: list[str]


@pytest.fixture(scope="module")
def bus(stack: Stack) -> Iterator[BusProbe]:
    with BusProbe(stack) as probe:
        yield probe


@pytest.fixture(scope="module")
def secrets(  # noqa: PLR0917 (fixtures)
    bus: BusProbe,
    stack: Stack,
    acme: Tenant,
    accounts: Accounts,
    connect: Callable[..., httpx.Client],
    found_tenant: Callable[[], OwnTenant],
) -> Secrets:
    """Do all that has to do with secrets, well and badly, and return them."""
    known = [stack.password, stack.token("admin@acme.example")]

    key = acme.admin.post("/v1/api-keys", json={"name": "Secrets", "role": "admin"}).json()
    token, id_token = key["key"], stack.token("admin@acme.example")
    known.append(token)
    program = connect(Authorization=f"Bearer {token}")
    assert program.get("/v1/users/me").status_code == 200
    created = program.post("/v1/tickets", json=TICKET)
    assert created.status_code == 201
    assert program.get("/v1/tickets/x").status_code == 404
    assert program.post("/v1/tickets", json={"title": token, "apiKey": token}).status_code == 400
    assert program.post("/v1/api-keys", json={"name": "X", "role": "agent"}).status_code == 403
    assert program.get("/v1/tickets", params={"cursor": token}).status_code == 400
    for spoilt in (
        token[:-1] + ("a" if token[-1] != "a" else "b"),
        token + "0",
        id_token[:-6] + "AAAAAA",
        id_token.rpartition(".")[0] + ".",
    ):
        assert connect(Authorization=f"Bearer {spoilt}").get("/v1/users/me").status_code == 401
    assert acme.admin.delete(f"/v1/api-keys/{key['id']}").status_code == 204

    tenant = found_tenant()
    known.append(accounts.token(tenant.email))
    invited = tenant.invite("agent")["email"]
    assert tenant.admin.post("/v1/users", json={"email": invited, "role": "agent"}).status_code == 200
    passwords = [word for mail in stack.mails(to=invited) for word in re.findall(r"password (\S{8,})", mail.text)]
    assert len(passwords) == 2
    known += passwords
    known.append(stack.mailed_code(to=tenant.email))
    accounts.accept(invited)
    assert accounts.member(invited).patch("/v1/users/me", json={"password": stack.password}).status_code == 400
    bus.events_of(created.json()["id"], 1)
    return Secrets(known)


def _written(stack: Stack) -> Iterator[tuple[str, str]]:
    """Yield each place and line that was written."""
    logs = stack.client("logs")
    for page in logs.get_paginator("describe_log_groups").paginate():
        for name in (group["logGroupName"] for group in page["logGroups"]):
            for events in logs.get_paginator("filter_log_events").paginate(logGroupName=name):
                yield from ((name, event["message"]) for event in events["events"])
    for file in sorted((stack.state / "logs").iterdir()):
        yield from ((file.name, line) for line in file.read_text(errors="replace").splitlines())
    dynamodb = stack.client("dynamodb")
    for table in (stack.outputs[f"{name}TableName"] for name in ("Notifications", "Tickets", "Users")):
        for found in dynamodb.get_paginator("scan").paginate(TableName=table):
            yield from ((table, json.dumps(item)) for item in found["Items"])
    sqs = stack.client("sqs")
    for url in sqs.list_queues()["QueueUrls"]:
        if any(name in url for name in ("DeadLetters", "FailedEvents", "UnpublishedEvents")):  # what nobody takes
            request = {"QueueUrl": url, "MaxNumberOfMessages": 10, "VisibilityTimeout": 10}
            while messages := sqs.receive_message(**request).get("Messages", []):
                yield from ((url, message["Body"]) for message in messages)


@pytest.fixture(scope="module")
def written(stack: Stack, secrets: Secrets, bus: BusProbe) -> list[tuple[str, str]]:
    assert secrets.known
    return [*_written(stack), *(("bus", json.dumps(each)) for each in bus.envelopes)]


def test_there_is_something_to_look_at(stack: Stack, written: list[tuple[str, str]], secrets: Secrets) -> None:
    """Otherwise the tests below would pass by looking at nothing."""
    places = {place for place, _ in written}
    assert places >= {"functions.log", "emulator.log", "bus", stack.outputs["UsersTableName"]}
    for function in ("Authorize", "CreateApiKey", "InviteUser"):
        assert any(place.endswith(f"{function}Logs") for place in places)
    assert any("token refused" in line for place, line in written if place.endswith("AuthorizeLogs"))
    seen = [secret for secret in secrets.known if FORBIDDEN.search(f"x {secret} x")]
    assert len(seen) == 3  # two ID tokens and a key; passwords and codes look like anything


def test_no_secret_that_was_given_out_is_written_anywhere(written: list[tuple[str, str]], secrets: Secrets) -> None:
    parts = {secret for secret in secrets.known if len(secret) > 6} | {
        secret[-43:] for secret in secrets.known if secret.startswith("tsk_")
    }
    codes = [re.compile(rf"(?<!\d){code}(?!\d)") for code in secrets.known if code.isdigit()]
    found = [
        (place, line[:200])
        for place, line in written
        if any(part in line for part in parts) or any(code.search(line) for code in codes)
    ]
    assert found == []


def test_nothing_that_looks_like_a_secret_is_written_anywhere(written: list[tuple[str, str]]) -> None:
    assert [(place, line[:200]) for place, line in written if FORBIDDEN.search(line)] == []


def test_a_key_is_stored_as_its_hash_alone(stack: Stack, secrets: Secrets) -> None:
    (token,) = (secret for secret in secrets.known if secret.startswith("tsk_"))
    _, tenant_id, rest = token.split("_")
    scan: Any = stack.client("dynamodb").get_paginator("scan").paginate(TableName=stack.outputs["UsersTableName"])
    (row,) = (item for page in scan for item in page["Items"] if item.get("name") == {"S": "Secrets"})
    assert row["tenantId"]["S"] == tenant_id
    assert re.fullmatch(r"[0-9a-f]{64}", row["keyHash"]["S"])
    assert rest[-43:] not in json.dumps(row)
