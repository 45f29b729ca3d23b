"""Tokens are read from a private file, and found in constant time."""

import os
from pathlib import Path

import pytest

from tests.daemon.http.asking import ADMIN, ALICE, READER, token_file
from weft.daemon.http.principals import ANYBODY, SCOPES, Principal
from weft.daemon.http.tokens import TokenError, Tokens, read_tokens


def test_a_token_says_who_asks(tmp_path: Path) -> None:
    tokens = Tokens(token_file(tmp_path))
    assert Principal("admin", SCOPES) == tokens.find(ADMIN)
    assert Principal("reader", frozenset({"read"})) == tokens.find(READER)
    alice = Principal("token 4", frozenset({"read", "write"}), "alice")
    assert alice == tokens.find(ALICE)
    for wrong in ("", "x", ADMIN[:-1], f"{ADMIN} ", "\udcff"):
        assert tokens.find(wrong) is None


def test_a_lone_secret_is_a_file_of_tokens(tmp_path: Path) -> None:
    (token,) = read_tokens(token_file(tmp_path, ADMIN))
    assert Principal("token 1", SCOPES, None) == token.principal


def test_an_owner_may_have_spaces(tmp_path: Path) -> None:
    (token,) = read_tokens(token_file(tmp_path, f'{ADMIN} owner="Alice B"'))
    assert "Alice B" == token.principal.owner


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no tokens"),
        ("# nothing\n\n", "no tokens"),
        ("short", "fewer than 16"),
        (f"{ADMIN}\n{ADMIN} owner=a", "stands twice"),
        (f"{ADMIN} scopes=read,all", "'all'"),
        (f"{ADMIN} scopes=", "unknown scope"),
        (f"{ADMIN} owner=", "empty owner"),
        (f"{ADMIN} user=a", "'user'"),
        (f"{ADMIN} read", "is no token"),
        (f'{ADMIN} "', "is no token"),
        ("\xff", "no tokens|fewer|cannot be read"),
    ],
)
def test_a_wrong_file_is_refused_without_its_secrets(
    tmp_path: Path, text: str, words: str
) -> None:
    with pytest.raises(TokenError, match=words) as caught:
        read_tokens(token_file(tmp_path, text))
    assert ADMIN not in str(caught.value)
    assert os.EX_CONFIG == caught.value.exit_code


@pytest.mark.parametrize("mode", [0o604, 0o620, 0o644, 0o666, 0o777])
def test_a_file_that_others_can_use_is_refused(tmp_path: Path, mode: int) -> None:
    path = token_file(tmp_path)
    path.chmod(mode)
    with pytest.raises(TokenError, match="chmod 600"):
        read_tokens(path)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(TokenError, match="No such file"):
        read_tokens(tmp_path / "none")


def test_reloading_changes_who_may_ask(tmp_path: Path) -> None:
    path = token_file(tmp_path)
    tokens = Tokens(path)
    before = tokens.find(ALICE)
    assert before is not None
    path.write_text(f"{READER}\n")
    assert 1 == tokens.reload()
    assert tokens.find(ALICE) is None
    assert not tokens.knows(before)
    assert tokens.knows(ANYBODY)


def test_a_wrong_file_leaves_the_tokens_as_they_were(tmp_path: Path) -> None:
    path = token_file(tmp_path)
    tokens = Tokens(path)
    path.write_text("short")
    with pytest.raises(TokenError):
        tokens.reload()
    assert tokens.find(ADMIN) is not None


def test_without_a_file_nobody_needs_one() -> None:
    tokens = Tokens()
    assert not tokens.required
    assert 0 == tokens.reload()
