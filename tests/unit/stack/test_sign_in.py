"""Signing in: what is asked for beside a password. The proof itself is tried on the local stack."""

import base64
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.stub import ANY, Stubber

from stack.sign_in import Ask, SignInError, id_token

POOL, CLIENT, USER = "us-east-1_Example", "client", "ada@example.com"
SESSION = "a-session-of-twenty-characters"


@pytest.fixture
def cognito() -> Iterator[Stubber]:
    """Cognito, which has taken the password's proof."""
    client = boto3.client("cognito-idp", region_name="us-east-1", aws_access_key_id="k", aws_secret_access_key="s")
    about = {
        "USER_ID_FOR_SRP": "ada",
        "SALT": "1a",
        "SRP_B": "2b" * 40,
        "SECRET_BLOCK": base64.b64encode(b"x").decode(),
    }
    with Stubber(client) as stubber:
        stubber.add_response(
            "initiate_auth", {"ChallengeName": "PASSWORD_VERIFIER", "ChallengeParameters": about}, _sent(ANY, "SRP")
        )
        yield stubber
        stubber.assert_no_pending_responses()


def sign_in(cognito: Stubber, ask: Ask) -> str:
    client: Any = cognito.client
    return id_token(client, POOL, CLIENT, USER, ask)


def _sent(values: Any, challenge: str) -> dict[str, Any]:
    if challenge == "SRP":
        return {"AuthFlow": "USER_SRP_AUTH", "ClientId": CLIENT, "AuthParameters": values}
    sent = {"ChallengeName": challenge, "ClientId": CLIENT, "ChallengeResponses": values}
    return sent if challenge == "PASSWORD_VERIFIER" else sent | {"Session": SESSION}


def _asks(challenge: str) -> dict[str, Any]:
    return {"ChallengeName": challenge, "Session": SESSION, "ChallengeParameters": {"USER_ID_FOR_SRP": "ada"}}


def test_whoever_added_an_authenticator_app_is_asked_for_its_code(cognito: Stubber) -> None:
    cognito.add_response("respond_to_auth_challenge", _asks("SOFTWARE_TOKEN_MFA"), _sent(ANY, "PASSWORD_VERIFIER"))
    cognito.add_response(
        "respond_to_auth_challenge",
        {"AuthenticationResult": {"IdToken": "a.token"}, "ChallengeParameters": {}},
        _sent({"USERNAME": "ada", "SOFTWARE_TOKEN_MFA_CODE": "123456"}, "SOFTWARE_TOKEN_MFA"),
    )
    answers = {f"Password of {USER}: ": "Password-1", "Code of the authenticator app: ": "123456"}
    assert sign_in(cognito, answers.__getitem__) == "a.token"


def test_what_can_not_be_answered_is_said(cognito: Stubber) -> None:
    cognito.add_response("respond_to_auth_challenge", _asks("SMS_MFA"), _sent(ANY, "PASSWORD_VERIFIER"))
    with pytest.raises(SignInError, match="SMS_MFA"):
        sign_in(cognito, lambda _prompt: "Password-1")
