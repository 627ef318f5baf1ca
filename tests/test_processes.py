"""A process that is forked for a test is told from a new one by nothing that a test looks at."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import processes
from tests.conftest import command, environment

LOOK = """
import os, sys
print(sys.argv, os.getcwd(), sys.path[0], os.environ["I2VBENCH_X"], os.environ.get("PYTHONHASHSEED"), __name__)
print([name for name in sys.modules if name.startswith("i2vbench")], sys.stdin.read(), sys.stdout.isatty())
"""


@pytest.fixture(scope="module")
def server() -> Iterator[processes._Server]:
    """One of our own: what the others were started with is another test's."""
    server = processes._Server(3)
    server.start(environment())
    yield server
    server.stop()


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["-c", LOOK, "some", "words"], 0),
        (["-c", "import sys; print('half', end=''); sys.exit(3)"], 3),
        (["-c", "import sys; sys.exit('a reason')"], 1),
        (["-c", "import atexit, threading, time; atexit.register(print, 'last')\n"
                "threading.Thread(target=lambda: (time.sleep(0.05), print('before'))).start()"], 0),
        (["-c", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"], -signal.SIGKILL),
        (["-c", "import os, signal; os.kill(os.getpid(), signal.SIGTERM)"], -signal.SIGTERM),
        (["-m", "i2vbench", "run", "--model", "statik"], 2),
    ],
)  # fmt: skip
def test_it_does_what_a_new_one_does(
    server: processes._Server, tmp_path: Path, arguments: list[str], code: int
) -> None:
    whole = [sys.executable, *arguments]
    env = environment() | {"I2VBENCH_X": "of this call"}
    new = subprocess.run(
        whole, cwd=tmp_path, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    forked = server.run(whole, tmp_path, env, 60)
    assert (forked.returncode, forked.stdout, forked.stderr) == (code, new.stdout, new.stderr)
    assert new.returncode == code


def test_what_is_not_caught_has_its_traceback(server: processes._Server) -> None:
    done = server.run([sys.executable, "-c", "1 / 0"], Path.cwd(), environment(), 60)
    assert done.returncode == 1
    assert done.stderr.startswith("Traceback (most recent call last)")
    assert done.stderr.endswith("ZeroDivisionError: division by zero\n")


def test_one_that_takes_too_long_is_killed_and_the_next_runs(server: processes._Server, tmp_path: Path) -> None:
    code = "import os, time; open('pid', 'w').write(str(os.getpid())); time.sleep(60)"
    with pytest.raises(subprocess.TimeoutExpired):
        server.run([sys.executable, "-c", code], tmp_path, environment(), 1)
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)
    assert server.run(command("--version"), tmp_path, environment(), 60).returncode == 0


def test_another_environment_needs_a_new_process(server: processes._Server) -> None:
    assert server.suits(environment() | {"I2VBENCH_CACHE": "/elsewhere"})
    assert not server.suits(environment() | {"HF_HOME": "/elsewhere"})
    assert not server.suits({name: value for name, value in environment().items() if name != "HF_HUB_OFFLINE"})
