"""The queries that callers of reports send, as pydantic models."""

import re
from datetime import date
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import BeforeValidator, Field, StringConstraints

from ticketing.analytics.models import By, Interval, ReportName
from ticketing.api.bodies import Body, PageQuery, listed
from ticketing.search.columns import Clock
from ticketing.search.models import LONGEST
from ticketing.users.models import TimeZone

_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_PLACE: Final = re.compile(r"[0-9]{1,3}")


def _day(value: Any) -> date:  # noqa: ANN401 - whatever the query holds
    """Return a date. Pydantic alone would also take the seconds since 1970."""
    try:
        if _DATE.fullmatch(value):
            return date.fromisoformat(value)
    except ValueError:
        pass
    message = "must be a date, such as 2027-01-31"
    raise ValueError(message)


def _place(value: Any) -> int:  # noqa: ANN401 - whatever the query holds
    if not _PLACE.fullmatch(value):
        message = "must be a whole number from 0 to 399"
        raise ValueError(message)
    return int(value)


Day = Annotated[date, BeforeValidator(_day)]


class PeriodQuery(Body):
    """What is counted, and when: common to a report and the tickets behind its numbers.

    What `q` says is read later, since dates in it need the tenant's time zone; what is left out is the tenant's.
    """

    first: Day | None = Field(default=None, alias="from")
    last: Day | None = Field(default=None, alias="to")
    zone: TimeZone | None = None
    q: Annotated[str, StringConstraints(max_length=LONGEST)] = ""
    interval: Interval = Interval.DAY
    clock: Clock | None = None


class ReportQuery(PeriodQuery):
    """The query of getReport."""

    REPEATABLE: ClassVar = frozenset({"by"})

    by: Annotated[tuple[By, ...], BeforeValidator(listed), Field(max_length=2)] = ()
    compare: Literal["previous"] | None = None


class ReportTicketsQuery(PeriodQuery, PageQuery):
    """The query of listReportTickets: a report, and which number of it."""

    report: ReportName
    figure: Annotated[str, StringConstraints(max_length=40)]
    part: Annotated[int, BeforeValidator(_place), Field(ge=0, lt=400)] | None = None
    group: Annotated[str, StringConstraints(max_length=1000)] = ""
