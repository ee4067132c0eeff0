"""Print template.yaml, made of the fragments in this folder (`make template`).

A fragment is a part of a SAM template and holds all that belongs to one service. What is the same for all functions is
written here, so that an operation is one block:

- A service that has functions gets a log group and a policy to write to it: tickets.yaml gets `TicketsLogs` and
  `TicketsPolicy`.
- Each function gets a role: `GetTicketFunction` gets `GetTicketRole`, which has its service's policy and
  `FunctionsPolicy`. Beside the function's `Properties`, `Role` says what else it may do. `Allow` lists the statements,
  without `Effect` unless they depend on a condition (`!If`); `Shares` names policies that several functions have. With
  `PerTenant: true` it may assume its role once more, with a policy that names one tenant (`TenantIsolation=strict`).
- Each function's environment names its service, for the logs and metrics of Powertools, and the tables that its role
  names, itself or in a policy that it shares: the template has no room for all tables in all functions.
- `ApiRole` may invoke the functions that API Gateway's integrations and authorizers name.
- Whatever names a table gets the one in use, which is a restored one where a parameter names it (docs/restoring.md):
  the fragments say `!GetAtt TicketsTable.Arn`, the template says `TicketsTableArnInUse.Value`.
- What API Gateway imports, openapi/gateway.yaml, is put into the template where api.yaml includes it.
- CloudFormation limits what SAM makes of the template, where each word has a line. So resources say `!Sub ${A.B}` for
  the fragments' `!GetAtt A.B`, which has to be a text; statements have no lists of one, and many attributes are a text.

Comments stay in the fragments.
"""

import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final, cast

import yaml

ROOT: Final = Path(__file__).parents[1]
SECTIONS: Final = (
    *("AWSTemplateFormatVersion", "Transform", "Description"),
    *("Parameters", "Rules", "Conditions", "Globals", "Resources", "Outputs"),
)
_HEADER: Final = "# Made of stack/*.yaml by `make template`: change it there.\n"
_CALLED: Final = re.compile(r"functions/\$\{(\w+)\.Arn\}/invocations")
"""How an integration or an authorizer names its function."""

_TABLE: Final = re.compile(r"(\w+Table)(?:\.(\w+))?")
_TABLE_IN_TEXT: Final = re.compile(r"\$\{(\w+Table)(?:\.(\w+))?\}")
_TABLE_IN_USE: Final = r"\1\2InUse.Value"

_LIST: Final = "tag:yaml.org,2002:seq"

_SERVICE: Final = """
<SERVICE>Logs:
  Type: AWS::Logs::LogGroup
  DeletionPolicy: RetainExceptOnCreate
  UpdateReplacePolicy: Retain
  Properties: { RetentionInDays: !Ref LogRetentionDays }
<SERVICE>Policy:
  Type: AWS::IAM::ManagedPolicy
  Properties:
    PolicyDocument:
      Version: "2012-10-17"
      Statement:
        - { Effect: Allow, Action: ["logs:CreateLogStream", "logs:PutLogEvents"], Resource: !GetAtt <SERVICE>Logs.Arn }
"""
_FUNCTION: Final = """
Role: !GetAtt <NAME>Role.Arn
LoggingConfig: { LogGroup: !Ref <SERVICE>Logs }
"""
_ROLE: Final = """
Type: AWS::IAM::Role
Properties:
  AssumeRolePolicyDocument:
    Version: "2012-10-17"
    Statement:
      - { Effect: Allow, Principal: { Service: lambda.amazonaws.com }, Action: "sts:AssumeRole" }
  ManagedPolicyArns: [!Ref <SERVICE>Policy, !Ref FunctionsPolicy]
  PermissionsBoundary: !If
    - HasBoundary
    - !Sub arn:${AWS::Partition}:iam::${AWS::AccountId}:policy/${PermissionsBoundary}
    - !Ref AWS::NoValue
"""
_POLICY: Final = """
PolicyName: <NAME>
PolicyDocument: { Version: "2012-10-17" }
"""
# A role can't be named before it is made: hence the account, and how CloudFormation begins the name.
_TRUST_IN_ITSELF: Final = """
Effect: Allow
Principal: { AWS: !Ref AWS::AccountId }
Action: sts:AssumeRole
Condition: { ArnLike: { "aws:PrincipalArn": !Sub "<ITSELF>" } }
"""
_ITSELF: Final = "arn:${AWS::Partition}:iam::${AWS::AccountId}:role/${AWS::StackName}-<NAME>Role-*"
_ENVIRONMENT: Final = """
POWERTOOLS_SERVICE_NAME: <FRAGMENT>
"""
_TABLES: Final = {
    "NotificationsTable": "NOTIFICATIONS_TABLE: !Ref NotificationsTable",
    "SearchTable": "SEARCH_TABLE: !Ref SearchTable",
    "TicketsTable": "TICKETS_TABLE: !Ref TicketsTable",
    "UsersTable": "USERS_TABLE: !Ref UsersTable",
}
"""The tables, and the variables with their names."""

