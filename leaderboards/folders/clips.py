"""Which samples every entry of a board shows, and the small videos and pictures of them."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from i2vbench.leaderboards.folders.layout import CLIPS, MOST_CLIP_BYTES, PICTURE, VIDEO
from i2vbench.leaderboards.submission.decode import CannotDecode, decode
from i2vbench.leaderboards.submission.restore import Restored
from i2vbench.leaderboards.submission.sampling import Videos
from i2vbench.types import Image, Sample, Video
from i2vbench.video import VideoError, encode_png, encode_preview, read_image, resize_and_crop

COUNT = 12
"""Clips that an entry shows."""

_SHORT_SIDES_PX = (256, 192, 128, 96)
"""At which a preview is tried, until it is small enough."""

_MOST_PREVIEW_BYTES = 140 << 10
_PNG = b"\x89PNG\r\n\x1a\n"


@dataclass(slots=True)
class Shown:
    """Previews of a model's clips.

    Attributes:
        files: By name in clips/.
        faults: Which of them there are not, and why.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)


def choose_samples(board: str, samples: Iterable[Sample]) -> list[str]:
    """Ids of the samples that every entry of a board shows: of each category in turn, by a hash that nobody chooses.

    Args:
        board: It is part of the hash.
        samples: The whole data set's.
    """
    by_category: dict[str, list[str]] = {}
    for sample in samples:
        by_category.setdefault(sample.category, []).append(sample.id)
    order = sorted(by_category, key=lambda category: _hash(f"{board}:{category}"))
    ranked = [sorted(by_category[category], key=lambda id_: _hash(f"{board}:{id_}")) for category in order]
    turns = max(map(len, ranked), default=0)
    return [ids[turn] for turn in range(turns) for ids in ranked if turn < len(ids)][:COUNT]


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def make_previews(restored: Restored, model: str, samples: Iterable[str], videos: Videos) -> Shown:
    """Small videos of these samples as the metrics saw them, under the run's first seed.

    They are made of frames at the protocol's size and rate; equal clips give equal bytes, with one version of PyAV.
    """
    shown, seed = Shown(), restored.settings["seeds"][0]
    protocol = restored.profile.protocol
    with tempfile.TemporaryDirectory(prefix="i2vbench-clips-") as room:
        path = Path(room) / "clip.mp4"
        for id_ in samples:
            row = restored.clips[model, id_, seed]
            if row.state != "done":
                shown.faults.append(f"{model}/{id_}-seed{seed} is {row.state.replace('_', ' ')}: it cannot be shown")
                continue
            fault = videos.copy(restored.video(row), row, path)
            if not fault:
                try:
                    clip = decode(path, restored.samples[id_], protocol, restored.settings["reader"]["name"])
                    shown.files[f"{id_}{VIDEO}"] = encode_small(clip.video)
                except CannotDecode as error:
                    fault = f"its video gives no clip here: {error}"
            if fault:
                shown.faults.append(f"{model}/{id_}-seed{seed}: {fault}")
    return shown


def encode_small(video: Video) -> bytes:
    """A preview of bounded size: the larger the fewer bytes its frames need."""
    data = b""
    for short_side in _SHORT_SIDES_PX:
        side = min(video.height, video.width)
        height, width = (round(length * min(1, short_side / side)) for length in (video.height, video.width))
        data = encode_preview(Video(resize_and_crop(video.frames, height, width), video.fps))
        if len(data) <= _MOST_PREVIEW_BYTES:
            break
    return data


def pictures_of(restored: Restored, samples: Iterable[str], found: Mapping[str, Image]) -> dict[str, bytes]:
    """The pictures that models were shown, by name in clips/: of those found, the ones that the archive names."""
    return {
        f"{id_}{PICTURE}": data
        for id_ in samples
        if id_ in found and _pixels(found[id_]) == restored.first_frames.get(id_)
        if len(data := encode_png(found[id_])) <= MOST_CLIP_BYTES
    }


def fault_of_picture(path: Path, data: bytes, size_px: tuple[int, int], pixels: str | None) -> str:
    """What is wrong with a picture of a folder; "" if nothing is.

    Args:
        path: Where it lies.
        data: Its bytes.
        size_px: Height and width of what models were shown.
        pixels: The hash of the pixels that models were shown, as the archive has it.
    """
    if not data.startswith(_PNG):
        return f"{CLIPS}/{path.name} is no PNG file"
    # A small file can unfold to many gigabytes of pixels: its size is read before it is opened.
    width, height = (int.from_bytes(data[at : at + 4]) for at in (16, 20))
    if (height, width) != size_px:
        found, shown = (" x ".join(map(str, some)) for some in ((height, width), size_px))
        return f"{CLIPS}/{path.name} is not what models were shown: it has {found} pixels, that {shown}"
    try:
        image = read_image(path)
    except VideoError as error:
        return f"{CLIPS}/{path.name}: {error.reason}"
    if _pixels(image) != pixels:
        return f"{CLIPS}/{path.name} is not what models were shown"
    if encode_png(image) != data:
        return (
            f"{CLIPS}/{path.name} has the pixels that models were shown, and is not written as `leaderboard add` does"
        )
    return ""


def _pixels(image: Image) -> str:
    return hashlib.sha256(image.tobytes()).hexdigest()
