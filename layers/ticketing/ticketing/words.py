"""The words of a text, as they are searched: one analysis for tickets, queries, highlights and people's names."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Word:
    """A word in its searched form, and where it stands: `text[start:end]`, in code points."""

    text: str
    start: int
    end: int


def words_of(text: str) -> list[Word]:
    """Return the words of a text, in order: without differences of case, width, composition and accents."""
    raise NotImplementedError


def plain(text: str) -> str:
    """Return a whole text without these differences, its spaces single; for tags, which are compared as a whole."""
    raise NotImplementedError
