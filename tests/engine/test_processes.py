"""Workers in processes of their own: killed, orphaned, stopped, and with the same tables as one process makes."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

from i2vbench.engine import choose
from i2vbench.settings import RunConfig
from i2vbench.store import Store
from tests.conftest import INTERRUPTED, Cli, command, environment, make_dataset

WORK = '''
import os, signal, sys, time
from pathlib import Path
import numpy as np
from i2vbench.metrics.base import Metric
from i2vbench.models.base import Model
from i2vbench.types import Cell, Measurement, MetricInfo, ModelInfo, Video

HERE = Path(__file__).parent

def note(kind):
    (HERE / "pids").mkdir(exist_ok=True)
    (HERE / "pids" / f"{kind}-{os.getpid()}").touch()

class Slow(Model):
    """Noise whose last bits depend on the batch, as a network's do."""
    info = ModelInfo(name="slow", title="", max_batch=3)
    def generate(self, requests):
        note("generate")
        print("a model prints what it likes")
        time.sleep(float(os.environ.get("SECONDS_A_BATCH", "0")))
        size = (requests[0].num_frames, requests[0].height, requests[0].width, 3)
        return [Video(np.random.default_rng(r.seed + len(requests)).integers(0, 256, size, np.uint8), r.fps)
                for r in requests]

class Deadly(Slow):
    """Kills its process on one clip."""
    info = ModelInfo(name="deadly", title="", max_batch=3)
    def generate(self, requests):
        if any(r.sample_id == "clip-4" for r in requests):
            os.kill(os.getpid(), signal.SIGKILL)
        return super().generate(requests)

class Paid(Slow):
    """Must be held by the process that directs the run."""
    info = ModelInfo(name="paid", title="", max_batch=3)
    one_holder = True

class Broken(Slow):
    info = ModelInfo(name="broken", title="", max_batch=3)
    def generate(self, requests):
        raise RuntimeError("a fault of its own")

class Elsewhere(Slow):
    """Cannot be made in another process than the first."""
    info = ModelInfo(name="elsewhere", title="", max_batch=3)
    def __init__(self):
        if "multiprocessing.spawn" in sys.modules and os.environ.get("FIRST") != str(os.getpid()):
            from i2vbench.errors import UserError
            raise UserError("there is no repository here")
        os.environ["FIRST"] = str(os.getpid())

class Colours(Metric):
    """Features, compared with the real clips'."""
    info = MetricInfo(id="colours", title="Colours", direction="lower", reads=frozenset({"video", "reference"}))
    def measure(self, clips):
        note("measure")
        return [Measurement(c.sample.id, "colours", features=c.video.frames.mean((0, 1, 2))) for c in clips]
    def aggregate(self, generated, reference=None):
        ours, real = [m.features for m in generated], [m.features for m in reference]
        return Cell(float(np.linalg.norm(np.mean(ours, 0) - np.mean(real, 0))), len(ours))
