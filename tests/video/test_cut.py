"""A cut holds exactly the frames of [start, end), as they are shown, and nothing else of its source."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from i2vbench.video import VideoError, cut_pieces, cut_video, probe, read_video, shown_frames
from tests.conftest import ROOT
from tests.video import files as videos

Made = Callable[[str], Path]

CFR = ("-c:v", "libx264", "-pix_fmt", "yuv420p")
ODD = ("odd_444.mp4", "rgb.mp4", "odd_vp9.webm")
COARSER_COLOUR = ("422.mp4", "prores.mov", "h264_10bit.mp4", "hevc_10bit.mp4", *ODD)
"""What readers bring to RGB from finer colours than the cut has."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp("videos")

    def make(name: str) -> Path:
        path: Path = folder / name
        if not path.exists():
            videos.KINDS[name](path)
        return path

    return make


def frames_of(path: Path) -> np.ndarray:
    return read_video(path).frames.astype(np.int16)


@pytest.mark.parametrize("name", videos.KINDS)
def test_the_frames_of_the_stretch_and_no_others(made: Made, tmp_path: Path, name: str) -> None:
    source, target = made(name), tmp_path / "cut.mp4"
    info = probe(source)
    start, end = (0.3, 0.75) if info.num_frames > 1 else (0.0, None)
    cut_video(source, target, start, end, crf=1)
    wanted = shown_frames(info, start, end)
    cut = probe(target)
    assert (cut.codec, cut.pixel_format.removeprefix("yuvj").removeprefix("yuv")) == ("h264", "420p")
    assert (cut.height, cut.width) == (info.height + info.height % 2, info.width + info.width % 2)
    assert cut.hidden_frames == 0
    assert cut.times == pytest.approx([info.times[i] - info.times[wanted.start] for i in wanted])

    everything, seen = frames_of(source), frames_of(target)[:, : info.height, : info.width]
    distances = [[np.abs(frame - other).mean() for other in everything] for frame in seen]
    assert [int(np.argmin(row)) for row in distances] == list(wanted)
    if name not in COARSER_COLOUR:
        assert max(distances[k][i] for k, i in enumerate(wanted)) < 0.5  # of 255
    if name not in ODD:
        bias = np.abs((seen - everything[wanted.start : wanted.stop]).mean(axis=(0, 1, 2)))
        assert bias.max() < 1  # neither another range nor another matrix: they shift reds by 5 and more


@pytest.mark.parametrize("name", ["h264_10bit.mp4", "hevc_10bit.mp4", "prores.mov", "422.mp4"])
def test_finer_colours_become_what_ffmpeg_makes_of_them(made: Made, tmp_path: Path, name: str) -> None:
    target = tmp_path / "cut.mp4"
    cut_video(made(name), target, 0, None, crf=1)
    raw = ("-pix_fmt", "yuv420p", "-f", "rawvideo", "-")
    expected, found = (np.frombuffer(videos.ffmpeg("-i", path, *raw), np.uint8) for path in (made(name), target))
    assert len(expected) == len(found)
    assert np.abs(expected.astype(int) - found).mean() < 1


def test_an_odd_side_grows_by_a_copy_of_its_edge(tmp_path: Path) -> None:
    frames = np.repeat(np.repeat(videos.moving_picture(4, 16, 17), 4, 1), 3, 2)[:, :63, :51]
    source, target = tmp_path / "odd.mkv", tmp_path / "cut.mp4"
    videos.encode(source, "-c:v", "ffv1", "-pix_fmt", "yuv444p", frames=frames)
    cut_video(source, target, 0, None, crf=1)
    cut = frames_of(target)
    assert cut.shape == (4, 64, 52, 3)
    assert np.abs(cut[:, -1] - cut[:, -2]).mean() < 4
    assert np.abs(cut[:, :, -1] - cut[:, :, -2]).mean() < 4


def test_a_mirrored_odd_file_grows_on_the_side_that_is_shown_last(made: Made, tmp_path: Path) -> None:
    mirrored, target = tmp_path / "mirrored.mp4", tmp_path / "cut.mp4"
    videos.copy(mirrored, "-display_rotation", "0", "-display_hflip", source=made("odd_444.mp4"))
    cut_video(mirrored, target, 0, None, crf=1)
    shown, cut = (frames_of(path) @ np.array([0.299, 0.587, 0.114]) for path in (mirrored, target))
    assert np.abs(cut[:, :63, :97] - shown).mean() < np.abs(cut[:, :63, 1:] - shown).mean() / 2


def test_a_variable_rate_and_the_length_of_the_last_frame_are_kept(made: Made, tmp_path: Path) -> None:
    source, target = made("variable_rate.mp4"), tmp_path / "cut.mp4"
    cut_video(source, target, 0.5, 1.3)
    assert probe(target).times == pytest.approx([0, 0.1, 0.2, 0.4, 0.7])  # of 0.5, 0.6, 0.7, 0.9, 1.2
    with av.open(str(target)) as container:
        stream = container.streams.video[0]
        assert float(stream.duration * stream.time_base) == pytest.approx(1.0)  # the next is at 1.5
        assert float(stream.average_rate) == pytest.approx(5)


