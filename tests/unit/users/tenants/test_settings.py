"""A tenant's name and settings: reading them, changing them, and what they leave elsewhere."""

from typing import Any

import pytest

from functions.users import get_tenant, update_tenant
from tests.unit.conftest import Clock
from tests.unit.support import ADMIN, AGENT, MOMENT_TEXT, NEWCOMER, REPORTER, STRANGER, Answer, api_event, send
from tests.unit.users.tenants.conftest import TICKETS, USERS, World
from ticketing.access.identity import Caller
from ticketing.users.claims import name_claim
from ticketing.users.tenant_repository import TenantRepository

TENANT = "TENANT#acme#TENANT TENANT"
COUNTER = "TENANT#acme#COUNTER TICKETS"
AUTO_CLOSE = "TENANT#acme#AUTO_CLOSE AUTO_CLOSE"
DEFAULTS: dict[str, Any] = {
    "defaultPriority": "MEDIUM",
    "whoMayCreate": "EVERYBODY",
    "allowedEmailDomains": [],
    "autoCloseDays": None,
    "timeZone": "UTC",
    "targets": {"clock": "business", "response": {}, "resolution": {}},
}


@pytest.fixture(autouse=True)
def _tenants(world: World, time: Clock) -> None:
    world.tenant("acme", "Acme Inc.")
    world.tenant("globex", "Globex", "somebody-else")
    time.forward(minutes=1)


def get(*, caller: Caller = REPORTER, **event: Any) -> Answer:
    return send(get_tenant.handler, api_event("GET", "/v1/tenant", caller=caller, **event))


def update(body: Any, *, caller: Caller = ADMIN, **event: Any) -> Answer:
    return send(update_tenant.handler, api_event("PATCH", "/v1/tenant", caller=caller, body=body, **event))


def settings(**values: Any) -> dict[str, Any]:
    return {"settings": values}


def test_everybody_of_the_tenant_reads_it() -> None:
    answer = get()
    shown = {"id": "acme", "name": "Acme Inc.", "settings": DEFAULTS, "version": 1}
    assert (answer.status, answer.json) == (200, shown | {"createdAt": MOMENT_TEXT, "updatedAt": MOMENT_TEXT})
    assert answer.headers["ETag"] == '"1"'
    assert get(headers={"If-None-Match": '"1"'}).status == 304
    assert get(caller=STRANGER).json["name"] == "Globex"


def test_a_newcomer_has_none() -> None:
    assert get(caller=NEWCOMER).error == (403, "forbidden")


def test_a_tenant_that_is_not_there_yet() -> None:
    nobodys = Caller("somebody", "initech", ADMIN.role)
    assert get(caller=nobodys).error == (404, "tenant_not_found")
    assert update({"name": "Initech"}, caller=nobodys).error == (404, "tenant_not_found")


@pytest.mark.parametrize("caller", [REPORTER, AGENT])
def test_only_admins_change_it(world: World, caller: Caller) -> None:
    assert update({"name": "Ours"}, caller=caller).error == (403, "forbidden")
    assert world.items()[TENANT]["version"] == 1


def test_settings_change_one_by_one() -> None:
    first = update(settings(defaultPriority="HIGH", allowedEmailDomains=["Acme.Example", "acme.example", "b.example"]))
    assert (first.status, first.headers["ETag"]) == (200, '"2"')
    second = update(settings(autoCloseDays=7))
    changed = {"defaultPriority": "HIGH", "allowedEmailDomains": ["acme.example", "b.example"], "autoCloseDays": 7}
    assert second.json["settings"] == DEFAULTS | changed
    assert (second.json["version"], second.json["updatedAt"]) == (3, "2026-02-02T08:16:04.120Z")
    assert get().json == second.json


def test_a_tenant_from_before_has_utc(world: World) -> None:
    """The item that was written before there was a time zone has none."""
    world.dynamodb.update_item(
        TableName=USERS,
        Key={"PK": {"S": "TENANT#acme#TENANT"}, "SK": {"S": "TENANT"}},
        UpdateExpression="REMOVE settings.#zone",
        ExpressionAttributeNames={"#zone": "timeZone"},
    )
    assert "timeZone" not in world.items()[TENANT]["settings"]
    assert get().json["settings"] == DEFAULTS
    assert update(settings(timeZone="UTC")).json["version"] == 1
    assert update(settings(timeZone="Asia/Kathmandu")).json["settings"] == DEFAULTS | {"timeZone": "Asia/Kathmandu"}
    assert world.items()[TENANT]["settings"]["timeZone"] == "Asia/Kathmandu"


