"""Run all checks on a stack, print what each found, and end with 1 where anything is wrong."""

import argparse
import sys
from typing import Final

import boto3

from stack.smoke import api, attributes, files, live, resources
from stack.smoke.deployment import Check, Deployment

CHECKS: Final[tuple[Check, ...]] = (
    resources.outputs_are_there,
    resources.state_machines_are_valid,
    resources.tables_keep_what_they_should,
    files.the_buckets_are_closed,
    files.unscanned_files_are_not_read,
    api.strangers_are_refused,
    api.browsers_may_ask,
    api.every_call_counts,
    api.alarms_know_the_api,
    live.strangers_can_not_connect,
)
"""In this order: later ones read outputs."""


def main(arguments: list[str]) -> int:
    """Run the checks of the stack that the arguments name."""
    parser = argparse.ArgumentParser(prog="python -m stack.smoke", description=__doc__)
    parser.add_argument("stack", help="for example ticket-system-dev")
    parser.add_argument("--api", help="where the API answers, if not where the outputs say: http://localhost:8080")
    parser.add_argument(
        "--live", help="where live updates do, if not where the outputs say: ws://localhost:8080/v1/live"
    )
    options = parser.parse_args(arguments)
    deployment = Deployment.of(options.stack, boto3.Session(), options.api, options.live)
    failed = 0
    for check in CHECKS:
        wrong = check(deployment)
        failed += bool(wrong)
        sys.stdout.write(f"{'FAILED' if wrong else 'ok':6}  {check.__name__}\n")
        sys.stdout.writelines(f"        {each}\n" for each in wrong)
    finding = attributes.check(deployment.session, deployment.outputs)
    failed += finding.level is attributes.Level.ERROR
    sys.stdout.write(f"{finding.level}: {finding.text}\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
