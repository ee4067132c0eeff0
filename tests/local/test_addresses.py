"""Addresses of objects on the API's port: what they let in and out, and what is refused with S3's own errors."""

import re
import time
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from tests.harness.bucket import ORIGIN, Bucket, client, code_of, new_key
from tests.harness.stack import Stack

CONTENT = b"A screenshot, a log, a contract."


@pytest.fixture(scope="module")
def signer(bucket: Bucket) -> Any:
    return bucket.signer()


@pytest.fixture
def key() -> str:
    return new_key()


def reading(bucket: Bucket, signer: Any, key: str, **more: object) -> str:
    parameters = {"Bucket": bucket.name, "Key": key, **more}
    address: str = signer.generate_presigned_url("get_object", parameters, ExpiresIn=300)
    return address


def clean(bucket: Bucket, key: str, content: bytes = CONTENT) -> str:
    """Upload something that is found clean; return its version."""
    assert bucket.upload(key, content).status_code == 200
    version: str = bucket.event("Scans", key)["detail"]["s3ObjectDetails"]["versionId"]
    return version


def test_a_file_goes_up_and_comes_down_as_it_was(bucket: Bucket, signer: Any, key: str) -> None:
    version = clean(bucket, key)
    answer = httpx.get(
        reading(
            bucket,
            signer,
            key,
            VersionId=version,
            ResponseContentDisposition="attachment; filename*=UTF-8''%E2%82%AC.txt",
            ResponseContentType="application/octet-stream",
            ResponseCacheControl="private, no-store",
            ResponseContentEncoding="identity",
        )
    )
    assert (answer.status_code, answer.content) == (200, CONTENT)
    wanted = {
        "content-disposition": "attachment; filename*=UTF-8''%E2%82%AC.txt",
        "content-type": "application/octet-stream",
        "cache-control": "private, no-store",
        "content-encoding": "identity",
        "content-length": str(len(CONTENT)),
        "x-amz-version-id": version,
    }
    assert {name: answer.headers[name] for name in wanted} == wanted


def test_a_part_of_a_version(bucket: Bucket, signer: Any, key: str) -> None:
    address = reading(bucket, signer, key, VersionId=clean(bucket, key))
    answer = httpx.get(address, headers={"Range": "bytes=2-11"})
    assert (answer.status_code, answer.content) == (206, CONTENT[2:12])
    assert answer.headers["content-range"] == f"bytes 2-11/{len(CONTENT)}"
    assert code_of(httpx.get(address, headers={"Range": "bytes=999-"})) == (416, "InvalidRange")


def test_the_address_of_another_key(bucket: Bucket, signer: Any, key: str) -> None:
    url, headers = bucket.address(key, CONTENT, signer)
    other = new_key()
    answer = httpx.put(url.replace(key, other), content=CONTENT, headers=headers)
    assert code_of(answer) == (403, "SignatureDoesNotMatch")
    assert bucket.versions(other) == []


@pytest.mark.parametrize(
    ("content", "more", "expected"),
    [
        (CONTENT + b"more", {}, (403, "SignatureDoesNotMatch")),
        (CONTENT[:-1], {}, (403, "SignatureDoesNotMatch")),
        (b"", {}, (403, "SignatureDoesNotMatch")),
        (CONTENT[:-1] + b"!", {}, (400, "BadDigest")),
        (CONTENT, {"Content-Type": "text/html"}, (403, "SignatureDoesNotMatch")),
        (CONTENT, {"x-amz-checksum-sha256": "A" * 43 + "="}, (403, "SignatureDoesNotMatch")),
        (CONTENT, {"x-amz-tagging": "GuardDutyMalwareScanStatus=NO_THREATS_FOUND"}, (403, "AccessDenied")),
        (CONTENT, {"x-amz-meta-name": "x"}, (403, "AccessDenied")),
        (CONTENT, {"x-amz-copy-source": "/bucket/key"}, (403, "AccessDenied")),
        (
            CONTENT,
            {"Authorization": "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/x"},
            (400, "InvalidArgument"),
        ),
    ],
)
def test_an_upload_that_was_not_announced_like_this(  # noqa: PLR0917 (cases)
    bucket: Bucket, signer: Any, key: str, content: bytes, more: dict[str, str], expected: tuple[int, str]
) -> None:
    url, headers = bucket.address(key, CONTENT, signer)
    assert code_of(httpx.put(url, content=content, headers=headers | more)) == expected
    assert bucket.versions(key) == []


