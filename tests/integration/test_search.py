"""Search on the running stack: what the language finds, what reporters never learn, and what is left out at once."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.harness.client import Client
from tests.harness.files import attach
from tests.harness.people import OwnTenant, Tenant
from tests.harness.postbox import until
from tests.harness.search import Index
from tests.harness.size import sized
from tests.harness.stack import Stack
from ticketing.dynamodb.attributes import to_item

SEARCH, SUGGESTIONS = "/v1/search/tickets", "/v1/search/suggestions"
SORTS = ("relevance", "created", "-created", "updated", "-updated", "priority", "-priority", "number")

type Json = dict[str, Any]


def search(api: Client, q: str = "", **params: str | int) -> Json:
    """Return what a search answers."""
    answer: Json = api.get(SEARCH, params={"q": q, **params}, expect=httpx.codes.OK).json()
    return answer


def found(api: Client, q: str = "", **params: str | int) -> list[str]:
    """Return the titles of the first page, in their order."""
    return [ticket["title"] for ticket in search(api, q, **params)["tickets"]]


def pages(api: Client, q: str = "", **params: str | int) -> Iterator[Json]:
    """Go through the pages of a search by the addresses in `Link`."""
    answer = api.get(SEARCH, params={"q": q, **params}, expect=httpx.codes.OK)
    yield answer.json()
    while following := answer.links.get("next"):
        answer = api.get(following["url"], expect=httpx.codes.OK)
        yield answer.json()


def suggested(api: Client, q: str) -> Mapping[str, int]:
    """Return the suggestions, with their counts."""
    words = api.get(SUGGESTIONS, params={"q": q}, expect=httpx.codes.OK).json()
    return {word["text"]: word["count"] for word in words}


def wait_until(seen: Callable[[], bool]) -> None:
    """Wait until something is so."""
    until(seen, bool)


def unique() -> str:
    """Return a word that nobody has written before, of letters alone."""
    return "".join(chr(ord("a") + int(digit, 16)) for digit in uuid4().hex)


@dataclass(frozen=True)
class Desk:
    """A tenant's people, and its tickets by what they are about."""

    tenant: OwnTenant
    agent: Client
    reporter: Client
    other: Client
    urls: Mapping[str, str]
    numbers: Mapping[str, int]


TICKETS: Mapping[str, Json] = {
    "Druckerpatrone leer": {
        "description": "Im Büro, dritter Stock.",
        "tags": ["Hardware", "Büro"],
        "priority": "LOW",
    },
    "VPN drops every ten minutes": {
        "description": "Since this morning, on Wi-Fi and on cable. Café Zürich.",
        "tags": ["vpn", "network"],
        "priority": "HIGH",
    },
    "プリンタの接続ができません": {"description": "受付のプリンタです。", "type": "QUESTION"},
    "Принтер не печатает": {"description": "Третий этаж, весь день.", "priority": "CRITICAL"},
    "الطابعة لا تعمل": {"description": "في الطابق الثالث."},
    "New laptop for Ada": {"description": "Starts in Lisbon.", "type": "SERVICE_REQUEST", "status": "OPEN"},
}
DRUCKER, VPN, JAPANESE, RUSSIAN, ARABIC, LAPTOP = TICKETS


