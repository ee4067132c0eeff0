"""``make token``: an ID token of a demo user, alone on standard output."""

import sys
from http.client import HTTPException

from local.settings import Settings
from local.stack.client import COGNITO, CallError, call
from local.stack.seed import PASSWORD
from local.stack.statedir import read_json


def print_token(settings: Settings, user: str) -> int:
    """Print the token and return 0; or say on standard error why there is none and return 1."""
    running = read_json(settings.state / "run.json")
    outputs = read_json(settings.state / "outputs.json")
    if not running or not outputs:
        return _refuse("The local stack is not ready. Start it with `make run` and wait for its base URL.")
    try:
        print(id_token(int(running["aws_port"]), str(outputs["UserPoolClientId"]), user))
    except CallError as error:
        if error.code in {"UserNotFoundException", "NotAuthorizedException"}:
            return _refuse(f"There is no user {user} with the demo password. Try agent@acme.example.")
        if error.code == "UserNotConfirmedException":
            return _refuse(f"{user} has signed up and not confirmed the address yet. `make mails` shows the code.")
        return _refuse(str(error))
    except (OSError, HTTPException, ValueError):
        # Nobody answers, or somebody else who has the port now.
        return _refuse("The local stack is not running. Start it with `make run`.")
    return 0


def id_token(aws_port: int, client_id: str, user: str, password: str = PASSWORD) -> str:
    """Sign in with a password and return the ID token.

    Raises
    ------
    CallError
        If Cognito refuses.
    OSError
        If the emulator does not answer.
    """
    answer = call(
        aws_port,
        COGNITO,
        "InitiateAuth",
        {
            "AuthFlow": "USER_PASSWORD_AUTH",
            "ClientId": client_id,
            "AuthParameters": {"USERNAME": user, "PASSWORD": password},
        },
    )
    return str(answer["AuthenticationResult"]["IdToken"])


def _refuse(message: str) -> int:
    print(message, file=sys.stderr)
    return 1