@pytest.mark.parametrize("fps", ["24000/1001", "29.97", "12.5", "60"])
def test_a_rate_is_kept(tmp_path: Path, fps: str) -> None:
    source, target = tmp_path / "source.mp4", tmp_path / "cut.mp4"
    videos.ffmpeg("-f", "lavfi", "-i", f"testsrc2=s=64x48:r={fps}:d=2", *CFR, source)
    cut_video(source, target, 0.4, 1.4)
    assert probe(target).fps == pytest.approx(probe(source).fps, rel=1e-6)


def stream_of(path: Path) -> tuple[int, ...]:
    with av.open(str(path)) as container:
        context = container.streams.video[0].codec_context
        next(container.decode(video=0))
        return context.colorspace, context.color_primaries, context.color_trc, context.color_range


@pytest.mark.parametrize("matrix", ["bt709", "smpte170m", "bt2020nc"])
@pytest.mark.parametrize("limits", ["tv", "pc"])
def test_colour_tags_pass_through(tmp_path: Path, matrix: str, limits: str) -> None:
    source, target = tmp_path / "source.mp4", tmp_path / "cut.mp4"
    names = {"bt2020nc": ("bt2020", "bt2020-10")}.get(matrix, (matrix, matrix))
    tags = f"setparams=color_primaries={names[0]}:color_trc={names[1]}"
    videos.encode(source, *CFR, "-vf", f"scale=out_color_matrix={matrix}:out_range={limits},{tags}")
    cut_video(source, target, 0, 1)
    assert stream_of(target) == stream_of(source)
    assert 2 not in stream_of(source)[:3]  # "unspecified" would pass through a cut that forgets them


def test_an_untagged_file_stays_untagged(made: Made, tmp_path: Path) -> None:
    cut_video(made("untagged.mp4"), tmp_path / "cut.mp4", 0, 1)
    assert stream_of(tmp_path / "cut.mp4")[:3] == (2, 2, 2)


@pytest.mark.parametrize(("transfer", "name"), [("smpte2084", "PQ"), ("arib-std-b67", "HLG")])
def test_high_dynamic_range_is_refused(tmp_path: Path, transfer: str, name: str) -> None:
    source = tmp_path / "hdr.mp4"
    tags = f"setparams=color_primaries=bt2020:color_trc={transfer}:colorspace=bt2020nc"
    videos.encode(source, *CFR, "-vf", tags)
    with pytest.raises(VideoError, match=rf"high dynamic range \({name}\)"):
        cut_video(source, tmp_path / "cut.mp4", 0, None)
    assert [path.name for path in tmp_path.iterdir()] == ["hdr.mp4"]


def test_the_shape_of_a_pixel_is_kept_and_turned(tmp_path: Path) -> None:
    wide, turned = tmp_path / "wide.mp4", tmp_path / "turned.mp4"
    videos.encode(wide, *CFR, "-vf", "setsar=4/3")
    videos.copy(turned, "-display_rotation", "90", source=wide)
    for source, expected in ((wide, 4 / 3), (turned, 3 / 4)):
        cut_video(source, tmp_path / "cut.mp4", 0, None)
        with av.open(str(tmp_path / "cut.mp4")) as container:
            assert float(container.streams.video[0].codec_context.sample_aspect_ratio) == pytest.approx(expected)


def test_nothing_else_of_the_source_is_kept(tmp_path: Path) -> None:
    source, target = tmp_path / "source.mp4", tmp_path / "cut.mp4"
    sound = ("-f", "lavfi", "-i", "sine=d=2")
    words = ("-metadata", "title=secret-title", "-metadata", "location=+52.5+13.4/", "-metadata:s:v", "handler_name=me")
    videos.ffmpeg("-f", "lavfi", "-i", "testsrc2=s=64x48:d=2", *sound, *CFR, "-shortest", *words, source)
    cut_video(source, target, 0.5, 1)
    data = target.read_bytes()
    assert b"secret-title" in source.read_bytes()
    for word in (b"secret-title", b"+52.5", b"Lavf", b"soun"):
        assert word not in data
    assert data.index(b"moov") < data.index(b"mdat")
    with av.open(str(target)) as container:
        assert [stream.type for stream in container.streams] == ["video"]


def test_groups_of_pictures_are_closed(tmp_path: Path) -> None:
    source, target = tmp_path / "source.mp4", tmp_path / "cut.mp4"
    videos.ffmpeg("-f", "lavfi", "-i", "testsrc2=s=64x48:r=60:d=10", *CFR, "-x264-params", "open-gop=1", source)
    cut_video(source, target, 0, None)
    with av.open(str(target)) as container:
        pts = [(packet.is_keyframe, packet.pts) for packet in container.demux(video=0) if packet.pts is not None]
    keys = [k for k, (is_key, _) in enumerate(pts) if is_key]
    assert len(keys) > 1
    assert pts == sorted(pts, key=lambda packet: packet[1])  # nothing that follows a key frame is shown before it


