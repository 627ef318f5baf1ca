"""The readers, and decord's own process."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from i2vbench import video
from i2vbench.errors import UserError
from i2vbench.types import Video
from i2vbench.video import decord_frames, read_video, write_video
from tests.video import files as videos
from tests.video.reading import Made, reason


def test_reader_versions_name_what_decodes() -> None:
    assert video.reader_version("pyav").startswith("pyav ")
    assert "libavcodec" in video.reader_version("pyav")
    with pytest.raises(UserError, match="unknown reader 'opencv'; the readers are pyav and decord"):
        video.reader_version("opencv")


def test_decord_not_installed_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "decord", None)
    with pytest.raises(UserError, match=r"needs decord: pip install 'i2vbench\[decord\]', or take the reader pyav"):
        read_video("any.mp4", reader="decord")


FAKE_DECORD = """
import ctypes, os, sys
class DECORDError(Exception): pass
def cpu(index): return index
class VideoReader:
    def __init__(self, path, ctx, num_threads):
        print("noise on standard output", flush=True)
        os.write(1, b"more noise")
        {}
    def __len__(self): return 24
    def next(self): raise DECORDError("[12:00:00] /some/file.cc:12: no frame\\n\\nStack trace")
"""


@pytest.fixture
def fake_decord(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Puts a decord in place whose VideoReader does what it is told."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(decord_frames, "_thread", threading.local())
    return lambda body: (tmp_path / "decord.py").write_text(FAKE_DECORD.format(body)) and None


@pytest.mark.parametrize("width", [47, 48, 64])
def test_decord_gives_three_channels_at_every_width(tmp_path: Path, width: int) -> None:
    pytest.importorskip("decord")
    clip = Video(videos.moving_picture(3, height=32, width=width), 8.0)
    write_video(tmp_path / "narrow.mp4", clip)
    assert np.array_equal(read_video(tmp_path / "narrow.mp4", reader="decord").frames, clip.frames)


def test_a_hanging_decord_is_ended(
    made: Made, fake_decord: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_decord("ctypes.PyDLL(None).sleep(600)")  # holds the GIL, as the real deadlock does
    monkeypatch.setattr(decord_frames, "OPEN_SECONDS", 1.0)
    monkeypatch.setattr(decord_frames, "FRAME_SECONDS", 0.0)
    assert "did not finish within 1 s and was ended" in reason(made("untagged.mp4"), "decord")
    fake_decord("")  # and a new worker takes its place
    assert "decord cannot read it (no frame)" in reason(made("untagged.mp4"), "decord")


@pytest.mark.parametrize("body", ["os.abort()", "os._exit(0)", "raise KeyError('unforeseen')"])
def test_a_crash_of_decord_is_an_error_of_the_file(made: Made, fake_decord: Callable[[str], None], body: str) -> None:
    fake_decord(body)
    assert "decord crashed on it" in reason(made("untagged.mp4"), "decord")


def test_the_worker_survives_an_error(made: Made, fake_decord: Callable[[str], None]) -> None:
    fake_decord("")
    path = made("untagged.mp4")
    assert reason(path, "decord")
    worker = decord_frames._thread.worker
    assert reason(path, "decord")
    assert decord_frames._thread.worker is worker


@pytest.mark.skipif(os.name != "posix", reason="asks for a process by its number")
def test_the_worker_ends_with_its_caller(made: Made, fake_decord: Callable[[str], None]) -> None:
    fake_decord("")
    program = (
        "import os, sys; from i2vbench import video; from i2vbench.video import decord_frames\n"
        "try: video.read_video(sys.argv[1], reader='decord')\n"
        "except video.VideoError: print(decord_frames._thread.worker.pid, flush=True); os._exit(0)"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([os.environ["PYTHONPATH"], *filter(None, sys.path)])}
    command = [sys.executable, "-c", program, str(made("untagged.mp4"))]
    worker = int(subprocess.run(command, env=environment, capture_output=True, check=True).stdout)
    for _ in range(100):
        if is_running(worker):
            time.sleep(0.1)
    assert not is_running(worker), "it outlived its caller"


def is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{process}/stat")
    return not (status.exists() and ") Z " in status.read_text())  # ended, but nobody has asked for its status
