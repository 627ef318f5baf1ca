"""Runs at an address: the tables of a plain folder, and nothing lost with the machine that directed them."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from i2vbench.errors import UserError
from i2vbench.names import FORMATS
from i2vbench.run import Outcome
from i2vbench.storage import keeping
from i2vbench.storage.address import home_of
from i2vbench.storage.files import Files
from i2vbench.store import Store
from i2vbench.tables import collect, write_tables
from tests.cli.inside import call_inside
from tests.conftest import Go, environment, make_dataset
from tests.parts import Colours, Noise, One, Paid
from tests.storage.conftest import Flaky
from tests.test_kill import WORK, arguments, tables

HURRY = (
    "from i2vbench.storage import keeping; keeping.EVERY_SECONDS = 0.1; keeping.LEAST_SHARE = 0; "
    "from i2vbench.cli import main; main()"
)


def made(outcome: Outcome) -> dict[str, bytes]:
    """The tables of a run, and of clips what its page shows."""
    write_tables(collect([outcome.folder]), outcome.folder / "tables", FORMATS)
    return tables(outcome.folder)


def calls(tmp_path: Path, what: str) -> list[list[str]]:
    path = tmp_path / "calls"
    found = [
        ids for kind, ids in map(json.loads, path.read_text().splitlines() if path.exists() else ()) if kind == what
    ]
    path.unlink(missing_ok=True)
    return found


def test_a_run_in_memory_has_the_tables_of_one_in_a_folder(go: Go, memory: str, tmp_path: Path) -> None:
    plain = made(go([Noise, "pan"], [One, Colours]))
    calls(tmp_path, "generate")
    outcome = go([Noise, "pan"], [One, Colours], out=None, storage=memory)
    assert outcome.failed == 0
    assert not list(outcome.folder.glob("videos/*/*")), "videos are kept at the address alone"
    assert made(outcome) == plain
    listing = Files(memory).listing()
    assert {"run.json", "run.sqlite", "log.txt", "state.json", "videos/noise/clip-0-seed0.mp4"} <= set(listing)
    assert "lock.json" not in listing
    shutil.rmtree(outcome.folder)  # another machine, which measures one thing more
    calls(tmp_path, "generate")
    again = go([Noise, "pan"], [One, Colours, "temporal_flickering"], out=None, storage=memory)
    assert again.failed == 0
    assert calls(tmp_path, "generate") == []


def test_videos_that_are_gone_from_the_address_are_made_again(go: Go, memory: str, tmp_path: Path) -> None:
    plain = made(go([Noise], [One, Colours], out=None, storage=memory))
    calls(tmp_path, "generate")
    Files(memory).delete(["videos/noise/clip-1-seed0.mp4", "features/colours/real/clip-2-seed0.npy"])
    assert made(go([Noise], [One, Colours], out=None, storage=memory)) == plain
    assert calls(tmp_path, "generate") == [["clip-0", "clip-1", "clip-2", "clip-3"]]


def test_a_bad_line_moves_no_number(go: Go, flaky: type[Flaky]) -> None:
    plain = made(go([Noise], [One, Colours]))
    flaky.every = 3
    outcome = go([Noise], [One, Colours], out=None, storage="flaky://run")
    flaky.every = 0
    assert made(outcome) == plain


@pytest.mark.parametrize("after", [20, 34])
def test_a_line_that_is_down_ends_the_run_and_fails_no_clip(go: Go, flaky: type[Flaky], after: int) -> None:
    """Whatever it was amid of, the same command goes on once the line is up again."""
    plain = made(go([Noise], [One, Colours]))

    def fall(self: Flaky) -> None:
        Flaky.calls += 1
        if Flaky.calls > after:
            raise ConnectionError("the line is down")

    with pytest.MonkeyPatch.context() as down:
        down.setattr(Flaky, "_line", fall)
        with pytest.raises(
            UserError, match="the run flaky://run cannot be written to: .*the line is down.*same command"
        ):
            go([Noise], [One, Colours], out=None, storage="flaky://run")
    with Store.open(home_of("flaky://run")) as store:
        assert not [clip for clip in store.clips() if clip.state == "failed"]
        assert not [row for row in store.measurements() if row.state == "failed"]
    assert made(go([Noise], [One, Colours], out=None, storage="flaky://run")) == plain


def test_a_line_that_is_down_for_a_while_is_a_note(go: Go, memory: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the run goes on, putting its own files there may fail: they are put there in the end."""
    monkeypatch.setattr(keeping, "EVERY_SECONDS", 0.01)
    put, failed = Files.put, []

    def falls(self: Files, name: str, data: bytes) -> None:
        if threading.current_thread().name == "keep":
            failed.append(name)
            raise OSError(5, "the line is down")
        put(self, name, data)

    monkeypatch.setattr(Files, "put", falls)
    outcome = go([Noise, "pan"], [One, Colours], out=None, storage=memory)
    assert failed
    plain = made(outcome)
    shutil.rmtree(outcome.folder)
    assert made(go([Noise, "pan"], [One, Colours], out=None, storage=memory)) == plain


