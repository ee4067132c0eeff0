"""How IAM sees and decides a call of DynamoDB or S3: its actions, resources and conditions, and what policies say.

After the service authorization reference: a transaction is not an action of its own, each of its members is checked as
the single-item action that it performs, and `dynamodb:Attributes` are the top-level attributes that a request names. An
object that is written with tags is checked as one that is tagged, too, and to look at an object's head is to read it.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qs, parse_qsl

from local.emulator.bodies import Body
from local.emulator.loading import MiniStack
from local.emulator.patching import require
from local.settings import ACCOUNT_ID, REGION

type Access = dict[str, object]

# The partition key of every table of this project.
_PARTITION = "PK"
_MEMBERS = {
    "ConditionCheck": "ConditionCheckItem",
    "Delete": "DeleteItem",
    "Get": "GetItem",
    "Put": "PutItem",
    "Update": "UpdateItem",
}
_EXPRESSIONS = (
    "ConditionExpression",
    "FilterExpression",
    "KeyConditionExpression",
    "ProjectionExpression",
    "UpdateExpression",
)
# Reserved words cannot be attribute names in an expression, so these are never attributes.
_KEYWORDS = {"ADD", "AND", "BETWEEN", "DELETE", "IN", "NOT", "OR", "REMOVE", "SET"}
# A query names its partition with an equals sign, and here before all else.
_PARTITION_CONDITION = re.compile(r"#?\w+\s*=\s*(?P<value>:\w+)")
_READS = {"BatchGetItem", "GetItem", "Query", "Scan"}
# A value, a function's name with its bracket, or a path of which only the first step counts.
_TOKEN = re.compile(r":\w+|\w+\s*\(|(?P<head>#?\w+)(?:\s*\.\s*#?\w+|\s*\[\d+\])*")


def dynamodb_accesses(action: str, request: dict[str, Any], table_arn: str) -> list[Access]:
    """Return the accesses that a request needs.

    Parameters
    ----------
    action
        The operation, such as ``Query``.
    request
        Its parameters, as in the AWS API.
    table_arn
        The ARN of any table, with ``{}`` for its name.

    Returns
    -------
    list
        Objects with ``action``, ``resource``, ``attributes`` (sorted), ``leadingKeys`` (the partition keys that it
        names, of the table or of the index that is asked), ``select`` (what a read asks for of each item, None for
        writes) and ``enclosingOperation`` (None outside of transactions).
    """
    if action in {"TransactWriteItems", "TransactGetItems"}:
        return [
            _access(_MEMBERS[member], detail, table_arn, action)
            for item in request.get("TransactItems", [])
            for member, detail in item.items()
        ]
    if action in {"BatchGetItem", "BatchWriteItem"}:
        return [
            _access(action, _batch_detail(table, wanted), table_arn, None)
            for table, wanted in request.get("RequestItems", {}).items()
        ]
    return [_access(action, request, table_arn, None)]


def _batch_detail(table: str, wanted: Any) -> dict[str, Any]:  # noqa: ANN401 (a list of writes, or what to get)
    if isinstance(wanted, dict):
        return {**wanted, "TableName": table, "Items": wanted["Keys"]}
    puts = [write["PutRequest"]["Item"] for write in wanted if "PutRequest" in write]
    deletes = [write["DeleteRequest"]["Key"] for write in wanted if "DeleteRequest" in write]
    return {"TableName": table, "Items": [*puts, *deletes]}


def _access(action: str, detail: dict[str, Any], table_arn: str, enclosing: str | None) -> Access:
    name = str(detail.get("TableName", "*"))
    resource = name if name.startswith("arn:") else table_arn.format(name)
    if index := detail.get("IndexName"):
        resource += f"/index/{index}"
    return {
        "action": f"dynamodb:{action}",
        "resource": resource,
        "attributes": sorted(_attributes(detail)),
        "leadingKeys": _leading_keys(detail),
        "select": _select(detail) if action in _READS else None,
        "enclosingOperation": enclosing,
    }


def _named_items(detail: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the items, or keys of items, that a request names."""
    return [*(detail[source] for source in ("Key", "Item") if source in detail), *detail.get("Items", ())]


