"""Ways in which false tables could stand beside true measurements, each of which was open once."""

from __future__ import annotations

import io
import os
import shutil
import sqlite3
import subprocess
import time
from pathlib import Path

import pytest

from i2vbench.admission import judge
from i2vbench.leaderboards.submission import zip_layout
from i2vbench.leaderboards.submission.archive import ArchiveWriter, Refused
from i2vbench.leaderboards.submission.pack import Wish, pack
from i2vbench.leaderboards.submission.private import Folders, shortened_settings
from i2vbench.leaderboards.submission.records import Allowed, take_records
from i2vbench.leaderboards.submission.tolerance import fault_of_decisions
from i2vbench.run_file import read_settings
from i2vbench.store import Store
from tests.conftest import Cli, command, environment
from tests.leaderboards.conftest import Submitted
from tests.leaderboards.submission.archives import Parts, as_lines, at, of_json, of_line
from tests.leaderboards.submission.conftest import Change, Look

ROWS = "measurements.jsonl"


@pytest.mark.parametrize(
    ("value", "details", "holds"),
    [
        (0.25, {"frames": 16, "successes": 4}, True),
        (0.25, {"frames": 16, "successes": 16}, False),
        (0.25, {"frames": 1600, "successes": 400}, False),  # a clip that counts a hundred times
        (0.25, {"frames": 16.0, "successes": 4}, False),
        (1.0, {"frames": 1, "successes": True}, False),
        (0.25, {}, False),
    ],
)
def test_cells_of_successful_frames_are_made_of_the_numbers_that_are_compared(
    submitted: Submitted, tmp_path: Path, value: float, details: dict[str, object], holds: bool
) -> None:
    line = {
        "metric": "object_consistency", "model": "static", "sample": "cat", "seed": 0, "state": "done", "value": value,
        "features": None, "details": details, "reason": None,
    }  # fmt: skip
    members = ArchiveWriter(io.BytesIO())
    members.add_bytes(ROWS, as_lines([line]))
    allowed = Allowed({("static", "cat", 0)}, ["cat"], ["static"], ["object_consistency"], [])
    with Store.create(tmp_path / "run", read_settings(submitted.run)) as store:
        if holds:
            take_records(members, allowed, tmp_path / "run", store)
            assert [row.value for row in store.measurements("object_consistency")] == [value]
            return
        with pytest.raises(Refused, match=r"line 1 \(cat\): its details do not make .* of 16 frames"):
            take_records(members, allowed, tmp_path / "run", store)


def test_what_tables_say_of_clips_is_compared_too(look: Look, changed: Change) -> None:
    told = {"repeated_frames": 3}
    edit = of_line(
        ROWS,
        lambda line: (line["model"], line["metric"], line["sample"]) == ("rolling", "clipsim", "astronaut"),
        lambda line: line["details"].update(told),
    )
    faults = look(changed(edit, whole=True), recompute_only=False, clips=6).faults
    assert [fault for fault in faults if fault.endswith("its details say otherwise: repeated_frames")], faults


def test_a_frame_more_in_every_clip_is_more_than_rounding() -> None:
    assert not fault_of_decisions("object_consistency", 1, 4, same=True)
    assert not fault_of_decisions("scene_consistency_own_frames", 2, 20, same=True)
    assert fault_of_decisions("scene_consistency", 3, 20, same=True).endswith("of 3 of 20 clips; of 2 it may be")
    assert not fault_of_decisions("dynamic_degree", 5, 20, same=False)
    assert fault_of_decisions("dynamic_degree", 6, 20, same=False)
    assert not fault_of_decisions("clipsim", 20, 20, same=True)  # its numbers are near, or they are not


def test_a_model_of_which_no_clip_was_drawn_is_not_verified(look: Look, submitted: Submitted) -> None:
    report = look(submitted.archive.read_bytes(), recompute_only=False, clips=1)
    assert [fault for fault in report.faults if "no clip of 1 of 2 models was measured again" in fault], report.faults
    report = look(submitted.archive.read_bytes(), recompute_only=False, clips=2)
    assert report.verified, report.faults
    assert [line for line in report.passed if " temporal_flickering 2, " in line], report.passed


def test_first_frames_that_are_not_the_data_sets_are_not_held_to_it(look: Look, changed: Change) -> None:
    shown = {"spec": "images:./mine", "title": "pictures made elsewhere (mine)", "fingerprint": "0" * 64}
    other = of_line("samples.jsonl", lambda _: True, at("first_frame", to="0" * 64))
    everything = {"recompute_only": False, "clips": 6}
    wrong = "the first frame that models were shown of"
    assert [f for f in look(changed(other, whole=True), **everything).faults if f.startswith(wrong)]
    named = of_json("run.json", at("first_frames", to=shown))
    assert not [f for f in look(changed(other, named, whole=True), **everything).faults if f.startswith(wrong)]


def test_the_folder_of_other_first_frames_does_not_go_in(submitted: Submitted, tmp_path: Path) -> None:
    settings = read_settings(submitted.run)
    settings["first_frames"] = {"spec": "images:/data/of me/pictures", "title": "pictures", "fingerprint": "0" * 64}
    found, shortened = shortened_settings(settings, Folders(tmp_path))
    assert found["first_frames"]["spec"] == "images:./pictures"
    assert "first_frames.spec" in shortened


