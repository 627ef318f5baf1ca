"""Makes the odd video files that the tests read, with the ffmpeg program; and ffmpeg's own reading of any file."""

import functools
import subprocess
from collections.abc import Callable
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import numpy.typing as npt

Frames = npt.NDArray[np.uint8]


@functools.cache
def program() -> str:
    return str(imageio_ffmpeg.get_ffmpeg_exe())


def ffmpeg(*arguments: str | Path, stdin: bytes = b"", fails_ok: bool = False) -> bytes:
    """Runs ffmpeg and returns its standard output."""
    command = [program(), "-hide_banner", "-loglevel", "error", "-y", *map(str, arguments)]
    done = subprocess.run(command, input=stdin, capture_output=True, check=False)
    if done.returncode and not fails_ok:
        raise RuntimeError(f"{command}: {done.stderr.decode(errors='replace')}")
    return done.stdout


def truth(path: Path, height: int, width: int, fails_ok: bool = False) -> Frames:
    """The file as ffmpeg shows it: uint8 [T, height, width, 3]."""
    raw = ffmpeg(
        *("-threads", "1", "-i", path, "-map", "0:v:0", "-fps_mode", "passthrough"),
        *("-f", "rawvideo", "-pix_fmt", "rgb24", "-"),
        fails_ok=fails_ok,
    )
    size = height * width * 3
    return np.frombuffer(raw[: len(raw) // size * size], np.uint8).reshape(-1, height, width, 3)


def moving_picture(num_frames: int = 24, height: int = 64, width: int = 96) -> Frames:
    """Colours that drift over a checkerboard, with noise: no two frames and no two corners are alike."""
    noise = np.random.default_rng(0)
    y, x = np.mgrid[0:height, 0:width]
    frames = np.empty((num_frames, height, width, 3), np.float64)
    for t in range(num_frames):
        frames[t, ..., 0] = 255 * ((x + 3 * t) % width) / width
        frames[t, ..., 1] = 255 * ((y + 2 * t) % height) / height
        frames[t, ..., 2] = 200 * (((x + 2 * t) // 8 + y // 8) % 2)
    return np.clip(frames + noise.normal(0, 8, frames.shape), 0, 255).astype(np.uint8)


def encode(path: Path, *arguments: str, frames: Frames | None = None) -> Path:
    """Encodes frames (the moving picture by default) at 10 frames per second."""
    frames = moving_picture() if frames is None else frames
    size = f"{frames.shape[2]}x{frames.shape[1]}"
    source = ("-f", "rawvideo", "-pix_fmt", "rgb24", "-s", size, "-r", "10", "-i", "-")
    ffmpeg(*source, *arguments, path, stdin=frames.tobytes())
    return path


def plain(folder: Path, *arguments: str) -> Path:
    """H.264, 4:2:0, 8 bits, a key frame every 8 frames; made once in a folder."""
    path = folder / "plain.mp4"
    return path if path.exists() else encode(path, *_H264, "-g", "8")


def copy(path: Path, *before: str, after: tuple[str, ...] = (), source: Path | None = None) -> Path:
    """A stream copy of the plain file."""
    ffmpeg(*before, "-i", source or plain(path.parent), "-c", "copy", *after, path)
    return path


def piped(path: Path, container: str, *arguments: str, source: Path | None = None) -> Path:
    """A stream copy written to a pipe: nothing is filled in afterwards."""
    given = source or plain(path.parent)
    path.write_bytes(ffmpeg("-i", given, "-c", "copy", *arguments, "-f", container, "-"))
    return path


def short_edit_list(path: Path) -> Path:
    """The plain file with an edit list that ends after 1 of its 2.4 seconds: the later packets are left out."""
    data = bytearray(plain(path.parent).read_bytes())
    entry = data.index(b"elst") + 12  # after the id, version and flags, number of entries
    assert int.from_bytes(data[entry : entry + 4]) == 2400  # milliseconds
    data[entry : entry + 4] = (1000).to_bytes(4)
    path.write_bytes(data)
    return path


def hidden_references(path: Path) -> Path:
    """VP8 with alternate reference frames, which are packets of their own and never shown."""
    options = ("-c:v", "libvpx", "-auto-alt-ref", "1", "-arnr-maxframes", "7", "-lag-in-frames", "25", "-b:v", "200k")
    frames, log = moving_picture(60), ("-passlogfile", str(path.with_suffix(".log")))
    encode(Path("-"), *options, *log, "-pass", "1", "-f", "null", frames=frames)
    return encode(path, *options, *log, "-pass", "2", frames=frames)


_H264 = ("-c:v", "libx264", "-pix_fmt", "yuv420p")
_X265 = ("-c:v", "libx265", "-x265-params", "log-level=error")
_OPEN_GOP = (*_H264, "-x264-params", "open-gop=1:keyint=8:bframes=8:b-adapt=0:scenecut=0")
_ODD = moving_picture(height=63, width=97)


def tagged(matrix: str, *more: str) -> tuple[str, ...]:
    return (*_H264, "-vf", f"scale=out_color_matrix={matrix}", "-colorspace", matrix, *more)


def turned(*how: str) -> Callable[[Path], Path]:
    return lambda path: copy(path, *how)


def encoded(*arguments: str, frames: Frames | None = None) -> Callable[[Path], Path]:
    return lambda path: encode(path, *arguments, frames=frames)


KINDS: dict[str, Callable[[Path], Path]] = {
    "untagged.mp4": encoded(*_H264),
    "bt601.mp4": encoded(*tagged("smpte170m")),
    "bt709.mp4": encoded(*tagged("bt709", "-color_primaries", "bt709", "-color_trc", "bt709")),
    "full_range.mp4": encoded("-c:v", "libx264", "-pix_fmt", "yuvj420p"),
    "grey.mp4": encoded("-c:v", "libx264", "-pix_fmt", "gray"),
    "422.mp4": encoded("-c:v", "libx264", "-pix_fmt", "yuv422p"),
    "odd_444.mp4": encoded("-c:v", "libx264", "-pix_fmt", "yuv444p", frames=_ODD),
    "rgb.mp4": encoded("-c:v", "libx264rgb", "-qp", "0", frames=_ODD),
    "interlaced.mp4": encoded(*_H264, "-flags", "+ildct+ilme"),
    "hevc.mp4": encoded(*_X265, "-pix_fmt", "yuv420p"),
    "vp8.webm": encoded("-c:v", "libvpx"),
    "vp8_hidden.webm": hidden_references,
    "vp9.webm": encoded("-c:v", "libvpx-vp9", "-pix_fmt", "yuv420p"),
    "odd_vp9.webm": encoded("-c:v", "libvpx-vp9", "-pix_fmt", "yuv420p", frames=_ODD),
    "mpeg4.avi": encoded("-c:v", "mpeg4", "-bf", "2"),
    "xvid_packed.avi": encoded("-c:v", "libxvid", "-bf", "2", "-q", "3", frames=moving_picture(30)),
    "mjpeg.avi": encoded("-c:v", "mjpeg", "-pix_fmt", "yuvj420p"),
    "ffv1.mkv": encoded("-c:v", "ffv1", "-pix_fmt", "yuv420p"),
    "prores.mov": encoded("-c:v", "prores_ks", "-pix_fmt", "yuv422p10le"),
    "h264_10bit.mp4": encoded("-c:v", "libx264", "-pix_fmt", "yuv420p10le"),
    "hevc_10bit.mp4": encoded(*_X265, "-pix_fmt", "yuv420p10le"),
    "av1.mp4": encoded("-c:v", "libaom-av1", "-cpu-used", "8", "-pix_fmt", "yuv420p"),
    "variable_rate.mp4": encoded(*_H264, "-vf", "select='not(mod(n,3))+lt(n,8)'", "-fps_mode", "vfr"),
    # AVI has no times: the muxer fills the gaps with empty chunks.
    "variable_rate.avi": encoded("-c:v", "mpeg4", "-vf", "select='not(mod(n,3))+lt(n,8)'", "-fps_mode", "vfr"),
    "one_frame.mp4": encoded(*_H264, "-frames:v", "1"),
    "one_frame.mkv": encoded(*_H264, "-frames:v", "1"),
    "open_gop.mp4": encoded(*_OPEN_GOP),
    "open_gop.mkv": encoded(*_OPEN_GOP),
    "open_gop.ts": encoded(*_OPEN_GOP),
    "open_gop_fragmented.mp4": encoded(*_OPEN_GOP, "-movflags", "frag_keyframe+empty_moov"),
    "edit_list.mp4": lambda path: copy(path, "-ss", "1.13", after=("-t", "0.8")),
    "edit_list_short.mp4": short_edit_list,
    "turned_90.mp4": turned("-display_rotation", "90"),
    "turned_180.mp4": turned("-display_rotation", "180"),
    "turned_270.mp4": turned("-display_rotation", "270"),
    "mirrored.mp4": turned("-display_rotation", "0", "-display_hflip"),
    "turned_mirrored.mp4": turned("-display_rotation", "90", "-display_hflip"),
    "copied.mkv": lambda path: copy(path),
    "copied.ts": lambda path: copy(path),
    "piped.mkv": lambda path: piped(path, "matroska"),
    "piped.mp4": lambda path: piped(path, "mp4", "-movflags", "frag_keyframe+empty_moov"),
    "longer_sound.mkv": lambda path: copy(
        path, "-f", "lavfi", "-i", "sine=d=4", after=("-map", "0", "-map", "1", "-c:a", "aac")
    ),
    "mkv_named.mp4": lambda path: piped(path, "matroska"),
}
"""How to make each kind of file, by its name."""
