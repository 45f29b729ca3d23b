"""The daemon's configuration: a TOML file, the environment, the command line.

Each overrides the one before. A key of a section is ``WEFT_SECTION__KEY`` in the
environment (``WEFT_HTTP__LISTEN``); lists are separated by commas there.

Guarantees:
    * one frozen value, complete and checked before anything is opened;
    * an unknown key is refused wherever it stands, and named;
    * there are no secrets in it: tokens and keys are files, and only named here.
"""

import json
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, get_origin

import msgspec

from weft.daemon.checking import CheckSettings
from weft.daemon.cron_loop import GRACE_S
from weft.daemon.http.site import BODY_SIZE_BYTES_MAX, LOOPBACK_HOSTS, HttpSettings
from weft.daemon.http.streams import HEARTBEAT_S
from weft.daemon.listen import Address
from weft.daemon.logs import LogFormat, LogLevel
from weft.daemon.unusable import Unusable
from weft.daemon.webhook_config import WebhooksConfig
from weft.storage.check import Kind

__all__ = ["Config", "ConfigError", "DaemonConfig", "HttpConfig", "load", "to_toml"]

PREFIX: Final = "WEFT_"
CREDENTIAL: Final = "weft-tokens"
"""What a systemd unit calls its tokens: ``LoadCredential=weft-tokens:/etc/...``."""

_ORIGIN: Final = re.compile(r"null|[a-z][a-z0-9+.-]*://[^/?#@*\sA-Z]+")
"""Another one, such as ``*`` or one that ends with a slash, no browser ever sends."""

Seconds = Annotated[float, msgspec.Meta(ge=0, le=86_400)]
Count = Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]
Text = Annotated[str, msgspec.Meta(min_length=1)]
"""For what is a place: an empty one would be the current directory."""


class ConfigError(Unusable):
    """The configuration cannot be used."""


class DaemonConfig(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True
):
    """What is served.

    Attributes:
        data: the data directory, created if it is missing; or a database's address.
        cluster: serve the cluster of the Ray at this address instead of a directory.
        app: the workflows, ``MODULE:ATTR``.
        stop_timeout_s: what runs in progress get at the end.
        log_format: of the lines on stderr.
        log_level: what is logged: this, and what is worse. Requests and operations are
            at "info".
        tracing: ``MODULE:ATTR`` of a provider of OpenTelemetry's tracers.
        metrics_reader: ``MODULE:ATTR`` of a reader of OpenTelemetry's metrics.
        check_interval_s: from one check of the whole store to the next; 0 for never.
        check_cpu_share: of one core, while a check is under way.
        check_repair: kinds of inconsistencies that are repaired when a check finds
            them; none, so that somebody looks first.
        cron_grace_s: how late the run of a cron may be started, where it was due while
            the daemon was down.
        one_core: keep the daemon's OS threads, but those of workflows, on one processor
            core while others leave it one: an eighth less CPU for a request.
    """

    data: Text | None = None
    cluster: Text | None = None
    app: str | None = None
    stop_timeout_s: Seconds = 5.0
    log_format: LogFormat = "text"
    log_level: LogLevel = "warning"
    tracing: str | None = None
    metrics_reader: str | None = None
    check_interval_s: Seconds = 3600.0
    check_cpu_share: Annotated[float, msgspec.Meta(gt=0, le=1)] = 0.05
    check_repair: tuple[Kind, ...] = ()
    cron_grace_s: Seconds = GRACE_S
    one_core: bool = False

    @property
    def checks(self) -> CheckSettings:
        """When the store is checked, and what is repaired."""
        return CheckSettings(
            interval_s=self.check_interval_s,
            cpu_share=self.check_cpu_share,
            repair=self.check_repair,
        )


class HttpConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where it answers, whom, and how much.

    Attributes:
        listen: ``HOST:PORT``; port 0 takes a free one, an empty text none.
        socket: a Unix socket besides, for this user alone; the place where commands
            look by themselves if omitted, an empty text for none.
        token_file: who may ask; the systemd credential ``weft-tokens`` if omitted.
        tls_cert: the certificate, PEM, with its chain.
        tls_key: its key, PEM.
        trusted_hosts: names under which it may be asked, besides those of loopback.
        cors_origins: origins of pages that may ask.
        body_size_bytes_max: of a request.
        connections_max: open at once.
        requests_max: in progress at once, streams included.
        requests_per_s: of one token or address; 0 for no limit.
        requests_burst: how many of them may come at once.
        timeout_s: how long an operation may take.
        heartbeat_s: how long a stream may be silent.
    """

    listen: str = "127.0.0.1:8123"
    socket: str | None = None
    token_file: Text | None = None
    tls_cert: str | None = None
    tls_key: str | None = None
    trusted_hosts: tuple[str, ...] = ()
    cors_origins: tuple[str, ...] = ()
    body_size_bytes_max: Annotated[int, msgspec.Meta(ge=1024, le=1 << 30)] = (
        BODY_SIZE_BYTES_MAX
    )
    connections_max: Count = 4096
    requests_max: Count = 4096
    requests_per_s: Annotated[float, msgspec.Meta(ge=0, le=1e6)] = 0.0
    requests_burst: Count = 100
    timeout_s: Seconds = 30.0
    heartbeat_s: Annotated[float, msgspec.Meta(ge=0.1, le=3600)] = HEARTBEAT_S

    @property
    def settings(self) -> HttpSettings:
        """How requests are answered."""
        hosts = (*LOOPBACK_HOSTS, *self.trusted_hosts)
        if self.listen:
            host = Address.parse(self.listen).host
            hosts = (*hosts, f"[{host}]" if ":" in host else host)
        return HttpSettings(
            trusted_hosts=hosts,
            cors_origins=self.cors_origins,
            body_size_bytes_max=self.body_size_bytes_max,
            requests_max=self.requests_max,
            requests_per_s=self.requests_per_s,
            requests_burst=self.requests_burst,
            timeout_s=self.timeout_s,
            heartbeat_s=self.heartbeat_s,
        )

    @property
    def token_path(self) -> Path | None:
        """The file of tokens, None if there is none to be used."""
        if self.token_file is not None:
            return _path(self.token_file)
        directory = os.environ.get("CREDENTIALS_DIRECTORY")
        if directory is None:
            return None
        credential = Path(directory, CREDENTIAL)
        return credential if credential.exists() else None


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole configuration."""

    daemon: DaemonConfig = DaemonConfig()
    http: HttpConfig = HttpConfig()
    webhooks: WebhooksConfig = WebhooksConfig()


