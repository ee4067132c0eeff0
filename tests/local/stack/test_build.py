"""What `sam build` makes: layers with their bytecode, for the processor that is asked for, of locked packages only."""

import base64
import csv
import hashlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from samcli.yamlhelper import yaml_parse

from bench.aws import answering
from bench.start import operations
from local.settings import ROOT
from local.stack.deploy import architecture
from tests.harness.stack import Stack
from ticketing.access.permissions import Operation

LAYERS = ("DependenciesLayer", "SearchLayer", "TicketingLayer", "TokensLayer")
UNCHECKED_HASH = 0b01
MACHINES = {"x86_64": 0x3E, "arm64": 0xB7}
"""As in the header of an ELF file."""

type Build = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module", params=LAYERS)
def layer(request: pytest.FixtureRequest, stack: Stack) -> Path:
    """A layer as it was built for the stack."""
    assert stack
    return ROOT / ".aws-sam" / "build" / str(request.param) / "python"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of what layers are built from."""
    shutil.copytree(ROOT / "layers", tmp_path / "layers", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


@pytest.fixture
def build(copy: Path) -> Build:
    """Return how to build one layer of the copy, as the template has it and as if there were no other resource."""
    template = yaml_parse((ROOT / "template.yaml").read_text())
    resources = template["Resources"]

    def run(layer: str, *options: str) -> subprocess.CompletedProcess[str]:
        alone = {key: template[key] for key in ("Transform", "Parameters")} | {"Resources": {layer: resources[layer]}}
        (copy / "template.yaml").write_text(json.dumps(alone))
        chosen = options or ("--parameter-overrides", f"Architecture={architecture()}")
        command = ["sam", "build", "--cached", *chosen]
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        environment = os.environ | {"PATH": path, "SAM_CLI_TELEMETRY": "0", "AWS_DEFAULT_REGION": "us-east-1"}
        return subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True, check=False)

    return run


def _machines(folder: Path) -> set[int]:
    """Return the processors that the native modules are for."""
    return {int.from_bytes(file.read_bytes()[18:20], "little") for file in folder.rglob("*.so")}


def test_every_module_has_bytecode_for_the_runtime(layer: Path) -> None:
    """Without it every cold start compiles the module; with another Python's, too."""
    modules = [path for path in layer.rglob("*.py") if "__pycache__" not in path.parts]
    assert modules
    for module in modules:
        content = (module.parent / "__pycache__" / f"{module.stem}.cpython-313.pyc").read_bytes()
        magic, flags, source = content[:4], int.from_bytes(content[4:8], "little"), content[8:16]
        assert magic == importlib.util.MAGIC_NUMBER, module
        assert flags == UNCHECKED_HASH, module
        assert source == importlib.util.source_hash(module.read_bytes()), module
    assert len(list(layer.rglob("*.pyc"))) == len(modules)


def test_the_code_is_as_written(stack: Stack) -> None:
    assert stack
    sources, built = ROOT / "layers" / "ticketing", ROOT / ".aws-sam" / "build" / "TicketingLayer" / "python"
    written = {path.relative_to(sources): path.read_bytes() for path in (sources / "ticketing").rglob("*.py")}
    assert {path.relative_to(built): path.read_bytes() for path in built.rglob("*.py")} == written


def test_the_packages_are_as_their_wheels_have_them(layer: Path) -> None:
    """A wheel lists its files with their digests."""
    records = list(layer.glob("*.dist-info/RECORD"))
    assert bool(records) == (layer.parent.name != "TicketingLayer")
    for record in records:
        for name, digest, _ in csv.reader(record.read_text().splitlines()):
            if digest and not name.startswith("../"):
                found = hashlib.sha256((layer / name).read_bytes()).digest()
                assert digest == "sha256=" + base64.urlsafe_b64encode(found).decode().rstrip("="), name


def test_native_modules_are_for_the_processor_of_this_machine(layer: Path) -> None:
    assert _machines(layer) == (set() if layer.parent.name == "TicketingLayer" else {MACHINES[architecture()]})


@pytest.mark.long
@pytest.mark.parametrize("layer_id", ["DependenciesLayer", "SearchLayer", "TokensLayer"])
def test_native_modules_are_for_the_processor_that_samconfig_names(build: Build, copy: Path, layer_id: str) -> None:
    """As the guide builds prod, with the processor changed to the one that this machine does not have."""
    (other,) = MACHINES.keys() - {architecture()}
    config = (ROOT / "samconfig.toml").read_text()
    (copy / "samconfig.toml").write_text(re.sub(r"\bArchitecture=\w+", f"Architecture={other}", config))
    assert build(layer_id, "--config-env", "prod").returncode == 0
    assert _machines(copy / ".aws-sam" / "build" / layer_id) == {MACHINES[other]}


def test_a_package_that_is_not_the_locked_one_stops_the_build(build: Build, copy: Path) -> None:
    requirements = copy / "layers" / "dependencies" / "tokens.txt"
    others = re.sub(r"(?<=sha256:).", lambda digit: "1" if digit[0] == "0" else "0", requirements.read_text())
    requirements.write_text(others)
    answer = build("TokensLayer")
    assert answer.returncode != 0
    assert "hash" in answer.stderr.lower()


@pytest.mark.long
def test_a_cached_build_notices_changed_code(build: Build, copy: Path) -> None:
    built = copy / ".aws-sam" / "build" / "TicketingLayer" / "python" / "ticketing" / "clock.py"
    source = copy / "layers" / "ticketing" / "ticketing" / "clock.py"
    assert build("TicketingLayer").returncode == 0
    assert "Valid cache found" in build("TicketingLayer").stderr
    source.write_text(source.read_text() + "CHANGED = 1\n")
    assert build("TicketingLayer").returncode == 0
    assert built.read_bytes() == source.read_bytes()
    bytecode = (built.parent / "__pycache__" / "clock.cpython-313.pyc").read_bytes()
    assert bytecode[8:16] == importlib.util.source_hash(source.read_bytes())


@pytest.mark.long
def test_every_operation_starts_as_built(stack: Stack) -> None:
    """With what is in the built layers and nothing else; `make bench` measures these starts."""
    assert stack
    starts = operations(ROOT / ".aws-sam" / "build" / "template.yaml")
    assert set(Operation) - starts.keys() == {"createTenant", "acceptInvitation"}, "bench/events.py says why these"
    with answering() as endpoint:
        assert min(start.time(endpoint) for start in starts.values()) > 0
