"""An AWS that answers at once, whatever it is asked, for measuring how functions start."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

TENANT, ME, OTHER = "bench", "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"
_NOW = "2099-01-01T00:00:00.000Z"

_TICKET: dict[str, Any] = {
    "id": {"S": OTHER},
    "tenantId": {"S": TENANT},
    "number": {"N": "1"},
    "title": {"S": "VPN drops"},
    "description": {"S": "Every ten minutes."},
    "status": {"S": "OPEN"},
    "priority": {"S": "MEDIUM"},
    "type": {"S": "INCIDENT"},
    "reporterId": {"S": ME},
    "tags": {"L": []},
    "version": {"N": "1"},
    "createdAt": {"S": _NOW},
    "updatedAt": {"S": _NOW},
}
_USER: dict[str, Any] = {
    "id": {"S": ME},
    "tenantId": {"S": TENANT},
    "kind": {"S": "PERSON"},
    "name": {"S": "Ada"},
    "email": {"S": "ada@example.com"},
    "role": {"S": "admin"},
    "active": {"BOOL": True},
    "version": {"N": "1"},
    "createdAt": {"S": _NOW},
    "updatedAt": {"S": _NOW},
}
_API_KEY = _USER | {"kind": {"S": "API_KEY"}, "keyHash": {"S": "0"}, "createdById": {"S": ME}}
_TENANT: dict[str, Any] = {
    "id": {"S": TENANT},
    "name": {"S": "Bench"},
    "state": {"S": "ACTIVE"},
    "settings": {"M": {}},
    "admins": {"N": "2"},
    "foundedById": {"S": ME},
    "version": {"N": "1"},
    "createdAt": {"S": _NOW},
    "updatedAt": {"S": _NOW},
}
_COMMENT: dict[str, Any] = {
    "id": {"S": OTHER},
    "tenantId": {"S": TENANT},
    "ticketId": {"S": OTHER},
    "authorId": {"S": ME},
    "body": {"S": "Which floor?"},
    "visibility": {"S": "public"},
    "mentions": {"L": []},
    "createdAt": {"S": _NOW},
    "updatedAt": {"S": _NOW},
}
_ATTACHMENT: dict[str, Any] = {
    "id": {"S": OTHER},
    "tenantId": {"S": TENANT},
    "ticketId": {"S": OTHER},
    "fileName": {"S": "screen.png"},
    "contentType": {"S": "image/png"},
    "size": {"N": "12"},
    "sha256": {"S": "0" * 64},
    "state": {"S": "CLEAN"},
    "visibility": {"S": "public"},
    "announcedAs": {"S": "public"},
    "uploadedById": {"S": ME},
    "uploadedByRole": {"S": "agent"},
    "createdAt": {"S": _NOW},
    "objectVersion": {"S": "1"},
}
_WEBHOOK: dict[str, Any] = {
    "id": {"S": OTHER},
    "tenantId": {"S": TENANT},
    "url": {"S": "https://93.184.216.34/hooks"},
    "eventTypes": {"L": [{"S": "*"}]},
    "internalComments": {"BOOL": False},
    "active": {"BOOL": True},
    "version": {"N": "1"},
    "createdById": {"S": ME},
    "createdAt": {"S": _NOW},
    "updatedAt": {"S": _NOW},
    "secrets": {"L": [{"M": {"key": {"S": "whsec_" + "A" * 32}}}]},
}
_DELIVERY: dict[str, Any] = {
    "id": {"S": OTHER},
    "tenantId": {"S": TENANT},
    "webhookId": {"S": OTHER},
    "eventId": {"S": OTHER},
    "eventType": {"S": "TicketCreated"},
    "ticketId": {"S": OTHER},
    "state": {"S": "FAILED"},
    "body": {"S": "{}"},
    "createdAt": {"S": _NOW},
    "expiresAt": {"N": "4102444800"},
}
_VIEW: dict[str, Any] = {
    "id": {"S": OTHER},
    "tenantId": {"S": TENANT},
    "name": {"S": "Mine"},
    "query": {"S": "assignee:me"},
    "shared": {"BOOL": False},
    "ownerId": {"S": ME},
    "version": {"N": "1"},
    "createdAt": {"S": _NOW},
    "updatedAt": {"S": _NOW},
}
_CALENDARS: dict[str, Any] = {
    "version": {"N": "1"},
    "calendars": {
        "L": [
            {
                "M": {
                    "id": {"S": OTHER},
                    "name": {"S": "Desk"},
                    "timeZone": {"S": "Europe/Berlin"},
                    "hours": {"M": {"monday": {"L": [{"M": {"from": {"S": "09:00"}, "to": {"S": "17:00"}}}]}}},
                    "holidays": {"L": []},
                    "default": {"BOOL": False},
                    "version": {"N": "1"},
                    "createdAt": {"S": _NOW},
                    "updatedAt": {"S": _NOW},
                }
            }
        ]
    },
}
_RECEIPT: dict[str, Any] = {
    "tenantId": {"S": TENANT},
    "tenantName": {"S": "Bench"},
    "requestedById": {"S": ME},
    "state": {"S": "RUNNING"},
    "startedAt": {"S": _NOW},
}
_ITEMS = {
    "TICKET": _TICKET,
    "USER": _USER,
    "TENANT": _TENANT,
    "DELETION": _RECEIPT,
    "COMMENT": _COMMENT,
    "ATTACHMENT": _ATTACHMENT,
    "WEBHOOK": _WEBHOOK,
    "DELIVERY": _DELIVERY,
    "CALENDARS": _CALENDARS,
}
"""The item that a GetItem finds, by how its range key starts."""

_ACCOUNT = {
    "Username": ME,
    "UserStatus": "CONFIRMED",
    "Enabled": True,
    "UserAttributes": [
        {"Name": "sub", "Value": ME},
        {"Name": "email", "Value": "ada@example.com"},
        {"Name": "custom:tenantId", "Value": TENANT},
    ],
}


def _found(request: dict[str, Any]) -> dict[str, Any]:
    range_key = request["Key"]["SK"]["S"]
    item = _VIEW if "#VIEW#" in range_key else _ITEMS.get(range_key.partition("#")[0])
    # An API key is a user whose id is not the caller's.
    if item is _USER and not request["Key"]["PK"]["S"].endswith(ME):
        item = _API_KEY
    return {"Item": item} if item else {}


_MOVED = {
    "executionArn": "x",
    "startDate": 1,
    "stopDate": 1,
    "status": "SUCCEEDED",
    "output": json.dumps({"outcome": "MOVED", "ticket": _TICKET}),
}
_ANSWERS: dict[str, Any] = {
    "Query": {"Items": [], "Count": 0, "ScannedCount": 0},
    "BatchGetItem": {"Responses": {}, "UnprocessedKeys": {}},
    "UpdateItem": {"Attributes": {"lastNumber": {"N": "1"}}},
    "StartSyncExecution": _MOVED,
    "StartExecution": {"executionArn": "x", "startDate": 1},
    "AdminGetUser": _ACCOUNT,
    "AdminCreateUser": {"User": {**_ACCOUNT, "Attributes": _ACCOUNT["UserAttributes"]}},
    "AdminListGroupsForUser": {"Groups": []},
    "SendMessage": {"MessageId": "x", "MD5OfMessageBody": ""},
}
"""What an action answers; an empty object for all others."""


def answer(target: str, request: dict[str, Any]) -> dict[str, Any]:
    """Return what AWS answers to an action, by the header that names it."""
    action = target.rpartition(".")[2]
    found: dict[str, Any] = _found(request) if action == "GetItem" else _ANSWERS.get(action, {})
    return found


@contextmanager
def answering() -> Iterator[str]:
    """Serve on loopback and yield the address."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            """Answer as S3: there are no objects."""
            self._answer(b"<ListVersionsResult/>", "application/xml")

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            content = json.dumps(answer(self.headers.get("X-Amz-Target", ""), json.loads(body or b"{}"))).encode()
            self._answer(content, "application/x-amz-json-1.0")

        def _answer(self, content: bytes, media_type: str) -> None:
            self.send_response(200)
            self.send_header("Content-Type", media_type)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
