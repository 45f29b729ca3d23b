"""The configuration: a file, the environment, the command line, in this order."""

import json
import os
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.daemon.child import environment, run_weft
from weft.daemon.config import Config, ConfigError, load, to_toml

SECRET = "a-secret-nobody-may-see"  # noqa: S105


def written(directory: Path, text: str) -> Path:
    path = directory / "weft.toml"
    path.write_text(text)
    return path


def test_without_anything_it_is_the_defaults() -> None:
    config = load(environment={})
    assert Config() == config
    assert ("127.0.0.1:8123", None) == (config.http.listen, config.http.socket)


def test_each_source_overrides_the_one_before(tmp_path: Path) -> None:
    text = '[daemon]\ndata = "file"\napp = "m:a"\n[http]\nrequests_max = 7\n'
    environment = {"WEFT_DAEMON__DATA": "env", "WEFT_HTTP__REQUESTS_MAX": "8"}
    flags = {"daemon__data": "flag", "daemon__app": None}
    config = load(written(tmp_path, text), environment, flags)
    assert ("flag", "m:a", 8) == (
        config.daemon.data,
        config.daemon.app,
        config.http.requests_max,
    )


def test_lists_are_separated_by_commas_in_the_environment() -> None:
    hosts = {"WEFT_HTTP__TRUSTED_HOSTS": "a.example, *.b.example,"}
    config = load(environment=hosts)
    assert ("a.example", "*.b.example") == config.http.trusted_hosts
    assert {"a.example", "*.b.example", "localhost"} <= set(
        config.http.settings.trusted_hosts
    )


def test_other_variables_are_nobodys_business() -> None:
    assert Config() == load(environment={"WEFT_CI": "1", "HOME": "/", "WEFT": "x"})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[daemon]\ndata = ""', "length >= 1 - at `$.daemon.data`"),
        ('[http]\ncors_origins = ["*"]', "'*' is no origin"),
        ('[http]\ncors_origins = ["https://a.example/"]', "is no origin"),
        (
            "[http]\nlisten = 5",
            "weft.toml is wrong: Expected `str`, got `int`",
        ),
        ('[http]\nlisten = "8123"', "is not HOST:PORT"),
        ("[http]\nrequest_max = 5", "unknown field `request_max` - at `$.http`"),
        ("[https]\na = 1", "unknown field `https`"),
        ("[http]\nrequests_max = 0", "`$.http.requests_max`"),
        ("[http]\nheartbeat_s = 0.0", "`$.http.heartbeat_s`"),
        ('[http]\nlisten = ""\nsocket = ""', "neither http.listen nor http.socket"),
        ('[http]\ntls_cert = "c"', "there is only one"),
        ("[http", "is no TOML"),
        (f'[http]\ntoken = "{SECRET}"', "unknown field `token`"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(
    tmp_path: Path, text: str, words: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        load(written(tmp_path, text), {})
    assert words in str(caught.value)
    assert SECRET not in str(caught.value)
    assert os.EX_CONFIG == caught.value.exit_code


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"WEFT_HTTP__REQUESTS_MAX": "many"}, "The environment is wrong"),
        ({"WEFT_HTTP__LISTENS": "x"}, "unknown field `listens`"),
        ({"WEFT_HTTPS__LISTEN": "x"}, "unknown field `https`"),
    ],
)
def test_what_is_wrong_in_the_environment_is_told(
    environment: dict[str, str], words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        load(environment=environment)


def test_what_is_shown_is_a_file_that_means_the_same(tmp_path: Path) -> None:
    given = {
        "WEFT_DAEMON__DATA": 'a "quoted" \\ ü',
        "WEFT_HTTP__CORS_ORIGINS": "https://a.example",
        "WEFT_HTTP__TIMEOUT_S": "2.5",
    }
    config = load(environment=given)
    assert config == load(written(tmp_path, to_toml(config)), {})


def test_a_credential_of_systemd_is_the_file_of_tokens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert load(environment={}).http.token_path is None
    (tmp_path / "weft-tokens").touch()
    assert tmp_path / "weft-tokens" == load(environment={}).http.token_path
    given = {"WEFT_HTTP__TOKEN_FILE": "${CREDENTIALS_DIRECTORY}/other"}
    assert tmp_path / "other" == load(environment=given).http.token_path


# -- the command ---------------------------------------------------------------------


def run_config(*arguments: object, **variables: str) -> Any:
    return run_weft("config", *arguments, env=environment(**variables))


def test_show_prints_the_whole_configuration(tmp_path: Path) -> None:
    path = written(tmp_path, "[http]\nrequests_max = 7\n")
    done = run_config("show", "--config", path, WEFT_DAEMON__DATA="d")
    assert (0, "") == (done.returncode, done.stderr)
    assert {"requests_max = 7", 'data = "d"', "# tls_key ="} <= set(
        done.stdout.splitlines()
    )
    as_json = run_config("show", "--config", path, "-o", "json")
    assert 7 == json.loads(as_json.stdout)["http"]["requests_max"]


def test_no_secret_is_ever_shown(tmp_path: Path) -> None:
    tokens = tmp_path / "tokens"
    tokens.touch(mode=0o600)
    tokens.write_text(SECRET)
    path = written(tmp_path, f'[http]\ntoken_file = "{tokens}"\n')
    for command in ("show", "check"):
        done = run_config(command, "--config", path)
        assert 0 == done.returncode
        assert SECRET not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("text", "exit_code", "words"),
    [
        ("", 0, "can be used"),
        ('[http]\ntoken_file = "none"', 78, "No such file"),
        ('[http]\ntls_cert = "none"\ntls_key = "none"', 78, "cannot be used"),
        ('[http]\nlisten = "0.0.0.0:1"', 77, "other machines"),
        ("[http]\nlisten = 1", 78, "$.http.listen"),
    ],
)
def test_check_tells_whether_a_daemon_could_begin(
    tmp_path: Path, text: str, exit_code: int, words: str
) -> None:
    done = run_config("check", "--config", written(tmp_path, text))
    assert (exit_code, "") == (done.returncode, done.stdout)
    assert words in done.stderr


def test_the_schema_describes_every_key() -> None:
    done = run_config("schema")
    described = json.loads(done.stdout)["$defs"]["HttpConfig"]["properties"]
    assert {field.name for field in msgspec.structs.fields(Config().http)} == set(
        described
    )