def test_an_upload_in_chunks_has_no_length(bucket: Bucket, signer: Any, key: str) -> None:
    url, headers = bucket.address(key, CONTENT, signer)
    answer = httpx.put(url, content=iter([CONTENT]), headers=headers)
    assert code_of(answer) == (403, "SignatureDoesNotMatch")
    assert bucket.versions(key) == []


@pytest.mark.parametrize(
    ("pattern", "instead", "expected"),
    [
        (r"X-Amz-Signature=\w+", "X-Amz-Signature=", (400, "AuthorizationQueryParametersError")),
        (r"&X-Amz-Signature=\w+", "", (400, "AuthorizationQueryParametersError")),
        (r"X-Amz-Signature=\w", "X-Amz-Signature=x", (403, "SignatureDoesNotMatch")),
        (r"X-Amz-Expires=\d+", "X-Amz-Expires=90000", (403, "SignatureDoesNotMatch")),
        (r"X-Amz-Expires=\d+", "X-Amz-Expires=999999", (400, "AuthorizationQueryParametersError")),
        (r"X-Amz-Expires=\d+", "X-Amz-Expires=soon", (400, "AuthorizationQueryParametersError")),
        (r"&X-Amz-Expires=\d+", "", (400, "AuthorizationQueryParametersError")),
        (r"X-Amz-Date=\w+", "X-Amz-Date=20200101T000000Z", (403, "AccessDenied")),
        (r"X-Amz-Date=\w+", "X-Amz-Date=20990101T000000Z", (403, "AccessDenied")),
        (r"X-Amz-SignedHeaders=[^&]+", "X-Amz-SignedHeaders=host", (403, "AccessDenied")),
        (r"X-Amz-SignedHeaders=[^&]+", "X-Amz-SignedHeaders=x-amz-checksum-sha256", (403, "AccessDenied")),
        (r"X-Amz-Security-Token=[^&]+", "X-Amz-Security-Token=x", (400, "InvalidToken")),
        (r"X-Amz-Credential=[^%]+", "X-Amz-Credential=test", (403, "InvalidAccessKeyId")),
        (r"AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256", (400, "AuthorizationQueryParametersError")),
        (r"$", "&response-content-type=text/html", (403, "SignatureDoesNotMatch")),
        (r"$", "&tagging=", (403, "SignatureDoesNotMatch")),
        (r"\?.*", "", (403, "AccessDenied")),
        (r"\?.*", "?AWSAccessKeyId=test&Signature=x&Expires=9999999999", (403, "AccessDenied")),
    ],
)
def test_a_forged_address(  # noqa: PLR0917 (cases)
    bucket: Bucket, signer: Any, key: str, pattern: str, instead: str, expected: tuple[int, str]
) -> None:
    url, headers = bucket.address(key, CONTENT, signer)
    forged = re.sub(pattern, instead, url, count=1)
    assert forged != url
    assert code_of(httpx.put(forged, content=CONTENT, headers=headers)) == expected
    assert bucket.versions(key) == []


def test_an_address_expires(bucket: Bucket, signer: Any, key: str) -> None:
    address = signer.generate_presigned_url("get_object", {"Bucket": bucket.name, "Key": key}, ExpiresIn=1)
    time.sleep(2.1)
    answer = httpx.get(address)
    assert code_of(answer) == (403, "AccessDenied")
    assert "Request has expired" in answer.text


def test_keys_that_anybody_knows_sign_nothing(bucket: Bucket, key: str) -> None:
    """The control plane takes any key; what a web page can sign is no address."""
    for known in ("test", "local", "000000000000"):
        url, headers = bucket.address(key, CONTENT, client(bucket.stack.base_url, known, known))
        assert code_of(httpx.put(url, content=CONTENT, headers=headers)) == (403, "InvalidAccessKeyId")
    assert bucket.versions(key) == []


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/{key}"),
        ("HEAD", "/{key}"),
        ("PUT", "/{key}"),
        ("DELETE", "/{key}"),
        ("GET", ""),
        ("GET", "/?list-type=2"),
        ("GET", "/?versions"),
    ],
)
def test_nothing_goes_unsigned(bucket: Bucket, key: str, method: str, path: str) -> None:
    answer = httpx.request(method, f"{bucket.stack.base_url}/{bucket.name}{path.format(key=key)}", content=b"x")
    assert answer.status_code == 403
    assert bucket.versions(key) == []


