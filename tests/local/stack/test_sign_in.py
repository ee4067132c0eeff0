"""make sign-in: tokens for those who prove that they know their password (SRP), from the first sign-in on."""

import os
import re
import subprocess
import sys

import pytest

from local.settings import REGION, ROOT, STACK_NAME
from tests.harness.client import Client
from tests.harness.people import signed_in
from tests.harness.stack import Stack

NEW_PASSWORD = "Another-password-7"


def sign_in(stack: Stack, user: str, *lines: str) -> subprocess.CompletedProcess[str]:
    """Run the command as a script would: what is secret comes on standard input."""
    environment = os.environ | {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ENDPOINT_URL": stack.aws_endpoint,
    }
    return subprocess.run(
        [sys.executable, "-m", "stack.sign_in", STACK_NAME, user],
        cwd=ROOT,
        env=environment,
        input="".join(f"{line}\n" for line in lines),
        capture_output=True,
        text=True,
        check=False,
    )


def test_an_invited_person_gets_a_token_with_a_password_of_their_own(stack: Stack) -> None:
    address = "first.sign.in@acme.example"
    with signed_in(stack, "admin@acme.example") as admin:
        tenant_id = admin.get("/v1/tenant").json()["id"]
        assert admin.post("/v1/users", json={"email": address, "role": "agent"}).is_success
    (invited,) = stack.mails(address)
    password = re.search(r"password (\S+) within", invited.text)
    assert password is not None
    differing = sign_in(stack, address, password[1], NEW_PASSWORD, "Yet-another-1-of-them")
    assert (differing.returncode, differing.stdout) == (1, "")
    assert differing.stderr.endswith("The two passwords differ.\n")
    first = sign_in(stack, address, password[1], NEW_PASSWORD, NEW_PASSWORD)
    assert first.returncode == 0, first.stderr
    with Client(stack.base_url, token=first.stdout.strip()) as newcomer:
        newcomer.post(f"/v1/users/me/invitations/{tenant_id}/accept", expect=200)
    again = sign_in(stack, address, NEW_PASSWORD)
    assert again.stdout.count("\n") == 1
    with Client(stack.base_url, token=again.stdout.strip()) as agent:
        assert agent.get("/v1/users/me", expect=200).json()["email"] == address


@pytest.mark.parametrize("user", ["agent@acme.example", "nobody@acme.example"])
def test_a_wrong_password_is_no_token(stack: Stack, user: str) -> None:
    answer = sign_in(stack, user, "Wrong-password-1")
    assert (answer.returncode, answer.stdout) == (1, "")
    assert answer.stderr == "Incorrect username or password.\n"
