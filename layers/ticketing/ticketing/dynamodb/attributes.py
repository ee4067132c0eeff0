"""Conversion of plain JSON values to DynamoDB's attribute values and back.

boto3 has a serializer for this, but importing boto3 takes about a sixth of a cold start (see
docs/decisions/0003-botocore-and-a-lean-start.md). This project needs five of its ten types: a null is a missing
attribute, and every number is an integer.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef


def to_attribute(value: Any) -> AttributeValueTypeDef:  # noqa: ANN401 - any JSON value
    """Return a JSON value as an attribute value. Nulls in maps are left out."""
    match value:
        case str():
            return {"S": str(value)}
        case bool():
            return {"BOOL": value}
        case int():
            return {"N": str(value)}
        case list():
            return {"L": [to_attribute(element) for element in value]}
        case dict():
            return {"M": to_item(value)}
    message = f"no attribute type for {type(value).__name__}"
    raise TypeError(message)


def from_attribute(attribute: Mapping[str, Any]) -> Any:  # noqa: ANN401 - any JSON value
    """Return an attribute value as a JSON value."""
    ((kind, value),) = attribute.items()
    match kind:
        case "S" | "BOOL" | "Bool":  # the second as Step Functions names it
            return value
        case "N":
            return int(value)
        case "L":
            return [from_attribute(element) for element in value]
        case "M":
            return from_item(value)
    message = f"no JSON value for the attribute type {kind}"
    raise TypeError(message)


def to_item(values: Mapping[str, Any]) -> dict[str, AttributeValueTypeDef]:
    """Return a JSON object as an item. Nulls are left out."""
    return {name: to_attribute(value) for name, value in values.items() if value is not None}


def from_item(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return an item as a JSON object.

    An attribute without a type is left out: an empty list may look like that in what Step Functions hands over.
    """
    return {name: from_attribute(attribute) for name, attribute in item.items() if attribute}