_LONG: Final = 5
"""From how many attributes on a list is shorter as one text that CloudFormation splits."""

_TENANT_ROLE: Final = """
TENANT_ROLE: !If [IsStrict, !GetAtt <NAME>Role.Arn, ""]
"""


class FragmentError(ValueError):
    """A fragment that no template can be made of; the text says where and why."""


class _Dumper(yaml.SafeDumper):
    """Writes nodes the way that the fragments are written: lists are indented."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002
        super().increase_indent(flow, indentless=False)


def compose(root: Path = ROOT) -> str:
    """Return the text of the template whose fragments are in `root`/stack.

    Raises
    ------
    FragmentError
        If a name is there twice, a section is none of a template's, or a function's `Role` holds something unknown.
    """
    sections: dict[str, yaml.Node] = {}
    paths = sorted((root / "stack").glob("*.yaml"), key=lambda path: (path.stem != "head", path.stem))
    fragments = {path: _entries(_parsed(path.read_text(encoding="utf-8"))) for path in paths}
    policies = {name: tables for fragment in fragments.values() for name, tables in _tables_of_policies(fragment)}
    for path, fragment in fragments.items():
        for section, node in fragment:
            if section not in SECTIONS:
                message = f"{path.name}: {section} is no section of a template"
                raise FragmentError(message)
            if section == "Resources":
                _complete(node, path.stem, policies)
            known = sections.setdefault(section, node)
            if known is not node:
                if twice := {name for name, _ in _entries(known)} & {name for name, _ in _entries(node)}:
                    message = f"{path.name}: in an earlier fragment, too: {', '.join(sorted(twice))}"
                    raise FragmentError(message)
                known.value += node.value
    for section in sections.keys() & {"Globals", "Resources", "Outputs"}:
        sections[section] = _in_use(sections[section])
    _put_in_the_api(_at(sections["Resources"], "Api", "Properties"), root)
    _let_api_gateway_invoke(sections["Resources"])
    sections["Resources"] = _in_few_lines(sections["Resources"])
    return _HEADER + _text_of(_mapping({name: sections[name] for name in SECTIONS if name in sections}))


def _tables_of_policies(fragment: list[tuple[str, yaml.Node]]) -> Iterator[tuple[str, set[str]]]:
    """Yield the policies of a fragment that functions can share, with the tables that they name."""
    sections = dict(fragment)
    for name, resource in _entries(sections["Resources"]) if "Resources" in sections else ():
        if _at(resource, "Type").value == "AWS::IAM::ManagedPolicy":
            yield name, _tables_in(resource)


def _complete(resources: yaml.Node, service: str, policies: Mapping[str, set[str]]) -> None:
    """Add what each function of a fragment needs and no fragment holds: its role, its log group, its tenant's role."""
    names = {"FRAGMENT": service, "SERVICE": service.capitalize()}
    completed = []
    for name, resource in _entries(resources):
        completed.append((_scalar(name), resource))
        if _at(resource, "Type").value == "AWS::Serverless::Function":
            names["NAME"] = name.removesuffix("Function")
            role = _role(resource, names)
            completed.append((_scalar(f"{names['NAME']}Role"), role))
            _at(resource, "Properties").value += _parsed(_FUNCTION, names).value
            shared = _text_of(_at(role, "Properties", "ManagedPolicyArns"))
            tables = _tables_in(role).union(*(each for policy, each in policies.items() if f"!Ref {policy}" in shared))
            for table in sorted(tables):
                _variables(_at(resource, "Properties")).value += _parsed(_TABLES[table]).value
            _variables(_at(resource, "Properties")).value += _parsed(_ENVIRONMENT, names).value
    if "NAME" in names:
        completed += _parsed(_SERVICE, names).value
    resources.value = completed