@pytest.fixture(scope="module")
def desk(found_tenant: Callable[[], OwnTenant]) -> Desk:
    """Fill a tenant with tickets in many languages; `other` has reported the Arabic one."""
    tenant = found_tenant()
    agent, reporter, other = tenant.join("agent"), tenant.join("reporter"), tenant.join("reporter")
    urls, numbers = {}, {}
    for title, fields in TICKETS.items():
        by = other if title == ARABIC else reporter
        made = by.post("/v1/tickets", json={"title": title, **fields}, expect=httpx.codes.CREATED)
        urls[title], numbers[title] = made.headers["Location"], made.json()["number"]
    agent.patch(urls[LAPTOP], json={"assignedToId": agent.id}, expect=httpx.codes.OK)
    agent.post(f"{urls[LAPTOP]}/comments", json={"body": "Shipping label 4711"}, expect=httpx.codes.CREATED)
    internal = {"body": "The supplier is Kuckucksuhr", "visibility": "internal"}
    agent.post(f"{urls[LAPTOP]}/comments", json=internal, expect=httpx.codes.CREATED)
    attach(agent, urls[LAPTOP], fileName="Invoice_final.txt")
    body = {"to": "RESOLVED", "resolution": "Delivered by courier."}
    agent.post(f"{urls[LAPTOP]}/transitions", json=body, expect=httpx.codes.OK)
    wait_until(lambda: found(agent, "courier invoice 4711 kuckucksuhr status:resolved has:attachment") == [LAPTOP])
    wait_until(lambda: search(agent)["complete"] and search(agent)["total"]["value"] == len(TICKETS))
    return Desk(tenant, agent, reporter, other, urls, numbers)


# --- The language -----------------------------------------------------------------------------------------------------


@pytest.mark.each
@pytest.mark.parametrize(
    ("q", "titles"),
    [
        ("vpn", [VPN]),
        ("VPN minutes", [VPN]),
        ("minuets", [VPN]),
        ("vpn laptop", []),
        ('"every ten minutes"', [VPN]),
        ('"ten every"', []),
        ("minut*", [VPN]),
        ("vpn -cable", []),
        ("vpn -laptop", [VPN]),
        ("cafe zurich", [VPN]),
        ("patrone", [DRUCKER]),
        ("Druckerpatrnoe", [DRUCKER]),
        ("BURO", [DRUCKER]),
        ("接続", [JAPANESE]),
        ("プリンタ", [JAPANESE]),
        ("ПРИНТЕР", [RUSSIAN]),
        ("الطابعة", [ARABIC]),
        ("4711", [LAPTOP]),
        ("invoice", [LAPTOP]),
        ("courier", [LAPTOP]),
        ("kuckucksuhr", [LAPTOP]),
        ("status:resolved", [LAPTOP]),
        ("Status:New vpn", [VPN]),
        ("priority:high,critical", [VPN, RUSSIAN]),
        ("-status:new", [LAPTOP]),
        ("type:service_request", [LAPTOP]),
        ("tag:hardware", [DRUCKER]),
        ("tag:buro,network", [DRUCKER, VPN]),
        ("assignee:me", [LAPTOP]),
        ("is:unassigned laptop", []),
        ("assignee:none vpn", [VPN]),
        ("created>-1d vpn", [VPN]),
        ("created<-1d", []),
        ("resolved>-1d", [LAPTOP]),
        ("has:attachment", [LAPTOP]),
        ("-has:attachment vpn", [VPN]),
    ],
)
def test_the_language_finds(desk: Desk, q: str, titles: list[str]) -> None:
    assert sorted(found(desk.agent, q)) == sorted(titles)


def test_tickets_are_found_by_number_and_person(desk: Desk) -> None:
    number = desk.numbers[VPN]
    assert found(desk.agent, f"#{number}") == found(desk.agent, f"number:{number}") == [VPN]
    assert found(desk.agent, f"number:{desk.numbers[DRUCKER]}..{number}", sort="number") == [DRUCKER, VPN]
    email = desk.agent.get(f"/v1/users/{desk.other.id}").json()["email"]
    assert found(desk.agent, f"reporter:{email}") == found(desk.agent, f"reporter:{desk.other.id}") == [ARABIC]
    assert found(desk.agent, "reporter:nobody@nowhere.example") == []


