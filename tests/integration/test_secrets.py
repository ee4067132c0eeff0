"""No secret is where it may not be: not in a log, not in a table.

Secrets are made, used, misused and revoked; then everything is read that the local stack has written: all log groups,
as CloudWatch answers for them, the log files, every item of the tables, what was on the bus, and what is in queues. Not
looked at is what has to hold them: Cognito's own data, the mails that bring passwords, codes and links, the items of
webhooks and of links.
"""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from tests.harness.bus import BusProbe
from tests.harness.client import Client
from tests.harness.people import TICKET, Accounts, OwnTenant, Tenant
from tests.harness.postbox import Person, Postbox, Topic, link_in
from tests.harness.receiver import Receiver, answering, in_turn
from tests.harness.sockets import opened, opened_by_a_browser
from tests.harness.stack import Stack

SHAPES = {
    "a JWT": r"eyJ[\w-]{8,}\.eyJ[\w-]{8,}",
    "an API key": r"tsk_[0-9A-Za-z_-]{1,64}_[0-9a-f]{32}[0-9A-Za-z]{43}",
    "a link that stops mails": r"[0-9A-Za-z_-]{1,64}\.[0-9a-f]{8}-[0-9a-f-]{27}\.[0-9A-Za-z_-]{43}",
    "the secret of a webhook": r"whsec_[0-9A-Za-z+/]{32,86}",
    "credentials of AWS": r"(?i:SecretAccessKey|aws_secret_access_key|SessionToken|X-Amz-Security-Token)\W{1,5}\w{8,}",
}
LINK = re.compile(SHAPES["a link that stops mails"])
FORBIDDEN = re.compile("|".join(f"({shape})" for shape in SHAPES.values()))


@dataclass
class Secrets:
    """What was given out in confidence: ID tokens, keys, secrets of webhooks; by mail, passwords, codes, links."""

    known: list[str]


@pytest.fixture(scope="module")
def bus(stack: Stack) -> Iterator[BusProbe]:
    with BusProbe(stack) as probe:
        yield probe


@pytest.fixture(scope="module")
def secrets(  # noqa: PLR0917 (fixtures)
    bus: BusProbe,
    stack: Stack,
    receiver: Receiver,
    acme: Tenant,
    accounts: Accounts,
    connect: Callable[..., Client],
    found_tenant: Callable[[], OwnTenant],
) -> Secrets:
    """Do all that has to do with secrets, well and badly, and return them."""
    known = [stack.password, stack.token("admin@acme.example")]

    key = acme.admin.post("/v1/api-keys", json={"name": "Secrets", "role": "admin"}).json()
    token, id_token = key["key"], stack.token("admin@acme.example")
    known.append(token)
    program = connect(token=token)
    assert program.get("/v1/users/me").status_code == 200
    for opening in (opened, opened_by_a_browser):
        with opening(stack, token) as socket:
            assert socket.say(action=token)["code"] == "bad_request"
        with pytest.raises(InvalidStatus), opening(stack, token[:-1]):
            pass
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
        assert connect(token=spoilt).get("/v1/users/me").status_code == 401
    assert acme.admin.delete(f"/v1/api-keys/{key['id']}").status_code == 204

    tenant = found_tenant()
    known.append(accounts.token(tenant.email))
    known += use_a_webhook(tenant, receiver)
    known.append(use_a_link(tenant, stack, connect))
    invited = tenant.invite("agent")["email"]
    assert tenant.admin.post("/v1/users", json={"email": invited, "role": "admin"}).status_code == 200
    passwords = [word for mail in stack.mails(to=invited) for word in re.findall(r"password (\S{8,})", mail.text)]
    assert len(passwords) == 1
    known += passwords
    known.append(stack.mailed_code(to=tenant.email))
    accounts.accept(invited, tenant.id)
    assert accounts.member(invited).patch("/v1/users/me", json={"password": stack.password}).status_code == 400
    bus.events_of(created.json()["id"], 1)
    return Secrets(known)


def use_a_webhook(tenant: OwnTenant, receiver: Receiver) -> list[str]:
    """Have a webhook's secret made, misused, replaced and used; return both."""
    url, path = f"{receiver.origin}/secrets", "/v1/webhooks"
    made = tenant.admin.post(path, json={"url": url, "eventTypes": ["*"]}).json()
    replaced = tenant.admin.post(f"{path}/{made['id']}/secret", json={}).json()
    old, new = made["secret"], replaced["secret"]
    assert tenant.admin.post(path, json={"url": url, "eventTypes": [new], "secret": new + "!"}).status_code == 400
    assert tenant.admin.post(f"{path}/{made['id']}/secret", json={"secrets": [old]}).status_code == 400
    receiver.behaviours["/secrets"] = in_turn(answering(500, b"no"), answering(200))
    assert tenant.admin.post("/v1/tickets", json=TICKET).status_code == 201
    (first, *_) = receiver.got("/secrets", 2)
    assert len(first.headers["webhook-signature"].split()) == 2
    return [old, new]