def _tables_in(node: yaml.Node) -> set[str]:
    text = _text_of(node)
    return {table for table in _TABLES if table in text}


def _role(function: yaml.Node, names: Mapping[str, str]) -> yaml.Node:
    """Return the role of a function, made of its `Role`, which is taken out."""
    settings = {}
    for pair in list(function.value):
        if pair[0].value == "Role":
            settings = dict(_entries(pair[1]))
            function.value.remove(pair)
    if unknown := settings.keys() - {"Allow", "PerTenant", "Shares"}:
        message = f"{names['NAME']}Function: unknown in Role: {', '.join(sorted(unknown))}"
        raise FragmentError(message)
    role = _parsed(_ROLE, names)
    if "Shares" in settings:
        _at(role, "Properties", "ManagedPolicyArns").value += settings["Shares"].value
    statements = settings["Allow"].value if "Allow" in settings else []
    for statement in statements:
        if isinstance(statement, yaml.MappingNode):
            statement.value.insert(0, (_scalar("Effect"), _scalar("Allow")))
    if "PerTenant" in settings:
        _at(role, "Properties", "AssumeRolePolicyDocument", "Statement").value.append(_parsed(_TRUST_IN_ITSELF, names))
        _variables(_at(function, "Properties")).value += _parsed(_TENANT_ROLE, names).value
    if statements:
        policy = _parsed(_POLICY, names)
        _put(_at(policy, "PolicyDocument"), "Statement", _list(statements))
        _put(_at(role, "Properties"), "Policies", _list([policy]))
    return role


def _in_use(node: yaml.Node) -> yaml.Node:
    """Return a node of the template with every reference to a table turned into one to the table that is in use."""
    if isinstance(node, yaml.MappingNode):
        if dict(_entries(node)).get("Type", node).value != "AWS::SSM::Parameter":  # which says what table that is
            node.value = [(key, _in_use(value)) for key, value in node.value]
    elif isinstance(node, yaml.SequenceNode):
        node.value = [_in_use(each) for each in node.value]
    elif node.tag in {"!Ref", "!GetAtt"} and (match := _TABLE.fullmatch(node.value)):
        return yaml.ScalarNode("!GetAtt", match.expand(_TABLE_IN_USE))
    elif node.tag == "!Sub":
        return yaml.ScalarNode("!Sub", _TABLE_IN_TEXT.sub(rf"${{{_TABLE_IN_USE}}}", node.value))
    return node


def _put_in_the_api(api: yaml.Node, root: Path) -> None:
    """Put what API Gateway imports in the place of its `AWS::Include`: SAM adds to no document that it does not see."""
    (body,) = (pair for pair in api.value if pair[0].value == "DefinitionBody")
    location = _at(body[1], "Fn::Transform", "Parameters", "Location").value
    api.value.remove(body)
    _put(api, "DefinitionBody", _parsed((root / location).read_text(encoding="utf-8")))