def _leading_keys(detail: dict[str, Any]) -> list[str]:
    if condition := _PARTITION_CONDITION.search(detail.get("KeyConditionExpression") or ""):
        return [detail["ExpressionAttributeValues"][condition["value"]]["S"]]
    return sorted({item[_PARTITION]["S"] for item in _named_items(detail) if _PARTITION in item})


def _select(detail: dict[str, Any]) -> str:
    if "ProjectionExpression" in detail or "AttributesToGet" in detail:
        return "SPECIFIC_ATTRIBUTES"
    return str(detail.get("Select", "ALL_PROJECTED_ATTRIBUTES" if "IndexName" in detail else "ALL_ATTRIBUTES"))


def _attributes(detail: dict[str, Any]) -> set[str]:
    aliases = detail.get("ExpressionAttributeNames") or {}
    names = {name for item in _named_items(detail) for name in item} | {*(detail.get("ExclusiveStartKey") or {})}
    names.update(detail.get("AttributesToGet") or ())
    for expression in _EXPRESSIONS:
        heads = (match["head"] for match in _TOKEN.finditer(detail.get(expression) or ""))
        names.update(aliases.get(head, head) for head in heads if head and head.upper() not in _KEYWORDS)
    return names


class ObjectCalls:
    """How IAM sees calls of S3."""

    def __init__(self, emulator: MiniStack) -> None:
        actions, s3 = emulator.iam_actions, emulator.s3
        self._action_of = require(actions, "_s3_action", "method", "path", "query_params")
        self._others = require(actions, "s3_additional_checks", "method", "path", "headers", "body", "query_params")
        self._targets_of = require(actions, "_s3_batch_delete_targets", "bucket", "body")
        self._tags_of = require(s3, "object_tags_for_condition", "bucket_name", "key", "query_params")
        self._tags_in = require(s3, "_parse_tags_xml", "body")

    def action(self, method: str, path: str, query: dict[str, list[str]]) -> str:
        """Return the action of a request, such as `GetObjectVersion`."""
        return str(self._action_of(method, path, query) or "")

    def accesses(
        self, method: str, path: str, headers: dict[str, str], body: bytes | Body, query: dict[str, list[str]]
    ) -> list[Access]:
        """Return the accesses that a request needs.

        Returns
        -------
        list
            Objects with ``action``, ``resource`` and ``conditions``: what there is of the condition keys ``s3:prefix``,
            ``s3:existingobjecttag/…`` and ``s3:requestobjecttag…``, in lower case.
        """
        action, (bucket, _, key) = self.action(method, path, query), path.lstrip("/").partition("/")
        whole = b"" if isinstance(body, Body) else body
        if action == "DeleteObject" and not key:
            targets = self._targets_of(bucket, whole)
            return [_object_access(f"DeleteObject{'Version' if version else ''}", arn) for arn, version in targets]
        requested = self._requested_tags(action, headers, whole)
        resource = f"arn:aws:s3:::{bucket}{f'/{key}' if key else ''}"
        conditions = self._existing_tags(action, resource, query)
        conditions |= requested if "Tagging" in action else {}
        conditions |= {"s3:prefix": query["prefix"][0]} if "prefix" in query else {}
        accesses = [_object_access(action, resource, conditions)]
        if action == "PutObject" and requested:
            accesses.append(_object_access("PutObjectTagging", resource, requested))
        # Of what is copied, and what else a call does by the way.
        _, _, source = headers.get("x-amz-copy-source", "").partition("?")
        for name, arn in self._others(method, path, headers, whole, query):
            other = name.removeprefix("s3:")
            version = query if arn == resource else parse_qs(source)
            accesses.append(_object_access(other, arn, self._existing_tags(other, arn, version)))
        return accesses

    def _existing_tags(self, action: str, resource: str, query: dict[str, list[str]]) -> dict[str, object]:
        """Return the condition keys about the tags that an object has, for the actions that know them."""
        bucket, _, key = resource.removeprefix("arn:aws:s3:::").partition("/")
        if not key or not any(kind in action for kind in ("Get", "Tagging", "Acl")):
            return {}
        tags: dict[str, str] = self._tags_of(bucket, key, query)
        return {f"s3:existingobjecttag/{name.lower()}": value for name, value in tags.items()}

    def _requested_tags(self, action: str, headers: dict[str, str], body: bytes) -> dict[str, object]:
        """Return the condition keys about the tags that a request gives an object."""
        if action in {"PutObjectTagging", "PutObjectVersionTagging"}:
            try:
                tags: dict[str, str] = self._tags_in(body)
            except (ValueError, SyntaxError):  # no XML, or not S3's: it will be refused
                return {}
        else:
            tags = dict(parse_qsl(headers.get("x-amz-tagging", ""), keep_blank_values=True))
        named: dict[str, object] = {f"s3:requestobjecttag/{name.lower()}": value for name, value in tags.items()}
        return named | ({"s3:requestobjecttagkeys": sorted(tags)} if tags else {})


