"""Cursors: they stand for a position in one list of one tenant, and for nothing once they were touched."""

import base64
import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ticketing.dynamodb import cursors
from ticketing.errors import BadRequestError

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
POSITION = "2026-02-02T08:15:04.120Z#019c1f0e-7a3b-7c41-9d2e-5f60718293a4"
ANYTHING = re.compile(r".*", re.DOTALL)
SCOPE = 'TENANT#acme tickets ["OPEN", null]'
CURSOR = cursors.encode(POSITION, scope=SCOPE)


def refused(cursor: str, scope: str = SCOPE) -> bool:
    with pytest.raises(BadRequestError) as raised:
        cursors.decode(cursor, scope=scope, shape=ANYTHING)
    return raised.value.details == ["cursor: take it from the Link header of the page before, with the same filters"]


@given(position=st.text(), scope=st.text())
def test_a_cursor_stands_for_its_position(position: str, scope: str) -> None:
    cursor = cursors.encode(position, scope=scope)
    assert set(cursor) <= set(ALPHABET)
    assert cursors.decode(cursor, scope=scope, shape=ANYTHING) == position


@pytest.mark.parametrize("index", range(len(CURSOR)))
def test_no_character_can_be_replaced(index: int) -> None:
    for character in ALPHABET.replace(CURSOR[index], ""):
        assert refused(CURSOR[:index] + character + CURSOR[index + 1 :])


@given(cut=st.integers(0, len(CURSOR) - 1), rest=st.text(ALPHABET, max_size=8))
def test_nothing_can_be_cut_off_or_added(cut: int, rest: str) -> None:
    altered = CURSOR[:cut] + rest
    assume(altered != CURSOR)
    assert refused(altered)
    assert refused(CURSOR + (rest or "A"))
    assert refused((rest or "A") + CURSOR)


@given(st.text())
def test_any_text_is_refused_and_nothing_worse(text: str) -> None:
    assume(text != CURSOR)
    assert refused(text)


@pytest.mark.parametrize(
    "cursor",
    [
        pytest.param("", id="empty"),
        pytest.param(CURSOR + "=", id="padding"),
        pytest.param(CURSOR + "\n", id="a line break"),
        pytest.param(" " + CURSOR, id="a space"),
        pytest.param("\ud800", id="a lone surrogate"),
        pytest.param("\x00", id="NUL"),
        pytest.param(base64.urlsafe_b64encode(POSITION.encode()).decode(), id="a position without a digest"),
    ],
)
def test_what_no_list_gave_out_is_refused(cursor: str) -> None:
    assert refused(cursor)


@pytest.mark.parametrize(
    "scope",
    [
        pytest.param('TENANT#globex tickets ["OPEN", null]', id="another tenant's"),
        pytest.param('TENANT#acme2 tickets ["OPEN", null]', id="a tenant's whose id begins the same"),
        pytest.param('TENANT#acme tickets ["CLOSED", null]', id="another query's"),
        pytest.param('TENANT#acme tickets [null, "OPEN"]', id="another field's"),
        pytest.param("TENANT#acme#TICKET#1 history", id="another kind of list's"),
    ],
)
def test_a_cursor_of_another_list_is_refused(scope: str) -> None:
    assert refused(CURSOR, scope)


def test_a_position_of_another_shape_is_refused() -> None:
    """Somebody who works out the digest can still not hand the repository a key that no item could have."""
    forged = cursors.encode("", scope=SCOPE)
    with pytest.raises(BadRequestError):
        cursors.decode(forged, scope=SCOPE, shape=re.compile(r"EVENT#\d{10}"))
