"""Deploy what `sam build` made, protect its data, and look at the result (`make release ENVIRONMENT=dev`).

The pipeline does the same. AWS_EXECUTION_ROLE_ARN names the role that CloudFormation works as (stack/bootstrap);
without it CloudFormation works as the caller.
"""

import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Final

import boto3
from botocore.exceptions import ClientError

from stack.smoke import __main__ as smoke

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient

ROOT: Final = Path(__file__).parents[1]
POLICY: Final = Path(__file__).with_name("policy.json")
_NOT_CREATED: Final = frozenset({"REVIEW_IN_PROGRESS", "CREATE_FAILED"})


def is_first(client: "CloudFormationClient", stack: str) -> bool:
    """Return whether no deployment of this stack has been completed."""
    try:
        (found,) = client.describe_stacks(StackName=stack)["Stacks"]
    except ClientError as error:
        if "does not exist" in error.response["Error"]["Message"]:
            return True
        raise
    return found["StackStatus"] in _NOT_CREATED


def command(environment: str, role: str | None, *, first: bool) -> list[str]:
    """Return the command that deploys.

    A first deployment that fails half-way can't be rolled back: tables and user pool that are protected refuse to be
    deleted, and the stack would be stuck. So it keeps what it made, and the next run goes on from there.
    """
    sam = Path(sys.executable).with_name("sam")
    options = [*(["--role-arn", role] if role else []), *(["--disable-rollback"] if first else [])]
    return [str(sam), "deploy", "--config-env", environment, *options]


def main(environment: str) -> int:
    """Deploy an environment of samconfig.toml. Return 1 if the deployment or a check of its result failed."""
    settings = tomllib.loads((ROOT / "samconfig.toml").read_text(encoding="utf-8"))
    stack = settings[environment]["global"]["parameters"]["stack_name"]
    client = boto3.client("cloudformation")
    deploy = command(environment, os.environ.get("AWS_EXECUTION_ROLE_ARN"), first=is_first(client, stack))
    if subprocess.run(deploy, cwd=ROOT, check=False).returncode != 0:  # noqa: S603
        return 1
    # From now on no update replaces or deletes what holds data, whatever a template says.
    client.set_stack_policy(StackName=stack, StackPolicyBody=POLICY.read_text(encoding="utf-8"))
    return smoke.main([stack])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
