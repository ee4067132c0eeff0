"""Attachments on the running API: files go up to S3, are scanned, come back, and end with what they belong to."""

import functools
import io
import json
import random
import statistics
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import parse_qs, urlsplit, urlunsplit

import httpx
import pytest

from local.aws.guardduty import TAG
from tests.harness.bucket import code_of
from tests.harness.client import TLS, Client
from tests.harness.files import (
    CONTENT,
    EICAR,
    SECONDS_TO_SETTLE,
    Objects,
    address,
    announce,
    announcement,
    attach,
    bytes_used,
    call,
    change_row,
    checksum,
    consumed,
    events_lost,
    fetched,
    scanner_denied,
    settled,
    sweep,
    upload,
)
from tests.harness.people import TICKET, OwnTenant, Tenant
from tests.harness.postbox import until
from tests.harness.size import sized
from tests.harness.sockets import opened
from tests.harness.stack import Stack
from ticketing.attachments.repository import usage_key
from ticketing.dynamodb.attributes import to_item
from ticketing.dynamodb.tables import update_of
from ticketing.tickets.keys import ticket_key

type NewTicket = Callable[..., dict[str, Any]]

NOBODY = "0190b2c4-0000-7000-8000-000000000000"


@pytest.fixture
def url(new_ticket: NewTicket) -> str:
    """Make a ticket of acme's reporter and return where it is."""
    return f"/v1/tickets/{new_ticket()['id']}"


@pytest.fixture(scope="module")
def objects(stack: Stack) -> Objects:
    return Objects(stack)


