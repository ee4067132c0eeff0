"""Fixtures of the tests of mails."""

import time as clock_of_the_machine
from typing import Any, cast

import pytest
from moto.core.models import botocore_stubber
from mypy_boto3_dynamodb import DynamoDBClient

from tests.unit.conftest import Clock
from tests.unit.mails.support import Ses, put_reader
from tests.unit.support import ADMIN, AGENT, OTHER_REPORTER, REPORTER
from ticketing import aws

ENVIRONMENT = {
    "API_URL": "https://api.example.com",
    "APP_URL": "https://desk.example.com/tickets/{number}?id={id}",
    "MAIL_CONFIGURATION_SET": "tickets",
    "MAIL_FROM": "desk@example.com",
    "MAIL_TEMPLATES": "tickets",
}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(clock_of_the_machine, "sleep", lambda _seconds: None)  # try again at once


@pytest.fixture
def ses(dynamodb: DynamoDBClient) -> Ses:
    """Return SES, which takes every mail unless told otherwise, in the place of moto's, which knows no templates."""
    assert dynamodb
    stand_in, events = Ses(), cast("Any", aws.ses().meta.events)
    events.unregister("before-send", botocore_stubber)
    events.register("before-send.sesv2.SendEmail", stand_in)
    return stand_in


@pytest.fixture
def readers(dynamodb: DynamoDBClient, time: Clock) -> None:
    """Make the tests' callers readers of acme, who want to be told everything, at the moment of the events."""
    assert time
    for caller in (REPORTER, OTHER_REPORTER, AGENT, ADMIN):
        put_reader(dynamodb, caller)
