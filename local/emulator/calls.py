"""A call of an AWS service as the emulator's handlers have it: what it asks for, and how it is answered."""

from urllib.parse import parse_qs

type Response = tuple[int, dict[str, str], bytes]
"""A status, headers and a body."""


def action_of(headers: dict[str, str], body: bytes, query: dict[str, list[str]]) -> str:
    """Return the action's name in the JSON and query protocols, and an empty text in the REST ones."""
    if target := headers.get("x-amz-target"):
        return target.rpartition(".")[2]
    if action := query.get("Action"):
        return action[0]
    if headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        return parse_qs(body.decode(errors="replace")).get("Action", [""])[0]
    return ""
