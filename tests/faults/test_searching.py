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
SECONDS_TO_SETTLE = 900.0

NOTER, INDEXER = ["NoteForSearchFunction"], ["IndexTenantFunction"]
FAILING: list[Rule] = [
    {"service": "sqs", "action": "SendMessage", "functions": [*NOTER, *INDEXER]},
    {"service": "dynamodb", "action": "*", "functions": INDEXER},
    {"service": "s3", "action": "*", "functions": INDEXER, "seconds": 6},
]


def _missed(stack: Stack) -> list[str]:
    """Return which faults have hit nothing, so that nothing is proven of them; in a short run, whose calls."""
    log = stack.logged("emulator.log")
    kinds = dict.fromkeys(chain.from_iterable(kinds for _, kinds in PHASES))
    wanted = {rule["service"]: [f"{kind}: {rule['service']} " for kind in kinds] for rule in FAILING}
    missed = [hit for hits in wanted.values() for hit in hits if hit not in log]
    return sized(missed, short=[service for service, hits in wanted.items() if not any(hit in log for hit in hits)])


def test_the_index_ends_as_the_table_is(faulty: Stack, faults: Faults) -> None:
    with signed_in(faulty, "admin@acme.example") as admin:
        index = Index(faulty, admin.get("/v1/users/me").json()["tenantId"])
        reporter_id = admin.id
    with ThreadPoolExecutor(CALLERS) as pool:
        for count, kinds in PHASES:
            faults.set(*(rule for target in FAILING for rule in rules(target, kinds, SHARE)))
            answers = pool.map(_changes, *zip(*[(faulty, count // CALLERS, reporter_id)] * CALLERS, strict=True))
            assert not [status for status in chain.from_iterable(answers) if status >= 300]
    deadline = time.monotonic() + SECONDS_TO_SETTLE
    while _missed(faulty) and time.monotonic() < deadline:
        time.sleep(0.2)
    faults.set()
    expected = index.expected()
    while (state := index.state()) != expected and time.monotonic() < deadline:
        time.sleep(0.5)
    assert state == expected
    assert index.is_complete()
    assert not _missed(faulty)


def _changes(stack: Stack, count: int, reporter_id: str) -> list[int]:
    with signed_in(stack, "admin@acme.example") as client:
        return change(client, count, reporter_id)
