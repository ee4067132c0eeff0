"""JSON values and DynamoDB's attribute values."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticketing.dynamodb.attributes import (
    from_attribute,
    from_item,
    to_attribute,
    to_item,
)
from ticketing.tickets.lifecycle import Status

SCALARS = st.text() | st.booleans() | st.integers()
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=15)


@pytest.mark.parametrize(
    ("value", "attribute"),
    [
        pytest.param("Füße 🎫", {"S": "Füße 🎫"}, id="text"),
        pytest.param("", {"S": ""}, id="empty text"),
        pytest.param(7, {"N": "7"}, id="number"),
        pytest.param(-12345678901234567890, {"N": "-12345678901234567890"}, id="big number"),
        pytest.param(True, {"BOOL": True}, id="true is no number"),
        pytest.param(False, {"BOOL": False}, id="false is no number"),
        pytest.param([], {"L": []}, id="empty list"),
        pytest.param(["a", 1], {"L": [{"S": "a"}, {"N": "1"}]}, id="list"),
        pytest.param({"from": "a", "to": None}, {"M": {"from": {"S": "a"}}}, id="map without its null"),
        pytest.param(
            {"tags": {"from": [], "to": ["x"]}},
            {"M": {"tags": {"M": {"from": {"L": []}, "to": {"L": [{"S": "x"}]}}}}},
            id="map in map",
        ),
    ],
)
def test_a_value_has_one_attribute(value: Any, attribute: dict[str, Any]) -> None:
    assert to_attribute(value) == attribute


@given(VALUES)
def test_what_is_stored_comes_back(value: Any) -> None:
    back = from_attribute(to_attribute(value))
    assert back == value
    assert repr(back) == repr(value)  # 1 is not True


@given(st.dictionaries(st.text(), SCALARS | st.none()))
def test_nulls_are_left_out_of_items(values: dict[str, Any]) -> None:
    item = to_item(values)
    assert from_item(item) == {name: value for name, value in values.items() if value is not None}


def test_an_enum_is_stored_as_plain_text() -> None:
    (text,) = to_attribute(Status.NEW).values()
    assert (text, type(text)) == ("NEW", str)


@pytest.mark.parametrize("value", [None, 1.5, b"x", {"a"}, [None]], ids=["null", "float", "bytes", "set", "list"])
def test_what_has_no_attribute_is_refused(value: Any) -> None:
    with pytest.raises(TypeError, match="no attribute type for"):
        to_attribute(value)


@pytest.mark.parametrize("attribute", [{"NULL": True}, {"B": b"x"}, {"SS": ["a"]}], ids=["NULL", "B", "SS"])
def test_what_has_no_json_value_is_refused(attribute: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match="no JSON value for the attribute type"):
        from_attribute(attribute)


@pytest.mark.parametrize("number", ["1.5", "1E+2", "x"])
def test_only_integers_are_numbers(number: str) -> None:
    with pytest.raises(ValueError, match="invalid literal"):
        from_attribute({"N": number})
