"""OpenSearch alone: how it is talked to, several writers, points in time, tenants apart, and forms of words."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.awsrequest import AWSPreparedRequest
from botocore.credentials import Credentials
from botocore.exceptions import EndpointConnectionError, ReadTimeoutError
from mypy_boto3_dynamodb import DynamoDBClient

from tests.engines.conftest import Make
from tests.engines.support import ALL, BUILD, EVERYTHING, built, changes, ids, numbers, page
from tests.unit.search.support import PEOPLE, a_document, a_query, a_term, ticket_id
from tests.unit.support import data_of
from ticketing.aws import clients
from ticketing.aws.data import Cluster
from ticketing.errors import ServiceUnavailableError
from ticketing.search import opensearch, opensearch_bodies
from ticketing.search.language import Kind, Query
from ticketing.search.opensearch import DocumentsRefusedError, OpenSearch
from ticketing.search.opensearch_requests import RefusedError, Requests
from ticketing.search.port import CursorOutdatedError, Find, IndexDamagedError, SortKey

ANY = "https://search.example.com"

# --- requests ---------------------------------------------------------------------------------------------------------


@dataclass
class Answer:
    status_code: int
    value: Any

    @property
    def content(self) -> bytes:
        return self.value if isinstance(self.value, bytes) else json.dumps(self.value).encode()


@dataclass
class Wire:
    """What is sent, and what is answered in turn."""

    answers: list[Answer | Exception]
    sent: list[AWSPreparedRequest] = field(default_factory=list)

    def send(self, request: AWSPreparedRequest) -> Answer:
        self.sent.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


type Talk = Callable[..., Wire]


@pytest.fixture
def talk(monkeypatch: pytest.MonkeyPatch) -> Talk:
    """How to prepare answers."""

    def talk(*answers: Answer | Exception) -> Wire:
        wire = Wire(list(answers))
        monkeypatch.setattr(clients, "http", lambda _: wire)
        return wire

    return talk


@pytest.fixture
def requests() -> Requests:
    return Requests(Cluster(ANY, lambda: Credentials("testing", "secret", "token")))


def error_of(status: int, kind: str) -> Answer:
    return Answer(status, {"error": {"type": kind, "reason": "what somebody searched for"}, "status": status})


def test_requests_are_signed(talk: Talk, requests: Requests) -> None:
    wire = talk(Answer(200, {"took": 1}))
    assert requests.send("POST", "a/_search", {"q": "é"}, parameters={"refresh": "a,b"}) == {"took": 1}
    (sent,) = wire.sent
    assert sent.url == f"{ANY}/a/_search?refresh=a%2Cb"
    assert sent.body == '{"q":"é"}'.encode()
    headers = {name.lower(): value for name, value in sent.headers.items()}
    signed = (
        headers["authorization"].decode() if isinstance(headers["authorization"], bytes) else headers["authorization"]
    )
    assert signed.startswith("AWS4-HMAC-SHA256 Credential=testing/")
    assert "/us-east-1/es/aws4_request, SignedHeaders=content-type;host;x-amz-date;x-amz-security-token" in signed


TIMEOUT = ReadTimeoutError(endpoint_url=ANY)


@pytest.mark.parametrize(
    "first",
    [TIMEOUT, EndpointConnectionError(endpoint_url=ANY), Answer(429, b""), Answer(503, b"<html>"), Answer(504, b"")],
    ids=lambda first: str(getattr(first, "status_code", type(first).__name__)),
)
def test_what_may_go_away_is_tried_three_times(talk: Talk, requests: Requests, first: Answer | Exception) -> None:
    wire = talk(first, first, Answer(200, {}))
    assert requests.send("GET", "a") == {}
    assert len(wire.sent) == 3
    wire = talk(first, first, first)
    with pytest.raises(ServiceUnavailableError) as refused:
        requests.send("GET", "a")
    assert refused.value.retry_after is not None
    assert len(wire.sent) == 3


@pytest.mark.parametrize("answer", [error_of(400, "parsing_exception"), error_of(403, "security_exception")])
def test_what_is_refused_is_not_tried_again_and_not_told(talk: Talk, requests: Requests, answer: Answer) -> None:
    wire = talk(answer)
    with pytest.raises(RefusedError) as refused:
        requests.send("POST", "a/_search", {})
    assert len(wire.sent) == 1
    assert "searched" not in str(refused.value)
    assert refused.value.kind == answer.value["error"]["type"]


# --- bulk requests ----------------------------------------------------------------------------------------------------


@pytest.fixture
def index(make_opensearch: Make) -> OpenSearch:
    made = make_opensearch()
    assert isinstance(made, OpenSearch)
    return made


def spoil(monkeypatch: pytest.MonkeyPatch, *outcomes: Mapping[str, tuple[int, str]]) -> list[list[str]]:
    """Have some documents of each bulk request fail, by their ids; return which ones are sent."""
    sent: list[list[str]] = []
    send = Requests.send
    left = list(outcomes)

    def spoilt(self: Requests, method: str, path: str, body: Any = None, **more: Any) -> dict[str, Any]:
        if not path.endswith("/_bulk"):
            return send(self, method, path, body, **more)
        lines = [json.loads(line) for line in body.splitlines()]
        actions = [(kind, each["_id"]) for line in lines for kind, each in line.items() if kind in {"index", "delete"}]
        sent.append([name for _, name in actions])
        failing = left.pop(0) if left else {}
        answer = send(self, method, path, body, **more) if not failing.keys() >= set(sent[-1]) else None
        items = answer["items"] if answer is not None else [{kind: {}} for kind, _ in actions]
        for item, (kind, name) in zip(items, actions, strict=True):
            if name in failing:
                status, error = failing[name]
                item[kind] = {"_id": name, "status": status, "error": {"type": error}}
        return {"items": items}

    monkeypatch.setattr(Requests, "send", spoilt)
    return sent


def test_documents_without_room_are_sent_again_alone(index: OpenSearch, monkeypatch: pytest.MonkeyPatch) -> None:
    built(index, a_document(1))
    full = {ticket_id(2): (429, "es_rejected_execution_exception")}
    sent = spoil(monkeypatch, full, full)
    index.write(lambda: changes(a_document(2, title="later"), a_document(3)))
    assert sent == [ids(2, 3), ids(2), ids(2)]
    assert numbers(index, a_query("later")) == [2]


def test_without_room_for_long_it_has_to_be_done_again(index: OpenSearch, monkeypatch: pytest.MonkeyPatch) -> None:
    built(index, a_document(1))
    spoil(monkeypatch, *[{ticket_id(2): (503, "unavailable_shards_exception")}] * 9)
    with pytest.raises(ServiceUnavailableError):
        index.write(lambda: changes(a_document(2), a_document(3)))
    assert ticket_id(3) in page(index, SortKey.NUMBER, limit=9).ids


def test_refused_documents_are_named_and_all_others_written(index: OpenSearch, monkeypatch: pytest.MonkeyPatch) -> None:
    built(index, a_document(1))
    monkeypatch.setattr(opensearch, "_LARGEST_BULK", 1)  # a request for each
    kind = "mapper_parsing_exception"
    sent = spoil(monkeypatch, {ticket_id(2): (400, kind)})
    with pytest.raises(DocumentsRefusedError) as refused:
        index.write(lambda: changes(a_document(2), a_document(3), gone=(ticket_id(1),)))
    assert sent == [ids(2), ids(3), ids(1)]
    assert refused.value.refused == {ticket_id(2): kind}
    assert page(index, SortKey.NUMBER).ids == ids(3)


def test_a_field_that_is_not_in_the_template_is_refused(index: OpenSearch, monkeypatch: pytest.MonkeyPatch) -> None:
    built(index, a_document(1))
    body_of = opensearch_bodies.body_of
    monkeypatch.setattr(opensearch_bodies, "body_of", lambda *document: body_of(*document) | {"colour": "red"})
    with pytest.raises(DocumentsRefusedError):
        index.write(lambda: changes(a_document(2)))
    assert page(index, SortKey.NUMBER).ids == ids(1)


def test_more_than_a_request_holds_is_several(index: OpenSearch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opensearch, "_LARGEST_BULK", 2_000)
    sent = spoil(monkeypatch)
    built(index, *(a_document(number, texts=("word " * 50,)) for number in range(30)))
    assert len(sent) > 5
    assert page(index, SortKey.NUMBER).total == 30


# --- writers ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_gone", [False, True])
def test_whoever_read_later_wins_however_late_the_other_one_writes(index: OpenSearch, is_gone: bool) -> None:  # noqa: FBT001
    built(index, a_document(1, title="old"))

    def late() -> Any:
        found = changes(a_document(1, title="stale"))
        fresh = changes(gone=(ticket_id(1),)) if is_gone else changes(a_document(1, title="fresh"))
        index.write(lambda: fresh)
        return found

    index.write(late)
    assert numbers(index, a_query("stale")) == numbers(index, a_query("old")) == []
    assert numbers(index, a_query("fresh")) == ([] if is_gone else [1])


def test_a_walk_does_not_overwrite_what_changed_after_it_had_read(index: OpenSearch) -> None:
    index.begin(BUILD)

    def read() -> Any:
        found = changes(a_document(1, title="stale"), a_document(2, title="stale"))
        index.write(lambda: changes(a_document(1, title="fresh"), gone=(ticket_id(2),)))
        return found

    index.extend(read, BUILD, {"page": 1})
    build = index.build()
    assert build is not None
    index.finish(build)
    assert numbers(index, a_query("fresh")) == [1]
    assert page(index, SortKey.NUMBER).total == 1


def test_an_index_that_is_gone_is_not_made_anew_by_a_change(index: OpenSearch) -> None:
    built(index, a_document(1), a_document(2))
    (name,) = index._indexes(index._served)
    index._drop(name)
    for _ in range(2):
        with pytest.raises(IndexDamagedError):
            page(index, SortKey.NUMBER)
        with pytest.raises(IndexDamagedError):
            page(index, SortKey.UPDATED)
        with pytest.raises(IndexDamagedError):
            index.suggest("a", ALL, 10)
        with pytest.raises(IndexDamagedError):
            index.write(lambda: changes(a_document(3)))
        with pytest.raises(IndexDamagedError):
            index.sweep()
    built(index, a_document(1))
    assert page(index, SortKey.NUMBER).ids == ids(1)


def test_a_build_whose_index_is_gone_is_damaged(index: OpenSearch) -> None:
    index.begin(BUILD)
    name = index._states.read(consistent=True).building
    assert name is not None
    index._drop(name.index)
    with pytest.raises(IndexDamagedError):
        index.extend(lambda: changes(a_document(3)), BUILD, {})
    with pytest.raises(IndexDamagedError):
        index.finish(BUILD)


def test_one_index_is_left_of_each_tenant_and_none_after_its_erasure(index: OpenSearch) -> None:
    for _ in range(3):
        built(index, a_document(1))
    index.begin(BUILD)
    index.begin(BUILD)
    of_tenant = [name for name in index._requests.send("GET", "_aliases") if name.startswith(f"{index._served}.")]
    assert len(of_tenant) == 2
    index.erase(lambda: True)
    assert not [name for name in index._requests.send("GET", "_aliases") if name.startswith(index._served)]


def test_what_dies_between_the_switch_and_its_note_is_made_up_for(
    index: OpenSearch, monkeypatch: pytest.MonkeyPatch
) -> None:
    built(index, a_document(1))
    index.begin(BUILD)
    index.extend(lambda: changes(a_document(2)), BUILD, {"page": 1})
    build = index.build()
    assert build is not None
    with monkeypatch.context() as patch:
        patch.setattr(type(index._states), "finished", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            index.finish(build)
    index.write(lambda: changes(a_document(3)))
    index.finish(build)
    assert page(index, SortKey.NUMBER).ids == ids(3, 2)


def test_a_build_that_is_begun_by_two_is_one(index: OpenSearch, monkeypatch: pytest.MonkeyPatch) -> None:
    rival = OpenSearch(_data(index), Cluster(index._requests._cluster.endpoint, clients.credentials))
    begun = type(index._states).begun

    def both(states: Any, building: Any, as_of: Any) -> None:
        begun(states, building, as_of)
        monkeypatch.setattr(type(index._states), "begun", begun)
        rival.begin(BUILD)

    monkeypatch.setattr(type(index._states), "begun", both)
    index.begin(BUILD)
    index.extend(lambda: changes(a_document(1)), BUILD, {"page": 1})
    of_tenant = [name for name in index._requests.send("GET", "_aliases") if name.startswith(f"{index._served}.")]
    assert len(of_tenant) == 1


def _data(index: OpenSearch) -> Any:
    return data_of(index._states._client, index._tenant_id)


def noted(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """Return the list of the requests from now on."""
    sent: list[tuple[str, str]] = []
    send = Requests.send

    def note(self: Requests, method: str, path: str, *body: Any, **more: Any) -> dict[str, Any]:
        sent.append((method, path))
        return send(self, method, path, *body, **more)

    monkeypatch.setattr(Requests, "send", note)
    return sent


def test_deleted_text_is_told_to_leave(index: OpenSearch, monkeypatch: pytest.MonkeyPatch) -> None:
    built(index, a_document(1, title="secret"), a_document(2))
    index.write(lambda: changes(gone=(ticket_id(1),)))
    sent = noted(monkeypatch)
    assert index.sweep() == 0
    assert sent == [("POST", f"{index._served}/_forcemerge")]
    assert index.worn("2099-01-01T00:00:00.000Z", 10) == ()


# --- points in time ---------------------------------------------------------------------------------------------------


def test_a_point_in_time_is_released_if_there_is_one_page(index: OpenSearch, monkeypatch: pytest.MonkeyPatch) -> None:
    built(index, a_document(1), a_document(2))
    sent = noted(monkeypatch)
    assert page(index, SortKey.UPDATED).after is None
    assert ("DELETE", "_search/point_in_time") in sent
    sent.clear()
    assert page(index, SortKey.UPDATED, limit=1).after is not None
    assert ("DELETE", "_search/point_in_time") not in sent


def test_without_a_point_in_time_there_is_a_first_page_and_no_other(
    index: OpenSearch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A node keeps a limited number of them."""
    built(index, *(a_document(number) for number in range(5)))
    send = Requests.send

    def full(self: Requests, method: str, path: str, *body: Any, **more: Any) -> dict[str, Any]:
        if path.endswith("/point_in_time"):
            raise ServiceUnavailableError("")  # noqa: EM101
        return send(self, method, path, *body, **more)

    monkeypatch.setattr(Requests, "send", full)
    first = page(index, SortKey.UPDATED)
    assert (first.ids, first.total) == (ids(4, 3), 5)
    with pytest.raises(CursorOutdatedError):
        page(index, SortKey.UPDATED, first)