def test_what_an_address_cannot_have_is_refused(go: Go, memory: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="this process's own memory"):
        go([Noise], out=None, storage=memory, devices=("cpu", "cpu"))
    with pytest.raises(UserError, match="is worked on in .*; leave it out"):
        go([Noise], storage=memory)
    with pytest.raises(UserError, match="notes in the run's folder what is paid for"):
        go([Paid], out=None, storage=memory)
    with pytest.raises(UserError, match="there is no run at .* to resume"):
        go([Noise], out=None, storage=f"{memory}/other", resume=True)


def test_killed_with_its_folder_a_run_goes_on_elsewhere(
    tmp_path: Path, small_profile_file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its workers are killed with it; the other machine is told the address alone."""
    make_dataset(tmp_path / "data", num_clips=5, num_images=1, categories=("Pet", "Food"))
    (tmp_path / "work.py").write_text(WORK.replace("sleep(0.05)", "sleep(0.5)"))
    inside = call_inside(tmp_path, monkeypatch, capsys)
    whole = inside(*arguments(tmp_path, "whole")[3:])
    assert whole.code == 0, whole.stderr
    address, far = f"file://{tmp_path}/far", tmp_path / "far"
    process = subprocess.Popen(
        [sys.executable, "-c", HURRY, *arguments(tmp_path, address)[3:], "--devices", "cpu,cpu"],
        cwd=tmp_path, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stderr is not None
    while not _slow_done(far):
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.02)
    process.kill()
    process.communicate()
    there = {path: path.stat().st_mtime_ns for path in far.glob("videos/*/*.mp4")}
    done = _slow_done(far)
    assert 0 < len(done) < 12, "it was killed amid the work"
    monkeypatch.setenv("I2VBENCH_CACHE", str(tmp_path / "another machine"))
    resumed = inside("run", "--resume", "--out", address)
    assert resumed.code == 0, resumed.stderr
    assert "for 0 s whether it still is" in resumed.stderr
    assert tables(far) == tables(home_of(address)) == tables(tmp_path / "whole")
    again = {path.relative_to(far).as_posix() for path, before in there.items() if path.stat().st_mtime_ns != before}
    assert not again & done, "what the last snapshot had is not done again"
    assert not [path for path in far.rglob(".*") if path.is_file()]


def _slow_done(far: Path) -> set[str]:
    """Videos of the slow model that the snapshot at an address names."""
    try:
        with Store.open(far) as store:
            return {clip.video for clip in store.clips("slow") if clip.state == "done"}
    except UserError:
        return set()


def test_commands_read_a_run_at_its_address(
    go: Go, memory: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    plain = made(go([Noise, "pan"], ["temporal_flickering"]))
    shutil.rmtree(go([Noise, "pan"], ["temporal_flickering"], out=None, storage=memory).folder)
    inside, home = call_inside(tmp_path, monkeypatch, capsys), home_of(memory)
    shown = inside("show", memory)
    assert (shown.code, "generate noise" in shown.stdout) == (0, True)
    assert f"{memory}: read in {home}" in shown.stderr
    assert inside("table", memory, "--out", "out", "--quiet").code == 0
    found = {
        p.relative_to(tmp_path / "out").as_posix(): p.read_bytes() for p in (tmp_path / "out").rglob("*") if p.is_file()
    }
    assert found == {name: data for name, data in plain.items() if "/" not in name}
    assert not list(home.glob("videos/*/*")), "the page reads them one by one"
    assert inside("compare", memory, memory, "--model-a", "noise", "--model-b", "pan", "--quiet").code == 0
    assert inside("submit", memory, "--with-videos", "--anyway", "--out", "run.zip").code == 0
    assert len(list(home.glob("videos/*/*.mp4"))) == 12
    gone = inside("show", f"{memory}/nothing")
    assert (gone.code, "is not a run" in gone.stderr) == (2, True)
    wrong = inside("run", "--model", "static", "--out", "s3://key:secret@bucket/run")
    assert (wrong.code, "secret" in wrong.stderr) == (2, False)
