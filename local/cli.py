"""The commands: run, deploy, token, mails, reindex, sam-local, sam-env, reset.

Each command imports the modules that it needs: `token` must answer at once.
"""

import argparse
import sys

from local.settings import Settings, SettingsError


def main(arguments: list[str]) -> int:
    """Run one command and return the process's exit status."""
    options = _parser().parse_args(arguments)
    try:
        settings = Settings.from_env()
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 1
    return _run(settings, options)


def _run(settings: Settings, options: argparse.Namespace) -> int:
    match options.command:
        case "run":
            from local.run import run  # noqa: PLC0415

            status = run(settings)
        case "deploy":
            from local.stack.deploy import deploy_running  # noqa: PLC0415

            status = deploy_running(settings)
        case "token":
            from local.stack.tokens import print_token  # noqa: PLC0415

            status = print_token(settings, options.user)
        case "mails":
            from local.stack.mails import print_mails  # noqa: PLC0415

            status = print_mails(settings)
        case "reindex":
            from local.stack.reindex import reindex  # noqa: PLC0415

            status = reindex(settings, options.tenant)
        case "sam-local" | "sam-env":
            from local.stack.sam_local import print_environment, start_api  # noqa: PLC0415

            status = print_environment(settings) if options.command == "sam-env" else start_api(settings, options.more)
        case _:
            status = _reset(settings)
    return status


def _reset(settings: Settings) -> int:
    from local.stack.statedir import InUseError, empty  # noqa: PLC0415

    try:
        empty(settings)
    except InUseError as error:
        print(f"{error} Stop it first.", file=sys.stderr)
        return 1
    print(f"Emptied {settings.state}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m local", description=__doc__.splitlines()[0] if __doc__ else None)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("run", help="start the local stack and serve until Ctrl-C")
    commands.add_parser("deploy", help="bring changed code into the running stack")
    token = commands.add_parser("token", help="print an ID token of a demo user")
    token.add_argument("user", help="for example agent@acme.example")
    commands.add_parser("mails", help="print the emails that would have been sent, the newest last")
    indexes = commands.add_parser("reindex", help="have search indexes built anew, while they are served")
    indexes.add_argument("tenant", nargs="?", help="the id of a tenant; without it, all")
    sam = commands.add_parser("sam-local", help="serve the API by `sam local start-api`, in containers")
    sam.add_argument("more", nargs="*", help="further arguments for SAM, after --")
    commands.add_parser("sam-env", help="print the environment of all functions, for `sam local` --env-vars")
    commands.add_parser("reset", help="empty the state folder")
    return parser
