"""Print an ID token of somebody in a deployed stack (`make -s sign-in STACK=ticket-system-prod USER=ada@example.com`).

Staging and prod take no password over the wire: a client proves that it knows it (SRP), as applications do. Whoever is
invited chooses a password of their own on the way. What is secret is asked for, or read from standard input line by
line; it is never an argument. Prompts go to standard error, the token alone to standard output.
"""

import sys
from collections.abc import Callable, Mapping
from getpass import getpass
from typing import TYPE_CHECKING, Any, Final

import boto3
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from pycognito.aws_srp import AWSSRP

if TYPE_CHECKING:
    from mypy_boto3_cognito_idp import CognitoIdentityProviderClient

type Ask = Callable[[str], str]

_MISTAKES: Final = frozenset({"NotAuthorizedException", "UserNotFoundException", "InvalidPasswordException"})


class SignInError(Exception):
    """Nobody is signed in; the text says why."""


def id_token(client: "CognitoIdentityProviderClient", pool_id: str, client_id: str, user: str, ask: Ask) -> str:
    """Sign a user in and return the ID token.

    Parameters
    ----------
    ask
        Returns what the person answers to a prompt.

    Raises
    ------
    SignInError
        If Cognito asks for something else than a password, a new password or a code.
    """
    proof = AWSSRP(user, ask(f"Password of {user}: "), pool_id, client_id, client=client)
    sent = proof.get_auth_params()
    answer: Mapping[str, Any] = client.initiate_auth(AuthFlow="USER_SRP_AUTH", ClientId=client_id, AuthParameters=sent)
    while (result := answer.get("AuthenticationResult")) is None:
        challenge, about = answer["ChallengeName"], answer["ChallengeParameters"]
        match challenge:
            case "PASSWORD_VERIFIER":
                responses = proof.process_challenge(about, sent)
            case "NEW_PASSWORD_REQUIRED":
                responses = {"USERNAME": about.get("USER_ID_FOR_SRP", user), "NEW_PASSWORD": _new_password(ask)}
            case "SOFTWARE_TOKEN_MFA":
                code = ask("Code of the authenticator app: ")
                responses = {"USERNAME": about.get("USER_ID_FOR_SRP", user), "SOFTWARE_TOKEN_MFA_CODE": code}
            case _:
                message = f"Cognito asks for {challenge}, which this command can't answer."
                raise SignInError(message)
        session = {name: answer[name] for name in ("Session",) if name in answer}  # the first challenge has none
        answer = client.respond_to_auth_challenge(
            ClientId=client_id, ChallengeName=challenge, ChallengeResponses=responses, **session
        )
    return str(result["IdToken"])


def _new_password(ask: Ask) -> str:
    """Return a new password that was given twice alike."""
    chosen = ask("You are signed in for the first time. Your new password (12 characters, A-Z, a-z, 0-9): ")
    if ask("Once more: ") != chosen:
        message = "The two passwords differ."
        raise SignInError(message)
    return chosen


def ask_a_person(prompt: str) -> str:
    """Return the answer to a prompt, unseen on a terminal; the next line of standard input otherwise."""
    if sys.stdin.isatty():
        return getpass(prompt, stream=sys.stderr)
    return sys.stdin.readline().rstrip("\n")


def main(stack: str, user: str) -> int:
    """Print a user's token and return 0; or say on standard error why there is none and return 1."""
    try:
        (deployed,) = boto3.client("cloudformation").describe_stacks(StackName=stack)["Stacks"]
        outputs = {each["OutputKey"]: each["OutputValue"] for each in deployed.get("Outputs", [])}
        # These calls are public: they are sent without the credentials that found the stack.
        cognito = boto3.client("cognito-idp", config=Config(signature_version=UNSIGNED))
        token = id_token(cognito, outputs["UserPoolId"], outputs["UserPoolClientId"], user, ask_a_person)
    except ClientError as error:
        about = error.response["Error"]
        text = about["Message"] if about["Code"] in _MISTAKES else str(error)
    except (BotoCoreError, SignInError) as error:
        text = str(error)
    else:
        sys.stdout.write(f"{token}\n")
        return 0
    sys.stderr.write(f"{text}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
