"""Groups of clips that show the same: equal to comparing all pairs, and found through what copies go through."""

import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from i2vbench.curation.duplicates import FLAT, alike, phashes
from tests.conftest import ROOT, moving_frames
from tests.curation.pictures import NAMES, compressed, real, resized

pytest.importorskip("imagehash")

Hashes = Mapping[str, Sequence[int]]


def by_all_pairs(hashes_by_id: Hashes, distance: int) -> list[list[str]]:
    ids = list(hashes_by_id)
    group = {name: {name} for name in ids}

    def close(ones: Sequence[int], others: Sequence[int]) -> bool:
        near = sum(
            one != FLAT and other != FLAT and (one ^ other).bit_count() <= distance
            for one, other in zip(ones, others, strict=True)
        )
        return 3 * near >= 2 * len(ones)

    for i, one in enumerate(ids):
        for other in ids[i + 1 :]:
            a, b = hashes_by_id[one], hashes_by_id[other]
            frames = len(a) // 2
            if close(a[:frames], b[:frames]) or close(a[:frames], b[frames:]) or close(a[frames:], b[:frames]):
                merged = group[one] | group[other]
                for name in merged:
                    group[name] = merged
    found = {frozenset(members) for members in group.values() if len(members) > 1}
    return sorted((sorted(members, key=ids.index) for members in found), key=lambda members: ids.index(members[0]))


@settings(max_examples=80, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    clips=st.integers(0, 60),
    frames=st.integers(1, 5),
    distance=st.integers(0, 20),
    most_flips=st.integers(0, 24),
)
def test_the_same_groups_as_by_all_pairs(seed: int, clips: int, frames: int, distance: int, most_flips: int) -> None:
    random = np.random.default_rng(seed)
    originals = random.integers(0, 2**64, (3, 2 * frames), np.uint64)
    hashes_by_id: dict[str, tuple[int, ...]] = {}
    for clip in range(clips):
        hashes = originals[random.integers(3)].copy()
        if random.random() < 0.4:
            hashes = np.roll(hashes, frames)  # the mirrored one
        for place in range(2 * frames):
            for bit in random.permutation(64)[: random.integers(most_flips + 1)]:
                hashes[place] ^= np.uint64(1) << np.uint64(bit)
        for place in range(frames):
            if random.random() < 0.2:  # what is flat is flat in the mirror, so it is made flat after all flips
                hashes[place] = hashes[place + frames] = FLAT
        hashes_by_id[f"clip-{clip}"] = tuple(map(int, hashes))
    assert alike(hashes_by_id, distance) == by_all_pairs(hashes_by_id, distance)


def test_the_order_of_clips_changes_only_the_order_of_groups() -> None:
    random = np.random.default_rng(5)
    table = random.integers(0, 2**64, (40, 6), np.uint64)
    table[20:] = table[:20] ^ np.uint64(3)
    hashes_by_id = {f"clip-{i}": tuple(map(int, row)) for i, row in enumerate(table)}
    shuffled = {name: hashes_by_id[name] for name in random.permutation(list(hashes_by_id)).tolist()}
    one, other = ({frozenset(group) for group in alike(given, 4)} for given in (hashes_by_id, shuffled))
    assert one == other
    assert len(one) == 20


@pytest.mark.parametrize("mirrored", [False, True])
def test_copies_are_found_and_other_clips_are_not(tmp_path: Path, mirrored: bool) -> None:
    hashes_by_id = {}
    for name in NAMES:
        frames = real(name)
        copy = np.ascontiguousarray(frames[:, :, ::-1]) if mirrored else frames
        hashes_by_id |= {
            name: phashes(frames),
            f"{name}-compressed": phashes(compressed(copy, tmp_path, 32)),
            f"{name}-small": phashes(resized(copy, 0.5, "bilinear")),
            f"{name}-bright": phashes(np.clip(copy * 1.2, 0, 255).astype(np.uint8)),
        }
    groups = alike(hashes_by_id, 8)
    assert [group[0] for group in groups] == list(NAMES)
    assert all(len(group) == 4 for group in groups)


def test_it_is_imagehash_that_hashes() -> None:
    import imagehash
    from PIL import Image

    frames = real("ocv_cup")
    expected = [int(str(imagehash.phash(Image.fromarray(frame))), 16) for frame in frames]
    assert list(phashes(frames)[:3]) == expected
    assert phashes(frames)[3:] == phashes(frames[:, :, ::-1])[:3]


@pytest.mark.parametrize("colour", [0, 128, 255])
def test_frames_without_shapes_are_like_no_others(colour: int) -> None:
    random = np.random.default_rng(0)
    noisy = np.clip(random.normal(colour, 8, (2, 3, 90, 120, 3)), 0, 255).astype(np.uint8)
    assert phashes(noisy[0]) == (FLAT,) * 6
    assert alike({"one": phashes(noisy[0]), "other": phashes(noisy[1]), "same": phashes(noisy[0])}, 63) == []


def test_one_flat_frame_of_three_does_not_count_for_or_against() -> None:
    a, b, c = (int(x) for x in np.random.default_rng(0).integers(0, 2**64, 3, np.uint64))
    mirror = tuple(int(x) for x in np.random.default_rng(1).integers(0, 2**64, 3, np.uint64))
    clips = {
        "whole": (a, b, c, *mirror),
        "fades in": (FLAT, b, c, FLAT, *mirror[1:]),
        "mostly black": (FLAT, FLAT, c, FLAT, FLAT, mirror[2]),
    }
    assert alike(clips, 4) == [["whole", "fades in"]]


def test_wrong_hashes_are_refused() -> None:
    with pytest.raises(ValueError, match="as many of each clip"):
        alike({"a": (1, 2), "b": (1, 2, 3, 4)}, 4)
    with pytest.raises(ValueError, match="expected two for each frame"):
        alike({"a": (1, 2, 3)}, 4)
    with pytest.raises(ValueError, match="expected 0 to 63 bits, got 64"):
        alike({}, 64)


SCALE = """
import resource
import numpy as np
from i2vbench.curation.duplicates import alike
table = np.random.default_rng(0).integers(0, 2**64, (20_000, 6), np.uint64)
table[10_000:] = table[:10_000] ^ np.uint64(0b1011 << 30)
hashes_by_id = {str(i): tuple(map(int, row)) for i, row in enumerate(table)}
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(len(alike(hashes_by_id, 4)), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_many_clips_take_little_memory() -> None:
    done = subprocess.run([sys.executable, "-c", SCALE], cwd=ROOT, capture_output=True, text=True, check=True)
    groups, kilobytes = map(int, done.stdout.split())
    assert groups == 10_000
    assert kilobytes < 150_000  # all pairs at once would be 400 MB as single bits' counts


def test_clips_by_the_thousand_of_one_picture_are_one_group() -> None:
    hashes = phashes(moving_frames(3, 64, 64))
    near = {f"clip-{i}": tuple(h ^ (i % 7) for h in hashes) for i in range(3000)}
    assert [len(group) for group in alike(near, 6)] == [3000]
