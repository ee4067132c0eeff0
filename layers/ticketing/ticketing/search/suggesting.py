"""What is suggested to people while they type: words of titles, and tags. Every engine suggests the same."""

from __future__ import annotations

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from typing import Final

from ticketing.search.port import Suggestion
from ticketing.words import Word, words_of

LONGEST_SHOWN: Final = 50
"""How many characters a word may have that is suggested: as many as a tag."""

_APART: Final = "\0"
"""What is between a suggestion's words, as they are compared, and its text: the API refuses it in texts."""

_JAPANESE: Final = frozenset({"CJK", "HIRAGANA", "KATAKANA"})
"""How the names of characters begin, in Unicode."""


def suggested_by(title: str, tags: Iterable[str]) -> list[str]:
    """Return the terms of what a ticket suggests: how each is compared, and its text, unless it is the same."""
    return [word if word == text else f"{word}{_APART}{text}" for word, text in shown_of(title, tags).items()]


def shown_of(title: str, tags: Iterable[str]) -> dict[str, str]:
    """Return what a ticket suggests, its tags and its title's words, as people wrote it, by how it is compared.

    Each has one text in a ticket, so that the tickets of all of its texts add up.
    """
    runs = ((typed(run), title[run[0].start : run[-1].end]) for run in _runs(title))
    whole = ((typed(words_of(tag)), tag) for tag in tags)
    found: dict[str, str] = {}
    for compared, text in (*whole, *runs):
        if compared and len(text) <= LONGEST_SHOWN:
            found.setdefault(compared, text)
    return found


def shown(term: str) -> tuple[str, str]:
    """Return how a suggestion is compared, and its text, from a term of the index."""
    compared, _, text = term.partition(_APART)
    return compared, text or compared


def typed(words: Iterable[Word]) -> str:
    """Return words as one text to compare: those that touch each other stay together."""
    text, end = "", 0
    for word in words:
        text += word.text if not text or word.start <= end else f" {word.text}"
        end = word.end
    return text


def suggestions(counts: Iterable[tuple[str, int]], limit: int) -> list[Suggestion]:
    """Return the most frequent suggestions, as most people wrote them, from terms and the number of tickets of each."""
    texts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for term, count in counts:
        compared, text = shown(term)
        texts[compared][text] += count
    found = (Suggestion(_most_frequent(each), each.total()) for each in texts.values())
    return sorted(found, key=lambda each: (-each.count, each.text))[:limit]


def _most_frequent(texts: Counter[str]) -> str:
    return min(texts, key=lambda text: (-texts[text], text))


def _runs(title: str) -> Iterator[list[Word]]:
    """Yield the words of a title that touch each other; in Japanese, those of one script, which are often words."""
    run: list[Word] = []
    for word in words_of(title):
        if run and (word.start > run[-1].end or _script(word) != _script(run[-1])):
            yield run
            run = []
        run.append(word)
    if run:
        yield run


def _script(word: Word) -> str:
    """Return which of the scripts that Japanese mixes a word is in, and "" for all others."""
    name = unicodedata.name(word.text[0], "").replace("-", " ").partition(" ")[0]
    return name if name in _JAPANESE else ""
