"""What one run has made another one takes over: nothing is made twice, and everything is equal to the byte."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from i2vbench import generate, measure
from i2vbench.files import write_bytes
from i2vbench.kept import keys
from i2vbench.names import FORMATS
from i2vbench.settings import config_of
from i2vbench.store import Store
from i2vbench.tables import collect, write_tables
from i2vbench.types import Clip, Video
from i2vbench.video import write_video
from tests.conftest import Go, command, environment, moving_frames, spec
from tests.parts import (
    LOG,
    FromKept,
    FromLooking,
    Kept,
    KeptButForOne,
    KeptOneByOne,
    Looking,
    LookingAgain,
    LookingFailsOnOne,
    LookingOneByOne,
    Noise,
)

Calls = Callable[[], list[str]]


@pytest.fixture
def calls(tmp_path: Path) -> Calls:
    """What models and metrics were called for since it was last asked."""

    def take() -> list[str]:
        path = tmp_path / "calls"
        lines = path.read_text().splitlines() if path.exists() else []
        path.unlink(missing_ok=True)
        return [json.loads(line)[0] for line in lines]

    return take


def kept_files(cache_of_tests: Path, kind: str) -> list[Path]:
    return sorted(path for path in (cache_of_tests / "kept" / kind).rglob("*") if path.is_file())


def everything(folder: Path, formats: Sequence[str] = ("csv",)) -> dict[str, bytes]:
    """All that a run shows: its tables, videos, features and pictures."""
    shutil.rmtree(folder / "tables")
    write_tables(collect([folder]), folder / "tables", formats)
    files = [path for name in ("tables", "videos", "features", "first_frames") for path in (folder / name).rglob("*")]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files if path.is_file()}


def videos(folder: Path) -> list[Path]:
    return sorted((folder / "videos").rglob("*.mp4"))


def test_a_second_run_with_one_more_metric_makes_that_alone(go: Go, calls: Calls, tmp_path: Path) -> None:
    go([Kept], [Looking], out=tmp_path / "first")
    calls()
    go([Kept], [Looking, LookingAgain], out=tmp_path / "second")
    assert calls() == ["again"], "nothing is generated, nor is the model loaded, and the first metric is not asked"


def test_a_run_made_again_makes_nothing_and_equals_the_first(
    go: Go, calls: Calls, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = go([Kept], [Looking, LookingAgain, "temporal_flickering"], out=tmp_path / "first")
    calls()
    decoded: list[str] = []
    read_clip = measure.read_clip

    def spy(*given: object) -> Clip:
        decoded.append(given[0].id)  # type: ignore[attr-defined]
        return read_clip(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(measure, "read_clip", spy)
    again = go([Kept], [Looking, LookingAgain, "temporal_flickering"], out=tmp_path / "again")
    assert (calls(), decoded) == ([], []), "nothing is decoded either"
    anew = go([Kept], [Looking, LookingAgain, "temporal_flickering"], out=tmp_path / "anew", cache=False)
    assert calls().count("generate") == 2
    assert len(decoded) == 6
    shown = everything(first.folder, FORMATS)
    assert len(shown) > 20
    assert everything(again.folder, FORMATS) == shown
    assert everything(anew.folder, FORMATS) == shown
    assert (again.folder / "run.json").read_bytes() == (first.folder / "run.json").read_bytes()
    for ours, theirs in zip(videos(first.folder), videos(again.folder), strict=True):
        assert ours.samefile(theirs), "a video is not there twice"


def test_a_run_says_what_it_took_over(go: Go, tmp_path: Path) -> None:
    first = go([Kept], [Looking], out=tmp_path / "first")
    assert "taken over" not in (first.folder / "log.txt").read_text()
    again = go([Kept], [Looking], out=tmp_path / "again")
    (line,) = [line for line in (again.folder / "log.txt").read_text().splitlines() if "taken over" in line]
    assert f"6 videos of kept from {first.folder}" in line
    assert "6 measurements from " in line


def test_without_the_cache_nothing_is_looked_up_or_kept(
    go: Go, calls: Calls, tmp_path: Path, cache_of_tests: Path
) -> None:
    go([Kept], [Looking], out=tmp_path / "first", cache=False)
    assert not (cache_of_tests / "kept").exists()
    go([Kept], [Looking], out=tmp_path / "second")
    calls()
    go([Kept], [Looking], out=tmp_path / "third", cache=False)
    assert calls().count("generate") == 2


@pytest.mark.parametrize(("model", "metric"), [(Noise, Looking), (FromKept, FromLooking)])
def test_what_does_not_say_that_it_may_be_kept_is_not(
    go: Go, tmp_path: Path, cache_of_tests: Path, model: type, metric: type
) -> None:
    go([model], [metric], out=tmp_path / "first")
    assert not kept_files(cache_of_tests, "videos")
    assert len(kept_files(cache_of_tests, "measurements")) == (metric is Looking)


def test_a_metric_without_a_network_alone_is_not_looked_up(go: Go, tmp_path: Path, cache_of_tests: Path) -> None:
    go([Kept], ["temporal_flickering"], out=tmp_path / "first")
    assert not kept_files(cache_of_tests, "measurements")


@pytest.mark.parametrize("model", [KeptOneByOne, KeptButForOne])
def test_a_batch_that_failed_is_not_kept(go: Go, tmp_path: Path, cache_of_tests: Path, model: type) -> None:
    """Neither one without a video, nor one that was made in smaller batches than the next run would make it in."""
    go([model], [Looking], out=tmp_path / "run")
    kept = [json.loads(path.read_bytes().partition(b"\n")[2]) for path in kept_files(cache_of_tests, "videos")]
    names = [name for entry in kept for _, paths in entry["places"] for name in paths]
    assert not [name for name in names if "clip-1" in name or model is KeptOneByOne]


@pytest.mark.parametrize("metric", [LookingOneByOne, LookingFailsOnOne])
def test_a_group_that_failed_is_not_kept(go: Go, tmp_path: Path, cache_of_tests: Path, metric: type) -> None:
    go([Kept], [metric], out=tmp_path / "run")
    assert not kept_files(cache_of_tests, "measurements")


def test_what_is_made_while_our_code_is_edited_is_not_kept(
    go: Go, tmp_path: Path, cache_of_tests: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Modules are imported when they are first needed: it may be of the new code, and its key is the old one's."""
    for room in ("metrics", "models"):
        keys.code_sha256(room)  # of the code that there is
    module = tmp_path / "module.py"
    module.touch()
    os.utime(module, (0, 0))
    monkeypatch.setattr(keys, "code_files", lambda room: {"module.py": module})
    monkeypatch.setattr(keys, "_LOOK_SECONDS", 1e-6)
    go([Kept], [Looking], out=tmp_path / "before")
    assert kept_files(cache_of_tests, "videos")
    assert kept_files(cache_of_tests, "measurements")
    shutil.rmtree(cache_of_tests / "kept")

    def edited(call: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
        def edit(thing: Any, asked: Any) -> Any:
            module.touch()
            return call(thing, asked)

        return edit

    monkeypatch.setattr(measure, "_measure_clips", edited(measure._measure_clips))
    go([Noise], [Looking], out=tmp_path / "measuring")
    assert not kept_files(cache_of_tests, "measurements")
    os.utime(module, (0, 0))
    monkeypatch.setattr(generate, "_generate", edited(generate._generate))
    go([Kept], [Looking], out=tmp_path / "generating")
    assert not kept_files(cache_of_tests, ".")


def test_a_run_that_is_deleted_takes_nothing_from_the_next_but_one(go: Go, calls: Calls, tmp_path: Path) -> None:
    go([Kept], [Looking], out=tmp_path / "first")
    go([Kept], [Looking], out=tmp_path / "second")
    shown = everything(tmp_path / "second")
    shutil.rmtree(tmp_path / "first")
    calls()
    go([Kept], [Looking], out=tmp_path / "third")
    assert calls() == [], "taken from the second"
    for name in ("second", "third"):
        shutil.rmtree(tmp_path / name)
    go([Kept], [Looking], out=tmp_path / "fourth")
    assert calls().count("generate") == 2
    assert everything(tmp_path / "fourth") == shown


def test_a_video_that_has_changed_is_not_taken(go: Go, calls: Calls, tmp_path: Path) -> None:
    go([Kept], [Looking], out=tmp_path / "first")
    shown = everything(tmp_path / "first")
    other = Video(moving_frames(4, 32, 48, seed=9), 8.0)
    write_video(tmp_path / "first" / "videos" / "kept" / "clip-1-seed0.mp4", other)
    calls()
    go([Kept], [Looking], out=tmp_path / "second")
    assert calls().count("generate") == 1, "the batch of clip-1; the other one is whole"
    assert everything(tmp_path / "second") == shown


def test_a_video_made_again_in_one_run_stays_in_the_other(go: Go, tmp_path: Path) -> None:
    go([Kept], [Looking], out=tmp_path / "first")
    shown = everything(tmp_path / "first")
    go([Kept], [LookingAgain], out=tmp_path / "second")
    path = tmp_path / "second" / "videos" / "kept" / "clip-1-seed0.mp4"
    write_bytes(path, b"no video")
    assert go([Kept], [LookingAgain, Looking], out=tmp_path / "second").failed == 1
    assert go([Kept], [LookingAgain, Looking], out=tmp_path / "second", retry_failed=True).failed == 0
    assert path.samefile(tmp_path / "first" / "videos" / "kept" / "clip-1-seed0.mp4")
    assert everything(tmp_path / "first") == shown


def test_a_run_takes_its_own_videos_back_and_does_not_say_so(go: Go, calls: Calls, tmp_path: Path) -> None:
    """As after a kill between the files and the record of them."""
    go([Kept], [Looking], out=tmp_path / "run")
    with Store.create(tmp_path / "run", json.loads((tmp_path / "run" / "run.json").read_text())) as store:
        store.owe_again("kept", [0])
    calls()
    go([Kept], [Looking], out=tmp_path / "run")
    assert calls() == []
    assert "videos of" not in (tmp_path / "run" / "log.txt").read_text()
    assert not list((tmp_path / "run").rglob("*.partial"))


def test_other_first_frames_prompts_and_seeds_are_other_videos(
    go: Go, calls: Calls, tmp_path: Path, data: Path
) -> None:
    go([Kept], [Looking], out=tmp_path / "first")
    calls()
    go([Kept], [Looking], out=tmp_path / "seeds", seeds=(1,))
    assert calls().count("generate") == 2
    table = data / "metadata.csv"
    table.write_text(table.read_text().replace("clip number 1", "clip number one"))
    go([Kept], [Looking], out=tmp_path / "prompts")
    assert calls().count("generate") == 1
    write_video(data / "clip-4.mp4", Video(moving_frames(seed=9), 8.0))
    go([Kept], [Looking], out=tmp_path / "frames")
    assert calls().count("generate") == 1


def test_what_decides_no_byte_is_in_no_key(go: Go, calls: Calls, tmp_path: Path, data: Path) -> None:
    go([Kept], [Looking], out=tmp_path / "first")
    table = data / "metadata.csv"
    table.write_text(table.read_text().replace("Pet", "Animal"))
    calls()
    go([Kept], [Looking], out=tmp_path / "second")
    assert calls() == []


def test_damaged_entries_are_made_again_and_written_over(
    go: Go, calls: Calls, tmp_path: Path, cache_of_tests: Path
) -> None:
    go([Kept], [Looking, LookingAgain], out=tmp_path / "first")
    shown = everything(tmp_path / "first")
    for number, path in enumerate(kept_files(cache_of_tests, ".")):
        whole = path.read_bytes()
        path.write_bytes([whole[:-1], b"", whole[:20] + b"x" + whole[21:]][number % 3])
    calls()
    go([Kept], [Looking, LookingAgain], out=tmp_path / "second")
    assert calls().count("generate") == 2
    go([Kept], [Looking, LookingAgain], out=tmp_path / "third")
    assert calls() == []
    assert everything(tmp_path / "second") == everything(tmp_path / "third") == shown


def test_a_cache_that_cannot_be_written_to_ends_no_run(go: Go, tmp_path: Path, cache_of_tests: Path) -> None:
    (cache_of_tests / "kept").symlink_to(tmp_path / "nowhere" / "else")
    try:
        assert go([Kept], [Looking]).failed == 0
    finally:
        (cache_of_tests / "kept").unlink()


DIES = """
import os, signal, sys
from i2vbench.cli import main
replace, left = os.replace, [int(sys.argv.pop(1))]
def dying(source, target):
    if len(os.path.basename(target)) == 64:
        left[0] -= 1
        if left[0] < 0:
            os.kill(os.getpid(), signal.SIGKILL)
    replace(source, target)
os.replace = dying
main()
"""


def arguments(out: Path, data: Path, profile: Path) -> list[str]:
    return command(
        "run", "--model", spec(Kept), "--metrics", f"{spec(Looking)},{spec(LookingAgain)}", "--dataset",
        f"folder:{data}", "--profile", profile, "--device", "cpu", "--out", out, "--quiet",
    )  # fmt: skip


@pytest.fixture
def one_thread() -> Iterator[None]:
    """As in the processes that tests begin."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("one_thread")
def test_killed_amid_keeping_nothing_is_lost_or_half_there(
    go: Go, tmp_path: Path, data: Path, small_profile_file: Path, cache_of_tests: Path
) -> None:
    given = arguments(tmp_path / "killed", data, small_profile_file)[3:]
    killed = subprocess.run(
        [sys.executable, "-c", DIES, "2", *given], env=environment(), capture_output=True, check=False
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    assert list((cache_of_tests / "kept").rglob("*.partial"))
    go([Kept], [Looking, LookingAgain], out=tmp_path / "after")
    go([Kept], [Looking, LookingAgain], out=tmp_path / "killed")
    go([Kept], [Looking, LookingAgain], out=tmp_path / "anew", cache=False)
    assert everything(tmp_path / "after") == everything(tmp_path / "killed") == everything(tmp_path / "anew")


@pytest.mark.usefixtures("one_thread")
def test_two_runs_at_once_keep_the_same(
    go: Go, calls: Calls, tmp_path: Path, data: Path, small_profile_file: Path
) -> None:
    at_once = [
        subprocess.Popen(
            arguments(tmp_path / name, data, small_profile_file), env=environment(), stderr=subprocess.PIPE
        )
        for name in ("one", "two")
    ]
    for process in at_once:
        said = process.communicate(timeout=120)[1]
        assert process.returncode == 0, said
    calls()
    go([Kept], [Looking, LookingAgain], out=tmp_path / "third")
    assert calls() == []
    assert everything(tmp_path / "one") == everything(tmp_path / "two") == everything(tmp_path / "third")


@pytest.mark.slow
def test_workers_in_processes_of_their_own_take_over_too(go: Go, calls: Calls, tmp_path: Path) -> None:
    go([Kept], [Looking, LookingAgain], out=tmp_path / "first", devices=("cpu", "cpu"))
    calls()
    again = go([Kept], [Looking, LookingAgain], out=tmp_path / "again", devices=("cpu", "cpu"))
    assert calls() == []
    assert everything(again.folder) == everything(tmp_path / "first")
    assert "6 videos of kept" in (again.folder / "log.txt").read_text()


def test_a_run_gone_on_with_by_its_folder_keeps_too(go: Go, tmp_path: Path) -> None:
    go([Kept], [Looking], cache=False)
    assert config_of(tmp_path / "run").cache


def test_features_come_back_as_they_were(go: Go, tmp_path: Path) -> None:
    for name in ("first", "again"):
        go([Kept], [LookingAgain], out=tmp_path / name)
    one, two = (np.load(tmp_path / name / "features/again/models/kept/clip-0-seed0.npy") for name in ("first", "again"))
    assert one.dtype == two.dtype == np.float32
    assert LOG in os.environ
    np.testing.assert_array_equal(one, two)
