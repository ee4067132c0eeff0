"""What callers may send about users."""

import re
from typing import Any

import pytest
from pydantic import ValidationError

from ticketing.api.bodies import EMAIL
from ticketing.api.problems import problems
from ticketing.users.models import InviteUser, MeUpdate, UserQuery, UserUpdate


@pytest.mark.parametrize(
    "email",
    [
        "a@b.c",
        "Ada.Byron+tickets@Mail.Acme.example",
        "o'hara@acme.example",
        f"{'a' * 64}@acme.example",
        "#!$@a-b.xn--p1ai",
    ],
)
def test_addresses(email: str) -> None:
    assert InviteUser.model_validate({"email": f" {email} ", "role": "agent"}).email == email.lower()


@pytest.mark.parametrize(
    "email",
    [
        "",
        "ada",
        "ada@acme",
        "@acme.example",
        "ada@.example",
        "ada@acme..example",
        "ada@-acme.example",
        "ada@acme-.example",
        "ada@acme.example.",
        "a da@acme.example",
        "ada@b@acme.example",
        "ädä@acme.example",
        "ada@äcme.example",
        "ada@acme.example\x00",
        "ada@acme.example\n.evil.example",
        "Ada <ada@acme.example>",
        f"{'a' * 65}@acme.example",
        f"ada@{'a' * 250}.example",
        None,
        7,
    ],
)
def test_what_is_no_address(email: Any) -> None:
    with pytest.raises(ValidationError):
        InviteUser.model_validate({"email": email, "role": "agent"})


def test_the_pattern_is_one_for_every_engine() -> None:
    """The contract has it too, where Python's and JavaScript's engines read it."""
    assert re.fullmatch(EMAIL, "ada@acme.example")
    assert not re.fullmatch(EMAIL, "ada@acme.example\n")


@pytest.mark.parametrize("role", ["owner", "system", "newcomer", "Admin", "", None, ["admin"]])
def test_what_is_no_role(role: Any) -> None:
    with pytest.raises(ValidationError):
        InviteUser.model_validate({"email": "a@b.c", "role": role})
    with pytest.raises(ValidationError):
        UserUpdate.model_validate({"role": role})


@pytest.mark.parametrize("active", ["true", 1, 0, None, "yes"])
def test_a_flag_is_a_boolean(active: Any) -> None:
    with pytest.raises(ValidationError):
        UserUpdate.model_validate({"active": active})
    with pytest.raises(ValidationError):
        MeUpdate.model_validate({"notifications": {"assigned": active}})


@pytest.mark.parametrize(
    "body",
    [
        {"name": " Ada "},
        {"locale": "pt-PT"},
        {"locale": "zh-Hant-TW"},
        {"timeZone": "Europe/Lisbon"},
        {"timeZone": "UTC"},
        {"notifications": {}},
        {"notifications": {"mentioned": False}},
    ],
)
def test_what_people_may_change_of_themselves(body: dict[str, Any]) -> None:
    MeUpdate.model_validate(body)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": " "},
        {"name": "a" * 101},
        {"name": "a\x00b"},
        {"name": None},
        {"locale": "english"},
        {"locale": "en_GB"},
        {"locale": "en-" + "-".join(["abcdefgh"] * 5)},
        {"locale": "en\n"},
        {"timeZone": "Europe/Atlantis"},
        {"timeZone": "../../etc/passwd"},
        {"timeZone": "europe/lisbon"},
        {"timeZone": ""},
        {"timeZone": None},
        {"notifications": None},
        {"notifications": {"snoozed": True}},
        {"role": "admin"},
        {"email": "a@b.c"},
        {"tenantId": "globex"},
        {"time_zone": "UTC"},
    ],
)
def test_what_they_may_not(body: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        MeUpdate.model_validate(body)


@pytest.mark.parametrize(
    "query", [{"active": "1"}, {"active": "True"}, {"name": " "}, {"email": "\x00"}, {"role": "x"}]
)
def test_queries_that_are_none(query: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        UserQuery.model_validate(query)


def test_what_is_wrong_is_told_in_words() -> None:
    with pytest.raises(ValidationError) as raised:
        InviteUser.model_validate({"email": "ben", "role": "owner"})
    assert problems(raised.value) == ["email: must be an e-mail address", "role: must be one of reporter, agent, admin"]
    body = {"locale": "english", "timeZone": "Mars/Base", "notifications": {"assigned": "no", "resolved": None}}
    with pytest.raises(ValidationError) as raised:
        MeUpdate.model_validate(body)
    assert problems(raised.value) == [
        "locale: must be a language tag, such as pt-PT",
        "timeZone: must be a time zone of the IANA database, such as Europe/Lisbon",
        "notifications.assigned: must be true or false",
        "notifications.resolved: must be true or false",
    ]
