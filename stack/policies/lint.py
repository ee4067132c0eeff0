"""Lint the policies of template.yaml with parliament (`make check`).

parliament knows, from the service authorization reference, which resources and condition keys each action has. What it
finds and is right nevertheless is in findings.yaml. A finding that is not there fails, and an entry that nothing finds.
Trust policies, which have no resources, are left to cfn-lint.
"""

import json
import sys
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final

import yaml

from stack.policies.deployed import Policy, policies

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of parliament: pkg_resources, and escapes in its regular expressions
    import parliament

EXPLAINED: Final = Path(__file__).with_name("findings.yaml")
DEPLOYMENTS: Final[tuple[dict[str, str], ...]] = (
    {},
    {
        "AttachmentScan": "none",
        "AttributeConditions": "required",
        "MailFrom": "tickets@example.com",
        "TenantIsolation": "strict",
        "Tracing": "Active",
    },
)
"""Parameters of the template: together they make every statement that there is."""


@dataclass(frozen=True, order=True)
class Finding:
    """What parliament finds in the policies of a resource; `about` are actions, or the finding's details."""

    owner: str
    issue: str
    about: str


def linted(documents: Iterable[Policy]) -> list[Finding]:
    """Return what is found in policies, each finding once."""
    return sorted(
        {
            Finding(policy.owner, each.issue, _about(each))
            for policy in documents
            if all("Resource" in statement for statement in policy.statements)
            for each in parliament.analyze_policy_string(
                json.dumps(policy.document), include_community_auditors=True
            ).findings
        }
    )


def _about(finding: Any) -> str:  # noqa: ANN401 (parliament has no types)
    return ", ".join(finding.location.get("actions", ())) or str(finding.detail)


def problems(findings: Iterable[Finding], explained: Iterable[dict[str, str]]) -> list[str]:
    """Return the findings without an explanation, and the explanations without a finding."""
    entries, found = list(explained), list(findings)

    def explains(entry: dict[str, str], finding: Finding) -> bool:
        same = (finding.issue, finding.about) == (entry["finding"], entry["about"])
        return same and fnmatchcase(finding.owner, entry["where"])

    unexplained = [each for each in found if not any(explains(entry, each) for entry in entries)]
    unfounded = [entry for entry in entries if not any(explains(entry, each) for each in found)]
    return [
        *(f"{each.owner}: {each.issue}: {each.about}" for each in unexplained),
        *(f"{EXPLAINED.name}: nothing finds {entry['finding']} in {entry['where']} any more" for entry in unfounded),
    ]


def main() -> int:
    """Print what is wrong; return 1 if anything is."""
    findings = [each for parameters in DEPLOYMENTS for each in linted(policies(**parameters))]
    wrong = problems(findings, yaml.safe_load(EXPLAINED.read_text(encoding="utf-8")))
    sys.stdout.writelines(f"{line}\n" for line in wrong)
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