def load(
    file: Path | None = None,
    environment: Mapping[str, str] = os.environ,
    flags: Mapping[str, Any] | None = None,
) -> Config:
    """Return the configuration.

    Args:
        file: TOML; None for none.
        environment: of the process.
        flags: by ``section__key``; None for one that was not given.

    Raises:
        ConfigError: something in it is wrong.
    """
    config = _convert({}, "The defaults")
    if file is not None:
        config = _merged(config, _read(file), str(file))
    config = _merged(config, _from_environment(environment), "The environment")
    given = {name: value for name, value in (flags or {}).items() if value is not None}
    config = _merged(config, _nested(given), "The command line")
    _check(config)
    return config


def _merged(config: Config, given: Mapping[str, Any], source: str) -> Config:
    """Return a configuration with what a source says in place of what it said.

    A source is judged for itself, so that what is wrong is told with its place there.
    """
    _convert(given, source)
    known = msgspec.to_builtins(config)
    for section, values in given.items():
        known[section] |= values
    return _convert(known, source)


def _convert(given: Mapping[str, Any], source: str) -> Config:
    try:
        return msgspec.convert(given, Config, strict=False)
    except msgspec.ValidationError as error:
        raise ConfigError(
            f"{source} is wrong: {error}",
            "See `weft config schema` for what there is.",
        ) from error


def _read(file: Path) -> dict[str, Any]:
    try:
        with file.open("rb") as opened:
            return tomllib.load(opened)
    except OSError as error:
        words = f"{file} cannot be read: {error.strerror}"
        raise ConfigError(words, "Name another file.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file} is no TOML: {error}", "Correct it.") from error


def _from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    given = {
        name.removeprefix(PREFIX).lower(): value
        for name, value in environment.items()
        if name.startswith(PREFIX) and "__" in name
    }
    nested = _nested(given)
    for section in msgspec.structs.fields(Config):
        values = nested.get(section.name, {})
        for field in msgspec.structs.fields(section.type):
            if field.name in values and get_origin(field.type) is tuple:
                parts = values[field.name].split(",")
                values[field.name] = [part.strip() for part in parts if part.strip()]
    return nested


def _nested(given: Mapping[str, Any]) -> dict[str, Any]:
    nested: dict[str, Any] = {}
    for name, value in given.items():
        section, _, key = name.partition("__")
        nested.setdefault(section, {})[key] = value
    return nested


def _check(config: Config) -> None:
    http = config.http
    if http.listen:
        try:
            Address.parse(http.listen)
        except ValueError as error:
            raise ConfigError(
                f"http.listen is wrong: {error}", "Correct it."
            ) from error
    if not http.listen and http.socket == "":
        words = "There is neither http.listen nor http.socket"
        raise ConfigError(words, "Give one of them.")
    for origin in http.cors_origins:
        if not _ORIGIN.fullmatch(origin):
            words = f"http.cors_origins is wrong: {origin!r} is no origin"
            raise ConfigError(words, "Write it as browsers do: https://HOST[:PORT].")
    if (http.tls_cert is None) != (http.tls_key is None):
        words = "Of http.tls_cert and http.tls_key there is only one"
        raise ConfigError(words, "Give both, or none.")


def to_toml(config: Config) -> str:
    """Return a configuration as its file would have it, comments for what is unset."""
    lines: list[str] = []
    for section, values in msgspec.to_builtins(config).items():
        lines += ["", f"[{section}]"]
        for name, value in values.items():
            # What JSON writes of texts, numbers and lists of texts is TOML, too.
            lines.append(
                f"# {name} =" if value is None else f"{name} = {json.dumps(value)}"
            )
    return "\n".join(lines[1:]) + "\n"


def _path(text: str) -> Path:
    return Path(os.path.expandvars(text)).expanduser()
