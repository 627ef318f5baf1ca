"""A study's folder: made of runs once, gone on with after a kill, and telling nothing of the models."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from i2vbench.errors import UserError
from i2vbench.files import file_sha256
from i2vbench.human import filling, making
from i2vbench.human.making import Plan, held, make_study
from i2vbench.human.media import damaged
from i2vbench.human.study import FILE, Study, broken_path, first_frame_path, read_study, video_path
from i2vbench.progress import Quiet
from i2vbench.types import Frames, Video
from i2vbench.video import read_image, read_video
from tests.human.runs import FRAMES, GENERATED, SIZE, profile, run_of, video

MODELS = ("Zebra-Large", "alpha/animator", "third")


class Told(Quiet):
    """Keeps what is said."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, text: str) -> None:
        self.lines.append(text)


def make(folder: Path, *runs: Path, progress: Quiet | None = None, **plan: Any) -> Study:
    with held(folder):
        return make_study(folder, Plan(runs=runs, **plan), progress or Quiet())


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def psnr(a: Frames, b: Frames) -> float:
    return float(10 * np.log10(255**2 / np.mean((a.astype(float) - b) ** 2)))


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return run_of(tmp_path / "run", MODELS)


def test_a_study_is_what_the_runs_say(tmp_path: Path, run: Path) -> None:
    other = run_of(tmp_path / "other", MODELS, 2, first_frames=GENERATED, lost={("third", "s1"): "it failed"})
    told = Told()
    study = make(tmp_path / "study", run, other, mode="pairs", questions=("text",), per_rater=7, progress=told)
    assert read_study(tmp_path / "study") == study
    assert (study.models, study.mode, study.per_rater, study.checks) == (MODELS, "pairs", 7, 0.1)
    assert (study.height, study.width, study.num_frames, study.fps) == (SIZE, SIZE, FRAMES, 8.0)
    assert [(item.source, item.sample, item.category, item.prompt) for item in study.items[:3]] == [
        (0, "s0", "Pet", "prompt 0"),
        (1, "s0", "Pet", "prompt 0"),
        (0, "s1", "Food", "prompt 1"),
    ]
    assert study.items[0].videos[1] == file_sha256(next((run / "videos").glob("alpha*/s0-seed0.mp4")))
    assert told.lines == ["demo, first frames: made by X: 1 of 2 samples left out, third failed (first: s1)"]
    assert "tie" in study.questions[0].text
    assert study.consent[0].startswith("You will be shown 6 tasks.")  # five samples and a check
    assert any("flicker" in paragraph for paragraph in study.consent)
    others = [make(tmp_path / f"study {n}", run, limit=2, checks=0.3) for n in range(2)]
    assert others[0].consent[0].startswith("You will be shown 3 tasks."), "two samples and a check"
    assert others[0].seed != others[1].seed, "nobody can guess which tasks are checks"


