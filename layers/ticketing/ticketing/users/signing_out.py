"""Signing out everywhere: Cognito refreshes none of a person's tokens any more, and none that was issued counts.

Cognito comes first. The other way round, somebody with a refresh token could get a new token between the two steps, and
it would count for an hour. Both steps are idempotent: if one fails, nothing has to be undone, and the request can be
retried with the same token, which counts until the second step.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from ticketing.aws.data import of_caller
from ticketing.errors import ServiceUnavailableError, UnauthorizedError
from ticketing.users.operations import find_person, next_second
from ticketing.users.repository import UserRepository
from ticketing.users.user_pool import user_pool

if TYPE_CHECKING:
    from ticketing.access.permissions import Grant


def sign_out(granted: Grant) -> None:
    """End all tokens of the caller.

    A token that was ended before can't: API Gateway lets it in for up to a minute more, and what ended it may have been
    a change of the role, which ends no session. So one token asks Cognito once.

    Raises
    ------
    UserNotFoundError
        The caller has no row.
    UnauthorizedError
        The token counts no more.
    ServiceUnavailableError
        Cognito or DynamoDB failed. Until a retry succeeds, the tokens count.
    """
    caller = granted.caller
    users = UserRepository(of_caller(caller))
    user = find_person(granted, users.get(caller.user_id))
    if (caller.token_issued_at or 0) < (user.tokens_valid_from or 0):
        message = "This token was ended before. Get a new one, and sign out with that."
        raise UnauthorizedError(message)
    try:
        user_pool().end_sessions(user.id)
        users.end_tokens(user.id, valid_from=next_second())
    except (BotoCoreError, ClientError) as error:
        message = "You are not signed out everywhere yet. Repeat the request."
        raise ServiceUnavailableError(message) from error
