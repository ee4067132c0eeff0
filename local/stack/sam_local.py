"""``make sam-local``: the API by `sam local start-api`, in containers, on the data and the users of the running stack.

SAM CLI gives a function the variables that the template names, and no others; those that are intrinsic functions it
leaves empty. The values come from the running stack, which has resolved them, and the names that no function needs on
AWS from a copy of the built template.
"""

import http.client
import ipaddress
import json
import os
import platform
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import boto3
import yaml
from botocore.exceptions import ClientError

from local.environment import for_children
from local.settings import LOOPBACK, REGION, STACK_NAME, Settings
from local.stack.deploy import Deployer, architecture, deploy_running
from local.stack.statedir import read_json, write_json

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_lambda import LambdaClient

# What containers call the machine that they run on.
HOST = "host.docker.internal"
_CREDENTIALS = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}
_PATHS = ("CodeUri", "ContentUri", "DefinitionUri")


class SamLocalError(RuntimeError):
    """Something that `sam local` needs is missing; the text says what, and what to do."""


def print_environment(settings: Settings) -> int:
    """Print the content for `sam local`'s --env-vars and return 0; or say why there is none and return 1."""
    try:
        print(json.dumps(environment(_aws_port(settings)), indent=2))
    except SamLocalError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def start_api(settings: Settings, more: list[str]) -> int:
    """Become `sam local start-api` with these further arguments; return 1 if something is missing."""
    try:
        gateway = _docker_gateway()
        aws_port = _aws_port(settings)
        _check_reach(gateway, aws_port)
        _become_sam([*_arguments(settings, aws_port), *more], aws_port)
    except SamLocalError as error:
        print(error, file=sys.stderr)
    return 1


def environment(aws_port: int) -> dict[str, dict[str, str]]:
    """Return every function's variables by logical id: those it is deployed with, and the way to the emulator.

    Raises
    ------
    SamLocalError
        If the stack is not deployed.
    """
    try:
        return {name: variables | _way_to_emulator(aws_port) for name, variables in _deployed(aws_port)}
    except ClientError:
        message = "The local stack is still being deployed. Wait until `make run` prints its base URL."
        raise SamLocalError(message) from None


def local_template(built: Path) -> dict[str, Any]:
    """Return the built template with absolute paths, in which functions have the variables that AWS sets by itself."""
    template: dict[str, Any] = yaml.load(built.read_text(), yaml.CSafeLoader)
    variables = template["Globals"]["Function"]["Environment"]["Variables"]
    variables.update(dict.fromkeys(_way_to_emulator(0), ""))
    for resource in template["Resources"].values():
        properties = resource.get("Properties", {})
        for key in _PATHS:
            if isinstance(properties.get(key), str):
                properties[key] = str((built.parent / properties[key]).resolve())
    return template


def _way_to_emulator(aws_port: int) -> dict[str, str]:
    return _CREDENTIALS | {
        "AWS_ENDPOINT_URL": f"http://{HOST}:{aws_port}",
        # Else StartSyncExecution goes to sync-host.docker.internal.
        "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",
    }


