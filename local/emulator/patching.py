"""Replacing functions of the emulator, or parts of their text, after checking that they are what they were.

A release of the emulator that moves or rewrites what is replaced stops the start with a clear message, instead of
running without the change. Each replacement says why it is there.
"""

import inspect
from collections.abc import Callable
from types import ModuleType
from typing import Any

from local.emulator.loading import EmulatorError


def require(owner: ModuleType | type, name: str, *parameters: str) -> Callable[..., Any]:
    """Return a function of the emulator after checking that it takes these parameters.

    Raises
    ------
    EmulatorError
        If there is no such function, or it takes others.
    """
    function: Callable[..., Any] | None = getattr(owner, name, None)
    if function is None or tuple(inspect.signature(function).parameters) != parameters:
        message = (
            f"The installed ministack is not the one that local/ was written for: {owner.__name__}.{name}"
            f"({', '.join(parameters)}) is missing or takes other parameters."
        )
        raise EmulatorError(message)
    return function


def replace(owner: ModuleType | type, name: str, function: Callable[..., Any]) -> None:
    """Put a function in the place of one that `require` has found."""
    setattr(owner, name, function)


def rewritten(text: str, old: str, new: str, where: str) -> str:
    """Return the text with its one occurrence of `old` replaced.

    Raises
    ------
    EmulatorError
        If `old` does not occur exactly once.
    """
    if text.count(old) != 1:
        message = f"The installed ministack is not the one that local/ was written for: {where} has changed."
        raise EmulatorError(message)
    return text.replace(old, new)


def rewrite(owner: ModuleType, name: str, changes: dict[str, str], **names: object) -> None:
    """Replace parts of a function's text, in a module that has these names besides its own.

    Raises
    ------
    EmulatorError
        If there is no such function, or one of the parts does not occur exactly once.
    """
    where = f"{owner.__name__}.{name}"
    function = getattr(owner, name, None)
    source = inspect.getsource(function) if function is not None else ""
    for old, new in changes.items():
        source = rewritten(source, old, new, where)
    vars(owner).update(names)
    exec(compile(source, inspect.getfile(owner), "exec"), vars(owner))  # noqa: S102