@pytest.mark.parametrize("sort", [SortKey.CREATED, SortKey.UPDATED])
def test_a_place_that_opensearch_refuses_is_outdated(
    index: OpenSearch, monkeypatch: pytest.MonkeyPatch, sort: SortKey
) -> None:
    """As one with too few numbers, or too large ones."""
    built(index, *(a_document(number) for number in range(5)))
    first = page(index, sort)

    def refuse(_self: Requests, _method: str, _path: str, *_body: Any, **_more: Any) -> dict[str, Any]:
        raise RefusedError(400, "illegal_argument_exception")

    with monkeypatch.context() as patch:
        patch.setattr(Requests, "send", refuse)
        with pytest.raises(CursorOutdatedError):
            page(index, sort, first)
        with pytest.raises(RefusedError):
            page(index, sort)


def test_a_point_in_time_that_is_gone_is_outdated(index: OpenSearch) -> None:
    built(index, *(a_document(number) for number in range(5)))
    first = page(index, SortKey.UPDATED)
    assert first.after is not None
    index._release(first.after["point"])
    with pytest.raises(CursorOutdatedError):
        page(index, SortKey.UPDATED, first)
    for point in ("", "x", "AAAA", "é"):
        with pytest.raises(CursorOutdatedError):
            index.find(
                Find(EVERYTHING, ALL, SortKey.UPDATED, descending=True, limit=2, after={**first.after, "point": point})
            )


