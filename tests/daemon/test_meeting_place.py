"""The socket where daemons and commands meet: whose it is, and who gets it."""

import os
import signal
import socket
import stat
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.daemon.asking import ask, url_in
from tests.daemon.child import DEADLINE_S, environment, first_line, run_weft, weft
from weft.daemon.listen import ListenError
from weft.daemon.meeting_place import bind_default, default_socket, is_answered

FREE = "127.0.0.1:0"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Return where a daemon of the tests makes its socket."""
    return tmp_path / "weft" / "weft.sock"


@pytest.fixture
def meeting(tmp_path: Path) -> dict[str, str]:
    """Return an environment in which a daemon makes its socket by itself."""
    mine = environment(XDG_RUNTIME_DIR=str(tmp_path))
    del mine["WEFT_HTTP__SOCKET"]
    return mine


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


# -- where ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"XDG_RUNTIME_DIR": "/run/user/7"}, "/run/user/7/weft/weft.sock"),
        (
            {"RUNTIME_DIRECTORY": "/run/weft", "XDG_RUNTIME_DIR": "/run/user/7"},
            "/run/weft/weft.sock",
        ),
        ({"RUNTIME_DIRECTORY": "/run/a:/run/b"}, "/run/a/weft.sock"),
    ],
)
def test_the_place_is_below_the_directory_of_this_user_or_service(
    variables: dict[str, str], expected: str
) -> None:
    assert Path(expected) == default_socket(variables)


def test_without_a_runtime_directory_each_user_has_another_place(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert Path("/run/weft/weft.sock") == default_socket({})
    monkeypatch.setattr(os, "geteuid", lambda: 7)
    assert tmp_path / "weft-7" / "weft.sock" == default_socket({})


# -- whose ---------------------------------------------------------------------------


def test_directory_and_socket_are_this_users_alone(place: Path) -> None:
    with bind_default(place):
        assert (0o700, 0o600) == (mode_of(place.parent), mode_of(place))
        assert is_answered(place)
    assert not place.exists()
    assert not is_answered(place)


def test_the_first_one_has_it_until_its_end(place: Path) -> None:
    with bind_default(place):
        with pytest.raises(ListenError, match="another daemon"), bind_default(place):
            pass
        assert is_answered(place)
    with bind_default(place):
        assert is_answered(place)


def test_a_socket_that_was_put_there_by_name_is_left_alone(place: Path) -> None:
    place.parent.mkdir()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(place))
        listener.listen()
        with pytest.raises(ListenError, match="somebody listens"), bind_default(place):
            pass
        assert is_answered(place)


def test_a_directory_that_others_may_write_to_is_not_used(place: Path) -> None:
    place.parent.mkdir()
    with closing(socket.socket(socket.AF_UNIX)) as listener:
        listener.bind(str(place))
        listener.listen()
        place.parent.chmod(0o777)
        assert not is_answered(place)
        with pytest.raises(ListenError, match="others may write"), bind_default(place):
            pass


def test_a_link_in_place_of_the_directory_is_not_followed(place: Path) -> None:
    elsewhere = place.parent.with_name("elsewhere")
    elsewhere.mkdir()
    place.parent.symlink_to(elsewhere)
    with pytest.raises(ListenError, match="Cannot listen"), bind_default(place):
        pass
    assert [] == list(elsewhere.iterdir())


def test_the_directory_of_somebody_else_is_not_used(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.parent.mkdir(mode=0o700)
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with pytest.raises(ListenError), bind_default(place):
        pass


def test_where_no_directory_can_be_made_it_is_told(tmp_path: Path) -> None:
    with (
        pytest.raises(ListenError, match="No such file"),
        bind_default(tmp_path / "none" / "weft" / "weft.sock"),
    ):
        pass


# -- real daemons --------------------------------------------------------------------


@contextmanager
def serving(
    data: Path, meeting: dict[str, str], *options: str
) -> Iterator[tuple[str, str]]:
    """Serve for the time of a with block; yields what is said before, and the URL."""
    arguments = ("serve", "--data", data, "--listen", FREE, *options)
    with weft(*arguments, env=meeting) as child:
        said = ""
        line = first_line(child)
        while "serving" not in line:
            said, line = said + line, first_line(child)
        yield said + line, url_in(line)
        child.terminate()
        assert 0 == child.wait(DEADLINE_S)


def test_commands_reach_a_daemon_without_being_told_where(
    tmp_path: Path, place: Path, meeting: dict[str, str]
) -> None:
    with serving(tmp_path / "data", meeting) as (said, _):
        assert f"the socket {place}" in said
        assert (0o700, 0o600) == (mode_of(place.parent), mode_of(place))
        assert 0 == run_weft("sessions", "create", "ann", env=meeting).returncode
        assert "ann" in run_weft("sessions", "ls", env=meeting).stdout
    assert not place.exists()


def test_the_second_daemon_says_so_and_goes_on_without(
    tmp_path: Path, place: Path, meeting: dict[str, str]
) -> None:
    with serving(tmp_path / "first", meeting) as (_, first):
        assert 0 == run_weft("sessions", "create", "ann", env=meeting).returncode
        assert 200 == ask(f"{first}/sessions/ann").status
        with serving(tmp_path / "second", meeting) as (said, second):
            reason = f"Cannot listen on {place}: another daemon answers there."
            assert f"weft: {reason} Commands reach this daemon with --url.\n" in said
            assert 200 == ask(f"{second}/readyz").status
            assert 404 == ask(f"{second}/sessions/ann").status
        assert "ann" in run_weft("sessions", "ls", env=meeting).stdout
        named = ("--socket", str(tmp_path / "own.sock"))
        with serving(tmp_path / "second", meeting, *named) as (said, _):
            assert said.count("\n") == 1
            assert 0 == run_weft("status", *named, env=meeting).returncode


def test_the_socket_of_a_killed_daemon_is_taken_over(
    tmp_path: Path, place: Path, meeting: dict[str, str]
) -> None:
    where = ("serve", "--data", tmp_path / "data", "--listen", FREE)
    with weft(*where, env=meeting) as child:
        first_line(child)
        child.send_signal(signal.SIGKILL)
        child.wait(DEADLINE_S)
    assert place.is_socket()
    assert not is_answered(place)
    with serving(tmp_path / "data", meeting) as (said, _):
        assert f"the socket {place}" in said
        assert 0 == run_weft("status", env=meeting).returncode


def test_none_is_made_where_none_is_wanted(
    tmp_path: Path, place: Path, meeting: dict[str, str]
) -> None:
    with serving(tmp_path / "data", meeting, "--no-socket") as (said, _):
        assert "socket" not in said
    assert not place.parent.exists()


def test_to_have_no_other_place_and_not_get_it_is_an_error(
    tmp_path: Path, place: Path, meeting: dict[str, str]
) -> None:
    with bind_default(place):
        alone = ("serve", "--data", tmp_path / "data", "--listen", "")
        done = run_weft(*alone, env=meeting)
    assert os.EX_UNAVAILABLE == done.returncode
    assert "another daemon answers there. Give the daemon another --socket" in (
        done.stderr
    )
    assert not (tmp_path / "data").exists()