def _zipped(content: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("inside.txt", content)
    return packed.getvalue()


def _kinds(api: Client, url: str) -> list[str]:
    return [event["type"] for event in api.get(f"{url}/history", params={"limit": "100"}).json()]


def _prefix(tenant_id: str, url: str) -> str:
    return f"{tenant_id}/{url.rpartition('/')[2]}/"


# --- there and back ---------------------------------------------------------------------------------------------------


def test_a_file_goes_up_and_comes_back(acme: Tenant, url: str) -> None:
    before = acme.reporter.get(url).json()
    announced = announce(acme.reporter, url, fileName="Grüße 😀.txt")
    place = f"{url}/attachments/{announced['id']}"
    assert (announced["state"], announced["visibility"], announced["commentId"]) == ("PENDING", "public", None)
    assert acme.agent.get(f"{place}/content").json()["code"] == "attachment_not_ready"
    assert upload(announced).status_code == httpx.codes.OK
    clean = settled(acme.agent, place)
    assert clean == {name: value for name, value in announced.items() if name != "upload"} | {"state": "CLEAN"}
    redirected = acme.agent.get(f"{place}/content", expect=httpx.codes.FOUND)
    answer = fetched(redirected.headers["Location"])
    assert answer.content == CONTENT
    assert answer.headers["Content-Type"] == "text/plain"
    assert answer.headers["Cache-Control"] == "private, no-store"
    assert answer.headers["Content-Disposition"].startswith("attachment; ")
    assert "filename*=UTF-8''Gr%C3%BC%C3%9Fe%20%F0%9F%98%80.txt" in answer.headers["Content-Disposition"]
    assert acme.reporter.get(f"{url}/attachments").json() == [clean]
    assert acme.reporter.get(url).json() == before
    assert _kinds(acme.reporter, url) == ["TicketCreated", "AttachmentAdded"]


@pytest.mark.parametrize("pack", [bytes, _zipped], ids=["as it is", "in a zip"])
def test_malware_is_rejected_and_deleted(
    acme: Tenant, objects: Objects, url: str, pack: Callable[[bytes], bytes]
) -> None:
    file = attach(acme.reporter, url, pack(EICAR), state="INFECTED")
    place = f"{url}/attachments/{file['id']}"
    assert file["reason"] == "THREATS_FOUND"
    refused = acme.reporter.get(f"{place}/content", expect=httpx.codes.CONFLICT).json()
    assert (refused["code"], refused["details"]) == ("attachment_rejected", ["The scanner found malware in it."])
    assert objects.are_gone(_prefix(acme.reporter.me["tenantId"], url))
    assert _kinds(acme.reporter, url) == ["TicketCreated", "AttachmentRejected"]


def test_what_a_browser_could_run_is_a_download_of_no_type(acme: Tenant, url: str) -> None:
    script = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"
    types = ["text/html", "image/svg+xml", "application/xhtml+xml", "text/xml"]
    for content_type in sized(types, short=types[:2]):
        file = attach(acme.reporter, url, script, contentType=content_type, fileName="a.svg")
        answer = fetched(address(acme.reporter, f"{url}/attachments/{file['id']}"))
        assert file["contentType"] == content_type
        assert answer.headers["Content-Type"] == "application/octet-stream"
        assert answer.headers["Content-Disposition"].startswith("attachment; ")


def test_a_polyglot_is_served_as_what_it_was_announced(acme: Tenant, url: str) -> None:
    both = b"GIF89a/*<html><script>alert(1)</script>*/=1;"
    file = attach(acme.reporter, url, both, contentType="image/gif", fileName="a.gif")
    answer = fetched(address(acme.reporter, f"{url}/attachments/{file['id']}"))
    assert (answer.headers["Content-Type"], answer.content) == ("image/gif", both)
    assert answer.headers["Content-Disposition"].startswith("attachment; ")


def test_what_the_scanner_can_not_look_into_is_rejected(acme: Tenant, objects: Objects, url: str) -> None:
    many = io.BytesIO()
    with zipfile.ZipFile(many, "w") as archive:
        for number in range(1001):
            archive.writestr(str(number), b"")
    encrypted = bytearray(_zipped(b"secret"))
    encrypted[6] |= 1  # in the header of the file, and in the list of files
    encrypted[encrypted.index(b"PK\x01\x02") + 8] |= 1
    for content in (many.getvalue(), bytes(encrypted)):
        file = attach(acme.reporter, url, content, state="UNSCANNABLE", contentType="application/zip")
        assert file["reason"] == "UNSUPPORTED"
        refused = acme.reporter.get(f"{url}/attachments/{file['id']}/content", expect=409).json()
        assert refused["code"] == "attachment_rejected"
    assert objects.are_gone(_prefix(acme.reporter.me["tenantId"], url))


# --- events that are lost, and scans that fail ------------------------------------------------------------------------


def test_lost_events_end_the_same(stack: Stack, acme: Tenant, objects: Objects, url: str) -> None:
    tenant_id = acme.reporter.me["tenantId"]
    with events_lost(stack):
        clean, infected = announce(acme.reporter, url), announce(acme.reporter, url, EICAR)
        for file, content, result in ((clean, CONTENT, "NO_THREATS_FOUND"), (infected, EICAR, "THREATS_FOUND")):
            upload(file, content).raise_for_status()
            key = f"{_prefix(tenant_id, url)}{file['id']}"
            until(functools.partial(objects.tags, key), {TAG: result}.__eq__)
    for file in (clean, infected):
        place = f"{url}/attachments/{file['id']}"
        assert acme.reporter.get(place).json()["state"] == "PENDING"
        assert acme.reporter.get(f"{place}/content").status_code == httpx.codes.CONFLICT
        change_row(stack, tenant_id, place, listKey=f"2026-01-01T00:00:00.000Z#{file['id']}")
    sweep(stack)
    states = {file["id"]: file["state"] for file in acme.reporter.get(f"{url}/attachments").json()}
    assert states == {clean["id"]: "CLEAN", infected["id"]: "INFECTED"}
    assert objects.under(f"{_prefix(tenant_id, url)}{infected['id']}") == []
    assert sorted(_kinds(acme.reporter, url)) == ["AttachmentAdded", "AttachmentRejected", "TicketCreated"]


def test_what_never_arrives_is_gone_after_a_day(stack: Stack, acme: Tenant, url: str) -> None:
    tenant_id = acme.reporter.me["tenantId"]
    before = bytes_used(stack, tenant_id)
    file = announce(acme.reporter, url)
    place = f"{url}/attachments/{file['id']}"
    assert bytes_used(stack, tenant_id) == before + len(CONTENT)
    long_ago = "2026-01-01T00:00:00.000Z"
    change_row(stack, tenant_id, place, listKey=f"{long_ago}#{file['id']}")
    sweep(stack)
    assert acme.reporter.get(place).status_code == httpx.codes.NOT_FOUND
    assert bytes_used(stack, tenant_id) == before
    assert _kinds(acme.reporter, url) == ["TicketCreated"]


def test_a_scan_that_failed_is_tried_again(stack: Stack, acme: Tenant, objects: Objects, url: str) -> None:
    tenant_id = acme.reporter.me["tenantId"]
    with scanner_denied(stack):
        file = announce(acme.reporter, url)
        upload(file).raise_for_status()
        place = f"{url}/attachments/{file['id']}"
        settled(acme.reporter, place, "SCANNING")
        until(functools.partial(objects.tags, f"{_prefix(tenant_id, url)}{file['id']}"), {TAG: "ACCESS_DENIED"}.__eq__)
    assert acme.reporter.get(f"{place}/content").json()["code"] == "attachment_not_ready"
    change_row(stack, tenant_id, place, listKey=f"2026-01-01T00:00:00.000Z#{file['id']}")
    sweep(stack)
    settled(acme.reporter, place, "CLEAN")
    assert fetched(address(acme.reporter, place)).content == CONTENT


# --- addresses --------------------------------------------------------------------------------------------------------


def test_an_address_takes_what_was_announced_and_nothing_else(acme: Tenant, objects: Objects, url: str) -> None:
    announced = announce(acme.reporter, url)
    other = bytes(reversed(CONTENT))
    location = urlsplit(announced["upload"]["url"])
    elsewhere = announced | {
        "upload": announced["upload"]
        | {"url": urlunsplit(location._replace(path=location.path.replace(announced["id"], NOBODY)))}
    }
    attempts = {
        "another content": (upload(announced, other), "BadDigest"),
        "its checksum": (
            upload(announced, other, **{"x-amz-checksum-sha256": checksum(other)}),
            "SignatureDoesNotMatch",
        ),
        "a byte more": (upload(announced, CONTENT + b"."), "SignatureDoesNotMatch"),
        "another type": (upload(announced, CONTENT, **{"Content-Type": "text/html"}), "SignatureDoesNotMatch"),
        "another key": (upload(elsewhere), "SignatureDoesNotMatch"),
        "a tag": (
            upload(announced, CONTENT, **{"x-amz-tagging": "GuardDutyMalwareScanStatus=NO_THREATS_FOUND"}),
            ("AccessDenied", "SignatureDoesNotMatch"),
        ),
        "reading": (fetched(announced["upload"]["url"]), "SignatureDoesNotMatch"),
    }
    for what, (answer, code) in attempts.items():
        assert not answer.is_success, what
        assert code_of(answer)[1] in code, what
    assert objects.under(_prefix(acme.reporter.me["tenantId"], url)) == []
    assert acme.reporter.get(f"{url}/attachments").json()[0]["state"] == "PENDING"


def test_a_reading_address_reads_one_version_of_one_file_by_its_name(acme: Tenant, url: str) -> None:
    file = attach(acme.reporter, url)
    location = urlsplit(address(acme.reporter, f"{url}/attachments/{file['id']}"))
    query = parse_qs(location.query)
    assert query["X-Amz-Expires"] == ["300"]
    assert query["versionId"]
    for changed in (
        location.query.replace("notes.txt", "notes.html"),
        location.query.replace("text%2Fplain", "text%2Fhtml"),
        location.query.replace("X-Amz-Expires=300", "X-Amz-Expires=3000"),
        "",
    ):
        assert fetched(urlunsplit(location._replace(query=changed))).status_code == httpx.codes.FORBIDDEN
    assert httpx.delete(urlunsplit(location), verify=TLS).status_code == httpx.codes.FORBIDDEN


def test_a_second_upload_changes_nothing(acme: Tenant, objects: Objects, url: str) -> None:
    announced = announce(acme.reporter, url)
    place, prefix = f"{url}/attachments/{announced['id']}", _prefix(acme.reporter.me["tenantId"], url)
    upload(announced).raise_for_status()
    settled(acme.reporter, place)
    reading = address(acme.reporter, place)
    upload(announced)
    until(lambda: len(objects.under(prefix)), (1).__eq__)
    assert fetched(reading).content == CONTENT
    assert _kinds(acme.reporter, url).count("AttachmentAdded") == 1


# --- limits and bad input ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "stored"),
    [
        ("../../etc/passwd", ".._.._etc_passwd"),
        ("a\\b.txt", "a_b.txt"),
        ("nul\x00in.txt", "nul_in.txt"),
        ("a\r\nSet-Cookie: x.txt", "a__Set-Cookie: x.txt"),
        ("photo\u202egnp.exe", "photo_gnp.exe"),
        ("  spaces  ", "spaces"),
        ("😀" * 75, "😀" * 75),
    ],
)
def test_a_name_leads_nowhere(acme: Tenant, url: str, name: str, stored: str) -> None:
    file = attach(acme.reporter, url, fileName=name)
    assert file["fileName"] == stored
    answer = fetched(address(acme.reporter, f"{url}/attachments/{file['id']}"))
    assert (answer.content, "set-cookie" in answer.headers) == (CONTENT, False)