def test_targets_are_set_together(world: World) -> None:
    """What takes the place of targets keeps none of them; a tenant from before has none."""
    assert update(settings(targets={"response": {"HIGH": 60}, "resolution": {"LOW": 480}})).status == 200
    targets = {"clock": "elapsed", "response": {"CRITICAL": 30}}
    shown = targets | {"resolution": {}}
    assert update(settings(targets=targets)).json["settings"] == DEFAULTS | {"targets": shown}
    assert update(settings(targets=targets)).json["version"] == 3
    assert world.items()[TENANT]["settings"]["targets"] == shown
    assert get().json["settings"]["targets"] == shown


def test_what_new_tickets_need_is_on_the_counter(world: World) -> None:
    update(settings(defaultPriority="LOW", whoMayCreate="AGENTS"))
    assert world.items(TICKETS)[COUNTER] == {"lastNumber": 7, "defaultPriority": "LOW", "creators": "AGENTS"}
    update(settings(whoMayCreate="EVERYBODY"))
    assert world.items(TICKETS)[COUNTER] == {"lastNumber": 7, "defaultPriority": "LOW"}
    update(settings(defaultPriority="MEDIUM"))
    assert world.items(TICKETS)[COUNTER] == {"lastNumber": 7}


def test_a_tenant_without_a_ticket_gets_its_counter(world: World) -> None:
    world.dynamodb.delete_item(TableName=TICKETS, Key={"PK": {"S": "TENANT#acme#COUNTER"}, "SK": {"S": "TICKETS"}})
    update(settings(whoMayCreate="AGENTS"))
    assert world.items(TICKETS)[COUNTER] == {"creators": "AGENTS"}


def test_the_days_until_tickets_close_are_where_the_job_looks(world: World) -> None:
    item = {"tenantId": "acme", "days": 7, "taskKey": "AUTO_CLOSE", "taskSince": "acme"}
    update(settings(autoCloseDays=7))
    assert world.items()[AUTO_CLOSE] == item
    update(settings(autoCloseDays=365))
    assert world.items()[AUTO_CLOSE] == item | {"days": 365}
    update(settings(defaultPriority="LOW"))
    assert world.items()[AUTO_CLOSE] == item | {"days": 365}
    update(settings(autoCloseDays=None))
    assert AUTO_CLOSE not in world.items()


@pytest.mark.parametrize("body", [{"name": "Acme Inc."}, settings(), {"name": " Acme Inc. ", "settings": DEFAULTS}])
def test_what_is_the_same_already_writes_nothing(world: World, body: Any) -> None:
    before = world.items()
    world.faults.calls.clear()
    answer = update(body)
    assert (answer.status, answer.json["version"]) == (200, 1)
    assert world.faults.calls == ["GetItem", "GetItem"]  # the caller, and the tenant
    assert world.items() == before


def test_another_name(world: World) -> None:
    assert update({"name": "Initech"}).json["name"] == "Initech"
    items = world.items()
    assert items["NAME#initech NAME"] == {"tenantId": "acme"}
    assert "NAME#acme inc. NAME" not in items
    assert update({"name": "Acme Inc."}, caller=STRANGER).status == 200


def test_the_same_name_written_otherwise_keeps_its_claim(world: World) -> None:
    assert update({"name": "ACME  Inc."}).json["name"] == "ACME  Inc."
    assert world.items()["NAME#acme inc. NAME"] == {"tenantId": "acme"}


@pytest.mark.parametrize("name", ["Globex", "globex", "ＧＬＯＢＥＸ", "  GLOBEX "])  # noqa: RUF001 - wide letters
def test_a_name_that_another_has(world: World, name: str) -> None:
    before = world.items()
    assert update({"name": name, "settings": {"defaultPriority": "LOW"}}).error == (409, "tenant_name_taken")
    assert world.items() == before
    assert COUNTER in world.items(TICKETS)
    assert world.items(TICKETS)[COUNTER] == {"lastNumber": 7}


def test_a_tenant_whose_claim_was_lost_can_still_be_renamed(world: World) -> None:
    world.dynamodb.delete_item(TableName=USERS, Key={"PK": {"S": "NAME#acme inc."}, "SK": {"S": "NAME"}})
    assert update({"name": "Initech"}).status == 200


def test_the_longest_names_fit_into_a_key() -> None:
    """One character that folding makes 33 bytes of, a hundred times; keys have 2,048 at most."""
    assert update({"name": "\ufdfa" * 100}).status == 200
    assert len(name_claim("\ufdfa" * 100)["PK"].encode()) <= 2048


