"""The pages lead to what is there: links, their headings, and the files that they name."""

import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

from tests.unit.support import ROOT

PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
DECISIONS = sorted(ROOT.glob("docs/decisions/*.md"))
LINK = re.compile(r"\]\((?!https?:)([^)\s#]*)(?:#([^)\s]+))?\)")
FILE = re.compile(r"`((?:bench|docs|functions|layers|local|openapi|stack|statemachines|tests)/[\w./-]+)`")


def matches(pattern: re.Pattern[str]) -> Iterator[tuple[Path, int, re.Match[str]]]:
    """Yield what matches in the pages: the page, the line, the match."""
    for page in PAGES:
        for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), start=1):
            yield from ((page, number, match) for match in pattern.finditer(line))


def anchors(page: Path) -> set[str]:
    """Return the names of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_links_lead_somewhere() -> None:
    broken = []
    for page, number, match in matches(LINK):
        target = (page.parent / match[1]).resolve() if match[1] else page
        if not target.exists() or (match[2] and match[2] not in anchors(target)):
            broken.append(f"{page.relative_to(ROOT)}:{number} {match[0]}")
    assert broken == []


def test_named_files_exist() -> None:
    missing = [
        f"{page.relative_to(ROOT)}:{number} {match[1]}"
        for page, number, match in matches(FILE)
        if not (ROOT / match[1]).exists()
    ]
    assert missing == []


def test_decisions_are_numbered_one_by_one() -> None:
    numbers = [int(path.name[:4]) for path in DECISIONS]
    assert numbers == list(range(1, len(numbers) + 1))
    for number, path in zip(numbers, DECISIONS, strict=True):
        assert path.read_text(encoding="utf-8").startswith(f"# {number}. ")


def test_commands_can_be_pasted_into_zsh() -> None:
    """It takes what follows a `#` for arguments, unlike bash."""
    commented = [
        f"{page.relative_to(ROOT)}: {line}"
        for page in PAGES
        for block in re.findall(r"^```sh\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
        for line in block.splitlines()
        if re.search(r"(^|\s)# ", line)
    ]
    assert commented == []


def test_code_imports_what_is_there() -> None:
    missing = []
    for page, _, match in matches(re.compile(r"^from (ticketing[\w.]*) import (.+)$")):
        module = import_module(match[1])
        missing += [f"{page.name}: {match[1]}.{name}" for name in match[2].split(", ") if not hasattr(module, name)]
    assert missing == []
