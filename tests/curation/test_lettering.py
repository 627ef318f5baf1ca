"""Text that stays and text that passes are told apart, with nothing fetched, printed or left running."""

import subprocess
import sys

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from i2vbench.curation.lettering import Lettering, TextShares
from i2vbench.types import Frames
from tests.conftest import ROOT
from tests.curation.pictures import real, resized

pytest.importorskip("rapidocr")


@pytest.fixture(scope="module")
def lettering() -> Lettering:
    return Lettering()


def marked(frames: Frames, step_px: int, text: str = "www.example.com", height_px: int = 24) -> Frames:
    """White letters near the bottom, each time so much further right."""
    font, seen = ImageFont.load_default(height_px * 1.3), []
    for index, frame in enumerate(frames):
        picture = Image.fromarray(frame)
        place = (20 + index * step_px, frame.shape[0] - 2 * height_px)
        ImageDraw.Draw(picture).text(place, text, font=font, fill="white")
        seen.append(np.asarray(picture))
    return np.stack(seen)


def footage() -> Frames:
    frames = resized(real("ocv_box"), 2.5, "bicubic")  # 640 x 855
    return frames[[0, 1, 2, 1, 0]]


def test_a_clean_clip_has_no_held_text(lettering: Lettering) -> None:
    for name in ("ocv_box", "ocv_tree"):
        assert lettering.measure(real(name)) == TextShares(0, 0)


def test_a_mark_that_stays_is_held(lettering: Lettering) -> None:
    shares = lettering.measure(marked(footage(), step_px=0))
    letters = 24 * 290 / (640 * 855)
    assert letters < shares.held <= shares.text < 3 * letters


def test_a_sign_that_passes_is_text_and_not_held(lettering: Lettering) -> None:
    shares = lettering.measure(marked(footage(), step_px=140, text="Market"))
    assert shares.text > 0.003
    assert shares.held < 0.1 * shares.text


def test_the_size_of_the_file_does_not_matter(lettering: Lettering) -> None:
    whole = marked(footage(), step_px=0)
    large, small = (lettering.measure(resized(whole, factor, "bicubic")) for factor in (1.5, 0.75))
    assert large.held == pytest.approx(small.held, rel=0.3)
    assert large.held > 0


def test_what_is_higher_than_a_line_is_left_out(lettering: Lettering) -> None:
    assert lettering.measure(marked(footage(), 0, text="BIG", height_px=150)).text < 0.01


QUIET = """
import socket
def refuse(*given, **more):
    raise AssertionError("something is fetched")
socket.socket.connect = socket.getaddrinfo = socket.create_connection = refuse
import numpy as np
from i2vbench.curation.lettering import Lettering
found = Lettering().measure(np.zeros((2, 64, 96, 3), np.uint8))
assert (found.text, found.held) == (0, 0), found
"""


def test_nothing_is_fetched_and_nothing_is_printed() -> None:
    done = subprocess.run([sys.executable, "-c", QUIET], cwd=ROOT, capture_output=True, check=True)
    assert (done.stdout, done.stderr) == (b"", b"")


def test_it_runs_on_one_thread(lettering: Lettering) -> None:
    options = lettering._detector.text_det.session.session.get_session_options()
    assert (options.intra_op_num_threads, options.inter_op_num_threads) == (1, 1)
