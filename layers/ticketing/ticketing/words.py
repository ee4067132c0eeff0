"""The words of a text, as they are searched: one analysis for tickets, queries, highlights and people's names.

A word is a run of letters: `foo_bar`, `e-mail` and `x.org` are two each, which are found one after the other. A digit
begins a word of its own, and letters after it belong to it: `iPhone15` is `iphone`, `15`; `v1.2.3` is `v`, `1`, `2`,
`3`; `0x80070005` is one. So what follows a word never changes how its beginning is divided, and a beginning finds it.
`++` and `#` right after a word are words (`C++`, `C#`), and so is an emoji.

Scripts without spaces have a word a character, with its marks: what was written in one piece is found one character
after the other, wherever it stands.
"""

# ruff: noqa: RUF001 - letters that look alike are what it is about

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final


@dataclass(frozen=True, slots=True)
class Word:
    """A word in its searched form, and where it stands: `text[start:end]`, in code points."""

    text: str
    start: int
    end: int


def words_of(text: str) -> list[Word]:
    """Return the words of a text, in order: without differences of case, width, composition and accents.

    Characters that are written as one, such as ㍿ for 株式会社, are several words in the same place. A word has at most
    64 characters; what is longer is divided.
    """
    folded, starts, ends = _located(text)
    found = (match.span() for match in _WORD.finditer(folded.translate(_SHAPES)))
    return [Word(folded[first:after], starts[first], ends[after - 1]) for first, after in found]


def plain(text: str) -> str:
    """Return a whole text without these differences, its spaces single; for tags, which are compared as a whole."""
    return " ".join(_located(text)[0].split())


# --- characters ------------------------------------------------------------------------------------------------------

_DROPPED: Final = re.compile(
    "[\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u0640\u064b-\u065f\u0670"
    "\u06d6-\u06dc\u06df-\u06e4\u06e7\u06e8\u06ea-\u06ed\u0711\u0730-\u074a\u0898-\u089f\u08ca-\u08ff\u115f\u1160\u17b4"
    "\u17b5\u180b-\u180f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe00-\ufe0f\ufe20-\ufe2f\U0001f3fb-\U0001f3ff"
    "\U000e0100-\U000e01ef]"
)
"""What people leave out: accents of Latin, Greek and Cyrillic letters that are characters of their own, points of
Hebrew, vowels of Arabic and its lengthening, variants and colours of emoji. Marks of other scripts carry meaning."""

_ACCENTED: Final = re.compile("[\u00c0-\u024f\u0370-\u03ff\u0600-\u06ff\u1e00-\u1fff]")
"""Where letters are composed of a letter and accents that people leave out. Cyrillic й is no и with an accent."""

_LETTERS: Final = {
    **dict(zip("øđðłħŧŋıĸƀɓƈɗɖɛəǝƒɠǥɣɨƙƚɲɵɔƥʈʉʊʋƴƶȷ", "oddlhtniqbbcddeeefgggiklnooptuuvyzj", strict=True)),
    "æ": "ae",
    "œ": "oe",
    "þ": "th",
    "ё": "е",
    "ѐ": "е",
    "ѝ": "и",
    "ٱ": "ا",
    "ى": "ي",
    "ی": "ي",
    "ة": "ه",
    "ک": "ك",
    "ʻ": "'",  # a letter to Unicode, though people write an apostrophe as well
    "ʼ": "'",
}
"""Letters that Unicode does not decompose, and what people write who do not have them."""

_WITHOUT_SPACES: Final = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u1950-\u19df\u1a20-\u1aaf\u2e80-\u2fdf\u3005-\u312f\u31a0-\u31bf\u31f0-\u31ff"
    "\u3400-\u4dbf\u4e00-\ua4cf\ua980-\ua9ff\uaa60-\uaadf\uf900-\ufaff\U0001aff0-\U0001b16f\U00020000-\U0003ffff]"
)
"""Thai, Lao, Myanmar, Khmer, Tai, Javanese, Han, Hiragana, Katakana, Bopomofo, Yi. Hangul has spaces."""

