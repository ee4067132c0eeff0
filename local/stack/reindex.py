"""``make reindex``: has search indexes built anew, by the function that does so on AWS."""

import sys
from http.client import HTTPException

from local.settings import Settings
from local.stack.client import CallError, invoke
from local.stack.statedir import read_json


def reindex(settings: Settings, tenant_id: str | None) -> int:
    """Order a new index for a tenant, or for all, and return 0; or say on standard error why not and return 1."""
    running = read_json(settings.state / "run.json")
    outputs = read_json(settings.state / "outputs.json")
    if not running or not outputs:
        return _refuse("The local stack is not ready. Start it with `make run` and wait for its base URL.")
    event: dict[str, object] = {"tenantId": tenant_id} if tenant_id else {}
    try:
        answer = invoke(int(running["aws_port"]), str(outputs["ReindexTenantsName"]), event)
    except CallError as error:
        return _refuse(str(error))
    except (OSError, HTTPException, ValueError):
        return _refuse("The local stack is not running. Start it with `make run`.")
    print(f"Building new indexes, for so many tenants: {answer['tenants']}. Searches use the old ones meanwhile.")
    return 0


def _refuse(reason: str) -> int:
    print(reason, file=sys.stderr)
    return 1
