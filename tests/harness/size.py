"""How much is tested: all there is, or the essence of it (`pytest --short`, as `make test` does)."""

from collections import defaultdict
from typing import Final

import pytest

CASES: Final = 2
"""How many cases of a test are part of a short run."""

_short = False


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option."""
    parser.addoption("--short", action="store_true", help="leave out tests marked long; try fewer cases of some others")


def pytest_configure(config: pytest.Config) -> None:
    """Take the option over, before any module of tests is imported."""
    global _short  # noqa: PLW0603 - modules ask when they are imported, and are given no config
    _short = config.getoption("--short")
    config.addinivalue_line("markers", "long: not part of a short run")
    config.addinivalue_line("markers", "each: all cases are part of a short run")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is not part of a short run: tests that are marked long, and most cases of a test with many."""
    if not _short:
        return
    cases = defaultdict[str, list[pytest.Item]](list)
    for item in items:
        if not item.get_closest_marker("long"):
            cases[item.nodeid.partition("[")[0]].append(item)
    chosen = {item for of_one in cases.values() for item in _some(of_one)}
    config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
    items[:] = [item for item in items if item in chosen]


def _some(cases: list[pytest.Item]) -> list[pytest.Item]:
    """Return a few cases of a test, the first and the last among them."""
    if len(cases) <= CASES or cases[0].get_closest_marker("each"):
        return cases
    return [cases[number * (len(cases) - 1) // (CASES - 1)] for number in range(CASES)]


def sized[T](everything: T, *, short: T) -> T:
    """Return the first, or the other in a short run."""
    return short if _short else everything
