"""Measuring a sample again: what was measured holds, and numbers, videos and states that are not so are found."""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from i2vbench.errors import UserError
from i2vbench.leaderboards.submission import decode as decoding
from i2vbench.leaderboards.submission.archive import Archive
from i2vbench.leaderboards.submission.decode import CannotDecode, decode
from i2vbench.leaderboards.submission.pack import Wish, pack
from i2vbench.leaderboards.submission.restore import restore
from i2vbench.leaderboards.submission.sampling import Videos, choose
from i2vbench.leaderboards.submission.settings_check import read_run
from i2vbench.leaderboards.submission.tolerance import fault_of_features, fault_of_value
from i2vbench.profiles import load_profile
from i2vbench.types import Video
from i2vbench.video import write_video
from tests.cli.inside import call_inside
from tests.conftest import Cli, environment, moving_frames
from tests.leaderboards.conftest import Submitted
from tests.leaderboards.submission.archives import Parts, as_lines, at, of_json, seal, take_apart
from tests.leaderboards.submission.conftest import Change, Look
from tests.tables.runs import sample


def _hashes(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.endswith(("-shm", "-wal")))
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_the_command_measures_a_sample_again_and_runs_nothing_of_it(
    submitted: Submitted, cli: Cli, tmp_path: Path
) -> None:
    before = _hashes(submitted.run)
    done = cli(
        *("leaderboard", "verify", submitted.archive, "--anyway", "--clips", 2, "--seed", 3, "--device", "cpu"),
        *("--json", "--out", tmp_path / "kept"),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(done.stdout)
    assert report["verified"]
    assert {record["model"] for record in report["compared"]} == {"", "static", "rolling"}
    assert {record["metric"] for record in report["compared"]} >= {"temporal_flickering", "fid", "fvd", "clipsim"}
    assert _hashes(submitted.run) == before
    assert not submitted.adapter.with_name("imported").exists()
    assert json.loads((tmp_path / "kept" / "report.json").read_text()) == report
    assert (tmp_path / "kept" / "tables" / "summary.csv").read_text().count("\n") == 3
    kept, handed_in = tmp_path / "kept" / "run" / "videos", submitted.run / "videos"
    names = sorted(path.relative_to(handed_in) for path in handed_in.rglob("*.mp4"))
    assert sorted(path.relative_to(kept) for path in kept.rglob("*.mp4")) == names
    assert all((kept / name).read_bytes() == (handed_in / name).read_bytes() for name in names)


def test_videos_may_lie_in_a_folder(submitted: Submitted, look: Look) -> None:
    report = look(submitted.bare.read_bytes(), recompute_only=False, videos=submitted.run / "videos", clips=2)
    assert report.verified, report.faults


def _forge(run: Path) -> None:
    """What somebody might do to a run's folder before it is packed."""
    worse = "WHERE model = 'rolling' AND metric = 'temporal_flickering' AND sample = ?"
    database = sqlite3.connect(run / "run.sqlite")
    for change, id_ in (
        ("value = 0.99", "talking-in-car"),
        ("value = NULL, state = 'not_applicable', reason = 'too bright'", "leaning-in-car"),
    ):
        assert database.execute(f"UPDATE measurement SET {change} {worse}", (id_,)).rowcount == 1
    database.commit()
    database.close()
    for real in (run / "features" / "fid" / "real").iterdir():
        np.save(real, np.load(real) * np.float32(1.01))
    own = run / "features" / "fvd" / "models" / "rolling" / "talking-in-car-seed0.npy"
    np.save(own, np.load(run / "features" / "fvd" / "real" / own.name))
    cut = run / "videos" / "rolling" / "astronaut-seed0.mp4"
    cut.write_bytes(cut.read_bytes()[:2000])
    write_video(run / "videos" / "static" / "astronaut-seed0.mp4", Video(moving_frames(16, 128, 128), 8))


def test_numbers_states_features_and_videos_that_are_not_so_are_found(
    submitted: Submitted, look: Look, tmp_path: Path
) -> None:
    run = tmp_path / "forged"
    shutil.copytree(submitted.run, run)
    _forge(run)
    pack(Wish(run=run, out=tmp_path / "forged.zip", videos=True))
    contents = (tmp_path / "forged.zip").read_bytes()
    assert look(contents).verified  # its tables follow from its measurements
    faults = look(contents, recompute_only=False, clips=6).faults
    expected = [
        ("rolling/talking-in-car-seed0, temporal_flickering: 0.99 there, 0.", " apart, 1e-09 may be"),
        ("rolling/leaning-in-car-seed0, temporal_flickering: not applicable (too bright) there, 0.", "other has none"),
        ("real clip talking-in-car, fid: features there, features here; the features are 0.01", "may be"),
        ("real clip leaning-in-car, fid: features there, features here; the features are 0.01", "may be"),
        ("rolling/talking-in-car-seed0, fvd: features there, features here; the features are ", "may be"),
        ("rolling/astronaut-seed0, temporal_flickering: ", "there is no clip to measure"),
        ("rolling/astronaut-seed0, clipsim: ", "there is no clip to measure"),
        ("static/astronaut-seed0, temporal_flickering: 1 there, 0.", "may be"),
        ("static/astronaut-seed0, clipsim: ", "may be"),
    ]
    for begins, ends in expected:
        assert [fault for fault in faults if fault.startswith(begins) and fault.endswith(ends)], (begins, faults)
    assert len(faults) == len(expected), faults


def test_videos_that_were_swapped_are_found(submitted: Submitted, look: Look, tmp_path: Path) -> None:
    parts = take_apart(submitted.archive)
    first, second = (f"videos/{model}/astronaut-seed0.mp4" for model in ("static", "rolling"))
    parts[first], parts[second] = parts[second], parts[first]
    report = look(seal(parts))
    assert f"{first} is not the video that clips.jsonl states (SHA-256)" in report.faults
    with Archive(submitted.bare) as archive:
        (tmp_path / "room").joinpath("again").mkdir()
        restored = restore(archive, read_run(archive, tmp_path / "room" / "again"), tmp_path / "room" / "again")
        row = choose(restored, 1, 1)[0]
        shutil.copytree(submitted.run / "videos", tmp_path / "videos")
        videos, name, target = Videos(archive, tmp_path / "videos"), restored.video(row), tmp_path / "clip.mp4"
        assert videos.copy(name, row, target) == ""
        path = tmp_path / name
        assert target.read_bytes() == path.read_bytes()
        path.write_bytes(path.read_bytes()[:-1] + b"x")
        assert videos.copy(name, row, target) == "its video is not the one that was handed in (SHA-256)"
        path.write_bytes(path.read_bytes() + b"x")
        assert videos.copy(name, row, target) == "its video is larger than stated"
        path.unlink()
        assert videos.copy(name, row, target) == "its video cannot be read: No such file or directory"


def test_checkpoints_that_are_not_here_are_asked_for(
    changed: Change, look: Look, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("I2VBENCH_CACHE", str(tmp_path / "cache"))
    names = ["i3d_tats"]
    contents = changed(
        of_json("run.json", at("profile", "checkpoints", "fvd", to=names)),
        of_json("run.json", at("metrics", "fvd", "info", "checkpoints", to=names)),
        of_json("run.json", at("metrics", "fvd", "checkpoints", to={"i3d_tats": "0" * 64})),
        whole=True,
    )
    with pytest.raises(UserError, match=r"i2vbench weights fetch"):
        look(contents, recompute_only=False)
    report = look(contents, recompute_only=False, skip_missing=True, clips=1)
    assert any(note.startswith("fvd was not measured again: not here: i3d_tats") for note in report.notes)


def test_other_checkpoints_and_first_frames_are_told(changed: Change, look: Look) -> None:
    def edit(parts: Parts) -> None:
        lines = [json.loads(line) | {"first_frame": "0" * 64} for line in parts["samples.jsonl"].splitlines()]
        parts["samples.jsonl"] = as_lines(lines)

    stated = {"tiny_inception": "0" * 64}
    contents = changed(edit, of_json("run.json", at("metrics", "fid", "checkpoints", to=stated)), whole=True)
    report = look(contents, recompute_only=False, clips=1)
    assert "fid looked through another file than the one here: tiny_inception (SHA-256)" in report.faults
    assert any(fault.startswith("the first frame that models were shown of") for fault in report.faults)


def test_the_draw_takes_all_models_alike_and_the_seed_decides_it(submitted: Submitted, tmp_path: Path) -> None:
    with Archive(submitted.bare) as archive:
        restored = restore(archive, read_run(archive, tmp_path), tmp_path)
    drawn = [choose(restored, 4, seed) for seed in (1, 1, 2, 3, 4)]
    assert drawn[0] == drawn[1]
    assert len({tuple(row.key for row in rows) for rows in drawn}) > 1
    for rows in drawn:
        assert sorted(row.model for row in rows) == ["rolling", "rolling", "static", "static"]
    assert len(choose(restored, 100, 1)) == 6


def moving(magnitude: float) -> dict[str, object]:
    """What dynamic degree tells of a clip, one pair of which decides."""
    return {"top5_magnitude_per_pair": [1.0, magnitude], "threshold": 6.0, "pairs_needed": 1}


@pytest.mark.parametrize(
    ("metric", "theirs", "ours", "details", "holds"),
    [
        ("temporal_flickering", 0.9, 0.9 + 1e-6, {}, (False, False)),
        ("clipsim", 0.3, 0.3 + 1e-5, {}, (True, True)),
        ("clipsim", 0.3, 0.3 + 1e-4, {}, (False, True)),
        ("object_consistency", 0.5, 0.5625, {"frames": 16}, (True, True)),
        ("object_consistency", 0.5, 0.625, {"frames": 16}, (False, True)),
        ("dynamic_degree", 1.0, 0.0, moving(5), (False, False)),
        ("dynamic_degree", 1.0, 0.0, moving(5.8), (False, True)),
        ("dynamic_degree", 1.0, 0.0, moving(5.99), (True, True)),
    ],
)  # fmt: skip
def test_how_near_numbers_must_be(
    metric: str, theirs: float, ours: float, details: dict[str, object], holds: tuple[bool, bool]
) -> None:
    network = metric != "temporal_flickering"
    assert tuple(not fault_of_value(metric, theirs, ours, details, network, same) for same in (True, False)) == holds


def test_how_near_features_must_be() -> None:
    ours = np.ones((16, 8), np.float32)
    assert not fault_of_features(ours * np.float32(1.0001), ours, same=True)
    assert fault_of_features(ours * np.float32(1.001), ours, same=True)
    assert not fault_of_features(ours * np.float32(1.001), ours, same=False)
    assert fault_of_features(ours[:8], ours, same=True) == "features of [8, 8] there, of [16, 8] here"


PROTOCOL = load_profile("tiny").protocol


def test_a_decoder_gives_what_a_run_sees_and_refuses_too_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.mp4"
    frames = moving_frames(16, 128, 128)
    write_video(path, Video(frames, 8))
    clip = decode(path, sample("a", "Pet"), PROTOCOL, "pyav")
    assert np.array_equal(clip.video.frames, frames)
    assert clip.made_as == "16 frames at 8 fps, 128 x 128 pixels"
    write_video(path, Video(moving_frames(2, 16, 16)[np.zeros(10_001, int)], 8))
    with pytest.raises(CannotDecode, match="has 10001 frames of 16 x 16 pixels: too many"):
        decode(path, sample("a", "Pet"), PROTOCOL, "pyav")
    path.write_bytes(b"\0\0\0\x14ftypisom" + bytes(100))
    with pytest.raises(CannotDecode, match="not a video"):
        decode(path, sample("a", "Pet"), PROTOCOL, "pyav")
    monkeypatch.setattr(decoding, "SECONDS", 0.05)
    with pytest.raises(CannotDecode, match="did not finish within"):
        decode(path, sample("a", "Pet"), PROTOCOL, "pyav")


@pytest.mark.skipif(sys.platform != "linux", reason="other systems bound a process less")
@pytest.mark.parametrize(
    "doing",
    ["bytearray(2 << 30)", "from pathlib import Path; Path('x').write_bytes(bytes(9))", "[0 for _ in iter(int, 1)]"],
)
def test_a_decoder_has_little_memory_little_time_and_no_files(doing: str, tmp_path: Path) -> None:
    code = f"from i2vbench.leaderboards.submission.decoder import _limit\n_limit(1, 1 << 30)\n{doing}"
    call = [sys.executable, "-c", code]
    done = subprocess.run(call, cwd=tmp_path, env=environment(), capture_output=True, check=False)
    assert done.returncode != 0
    assert not (tmp_path / "x").exists() or (tmp_path / "x").stat().st_size == 0


def test_what_the_commands_refuse_and_say(
    submitted: Submitted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    call = call_inside(tmp_path, monkeypatch, capsys)
    done = call("submit", submitted.run)
    assert (done.code, done.stderr) == (
        2,
        "i2vbench: nothing was packed: it may not go on a leaderboard (--anyway packs it, and says so in it)\n",
    )
    assert "It was made under the profile tiny." in done.stdout
    assert call("submit", submitted.run, "--out", "a.tar").code == 2
    assert call("submit", tmp_path).stderr.startswith(f"i2vbench: {tmp_path} is not a run")
    done = call("submit", submitted.run, "--anyway", "--out", "mine.zip")
    assert done.code == 0
    assert f"Next: i2vbench leaderboard verify mine.zip --videos {submitted.run}/videos --anyway" in done.stdout
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine.zip"]
    assert call("leaderboard", "verify", "none.zip").stderr.endswith(
        "no such file; expected an archive, or the folder of a board\n"
    )
    assert call("leaderboard", "verify", "mine.zip", "--videos", "none").code == 2
    assert call("leaderboard", "verify", "mine.zip", "--out", ".").code == 2
    done = call("leaderboard", "verify", "mine.zip", "--recompute-only", "--anyway")
    assert (done.code, done.stdout.splitlines()[-1].endswith("; nothing was measured again.")) == (0, True)
    done = call("leaderboard", "verify", "mine.zip", "--recompute-only")
    assert (done.code, done.stdout.splitlines()[-1]) == (1, "Not verified: 2 faults.")
    parts = take_apart(submitted.bare)
    parts["clips.jsonl"] = parts["clips.jsonl"].replace(b'"static"', b'"\\u001b[2Jme\\u202e"', 1)
    (tmp_path / "hostile.zip").write_bytes(seal(parts))
    done = call("leaderboard", "verify", "hostile.zip", "--recompute-only")
    assert done.code == 2
    assert "expected the clip" in done.stderr
    assert done.stderr.rstrip("\n").isprintable()