def test_hits_are_sorted_counted_and_highlighted(desk: Desk) -> None:
    in_order = list(TICKETS)
    assert found(desk.agent, sort="created") == found(desk.agent, sort="number") == in_order
    assert found(desk.agent, sort="-number") == in_order[::-1]
    assert found(desk.agent)[0] == LAPTOP  # the last that was changed
    assert found(desk.agent, sort="-priority")[:2] == [RUSSIAN, VPN]
    answer = search(desk.agent, "", facets="status,priority,type,tag,assignee")
    assert answer["facets"] == {
        "status": {"NEW": 5, "RESOLVED": 1},
        "priority": {"MEDIUM": 3, "CRITICAL": 1, "HIGH": 1, "LOW": 1},
        "type": {"INCIDENT": 4, "QUESTION": 1, "SERVICE_REQUEST": 1},
        "tag": answer["facets"]["tag"],
        "assignee": {"none": 5, desk.agent.id: 1},
    }
    assert sum(answer["facets"]["tag"].values()) == 4
    (hit,) = search(desk.agent, "ten cafe", highlight="true")["tickets"]
    title, description = hit["highlights"]["title"], hit["highlights"]["description"]
    assert [hit["title"][start:end] for start, end in title] == ["ten"]
    assert [hit["description"][start:end] for start, end in description] == ["Café"]


def test_a_hit_is_shown_as_in_a_list(desk: Desk) -> None:
    for api in (desk.agent, desk.reporter):
        listed = api.get("/v1/tickets", params={"expand": "reporter,assignedTo"}).json()
        assert search(api, sort="-updated", expand="reporter,assignedTo")["tickets"] == listed


def test_words_and_tags_are_suggested(desk: Desk) -> None:
    assert {word.lower() for word in suggested(desk.agent, "vp")} == {"vpn"}
    assert suggested(desk.agent, "netw") == {"network": 1}
    assert "laptop" in suggested(desk.reporter, "lap")


# --- Pages ------------------------------------------------------------------------------------------------------------


@pytest.mark.each
@pytest.mark.parametrize("sort", ["relevance", "created", "-created", "updated", "-priority", "number", "-number"])
def test_pages_hold_every_ticket_once(desk: Desk, sort: str) -> None:
    titles = [ticket["title"] for page in pages(desk.agent, "", sort=sort, limit=2) for ticket in page["tickets"]]
    assert sorted(titles) == sorted(TICKETS)
    assert titles == found(desk.agent, "", sort=sort)


def test_a_cursor_is_its_callers_and_its_searchs(desk: Desk, acme: Tenant) -> None:
    for sort in ("-updated", "created"):
        link = desk.agent.get(SEARCH, params={"sort": sort, "limit": 1}).links["next"]["url"]
        cursor = httpx.URL(link).params["cursor"]
        refused: list[tuple[Client, dict[str, str | int]]] = [
            (desk.agent, {"sort": sort, "q": "vpn"}),
            (desk.agent, {"sort": "-number"}),
            (desk.tenant.admin, {"sort": sort}),
            (desk.reporter, {"sort": sort}),
            (acme.agent, {"sort": sort}),
        ]
        for api, params in refused:
            answer = api.get(SEARCH, params={**params, "limit": 1, "cursor": cursor}, expect=httpx.codes.BAD_REQUEST)
            assert answer.json()["code"] == "bad_request"
        desk.agent.get(link, expect=httpx.codes.OK)