@pytest.mark.parametrize("before", [b"", zip_layout.END_64_MAGIC, zip_layout.END_64_MAGIC + bytes(51)])
def test_an_end_that_is_cut_short_is_refused(look: Look, before: bytes) -> None:
    end = b"PK\6\7" + bytes(16) + b"PK\5\6" + bytes(18)
    with pytest.raises(Refused, match="its end is not as"):
        look(before + end)


def test_what_takes_memory_or_screens_is_bounded(look: Look, changed: Change) -> None:
    blown = of_json("manifest.json", at("reasons", to=["x" * 1000] * 5000))
    with pytest.raises(Refused, match=r"manifest.json has .* bytes; of \d+ members it takes at most"):
        look(changed(blown, careless=True))

    def grow(parts: Parts) -> None:
        parts.update({f"videos/static/x{i}-seed0.mp4": b"\0\0\0\x14ftypisom" for i in range(100)})

    with pytest.raises(Refused, match="; and 80 more$"):
        look(changed(grow, careless=True))


def test_a_pipe_in_a_folder_of_videos_is_not_waited_for(submitted: Submitted, look: Look, tmp_path: Path) -> None:
    videos = shutil.copytree(submitted.run / "videos", tmp_path / "videos")
    (videos / "static" / "astronaut-seed0.mp4").unlink()
    os.mkfifo(videos / "static" / "astronaut-seed0.mp4")
    faults = look(submitted.bare.read_bytes(), recompute_only=False, clips=6, videos=videos).faults
    assert faults == ["static/astronaut-seed0: its video cannot be read: it is no file"]


def test_what_a_killed_process_has_left_goes_with_the_next(submitted: Submitted, tmp_path: Path) -> None:
    (tmp_path / ".a.zip.rows" / "run").mkdir(parents=True)
    pack(Wish(run=submitted.run, out=tmp_path / "a.zip"))
    assert [path.name for path in tmp_path.iterdir()] == ["a.zip"]


def test_an_end_by_signal_leaves_nothing(submitted: Submitted, tmp_path: Path) -> None:
    place = tmp_path / "tmp"
    place.mkdir()
    process = subprocess.Popen(
        command("leaderboard", "verify", submitted.archive, "--anyway", "--device", "cpu"),
        env=environment() | {"TMPDIR": str(place)}, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    while not list(place.glob("i2vbench-verify-*/run/run.json")):
        assert process.poll() is None
        time.sleep(0.01)
    process.terminate()
    assert process.wait() == 143
    assert not list(place.iterdir())


def test_a_folder_that_cannot_be_written_to_is_told(submitted: Submitted, cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = cli(
        "leaderboard", "verify", submitted.bare, "--anyway", "--recompute-only", "--out", tmp_path / "file" / "a"
    )
    assert done.returncode == 2
    assert done.stderr.endswith("is a file, not a folder\n")


def test_a_record_that_is_not_applicable_to_a_sample_that_has_everything_is_left_out(
    submitted: Submitted, tmp_path: Path
) -> None:
    run = shutil.copytree(submitted.run, tmp_path / "run")
    database = sqlite3.connect(run / "run.sqlite")
    dropped = "state = 'not_applicable', value = NULL, features = NULL, reason = 'too bright'"
    where = "metric IN ('clipsim', 'fvd') AND model = 'rolling' AND sample = 'astronaut'"
    assert database.execute(f"UPDATE measurement SET {dropped} WHERE {where}").rowcount == 2
    database.execute("UPDATE sample SET prompt = '' WHERE id = 'leaning-in-car'")
    without = "metric = 'clipsim' AND model = 'rolling' AND sample = 'leaning-in-car'"
    assert database.execute(f"UPDATE measurement SET {dropped} WHERE {without}").rowcount == 1
    database.commit()
    database.close()
    settings = read_settings(run)
    settings["dataset"]["name"] = "msrvtt"
    with Store.open(run) as store:
        reasons = judge(settings, store).reasons
    assert "1 clips of rolling were left out of clipsim, though it applies to them." in reasons
    assert "1 clips of rolling were left out of fvd, though it applies to them." in reasons


def test_a_file_that_makes_a_model_has_a_hash(look: Look, changed: Change) -> None:
    named = of_json("run.json", at("models", "static", "spec", to="./mine.py:Mine"))
    assert "run.json names a file that makes static, and not its hash" in look(changed(named)).faults


def test_the_last_line_says_what_was_not_looked_at(look: Look, submitted: Submitted) -> None:
    *_, last = look(submitted.bare.read_bytes()).lines()
    assert last == "Its tables follow from its measurements; nothing was measured again."
    report = look(submitted.archive.read_bytes(), recompute_only=False, clips=2)
    assert list(report.lines())[-1] == "Verified."
    report.data_set = False
    assert list(report.lines())[-1] == "Verified, but for what is the data set's (see the notes)."


def test_a_run_is_not_taken_for_what_is_made_of_it(submitted: Submitted, cli: Cli) -> None:
    done = cli("leaderboard", "verify", submitted.run)
    assert done.returncode == 2
    assert f"i2vbench: {submitted.run}: is a run, not an archive of one: `i2vbench submit" in done.stderr