def test_a_cursor_is_small(index: OpenSearch) -> None:
    built(index, *(a_document(number, title="printer") for number in range(5)))
    after = page(index, SortKey.RELEVANCE, query=a_query("printer")).after
    assert len(json.dumps(after, separators=(",", ":"))) < 1_000


# --- tenants apart ----------------------------------------------------------------------------------------------------


def test_another_tenants_point_in_time_tells_nothing(make_opensearch: Make) -> None:
    mine, theirs = make_opensearch(), make_opensearch()
    for index in (mine, theirs):
        built(index, *(a_document(number) for number in range(5)))
    after = page(theirs, SortKey.UPDATED).after
    found = mine.find(Find(EVERYTHING, ALL, SortKey.UPDATED, descending=True, limit=2, after=after))
    assert (found.ids, found.total, found.after) == ([], 0, None)


def test_names_of_tenants_that_differ_in_case_are_two(dynamodb: DynamoDBClient, cluster: Cluster) -> None:
    both = [OpenSearch(data_of(dynamodb, name), cluster) for name in ("some-tenant", "Some-Tenant")]
    try:
        for number, index in enumerate(both):
            built(index, a_document(number))
        assert [page(index, SortKey.NUMBER).ids for index in both] == [ids(0), ids(1)]
    finally:
        for index in both:
            index.erase(lambda: True)