def _let_api_gateway_invoke(resources: yaml.Node) -> None:
    """Write the functions that integrations and authorizers name into the policy of API Gateway's role."""
    (policy,) = _at(resources, "ApiRole", "Properties", "Policies").value
    (statement,) = _at(policy, "PolicyDocument", "Statement").value
    named = sorted(set(_CALLED.findall(_text_of(resources))))
    _put(statement, "Resource", _list([yaml.ScalarNode("!GetAtt", f"{name}.Arn") for name in named]))


def _in_few_lines(node: yaml.Node) -> yaml.Node:
    """Return a node of the template in the form that has the fewest lines when each word has one."""
    if isinstance(node, yaml.MappingNode):
        node.value = [(key, _in_few_lines(value)) for key, value in node.value]
        if "Effect" in dict(_entries(node)):
            node.value = [(key, _shortened(key.value, value)) for key, value in node.value]
    elif isinstance(node, yaml.SequenceNode):
        node.value = [_in_few_lines(each) for each in node.value]
    elif node.tag == "!GetAtt":
        return yaml.ScalarNode("!Sub", f"${{{node.value}}}")
    return node


def _shortened(name: str, node: yaml.Node) -> yaml.Node:
    """Return what a statement has under a name: IAM takes one value as it takes a list of it."""
    if isinstance(node, yaml.MappingNode):
        node.value = [(key, _shortened(key.value, value)) for key, value in node.value]
    elif isinstance(node, yaml.SequenceNode) and node.tag == _LIST:
        if len(node.value) == 1:
            return cast("yaml.Node", node.value[0])
        if name == "dynamodb:Attributes" and len(node.value) >= _LONG:
            attributes = ", ".join(each.value for each in node.value)
            return yaml.SequenceNode("!Split", [_scalar(", "), _scalar(attributes)], flow_style=True)
    return node


def _variables(properties: yaml.Node) -> yaml.Node:
    """Return the variables of a function's environment, added if it has none."""
    if "Environment" not in dict(_entries(properties)):
        _put(properties, "Environment", _mapping({"Variables": _mapping({})}))
    return _at(properties, "Environment", "Variables")


# --- YAML's nodes, which keep tags such as !Ref, and whether a list stands on one line --------------------------------


def _parsed(text: str, names: Mapping[str, str] = MappingProxyType({})) -> yaml.Node:
    text = text.replace("<ITSELF>", _ITSELF)
    for word, name in names.items():
        text = text.replace(f"<{word}>", name)
    node = yaml.compose(text, yaml.SafeLoader)
    if node is None:
        message = "nothing is in a fragment"
        raise FragmentError(message)
    return node


def _text_of(node: yaml.Node) -> str:
    text: str = yaml.serialize(node, Dumper=_Dumper, width=sys.maxsize, allow_unicode=True)
    text = re.sub(r"(!(?:GetAtt|Ref|Sub) )'([\w.:]+)'", r"\1\2", text)  # PyYAML quotes whatever has a tag
    return re.sub(r"(?<!:\n)^(?=(?:  )?\w+:\n)", "\n", text, flags=re.MULTILINE)


def _scalar(value: str) -> yaml.Node:
    return yaml.ScalarNode("tag:yaml.org,2002:str", value)


def _list(nodes: list[yaml.Node]) -> yaml.Node:
    return yaml.SequenceNode(_LIST, nodes, flow_style=False)


def _mapping(entries: Mapping[str, yaml.Node]) -> yaml.Node:
    pairs = [(_scalar(name), node) for name, node in entries.items()]
    return yaml.MappingNode("tag:yaml.org,2002:map", pairs, flow_style=False)


def _entries(mapping: yaml.Node) -> list[tuple[str, yaml.Node]]:
    return [(key.value, value) for key, value in mapping.value]


def _at(node: yaml.Node, *path: str) -> yaml.Node:
    for key in path:
        node = dict(_entries(node))[key]
    return node


def _put(mapping: yaml.Node, key: str, node: yaml.Node) -> None:
    cast("yaml.MappingNode", mapping).flow_style = False
    mapping.value.append((_scalar(key), node))


if __name__ == "__main__":
    sys.stdout.write(compose())
