"""S3 as AWS has it: signed addresses, bucket policies and sessions, versions, events and what templates say of buckets.

The emulator checks the signature of an address only where there is one, and no policies; it forgets parts of a request
for a version; and of a bucket in a template it takes half.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from types import ModuleType
from typing import Any
from xml.etree.ElementTree import Element, SubElement, tostring

from local.aws.iam import Access, Evaluator, ObjectCalls, is_assumed, principal_of, role_of
from local.emulator.bodies import Body
from local.emulator.calls import Response
from local.emulator.loading import EmulatorError, MiniStack
from local.emulator.patching import replace, require, rewrite

# In every address by Signature Version 4 (the session's token only where there is one).
_QUERY = (
    "X-Amz-Algorithm",
    "X-Amz-Credential",
    "X-Amz-Date",
    "X-Amz-Expires",
    "X-Amz-Signature",
    "X-Amz-SignedHeaders",
)
_ALGORITHM = "AWS4-HMAC-SHA256"
_REFUSED = 400

type Headers = dict[str, str]
type Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
type Query = dict[str, list[str]]
type Properties = dict[str, Any]


def patch(emulator: MiniStack) -> None:
    """Check addresses, policies and sessions, serve versions whole, name them in events, and complete buckets.

    Raises
    ------
    EmulatorError
        At once if what this builds on is not there; at a deployment if the emulator refuses what a bucket is to have.
    """
    _serve_versions(emulator.s3)
    _name_versions_in_events(emulator.s3)
    _check_times_of_addresses(emulator.s3)
    _Doors(emulator).install()
    _complete_buckets(emulator)


def _serve_versions(s3: ModuleType) -> None:
    """Give a version's reader the part and the headers that were asked for, and tag versions behind a delete marker."""
    require(s3, "_get_object", "bucket_name", "key", "headers", "query_params")
    end = "\n        return _error("  # of the part that answers with a version
    old = "                return 200, resp_headers, body"
    new = "                return _version_answer(headers, query_params, resp_headers, body)"
    rewrite(s3, "_get_object", {old + end: new + end}, _version_answer=lambda *request: _version_answer(s3, *request))
    known = '    if key not in bucket["objects"]:\n'
    for name in ("_get_object_tagging", "_put_object_tagging", "_delete_object_tagging"):
        here = '    if key not in bucket["objects"] and not (query_params or {}).get("versionId"):\n'
        rewrite(s3, name, {known: here})


def _version_answer(
    s3: ModuleType, headers: Headers, query: Query, answer: Headers, body: bytes | Body
) -> tuple[int, Headers, bytes | Body]:
    status = 200
    if "range" in headers:
        size = len(body)
        found = s3._parse_range(headers["range"], size)  # noqa: SLF001
        if found is None:
            refusal: tuple[int, Headers, bytes] = s3._error(  # noqa: SLF001
                "InvalidRange",
                "The requested range is not satisfiable",
                416,
                headers={"Content-Range": f"bytes */{size}"},
            )
            return refusal
        start, end = found
        status, body = 206, body[start : end + 1]
        # A checksum is that of the whole.
        for name in [name for name in answer if name.startswith("x-amz-checksum-")]:
            del answer[name]
        answer |= {"Content-Length": str(len(body)), "Content-Range": f"bytes {start}-{end}/{size}"}
    s3._apply_response_overrides(answer, query)  # noqa: SLF001
    return status, answer, body


def _name_versions_in_events(s3: ModuleType) -> None:
    named = '"sequencer": sequencer or "0"'
    version = '**({"version-id": version_id} if version_id else {})'
    changes = {f"{named}}},\n": f"{named}, {version}}},\n", '"Time": event_time,': '"Time": event_time[:19] + "Z",'}
    rewrite(s3, "_fire_s3_event", changes)


def _check_times_of_addresses(s3: ModuleType) -> None:
    """Let an address say when it was made and how long it lives, a week at most."""
    unchecked = "    from ministack.app import AUTH\n    if not AUTH:\n        return None\n"
    rewrite(s3, "_presign_time_error", {unchecked: ""})