def test_a_form_is_no_way_in(bucket: Bucket, signer: Any, key: str) -> None:
    form = signer.generate_presigned_post(bucket.name, key)
    answer = httpx.post(form["url"], data=form["fields"], files={"file": CONTENT})
    assert answer.status_code == 403
    assert bucket.versions(key) == []


def test_a_session_ends_with_its_policy(bucket: Bucket) -> None:
    mine, others = new_key(), new_key()
    allowed = f"arn:aws:s3:::{bucket.name}/{mine.partition('/')[0]}/*"
    signer = bucket.signer({"Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": allowed}]})
    assert bucket.upload(mine, CONTENT, signer).status_code == 200
    answer = bucket.upload(others, CONTENT, signer)
    assert code_of(answer) == (403, "AccessDenied")
    assert "no session policy allows the action" in answer.text
    assert bucket.versions(others) == []


def test_pages_of_an_allowed_origin_upload_and_download(bucket: Bucket, signer: Any, key: str) -> None:
    url, headers = bucket.address(key, CONTENT, signer)
    asked = {
        "Origin": ORIGIN,
        "Access-Control-Request-Method": "PUT",
        "Access-Control-Request-Headers": ",".join(headers),
    }
    preflight = httpx.options(url, headers=asked)
    assert preflight.status_code == 200
    assert preflight.headers["access-control-allow-origin"] == ORIGIN
    assert "PUT" in preflight.headers["access-control-allow-methods"]
    uploaded = httpx.put(url, content=CONTENT, headers={**headers, "Origin": ORIGIN, "Sec-Fetch-Site": "cross-site"})
    assert (uploaded.status_code, uploaded.headers["access-control-allow-origin"]) == (200, ORIGIN)
    bucket.event("Scans", key)
    downloaded = httpx.get(reading(bucket, signer, key), headers={"Origin": ORIGIN})
    assert (downloaded.content, downloaded.headers["access-control-allow-origin"]) == (CONTENT, ORIGIN)


def test_pages_of_other_origins_get_no_leave(bucket: Bucket, signer: Any, key: str) -> None:
    url, headers = bucket.address(key, CONTENT, signer)
    asked = {"Origin": "https://evil.example", "Access-Control-Request-Method": "PUT"}
    preflight = httpx.options(url, headers=asked)
    assert preflight.status_code == 403
    assert "access-control-allow-origin" not in preflight.headers
    answer = httpx.put(url, content=CONTENT, headers={**headers, "Origin": "https://evil.example"})
    assert "access-control-allow-origin" not in answer.headers


def test_the_control_planes_port_still_refuses_pages(bucket: Bucket, signer: Any, key: str) -> None:
    url = reading(bucket, signer, key).replace(bucket.stack.base_url, bucket.stack.aws_endpoint)
    answer = httpx.get(url, headers={"Origin": ORIGIN})
    assert (answer.status_code, answer.text) == (403, "Web pages may not call the control plane (docs/local.md).\n")


def test_other_host_names_are_refused(bucket: Bucket, signer: Any, key: str) -> None:
    assert httpx.get(reading(bucket, signer, key), headers={"Host": "evil.example"}).status_code == 403


def test_what_is_no_bucket_is_the_apis(stack: Stack) -> None:
    assert httpx.get(f"{stack.base_url}/no-such-bucket/{quote('a b')}").json()["code"] == "path_not_found"


def test_a_large_file_does_not_stop_others(bucket: Bucket, signer: Any, key: str) -> None:
    """Of 32 MB; the API's own bodies end at 10 MB."""
    content = bytes(range(256)) * 4096 * 32
    assert bucket.upload(key, content, signer).status_code == 200
    bucket.event("Scans", key)
    with httpx.stream("GET", reading(bucket, signer, key)) as answer:
        slowest = 0.0
        for place, chunk in enumerate(answer.iter_bytes(1024 * 1024)):
            assert chunk == content[place * 1024 * 1024 : (place + 1) * 1024 * 1024]
            before = time.monotonic()
            assert httpx.get(f"{bucket.stack.base_url}/v1/nothing").status_code == 404
            slowest = max(slowest, time.monotonic() - before)
    assert slowest < 1
