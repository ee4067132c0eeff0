"""What the document promises of the link that stops mails: the same answer, whatever the token."""

from tests.contract.attempts import Attempt, Valid, World

GOOD_LOOKING = f"ac3e0000-0000-4000-8000-000000000001.11111111-1111-4111-8111-111111111111.{'A' * 43}"


def link(_: World) -> str:
    return f"/v1/unsubscribe?token={GOOD_LOOKING}"


def without_a_token(_: World) -> str:
    return "/v1/unsubscribe"


VALID = {
    "showUnsubscribe": Valid("GET", link, by="anonymous"),
    "unsubscribe": Valid("POST", link, by="anonymous"),
}

ATTEMPTS = [Attempt(name, 200, given=without_a_token) for name in ("showUnsubscribe", "unsubscribe")]

NOT_ON_DEMAND: dict[tuple[str, int], str] = {}
