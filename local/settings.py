"""Settings of a local stack, from environment variables, and the paths of its files."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOOPBACK = "127.0.0.1"
REGION = "us-east-1"
STACK_NAME = "ticket-system-local"
# The WebSocket API has no paths; here it stands beside the other API.
LIVE_PATH = "/v1/live"
# What the emulator calls itself when nobody says otherwise; shown in every ARN.
ACCOUNT_ID = "000000000000"


class SettingsError(ValueError):
    """An environment variable has an invalid value; the text says which and why."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Ports, folders and switches of one local stack."""

    root: Path
    state: Path
    port: int
    aws_port: int
    aws_binds: tuple[str, ...]
    containers: bool
    """Whether containers may call the control plane, by the name that Docker gives this machine."""
    durable: bool
    parameters: dict[str, str]
    """Parameters of the template, in the place of those in samconfig.toml."""
    record_calls: Path | None
    faults: Path | None

    @classmethod
    def from_env(cls, environ: Mapping[str, str] = os.environ) -> "Settings":
        """Read the settings from environment variables.

        Raises
        ------
        SettingsError
            If a port is not a number from 1 to 65535, both ports are the same, or AWS_BIND is every address.
        """
        port, aws_port = _port(environ, "PORT", 8000), _port(environ, "AWS_PORT", 4566)
        if port == aws_port:
            message = f"PORT and AWS_PORT are both {port}; they must differ."
            raise SettingsError(message)
        binds = [part.strip() for part in environ.get("AWS_BIND", "").split(",") if part.strip()]
        if "0.0.0.0" in binds:
            message = (
                "AWS_BIND must name the addresses to listen on; 0.0.0.0 would open the control plane to the network."
            )
            raise SettingsError(message)
        calls, faults = environ.get("LOCAL_RECORD_CALLS"), environ.get("LOCAL_FAULTS")
        given = dict(part.split("=", 1) for part in environ.get("LOCAL_PARAMETERS", "").split() if "=" in part)
        return cls(
            root=ROOT,
            state=ROOT / (environ.get("LOCAL_STATE") or ".local"),
            port=port,
            aws_port=aws_port,
            # The loopback address is always there: the functions and `make token` use it.
            aws_binds=tuple(dict.fromkeys([LOOPBACK, *binds])),
            containers=bool(binds),
            durable=environ.get("LOCAL_DURABLE", "1") != "0",
            parameters={"ApiUrl": _base_url(port), "AttachmentAddress": _base_url(port), **given},
            record_calls=Path(calls).resolve() if calls else None,
            faults=Path(faults).resolve() if faults else None,
        )

    @property
    def base_url(self) -> str:
        """Where the API answers."""
        return _base_url(self.port)

    @property
    def live_url(self) -> str:
        """Where WebSockets connect."""
        return f"ws://localhost:{self.port}{LIVE_PATH}"

    @property
    def aws_endpoint(self) -> str:
        """Where the emulator's control plane answers.

        An address rather than a name, so that SDKs put an S3 bucket into the path and not into the host name.
        """
        return f"http://{LOOPBACK}:{self.aws_port}"

    @property
    def logs(self) -> Path:
        """Folder of the log files."""
        return self.state / "logs"

    @property
    def mails(self) -> Path:
        """Folder of the emails that would have been sent."""
        return self.state / "mails"

    @property
    def services(self) -> Path:
        """Folder of the emulator's snapshots, one JSON file per service."""
        return self.state / "services"

    @property
    def journal(self) -> Path:
        """The file that holds every DynamoDB item."""
        return self.state / "items.journal"

    @property
    def objects(self) -> Path:
        """Folder of the bytes of S3's objects."""
        return self.state / "s3"

    @property
    def objects_journal(self) -> Path:
        """The file that says which objects S3 holds, and where their bytes are."""
        return self.state / "objects.journal"


def _base_url(port: int) -> str:
    return f"http://localhost:{port}"


def _port(environ: Mapping[str, str], name: str, default: int) -> int:
    text = environ.get(name) or str(default)
    if text.isdecimal() and 0 < int(text) < 65536:  # noqa: PLR2004 (the largest port)
        return int(text)
    message = f"{name}={text} is not a port: it must be a number from 1 to 65535."
    raise SettingsError(message)
