"""What tests of reading have in common."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from i2vbench.video import VideoError, read_video

Made = Callable[[str], Path]

COUNTS = {"one_frame.mp4": 1, "one_frame.mkv": 1, "edit_list.mp4": 10, "edit_list_short.mp4": 10, "vp8_hidden.webm": 60}
COUNTS |= {"variable_rate.mp4": 13, "variable_rate.avi": 13, "xvid_packed.avi": 28}
"""Frames of those files that have not 24."""

bounded = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def need(reader: str) -> None:
    if reader == "decord":
        pytest.importorskip("decord")


def reason(path: Path, reader: str = "pyav") -> str:
    """Why a file is refused; it must be one line that begins with its path."""
    with pytest.raises(VideoError) as caught:
        read_video(path, reader=reader)
    assert str(caught.value) == f"{path}: {caught.value.reason}"
    assert "\n" not in str(caught.value)
    return caught.value.reason