def _object_access(action: str, resource: str, conditions: Mapping[str, object] | None = None) -> Access:
    return {"action": f"s3:{action}", "resource": resource, "conditions": dict(conditions or {})}


class Evaluator:
    """IAM's decision about an access of DynamoDB or S3."""

    def __init__(self, emulator: MiniStack) -> None:
        module = emulator.iam_evaluator
        self._evaluate = require(module, "evaluate", "ctx", "policies", "limits")
        self._evaluate_resource = require(
            module, "evaluate_resource_policy", "doc", "ctx", "service", "named_only", "direct_only"
        )
        self._context = module.EvalContext
        self._parsed = lru_cache(maxsize=1024)(require(module, "parse_policy_document", "doc"))
        self._policies_of = require(module, "_gather_role_policies", "role_name", "account_id")

    def allows(self, policy: str, access: Access, principal: str) -> bool:
        """Return whether a policy, as JSON, allows the access."""
        return self._allow([self._parsed(policy)], access, principal)

    def role_allows(self, role: str, access: Access, principal: str) -> bool:
        """Return whether the policies of a role, by its name, allow the access; without any, everything is allowed."""
        policies = self._policies_of(role, ACCOUNT_ID)
        return not policies or self._allow(policies, access, principal)

    def denied_by(self, policy: str, access: Access, principal: str) -> bool:
        """Return whether the policy of a resource, as JSON, denies the access to a principal."""
        context = self._context_of(access, principal)
        return bool(self._evaluate_resource(policy, context).decision == "Deny")

    def _allow(self, policies: list[Any], access: Access, principal: str) -> bool:
        return bool(self._evaluate(self._context_of(access, principal), policies).decision == "Allow")

    def _context_of(self, access: Access, principal: str) -> object:
        keys: Any = access.get("conditions") or {
            "dynamodb:attributes": access.get("attributes"),
            "dynamodb:leadingkeys": access.get("leadingKeys"),
            "dynamodb:select": access.get("select"),
            "dynamodb:enclosingoperation": access.get("enclosingOperation"),
        }
        return self._context(
            principal_arn=principal,
            principal_type="AssumedRole",
            principal_account=ACCOUNT_ID,
            action=access["action"],
            resource_arn=access["resource"],
            region=REGION,
            secure_transport=True,  # nothing leaves this machine
            service_context={name: value for name, value in keys.items() if value},  # an empty one is an absent one
        )


def role_of(arn: str) -> str:
    """Return the name of the role whose session has this ARN."""
    return arn.split("/")[1]


def principal_of(session: Mapping[str, Any] | None) -> str:
    """Return who policies see in a caller: a session's role, or the account."""
    kind, name = ("role", role_of(session["Arn"])) if session else ("root", "")
    return f"arn:aws:iam::{ACCOUNT_ID}:{kind}" + (f"/{name}" if name else "")


def is_assumed(session: Mapping[str, Any]) -> bool:
    """Return whether somebody assumed a role for a session; those of functions are made by Lambda."""
    return "SourceAccessKeyId" in session