def test_videos_show_the_frames_that_metrics_see(tmp_path: Path) -> None:
    long = {m: [Video(video(m, 0).frames.repeat(3, axis=0).repeat(2, axis=2), 24.0)] for m in MODELS}
    run = run_of(tmp_path / "run", MODELS, 1, videos=long, profile=profile(num_frames=4))
    make(tmp_path / "study", run)
    for index, model in enumerate(MODELS):
        shown = read_video(tmp_path / "study" / video_path(0, index))
        width = slice(SIZE // 2, SIZE // 2 + SIZE)
        assert (shown.num_frames, shown.height, shown.width, shown.fps) == (4, SIZE, SIZE, 8.0)
        assert psnr(shown.frames, video(model, 0).frames.repeat(2, axis=2)[:4, :, width]) > 35
    first = read_image(tmp_path / "study" / first_frame_path(0))
    assert first.shape == (SIZE, SIZE, 3)


def test_nothing_that_is_served_names_a_model_or_a_sample(tmp_path: Path, run: Path) -> None:
    folder = tmp_path / "study"
    study = make(folder, run)
    media = {name: data for name, data in files(folder).items() if name.startswith("media/")}
    assert len(media) == len(study.items) * (1 + len(MODELS) + 1)
    words = [word.encode() for word in (*MODELS, "alpha", "s0-seed", "prompt", str(tmp_path))]
    for name, data in media.items():
        assert all(part.isdigit() or part in ("first", "broken") for part in name[6:].rsplit(".")[0].split("/")), name
        assert not [word for word in words if word in data], name
    with av.open(str(folder / video_path(0, 1))) as container:
        stream = container.streams.video[0]
        assert not {"title", "comment", "description", "creation_time"} & {*container.metadata, *stream.metadata}
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
    data = media[video_path(0, 1)]
    assert data.index(b"moov") < data.index(b"mdat"), "it plays before all of it is there"


def test_more_models_than_letters_are_refused_at_once(
    tmp_path: Path, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(making, "MOST_AT_ONCE", 2)
    with pytest.raises(UserError, match="3 models: a page shows at most 2 at once; --mode pairs"):
        make(tmp_path / "study", run)
    assert not (tmp_path / "study").exists()
    assert make(tmp_path / "study", run, mode="pairs", limit=1).mode == "pairs"


def test_every_model_is_damaged_as_often(tmp_path: Path, run: Path) -> None:
    study = make(tmp_path / "study", run, seed=2)
    counts = Counter(item.broken for item in study.items)
    assert sorted(counts.values()) == [1, 1, 2]
    again = make(tmp_path / "again", run, seed=2)
    assert files(tmp_path / "again") == files(tmp_path / "study")
    assert again == study
    reseeded = make(tmp_path / "reseeded", run, seed=3)
    assert [item.broken for item in reseeded.items] != [item.broken for item in study.items]
    without = make(tmp_path / "without", run, checks=0.0)
    assert {item.broken for item in without.items} == {None}
    assert not list((tmp_path / "without").rglob("broken.mp4"))


def test_a_making_that_was_killed_goes_on(tmp_path: Path, run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    make(whole, run, seed=0)
    made = 0
    write = filling.write_bytes

    def stop(path: Path, data: bytes) -> None:
        nonlocal made
        made += 1
        if made > 9:
            path.with_name(f".{path.name}.partial").write_bytes(data[: len(data) // 2])
            raise KeyboardInterrupt
        write(path, data)

    with monkeypatch.context() as patched:
        patched.setattr(filling, "write_bytes", stop)
        with pytest.raises(KeyboardInterrupt):
            make(killed, run, seed=0)
    with pytest.raises(UserError, match=r"lacks the videos of \d of 4 samples.*name its runs again"):
        make(killed)
    with pytest.raises(UserError, match="differs in --seed: leave that out"):
        make(killed, run, seed=1)
    make(killed, run)
    assert {name: data for name, data in files(killed).items() if not name.endswith(".partial")} == files(whole)
    assert make(killed) == read_study(whole)


def test_a_run_that_changed_amid_the_making_is_refused(tmp_path: Path, run: Path) -> None:
    folder = tmp_path / "study"
    make(folder, run)
    (folder / video_path(2, 0)).unlink()
    path = run / "videos" / "Zebra-Large" / "s2-seed0.mp4"
    path.write_bytes((run / "videos" / "Zebra-Large" / "s1-seed0.mp4").read_bytes())
    with pytest.raises(UserError, match=r"s2-seed0\.mp4 is not the video that the study .* was made of"):
        make(folder, run)


def test_videos_that_cannot_be_shown_leave_their_sample_out(tmp_path: Path, run: Path) -> None:
    (run / "videos" / "third" / "s1-seed0.mp4").write_bytes(b"no video")
    told = Told()
    study = make(tmp_path / "study", run, progress=told)
    assert [item.sample for item in study.items] == ["s0", "s2", "s3"]
    assert "1 of 4 samples left out, a file cannot be shown (first: " in told.lines[0]
    assert make(tmp_path / "study", run) == study
    short = run_of(tmp_path / "short", MODELS, 2, profile=profile(num_frames=30))
    with pytest.raises(UserError, match=r"no sample can be shown.*the protocol takes 30 frames"):
        make(tmp_path / "none", short)
    assert not (tmp_path / "none").exists()


def test_a_study_that_is_there_stays_as_it_was_made(tmp_path: Path, run: Path) -> None:
    folder = tmp_path / "study"
    same: dict[str, Any] = {
        "models": MODELS[:2], "categories": ("Pet,Food",), "limit": 3, "questions": ("motion",), "mode": "pairs",
        "per_rater": 9, "checks": 0.3, "seed": 5, "consent": ("Please.",),
    }  # fmt: skip
    study = make(folder, run, **same)
    assert len(study.items) == 3
    before = files(folder)
    assert make(folder, run, **same) == make(folder, run) == make(folder) == make(folder, **same) == study
    others: dict[str, Any] = {
        "models": MODELS[1:], "categories": ("Pet",), "limit": 2, "questions": ("motion", "text"), "mode": "choice",
        "per_rater": 8, "checks": 0.0, "seed": 0, "consent": ("Please!",),
    }  # fmt: skip
    flags = {"models": "--model", "categories": "--categories"}
    for name, value in others.items():
        with pytest.raises(UserError, match=f"differs in {flags.get(name, '--' + name.replace('_', '-'))}: leave"):
            make(folder, run, **{name: value})
    other_data = run_of(tmp_path / "other", MODELS, dataset={"name": "demo", "samples": 4, "fingerprint": "c" * 64})
    for runs, why in (
        ([other_data], "data sets or first frames differ"),
        ([run, other_data], "data sets or first frames differ"),
        ([run_of(tmp_path / "few", MODELS, 2)], "lack videos of s2"),
        ([run_of(tmp_path / "longer", MODELS, profile=profile(num_frames=9))], "protocols differ"),
        ([run_of(tmp_path / "strange", ["Zebra-Large", "w"])], "no model 'alpha/animator'"),
    ):
        with pytest.raises(UserError, match=why):
            make(folder, *runs)
    assert files(folder) == before


def test_folders_of_others_are_left_alone(tmp_path: Path, run: Path) -> None:
    before = files(run)
    with pytest.raises(UserError, match=r"holds other things \(features\) and no study.json; name another --out"):
        make(run, run)
    assert files(run) == before
    with pytest.raises(UserError, match="holds no study yet: name the runs"):
        make(tmp_path / "study")
    assert not (tmp_path / "study").exists()
    with held(tmp_path / "study"), pytest.raises(UserError, match="another process serves"), held(tmp_path / "study"):
        pass
    (tmp_path / "study").mkdir()
    (tmp_path / "study" / FILE).write_text("{}")
    with pytest.raises(UserError, match=r"study.json is not a study's"):
        make(tmp_path / "study", run)


@settings(max_examples=40, deadline=None)
@given(
    num_frames=st.integers(1, 60),
    fps=st.sampled_from([1, 3, 5, 7.5, 8, 23.976, 24, 60]),
    size=st.tuples(st.integers(1, 21), st.integers(1, 21)),
    seed=st.integers(0, 2**31 - 1),
)
def test_a_damaged_video_is_as_long_and_changes_at_most_twice_a_second(
    num_frames: int, fps: float, size: tuple[int, int], seed: int
) -> None:
    """Over three flashes a second can cause seizures; videos are looped, so the last frame is followed by the first."""
    frames = np.random.default_rng(seed).integers(0, 256, (num_frames, *size, 3), dtype=np.uint8)
    made = damaged(Video(frames, fps), (seed, 3))
    assert (made.frames.shape, made.fps) == (frames.shape, fps)
    changes = [t for t in range(num_frames) if (made.frames[t] != made.frames[t - 1]).any()]
    following = [*changes[1:], *(t + num_frames for t in changes[:1])]
    gaps = [(after - before) / fps for before, after in zip(changes, following, strict=True)]
    assert all(gap >= 0.5 for gap in gaps)
    assert (made.frames == damaged(Video(frames, fps), (seed, 3)).frames).all()


def test_a_damaged_video_differs_in_appearance_and_motion(tmp_path: Path) -> None:
    """Also where the model's own video stands still, or shows one colour."""
    still = Video(moving(seed=3).frames[:1].repeat(16, axis=0), 8.0)
    plain = Video(np.full((16, 64, 64, 3), 90, np.uint8), 8.0)
    for intact in (moving(), still, plain):
        made = damaged(intact, (0, 0))
        assert (made.frames != intact.frames).any(axis=-1).mean() > 0.4
    jumps = np.abs(np.diff(damaged(still, (0, 0)).frames.astype(int), axis=0)).mean(axis=(1, 2, 3))
    assert sorted(np.flatnonzero(jumps > 20)) == [3, 7, 11]
    assert psnr(damaged(moving(), (0, 0)).frames, damaged(moving(), (0, 1)).frames) < 20


def moving(seed: int = 0) -> Video:
    """Textured, and moving by two pixels a frame."""
    texture = np.random.default_rng(seed).integers(0, 256, (64, 128, 3), dtype=np.uint8)
    return Video(np.stack([texture[:, 2 * t : 2 * t + 64] for t in range(16)]), 8.0)


def test_a_study_names_its_broken_video(tmp_path: Path, run: Path) -> None:
    """The damaged video is of the model that the study says."""
    study = make(tmp_path / "study", run)
    for index, item in enumerate(study.items):
        assert item.broken is not None
        intact = read_video(tmp_path / "study" / video_path(index, item.broken))
        broken = read_video(tmp_path / "study" / broken_path(index))
        wanted = damaged(video(MODELS[item.broken], index), (study.seed, index))
        assert psnr(broken.frames, wanted.frames) > 30
        assert psnr(broken.frames, intact.frames) < 20