# --- What reporters never learn ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Look:
    """What somebody sees of searches."""

    answers: Mapping[str, Any]

    @classmethod
    def of(cls, api: Client, secret: str) -> "Look":
        """Search for a secret word in every way, and for other things, in every order."""
        swapped = secret[:3] + secret[4] + secret[3] + secret[5:]
        queries = [
            *("", "vpn", "every", "minutes -laptop", "status:new", "has:attachment", "-has:attachment"),
            *(secret, secret.upper(), f'"{secret}"', f'"the {secret}"', f"{secret[:4]}*", f"{secret[:-1]}*"),
            *(secret[:-1], f"{secret}x", swapped, secret[4:12], secret[8:], f"-{secret}", f"vpn -{secret}"),
            *(f"vpn {secret}", f"tag:{secret}", f"-tag:{secret}", f"{secret}.txt", "is:unassigned", "created>-1d"),
        ]
        answers: dict[str, Any] = {}
        for q in queries:
            answers[q] = search(api, q, facets="status,priority,type,tag,assignee", highlight="true")
        for sort in sized(SORTS, short=SORTS[::3]):
            for q in ("", "the vpn", secret, f"-{secret}"):
                walked = [page["tickets"] for page in pages(api, q, sort=sort, limit=1, highlight="true")]
                answers[f"{sort} {q}"] = walked
        for length in range(1, len(secret) + 1):
            answers[f"suggestions {length}"] = suggested(api, secret[:length])
        return cls(answers)


def test_a_reporter_learns_nothing_of_what_they_can_not_see(desk: Desk, found_tenant: Callable[[], OwnTenant]) -> None:
    """All answers, whole, are the same before and after a secret is written wherever they can't look."""
    secret = unique()
    own = desk.urls[VPN]
    foreign = found_tenant()
    before = Look.of(desk.reporter, secret)
    internal = {"body": f"vpn vpn the {secret}", "visibility": "internal"}
    desk.agent.post(f"{own}/comments", json=internal, expect=httpx.codes.CREATED)
    attach(desk.agent, own, fileName=f"{secret}.txt", visibility="internal")
    ticket = {
        "title": f"The {secret} vpn",
        "description": f"vpn, every {secret}.",
        "tags": [secret],
        "priority": "HIGH",
    }
    others = desk.other.create("/v1/tickets", ticket)
    foreign.admin.create("/v1/tickets", ticket)
    wait_until(lambda: search(desk.agent, secret)["total"]["value"] == 2)
    wait_until(lambda: set(found(desk.agent, f"{secret} has:attachment")) == {VPN})
    wait_until(lambda: search(foreign.admin, secret)["total"]["value"] == 1)
    assert found(desk.other, secret) == [ticket["title"]]
    assert suggested(desk.agent, secret[:5]).keys() == {secret}

    after = Look.of(desk.reporter, secret)
    assert after.answers.keys() == before.answers.keys()
    for asked, answer in before.answers.items():
        assert after.answers[asked] == answer, asked
    shown = desk.reporter.get(SEARCH, params={"q": secret}).text + desk.reporter.get(SEARCH).text
    assert secret not in shown
    assert desk.tenant.admin.delete(f"/v1/tickets/{others['id']}", expect=httpx.codes.NO_CONTENT)


def test_a_reporter_can_not_look_up_addresses(desk: Desk) -> None:
    email = desk.agent.me["email"]
    assert found(desk.agent, f"assignee:{email}") == [LAPTOP]
    assert found(desk.reporter, f"assignee:{email}") == []
    assert found(desk.reporter, f"assignee:{desk.agent.id}") == [LAPTOP]  # as the ticket itself says
    assert len(found(desk.reporter, f"reporter:{desk.reporter.me['email']}")) == len(TICKETS) - 1


# --- What changes -----------------------------------------------------------------------------------------------------


def test_what_was_deleted_is_in_no_answer_at_once(desk: Desk) -> None:
    word = unique()
    made = desk.reporter.create("/v1/tickets", {"title": f"To delete {word}", "description": "Soon."})
    place = f"/v1/tickets/{made['id']}"
    wait_until(lambda: search(desk.agent, word)["total"]["value"] == 1)
    desk.tenant.admin.delete(place, expect=httpx.codes.NO_CONTENT)
    at_once = search(desk.agent, word, facets="status")
    assert (at_once["tickets"], at_once["total"]["value"], at_once["facets"]) == ([], 0, {"status": {}})
    wait_until(lambda: word not in suggested(desk.agent, word[:6]))
    desk.tenant.admin.post(f"{place}/restore", expect=httpx.codes.OK)
    wait_until(lambda: found(desk.reporter, word) == [made["title"]])
    desk.tenant.admin.delete(place, expect=httpx.codes.NO_CONTENT)
    assert found(desk.reporter, word) == []


