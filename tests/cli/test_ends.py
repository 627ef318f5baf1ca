"""How commands end: refusals of one form, and one exit code for each end."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from i2vbench.registry import METRICS
from tests.cli.inside import Inside, call_inside
from tests.conftest import environment
from tests.tables.runs import FLICKERING, RunSpec, make_run, sample

I2VBENCH = [sys.executable, "-m", "i2vbench"]


@pytest.fixture
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Inside:
    return call_inside(tmp_path, monkeypatch, capsys)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("runn", "no command 'runn' of i2vbench: did you mean run? (see `i2vbench --help`)"),
        ("data chekc", "no command 'chekc' of i2vbench data: did you mean check? (see `i2vbench data --help`)"),
        ("reproduce figre4", "no command 'figre4' of i2vbench reproduce: did you mean figure4"),
        ("table", "missing argument 'RUN' (see `i2vbench table --help`)"),
        ("generate --model static --out a.mp4", "missing option '--image' (see `i2vbench generate --help`)"),
        ("run --modell static", "no option --modell: did you mean --model"),
        ("table run --metric fvd", "no option --metric: did you mean --metrics? (see `i2vbench table --help`)"),
        ("run --workers 0", "--workers 0: expected a whole number, 1 or more"),
        ("run --limit many", "--limit 'many': expected a whole number, 1 or more"),
        ("run --limit 2.5", "--limit '2.5': expected a whole number, 1 or more"),
        ("run --seed 9999999999", "--seed 9999999999: expected a whole number from 0 to 2147483647"),
        ("run --gpus-per-worker nan", "--gpus-per-worker nan: expected a number from 0 to 1"),
        ("run --gpus-per-worker 2", "--gpus-per-worker 2: expected a number from 0 to 1"),
        ("generate --model static --image a.png --out a.mp4 --guidance x", "--guidance 'x': expected a number"),
        ("run --model", "--model: expected a value"),
        ("run --quiet=yes", "--quiet: expected no value"),
        ("weights fetch --for metric", "--for: expected 2 values"),
        ("run --model static --profile gone.toml", "profile gone.toml: no such file"),
        ("run --model static extra", "(extra) (see `i2vbench run --help`)"),
        ("run --model static --reader opencv", "--reader 'opencv': expected pyav or decord"),
        ("table run --format excel", "unknown format 'excel'"),
        ("show nowhere", "nowhere is not a run"),
    ],
)
def test_a_refusal_is_one_line_on_standard_error(inside: Inside, line: str, says: str) -> None:
    done = inside(*line.split())
    assert done.code == 2
    assert done.stdout == ""
    assert done.stderr.startswith("i2vbench: "), done.stderr
    assert says.lower() in done.stderr.lower()
    assert len(done.stderr.splitlines()) == 1
    assert not re.search(r"Error|Usage|Traceback|\.$", done.stderr.strip())


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["run", "--metrics", ""], "--metrics '': is empty; expected a value, or no --metrics"),
        (["run", "--metrics", "fvd", "--metrics", " , "], "--metrics ' , ': is empty"),
        (["run", "--model", "static", "--out", ""], "--out '': is empty"),
        (["run", "--limit="], "--limit '': is empty"),
        (["clips", "run", "fvd", "--model", ""], "--model '': is empty"),
        (["table", ""], "RUN '': is empty; expected a value"),
        (["table", "run", ""], "RUN '': is empty"),
        (["weights", "fetch", "--for", "metric", ""], "--for '': is empty"),
        (["data", "check", ""], "PATH '': is empty"),
    ],
)
def test_an_empty_value_is_refused(inside: Inside, words: list[str], says: str) -> None:
    """A script's variable that is not set: it never stands for the default."""
    done = inside(*words)
    assert (done.code, done.stdout) == (2, "")
    assert done.stderr.startswith(f"i2vbench: {says}")
    assert inside(*words, "--help").code == 0


def test_a_prompt_may_be_empty(inside: Inside) -> None:
    done = inside("generate", "--model", "static", "--image", "gone.png", "--out", "a.mp4", "--prompt", "")
    assert "gone.png" in done.stderr


@pytest.mark.parametrize(
    "words", [[], ["data"], ["human"], ["--help"], ["--version"], ["run", "--help"], ["data", "--help"]]
)
def test_help_is_a_result(inside: Inside, words: list[str]) -> None:
    done = inside(*words)
    assert (done.code, done.stderr) == (0, "")
    assert done.stdout


