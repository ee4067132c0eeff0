"""Parameters of the template that are given for one run."""

from dataclasses import replace
from pathlib import Path

from local.settings import Settings
from local.stack.deploy import Deployer, fingerprint
from local.stack.statedir import write_json


def settings(state: Path, **environ: str) -> Settings:
    return replace(Settings.from_env(environ), state=state)


def test_given_parameters_take_the_place_of_samconfigs(tmp_path: Path) -> None:
    usual = Deployer(settings(tmp_path), 1)._parameters()
    given = Deployer(settings(tmp_path, LOCAL_PARAMETERS="TenantIsolation=strict PublicSignUp=false"), 1)._parameters()
    assert "PublicSignUp=true" in usual
    assert set(given) - set(usual) == {"PublicSignUp=false", "TenantIsolation=strict"}
    assert set(usual) - set(given) == {"PublicSignUp=true"}


def test_other_parameters_are_another_deployment(tmp_path: Path) -> None:
    usual = Deployer(settings(tmp_path), 1)
    deployed = {"sources": fingerprint(settings(tmp_path).root), "parameters": usual._parameters()}
    write_json(tmp_path / "deployed.json", deployed)
    assert usual.is_current()
    assert not Deployer(settings(tmp_path, LOCAL_PARAMETERS="TenantIsolation=strict"), 1).is_current()
