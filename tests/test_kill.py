"""Nothing is lost: killed at any instant, a run resumes and ends with the tables of an uninterrupted one."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from pathlib import Path

import pytest

from i2vbench.store import Store
from tests import processes
from tests.conftest import command, environment, make_dataset

KILLS = 20

WORK = '''
import time
import numpy as np
from i2vbench.metrics.base import Metric
from i2vbench.models.base import Model
from i2vbench.types import Cell, Measurement, MetricInfo, ModelInfo, Video

class Slow(Model):
    """Noise whose last bits depend on the batch, as a network's do: a batch must come back whole."""
    info = ModelInfo(name="slow", title="", max_batch=3)
    def generate(self, requests):
        time.sleep(0.05)
        size = (requests[0].num_frames, requests[0].height, requests[0].width, 3)
        return [Video(np.random.default_rng(r.seed + len(requests)).integers(0, 256, size, np.uint8), r.fps)
                for r in requests]

class Colours(Metric):
    """Features, compared with the real clips'."""
    info = MetricInfo(id="colours", title="Colours", direction="lower", reads=frozenset({"video", "reference"}))
    def measure(self, clips):
        time.sleep(0.02)
        return [Measurement(c.sample.id, "colours", features=c.video.frames.mean((0, 1, 2))) for c in clips]
    def aggregate(self, generated, reference=None):
        ours, real = [m.features for m in generated], [m.features for m in reference]
        return Cell(float(np.linalg.norm(np.mean(ours, 0) - np.mean(real, 0))), len(ours))
'''


def arguments(tmp_path: Path, out: str) -> list[str]:
    return command(
        "run", "--model", "work.py:Slow", "--model", "pan", "--metrics", "temporal_flickering,work.py:Colours",
        "--dataset", "folder:data", "--profile", "small.toml", "--device", "cpu", "--seed", "0", "--seed", "1",
        "--batch-size", "3", "--out", out,
    )  # fmt: skip


@pytest.fixture
def place(tmp_path: Path, small_profile_file: Path) -> Path:
    make_dataset(tmp_path / "data", num_clips=11, num_images=2, categories=("Pet", "Food", "Music"))
    (tmp_path / "work.py").write_text(WORK)
    return tmp_path


def tables(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((folder / "tables").rglob("*")) if path.is_file()}


def test_killed_twenty_times_a_run_ends_with_the_same_tables(place: Path) -> None:
    whole = subprocess.Popen(
        arguments(place, "whole"), cwd=place, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    assert whole.stderr is not None
    whole.stderr.readline()
    began = time.monotonic()
    said = whole.stderr.read()
    assert whole.wait() == 0, said
    most_seconds = max(0.25, (time.monotonic() - began) / 10)  # a slow machine does as much between kills
    clock = random.Random(2024)
    killed = 0
    states = set()
    for _ in range(KILLS):
        process = subprocess.Popen(
            arguments(place, "killed"), cwd=place, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        assert process.stderr is not None
        process.stderr.readline()  # the first line comes when the work begins; before it, only Python would be killed
        time.sleep(clock.uniform(0, most_seconds))
        process.send_signal(signal.SIGKILL)
        process.stderr.close()
        killed += process.wait() == -signal.SIGKILL
        if (place / "killed" / "run.sqlite").exists():
            with Store.open(place / "killed") as store:
                done = sum(clip.state == "done" for clip in store.clips())
                states.add((done, sum(1 for _ in store.measurements())))
    print(f"{killed} of {KILLS} kills landed, at {len(states)} different points of the work")
    assert killed >= KILLS // 2
    assert len(states) >= 4, f"the kills fell at different points of the work: {sorted(states)}"
    resumed = processes.run([*arguments(place, "killed"), "--resume"], cwd=place, env=environment())
    assert resumed.returncode == 0, resumed.stderr
    assert tables(place / "killed") == tables(place / "whole")
    assert len(tables(place / "whole")) >= 8
    assert not list((place / "killed").rglob("*.partial"))


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_stopped_by_hand_a_run_says_how_to_go_on_and_does(place: Path, number: int, code: int) -> None:
    process = subprocess.Popen(
        arguments(place, "run"), cwd=place, env=environment(),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    while not list((place / "run").glob("videos/*/*.mp4")):
        assert process.poll() is None, "it ended before it began"
        time.sleep(0.005)
    process.send_signal(number)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == code
    assert "Go on with: i2vbench run --resume --out run" in errors
    assert "Traceback" not in errors
    assert output == ""
    with Store.open(place / "run") as store:
        left = sum(clip.state == "owed" for clip in store.clips())
    assert left > 0
    resumed = processes.run(command("run", "--resume", "--out", "run", "--quiet"), cwd=place, env=environment())
    assert resumed.returncode == 0, resumed.stderr
    with Store.open(place / "run") as store:
        assert all(clip.state != "owed" for clip in store.clips())


STUCK = """
import time
from i2vbench.models.baselines import Static
from i2vbench.types import ModelInfo
class Stuck(Static):
    info = ModelInfo(name="stuck", title="")
    def generate(self, requests):
        open("begun", "w").close()
        time.sleep(300)
"""


def test_a_second_ctrl_c_ends_at_once(place: Path) -> None:
    (place / "stuck.py").write_text(STUCK)
    process = subprocess.Popen(
        command("run", "--model", "stuck.py:Stuck", "--metrics", "temporal_flickering", "--dataset", "folder:data",
                "--profile", "small.toml", "--device", "cpu", "--out", "stuck"),
        cwd=place, env=environment(), stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    while not (place / "begun").exists():
        assert process.poll() is None, "it ended before it began"
        time.sleep(0.005)
    process.send_signal(signal.SIGINT)
    time.sleep(0.5)
    assert process.poll() is None, "the first one waits for the batch"
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=10)
    assert process.returncode == 130
    assert "Stopping after the batch at hand" in errors
    assert "Go on with: i2vbench run --resume --out stuck" in errors


def test_ctrl_c_to_the_whole_group_fails_no_clip(place: Path) -> None:
    """A terminal sends Ctrl-C to the reader's process too; a clip that it is reading must not be lost by it."""
    pytest.importorskip("decord")
    args = command("run", "--model", "ground_truth", "--model", "pan", "--metrics", "temporal_flickering", "--dataset",
                   "folder:data", "--profile", "small.toml", "--device", "cpu", "--reader", "decord",
                   "--out", "run")  # fmt: skip
    for delay in (0.05, 0.2, 0.4):
        process = subprocess.Popen(
            args, cwd=place, env=environment(), stderr=subprocess.PIPE, text=True, start_new_session=True
        )
        assert process.stderr is not None
        process.stderr.readline()
        time.sleep(delay)
        os.killpg(process.pid, signal.SIGINT)
        process.communicate(timeout=60)
    with Store.open(place / "run") as store:
        assert not [clip.reason for clip in store.clips() if clip.state == "failed"]
