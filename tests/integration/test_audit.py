"""The audit trail on the running system: written with the change, listed, and published."""

import time
from collections.abc import Callable

from tests.harness.bus import SECONDS_TO_ARRIVE, BusProbe
from tests.harness.people import OwnTenant
from tests.harness.stack import Stack
from ticketing.events.publishing import AUDIT_SOURCE


def test_what_an_admin_does_is_listed_and_published(found_tenant: Callable[[], OwnTenant], stack: Stack) -> None:
    with BusProbe(stack, AUDIT_SOURCE) as bus:
        tenant = found_tenant()
        (listed,) = tenant.admin.get("/v1/audit-events").json()
        deadline = time.monotonic() + SECONDS_TO_ARRIVE
        while listed["id"] not in {each["detail"]["id"] for each in bus.envelopes}:
            assert time.monotonic() < deadline
            bus.receive()
    published = next(each for each in bus.envelopes if each["detail"]["id"] == listed["id"])
    assert (published["detail-type"], published["detail"]["action"]) == ("AuditEventRecorded", "createTenant")


def test_what_an_admin_does_is_listed_for_admins_alone(found_tenant: Callable[[], OwnTenant]) -> None:
    tenant = found_tenant()
    member = tenant.join("agent")
    assert tenant.admin.patch(f"/v1/users/{member.id}", json={"role": "reporter"}).status_code == 200
    assert tenant.admin.patch("/v1/tenant", json={"settings": {"autoCloseDays": 3}}).status_code == 200
    events = tenant.admin.get("/v1/audit-events").json()
    assert [event["action"] for event in events] == [
        *("updateTenant", "updateUser", "acceptInvitation", "inviteUser", "createTenant"),
    ]
    assert events[1]["changes"] == {"role": {"from": "agent", "to": "reporter"}}
    assert events[1]["actor"] == {"id": tenant.admin.id, "kind": "PERSON", "role": "admin"}
    assert events[1]["ipAddress"]
    assert events[2]["actor"]["id"] == events[2]["target"]["id"] == member.id
    assert member.get("/v1/audit-events").status_code == 403
    assert found_tenant().admin.get("/v1/audit-events").json()[0]["action"] == "createTenant"
