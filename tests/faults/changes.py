"""Changes of tickets, of every kind, as people make them one after the other."""

from itertools import islice
from typing import Any

import httpx

from tests.harness.client import Client
from tests.harness.people import TICKET


def change(client: Client, count: int, reporter_id: str) -> list[int]:
    """Make so many changes, of tickets that somebody else reported, and return the answers' statuses."""
    statuses = []

    def call(method: str, url: str, body: dict[str, Any] | None = None) -> httpx.Response:
        answer = client.request(method, url, json=body)
        statuses.append(answer.status_code)
        return answer

    while len(statuses) < count:
        url = f"/v1/tickets/{call('POST', '/v1/tickets', TICKET | {'reporterId': reporter_id}).json()['id']}"
        steps: list[tuple[str, str, dict[str, Any] | None]] = [
            ("POST", f"{url}/transitions", {"to": "OPEN"}),
            ("PATCH", url, {"title": "Another"}),
            ("PATCH", url, {"priority": "HIGH", "description": "Longer."}),
            ("POST", f"{url}/comments", {"body": "Now and then."}),
            ("POST", f"{url}/transitions", {"to": "RESOLVED", "resolution": "Done."}),
            ("POST", f"{url}/transitions", {"to": "OPEN", "comment": "Not yet."}),
            ("DELETE", url, None),
            ("POST", f"{url}/restore", None),
            ("PATCH", url, {"tags": ["x"]}),
            ("POST", f"{url}/transitions", {"to": "CLOSED"}),
        ]
        for step in islice(steps, count - len(statuses)):
            call(*step)
    return statuses
