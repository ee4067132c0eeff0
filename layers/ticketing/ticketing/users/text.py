"""Names and addresses as they are compared: two that people take for the same are the same."""

import unicodedata


def folded(text: str) -> str:
    """Return a text without what case, width, composition and doubled spaces make of it."""
    return " ".join(unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold()).split())
