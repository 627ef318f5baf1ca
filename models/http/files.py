"""Answers and videos as they came, kept beside the ledger; and whether a video is what the description states."""

from __future__ import annotations

import base64
import binascii
import json
import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from i2vbench.files import atomic_file, file_sha256, write_bytes
from i2vbench.models.http.description import Description
from i2vbench.models.videos import is_even
from i2vbench.parsing import parse_json
from i2vbench.types import Video
from i2vbench.video import VideoError, probe, read_video

RATE_TOLERANCE = 0.005
"""Containers round: 24 fps in milliseconds come out as 23.98 or 24.04."""

_TEXT = re.compile(rb"\s*[<{\[\"]")


class BadContent(Exception):
    """What came is no video, or a damaged one; the text says why, after "the video"."""


@dataclass(frozen=True, slots=True)
class Checked:
    """A video that was looked at.

    Attributes:
        video: Its frames; None if it is not what the description states.
        codec: As "h264 yuv420p".
        fault: What is not as stated, "" if all is.
    """

    video: Video | None
    codec: str
    fault: str


def answer_file(folder: Path, key: str) -> Path:
    """The answer to a request."""
    return folder / "answers" / f"{key}.json"


def video_file(folder: Path, key: str) -> Path:
    """The video of a request, in whatever container it came."""
    return folder / "videos" / f"{key}.mp4"


def keep_answer(folder: Path, key: str, data: Any) -> None:
    path = answer_file(folder, key)
    path.parent.mkdir(exist_ok=True)
    write_bytes(path, json.dumps(data).encode())  # in ASCII: half an emoji, which services cut texts to, has no UTF-8


def read_answer(folder: Path, key: str) -> Any:
    """The answer to a request; None if it is not there."""
    try:
        return parse_json(answer_file(folder, key).read_bytes())
    except (FileNotFoundError, ValueError):
        return None


def keep_video(folder: Path, key: str, pieces: Iterable[bytes], quoted: Callable[[str], str]) -> Path:
    """Write what comes; it has its name only when all is there. `quoted` is how a server's words may be told.

    Raises:
        BadContent: It begins like a text.
    """
    path = video_file(folder, key)
    path.parent.mkdir(exist_ok=True)
    with atomic_file(path) as file:
        head = b""
        for piece in pieces:
            if len(head) < 64:
                head += piece[: 64 - len(head)]
            file.write(piece)
        if not head:
            raise BadContent("is empty")
        if _TEXT.match(head):
            raise BadContent(f"is a text: {quoted(head.decode('utf-8', 'replace'))!r}")
    return path


def from_base64(text: object) -> bytes:
    """The bytes that a text holds, as base64 or as a data address.

    Raises:
        BadContent: It is neither.
    """
    if not isinstance(text, str):
        raise BadContent(f"is no base64 but a {type(text).__name__}")
    encoded = text.partition(";base64,")[2] if text.startswith("data:") else text
    try:
        return base64.b64decode("".join(encoded.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadContent(f"is no base64 ({error})") from error


def kept_video(folder: Path, key: str, sha256: str) -> Path | None:
    """The video that the ledger knows, if it is still as it came."""
    path = video_file(folder, key)
    return path if path.is_file() and file_sha256(path) == sha256 else None


def remove(folder: Path, key: str) -> None:
    """Forget what came of a request that is sent once more."""
    for path in (answer_file(folder, key), video_file(folder, key)):
        path.unlink(missing_ok=True)
        partial = path.with_name(f".{path.name}.partial")
        if os.path.lexists(partial):
            partial.unlink()


def checked(path: Path, stated: Description) -> Checked:
    """Look at a video, and decode it if it is what the description states.

    Raises:
        BadContent: It cannot be read.
    """
    try:
        info = probe(path)
        codec = f"{info.codec} {info.pixel_format}"
        fault = ""
        if (info.num_frames, info.height, info.width) != (stated.num_frames, stated.height, stated.width) or (
            abs(info.fps - stated.fps) > RATE_TOLERANCE * stated.fps
        ):
            fault = (
                f"it returned {info.num_frames} frames of {info.height} x {info.width} at {info.fps:.4g} fps, and "
                f"{stated.path.name} states {stated.num_frames} of {stated.height} x {stated.width} at {stated.fps:.4g}"
            )
        elif not is_even(info.times):
            fault = "it returned a video with a variable frame rate"
        if fault:
            return Checked(None, codec, fault)
        return Checked(Video(read_video(path, info=info).frames, stated.fps), codec, "")
    except VideoError as error:
        raise BadContent(error.reason) from error
