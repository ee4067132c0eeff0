"""Clients as people make them from the contract: made once in a session, each in a folder of its own."""

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients.making import CONTRACT, HERE
from tests.harness.node import installed_packages, node, run


@pytest.fixture(scope="session")
def python_client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder with the package `ticket_client`, made by openapi-python-client; it can be imported from there."""
    folder = tmp_path_factory.mktemp("python")
    (folder / "config.yaml").write_text("post_hooks: []")  # as it comes, not formatted
    generator = Path(sys.executable).with_name("openapi-python-client")
    run(
        *(generator, "generate", "--path", CONTRACT, "--meta", "none", "--fail-on-warning"),
        *("--config", folder / "config.yaml", "--output-path", folder / "ticket_client"),
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        yield folder


@pytest.fixture(scope="session")
def typescript(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `api.d.ts`, made by openapi-typescript, where TypeScript and openapi-fetch are installed."""
    folder = tmp_path_factory.mktemp("typescript")
    (folder / "node_modules").symlink_to(installed_packages(HERE))
    shutil.copy(HERE / "package.json", folder)
    node(folder, "node_modules/openapi-typescript/bin/cli.js", CONTRACT, "--output", "api.d.ts")
    return folder
