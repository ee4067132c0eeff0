"""What bodies, queries and stored things share, as pydantic models: names, texts, ids, pages.

Field names are camelCase outside and snake_case inside. Unknown fields are refused everywhere. Texts are trimmed at
both ends and otherwise kept as they came; NUL is the one character refused: no log, terminal or database keeps it well.
"""

import hashlib
import json
import re
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator
from pydantic.alias_generators import to_camel

NO_NUL = r"^[^\x00]*$"


UUID = r"^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$"


# An address as HTML has it, so ASCII, with a dot in its domain.
EMAIL = (
    r"^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}"
    r"@[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)+$"
)


# A BCP 47 tag, as far as it is used for people.
LOCALE = r"^[A-Za-z]{2,3}(-[0-9A-Za-z]{2,8})*$"


Id = Annotated[str, StringConstraints(pattern=UUID, to_lower=True)]


LongText = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=10_000, pattern=NO_NUL)]


def absent() -> Any:  # noqa: ANN401 - stands in for every type of field
    """Return the default of a field that may be left out but not be null; look at `model_fields_set`, never at it."""
    return Field(default=None)


class Model(BaseModel):
    """What all models are: unchangeable, with camelCase names outside; the code may make them by the inside names."""

    model_config = ConfigDict(alias_generator=to_camel, frozen=True, validate_by_name=True, validate_by_alias=True)


class Body(Model):
    """What callers send: unknown fields are refused, inside names among them."""

    model_config = ConfigDict(extra="forbid", validate_by_name=False)

    def fingerprint(self) -> str:
        """Return what tells one body from another: what it names, not the defaults, which a tenant may change."""
        named = self.model_dump(mode="json", by_alias=True, exclude_unset=True)
        return hashlib.sha256(json.dumps(named).encode()).hexdigest()


class Update(Body):
    """What callers send to change something: at least one field; what is left out stays as it is."""

    @model_validator(mode="after")
    def _names_something(self) -> Self:
        if not self.model_fields_set:
            message = "at least one field is needed"
            raise ValueError(message)
        return self


def _whole_number(value: Any) -> int:  # noqa: ANN401 - whatever the query holds
    """Return the number that the text is; `int` alone would also take "7.0", "+7", "1_0" and other scripts' digits."""
    if not re.fullmatch(r"[0-9]{1,4}", value):
        message = "must be a whole number from 1 to 100"
        raise ValueError(message)
    return int(value)


def listed(value: Any) -> Any:  # noqa: ANN401 - whatever the query holds
    """Return the names of a list that is separated by commas."""
    return value.split(",") if isinstance(value, str) else value


class NoQuery(Body):
    """The query of the operations that take none."""


class PageQuery(Body):
    """The query of every list: how much of it, and from where."""

    limit: Annotated[int, BeforeValidator(_whole_number), Field(ge=1, le=100)] = 25
    cursor: str | None = None
