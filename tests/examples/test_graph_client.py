"""``examples/graph_client.mjs`` against ``examples/graph_server.py``, under Node."""

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.daemon.child import REPOSITORY, environment, first_line, weft
from tests.daemon.sdk.javascript import INSTALL_S_MAX, put_beside_the_clients, run
from tests.docs.story import is_shown

EXAMPLE_S_MAX = 30.0
CLIENT = REPOSITORY / "examples" / "graph_client.mjs"


@pytest.fixture
def installed(shared_directory: Path, tmp_path: Path) -> Path:
    """Return a directory with the example, beside the SDK."""
    put_beside_the_clients(shared_directory, tmp_path, CLIENT)
    return tmp_path


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """Return where the example's graph is served, as its docstring says."""
    if find_spec("langgraph") is None:
        pytest.skip("langgraph missing: pip install 'weft[test]'")
    app = ("--app", "examples.graph_server:graphs", "--data", tmp_path / "data")
    with weft(
        "serve", *app, "--listen", "127.0.0.1:0", cwd=REPOSITORY, env=environment()
    ) as daemon:
        yield first_line(daemon).split(" on ")[1].split()[0]
        daemon.terminate()


@pytest.mark.timeout(INSTALL_S_MAX + EXAMPLE_S_MAX)
def test_the_javascript_example_prints_what_it_promises(
    installed: Path, url: str
) -> None:
    lines = CLIENT.read_text(encoding="utf-8").splitlines()
    first = lines.index("//   $ node examples/graph_client.mjs") + 1
    promised = lines[first : lines.index("//", first)]
    expected = "\n".join(line.removeprefix("//   ") for line in promised)
    told = run("node", CLIENT.name, url, cwd=installed, timeout_s=EXAMPLE_S_MAX)
    assert is_shown(expected, told), told
