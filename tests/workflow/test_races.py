"""Many at once on one ticket: one wins each version, nobody gets an error, and the history has each change once."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from tests.workflow.machine import Execution, Machine, Values, new_ticket
from ticketing.tickets.lifecycle import Status

CALLERS = 16


def at_once(run: Callable[[int], Execution]) -> Counter[str]:
    """Run something in 16 threads that start together, and count the outcomes; a failed execution raises."""
    start = Barrier(CALLERS)

    def one(number: int) -> str:
        start.wait()
        return run(number).outcome

    with ThreadPoolExecutor(CALLERS) as pool:
        return Counter(pool.map(one, range(CALLERS)))


def history_of(machine: Machine, ticket: Values, moves: int) -> list[tuple[str, str]]:
    """Return the moves of a ticket, once it is sure that there is one event for each and that they follow on."""
    now = machine.read(ticket)
    assert now is not None
    events = machine.events(ticket)
    assert [event["version"] for event in events] == list(range(8, 8 + moves))
    assert now["version"] == 7 + moves
    steps = [(event["changes"]["status"]["from"], event["changes"]["status"]["to"]) for event in events]
    assert [step[0] for step in steps] == [ticket["status"], *(step[1] for step in steps[:-1])]
    assert steps[-1][1] == now["status"]
    return steps


def test_of_16_that_make_the_same_move_one_wins(machine: Machine) -> None:
    ticket = machine.put(new_ticket(Status.OPEN))
    outcomes = at_once(lambda _: machine.move(ticket, Status.CLOSED))
    assert outcomes == {"MOVED": 1, "TRANSITION_NOT_ALLOWED": CALLERS - 1}
    assert history_of(machine, ticket, 1) == [("OPEN", "CLOSED")]


def test_of_16_that_expect_the_same_version_one_wins(machine: Machine) -> None:
    ticket = machine.put(new_ticket(Status.OPEN))
    targets = [Status.IN_PROGRESS, Status.RESOLVED, Status.CLOSED]
    outcomes = at_once(lambda n: machine.move(ticket, targets[n % 3], expected_version=7))
    assert outcomes == {"MOVED": 1, "VERSION_MISMATCH": CALLERS - 1}
    history_of(machine, ticket, 1)


def test_16_that_move_it_to_and_fro_leave_one_event_for_each_move(machine: Machine) -> None:
    ticket = machine.put(new_ticket(Status.OPEN))
    targets = [Status.IN_PROGRESS, Status.OPEN]
    outcomes = at_once(lambda n: machine.move(ticket, targets[n % 2], fields={"title": f"Title {n}"}))
    assert outcomes.keys() <= {"MOVED", "TRANSITION_NOT_ALLOWED", "CONFLICT"}
    history_of(machine, ticket, outcomes["MOVED"])
