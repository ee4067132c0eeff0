"""What `make sam-local` gives to SAM. That SAM serves the API with it needs Docker (docs/sam-local.md)."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from local.settings import ROOT, Settings
from local.stack import sam_local
from local.stack.sam_local import environment, local_template, start_api
from tests.harness.stack import Stack

_ADDED = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL", "AWS_DISABLE_HOST_PREFIX_INJECTION"}


def functions(template: dict[str, Any]) -> dict[str, dict[str, Any]]:
    of_type = "AWS::Serverless::Function"
    return {name: made["Properties"] for name, made in template["Resources"].items() if made["Type"] == of_type}


# Locally strict isolation is off, there is no application whose address a mail could name, and no OpenSearch cluster.
MAY_BE_EMPTY = {"APP_URL", "SEARCH_ENDPOINT", "SEARCH_STANDBY", "TENANT_ROLE"}


def test_every_variable_of_the_template_has_a_value_and_a_name_for_sam(stack: Stack) -> None:
    built = ROOT / ".aws-sam" / "build" / "template.yaml"
    template = local_template(built)
    shared = set(template["Globals"]["Function"]["Environment"]["Variables"])
    given = environment(stack.aws_port)
    for name, properties in functions(template).items():
        own = set(properties.get("Environment", {}).get("Variables", {}))
        assert set(given[name]) == shared | own, name
        assert {variable for variable, value in given[name].items() if not value} <= MAY_BE_EMPTY, name
        assert Path(properties["CodeUri"]).is_dir(), name
    assert shared >= _ADDED
    # Only the copy: no function on AWS is sent elsewhere.
    assert not _ADDED & set(yaml.safe_load(built.read_text())["Globals"]["Function"]["Environment"]["Variables"])


@pytest.mark.parametrize(
    ("config", "gateway"),
    [
        ([{"Subnet": "172.17.0.0/16"}], "172.17.0.1"),
        (
            [{"Subnet": "fd00::/80", "Gateway": "fd00::1"}, {"Subnet": "10.9.0.0/24", "Gateway": "10.9.0.254"}],
            "10.9.0.254",
        ),
    ],
)
def test_the_address_of_dockers_bridge(config: list[dict[str, str]], gateway: str) -> None:
    assert sam_local._gateway_of({"IPAM": {"Config": config}}) == gateway


def test_what_is_missing_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert start_api(Settings.from_env({"LOCAL_STATE": str(tmp_path)}), []) == 1
    assert "install Docker" in capsys.readouterr().err


def test_a_stack_that_containers_cannot_reach_is_said(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sam_local, "_docker_gateway", lambda: "127.0.0.3")
    assert start_api(Settings.from_env({"LOCAL_STATE": str(stack.state)}), []) == 1
    assert "make run AWS_BIND=127.0.0.3" in capsys.readouterr().err
