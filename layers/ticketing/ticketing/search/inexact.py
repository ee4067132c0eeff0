"""Which words are found though they are not exactly the one that was looked for. Every engine forgives the same."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

ONE_ERROR_FROM: Final = 4
"""From how many letters on one typing error is forgiven, but not in the first letter."""

TWO_ERRORS_FROM: Final = 8
"""From how many letters on two are forgiven, wherever they are."""

BEGINS_FROM: Final = 4
"""From how many letters on a word is found as the beginning of others."""

BEGINS_FROM_IN_HANGUL: Final = 2
"""The same for Korean, where a letter is a syllable and nouns are followed by particles."""

WITHIN_FROM: Final = 4
"""From how many letters on a word is found within others."""

LONGEST: Final = 50
"""Up to how many letters words are found other than exactly."""

_HANGUL: Final = ("\uac00", "\ud7a3")


class Reach(IntEnum):
    """How far a search for words reaches: each includes those before."""

    EXACT = 0
    CLOSE = 1
    """Also with typing errors, and as the beginning of words."""
    WITHIN = 2
    """Also within words, as in compounds."""


def errors_forgiven(word: str) -> int:
    """Return how many typing errors are forgiven in a word that is looked for."""
    if len(word) > LONGEST or len(word) < ONE_ERROR_FROM:
        return 0
    return 1 if len(word) < TWO_ERRORS_FROM else 2


def may_begin(word: str) -> bool:
    """Return whether a word is also found as the beginning of others."""
    first, last = _HANGUL
    in_hangul = all(first <= letter <= last for letter in word)
    return (BEGINS_FROM_IN_HANGUL if in_hangul else BEGINS_FROM) <= len(word) <= LONGEST


def may_be_within(word: str) -> bool:
    """Return whether a word is also found within others."""
    return WITHIN_FROM <= len(word) <= LONGEST


def reach_of(word: str, found: str) -> Reach | None:
    """Return how far a search for one word has to reach to find another; None if it never does."""
    if word == found:
        return Reach.EXACT
    if may_begin(word) and found.startswith(word):
        return Reach.CLOSE
    forgiven = errors_forgiven(word)
    # As few letters are exact in the first place as the engine can be told.
    if forgiven and (forgiven > 1 or word[0] == found[0]) and errors_between(word, found, forgiven) <= forgiven:
        return Reach.CLOSE
    return Reach.WITHIN if may_be_within(word) and word in found else None


def errors_between(one: str, other: str, most: int) -> int:
    """Return how many letters of two words are missing, added, replaced, or swapped with the next one.

    No letter is touched twice. More than `most` may be told as any number above it.
    """
    if abs(len(one) - len(other)) > most:
        return most + 1
    before_last: list[int] = []
    last = list(range(len(other) + 1))
    for row, letter in enumerate(one, start=1):
        current = [row]
        for column, against in enumerate(other, start=1):
            least = min(last[column] + 1, current[-1] + 1, last[column - 1] + (letter != against))
            if row > 1 and column > 1 and letter == other[column - 2] and one[row - 2] == against:
                least = min(least, before_last[column - 2] + 1)
            current.append(least)
        if min(current) > most + 1:
            return most + 1
        before_last, last = last, current
    return last[-1]