class Addresses:
    """What an address has to be."""

    def __init__(self, emulator: MiniStack) -> None:
        self._s3, self._sts = emulator.s3, emulator.sts
        self._verify = require(emulator.s3, "_verify_presigned_sigv4", "method", "path", "headers", "query_params")
        self._key_of = require(emulator.router, "extract_access_key_id", "headers", "query_params")

    def refusal(self, method: str, path: str, headers: Headers, query: Query) -> Response | None:
        """Return the answer to a request that its address does not allow, None if it does.

        Anybody who knows the address may use it. So only sessions sign here, those of functions and of who has assumed
        a role: the control plane takes any key, and a page could sign with one itself.
        """
        if "X-Amz-Signature" not in query and "X-Amz-Algorithm" not in query:
            return self.error("AccessDenied", "Access Denied", 403, path)
        if "authorization" in headers:
            message = (
                "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string "
            )
            return self.error(
                "InvalidArgument", f"{message}parameter or the Authorization header should be specified", 400, path
            )
        if any(len(query.get(name, ())) != 1 or not query[name][0] for name in _QUERY):
            needed = ", ".join(_QUERY[:-1])
            message = f"Query-string authentication version 4 requires the {needed} and {_QUERY[-1]} parameters."
            return self.error("AuthorizationQueryParametersError", message, 400, path)
        if query["X-Amz-Algorithm"] != [_ALGORITHM]:
            message = f'X-Amz-Algorithm only supports "{_ALGORITHM}"'
            return self.error("AuthorizationQueryParametersError", message, 400, path)
        if self._key_of(headers, query) not in self._sts._sessions:  # noqa: SLF001
            message = "The AWS Access Key Id you provided does not exist in our records."
            return self.error("InvalidAccessKeyId", message, 403, path)
        return self.forgery(method, path, headers, query)

    def forgery(self, method: str, path: str, headers: Headers, query: Query) -> Response | None:
        """Return the answer to a request that was not signed like this, None to one that was or has no signature."""
        if not query.get("X-Amz-Signature"):
            return None
        signed = query.get("X-Amz-SignedHeaders", [""])[0].split(";")
        if "host" not in signed or any(name.startswith("x-amz-") and name not in signed for name in headers):
            message = "There were headers present in the request which were not signed"
            return self.error("AccessDenied", message, 403, path)
        refusal: Response | None = self._verify(method, path, headers, query)
        return refusal

    def error(self, code: str, message: str, status: int, path: str) -> Response:
        """Return an error as S3 has it."""
        response: Response = self._s3._error(code, message, status, path)  # noqa: SLF001
        return response


def _downloads(emulator: MiniStack) -> Callable[[Body], Any]:
    """Return what makes the content of an answer of a body, for the emulator to send piece by piece."""

    class Download(emulator.responses.StreamingResponse):  # type: ignore[misc, name-defined]
        def __init__(self, body: Body) -> None:
            super().__init__(self._send)
            self.body = body
            self._pieces = body.chunks()

        async def _send(self, send: Send, _receive: object) -> None:
            while piece := await asyncio.to_thread(next, self._pieces, b""):
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    return Download


class _Doors:
    """Who may do what: signatures, the policies of sessions, and those of buckets."""

    def __init__(self, emulator: MiniStack) -> None:
        self._s3, self._sts = emulator.s3, emulator.sts
        self._addresses, self._calls, self._evaluator = Addresses(emulator), ObjectCalls(emulator), Evaluator(emulator)
        self._key_of = require(emulator.router, "extract_access_key_id", "headers", "query_params")
        self._merged = require(emulator.s3, "_merge_hoisted_amz_headers", "headers", "query_params")
        self._handle: Callable[..., Any] = emulator.s3.handle_request
        self._download = _downloads(emulator)

    def install(self) -> None:
        replace(self._s3, "handle_request", self._check_and_handle)

    async def _check_and_handle(  # noqa: PLR0913, PLR0917 (the emulator's signature)
        self,
        method: str,
        path: str,
        headers: Headers,
        body: bytes | Body,
        query_params: Query,
        signed_path: str | None = None,
        **options: object,
    ) -> Response:
        refusal = self._addresses.forgery(method, signed_path or path, headers, query_params)
        if refusal is None and not options.get("internal"):
            refusal = self._refusal(method, path, headers, body, query_params)
        if refusal is not None:
            return refusal
        status, given, content = await self._handle(
            method, path, headers, body, query_params, signed_path=signed_path, **options
        )
        return status, given, self._download(content) if isinstance(content, Body) else content

    def _refusal(self, method: str, path: str, headers: Headers, body: bytes | Body, query: Query) -> Response | None:
        bucket = path.lstrip("/").partition("/")[0]
        if bucket not in self._s3._buckets:  # noqa: SLF001
            return None
        if method == "POST" and headers.get("content-type", "").startswith("multipart/form-data"):
            message = "The specified method is not allowed against this resource."
            return self._addresses.error("MethodNotAllowed", message, 405, path)
        session = self._sts._sessions.get(self._key_of(headers, query))  # noqa: SLF001
        principal, policy = principal_of(session), self._s3._bucket_policies.get(bucket)  # noqa: SLF001
        for access in self._calls.accesses(method, path, self._merged(headers, query), body, query):
            kind = self._missing(session, access)
            if policy and self._evaluator.denied_by(policy, access, principal):
                kind = "an explicit deny in a resource-based policy"
            if kind is not None:
                who = session["Arn"] if session else principal
                message = (
                    f"User: {who} is not authorized to perform: {access['action']} on resource: "
                    f'"{access["resource"]}" {"with" if "deny" in kind else "because no"} {kind}'
                )
                return self._addresses.error("AccessDenied", message, 403, path)
        return None

    def _missing(self, session: Mapping[str, Any] | None, access: Access) -> str | None:
        """Return which policy of a session that has assumed a role does not allow an access, None if all do."""
        if session is None or not is_assumed(session):
            return None
        arn, policy = session["Arn"], (session.get("SessionPolicies") or {}).get("Policy")
        if not self._evaluator.role_allows(role_of(arn), access, arn):
            return "identity-based policy allows the action"
        if policy and not self._evaluator.allows(policy, access, arn):
            return "session policy allows the action"
        return None


