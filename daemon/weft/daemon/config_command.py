"""``weft config``: what the daemon would run with, and whether it could."""

from pathlib import Path

import click
import msgspec

from weft.daemon.config import Config, load, to_toml
from weft.daemon.listen import Address, check_exposure
from weft.daemon.tls import check_tls

__all__ = ["check", "schema", "show"]


def show(file: Path | None, as_json: bool) -> None:
    """Print the configuration; tokens and keys are files, so there is none in it.

    Raises:
        ConfigError: it is wrong.
    """
    config = load(file)
    text = to_toml(config)
    if as_json:
        encoded = msgspec.json.format(msgspec.json.encode(config), indent=2)
        text = f"{encoded.decode()}\n"
    click.echo(text, nl=False)


def check(file: Path | None) -> None:
    """Find out whether a daemon could begin with it, as far as files tell.

    Raises:
        ConfigError, TokenError, SecretError, ListenError: it could not.
    """
    from weft.daemon.http.tokens import Tokens
    from weft.daemon.webhook_signature import Signer

    config = load(file)
    tokens = Tokens(config.http.token_path)
    Signer(config.webhooks.secret_path)
    secured = tokens.required and config.http.tls_cert is not None
    if config.http.tls_cert is not None and config.http.tls_key is not None:
        check_tls(Path(config.http.tls_cert), Path(config.http.tls_key))
    if config.http.listen:
        check_exposure(Address.parse(config.http.listen), secured=secured)
    click.echo("The configuration can be used.", err=True)


def schema() -> None:
    """Print the JSON schema of the configuration."""
    encoded = msgspec.json.encode(msgspec.json.schema(Config))
    click.echo(msgspec.json.format(encoded, indent=2))