def test_every_request_of_a_search_is_one_that_strict_isolation_allows(
    index: OpenSearch, monkeypatch: pytest.MonkeyPatch
) -> None:
    built(index, *(a_document(number) for number in range(3)))
    seen = set()
    send = Requests.send

    def note(self: Requests, method: str, path: str, *body: Any, **more: Any) -> dict[str, Any]:
        seen.add((method, urlsplit(path).path.partition(f"{index._served}/")[2] or path))
        return send(self, method, path, *body, **more)

    monkeypatch.setattr(Requests, "send", note)
    for sort in SortKey:
        for limit in (1, 5):
            first = page(index, sort, query=a_query("untitled"), limit=limit)
            if first.after:
                page(index, sort, first, a_query("untitled"), limit)
    index.suggest("u", ALL, 5)
    # The last two name no index: aws/isolation.py.
    assert seen == {
        ("POST", "_search"),
        ("POST", "_search/point_in_time"),
        ("DELETE", "_search/point_in_time"),
    }


# --- forms of words ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "text"),
    [
        ("running", "It runs no more"),
        pytest.param("häuser", "Das Haus", marks=pytest.mark.real("it has no German stemming")),
        pytest.param("chevaux", "Le cheval", marks=pytest.mark.real("it has no French stemming")),
        pytest.param("imprimieron", "La impresora imprimió", marks=pytest.mark.real("it has no Spanish stemming")),
    ],
)
def test_other_forms_of_a_word_are_found_below_the_word_itself(index: OpenSearch, asked: str, text: str) -> None:
    built(
        index,
        a_document(1, texts=(text,)),
        a_document(2, texts=(asked,)),
        a_document(3),
        a_document(4, internal=(text,)),
    )
    assert numbers(index, a_query(asked))[0] == 2
    assert set(numbers(index, a_query(asked))) == {1, 2, 4}


@pytest.mark.parametrize("kind", [Kind.PHRASE, Kind.PREFIX])
def test_exactly_is_exactly(index: OpenSearch, kind: Kind) -> None:
    built(index, a_document(1, texts=("It runs no more",)), a_document(2, texts=("running",), reporter_id=PEOPLE[1]))
    assert numbers(index, Query((a_term("running", kind),))) == [2]
    assert numbers(index, Query((a_term("running", negated=True),))) == [1]