@pytest.mark.parametrize(
    "body",
    [
        announcement(fileName=""),
        announcement(fileName="..."),
        announcement(fileName="x" * 256),
        announcement(b""),
        announcement(size="38"),
        announcement(sha256="00"),
        announcement(sha256="g" * 64),
        announcement(contentType="text/plain; charset=utf-8"),
        announcement(contentType="text"),
        announcement(visibility="secret"),
        announcement(state="CLEAN"),
        {name: value for name, value in announcement().items() if name != "fileName"},
    ],
    ids=str,
)
def test_bad_input_stores_nothing(acme: Tenant, url: str, body: dict[str, Any]) -> None:
    refused = acme.reporter.post(f"{url}/attachments", json=body, expect=httpx.codes.BAD_REQUEST)
    assert refused.json()["code"] == "bad_request"
    assert acme.reporter.get(f"{url}/attachments").json() == []


def test_a_file_that_is_too_large_is_not_announced(acme: Tenant, url: str) -> None:
    refused = acme.reporter.post(f"{url}/attachments", json=announcement(size=100_000_001), expect=413)
    assert refused.json()["code"] == "payload_too_large"
    announce(acme.reporter, url, size=100_000_000)


@pytest.mark.long
def test_a_ticket_has_fifty_files_and_a_closed_one_takes_none(acme: Tenant, url: str) -> None:
    def announced(_: int) -> int:
        return acme.agent.post(f"{url}/attachments", json=announcement()).status_code

    with ThreadPoolExecutor(4) as pool:
        statuses = list(pool.map(announced, range(52)))
    assert sorted(statuses) == [201] * 50 + [409] * 2
    refused = acme.agent.post(f"{url}/attachments", json=announcement(), expect=409).json()
    assert refused["code"] == "attachment_limit_reached"
    pages = list(acme.reporter.pages(f"{url}/attachments", limit=20))
    assert [len(page) for page in pages] == [20, 20, 10]
    first = pages[0][0]["id"]
    acme.admin.delete(f"{url}/attachments/{first}", expect=httpx.codes.NO_CONTENT)
    announce(acme.agent, url)
    acme.agent.post(f"{url}/transitions", json={"to": "CLOSED"}, expect=200)
    refused = acme.agent.post(f"{url}/attachments", json=announcement(), expect=409).json()
    assert refused["code"] == "ticket_closed"


