"""Who is meant by what somebody types: people by any word of their name, or by the beginning of their address."""

from dataclasses import dataclass
from typing import Self

from ticketing.text import folded
from ticketing.words import words_of


@dataclass(frozen=True, slots=True)
class Sought:
    """What people are searched by: words as `ticketing.words` has them, and the text as addresses are compared."""

    words: tuple[str, ...]
    address: str

    @classmethod
    def of(cls, text: str) -> Self:
        """Return what somebody typed."""
        address = folded(text)
        return cls(tuple(word.text for word in words_of(address)), address)

    def matches(self, name: str, address: str) -> bool:
        """Return whether this is one of the people who are meant. Name and address are folded already.

        Each word begins a word of the name, in whatever order. Scripts without spaces have a word a character.
        """
        if address.startswith(self.address):
            return True
        if not self.words or (name.isascii() and not all(word in name for word in self.words)):
            return False  # most of many thousands, and their names need not be divided into words
        names = [word.text for word in words_of(name)]
        return all(any(each.startswith(word) for each in names) for word in self.words)
