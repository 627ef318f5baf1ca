"""Small videos and pictures for the page: embedded in it while they are few, else in a folder beside it."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Literal

from i2vbench.files import write_bytes
from i2vbench.storage.place import place_of
from i2vbench.video import VideoError, encode_png, encode_preview, probe, read_image, read_video, resize_and_crop

EMBED_BYTES = 12 * 2**20
"""Up to this many bytes of previews the page carries them itself."""

SHORT_SIDE = 256
"""Pixels; larger clips are shown at this size."""

MAX_FRAMES = 300
"""Longer videos (made elsewhere) are shown up to here."""

_THREADS = 2
_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Wanted:
    """One preview: what it is made of, and its address relative to the page."""

    address: str
    folder: Path
    source: str  # relative to `folder`, as the store names it
    kind: Literal["video", "picture"]


@dataclass(slots=True)
class Previews:
    """What was made: base64 by address if it is to be embedded; and the reason by address where there is none."""

    embedded: dict[str, str] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)


def make_previews(wanted: Mapping[str, Wanted], out: Path, embed_bytes: int = EMBED_BYTES) -> Previews:
    """Make every preview, a few at a time; memory holds at most `embed_bytes` of them.

    Args:
        wanted: By address.
        out: The page's folder; files go below it once the previews are too many to embed.
        embed_bytes: The limit.
    """
    previews = Previews()
    kept: dict[str, bytes] | None = {}
    for address, made in _make_all(list(wanted.values())):
        if isinstance(made, str):
            previews.reasons[address] = made
        elif kept is None:
            _write(out / address, made)
        else:
            kept[address] = made
            if sum(map(len, kept.values())) > embed_bytes:
                for name, data in kept.items():
                    _write(out / name, data)
                kept = None
    previews.embedded = {address: base64.b64encode(data).decode() for address, data in (kept or {}).items()}
    return previews


def preview_size(height: int, width: int, short_side: int = SHORT_SIDE) -> tuple[int, int]:
    """(height, width) with the shorter side at most `short_side`, the aspect kept."""
    scale = min(Fraction(1), Fraction(short_side, min(height, width)))
    return max(1, round(height * scale)), max(1, round(width * scale))


def _make_all(wanted: Sequence[Wanted]) -> Iterator[tuple[str, bytes | str]]:
    with ThreadPoolExecutor(_THREADS) as pool:
        # In small lots: a pool that is handed everything would keep what it has made until it is fetched.
        for start in range(0, len(wanted), _AT_ONCE):
            lot = wanted[start : start + _AT_ONCE]
            yield from zip((w.address for w in lot), pool.map(_make, lot), strict=True)


def _make(wanted: Wanted) -> bytes | str:
    """The preview's bytes, or why there is none."""
    if not (wanted.folder / wanted.source).resolve().is_relative_to(wanted.folder.resolve()):
        return "the store names a file outside of the run"
    try:
        with place_of(wanted.folder).read(wanted.source) as path:
            return _video(path) if wanted.kind == "video" else _picture(path)
    except VideoError as error:
        return f"{wanted.source}: {error.reason}"
    except OSError as error:  # of a place that is not reached
        return f"{wanted.source}: {error.strerror or error}"


def _video(path: Path) -> bytes:
    info = probe(path)
    size = preview_size(info.height, info.width)
    return encode_preview(read_video(path, range(min(info.num_frames, MAX_FRAMES)), size=size, info=info))


def _picture(path: Path) -> bytes:
    image = read_image(path)
    return encode_png(resize_and_crop(image[None], *preview_size(*image.shape[:2]))[0])


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, data)
