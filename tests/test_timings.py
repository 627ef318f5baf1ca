"""Where time went: what is counted, whose it is, and that nothing stays behind."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from torch import nn
from torch.nn.modules import module as torch_module

from i2vbench import timings
from i2vbench.tables.timings import Account
from i2vbench.timings import Spent, Times, collecting, timed
from tests import parts
from tests.conftest import Cli, Go
from tests.parts import FailsOnOneClip, Noise

LOOKS = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parents[1])!r})
import torch
from tests.parts import One

class Looks(One):
    \"\"\"Through a network.\"\"\"

    def load(self, device, dtype):
        self.network = torch.nn.Sequential(torch.nn.Linear(3, 64), torch.nn.Linear(64, 64))

    def measure(self, clips):
        for clip in clips:
            self.network(torch.from_numpy(clip.video.frames).float())
        return super().measure(clips)
"""


class Clock:
    """A clock that the test winds: the CPU's is at half of it."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def pass_(self, seconds: float) -> None:
        self.seconds += seconds

    def now(self) -> tuple[float, float]:
        return self.seconds, self.seconds / 2


class Takes(nn.Module):
    """Takes some seconds, less those of what it calls, and may end in an error."""

    def __init__(self, clock: Clock, seconds: float, inner: nn.Module | None = None, ends: type | None = None) -> None:
        super().__init__()
        self.clock, self.seconds, self.inner, self.ends = clock, seconds, inner, ends

    def forward(self) -> None:
        self.clock.pass_(self.seconds)
        if self.inner is not None:
            self.inner()
        if self.ends is not None:
            raise self.ends


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(timings, "_now", made.now)
    return made


@pytest.fixture
def counted(clock: Clock) -> Iterator[None]:
    with collecting():
        timings.take()  # what starting took
        yield


def stages() -> dict[tuple[str, str], Spent]:
    times = timings.take()
    assert times is not None
    return dict(times.stages)


@pytest.mark.usefixtures("counted")
def test_a_block_is_charged_for_what_no_other_block_in_it_is(clock: Clock) -> None:
    with timed("read", clips=2):
        clock.pass_(1)
        for _ in range(3):
            with timed("resize"):
                clock.pass_(10)
    assert stages() == {("read", ""): Spent(2, 1.0, 0.5), ("resize", ""): Spent(0, 30.0, 15.0)}


@pytest.mark.usefixtures("counted")
def test_the_outermost_call_of_a_module_is_the_network_s_time(clock: Clock) -> None:
    network = Takes(clock, 4, Takes(clock, 2))
    with timed("measure", "fvd", clips=8):
        clock.pass_(1)
        network()
        clock.pass_(1)
        network()
    assert stages() == {("measure", "fvd"): Spent(8, 14.0, 7.0, 12.0, 6.0)}


@pytest.mark.usefixtures("counted")
@pytest.mark.parametrize("ends", [RuntimeError, SystemExit])
def test_a_module_that_ends_in_an_error_leaves_the_next_ones_counted(clock: Clock, ends: type[BaseException]) -> None:
    with timed("measure", "bad"), pytest.raises(ends):
        Takes(clock, 1, Takes(clock, 1, ends=ends))()
    with timed("measure", "good"):
        Takes(clock, 3)()
    assert stages()["measure", "good"] == Spent(0, 3.0, 1.5, 3.0, 1.5)


@pytest.mark.usefixtures("counted")
def test_threads_are_added_up_and_do_not_see_each_other(clock: Clock) -> None:
    def work() -> None:
        with timed("read", "static", clips=1):
            clock.pass_(1)

    with timed("measure", "fvd"):
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    work()
    found = stages()
    assert found["read", "static"] == Spent(2, 2.0, 1.0)
    assert found["measure", "fvd"].seconds == 1.0  # it has waited, and is charged for that


def test_what_other_processes_spent_is_added(clock: Clock) -> None:
    with collecting():
        timings.take()
        with timed("generate", "pan", clips=8):
            clock.pass_(2)
        timings.merge(Times({("generate", "pan"): Spent(8, 1.0, 1.0), ("load", "pan"): Spent(0, 5.0, 5.0)}, 7.0))
        times = timings.take()
    assert times is not None
    assert times.stages == {("generate", "pan"): Spent(16, 3.0, 2.0), ("load", "pan"): Spent(0, 5.0, 5.0)}
    assert times.cpu_seconds >= 7.0


def hooks() -> int:
    return len(torch_module._global_forward_hooks) + len(torch_module._global_forward_pre_hooks)


def test_hooks_are_gone_afterwards_whatever_happened() -> None:
    before = hooks()
    with suppress(ZeroDivisionError), collecting():
        assert hooks() > before
        raise ZeroDivisionError
    assert hooks() == before
    assert timings.take() is None
    with timed("read", clips=1):
        pass
    timings.merge(Times({}, 1.0))
    assert timings.take() is None


def account(stages: dict[tuple[str, str], Spent], cpu_seconds: float, threads: int = 1) -> Account:
    return Account(Times(stages, cpu_seconds), 10.0, threads)


def test_shares_add_up_to_a_hundred() -> None:
    some = {("read", "pan"): Spent(3, 1.0, 1.0), ("measure", "fid"): Spent(3, 3.0, 3.0, 2.5, 2.5)}
    for cpu_seconds in (4.0, 7.0, 3.999):  # the last: a stage is known before its process says what it took
        table = account({**some, ("load", "fid"): Spent(0, 0.0, 0.0)}, cpu_seconds).table()
        *lines, total = [float(row.cells[3].text.rstrip("%")) for row in table.rows]
        assert total == 100.0
        assert sum(lines) == pytest.approx(100.0, abs=0.3)


def test_the_harness_is_what_no_network_and_no_model_of_its_own_took() -> None:
    some = {
        ("load", "fid"): Spent(0, 50.0, 50.0),
        ("generate", "external"): Spent(8, 20.0, 1.0),  # its network is elsewhere
        ("generate", "consisti2v"): Spent(8, 30.0, 30.0, 29.0, 29.0),
        ("measure", "fid"): Spent(8, 50.0, 50.0, 48.0, 48.0),
        ("read", "pan"): Spent(8, 4.0, 4.0),  # behind the networks
        ("wait for clips", ""): Spent(0, 1.0, 0.0),
        ("idle", ""): Spent(0, 100.0, 0.0),
    }
    alone = account(some, 137.0)
    # 1 beside a model's network, 2 beside a metric's, 4 of decoding, 2 that nothing is counted in; of 137 less loading
    assert alone.cpu_share == pytest.approx((1 + 2 + 4 + 2) / 87)
    assert alone.time_share == pytest.approx((1 + 2 + 1) / (20 + 30 + 50 + 1))
    # With several threads of torch, what nothing is counted in is theirs.
    assert account(some, 200.0, threads=4).cpu_share == pytest.approx((1 + 2 + 4) / 150)


def test_a_run_of_what_fails_is_counted_and_gives_the_same_numbers(go: Go, tmp_path: Path) -> None:
    with collecting():
        counted = go([Noise], [FailsOnOneClip], out=tmp_path / "counted")
        found = stages()
    plain = go([Noise], [FailsOnOneClip], out=tmp_path / "plain")
    assert counted.failed == plain.failed == 1
    assert found["generate", "noise"].clips == found["first frame", ""].clips == 6
    assert found["measure", "one"].clips == 6
    assert found["read", "noise"].clips == found["write", ""].clips == 6
    files = sorted(path.relative_to(plain.folder) for path in (plain.folder / "videos").rglob("*.mp4"))
    assert [(counted.folder / file).read_bytes() for file in files] == [
        (plain.folder / file).read_bytes() for file in files
    ]


def test_the_command_says_where_the_time_of_all_processes_went(
    cli: Cli, data: Path, small_profile_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(parts.LOG, str(tmp_path / "calls"))
    looks = tmp_path / "looks.py"
    looks.write_text(LOOKS)
    asked = ("run", "--model", "static", "--metrics", f"{looks}:Looks", "--dataset", f"folder:{data}", "--profile")
    asked = (*asked, str(small_profile_file), "--out", "run", "--devices", "cpu,cpu", "--json")
    done = cli(*asked, "--timings")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["metrics"]
    assert "Where the time went" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("harness: ")
    kept = json.loads((tmp_path / "run" / "timings.json").read_text())
    clips = {(stage["stage"], stage["name"]): stage["clips"] for stage in kept["stages"]}
    assert clips["generate", "static"] == clips["measure", "one"] == 6
    assert ("start", "workers") in clips
    [measured] = [stage for stage in kept["stages"] if stage["stage"] == "measure"]
    assert 0 < measured["network_seconds"] < measured["seconds"]
    assert kept["cpu_seconds"] > sum(stage["cpu_seconds"] for stage in kept["stages"]) > 0
    again = cli("run", "--resume", "--out", "run", "-q")
    assert again.returncode == 0
    assert "Where the time went" not in again.stderr