def _complete_buckets(emulator: MiniStack) -> None:
    """Let a template say how a bucket encrypts, whose its objects are and how long they live; keep one with objects."""
    provisioners, s3 = emulator.provisioners, emulator.s3
    create = require(provisioners, "_s3_create", "logical_id", "props", "stack_name")
    update = require(provisioners, "_s3_update", "physical_id", "old_props", "new_props", "stack_name")
    delete = require(provisioners, "_s3_delete", "physical_id", "props")

    def create_whole(logical_id: str, props: Properties, stack_name: str) -> tuple[str, Properties]:
        name, attributes = create(logical_id, props, stack_name)
        _apply(s3, name, props, {})
        return name, attributes

    def update_whole(
        physical_id: str, old_props: Properties, new_props: Properties, stack_name: str
    ) -> tuple[str, Properties]:
        name, attributes = update(physical_id, old_props, new_props, stack_name)
        _apply(s3, name, new_props, old_props)
        return name, attributes

    def delete_empty(physical_id: str, props: Properties) -> None:
        bucket = s3._buckets.get(physical_id)  # noqa: SLF001
        if bucket and (bucket["objects"] or s3._bucket_has_versions(physical_id)):  # noqa: SLF001
            message = f"The bucket you tried to delete is not empty. You must delete all versions in {physical_id}."
            raise EmulatorError(message)
        delete(physical_id, props)

    handlers = provisioners._RESOURCE_HANDLERS  # noqa: SLF001
    handlers["AWS::S3::Bucket"] |= {"create": create_whole, "update": update_whole, "delete": delete_empty}


def _apply(s3: ModuleType, name: str, props: Properties, old: Properties) -> None:
    """Give a bucket what the emulator's CloudFormation leaves out."""
    for setting, (document, call) in {
        "BucketEncryption": (_encryption, "_bucket_encryption"),
        "LifecycleConfiguration": (_lifecycle, "_bucket_lifecycle"),
        "OwnershipControls": (_ownership, "_bucket_ownership_controls"),
    }.items():
        if setting in props:
            status, _, answer = getattr(s3, f"_put{call}")(name, tostring(document(s3.S3_NS, props[setting])))
            if status >= _REFUSED:
                message = f"The {setting} of a bucket in the template is refused: {answer!r}"
                raise EmulatorError(message)
        elif setting in old:
            getattr(s3, f"_delete{call}")(name)
    if "VersioningConfiguration" in old and "VersioningConfiguration" not in props:
        s3._bucket_versioning[name] = "Suspended"  # noqa: SLF001


def _encryption(namespace: str, setting: Properties) -> Element:
    root = Element("ServerSideEncryptionConfiguration", xmlns=namespace)
    for each in setting["ServerSideEncryptionConfiguration"]:
        rule = SubElement(root, "Rule")
        default = each.get("ServerSideEncryptionByDefault")
        if default is not None:
            _add(SubElement(rule, "ApplyServerSideEncryptionByDefault"), default, "SSEAlgorithm", "KMSMasterKeyID")
        _add(rule, each, "BucketKeyEnabled")
    return root


def _ownership(namespace: str, setting: Properties) -> Element:
    root = Element("OwnershipControls", xmlns=namespace)
    for each in setting["Rules"]:
        _add(SubElement(root, "Rule"), each, "ObjectOwnership")
    return root


def _lifecycle(namespace: str, setting: Properties) -> Element:
    root = Element("LifecycleConfiguration", xmlns=namespace)
    for each in setting["Rules"]:
        rule = SubElement(root, "Rule")
        if "Id" in each:
            SubElement(rule, "ID").text = each["Id"]
        SubElement(SubElement(rule, "Filter"), "Prefix").text = each.get("Prefix", "")
        _add(rule, each, "Status")
        expiration = {"Days": each.get("ExpirationInDays")} | {
            "ExpiredObjectDeleteMarker": each.get("ExpiredObjectDeleteMarker")
        }
        noncurrent = each.get("NoncurrentVersionExpiration") or {
            "NoncurrentDays": each.get("NoncurrentVersionExpirationInDays")
        }
        for name, values in {
            "Expiration": expiration,
            "NoncurrentVersionExpiration": noncurrent,
            "AbortIncompleteMultipartUpload": each.get("AbortIncompleteMultipartUpload") or {},
        }.items():
            if any(value is not None for value in values.values()):
                _add(SubElement(rule, name), values, *values)
    return root


def _add(element: Element, values: Properties, *names: str) -> None:
    for name in names:
        if values.get(name) is not None:
            value = values[name]
            SubElement(element, name).text = str(value).lower() if isinstance(value, bool) else str(value)
