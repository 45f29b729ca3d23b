"""The section [webhooks] of the configuration."""

from ipaddress import ip_address
from pathlib import Path

import pytest

from weft.daemon.config import ConfigError, load
from weft.daemon.config_command import check
from weft.daemon.webhook_guard import Forbidden
from weft.daemon.webhook_signature import SecretError


def test_by_default_webhooks_go_to_public_addresses_over_tls() -> None:
    webhooks = load(environment={}).webhooks
    assert webhooks.enabled
    with pytest.raises(Forbidden):
        webhooks.guard.check([ip_address("127.0.0.1")])
    with pytest.raises(Forbidden):
        webhooks.guard.target("http://example.com/")


def test_hosts_and_networks_come_from_the_environment_too() -> None:
    given = {
        "WEFT_WEBHOOKS__HOSTS": "*.example.com, other.example",
        "WEFT_WEBHOOKS__ALLOW_NETWORKS": "10.1.0.0/16,fd00::/8",
    }
    guard = load(environment=given).webhooks.guard
    assert ("*.example.com", "other.example") == guard.hosts
    guard.check([ip_address("10.1.2.3"), ip_address("fd00::1")])


@pytest.mark.parametrize("network", ["10.0.0.1/8", "example.com", "300.0.0.0/8"])
def test_a_network_that_is_none_is_refused_with_its_place(network: str) -> None:
    with pytest.raises(ConfigError, match=r"\$\.webhooks"):
        load(environment={"WEFT_WEBHOOKS__ALLOW_NETWORKS": network})


def test_a_credential_of_systemd_is_the_file_of_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert load(environment={}).webhooks.secret_path is None
    (tmp_path / "weft-webhook-secrets").touch()
    expected = tmp_path / "weft-webhook-secrets"
    assert expected == load(environment={}).webhooks.secret_path
    given = {"WEFT_WEBHOOKS__SECRET_FILE": "${CREDENTIALS_DIRECTORY}/other"}
    assert tmp_path / "other" == load(environment=given).webhooks.secret_path


def test_secrets_that_cannot_be_used_are_found_before_the_start(
    tmp_path: Path,
) -> None:
    secrets, file = tmp_path / "secrets", tmp_path / "weft.toml"
    secrets.touch(mode=0o600)
    file.write_text(f'[webhooks]\nsecret_file = "{secrets}"\n')
    with pytest.raises(SecretError, match="no secrets"):
        check(file)


def test_an_outbox_may_be_named() -> None:
    assert load(environment={}).webhooks.outbox_path is None
    given = {"WEFT_WEBHOOKS__OUTBOX": "/var/lib/outbox"}
    assert Path("/var/lib/outbox") == load(environment=given).webhooks.outbox_path