def use_a_link(tenant: OwnTenant, stack: Stack, connect: Callable[..., Client]) -> str:
    """Have somebody mailed, and use and misuse the link in it; return its token."""
    path, reader = "/v1/unsubscribe", Person.of(tenant.join())
    topic = Topic.by(reader)
    topic.comment(tenant.admin)
    (mail,) = Postbox(stack).arrived(topic, reader)
    token = link_in(mail).partition("token=")[2]
    for query in ({"token": token}, {"token": token[:-2] + "AA"}, {"token": token + "="}, {"other": token}, {}):
        for answer in (connect().get(path, params=query), connect().post(path, params=query, data=query)):
            assert answer.status_code == 200
    assert not reader.me()["notifications"]["mail"]
    assert connect(token=token).get("/v1/users/me").status_code == 401
    for name in ("cursor", token):
        assert reader.api.get("/v1/tickets", params={name: token}).status_code == 400
    return token


def _written(stack: Stack) -> Iterator[tuple[str, str]]:
    """Yield each place and line that was written."""
    logs = stack.client("logs")
    for page in logs.get_paginator("describe_log_groups").paginate():
        for name in (group["logGroupName"] for group in page["logGroups"]):
            for events in logs.get_paginator("filter_log_events").paginate(logGroupName=name):
                yield from ((event["logStreamName"], event["message"]) for event in events["events"])
    for file in sorted((stack.state / "logs").iterdir()):
        yield from ((file.name, line) for line in file.read_text(errors="replace").splitlines())
    dynamodb = stack.client("dynamodb")
    for table in (stack.outputs[f"{name}TableName"] for name in ("Notifications", "Tickets", "Users")):
        for found in dynamodb.get_paginator("scan").paginate(TableName=table):
            yield from ((table, json.dumps(_without_its_secrets(item))) for item in found["Items"])
    sqs = stack.client("sqs")
    for url in sqs.list_queues()["QueueUrls"]:
        if any(name in url for name in ("DeadLetters", "FailedEvents", "UnpublishedEvents")):  # what nobody takes
            request = {"QueueUrl": url, "MaxNumberOfMessages": 10, "VisibilityTimeout": 10}
            while messages := sqs.receive_message(**request).get("Messages", []):
                yield from ((url, message["Body"]) for message in messages)


def _without_its_secrets(item: dict[str, Any]) -> dict[str, Any]:
    """Return an item; a webhook's own, and that of a person's link, without what has to be there."""
    partition, place = item["PK"]["S"], item["SK"]["S"]
    allowed = {"secrets": place.startswith("WEBHOOK#"), "secret": partition.endswith("#MAIL")}
    return {name: value for name, value in item.items() if not allowed.get(name, False)}


@pytest.fixture(scope="module")
def written(stack: Stack, secrets: Secrets, bus: BusProbe) -> list[tuple[str, str]]:
    assert secrets.known
    return [*_written(stack), *(("bus", json.dumps(each)) for each in bus.envelopes)]


def test_there_is_something_to_look_at(stack: Stack, written: list[tuple[str, str]], secrets: Secrets) -> None:
    """Otherwise the tests below would pass by looking at nothing."""
    places = {place for place, _ in written}
    assert places >= {"functions.log", "emulator.log", "bus", stack.outputs["UsersTableName"]}
    for function in ("Authorize", "CreateApiKey", "InviteUser", "MailEvents", "ShowUnsubscribe", "Unsubscribe"):
        assert any(f"-{function}Function-" in place for place in places)
    assert any("token refused" in line for place, line in written if "-AuthorizeFunction-" in place)
    seen = [secret for secret in secrets.known if FORBIDDEN.search(f"x {secret} x")]
    assert (
        len(seen) == 6
    )  # two ID tokens, a key, two secrets of a webhook, a link; passwords and codes look like anything


def test_no_secret_that_was_given_out_is_written_anywhere(written: list[tuple[str, str]], secrets: Secrets) -> None:
    parts = {secret for secret in secrets.known if len(secret) > 6} | {
        secret[-43:] for secret in secrets.known if secret.startswith(("tsk_", "whsec_")) or LINK.fullmatch(secret)
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


def test_a_link_is_stored_in_one_place(stack: Stack, secrets: Secrets) -> None:
    (token,) = filter(LINK.fullmatch, secrets.known)
    tenant_id, user_id, secret = token.split(".")
    scan: Any = (
        stack.client("dynamodb").get_paginator("scan").paginate(TableName=stack.outputs["NotificationsTableName"])
    )
    (row,) = (item for page in scan for item in page["Items"] if secret in json.dumps(item))
    assert (row["PK"]["S"], row["SK"]["S"]) == (f"TENANT#{tenant_id}#MAIL", f"USER#{user_id}")
    assert row.keys() == {"PK", "SK", "secret", "expiresAt"}