@pytest.mark.parametrize("name", ["open_gop.mp4", "edit_list.mp4", "variable_rate.mp4", "turned_90.mp4"])
def test_decord_reads_a_cut_too(made: Made, tmp_path: Path, name: str) -> None:
    pytest.importorskip("decord")
    cut_video(made(name), tmp_path / "cut.mp4", 0.3, 0.8)
    assert np.array_equal(read_video(tmp_path / "cut.mp4", reader="decord").frames, frames_of(tmp_path / "cut.mp4"))


def test_equal_input_gives_equal_bytes(made: Made, tmp_path: Path) -> None:
    for name in ("open_gop.mkv", "odd_444.mp4", "variable_rate.mp4"):
        cut_video(made(name), tmp_path / "one.mp4", 0.2, 1.5)
        cut_video(made(name), tmp_path / "other.mp4", 0.2, 1.5)
        assert (tmp_path / "one.mp4").read_bytes() == (tmp_path / "other.mp4").read_bytes()


def test_pieces_of_one_pass_are_those_of_several(made: Made, tmp_path: Path) -> None:
    source = made("variable_rate.mp4")
    times = probe(source).times
    third = times[-1] / 3
    stretches = [(0.0, third), (third, 2 * third), (2.2 * third, None)]
    cut_pieces(source, [(start, end, tmp_path / f"{i}.mp4") for i, (start, end) in enumerate(stretches)])
    for i, (start, end) in enumerate(stretches):
        cut_video(source, tmp_path / "alone.mp4", start, end)
        assert (tmp_path / f"{i}.mp4").read_bytes() == (tmp_path / "alone.mp4").read_bytes()
    with pytest.raises(ValueError, match="one after the other"):
        cut_pieces(source, [(third, None, tmp_path / "x.mp4"), (0.0, third, tmp_path / "y.mp4")])


MEMORY = """
import resource, sys
from pathlib import Path
from i2vbench.video import cut_video
cut_video(Path(sys.argv[1]), Path(sys.argv[2]), 0, float(sys.argv[3]))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def test_memory_does_not_grow_with_the_length(tmp_path: Path) -> None:
    source = tmp_path / "long.mp4"
    videos.ffmpeg("-f", "lavfi", "-i", "testsrc2=s=640x360:r=25:d=16", *CFR, "-preset", "ultrafast", source)
    short, long = (
        int(
            subprocess.run(
                [sys.executable, "-c", MEMORY, source, tmp_path / "cut.mp4", seconds],
                cwd=ROOT, capture_output=True, text=True, check=True,
            ).stdout
        )
        for seconds in ("4", "16")
    )  # fmt: skip
    assert long < short + 16_000  # KB; the 300 frames between them are 100 MB even as 4:2:0


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(start=st.floats(0, 2.3), length=st.floats(0.01, 2.4))
def test_any_stretch_agrees_with_shown_frames(made: Made, tmp_path: Path, start: float, length: float) -> None:
    source, target = made("variable_rate.mp4"), tmp_path / "cut.mp4"
    info = probe(source)
    try:
        wanted = shown_frames(info, start, start + length)
    except VideoError:
        with pytest.raises(VideoError, match="has no frame from"):
            cut_video(source, target, start, start + length)
        return
    cut_video(source, target, start, start + length)
    assert probe(target).times == pytest.approx([info.times[i] - info.times[wanted.start] for i in wanted])


def test_damage_is_refused_and_leaves_nothing(made: Made, tmp_path: Path) -> None:
    data, source, target = made("untagged.mp4").read_bytes(), tmp_path / "source.mp4", tmp_path / "cut.mp4"
    target.write_bytes(b"what was there before")
    for damaged in (data[: len(data) // 2], data[:3000] + bytes(4000) + data[7000:], b"<html>"):
        source.write_bytes(damaged)
        with pytest.raises(VideoError):
            cut_video(source, target, 0.5, None)
        assert target.read_bytes() == b"what was there before"
        assert len(list(tmp_path.iterdir())) == 2


def test_frames_that_change_their_size_are_refused(tmp_path: Path) -> None:
    one, other = (
        videos.encode(tmp_path / f"{w}.h264", *CFR, "-bf", "0", frames=videos.moving_picture(width=w)) for w in (96, 48)
    )
    (tmp_path / "both.h264").write_bytes(one.read_bytes() + other.read_bytes())
    both = videos.copy(tmp_path / "both.ts", "-fflags", "+genpts", "-r", "10", source=tmp_path / "both.h264")
    with pytest.raises(VideoError, match="changes its size"):
        cut_video(both, tmp_path / "cut.mp4", 0, None)
    assert not (tmp_path / "cut.mp4").exists()


FULL = """
import resource, sys
from pathlib import Path
from i2vbench.video import cut_video
resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))
try:
    cut_video(Path(sys.argv[1]), Path(sys.argv[2]), 0, None)
except OSError as error:
    print(error.errno)
"""


def test_a_disk_that_takes_no_more_is_an_oserror(made: Made, tmp_path: Path) -> None:
    import errno

    arguments = [sys.executable, "-c", FULL, str(made("untagged.mp4")), str(tmp_path / "cut.mp4")]
    done = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(errno.EFBIG)]
    assert not list(tmp_path.iterdir())
