"""CloudFormation takes the template in the form in which the local deployment hands it over.

On AWS, SAM uploads YAML. Here it uploads JSON, which it reads and writes in a fraction of the time and indents by four:
three times the bytes. The limit stays what it is on AWS for what AWS gets (tests/unit/stack/test_compose.py).
"""

from local.emulator.loading import EmulatorError, MiniStack

_NAME, _LIMIT = "TEMPLATE_URL_MAX_BYTES", 1_000_000


def patch(emulator: MiniStack) -> None:
    """Allow a template of three times the size.

    Raises
    ------
    EmulatorError
        If the emulator has another limit.
    """
    helpers = emulator.cloudformation.helpers
    if getattr(helpers, _NAME, None) != _LIMIT:
        message = f"The installed ministack is not the one that local/ was written for: {_NAME} has changed."
        raise EmulatorError(message)
    setattr(helpers, _NAME, 3 * _LIMIT)
