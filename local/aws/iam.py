"""How IAM sees and decides a call of DynamoDB: its actions, resources and attributes, and whether a policy allows it.

After the service authorization reference: a transaction is not an action of its own, each of its members is checked as
the single-item action that it performs, and `dynamodb:Attributes` are the top-level attributes that a request names.
"""

import re
from functools import lru_cache
from typing import Any

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


class Evaluator:
    """IAM's decision about an access of DynamoDB."""

    def __init__(self, emulator: MiniStack) -> None:
        module = emulator.iam_evaluator
        self._evaluate = require(module, "evaluate", "ctx", "policies", "limits")
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

    def _allow(self, policies: list[Any], access: Access, principal: str) -> bool:
        keys = {
            "dynamodb:attributes": access["attributes"],
            "dynamodb:leadingkeys": access["leadingKeys"],
            "dynamodb:select": access["select"],
            "dynamodb:enclosingoperation": access["enclosingOperation"],
        }
        context = self._context(
            principal_arn=principal,
            principal_type="AssumedRole",
            principal_account=ACCOUNT_ID,
            action=access["action"],
            resource_arn=access["resource"],
            region=REGION,
            service_context={name: value for name, value in keys.items() if value},  # an empty one is an absent one
        )
        return bool(self._evaluate(context, policies).decision == "Allow")