def test_a_field_that_has_just_changed_is_judged_as_it_is_now(desk: Desk) -> None:
    word = unique()
    made = desk.reporter.create("/v1/tickets", {"title": word, "description": "x"})
    place = f"/v1/tickets/{made['id']}"
    wait_until(lambda: found(desk.agent, f"{word} status:new") == [word])
    desk.agent.post(f"{place}/transitions", json={"to": "OPEN"}, expect=httpx.codes.OK)
    assert found(desk.agent, f"{word} status:new") == []
    wait_until(lambda: found(desk.agent, f"{word} status:open") == [word])
    desk.agent.patch(place, json={"reporterId": desk.other.id}, expect=httpx.codes.OK)
    assert found(desk.reporter, word) == []
    wait_until(lambda: found(desk.other, word) == [word])
    desk.tenant.admin.delete(place, expect=httpx.codes.NO_CONTENT)


# --- What is lost or damaged ------------------------------------------------------------------------------------------


def _flip_bits(stack: Stack, tenant_id: str) -> None:
    """Damage every pack of a tenant, in the middle."""
    s3, bucket = stack.client("s3"), stack.outputs["SearchBucketName"]
    for entry in s3.list_objects_v2(Bucket=bucket, Prefix=f"{tenant_id}/")["Contents"]:
        content = bytearray(s3.get_object(Bucket=bucket, Key=entry["Key"])["Body"].read())
        content[len(content) // 2] ^= 1
        s3.put_object(Bucket=bucket, Key=entry["Key"], Body=bytes(content))


def test_a_damaged_index_is_noticed_and_built_again(stack: Stack, found_tenant: Callable[[], OwnTenant]) -> None:
    tenant = found_tenant()
    index = Index(stack, tenant.id)
    words = [unique() for _ in range(3)]
    ids = [tenant.admin.create("/v1/tickets", {"title": word, "description": "x"})["id"] for word in words[:2]]
    wait_until(lambda: all(found(tenant.admin, word) for word in words[:2]) and index.is_complete())
    ids.append(tenant.admin.create("/v1/tickets", {"title": words[2], "description": "x"})["id"])
    index.awaited(ids=set(ids))
    _flip_bits(stack, tenant.id)  # before anybody searches: what was read once is not read again
    refused = tenant.admin.get(SEARCH, expect=httpx.codes.SERVICE_UNAVAILABLE)
    assert refused.json()["code"] == "search_unavailable"
    assert int(refused.headers["Retry-After"]) > 0
    wait_until(lambda: tenant.admin.get(SEARCH).status_code == httpx.codes.OK)
    wait_until(lambda: all(found(tenant.admin, word) == [word] for word in words))


def test_an_index_that_is_gone_is_built_again(stack: Stack, found_tenant: Callable[[], OwnTenant]) -> None:
    tenant = found_tenant()
    index, word = Index(stack, tenant.id), unique()
    made = tenant.admin.create("/v1/tickets", {"title": word, "description": "x"})
    index.awaited(word, ids={made["id"]})
    wait_until(index.is_complete)
    key = to_item({"PK": f"TENANT#{tenant.id}#SEARCH", "SK": "INDEX#tickets"})
    stack.client("dynamodb").delete_item(TableName=stack.outputs["SearchTableName"], Key=key)
    missing = search(tenant.admin, word)
    assert (missing["tickets"], missing["asOf"], missing["complete"]) == ([], None, False)
    assert missing["total"] == {"value": 0, "exact": False}
    wait_until(lambda: found(tenant.admin, word) == [word] and search(tenant.admin)["complete"])