def test_the_tenants_last_bytes_go_to_one_of_many(stack: Stack, found_tenant: Callable[[], OwnTenant]) -> None:
    tenant, size = found_tenant(), len(CONTENT)
    url = tenant.admin.post("/v1/tickets", json={"title": "T", "description": "D"}).headers["Location"]
    first = announce(tenant.admin, url)
    free = 10_000_000_000 - 2 * size  # which leaves room for one more
    stack.client("dynamodb").update_item(
        **update_of(stack.outputs["TicketsTableName"], usage_key(tenant.id), {"bytes": free + size})
    )

    def announced(_: int) -> httpx.Response:
        return tenant.admin.post(f"{url}/attachments", json=announcement())

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(announced, range(16)))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 15
    codes = {answer.json()["code"] for answer in answers if answer.status_code == httpx.codes.CONFLICT}
    assert codes == {"attachment_storage_full"}
    assert len(tenant.admin.get(f"{url}/attachments").json()) == 2
    tenant.admin.delete(f"{url}/attachments/{first['id']}", expect=204)
    assert bytes_used(stack, tenant.id) == free + size
    announce(tenant.admin, url)


def test_a_repeated_announcement_is_the_same_file(acme: Tenant, url: str) -> None:
    first = announce(acme.reporter, url, key="the-same")
    again = announce(acme.reporter, url, key="the-same")
    assert again["id"] == first["id"]
    upload(again).raise_for_status()
    settled(acme.reporter, f"{url}/attachments/{first['id']}")
    after = announce(acme.reporter, url, key="the-same")
    assert (after["state"], after["upload"]) == ("CLEAN", None)
    other = acme.reporter.post(f"{url}/attachments", json=announcement(b"other"), key="the-same")
    assert other.status_code == httpx.codes.UNPROCESSABLE_ENTITY
    assert len(acme.reporter.get(f"{url}/attachments").json()) == 1