'''


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tests.conftest import SMALL_PROFILE

    folder = tmp_path_factory.mktemp("processes")
    make_dataset(folder / "data", num_clips=11, num_images=2, categories=("Pet", "Food", "Music"))
    (folder / "small.toml").write_text(SMALL_PROFILE)
    (folder / "work.py").write_text(WORK)
    return folder


def arguments(out: str, model: str = "Slow", devices: str = "cpu,cpu") -> list[str]:
    return command(
        "run", "--model", f"work.py:{model}", "--model", "pan", "--metrics", "temporal_flickering,work.py:Colours",
        "--dataset", "folder:data", "--profile", "small.toml", "--seed", "0", "--seed", "1",
        "--batch-size", "3", "--devices", devices, "--out", out,
    )  # fmt: skip


def call(place: Path, *args: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        arguments(*args), cwd=place, env=environment() | more, capture_output=True, text=True, timeout=120, check=False
    )


def tables(run: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((run / "tables").iterdir())}


@pytest.fixture(scope="module")
def whole(place: Path) -> dict[str, bytes]:
    """The tables that one process makes."""
    done = call(place, "whole", "Slow", "cpu")
    assert done.returncode == 0, done.stderr
    return tables(place / "whole")


def pids(place: Path) -> set[int]:
    return {int(path.name.partition("-")[2]) for path in (place / "pids").iterdir()}


@pytest.fixture(autouse=True)
def no_pids(place: Path, whole: dict[str, bytes]) -> None:
    for path in (place / "pids").iterdir():
        path.unlink()


def begin(place: Path, out: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        arguments(out), cwd=place, env=environment() | {"SECONDS_A_BATCH": "0.4"}, text=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip


def at_work(place: Path, begun: subprocess.Popen[str], count: int) -> set[int]:
    """The processes that generate, once there are so many."""
    for _ in range(600):
        found = {int(path.name.partition("-")[2]) for path in (place / "pids").glob("generate-*")}
        if len(found) >= count:
            return found
        assert begun.poll() is None, begun.stderr and begun.stderr.read()
        time.sleep(0.05)
    raise AssertionError("nobody works")


def gone(pid: int) -> bool:
    for _ in range(100):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False


def test_two_processes_make_the_tables_of_one(place: Path, whole: dict[str, bytes]) -> None:
    done = call(place, "two", "Slow", "cpu,cpu")
    assert done.returncode == 0, done.stderr
    assert len(pids(place)) == 2
    assert "a model prints" not in done.stdout
    assert tables(place / "two") == whole


def test_a_killed_worker_is_replaced(place: Path, whole: dict[str, bytes]) -> None:
    begun = begin(place, "killed")
    victims = at_work(place, begun, 2)
    for victim in victims:
        os.kill(victim, signal.SIGKILL)
    _, told = begun.communicate(timeout=120)
    assert begun.returncode == 0, told
    for victim in victims:
        assert f"the worker on cpu (process {victim}) was lost; its clips are done again by others" in told
    assert len(pids(place)) == 4
    assert tables(place / "killed") == whole
    assert not list((place / "killed").rglob(".*")), "nothing unfinished is left"


def test_no_worker_outlives_the_run(place: Path, whole: dict[str, bytes]) -> None:
    begun = begin(place, "orphans")
    workers = at_work(place, begun, 2)
    begun.kill()
    begun.wait()
    assert all(gone(pid) for pid in workers)
    assert call(place, "orphans").returncode == 0
    assert tables(place / "orphans") == whole


def test_ctrl_c_ends_it_after_the_batches_at_hand(place: Path, whole: dict[str, bytes]) -> None:
    begun = begin(place, "stopped")
    at_work(place, begun, 2)
    os.killpg(begun.pid, signal.SIGINT)  # as a terminal does: to the workers, too
    _, told = begun.communicate(timeout=60)
    assert begun.returncode in INTERRUPTED, told
    assert "lost" not in told
    with Store.open(place / "stopped") as store:
        states = {clip.state for clip in store.clips("slow")}
    assert states == {"done", "owed"}
    assert call(place, "stopped").returncode == 0
    assert tables(place / "stopped") == whole


def test_ctrl_c_while_workers_begin_says_no_more_than_how_to_go_on(place: Path) -> None:
    begun = begin(place, "early")
    children = ("pgrep", "-f", "-P", str(begun.pid), "spawn_main")
    while subprocess.run(children, stdout=subprocess.DEVNULL, check=False).returncode:
        assert begun.poll() is None
        time.sleep(0.02)
    time.sleep(0.5)  # until Python runs there, and imports
    os.killpg(begun.pid, signal.SIGINT)
    _, told = begun.communicate(timeout=60)
    assert begun.returncode in INTERRUPTED, told
    assert "Traceback" not in told
    assert "Go on with" in told.splitlines()[-1]


def test_a_clip_that_kills_its_process_costs_its_batch(place: Path) -> None:
    done = call(place, "deadly", "Deadly")
    assert done.returncode == 1, done.stderr
    with Store.open(place / "deadly") as store:
        failed = {(clip.sample_id, clip.reason) for clip in store.clips("deadly") if clip.state == "failed"}
        assert {reason for _, reason in failed} == {"3 workers died of it"}
        assert "clip-4" in {id_ for id_, _ in failed}
        assert len(failed) <= 6, "two batches of three, one of each seed"


def test_what_one_process_alone_may_hold_stays_there_and_tracebacks_come_there(place: Path) -> None:
    begun = subprocess.Popen(
        [*arguments("mixed", "Paid"), "--model", "work.py:Broken"], cwd=place, env=environment(),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    printed, told = begun.communicate(timeout=120)
    assert begun.returncode == 1, told
    assert "a model prints" not in printed
    assert [path.name for path in (place / "pids").glob("generate-*")] == [f"generate-{begun.pid}"]
    assert begun.pid not in {int(path.name.partition("-")[2]) for path in (place / "pids").glob("measure-*")}
    log = (place / "mixed" / "log.txt").read_text()
    assert re.search(r"on cpu \(process \d+\): broken: generate failed", log)
    assert "Traceback" in log
    assert "RuntimeError: a fault of its own" in log


def test_what_cannot_be_made_there_ends_the_run_with_its_reason(place: Path) -> None:
    done = call(place, "elsewhere", "Elsewhere")
    assert (done.returncode, done.stderr.splitlines()[-1]) == (2, "i2vbench: there is no repository here")


@pytest.mark.parametrize(
    ("devices", "told"),
    [
        ("gpu", "--devices 'gpu': expected"),
        ("cuda:7", "finds no such GPU"),
        ("cpu,cuda:0", "expected one kind"),
        ("auto", "expected devices by name"),
    ],
)
def test_devices_that_are_not_there_are_refused(cli: Cli, place: Path, devices: str, told: str) -> None:
    done = call(place, "refused", "Slow", devices)
    assert done.returncode == 2
    assert told in done.stderr
    assert not (place / "refused").exists()


def test_devices_and_another_device_are_refused(cli: Cli, place: Path) -> None:
    done = cli("run", "--model", "static", "--dataset", "demo", "--device", "cpu", "--devices", "cuda:0,cuda:1")
    assert done.returncode == 2
    assert "leave --device out" in done.stderr


def test_which_gpu_did_the_work_is_not_part_of_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.device_count", lambda: 4)
    by_number = choose(RunConfig(models=("static",), device="cuda:3"))
    assert by_number.device("cuda:3") == "cuda"
    one_of_many = choose(RunConfig(models=("static",), devices=("cuda:0",)))
    assert one_of_many.device("auto") == "cuda"
