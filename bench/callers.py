"""Callers of the stack that is measured."""

import base64
import json

import httpx

from bench.stack import Stack

TICKET = {
    "title": "The printer on the third floor prints blank pages",
    "description": "Since the paper was changed this morning. Other floors are fine. " * 8,
    "tags": ["printer", "third-floor"],
}


def connect(stack: Stack, user: str = "admin@acme.example") -> httpx.Client:
    """Return a client with the user's token."""
    return httpx.Client(base_url=stack.base_url, headers=authorization(stack, user), timeout=60)


def connect_async(stack: Stack, user: str = "admin@acme.example") -> httpx.AsyncClient:
    """Return a client of an event loop with the user's token."""
    return httpx.AsyncClient(base_url=stack.base_url, headers=authorization(stack, user), timeout=60)


def authorization(stack: Stack, user: str) -> dict[str, str]:
    """Return the header with the user's token."""
    return {"Authorization": f"Bearer {stack.token(user)}"}


def claim(token: str, name: str) -> str:
    """Return what a token says, unverified."""
    claims = base64.urlsafe_b64decode(token.split(".")[1] + "==")
    return str(json.loads(claims)[name])


def new_ticket(api: httpx.Client) -> httpx.Response:
    """Make a ticket of about 0.8 KB."""
    return api.post("/v1/tickets", json=TICKET).raise_for_status()


def move(n: int) -> dict[str, str]:
    """Return the n-th move of a ticket that goes back and forth between OPEN and RESOLVED."""
    return {"to": "RESOLVED", "resolution": "Fixed."} if n % 2 else {"to": "OPEN"}


def replacement(n: int, reporter_id: str) -> dict[str, object]:
    """Return a body that replaces a ticket that is NEW, its title by another each time."""
    return {
        "title": f"Title {n}",
        "description": TICKET["description"],
        "status": "NEW",
        "priority": "HIGH",
        "type": "QUESTION",
        "reporterId": reporter_id,
    }
