"""External models by the command line: a run, its record, kill -9 and going on, and the files to begin with."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from i2vbench.errors import UserError
from i2vbench.models.external.adapter import External
from i2vbench.models.external.reading import Places
from i2vbench.progress import Quiet
from i2vbench.run import Outcome, run
from i2vbench.settings import RunConfig
from i2vbench.store import Store
from tests.conftest import Cli, command, environment, make_dataset
from tests.models.external.conftest import HEAD, WAYS
from tests.models.external.repositories import make_repository, records
from tests.models.external.test_processes import is_running

OPTIONS = ("--metrics", "temporal_flickering", "--device", "cpu", "--out", "run")


@pytest.fixture
def home(tmp_path: Path, small_profile_file: Path, log: Path) -> Path:
    """A folder with a data set, a profile, the repository and its file."""
    make_dataset(tmp_path / "data", num_clips=3, num_images=0)
    make_repository("plain", tmp_path)
    write(tmp_path, "server", "steps = 20")
    return tmp_path


def write(home: Path, mode: str, config: str, seconds: int = 60, more: str = "") -> None:
    text = f"{HEAD.format(seconds=seconds, memory=0)}[config]\n{config}\n{WAYS[mode]}{more}"
    (home / "mine.toml").write_text(text)


def arguments(home: Path) -> list[str]:
    return [
        *("run", "--model", "external:mine.toml", "--dataset", f"folder:{home / 'data'}"),
        *("--profile", str(home / "small.toml"), *OPTIONS),
    ]


def until(condition: object, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < end
        time.sleep(0.05)


def run_here(home: Path) -> Outcome:
    """The same run in this process, which has imported already what it needs."""
    config = RunConfig(
        models=("external:mine.toml",), metrics=("temporal_flickering",), dataset=f"folder:{home / 'data'}",
        profile=str(home / "small.toml"), device="cpu", out=Path("run"),
    )  # fmt: skip
    return run(config, Quiet())


def test_a_run_and_its_record(home: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    done = cli(*arguments(home))
    assert done.returncode == 0, done.stderr
    assert "mine: weights are loaded" in (home / "run" / "log.txt").read_text()
    recorded = json.loads((home / "run" / "run.json").read_text())["models"]["mine"]
    assert recorded["settings"]["config"] == {"steps": 20}
    assert recorded["settings"]["versions"]["numpy"]
    assert "plain" not in json.dumps({**recorded, "spec": ""})  # no path of this machine
    assert "seconds" not in json.dumps(recorded)
    assert [path.name for path in (home / "run" / "models" / "mine").iterdir()] == ["lock"]
    write(home, "server", "steps = 20", seconds=50)  # what decides no video may change
    (home / "plain" / ".venv").rename(home / "plain" / "venv")
    monkeypatch.chdir(home)
    assert run_here(home).failed == 0
    write(home, "server", "steps = 25")
    with pytest.raises(UserError, match=r"models\.mine\.settings\.config\.steps: 20 there, 25 here"):
        run_here(home)
    write(home, "server", "steps = 20")
    with open(home / "plain" / "faults.py", "a") as file:
        file.write("# a change\n")
    with pytest.raises(UserError, match=r"models\.mine\.settings\.code\.python_files_sha256"):
        run_here(home)


@pytest.mark.parametrize("end", ["kill -9", "Ctrl-C twice"])
def test_a_killed_run_leaves_nothing_behind_and_goes_on(end: str, home: Path, cli: Cli, log: Path) -> None:
    (home / "plain" / "FAULT").write_text("hangs at second")
    process = subprocess.Popen(
        command(*arguments(home)), cwd=home, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    until(lambda: any("children" in one for one in records(log)))
    pids = [pid for one in records(log) for pid in [*one.get("children", []), *filter(None, [one.get("loaded")])]]
    assert len(pids) == 3
    assert all(map(is_running, pids))
    if end == "kill -9":
        process.kill()
    else:
        process.send_signal(signal.SIGINT)
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
    process.wait(30)
    until(lambda: not any(map(is_running, pids)), 20)
    if end != "kill -9":
        return
    (home / "plain" / "FAULT").unlink()
    assert len(list((home / "run" / "models" / "mine").glob("work-*"))) == 1
    done = cli("run", "--resume", "--out", "run")
    assert done.returncode == 0, done.stderr
    assert not list((home / "run" / "models" / "mine").glob("work-*"))  # what was left was cleared away
    assert len(list((home / "run" / "videos" / "mine").glob("*.mp4"))) == 3
    assert sum(one.get("prompt") == "clip number 0." for one in records(log)) == 1  # what was done is kept


def test_failures_have_reasons_in_the_run(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(home, "batch", "steps = 20")
    text = (home / "data" / "metadata.csv").read_text()
    (home / "data" / "metadata.csv").write_text(
        text.replace("clip number 1.", "crash").replace("clip number 2.", "short")
    )
    monkeypatch.chdir(home)
    assert run_here(home).failed == 2
    with Store.open(home / "run") as store:
        reasons = [str(clip.reason) for clip in store.clips("mine")]
    assert "ended with exit code 3; it said last: " in reasons[1]
    assert "returned 3 frames of 32 x 48 pixels; asked for were 4 frames" in reasons[2]
    kept = list((home / "run" / "models" / "mine").glob("work-*/*/list.jsonl"))
    assert kept


def test_files_to_begin_with(tmp_path: Path, cli: Cli, log: Path) -> None:
    made = cli("adapter", "new", "mine", "--from", "external")
    assert made.stdout.splitlines() == [
        "wrote mine.toml and mine_driver.py", "next: i2vbench adapter check external:mine.toml",
    ]  # fmt: skip
    checked = cli("adapter", "check", "external:mine.toml", "--device", "cpu")
    assert checked.stdout.splitlines()[-1] == "external:mine.toml keeps the contract"
    assert "equal to the byte" in checked.stdout
    repository = make_repository("seine", tmp_path)
    assert cli("adapter", "new", "my_seine", "--from", "seine").returncode == 0
    text = (tmp_path / "my_seine.toml").read_text()
    assert f'repository = "{repository.name}"' in text
    assert "# num_sampling_steps = 250" in text
    found = Places(External(str(tmp_path / "my_seine.toml")).described)
    assert (found.repository, found.python) == (repository, str(repository / ".venv" / "bin" / "python"))
    refused = cli("adapter", "new", "other", "--from", "sein")
    assert refused.returncode == 2
    assert "did you mean seine" in refused.stderr


def test_the_demo_by_a_shipped_word(tmp_path: Path, cli: Cli, log: Path) -> None:
    """As a user names it, at the model's own size; the protocol brings it to 256 x 256."""
    repository = make_repository("dynamicrafter-512", tmp_path)
    done = cli(
        *("run", "--model", f"external:dynamicrafter-512={repository}", "--dataset", "demo", "--limit", "2"), *OPTIONS
    )
    assert done.returncode == 0, done.stderr
    recorded = json.loads((tmp_path / "run" / "run.json").read_text())["models"]["dynamicrafter-512"]
    assert recorded["argument"] == "dynamicrafter-512"
    assert (recorded["info"]["height"], recorded["info"]["width"]) == (320, 512)
    assert os.listdir(tmp_path / "run" / "videos") == ["dynamicrafter-512"]
