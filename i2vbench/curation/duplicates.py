"""Which clips of a set show the same: perceptual hashes of a few frames, and groups of clips whose hashes are close.

A hash is the 64 bits of ImageHash's `phash`: which of the 64 lowest frequencies of the picture, shrunk to 32 x 32 grey
pixels, are above their median. Of one picture compressed, scaled or brightened a few bits differ; of two pictures some
32. Mirrored copies are found too.

What fools it: the hash sees shapes of light, no colour and nothing small, so that two clips by one camera that stands
still are alike. The same footage from another start is not found, unless little moves; nor is a crop, or a copy with
bars, which must be cut away first: bars make all pictures alike. Frames without shapes have hashes of noise: they have
none here, and a clip of such frames is like no other.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations

import numpy as np
import numpy.typing as npt
from PIL import Image as PILImage

from i2vbench.types import Frames

FLAT = 0
"""In place of the hash of a frame without shapes; a real hash has 32 bits set."""

_LEAST_SPREAD = 4.0
"""Of 255: standard deviation of the shrunken picture, below which it is flat."""

_SIDE_PX = 32
"""What `phash` shrinks pictures to."""

_AT_ONCE = 2**21
"""Pairs that are compared together."""

Hashes = npt.NDArray[np.uint64]
Indices = npt.NDArray[np.int64]


def phashes(frames: Frames) -> tuple[int, ...]:
    """The 64-bit hashes of T frames, and then those of the same frames mirrored left-right: 2 T numbers.

    Args:
        frames: uint8 [T, H, W, 3].
    """
    return tuple(_phash(frame) for pictures in (frames, frames[:, :, ::-1]) for frame in pictures)


def _phash(frame: npt.NDArray[np.uint8]) -> int:
    import imagehash

    small = PILImage.fromarray(np.ascontiguousarray(frame)).convert("L")
    small = small.resize((_SIDE_PX, _SIDE_PX), PILImage.Resampling.LANCZOS)  # as phash does, which then finds it done
    if np.asarray(small).std() < _LEAST_SPREAD:
        return FLAT
    return int(str(imagehash.phash(small)), 16)


def alike(hashes_by_id: Mapping[str, Sequence[int]], distance: int) -> list[list[str]]:
    """The groups of clips that show the same, mirrored or not.

    Two clips are alike if two thirds of their frames are, rounded up, each with the one at the same place: 2 of 3. Two
    frames are if neither is flat and at most `distance` of their bits differ. A group holds whatever is alike to one
    of its members.

    Args:
        hashes_by_id: Of each clip, as `phashes` gives them; all of equally many frames.
        distance: Bits, from 0 to 63; see docs/curate.md for what others find.

    Returns:
        Groups of at least two, and the ids in them, in the order of the mapping.

    Raises:
        ValueError: Clips of different numbers of frames, or of none; a distance out of range.
    """
    if not 0 <= distance < 64:
        raise ValueError(f"distance: expected 0 to 63 bits, got {distance}")
    lengths = {len(hashes) for hashes in hashes_by_id.values()}
    if len(lengths) > 1 or any(length == 0 or length % 2 for length in lengths):
        raise ValueError(f"hashes: expected two for each frame, and as many of each clip, got {sorted(lengths)}")
    if not hashes_by_id:
        return []
    ids = list(hashes_by_id)
    table = np.array([list(hashes_by_id[name]) for name in ids], np.uint64)
    frames = table.shape[1] // 2
    # Equal clips would be candidates of each other by the square of their number: one stands for all.
    rows, row_of = np.unique(table, axis=0, return_inverse=True)
    parent = list(range(len(rows)))
    for one, other in _pairs(rows[:, :frames], rows[:, frames:], distance):
        _join(parent, one, other)
    groups: dict[int, list[str]] = defaultdict(list)
    counts = (rows[:, :frames] != FLAT).sum(axis=1) >= frames_needed(frames)
    for name, row in zip(ids, row_of.ravel().tolist(), strict=True):
        if counts[row]:
            groups[_root(parent, row)].append(name)
    return [group for group in groups.values() if len(group) > 1]


def _pairs(plain: Hashes, mirrored: Hashes, distance: int) -> Iterator[tuple[int, int]]:
    """All pairs of clips that are alike, and not the same one; some more than once.

    If so many frames are close, so is one of the first few. And of hashes that differ in `distance` bits, dealt out to
    some bands, one band differs in few: each is looked up among all bands that so few bits make of it.
    """
    frames = plain.shape[1]
    needed = frames_needed(frames)
    bands = max(3, distance // 3 + 1)
    for frame in range(frames - needed + 1):
        usable = np.flatnonzero(plain[:, frame] != FLAT)
        keys = _keys(plain[usable, frame], bands)
        for others in (plain, mirrored):
            other_usable = np.flatnonzero(others[:, frame] != FLAT)
            for key, other_key in zip(keys, _keys(others[other_usable, frame], bands), strict=True):
                for ones, twos in _near(key, other_key, -(-64 // bands), distance // bands):
                    one, two = usable[ones], other_usable[twos]
                    close = np.bitwise_count(plain[one, frame] ^ others[two, frame]) <= distance
                    one, two = one[close], two[close]
                    both = (one != two) & _are_alike(plain[one], others[two], distance)
                    yield from zip(one[both].tolist(), two[both].tolist(), strict=True)


def frames_needed(frames: int) -> int:
    """How many frames of two clips must be alike."""
    return -(-2 * frames // 3)


def _are_alike(ones: Hashes, others: Hashes, distance: int) -> npt.NDArray[np.bool_]:
    """Whether clips [n, T] are alike, one by one."""
    close = (np.bitwise_count(ones ^ others) <= distance) & (ones != FLAT) & (others != FLAT)
    enough: npt.NDArray[np.bool_] = close.sum(axis=1) >= frames_needed(ones.shape[1])
    return enough


def _keys(hashes: Hashes, bands: int) -> list[Indices]:
    """The bits of hashes [n], dealt out: neighbouring bits of one hash depend on each other."""
    bits = np.unpackbits(hashes.astype(">u8").view(np.uint8).reshape(-1, 8), axis=1)  # [n, 64]
    return [bits[:, band::bands] @ (1 << np.arange(len(range(band, 64, bands)))) for band in range(bands)]


def _near(keys: Indices, other_keys: Indices, width: int, bits: int) -> Iterator[tuple[Indices, Indices]]:
    """Positions of all pairs of keys that differ in at most so many bits, in parts of bounded size."""
    order = np.argsort(other_keys, kind="stable")
    starts = np.concatenate(([0], np.cumsum(np.bincount(other_keys, minlength=1 << width))))
    for count in range(bits + 1):
        for flipped in combinations(range(width), count):
            wanted = keys ^ sum(1 << bit for bit in flipped)
            begins, counts = starts[wanted], starts[wanted + 1] - starts[wanted]
            for ones, within in _repeated(counts):
                yield ones, order[begins[ones] + within]


def _repeated(counts: Indices) -> Iterator[tuple[Indices, Indices]]:
    """Each position as often as it counts, and which time it is, in parts of bounded size."""
    filled = np.flatnonzero(counts)
    ends = np.cumsum(counts[filled])
    begin, done = 0, 0
    while begin < len(filled):
        stop = max(begin + 1, int(np.searchsorted(ends, done + _AT_ONCE, "right")))
        part = counts[filled[begin:stop]]
        within = np.arange(part.sum()) - np.repeat(np.cumsum(part) - part, part)
        yield np.repeat(filled[begin:stop], part), within
        begin, done = stop, int(ends[stop - 1])


def _root(parent: list[int], item: int) -> int:
    while parent[item] != item:
        parent[item] = parent[parent[item]]
        item = parent[item]
    return item


def _join(parent: list[int], one: int, other: int) -> None:
    first, second = sorted((_root(parent, one), _root(parent, other)))
    parent[second] = first
