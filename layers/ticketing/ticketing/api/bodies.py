"""The base classes and types of bodies, queries and stored items, as pydantic models.

Field names are camelCase in JSON and snake_case in Python. Unknown fields are refused. Texts are trimmed at both ends,
their lines end with a newline alone, and they are otherwise kept as they were sent.
"""

import hashlib
import json
import re
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, Final, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator
from pydantic.alias_generators import to_camel

_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
"""Control characters but tab and newline. Logs, terminals and emails mishandle them; JSON makes seven bytes of one."""


_TIME: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9:]{8}(\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})")

MOST_VALUES: Final = 5
"""The most values of one filter."""


UUID = r"^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$"


# An e-mail address by HTML's definition: ASCII, with a dot in its domain.
EMAIL = (
    r"^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}"
    r"@[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)+$"
)


# A BCP 47 language tag, with the subtags that people use.
LOCALE = r"^[A-Za-z]{2,3}(-[0-9A-Za-z]{2,8})*$"


Id = Annotated[str, StringConstraints(pattern=UUID, to_lower=True)]


def _text(value: Any) -> Any:  # noqa: ANN401 - whatever was sent
    """Return a text with newlines as its only line ends: Windows and old Macs paste others."""
    if not isinstance(value, str):
        return value
    text = value.replace("\r\n", "\n").replace("\r", "\n")
    if found := _CONTROL.search(text):
        message = f"must not contain the control character U+{ord(found[0]):04X}"
        raise ValueError(message)
    return text


TEXT: Final = BeforeValidator(_text)
"""Ends the type of every text that people write: it normalizes line ends and refuses control characters."""


LongText = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=10_000), TEXT]


def absent() -> Any:  # noqa: ANN401 - the default of fields of any type
    """Return the default of a field that is optional but not nullable. Check `model_fields_set`, never the value."""
    return Field(default=None)


class Model(BaseModel):
    """The base of all models: immutable, with camelCase names in JSON. Code may use the Python names.

    A validator is built when its model is first used: a function imports more models than it needs, and starts with
    what it needs alone.
    """

    model_config = ConfigDict(
        alias_generator=to_camel, defer_build=True, frozen=True, validate_by_name=True, validate_by_alias=True
    )


class Body(Model):
    """What callers send: unknown fields are refused, including the Python names.

    `REPEATABLE` are the fields of a query (names in JSON) that take several values: separated by commas, or given more
    than once, as many generated clients do.
    """

    REPEATABLE: ClassVar[frozenset[str]] = frozenset()

    model_config = ConfigDict(extra="forbid", validate_by_name=False)

    def fingerprint(self) -> str:
        """Return a hash of the fields that were sent. Defaults are left out, because a tenant may change them."""
        named = self.model_dump(mode="json", by_alias=True, exclude_unset=True)
        return hashlib.sha256(json.dumps(named).encode()).hexdigest()


class Update(Body):
    """The body of an update: at least one field. Missing fields stay unchanged."""

    @model_validator(mode="after")
    def _names_something(self) -> Self:
        if not self.model_fields_set:
            message = "at least one field is needed"
            raise ValueError(message)
        return self


def _whole_number(value: Any) -> int:  # noqa: ANN401 - whatever the query holds
    """Return the number in a text. `int` alone would also accept "+7", "1_0" and digits of other scripts."""
    if not re.fullmatch(r"[0-9]{1,4}", value):
        message = "must be a whole number from 1 to 100"
        raise ValueError(message)
    return int(value)


def listed(value: Any) -> Any:  # noqa: ANN401 - whatever the query holds
    """Return the values of a list that is separated by commas."""
    return value.split(",") if isinstance(value, str) else value


def few(value: Any) -> Any:  # noqa: ANN401 - whatever the query holds
    """Return the values of a filter that are separated by commas: five at most, each is a query of its own."""
    values = listed(value)
    if isinstance(values, list) and len(values) > MOST_VALUES:
        message = f"takes at most {MOST_VALUES} values"
        raise ValueError(message)
    return values


def moment(text: str) -> datetime:
    """Return a time (RFC 3339, with its offset from UTC) in UTC.

    Raises
    ------
    ValueError
        It is none, or before the year 1 or after the year 9999 in UTC.
    """
    try:
        if _TIME.fullmatch(text):
            return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (OverflowError, ValueError):
        pass
    message = "must be a time with its offset from UTC, such as 2027-01-31T09:30:00Z"
    raise ValueError(message)


class NoQuery(Body):
    """The query of operations without query parameters."""


class PageQuery(Body):
    """The query of every list: the size of the page and where it starts."""

    limit: Annotated[int, BeforeValidator(_whole_number), Field(ge=1, le=100)] = 25
    cursor: str | None = None