# --- who sees what ----------------------------------------------------------------------------------------------------


def test_an_internal_file_leaves_no_trace_for_reporters(acme: Tenant, url: str) -> None:
    before = acme.reporter.get(url).json()
    file = attach(acme.agent, url, visibility="internal")
    place = f"{url}/attachments/{file['id']}"
    for path in (place, f"{place}/content"):
        assert acme.reporter.get(path, expect=404).json()["code"] == "attachment_not_found"
    assert acme.reporter.delete(place, expect=404).json()["code"] == "attachment_not_found"
    assert acme.reporter.get(f"{url}/attachments").json() == []
    assert _kinds(acme.reporter, url) == ["TicketCreated"]
    assert _kinds(acme.agent, url) == ["TicketCreated", "AttachmentAdded"]
    assert acme.reporter.get(url).json() == before
    refused = acme.reporter.post(f"{url}/attachments", json=announcement(visibility="internal"))
    assert refused.status_code == httpx.codes.FORBIDDEN
    acme.admin.delete(place, expect=httpx.codes.NO_CONTENT)
    assert _kinds(acme.reporter, url) == ["TicketCreated"]


def test_who_looks_on_is_told_when_a_file_can_be_read(stack: Stack, acme: Tenant, url: str) -> None:
    topic = {"topic": "ticket", "ticketId": url.rpartition("/")[2]}
    with opened(stack, str(acme.reporter.token)) as reporter, opened(stack, str(acme.agent.token)) as agent:
        for socket in (reporter, agent):
            assert socket.say(action="subscribe", **topic)["type"] == "subscribed"
        internal = attach(acme.agent, url, visibility="internal")
        public = attach(acme.agent, url, EICAR, state="INFECTED")
        assert agent.event_of_file(internal["id"])["type"] == "AttachmentAdded"
        told = reporter.event_of_file(public["id"])
        assert (told["type"], told["visibility"]) == ("AttachmentRejected", "public")
        assert {event.get("attachmentId") for event in reporter.told} == {public["id"]}
        assert "notes.txt" not in json.dumps(reporter.told + agent.told)


def test_the_uploader_and_admins_remove_files(acme: Tenant, objects: Objects, url: str) -> None:
    mine, agents = attach(acme.reporter, url), attach(acme.agent, url)
    prefix = _prefix(acme.reporter.me["tenantId"], url)
    place = f"{url}/attachments/{agents['id']}"
    assert acme.reporter.delete(place).status_code == httpx.codes.FORBIDDEN
    acme.reporter.delete(f"{url}/attachments/{mine['id']}", expect=httpx.codes.NO_CONTENT)
    assert objects.under(f"{prefix}{mine['id']}") == []
    acme.admin.delete(place, expect=httpx.codes.NO_CONTENT)
    assert objects.under(prefix) == []
    assert acme.reporter.get(f"{url}/attachments").json() == []
    assert acme.admin.get(place, expect=404).json()["code"] == "attachment_not_found"
    assert _kinds(acme.reporter, url).count("AttachmentRemoved") == 2
    assert "notes.txt" not in acme.reporter.get(f"{url}/history").text


# --- comments ---------------------------------------------------------------------------------------------------------


