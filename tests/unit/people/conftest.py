"""Nobody is known from the test before."""

import pytest

from ticketing.people import members


@pytest.fixture(autouse=True)
def nothing_remembered() -> None:
    members._memory_of.cache_clear()
