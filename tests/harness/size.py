"""How much is tested: all there is, or the essence of it (`pytest --short`, as `make test` does)."""

import pytest

_short = False


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option."""
    parser.addoption("--short", action="store_true", help="leave out tests marked long; try fewer cases of some others")


def pytest_configure(config: pytest.Config) -> None:
    """Take the option over, before any module of tests is imported."""
    global _short  # noqa: PLW0603 - modules ask when they are imported, and are given no config
    _short = config.getoption("--short")
    config.addinivalue_line("markers", "long: not part of a short run")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is not part of a short run."""
    if config.getoption("--short"):
        left_out = [item for item in items if item.get_closest_marker("long")]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if not item.get_closest_marker("long")]


def sized[T](everything: T, *, short: T) -> T:
    """Return the first, or the other in a short run."""
    return short if _short else everything
