"""Nobody is known from the test before."""

import pytest

from ticketing.people import active_users


@pytest.fixture(autouse=True)
def nothing_remembered() -> None:
    active_users._memory_of.cache_clear()
