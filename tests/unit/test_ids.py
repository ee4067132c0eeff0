"""Identifiers: valid UUIDs, in time's order or following from their parts."""

import time
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticketing.ids import derived_id, new_id

PARTS = st.lists(st.text(max_size=12), max_size=4)


def test_a_new_id_is_a_version_7_uuid() -> None:
    made = UUID(new_id())
    assert (made.version, made.variant) == (7, "specified in RFC 4122")


def test_a_new_id_begins_with_its_millisecond(monkeypatch: pytest.MonkeyPatch) -> None:
    # The example of RFC 9562, A.6: Tuesday, February 22, 2022 2:22:22.00 PM GMT-05:00.
    monkeypatch.setattr(time, "time_ns", lambda: 1_645_557_742_000_999_999)
    assert new_id().startswith("017f22e2-79b0-7")


def test_new_ids_do_not_repeat_within_a_millisecond(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time_ns", lambda: 1_645_557_742_000_000_000)
    assert len({new_id() for _ in range(2000)}) == 2000


@given(moments=st.lists(st.integers(0, 2**48 - 1), min_size=2, max_size=5, unique=True))
def test_new_ids_sort_as_their_milliseconds(moments: list[int]) -> None:
    made = []
    with pytest.MonkeyPatch.context() as patch:
        for moment in sorted(moments):
            patch.setattr(time, "time_ns", lambda moment=moment: moment * 1_000_000)
            made.append(new_id())
    assert made == sorted(made)
    assert all(UUID(one).version == 7 for one in made)


def test_a_derived_id_is_the_same_in_every_process() -> None:
    # Written down, because it must never change: stored tickets are found by it.
    derived = UUID(derived_id("acme", "11111111-1111-4111-8111-111111111111", "key-1"))
    assert (derived.version, derived.variant) == (8, "specified in RFC 4122")
    assert str(derived) == "92637cc9-fc69-8018-aee6-5ab13d97d336"


@given(one=PARTS, other=PARTS)
def test_derived_ids_are_equal_for_equal_parts_only(one: list[str], other: list[str]) -> None:
    assert (derived_id(*one) == derived_id(*other)) is (one == other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param(("ab", "c"), ("a", "bc"), id="a border moved"),
        pytest.param(("a", "1:b"), ("a1:b",), id="a length written into a part"),
        pytest.param(("1:a",), ("a",), id="a prefix as text"),
        pytest.param(("a", ""), ("a",), id="an empty part"),
        pytest.param(("a", "b"), ("b", "a"), id="another order"),
    ],
)
def test_parts_do_not_run_together(one: tuple[str, ...], other: tuple[str, ...]) -> None:
    assert derived_id(*one) != derived_id(*other)
