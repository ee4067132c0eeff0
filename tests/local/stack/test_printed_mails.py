"""Mails are files that anybody can read."""

import os
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

from local.settings import ROOT
from tests.harness.stack import Stack


def print_mails(state: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "local", "mails"],
        cwd=ROOT,
        env=os.environ | {"LOCAL_STATE": str(state)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )


def test_an_invitation_can_be_read_and_used(stack: Stack) -> None:
    cognito, email = stack.client("cognito-idp"), f"{uuid4()}@mail.example"
    cognito.admin_create_user(UserPoolId=stack.outputs["UserPoolId"], Username=email)
    (mail,) = stack.mails(email)
    assert mail.subject == "Your invitation to the ticket system"
    _, _, rest = mail.text.partition(f"Sign in as {email} with the password ")
    password = rest.partition(" ")[0]
    challenge = cognito.initiate_auth(
        ClientId=stack.outputs["UserPoolClientId"],
        AuthFlow="USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": email, "PASSWORD": password},
    )
    assert challenge["ChallengeName"] == "NEW_PASSWORD_REQUIRED"


def test_the_newest_mail_is_printed_last(stack: Stack) -> None:
    cognito, email = stack.client("cognito-idp"), f"{uuid4()}@mail.example"
    cognito.admin_create_user(UserPoolId=stack.outputs["UserPoolId"], Username=email)
    printed = print_mails(stack.state).stdout
    assert f"to {email}: Your invitation to the ticket system" in printed
    assert printed.rstrip().endswith(stack.mails(email)[0].text)


def test_before_the_first_mail_that_is_said(tmp_path: Path) -> None:
    result = print_mails(tmp_path)
    assert result.stdout == ""
    assert result.stderr == "No mail has been sent yet.\n"
