"""The environment that child processes start with: the developer's, without what is not meant for them."""

from collections.abc import Mapping

from local.settings import LOOPBACK

# A developer's AWS account, and what changes which modules a Python finds, or how it runs.
_KEPT_BACK = ("AWS_", "PYTHON")
_NO_PROXY = ("no_proxy", "NO_PROXY")


def for_children(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that a child process may have; it calls this machine without a proxy."""
    kept = {name: value for name, value in environ.items() if not name.startswith(_KEPT_BACK)}
    given = next((environ[name] for name in _NO_PROXY if environ.get(name)), "")
    # Alone, `*` means every host.
    direct = given if given == "*" else ",".join(filter(None, (given, LOOPBACK, "localhost")))
    return kept | dict.fromkeys(_NO_PROXY, direct)