def _deployed(aws_port: int) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the functions of the running stack and their variables."""
    cloudformation: CloudFormationClient = _client("cloudformation", aws_port)
    functions: LambdaClient = _client("lambda", aws_port)
    for page in cloudformation.get_paginator("list_stack_resources").paginate(StackName=STACK_NAME):
        for resource in page["StackResourceSummaries"]:
            if resource["ResourceType"] == "AWS::Lambda::Function":
                configuration = functions.get_function_configuration(FunctionName=resource["PhysicalResourceId"])
                yield resource["LogicalResourceId"], configuration["Environment"]["Variables"]


def _client(service: str, aws_port: int) -> Any:  # noqa: ANN401 (a client of that service)
    session = boto3.Session(region_name=REGION, aws_access_key_id="local", aws_secret_access_key="local")  # noqa: S106
    return session.client(service, endpoint_url=f"http://{LOOPBACK}:{aws_port}")  # type: ignore[call-overload]


def _aws_port(settings: Settings) -> int:
    """Return the port of the running emulator."""
    running = read_json(settings.state / "run.json")
    port = int(running.get("aws_port", settings.aws_port))
    try:
        socket.create_connection((LOOPBACK, port), timeout=2).close()
    except OSError:
        message = "The local stack is not running. Start it with `make run` in another terminal."
        raise SamLocalError(message) from None
    return port


def _docker_gateway() -> str:
    """Return the address under which containers reach this machine."""
    if shutil.which("docker") is None:
        message = "`sam local` runs functions in containers: install Docker, or use the API of `make run` without it."
        raise SamLocalError(message)
    command = ["docker", "network", "inspect", "bridge"]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    if answer.returncode:
        message = f"Docker does not answer. Is it started, and may you use it? It says: {answer.stderr.strip()}"
        raise SamLocalError(message)
    gateway = _gateway_of(json.loads(answer.stdout)[0])
    # Where Docker lives in a virtual machine, that address is not ours, and containers reach our loopback address.
    return gateway if platform.system() == "Linux" and _is_ours(gateway) else LOOPBACK


def _gateway_of(bridge: dict[str, Any]) -> str:
    for config in bridge["IPAM"]["Config"]:
        subnet = ipaddress.ip_network(config["Subnet"])
        if isinstance(subnet, ipaddress.IPv4Network):
            # Older versions of Docker name the gateway only if somebody has chosen it.
            return str(config.get("Gateway") or subnet[1])
    message = "Docker's network `bridge` has no IPv4 addresses, which `sam local` needs here."
    raise SamLocalError(message)


def _is_ours(address: str) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return False
    return True


def _check_reach(gateway: str, aws_port: int) -> None:
    """Ask the emulator for its health the way that a container will."""
    connection = http.client.HTTPConnection(gateway, aws_port, timeout=5)
    try:
        connection.request("GET", "/_ministack/health", headers={"Host": f"{HOST}:{aws_port}"})
        reached = connection.getresponse().status == http.client.OK
    except OSError:
        reached = False
    finally:
        connection.close()
    if not reached:
        message = (
            f"The local stack does not listen where containers can reach it. Stop it, and start it with\n"
            f"  make run AWS_BIND={gateway}"
        )
        raise SamLocalError(message)


def _arguments(settings: Settings, aws_port: int) -> list[str]:
    """Write SAM's two files and return the command line; what is the same for everybody is in samconfig.toml."""
    built = settings.root / ".aws-sam" / "build" / "template.yaml"
    if not (built.exists() and Deployer(settings, aws_port).is_current()) and (status := deploy_running(settings)):
        raise SystemExit(status)
    folder = settings.state / "sam-local"
    folder.mkdir(exist_ok=True)
    write_json(folder / "env.json", environment(aws_port))
    (folder / "template.yaml").write_text(yaml.safe_dump(local_template(built), sort_keys=False))
    return [
        *("local", "start-api", "--config-file", str(settings.root / "samconfig.toml"), "--config-env", "local"),
        *("--template", str(folder / "template.yaml"), "--env-vars", str(folder / "env.json")),
        *("--parameter-overrides", f"Architecture={architecture()}"),
        *("--add-host", f"{HOST}:host-gateway"),
    ]


def _become_sam(arguments: list[str], aws_port: int) -> NoReturn:
    # Without the caller's AWS settings, which SAM would hand to the functions.
    environ = for_children(os.environ) | {
        **_CREDENTIALS,
        "AWS_DEFAULT_REGION": REGION,
        # SAM asks STS for the account's number.
        "AWS_ENDPOINT_URL": f"http://{LOOPBACK}:{aws_port}",
        "SAM_CLI_TELEMETRY": "0",
    }
    sam = str(Path(sys.executable).with_name("sam"))
    # Not a child: Ctrl-C is SAM's to handle, which then removes its containers.
    os.execve(sam, [sam, *arguments], environ)  # noqa: S606