_EMOJI: Final = re.compile("[\u2300-\u23ff\u2600-\u27bf\u2b00-\u2bff\U0001f000-\U0001faff]")

_WORD: Final = re.compile(r"l[lm]{0,63}|d[ldm]{0,63}|sm{0,63}|e|(?<=[ldm])(?:\+{2,64}|#)(?![ld])")
"""A word by the shapes of its characters: letters, digits, marks, scripts without spaces, emoji."""

_MOST_KNOWN: Final = 20_000
"""So many characters are remembered: more than any text has, but not all of Unicode."""


class _Folds(dict[str, str]):
    """Characters (of text in NFKC) and what they are searched as: none, one or more."""

    def __missing__(self, character: str) -> str:
        if len(self) >= _MOST_KNOWN:
            self.clear()
        lowered = unicodedata.normalize("NFKC", character.casefold())
        found = self[character] = "".join(map(_bare, lowered))
        return found


def _bare(character: str) -> str:
    if _DROPPED.match(character) or unicodedata.category(character) == "Cf":
        return ""
    if _ACCENTED.match(character):
        character = unicodedata.normalize("NFD", character)[0]
    if (digit := unicodedata.decimal(character, None)) is not None:
        return str(digit)
    return _LETTERS.get(character, character)


class _Shapes(dict[int, str]):
    """Characters (as they are searched) and their shapes; a space for what is part of no word."""

    def __missing__(self, code: int) -> str:
        if len(self) >= _MOST_KNOWN:
            self.clear()
        found = self[code] = _shape(chr(code))
        return found


def _shape(character: str) -> str:
    category = unicodedata.category(character)
    if category[0] in "LN":
        return "d" if category == "Nd" else "s" if _WITHOUT_SPACES.match(character) else "l"
    if category == "So" and _EMOJI.match(character):
        return "e"
    return "m" if category[0] == "M" else character if character in "+#" else " "


class _Continuing(dict[str, bool]):
    """Characters that may compose with the one before: marks, and the vowels and last consonants of Hangul."""

    def __missing__(self, character: str) -> bool:
        if len(self) >= _MOST_KNOWN:
            self.clear()
        first = unicodedata.normalize("NFKD", character)[0]
        found = self[character] = unicodedata.category(first)[0] == "M" or "\u1160" <= first <= "\u11ff"
        return found


_FOLDS: Final = _Folds()
_SHAPES: Final = _Shapes()
_CONTINUING: Final = _Continuing()


# --- places ----------------------------------------------------------------------------------------------------------


def _located(text: str) -> tuple[str, Sequence[int], Sequence[int]]:
    """Return a text as it is searched and, for each of its characters, where its origin starts and ends."""
    if text.isascii():
        return text.lower(), range(len(text)), range(1, len(text) + 1)
    if unicodedata.is_normalized("NFKC", text):
        begins: Sequence[int] = range(len(text) + 1)
        pieces = [_FOLDS[character] for character in text]
    else:
        begins = [*_beginnings(text), len(text)]
        pieces = [_folded(text[begin:end]) for begin, end in pairwise(begins)]
    folded = "".join(pieces)
    if len(folded) == len(pieces) == len(text) and "" not in pieces:
        return folded, range(len(text)), range(1, len(text) + 1)
    starts, ends, end = list[int](), list[int](), len(text)
    for begin, piece in zip(reversed(begins[:-1]), reversed(pieces), strict=True):
        if piece:  # what is left out belongs to the character before it
            starts += [begin] * len(piece)
            ends += [end] * len(piece)
            end = begin
    return folded, starts[::-1], ends[::-1]


def _beginnings(text: str) -> Iterator[int]:
    """Yield where the parts of a text begin that NFKC changes independently of each other."""
    yield 0
    yield from (at for at, character in enumerate(text) if at and not _CONTINUING[character])


def _folded(part: str) -> str:
    return "".join(_FOLDS[character] for character in unicodedata.normalize("NFKC", part))
