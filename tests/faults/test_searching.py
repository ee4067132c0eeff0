"""1,000 changes while AWS fails, and passes over the index come to nothing or are made twice: it ends as the table is.

A short run makes 120.
"""

import time
from concurrent.futures import ThreadPoolExecutor
from itertools import chain

from tests.faults.changes import change
from tests.faults.probes import rules
from tests.faults.rules import Faults, Rule
from tests.harness.people import signed_in
from tests.harness.search import Index
from tests.harness.size import sized
from tests.harness.stack import Stack

CALLERS = 8
PHASES = sized(
    [(440, ["error", "lost_answer"]), (440, ["throttle"]), (120, ["timeout"])],
    short=[(120, ["error", "lost_answer", "throttle"])],
)
SHARE = 0.2
SHARE_OF_OBJECTS = 0.6
"""A pass puts one object, or two, whatever the number of its changes."""
ROUNDS = 40
SECONDS_TO_SETTLE = 240.0

NOTER, INDEXER = ["NoteForSearchFunction"], ["IndexTenantFunction"]
FAILING: list[tuple[Rule, float]] = [
    ({"service": "sqs", "action": "SendMessage", "functions": [*NOTER, *INDEXER]}, SHARE),
    ({"service": "dynamodb", "action": "*", "functions": INDEXER}, SHARE),
    ({"service": "s3", "action": "*", "functions": INDEXER, "seconds": 6}, SHARE_OF_OBJECTS),
]


def test_the_index_ends_as_the_table_is(faulty: Stack, faults: Faults) -> None:
    with signed_in(faulty, "admin@acme.example") as admin:
        index = Index(faulty, admin.get("/v1/users/me").json()["tenantId"])
        reporter_id = admin.id
    for count, kinds in PHASES:
        faults.set(*(rule for target, share in FAILING for rule in rules(target, kinds, share)))
        _change(faulty, count // CALLERS, reporter_id)
        # Passes share their calls: the fewer there are, the more changes it takes until each fault has hit one.
        for _ in range(ROUNDS):
            if not (missed := _missed(faulty, kinds)):
                break
            _change(faulty, 1, reporter_id)
            time.sleep(1)
        assert not missed
    faults.set()
    expected = index.expected()
    deadline = time.monotonic() + SECONDS_TO_SETTLE
    while (state := index.state()) != expected and time.monotonic() < deadline:
        time.sleep(0.5)
    assert state == expected
    assert index.is_complete()


def _missed(stack: Stack, kinds: list[str]) -> list[str]:
    """Return which faults have hit nothing, so that nothing is proven of them; in a short run, whose calls."""
    log = stack.logged("emulator.log")
    wanted = {rule["service"]: [f"{kind}: {rule['service']} " for kind in kinds] for rule, _ in FAILING}
    missed = [hit for hits in wanted.values() for hit in hits if hit not in log]
    return sized(missed, short=[service for service, hits in wanted.items() if not any(hit in log for hit in hits)])


def _change(stack: Stack, count: int, reporter_id: str) -> None:
    """Let all callers make so many changes each."""
    with ThreadPoolExecutor(CALLERS) as pool:
        answers = pool.map(_changes, *zip(*[(stack, count, reporter_id)] * CALLERS, strict=True))
        assert not [status for status in chain.from_iterable(answers) if status >= 300]


def _changes(stack: Stack, count: int, reporter_id: str) -> list[int]:
    with signed_in(stack, "admin@acme.example") as client:
        return change(client, count, reporter_id)