@pytest.mark.parametrize(
    "line",
    ["table paper --table 6", "figures paper", "validate-metrics", "train-tiny raft", "adapter new mine",
     "human serve", "leaderboard build", "data stats demo", "compare run --format csv", "export vbench run"],
)  # fmt: skip
@pytest.mark.parametrize(
    ("out", "says"), [("file", "is a file, not a folder"), ("file/new", "cannot be written: ")], ids=["file", "in_it"]
)
def test_a_folder_that_cannot_be_is_refused_as_it_was_named(
    inside: Inside, tmp_path: Path, line: str, out: str, says: str
) -> None:
    (tmp_path / "file").write_text("mine")
    make_run(tmp_path / "run", RunSpec([sample("a", "Pet")], {(FLICKERING, "pan"): (0.5,)}, ("pan",)))
    done = inside(*line.split(), "--out", out)
    assert (done.code, done.stdout) == (2, "")
    assert done.stderr.startswith(f"i2vbench: --out {out}: {says}")
    assert (tmp_path / "file").read_text() == "mine"


def test_what_there_is_as_json(inside: Inside) -> None:
    assert {"static", "pan"} <= {row["name"] for row in json.loads(inside("models", "--json").stdout)}
    needs_none = [row["name"] for row in json.loads(inside("metrics", "--json").stdout) if "no checkpoint" in str(row)]
    facts = {name: json.loads(inside("metrics", name, "--json").stdout) for name in METRICS.builtin}
    named = [name for name, one in facts.items() if not ({"checkpoints", "features_of"} & set(one))]
    assert [name.partition("[")[0] for name in needs_none] == named
    assert json.loads(inside("models", "consisti2v", "--json").stdout)["settings"]["steps"] == 50
    assert len(json.loads(inside("datasets", "demo", "--json").stdout)["categories"]["Pet"]) == 1


@pytest.mark.parametrize("line", ["data stats synthetic:2", "table paper --table 6", "figures paper --kind radar"])
def test_quiet_prints_nothing_and_json_is_printed_all_the_same(inside: Inside, line: str) -> None:
    done = inside(*line.split(), "--quiet")
    assert done == type(done)(0, "", "")
    if not line.startswith("figures"):
        assert json.loads(inside(*line.split(), "--quiet", "--json").stdout)


def test_nobody_reads_on(tmp_path: Path) -> None:
    """`| head -1`: no error, no word, whether the reader goes before all is printed or after."""
    command = f"set -o pipefail; {sys.executable} -m i2vbench weights | head -1"
    done = subprocess.run(
        ["bash", "-c", command], cwd=tmp_path, env=environment(), capture_output=True, text=True, check=False
    )
    assert done.stdout.startswith("checkpoint")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="a disk that is always full")
def test_a_full_disk_is_one_sentence(tmp_path: Path) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [*I2VBENCH, "models"], cwd=tmp_path, env=environment(), stdout=full, stderr=subprocess.PIPE, text=True,
            check=False,
        )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.startswith("i2vbench: writing failed: No space left on device")
    assert len(done.stderr.splitlines()) == 1


def test_stopped_by_ctrl_c(tmp_path: Path) -> None:
    drawing = subprocess.Popen(
        [*I2VBENCH, "data", "draw", "drawn", "--count", "1000000"], cwd=tmp_path, env=environment(),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        end = time.monotonic() + 120
        while not any(tmp_path.glob("drawn/*.mp4")):
            assert drawing.poll() is None, drawing.communicate()
            assert time.monotonic() < end
            time.sleep(0.05)
        drawing.send_signal(signal.SIGINT)
        out, err = drawing.communicate(timeout=120)
    finally:
        drawing.kill()  # or it draws on until the disk is full
    assert (drawing.returncode, out) == (130, "")
    assert err == "i2vbench: stopped\n"


def test_stopped_by_ctrl_c_while_the_command_line_is_imported(tmp_path: Path) -> None:
    code = """
import os, signal, sys
from i2vbench import __main__

class Interrupts:
    def find_spec(self, name, path=None, target=None):
        if name == "i2vbench.cli.ends":
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupts())
__main__.main()
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment(), capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "i2vbench: stopped\n")


def test_what_was_begun_is_taken_away_on_sigterm(tmp_path: Path) -> None:
    """A command that cleans up after SIGTERM still ends with its code."""
    code = """
import os, signal, sys
from pathlib import Path
from i2vbench.leaderboards.site import build
from i2vbench import cli

def begun(entries, out, title):
    os.kill(os.getpid(), signal.SIGTERM)
    signal.pause()

build.build_site = begun
sys.argv = ["i2vbench", "leaderboard", "build", "--out", "site"]
cli.main()
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment(), capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (143, "", "i2vbench: stopped\n")