def test_a_comments_files_share_its_visibility_and_its_end(acme: Tenant, objects: Objects, url: str) -> None:
    file = attach(acme.agent, url)
    place = f"{url}/attachments/{file['id']}"
    body = {"body": "Only for us.", "visibility": "internal", "attachmentIds": [file["id"]]}
    comment = acme.agent.create(f"{url}/comments", body)
    assert comment["attachmentIds"] == [file["id"]]
    tied = acme.agent.get(place).json()
    assert (tied["commentId"], tied["visibility"]) == (comment["id"], "internal")
    assert acme.reporter.get(place).status_code == httpx.codes.NOT_FOUND
    acme.agent.delete(f"{url}/comments/{comment['id']}", expect=httpx.codes.NO_CONTENT)
    assert acme.agent.get(place).status_code == httpx.codes.NOT_FOUND
    assert objects.are_gone(_prefix(acme.agent.me["tenantId"], url))


def test_a_comment_takes_its_authors_own_files_of_this_ticket_alone(
    acme: Tenant, new_ticket: NewTicket, url: str
) -> None:
    elsewhere = f"/v1/tickets/{new_ticket()['id']}"
    mine, others, there = announce(acme.reporter, url), announce(acme.agent, url), announce(acme.reporter, elsewhere)
    rejected = attach(acme.reporter, url, EICAR, state="INFECTED")
    taken = announce(acme.reporter, url)
    acme.reporter.create(f"{url}/comments", {"body": "x", "attachmentIds": [taken["id"]]})
    for each in (others, there, rejected, taken, {"id": NOBODY}):
        refused = acme.reporter.post(f"{url}/comments", json={"body": "x", "attachmentIds": [mine["id"], each["id"]]})
        assert (refused.status_code, refused.json()["code"]) == (422, "invalid_reference"), each
    assert len(acme.reporter.get(f"{url}/comments").json()) == 1
    assert acme.reporter.get(f"{url}/attachments/{mine['id']}").json()["commentId"] is None
    many = acme.reporter.post(f"{url}/comments", json={"body": "x", "attachmentIds": [NOBODY] * 21})
    assert many.status_code in {httpx.codes.BAD_REQUEST, httpx.codes.CONFLICT}


def test_a_comment_that_reopens_takes_its_files_along(acme: Tenant, url: str) -> None:
    for move in ({"to": "OPEN"}, {"to": "RESOLVED", "resolution": "New router."}):
        acme.agent.post(f"{url}/transitions", json=move, expect=200)
    file = attach(acme.reporter, url)
    comment = acme.reporter.create(f"{url}/comments", {"body": "Again.", "attachmentIds": [file["id"]]})
    assert acme.reporter.get(url).json()["status"] == "OPEN"
    assert acme.reporter.get(f"{url}/attachments/{file['id']}").json()["commentId"] == comment["id"]
    assert acme.reporter.get(f"{url}/comments").json() == [comment]


# --- the end ----------------------------------------------------------------------------------------------------------


def test_the_trash_keeps_files_and_takes_no_new_ones(acme: Tenant, objects: Objects, url: str) -> None:
    file, late = attach(acme.reporter, url), announce(acme.reporter, url)
    prefix = _prefix(acme.reporter.me["tenantId"], url)
    acme.admin.delete(url, expect=httpx.codes.NO_CONTENT)
    place = f"{url}/attachments/{file['id']}"
    assert acme.reporter.get(place, expect=404).json()["code"] == "ticket_not_found"
    upload(late).raise_for_status()  # S3 does not know of the ticket
    assert objects.are_gone(f"{prefix}{late['id']}")
    acme.admin.post(f"{url}/restore", expect=200)
    assert acme.reporter.get(f"{url}/attachments").json() == [file]
    assert fetched(address(acme.reporter, place)).content == CONTENT


@pytest.mark.long
def test_what_was_there_waits_in_the_trash(stack: Stack, acme: Tenant, url: str) -> None:
    tenant_id = acme.reporter.me["tenantId"]
    file = announce(acme.reporter, url)
    place = f"{url}/attachments/{file['id']}"
    with scanner_denied(stack):
        upload(file).raise_for_status()
        settled(acme.reporter, place, "SCANNING")
        acme.admin.delete(url, expect=httpx.codes.NO_CONTENT)
    change_row(stack, tenant_id, place, listKey=f"2026-01-01T00:00:00.000Z#{file['id']}")
    sweep(stack)
    acme.admin.post(f"{url}/restore", expect=200)
    settled(acme.reporter, place, "SCANNING")
    sweep(stack)
    settled(acme.reporter, place, "CLEAN")
    assert fetched(address(acme.reporter, place)).content == CONTENT