def test_a_stale_etag_changes_nothing() -> None:
    assert update({"name": "Initech"}, headers={"If-Match": '"7"'}).error == (412, "precondition_failed")
    assert update({"name": "Initech"}, headers={"If-Match": '"1"'}).status == 200
    assert update(settings(autoCloseDays=3), headers={"If-Match": '"1"'}).error == (412, "precondition_failed")


def test_a_lost_race_is_decided_again_on_what_the_winner_wrote(monkeypatch: pytest.MonkeyPatch) -> None:
    write = TenantRepository.update

    def late(self: TenantRepository, *given: Any, **alongside: Any) -> None:
        monkeypatch.setattr(TenantRepository, "update", write)
        update(settings(autoCloseDays=9))
        write(self, *given, **alongside)

    monkeypatch.setattr(TenantRepository, "update", late)
    answer = update(settings(defaultPriority="LOW"))
    assert answer.json["version"] == 3
    assert answer.json["settings"] == DEFAULTS | {"defaultPriority": "LOW", "autoCloseDays": 9}


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ({}, "body: at least one field is needed"),
        ({"name": ""}, "name: "),
        ({"name": "a" * 101}, "name: "),
        ({"name": "a\x00b"}, "name: must not contain the control character U+0000"),
        ({"name": None}, "name: "),
        ({"state": "ACTIVE"}, "state: unknown field"),
        ({"settings": None}, "settings: must be a JSON object"),
        (settings(defaultPriority="URGENT"), "settings.defaultPriority: must be one of LOW, MEDIUM, HIGH, CRITICAL"),
        (settings(defaultPriority=None), "settings.defaultPriority: "),
        (settings(whoMayCreate="NOBODY"), "settings.whoMayCreate: must be one of EVERYBODY, AGENTS"),
        (settings(autoCloseDays=0), "settings.autoCloseDays: "),
        (settings(autoCloseDays=366), "settings.autoCloseDays: "),
        (settings(autoCloseDays="7"), "settings.autoCloseDays: "),
        (settings(autoCloseDays=True), "settings.autoCloseDays: "),
        (settings(allowedEmailDomains=["acme"]), "settings.allowedEmailDomains.0: must be a domain name"),
        (settings(allowedEmailDomains=["a@acme.example"]), "settings.allowedEmailDomains.0: must be a domain name"),
        (settings(allowedEmailDomains=[f"{'a' * 64}.example"]), "settings.allowedEmailDomains.0: must be a domain"),
        (settings(allowedEmailDomains=["a." * 126 + "example"]), "settings.allowedEmailDomains.0: must be a domain"),
        (settings(allowedEmailDomains=[f"{n}.example" for n in range(51)]), "settings.allowedEmailDomains: "),
        (settings(timeZone="Europe/Atlantis"), "settings.timeZone: must be a time zone of the IANA database"),
        (settings(timeZone="europe/lisbon"), "settings.timeZone: must be a time zone of the IANA database"),
        (settings(timeZone="../../etc/passwd"), "settings.timeZone: must be a time zone of the IANA database"),
        (settings(timeZone=None), "settings.timeZone: "),
        (settings(targets=None), "settings.targets: "),
        (settings(targets={"clock": "sun"}), "settings.targets.clock: must be one of business, elapsed"),
        (settings(targets={"response": {"URGENT": 60}}), "settings.targets.response.URGENT"),
        (settings(targets={"response": {"HIGH": 0}}), "settings.targets.response.HIGH: "),
        (settings(targets={"resolution": {"HIGH": 527_041}}), "settings.targets.resolution.HIGH: "),
        (settings(targets={"resolution": {"HIGH": "60"}}), "settings.targets.resolution.HIGH: "),
        (settings(targets={"answer": {}}), "settings.targets.answer: unknown field"),
        (settings(theme="dark"), "settings.theme: unknown field"),
    ],
)
def test_what_the_contract_does_not_take(world: World, body: Any, detail: str) -> None:
    answer = update(body)
    assert answer.error == (400, "bad_request")
    assert [text for text in answer.details if text.startswith(detail)], answer.details
    assert world.items()[TENANT]["version"] == 1


def test_a_query_is_refused() -> None:
    event = api_event("PATCH", "/v1/tenant?dryRun=true", caller=ADMIN, body={"name": "Initech"})
    assert send(update_tenant.handler, event).error == (400, "bad_request")