@pytest.mark.parametrize("by", ["purge", pytest.param("sweep", marks=pytest.mark.long)])
def test_nothing_is_left_of_a_ticket_that_is_gone_for_good(
    stack: Stack, found_tenant: Callable[[], OwnTenant], objects: Objects, by: str
) -> None:
    """The sweep does it where purgeTicket has failed too often."""
    tenant = found_tenant()
    url = tenant.admin.post("/v1/tickets", json={"title": "T", "description": "D"}).headers["Location"]
    attach(tenant.admin, url)
    late = announce(tenant.admin, url)
    tenant.admin.delete(url, expect=204)
    key = to_item(ticket_key(tenant.id, url.rpartition("/")[2]))
    stack.client("dynamodb").delete_item(TableName=stack.outputs["TicketsTableName"], Key=key)
    record = {"eventName": "REMOVE", "dynamodb": {"Keys": key, "SequenceNumber": "1"}}
    if by == "purge":
        call(stack, "PurgeTicketFunction", {"Records": [record]})
    else:
        sweep(stack)
    assert objects.under(f"{tenant.id}/") == []
    assert bytes_used(stack, tenant.id) == 0
    upload(late)
    assert objects.are_gone(f"{tenant.id}/")


@pytest.mark.long
def test_nothing_is_left_of_a_tenants_files(found_tenant: Callable[[], OwnTenant], objects: Objects) -> None:
    tenant = found_tenant()
    url = tenant.admin.post("/v1/tickets", json={"title": "T", "description": "D"}).headers["Location"]
    for _ in range(3):
        attach(tenant.admin, url)
    late = announce(tenant.admin, url)
    assert len(objects.under(f"{tenant.id}/")) == 3
    tenant.delete()
    assert objects.under(f"{tenant.id}/") == []
    upload(late)
    assert objects.are_gone(f"{tenant.id}/")


def test_what_belongs_to_nothing_is_deleted(acme: Tenant, objects: Objects) -> None:
    tenant_id = acme.reporter.me["tenantId"]
    key = f"{tenant_id}/{NOBODY}/{NOBODY}"
    objects.put(key)
    assert objects.are_gone(key)


# --- size -------------------------------------------------------------------------------------------------------------


def _uploaded(api: Client, contents: list[bytes]) -> list[str]:
    """Upload files, four at a time, and return their ids once all are readable."""
    url = api.post("/v1/tickets", json=TICKET).headers["Location"]

    def uploaded(content: bytes) -> str:
        announced = announce(api, url, content, contentType="application/octet-stream")
        upload(announced, content).raise_for_status()
        return str(announced["id"])

    def states() -> set[str]:
        return {file["state"] for file in api.get(f"{url}/attachments", params={"limit": "100"}, expect=200).json()}

    with ThreadPoolExecutor(4) as pool:
        ids = list(pool.map(uploaded, contents))
    until(states, {"CLEAN"}.__eq__, seconds=SECONDS_TO_SETTLE)
    return ids


def _milliseconds(stack: Stack, ids: set[str]) -> list[float]:
    """Return how long the consumers took for files."""
    return [entry["ms"] for entry in consumed(stack) if entry.get("attachmentId") in ids]


@pytest.mark.long
def test_large_files_go_past_the_functions(stack: Stack, found_tenant: Callable[[], OwnTenant]) -> None:
    """What functions do with 10 MB takes as long as with 1 KB, as none of them has the content in hand."""
    admin = found_tenant().admin
    dice = random.Random(1)  # noqa: S311
    one = dice.randbytes(10_000_000)
    large = [one[:-4] + number.to_bytes(4) for number in range(20)]
    small = [dice.randbytes(1000) for _ in range(20)]
    took = {}
    for contents in (small, large, small):
        ids = set(_uploaded(admin, contents))
        took[len(contents[0])] = statistics.median(_milliseconds(stack, ids))
    assert took[10_000_000] < 3 * took[1000] + 50, took


def test_a_large_file_comes_back_whole(acme: Tenant, url: str) -> None:
    content = random.Random(1).randbytes(10_000_000)  # noqa: S311
    file = attach(acme.reporter, url, content, contentType="application/octet-stream")
    assert fetched(address(acme.reporter, f"{url}/attachments/{file['id']}")).content == content
